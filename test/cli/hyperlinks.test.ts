// On a terminal that has links, a place in the source leads to the file. `script` (util-linux) is the terminal.
import {spawnSync} from 'node:child_process'
import {cpSync, mkdtempSync, rmSync} from 'node:fs'
import {hostname, tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {fileUrl} from '../../src/commands/hyperlinks.ts'
import {runCommand} from '../support/run-command.ts'

const here = dirname(fileURLToPath(import.meta.url))
const entry = join(here, '../../bin/run.cjs')
const root = mkdtempSync(join(tmpdir(), 'hyperlinks-test-'))
test.after.always(() => rmSync(root, {recursive: true}))
cpSync(join(here, '../../fixtures/programs/cfault'), root, {recursive: true})

const {core, executable} = await openFixture('cfault-segv-go1.27')
const places = ['--source', '0', '--source-dir', `gotrace.example/cfault=${root}`]
const args = ['analyze', core, '-e', executable, '--brief', '--no-pager', '--color', 'always', '--quiet', ...places]
const ESCAPE = String.fromCharCode(0x1b)
/** The URL, then what is seen (OSC 8). */
const LINK = new RegExp(`${ESCAPE}]8;;([^${ESCAPE}]*)${ESCAPE}\\\\([^${ESCAPE}]*)${ESCAPE}]8;;${ESCAPE}\\\\`, 'g')

function onTerminal(words: readonly string[], more: Record<string, string>): string {
  const {FORCE_HYPERLINK: _, CI: __, PAGER: ___, ...environment} = process.env
  const command = [process.execPath, entry, ...words].map(word => `'${word}'`).join(' ')
  const {stdout} = spawnSync('script', ['-qec', command, '/dev/null'], {
    encoding: 'utf8',
    env: {...environment, TERM: 'xterm', ...more},
    timeout: 60_000,
    input: '',
  })
  return stdout.replaceAll('\r\n', '\n')
}

const plain = runCommand(args).stdout

test('a place in a source that is here leads to its line; all else is as it was', t => {
  const screen = onTerminal(args, {FORCE_HYPERLINK: '1'})
  t.is(screen.replaceAll(LINK, '$2'), plain)
  const links = [...screen.matchAll(LINK)].map(([, url, label]) => [label, url])
  const [name, file] = ['/_/gotrace.example/cfault/fault.c', join(root, 'fault.c')]
  t.deepEqual(
    links.filter(([label]) => label?.startsWith(name)),
    [27, 32, 39, 47].map(line => [`${name}:${line}`, `file://${hostname().toLowerCase()}${file}#${line}`]),
  )
  t.false(
    links.some(([label]) => label?.includes('cgo-gcc-prolog')),
    'no file is there',
  )
})

test('a terminal of which nothing tells that it has links gets none, nor does a pipe or a file', t => {
  t.is(onTerminal(args, {}), plain)
  t.is(onTerminal(args, {FORCE_HYPERLINK: '0', TERM: 'xterm-kitty'}), plain)
  t.is(runCommand(args, {env: {FORCE_HYPERLINK: '1', TERM: 'xterm-kitty'}}).stdout, plain)
})

test('with a sysroot the files of this machine are another machine’s', t => {
  const sysroot = [...args, '--sysroot', root].filter(word => !places.includes(word))
  t.notRegex(onTerminal(sysroot, {FORCE_HYPERLINK: '1'}), /\]8;;/)
})

test('a URL holds nothing that a terminal obeys', t => {
  const url = fileUrl('/tmp/a b/\u001b]8;;\u0007\u009cé#?%;.c', 3)
  t.regex(url, /^file:\/\/[\w.-]*\/tmp\/[!-~]*#3$/)
  t.is(decodeURIComponent(new URL(url).pathname), '/tmp/a b/\u001b]8;;\u0007\u009cé#?%;.c')
})
