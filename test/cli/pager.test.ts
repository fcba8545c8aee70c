// On a terminal a report goes through a pager, as git's output does. `script` (util-linux) is the terminal.
import {spawnSync} from 'node:child_process'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {pagerCommand} from '../../src/commands/pager.ts'
import {runCommand} from '../support/run-command.ts'

const entry = join(dirname(fileURLToPath(import.meta.url)), '../../bin/run.cjs')
const fixture = await openFixture('cfault-segv-go1.27')
const files = [fixture.core, '-e', fixture.executable, '--sysroot', fixture.sysroot, '--color', 'never']
const plain = runCommand(['analyze', ...files]).stdout

/** What a terminal shows, and what the command ended with. */
function onTerminal(pager: string | undefined, args: readonly string[] = []): {screen: string; exitCode: string} {
  const {PAGER: _, LESS: __, ...environment} = process.env
  const command = [process.execPath, entry, 'analyze', ...files, ...args].map(word => `'${word}'`).join(' ')
  const {stdout} = spawnSync('script', ['-qec', `${command}; echo "ended with $?"`, '/dev/null'], {
    encoding: 'utf8',
    env: {...environment, TERM: 'xterm', ...(pager === undefined ? {} : {PAGER: pager})},
    timeout: 60_000,
    input: '',
  })
  const [screen = '', exitCode = ''] = stdout.replaceAll('\r\n', '\n').split('ended with ')
  return {screen, exitCode: exitCode.trim()}
}

test('a report on a terminal is what the pager makes of it', t => {
  const {screen, exitCode} = onTerminal("sed 's/^/paged: /'")
  t.is(screen, plain.replaceAll(/^/gm, 'paged: ').replace(/paged: $/, ''))
  t.is(exitCode, '0')
})

test('whoever quits the pager has seen enough: no error, and the exit code of the report', t => {
  t.deepEqual(onTerminal('head -n 1'), {screen: `${plain.split('\n', 1)[0]}\n`, exitCode: '0'})
  t.deepEqual(onTerminal('true'), {screen: '', exitCode: '0'})
})

test('a pager that is missing or cannot be run costs nothing of the report', t => {
  for (const pager of ['no-such-pager --option', '/etc/passwd']) {
    const {screen, exitCode} = onTerminal(pager)
    t.true(screen.endsWith(plain), screen)
    t.is(exitCode, '0')
  }
})

test('an empty PAGER, cat and --no-pager mean none; JSON and files have none', t => {
  for (const pager of ['', ' ', 'cat']) t.deepEqual(onTerminal(pager), {screen: plain, exitCode: '0'})
  t.deepEqual(onTerminal('head -n 1', ['--no-pager']), {screen: plain, exitCode: '0'})
  t.deepEqual(onTerminal('head -n 1', ['-o', '/dev/null']), {screen: '', exitCode: '0'})
  t.is(JSON.parse(onTerminal('head -n 1', ['--json']).screen).schemaVersion, '1')
})

test('without PAGER it is less, on a terminal that can move its cursor', t => {
  t.is(pagerCommand({}), 'less')
  t.is(pagerCommand({TERM: 'dumb'}), undefined)
  t.is(pagerCommand({PAGER: 'more -s', TERM: 'xterm'}), 'more -s')
})
