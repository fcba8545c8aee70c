import {spawnSync} from 'node:child_process'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'

const bin = join(dirname(fileURLToPath(import.meta.url)), '../../bin/run.cjs')

function run(...args: string[]) {
  const environment = {...process.env, NO_COLOR: '1', DEBUGINFOD_URLS: ''}
  const {status, stdout, stderr} = spawnSync(process.execPath, [bin, ...args], {encoding: 'utf8', env: environment})
  return {status, stdout, stderr}
}

async function flagsOf(name: string): Promise<string[]> {
  const {core, executable, sysroot} = await openFixture(name)
  return [core, '--exe', executable, '--sysroot', sysroot]
}

test('threads, goroutines and info print a report and nothing else on standard output', async t => {
  const core = await flagsOf('cfault-segv-go1.27')
  const threads = run('threads', ...core, '--registers')
  t.is(threads.status, 0, threads.stderr)
  t.regex(threads.stdout, /^SIGSEGV: segmentation violation\n/)
  t.is(run('threads', ...core, '--thread', '999999').stdout.match(/^thread /gm), null)
  t.regex(run('goroutines', ...core, '--group').stdout, /^\d+ goroutines? \[/)
  t.regex(run('info', ...core).stdout, /^core +\S+/)
  for (const line of run('goroutines', ...core, '--ndjson')
    .stdout.trim()
    .split('\n'))
    t.notThrows(() => JSON.parse(line))
})

test('goroutines that nobody has leave standard output empty and say so', async t => {
  const {status, stdout, stderr} = run(
    'goroutines',
    ...(await flagsOf('cfault-segv-go1.27')),
    '--state',
    '^no such state$',
  )
  t.is(status, 0)
  t.is(stdout, '')
  t.regex(stderr, /none of \d+ goroutines matches/)
})

test('a condition that cannot be read is wrong usage', async t => {
  const core = await flagsOf('cfault-segv-go1.27')
  t.is(run('goroutines', ...core, '--state', '(').status, 2)
  t.is(run('goroutines', ...core, '--min-wait', 'soon').status, 2)
  t.is(run('goroutines', ...core, '--sort', 'colour').status, 2)
  t.is(run('threads').status, 2)
})

test('what is no core ends with 1 and a hint', t => {
  for (const command of ['threads', 'goroutines', 'info']) {
    const {status, stdout, stderr} = run(command, bin)
    t.is(status, 1)
    t.is(stdout, '')
    t.regex(stderr, /not a core/)
  }
})

test('--help names every flag of a command', t => {
  const {stdout} = run('goroutines', '--help')
  for (const flag of [
    'state',
    'function',
    'label',
    'min-wait',
    'sort',
    'group',
    'limit',
    'ndjson',
    'traceback',
    'json',
  ]) {
    t.true(stdout.includes(`--${flag}`), flag)
  }
  t.regex(run('threads', '--help').stdout, /--registers/)
})
