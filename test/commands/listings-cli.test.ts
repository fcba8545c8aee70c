import {spawnSync} from 'node:child_process'
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
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

test('the ending of the output names the format, a flag goes before it; what a command does not have is refused', async t => {
  const core = await flagsOf('cfault-segv-go1.27')
  const directory = mkdtempSync(join(tmpdir(), 'gotrace-formats-'))
  t.teardown(() => rmSync(directory, {recursive: true, force: true}))
  const written = (name: string, ...flags: string[]): string => {
    const path = join(directory, name)
    t.is(run('goroutines', ...core, '-o', path, ...flags).status, 0)
    return readFileSync(path, 'latin1')
  }
  const printed = (...flags: string[]): string => run('goroutines', ...core, '--quiet', ...flags).stdout
  t.is(written('a.json'), printed('--json').replaceAll(/[^\0-\x7f]/g, '?'))
  t.is(written('a.folded'), printed('--format', 'folded'))
  t.is(written('a.speedscope.json'), printed('--format', 'speedscope'))
  t.is(written('b.json', '--tree'), printed('--format', 'tree'))
  t.is(written('a.pb.gz').slice(0, 2), '\x1f\x8b')
  const {status, stderr} = run('analyze', ...core, '-o', join(directory, 'x.folded'))
  t.deepEqual(
    [status, stderr],
    [2, 'gotrace-core: analyze has no format folded\n  it has text, json, html, markdown\n'],
  )
  const other = run('analyze', ...core, '--format', 'folded')
  t.is(other.status, 2)
  t.regex(
    other.stderr,
    /--format=folded to be one of: text, json, html, markdown\n {2}see `gotrace-core analyze --help`/,
  )
})

test('one analysis is written in several formats: each as it is alone', async t => {
  const core = await flagsOf('blocked-gcore-go1.27')
  const directory = mkdtempSync(join(tmpdir(), 'gotrace-formats-'))
  t.teardown(() => rmSync(directory, {recursive: true, force: true}))
  const names = ['report.txt', 'report.json', 'report.md', 'report.html']
  const files = names.map(name => join(directory, name))
  const {status, stdout} = run('analyze', ...core, '--quiet', ...files.flatMap(file => ['-o', file]))
  t.deepEqual([status, stdout], [0, ''])
  for (const [index, format] of ['text', 'json', 'markdown', 'html'].entries()) {
    t.is(
      readFileSync(files[index] ?? '', 'utf8'),
      run('analyze', ...core, '--quiet', '--format', format).stdout,
      format,
    )
  }
  const twice = run('analyze', ...core, '-o', files[0] ?? '', '-o', files[0] ?? '')
  t.is(twice.status, 2)
  t.regex(twice.stderr, /report\.txt: two reports cannot go to one file\n/)
})

test('where one of several outputs cannot be written, it is told', async t => {
  const core = await flagsOf('cfault-segv-go1.27')
  const {status, stderr} = run('analyze', ...core, '-o', '/dev/full/x.json', '-o', '-')
  t.is(status, 2)
  t.regex(stderr, /^gotrace-core: \/dev\/full\/x\.json: /)
})
