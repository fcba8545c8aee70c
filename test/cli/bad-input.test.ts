import {copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import type {FailureReport} from '../../src/report/core-report.ts'
import {complaint} from '../support/documents.ts'
import {type RunResult, runCommand, runShell} from '../support/run-command.ts'

const fixture = await openFixture('cfault-segv-go1.27')
const other = await openFixture('gopanic-nil-go1.24')
const directory = mkdtempSync(join(tmpdir(), 'gotrace-cli-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

const E_MACHINE = 18
const EI_CLASS = 4
const EM_AARCH64 = 183

/** A copy of the fixture's core with one byte changed. */
function patched(name: string, offset: number, value: number): string {
  const path = join(directory, name)
  const bytes = readFileSync(fixture.core)
  bytes[offset] = value
  writeFileSync(path, bytes)
  return path
}

/** A core in a directory of its own that names files which are nowhere on this machine. */
function lonely(): string {
  const path = join(directory, 'alone', 'core')
  mkdirSync(join(directory, 'alone'), {recursive: true})
  const text = readFileSync(fixture.core, 'latin1')
  const elsewhere = text
    .replaceAll('/tmp/gotrace-lab/', '/tmp/gotrace-LAB/')
    .replaceAll('/lib/x86_64-linux-gnu/', '/lib/x86_64-linux-gnX/')
  writeFileSync(path, elsewhere, 'latin1')
  return path
}

const files = ['-e', fixture.executable, '--sysroot', fixture.sysroot]
const plainText = join(directory, 'notes.txt')
writeFileSync(plainText, 'hello\n')
const empty = join(directory, 'empty')
writeFileSync(empty, '')
const alone = lonely()
const truncated = join(directory, 'cut')

/** Stack traces, uncaught errors and the like: what must never reach a user. */
const OURS = /\n\s+at |TypeError|RangeError|ERR_|undefined|\[object|main\.cjs|this is a bug of/

interface Refusal {
  title: string
  args: readonly string[]
  exitCode: number
  first: RegExp
  advice: RegExp
}

const refusals: readonly Refusal[] = [
  {
    title: 'a core that is not there',
    args: ['analyze', join(directory, 'nope')],
    exitCode: 1,
    first: /nope: no such file$/,
    advice: /check the path/,
  },
  {
    title: 'a text file',
    args: ['analyze', plainText],
    exitCode: 1,
    first: /notes\.txt: not a core \(not an ELF file\)$/,
    advice: /name a core file/,
  },
  {
    title: 'an empty file',
    args: ['analyze', empty],
    exitCode: 1,
    first: /empty: the file is empty$/,
    advice: /disk space/,
  },
  {
    title: 'a directory',
    args: ['analyze', directory],
    exitCode: 1,
    first: /not a regular file$/,
    advice: /name a file/,
  },
  {
    title: 'an executable given as a core',
    args: ['analyze', fixture.executable],
    exitCode: 1,
    first: /not a core but an executable/,
    advice: /--exe/,
  },
  {
    title: 'a core of an ARM machine',
    args: ['analyze', patched('arm', E_MACHINE, EM_AARCH64)],
    exitCode: 1,
    first: /made on AArch64; only x86-64 is handled$/,
    advice: /tool for that machine/,
  },
  {
    title: 'a 32-bit core',
    args: ['analyze', patched('narrow', EI_CLASS, 1)],
    exitCode: 1,
    first: /a 32-bit ELF file; only 64-bit x86-64 is handled$/,
    advice: /tool for that machine/,
  },
  {
    title: 'a program that is not there',
    args: ['analyze', fixture.core, '-e', join(directory, 'nope')],
    exitCode: 1,
    first: /nope: no such file$/,
    advice: /--exe FILE/,
  },
  {
    title: 'a program that is none',
    args: ['analyze', fixture.core, '-e', plainText],
    exitCode: 1,
    first: /notes\.txt: not an ELF file$/,
    advice: /--exe FILE/,
  },
  {
    title: 'an output that cannot be written',
    args: ['analyze', fixture.core, ...files, '-o', join(directory, 'no', 'such', 'file')],
    exitCode: 2,
    first: /file: .*no such file or directory/,
    advice: /--output/,
  },
  {
    title: 'a command that does not exist',
    args: ['autopsy', fixture.core],
    exitCode: 2,
    first: /autopsy: no such command, and no such file$/,
    advice: /--help/,
  },
  {
    title: 'a flag that does not exist',
    args: ['analyze', fixture.core, '--fast'],
    exitCode: 2,
    first: /--fast: no such flag$/,
    advice: /^ *see `gotrace-core analyze --help`$/,
  },
  {
    title: 'a slip in a flag',
    args: ['threads', fixture.core, '--registrs'],
    exitCode: 2,
    first: /--registrs: no such flag$/,
    advice: /did you mean --registers\? See `gotrace-core threads --help`$/,
  },
  {
    title: 'a core without a name',
    args: ['info', ''],
    exitCode: 2,
    first: /the name of a file is empty$/,
    advice: /name a file$/,
  },
  {
    title: 'a level of detail that does not exist',
    args: ['analyze', fixture.core, '--traceback', 'loud'],
    exitCode: 2,
    first: /--traceback=loud to be one of: none, single, all, system, crash$/,
    advice: /--help/,
  },
  {
    title: 'a number that is none',
    args: ['analyze', fixture.core, '--timeout', 'soon'],
    exitCode: 2,
    first: /--timeout.*soon$/,
    advice: /--help/,
  },
  {title: 'no core at all', args: ['analyze'], exitCode: 2, first: /Missing 1 required arg/, advice: /--help/},
  {
    title: 'two cores',
    args: ['analyze', fixture.core, fixture.core],
    exitCode: 2,
    first: /Unexpected argument/,
    advice: /--help/,
  },
]

for (const {title, args, exitCode, first, advice: wanted} of refusals) {
  test(`${title} is refused in one line, with what to do in the next`, t => {
    const result = runCommand(args)
    t.is(result.stdout, '')
    const [what = '', advice = '', ...rest] = result.stderr.trimEnd().split('\n')
    t.regex(what, /^gotrace-core: /)
    t.regex(what, first)
    t.regex(advice, wanted)
    t.deepEqual(rest, [])
    t.notRegex(result.stderr, OURS)
    t.is(result.exitCode, exitCode)
  })
}

for (const {title, args, exitCode, first, advice} of refusals) {
  test(`${title}: with --json the refusal is a line of JSON too`, t => {
    const {stdout, stderr, exitCode: ended} = runCommand([...args, '--json'])
    const {error} = JSON.parse(stdout) as {error: FailureReport}
    t.is(stdout, `${JSON.stringify({error})}\n`)
    t.is(complaint('error', {error}), '')
    t.regex(`gotrace-core: ${error.message}`, first)
    t.regex(error.hint ?? '', advice)
    t.is(stderr, `gotrace-core: ${error.message}\n  ${error.hint}\n`)
    t.is(ended, exitCode)
  })
}

test('standard output on a full disk is told on standard error, with --json and without', t => {
  for (const args of [`${fixture.core} ${files.join(' ')}`, `${fixture.core} ${files.join(' ')} --json`]) {
    const {stdout, stderr} = runShell(`$RUN analyze ${args} >/dev/full; echo $?`)
    t.is(stdout, '2\n')
    t.regex(stderr, /^gotrace-core: standard output: .*no space left/)
    t.notRegex(stderr, OURS)
  }
  t.is(runShell(`$RUN analyze ${plainText} --json >/dev/full; echo $?`).stdout, '1\n')
})

function checkReport(t: import('ava').ExecutionContext, result: RunResult, ...shown: readonly RegExp[]): void {
  t.is(result.exitCode, 0)
  t.notRegex(result.stderr, OURS)
  for (const pattern of shown) t.regex(result.stdout, pattern)
}

test('a core without its program is still a report, which names what is missing', t => {
  const result = runCommand(['analyze', alone])
  checkReport(
    t,
    result,
    /^SIGSEGV: segmentation violation\nPC=0x48600f .*addr=0x8/m,
    /cfault\+0x8600f .*pc=0x48600f/,
    /^goroutine 1 \[chan receive\]:$/m,
  )
  t.regex(result.stderr, /error: the program was not found: \/tmp\/gotrace-LAB\S+ \(build ID [0-9a-f]{40}\)/)
  t.regex(result.stderr, /--exe cfault/)
  t.regex(result.stderr, /warning: a library was not found: \S+libc\.so\.6/)
})

test('without the libraries the fault is still found behind the handler of the runtime', t => {
  const result = runCommand(['analyze', alone, '-e', fixture.executable])
  checkReport(t, result, /^SIGSEGV: segmentation violation\nPC=0x48600f m=0 sigcode=1 addr=0x8\n/m, /\nstore_value\n/)
  t.regex(result.stderr, /library was not found/)
  t.notRegex(result.stderr, /program was not found/)
})

test('another build of the program is not used, and said to be another one', t => {
  const result = runCommand(['analyze', alone, '-e', other.executable])
  checkReport(t, result, /^SIGSEGV/m)
  t.regex(result.stderr, /is not the program that crashed: its build ID is [0-9a-f]{40}, the core has [0-9a-f]{40}/)
  const report = JSON.parse(runCommand(['analyze', alone, '-e', other.executable, '--json']).stdout)
  const program = report.modules.find((module: {path: string}) => module.path.endsWith('/cfault'))
  t.regex(program.mismatch, /^[0-9a-f]{40}$/)
  t.is(program.found === null || program.found === 'memory', true)
})

test('a core cut anywhere is a report of what is left, or a refusal', t => {
  copyFileSync(fixture.core, truncated)
  for (const size of [
    60_000_000, 20_000_000, 5_000_000, 1_000_000, 100_000, 20_000, 6000, 4096, 2000, 700, 100, 64, 10,
  ]) {
    truncateSync(truncated, size)
    const result = runCommand(['analyze', truncated, ...files])
    t.true(result.exitCode === 0 || result.exitCode === 1, `${size} bytes: exit ${result.exitCode}\n${result.stderr}`)
    t.notRegex(result.stderr, OURS, `${size} bytes`)
    t.regex(result.stderr, /cut short|not a core/, `${size} bytes`)
    if (result.exitCode === 1) t.is(result.stdout, '', `${size} bytes`)
    if (size >= 4096) t.regex(result.stdout, /^SIG[A-Z]+: /m, `${size} bytes`)
  }
})

test('--strict ends with 3 where something is missing, with 0 where nothing is', t => {
  const incomplete = runCommand(['analyze', alone, '--strict'])
  t.is(incomplete.exitCode, 3)
  t.regex(incomplete.stdout, /^SIGSEGV/m)
  t.is(runCommand(['analyze', fixture.core, ...files, '--strict']).exitCode, 0)
})

test('--output takes the report, standard output stays empty', t => {
  const path = join(directory, 'report.txt')
  const result = runCommand(['analyze', fixture.core, ...files, '-o', path])
  t.deepEqual([result.exitCode, result.stdout, result.stderr], [0, '', ''])
  t.is(readFileSync(path, 'utf8'), runCommand(['analyze', fixture.core, ...files]).stdout)
})

test('--quiet leaves standard error empty', t => {
  const result = runCommand(['analyze', alone, '--quiet'])
  t.is(result.stderr, '')
  t.is(result.exitCode, 0)
})

test('a reader that has seen enough ends the program in peace', t => {
  const result = runShell(
    `$RUN analyze ${fixture.core} --quiet --traceback crash ${files.join(' ')} | head -1; echo "\${PIPESTATUS[0]}"`,
  )
  t.is(result.stdout, 'SIGSEGV: segmentation violation\n0\n')
  t.is(result.stderr, '')
})

const COLOURED = new RegExp(String.fromCharCode(27))

test('text is coloured when asked for, and never by itself in a pipe', t => {
  const run = (args: readonly string[], env: Record<string, string> = {}): string => {
    const result = runCommand(['analyze', fixture.core, ...files, ...args], {env})
    t.is(result.exitCode, 0)
    t.is(result.stderr, '')
    return result.stdout
  }
  t.notRegex(run([]), COLOURED)
  t.regex(run(['--color', 'always']), COLOURED)
  t.regex(run([], {FORCE_COLOR: '1'}), COLOURED)
  t.notRegex(run(['--color', 'never'], {FORCE_COLOR: '1'}), COLOURED)
  t.regex(run(['--color', 'always'], {NO_COLOR: '1'}), COLOURED)
  t.notRegex(run([], {NO_COLOR: '1'}), COLOURED)
  t.notRegex(run([], {FORCE_COLOR: '0'}), COLOURED)
  t.notRegex(run(['--json', '--color', 'always']), COLOURED)
})

test('--goroutine shows the one that is asked for, and says so where there is none', t => {
  const first = runCommand(['analyze', fixture.core, ...files, '--goroutine', '1'])
  checkReport(t, first, /^goroutine 1 /m)
  t.notRegex(first.stdout, /^goroutine (?!1 )/m)
  const none = runCommand(['analyze', fixture.core, ...files, '--goroutine', '98765'])
  t.is(none.exitCode, 0)
  t.regex(none.stderr, /no goroutine 98765/)
})

test('damaged archives are refused, whole ones are read', t => {
  const bytes = readFileSync(fixture.compressedCore)
  t.is(runCommand(['analyze', fixture.compressedCore, ...files]).exitCode, 0)
  const cut = join(directory, 'cut.zst')
  writeFileSync(cut, bytes.subarray(0, 100))
  const result = runCommand(['analyze', cut, ...files])
  t.true(result.exitCode === 0 || result.exitCode === 1)
  t.notRegex(result.stderr, OURS)
  t.not(result.stderr, '')
  const broken = join(directory, 'broken.zst')
  const flipped = Uint8Array.from(bytes)
  for (let at = 20; at < flipped.length; at += 997) flipped[at] = (flipped[at] as number) ^ 0xff
  writeFileSync(broken, flipped)
  const damaged = runCommand(['analyze', broken, ...files])
  t.true(damaged.exitCode === 0 || damaged.exitCode === 1)
  t.notRegex(damaged.stderr, OURS)
  t.not(damaged.stderr, '')
})
