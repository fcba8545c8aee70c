// The summary of real crashes: what died and why, where, who, and what a process that stood still waited for.
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import test from 'ava'
import {fixtureNames, openFixture} from '../../lab/fixtures.ts'
import {describeCrash} from '../../src/analysis/death-sentence.ts'
import {findOwnFrame} from '../../src/analysis/frames/first-party.ts'
import {findGreatestLoss} from '../../src/analysis/summary.ts'
import type {Diagnostic} from '../../src/base/diagnostics.ts'
import type {CrashReport, FrameReport, SummaryReport} from '../../src/report/core-report.ts'
import {runCommand} from '../support/run-command.ts'

async function summaryOf(name: string): Promise<SummaryReport> {
  const {core, executable, sysroot} = await openFixture(name)
  return JSON.parse(runCommand(['analyze', core, '-e', executable, '--sysroot', sysroot, '--json']).stdout).summary
}

/** `poke fault.c:27` of each place. */
function places({where}: SummaryReport): string[] {
  return where.map(place => `${place.kind} ${place.function} ${place.file?.replace(/.*\//, '')}:${place.line}`)
}

test('a fault in C: the instruction, what its address is, and both places', async t => {
  const summary = await summaryOf('cfault-segv-go1.27')
  t.is(summary.what, 'SIGSEGV in C: mov %eax,(%rdx,%rcx,4): null plus 0x8')
  t.deepEqual(places(summary), ['c store_value fault.c:27', 'go main.(*server).dispatch main.go:37'])
  t.deepEqual(
    [summary.who.goroutine, summary.who.thread, summary.who.goroutines, summary.who.inC, summary.who.threads],
    [20, 23560, 2, 1, 5],
  )
  t.deepEqual([summary.waits, summary.missing], [[], null])
})

test('without the program what the runtime said is told, and nothing that only frames would prove', async t => {
  const empty = mkdtempSync(join(tmpdir(), 'gotrace-empty-'))
  t.teardown(() => rmSync(empty, {recursive: true}))
  for (const name of ['cfault-segv-go1.27', 'cfault-segv-go1.24']) {
    const {core} = await openFixture(name)
    const hidden = [core, '--sysroot', empty, '--quiet']
    const {stdout} = runCommand(['analyze', ...hidden])
    t.regex(stdout, /^cfault died: SIGSEGV in C \(SEGV_MAPERR\)\n/)
    t.notRegex(stdout, /library/)
    const {summary, crash, goroutines} = JSON.parse(runCommand(['analyze', ...hidden, '--json']).stdout)
    const [fault] = goroutines[0].frames
    t.deepEqual(summary.where[0], {
      kind: 'c',
      function: null,
      file: null,
      line: null,
      module: fault.module,
      moduleOffset: fault.moduleOffset,
      firstParty: false,
      goroutine: crash.goroutine,
      guessed: false,
    })
    t.deepEqual([fault.kind, fault.pc], ['unknown', crash.pc])
    const {go} = JSON.parse(runCommand(['info', ...hidden, '--json']).stdout)
    t.regex(go.version, /^go1\.2[47]/)
    t.true(runCommand(['info', ...hidden]).stdout.includes(`\ngo            ${go.version}, symbols: none\n`))
  }
})

test('without the program and a name of its release a Go runtime that was read is none that is not there', async t => {
  const empty = mkdtempSync(join(tmpdir(), 'gotrace-empty-'))
  t.teardown(() => rmSync(empty, {recursive: true}))
  const {core} = await openFixture('blocked-panic-go1.15')
  const {stdout} = runCommand(['info', core, '--sysroot', empty, '--quiet'])
  t.true(stdout.includes('\ngo            unknown release, symbols: none\n'))
})

test('without the program no command is complete, and stacks are counted alike', async t => {
  const empty = mkdtempSync(join(tmpdir(), 'gotrace-empty-'))
  t.teardown(() => rmSync(empty, {recursive: true}))
  const {core} = await openFixture('cfault-segv-go1.27')
  const untold: string[] = []
  for (const command of ['analyze', 'goroutines', 'threads', 'cgo', 'info']) {
    const {stderr, exitCode} = runCommand([command, core, '--sysroot', empty, '--strict'])
    t.is(exitCode, 3, command)
    untold.push(/\d+ of \d+ (?:stacks|modules) were not [^;\n]*/.exec(stderr)?.[0] ?? command)
  }
  const stacks = (count: number) => `${count} of ${count} stacks were not walked to their end with every Go frame named`
  t.deepEqual(untold, [stacks(4), stacks(4), stacks(5), 'cgo', '3 of 4 modules were not found'])
})

test("C's last words are the reason, and who asked for the end is the place", async t => {
  const thrown = await summaryOf('cxx-throw-go1.27')
  t.regex(thrown.what, /^SIGABRT in C: uncaught std::runtime_error: no such tree: elm, in forest::check\(/)
  t.regex(places(thrown)[0] ?? '', /^c forest::check\(.* tree\.cc:44$/)
  const asserted = await summaryOf('cfault-abort-go1.27')
  t.regex(asserted.what, /^SIGABRT in C: cfault: fault\.c:57: check_record: Assertion `.*' failed\.$/)
  t.deepEqual(places(asserted), ['c check_record fault.c:57', 'go main.(*server).dispatch main.go:41'])
})

test('a panic: its text, with the address of a nil dereference', async t => {
  t.is((await summaryOf('blocked-panic-go1.27')).what, 'panic: blocked: asked to')
  const nil = await summaryOf('gopanic-nil-go1.27')
  t.is(nil.what, 'panic: runtime error: invalid memory address or nil pointer dereference: mov (%rax),%rax: null')
})

test('a living process is told as such, with what it waits for', async t => {
  const summary = await summaryOf('blocked-gcore-go1.27')
  t.regex(summary.what, /^not crashed/)
  t.deepEqual(places(summary), ['go main.crash main.go:200'])
  t.is(summary.where[0]?.goroutine, 1)
  t.is(summary.waits[0], 'goroutine 1 waits: chan receive 0xfbc4f302070')
  t.regex(summary.waits[1] ?? '', /^24 goroutines: 8 chan receive, 3 syscall, /)
  t.deepEqual(summary.signature, {exact: null, family: null})
})

test('a kill from outside tells who sent it; all goroutines asleep tell what main waited for', async t => {
  const quit = await summaryOf('blocked-quit-go1.25-nosymbols')
  t.is(quit.what, 'SIGQUIT, sent from outside by process 13440 (SI_USER)')
  t.regex(quit.waits[0] ?? '', /^goroutine 1 waits: chan receive 0x/)
  const asleep = await summaryOf('deadlock-main-go1.23-nocgo')
  t.is(asleep.what, 'fatal error: all goroutines are asleep - deadlock!')
  t.deepEqual(places(asleep), ['go main.wait main.go:12'])
})

test('locks and their owners stand in the text of analyze, threads and goroutines, quiet or in a file', async t => {
  const {core, executable, sysroot} = await openFixture('stuck-cross-go1.27')
  for (const command of ['analyze', 'threads', 'goroutines']) {
    const args = [command, core, '-e', executable, '--sysroot', sysroot, '--quiet']
    const {stdout} = runCommand(args)
    t.regex(stdout, /^pthread mutex 0x567680: held by thread 12306.*; 1 waits for it: thread 12311/m, command)
    t.regex(stdout, /a deadlock, if that is goroutine 20$/m, command)
    const file = join(mkdtempSync(join(tmpdir(), 'gotrace-summary-')), 'report.txt')
    runCommand([...args, '-o', file])
    t.is(readFileSync(file, 'utf8'), stdout)
    rmSync(dirname(file), {recursive: true})
  }
})

test('--brief is the summary and the goroutine that crashed; --traceback is the text of Go alone', async t => {
  const {core, executable, sysroot} = await openFixture('blocked-panic-go1.27')
  const args = ['analyze', core, '-e', executable, '--sysroot', sysroot, '--quiet']
  const brief = runCommand([...args, '--brief']).stdout
  const whole = runCommand(args).stdout
  t.true(whole.startsWith(brief.trimEnd()), brief)
  t.deepEqual(brief.match(/^goroutine \d+ /gm), ['goroutine 1 '])
  const go = runCommand([...args, '--traceback', 'all']).stdout
  t.true(go.startsWith('panic: blocked: asked to\n'), go)
  t.false(go.includes('sync.Mutex 0x'))
})

test('every committed crash has a summary of at most a dozen lines of 80 columns', async t => {
  for (const name of fixtureNames(/^(stuck-mutexes|callback-deep|busy-all-fault|hooks-fault|query-fault)-go1\.27$/)) {
    const {core, executable, sysroot} = await openFixture(name)
    const {stdout} = runCommand(['analyze', core, '-e', executable, '--sysroot', sysroot, '--brief', '--quiet'])
    const lines = stdout.slice(0, stdout.indexOf('\n\n')).split('\n')
    t.true(lines.length <= 12, stdout)
    t.deepEqual(
      lines.filter(line => line.length > 80),
      [],
      name,
    )
  }
})

const crash: CrashReport = {
  kind: 'signal',
  signal: 'SIGSEGV',
  signalNumber: 11,
  code: 1,
  codeName: 'SEGV_MAPERR',
  faultAddress: '0x10',
  senderPid: null,
  pc: '0x400000',
  message: null,
  thread: 7,
  image: null,
  m: null,
  goroutine: null,
  duringCgo: false,
  header: [],
  runtimeStack: [],
  registers: null,
  instruction: null,
  cause: null,
}

test('one sentence for each kind of death', t => {
  const tell = (changes: Partial<CrashReport>): string => describeCrash({...crash, ...changes}, {pid: 4, language: 'c'})
  t.is(tell({}), 'SIGSEGV in C (SEGV_MAPERR)')
  t.is(
    tell({code: -6, codeName: 'SI_TKILL', signal: 'SIGABRT', senderPid: 4}),
    'SIGABRT in C, raised by the process itself',
  )
  t.is(tell({code: 0, codeName: 'SI_USER', signal: 'SIGTERM'}), 'SIGTERM, sent to the process (SI_USER)')
  t.is(
    tell({code: 0, codeName: 'SI_USER', senderPid: 0}),
    'SIGSEGV, sent from outside by a process that it cannot see (SI_USER)',
  )
  t.is(tell({kind: 'panic', message: 'one\ntwo'}), 'panic: one …')
  t.is(tell({kind: 'fatal', message: 'concurrent map writes'}), 'fatal error: concurrent map writes')
  t.is(
    tell({kind: 'fatal', message: 'stack overflow', header: ['runtime: goroutine stack exceeds 1000-byte limit']}),
    'fatal error: stack overflow: goroutine stack exceeds 1000-byte limit',
  )
  const stack = {text: 'push %rbp', bytes: '55', operand: '(%rsp)', operandAddress: '0x7ff8'}
  const kind = 'guard page of the stack of thread 7: stack overflow'
  t.is(tell({instruction: {...stack, addressKind: kind}}), `SIGSEGV in C: push %rbp at 0x7ff8: ${kind}`)
})

const frame: FrameReport = {
  kind: 'go',
  function: null,
  file: null,
  line: null,
  column: null,
  pc: '0x1',
  entry: null,
  offset: null,
  sp: null,
  fp: null,
  args: null,
  inlined: false,
  module: null,
  moduleOffset: null,
  language: null,
  foundBy: 'cfi',
}

test('a frame of the program is preferred to the standard library, that to the runtime', t => {
  const program = {
    executable: '/usr/lib/app/app',
    go: {main: 'app', modules: [{path: 'example.com/dep', version: null, sum: null}]},
    isRuntimeCode: (pc: number) => pc === 0x1000,
  }
  const topGo = (...names: (string | null)[]) =>
    findOwnFrame(
      names.map(name => ({...frame, function: name})),
      'go',
      program,
    )?.frame.function
  t.is(topGo('runtime.gopark', 'net/http.(*conn).serve', 'app/store.(*DB).Get', 'main.main'), 'app/store.(*DB).Get')
  t.is(
    topGo('runtime.gopark', 'slices.SortFunc[go.shape.[]example.com/x.T]', 'example.com/dep.F[int]'),
    'example.com/dep.F[int]',
  )
  t.is(topGo('runtime.gopark', 'vendor/golang.org/x/net/idna.x', 'runtime.main'), 'vendor/golang.org/x/net/idna.x')
  // What has no name may be the program's; what has is known to be the runtime's.
  t.is(topGo('panic', 'runtime.sigpanic', null), null)
  t.is(topGo('panic', null, 'slices.Sort'), 'slices.Sort')
  const unnamed = ['0x1000', '0x2000', '0x3000'].map(pc => ({...frame, function: null, pc}))
  t.is(findOwnFrame(unnamed, 'go', program)?.frame.pc, '0x2000', 'the runtime’s own has no name either')
  const topC = (...frames: [string | null, string][]) =>
    findOwnFrame(
      frames.map(([name, module]) => ({...frame, kind: 'c' as const, function: name, module})),
      'c',
      program,
    )
  t.like(topC(['raise', '/lib/x86_64-linux-gnu/libc.so.6'], ['f', '/usr/lib/app/app']), {
    isOwn: true,
    frame: {function: 'f'},
  })
  t.like(topC([null, '/usr/lib/libc.so.6'], ['sqlite3_step', '/usr/lib/x86_64-linux-gnu/libsqlite3.so.0.8.6']), {
    isOwn: false,
    frame: {function: 'sqlite3_step'},
  })
  t.like(topC(['std::vector<int>::at(unsigned long)', '/srv/lib/own.so'], ['g', '/srv/lib/own.so']), {
    isOwn: true,
    frame: {function: 'g'},
  })
})

test('of many losses the summary names the one whose remedy helps most; an error before a warning', t => {
  const loss = (code: string, severity = 'warning') => ({code, severity, message: `${code}!`, hint: `mend ${code}`})
  const greatest = (...losses: object[]) => findGreatestLoss(losses as Diagnostic[])
  t.is(greatest(), null)
  t.is(greatest(loss('no-line')), null, 'names that are missing are no loss of the process')
  const found = greatest(loss('timeout'), loss('core-truncated'), loss('module-not-found'))
  t.deepEqual(found, {what: 'core-truncated!', command: 'mend core-truncated'})
  t.is(greatest(loss('core-truncated'), loss('timeout', 'error'))?.what, 'timeout!')
})
