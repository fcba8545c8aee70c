import {cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {runCommand} from '../support/run-command.ts'

const programs = join(dirname(fileURLToPath(import.meta.url)), '../../fixtures/programs')
const root = mkdtempSync(join(tmpdir(), 'source-cli-test-'))
const cfault = join(root, 'cfault')
cpSync(join(programs, 'cfault'), cfault, {recursive: true})
utimesSync(join(cfault, 'fault.c'), new Date(), new Date(Date.now() + 3_600_000))
utimesSync(join(cfault, 'main.go'), new Date(), new Date('2001-01-01'))
test.after.always(() => rmSync(root, {recursive: true}))

/** Lines of a file, by their numbers. */
function linesOf(name: string, first: number, last: number): string[] {
  return readFileSync(join(cfault, name), 'utf8')
    .split('\n')
    .slice(first - 1, last)
}

test('the lines of C and Go stand below their frames, and in JSON beside them', async t => {
  const {core, sysroot} = await openFixture('cfault-segv-go1.27')
  const args = ['analyze', core, '--sysroot', sysroot, '--brief', '--source-dir', `gotrace.example/cfault=${cfault}`]
  const text = runCommand([...args, '--source', '1'])
  t.is(text.exitCode, 0, text.stderr)
  const [before = '', at = '', behind = ''] = linesOf('fault.c', 26, 28).map(line => line.replaceAll('\t', '    '))
  const file = join(cfault, 'fault.c')
  const note = '(from FILE, newer than the program: the lines may be others)'.replace('FILE', file)
  t.true(
    text.stdout.includes(
      `store_value\n\t/_/gotrace.example/cfault/fault.c:27 pc=0x48600f\n\t${note}\n\t   26: ${before}\n\t=> 27: ${at}\n\t   28: ${behind}\n`,
    ),
    text.stdout,
  )
  t.is(text.stdout.split(note).length, 2, 'what is to be known of a file is said once')
  t.is(text.stdout.match(/^\t=> /gm)?.length, 7)
  const json = JSON.parse(runCommand([...args, '--source', '1', '--json']).stdout)
  const {frames} = json.goroutines[0]
  const place = {origin: 'source-dir'}
  t.deepEqual(frames[0].source, {...place, state: 'newer', file, start: 26, lines: linesOf('fault.c', 26, 28)})
  const go = frames.find((frame: {function: string}) => frame.function === 'main.(*server).dispatch')
  t.deepEqual(go.source, {
    ...place,
    state: 'found',
    file: join(cfault, 'main.go'),
    start: 36,
    lines: linesOf('main.go', 36, 38),
  })
  t.false('source' in frames.find((frame: {function: string}) => frame.function === 'runtime.cgocall'))
})

test('without the flag no frame has lines, and what is not found is told of with a cure', async t => {
  const {core, sysroot} = await openFixture('cfault-segv-go1.27')
  const args = ['analyze', core, '--sysroot', sysroot, '--brief', '--json']
  const without = runCommand(args).stdout
  t.false(without.includes('"source"'))
  const {goroutines, diagnostics} = JSON.parse(runCommand([...args, '--source']).stdout)
  const nothing = {state: 'not-found', file: null, origin: null, start: null, lines: []}
  t.deepEqual(goroutines[0].frames[0].source, nothing)
  const {message, hint, severity} = diagnostics.find(({code}: {code: string}) => code === 'source-not-found')
  t.deepEqual(
    {message, hint, severity},
    {
      message: 'no source: /_/gotrace.example/cfault/fault.c:27',
      hint: 'name the folder that has it now: --source-dir gotrace.example/cfault=DIR',
      severity: 'info',
    },
  )
})

test('no line of a source forges one of the report', async t => {
  const {core, sysroot} = await openFixture('cfault-segv-go1.27')
  const hostile = '\u001b[2Jx\rgoroutine 1 [running]:\u2028'
  const folder = join(root, 'hostile')
  mkdirSync(folder)
  writeFileSync(join(folder, 'fault.c'), `${hostile}\n`.repeat(100))
  const args = ['analyze', core, '--sysroot', sysroot, '--brief', '--source', '0', '--source-dir', folder]
  const {stdout} = runCommand(args)
  t.true(stdout.includes('\t=> 27: \\x1b[2Jx\\x0dgoroutine 1 [running]:\\u2028\n'), stdout)
  const page = join(root, 'page.html')
  runCommand([...args, '-o', page])
  t.true(readFileSync(page, 'utf8').includes('\\x1b[2Jx'))
})

test('a folder that is none ends the command with what to do', async t => {
  const {core} = await openFixture('cfault-segv-go1.27')
  const missing = runCommand(['analyze', core, '--source', '--source-dir', '/build=/missing'])
  t.is(missing.exitCode, 1)
  t.regex(missing.stderr, /\/missing: no such file/)
  const alone = runCommand(['analyze', core, '--source-dir', root])
  t.is(alone.exitCode, 2)
  t.regex(alone.stderr, /--source/)
})

test('threads shows the lines of the thread that crashed, or of those that are asked for', async t => {
  const {core, sysroot} = await openFixture('cfault-segv-go1.27')
  const args = ['threads', core, '--sysroot', sysroot, '--source', '0', '--source-dir', cfault]
  const {stdout, exitCode, stderr} = runCommand(args)
  t.is(exitCode, 0, stderr)
  const [at = ''] = linesOf('fault.c', 27, 27).map(line => line.replaceAll('\t', '    '))
  t.true(stdout.includes(`\t=> 27: ${at}\n`), stdout)
  const {threads} = JSON.parse(runCommand([...args, '--json']).stdout)
  t.true(threads[0].frames.some((frame: {source?: {state: string}}) => frame.source?.state === 'newer'))
  t.false(JSON.stringify(threads.slice(1)).includes('"source"'))
})
