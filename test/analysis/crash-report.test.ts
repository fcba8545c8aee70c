// What the crash is said to be, by what is known of its cause.
import test from 'ava'
import type {CrashCause} from '../../src/analysis/crash/crash-cause.ts'
import type {TracebackLevel} from '../../src/analysis/crash/traceback-level.ts'
import {reportCrash} from '../../src/analysis/crash-report.ts'
import type {GoroutineStacks} from '../../src/analysis/stacks/goroutine-stacks.ts'
import {toAddress} from '../../src/base/address.ts'
import type {CrashReport, FrameReport} from '../../src/report/core-report.ts'
import {at} from '../unwind/process.ts'

const SHOWN = {level: 2, runtimeStack: true} as TracebackLevel
const HIDDEN = {level: 1, runtimeStack: false} as TracebackLevel
const THROW = {kind: 'go', function: 'runtime.throw'} as FrameReport

function crash(
  cause: object,
  {level = HIDDEN, senderPid}: {level?: TracebackLevel; senderPid?: number} = {},
): CrashReport {
  const signal = senderPid === undefined ? undefined : {number: 15, code: 0, senderPid}
  const process = {
    core: {signal},
    images: [],
    memory: {read: () => undefined},
    symbolizer: {locate: () => [{function: null}]},
  }
  const stacks = {threads: {process}, assemble: () => ({frames: [THROW]})} as unknown as GoroutineStacks
  const known = {kind: 'none', header: [], message: null, duringCgo: false, ...cause}
  return reportCrash(known as unknown as CrashCause, stacks, level)
}

const signal = (number: number, code: number | undefined, address = 0n) => ({
  number,
  code,
  address,
  pc: 0x401010,
  registers: at(0x401010, 0x7000),
})

test('no crash: nothing is said of a signal, a place, a thread or a goroutine', t => {
  const report = crash({})
  const {kind, signal: name, code, faultAddress, pc, thread, m, goroutine, registers, cause} = report
  t.deepEqual(
    [kind, name, code, faultAddress, pc, thread, m, goroutine, registers, cause],
    ['none', ...new Array(9).fill(null)],
  )
  t.is(report.instruction, null)
})

const SIGNALS: readonly (readonly [
  what: string,
  number: number,
  code: number | undefined,
  address: bigint,
  expected: unknown[],
])[] = [
  ['a fault that the kernel raised has its address', 11, 1, 0x10n, ['SIGSEGV', 'SEGV_MAPERR', '0x10', null]],
  [
    'of one that was sent that has no meaning, but its sender has',
    11,
    0,
    0x1234n,
    ['SIGSEGV', 'SI_USER', null, 0x1234],
  ],
  ['an abort has no address', 6, -6, 0x55n, ['SIGABRT', 'SI_TKILL', null, 0x55]],
  ['without si_code neither is known', 11, undefined, 0x10n, ['SIGSEGV', null, null, null]],
]

for (const [what, number, code, address, expected] of SIGNALS) {
  test(what, t => {
    const {
      signal: name,
      codeName,
      faultAddress,
      senderPid,
    } = crash({kind: 'signal', signal: signal(number, code, address)})
    t.deepEqual([name, codeName, faultAddress, senderPid], expected)
  })
}

test('a sender that the signal frame does not have is the one of the core, where that is of the same signal', t => {
  const sent = {kind: 'signal', signal: signal(15, 0)}
  t.is(crash(sent, {senderPid: 77}).senderPid, 77)
  t.is(crash({kind: 'signal', signal: signal(2, 0)}, {senderPid: 77}).senderPid, null)
})

test('the place is where the signal was; without one, where the thread was behind its handlers; lost, it is none', t => {
  const frames = [{pc: toAddress(0x10)}, {pc: toAddress(0x20)}]
  const thread = {thread: {tid: 9}, frames, base: 1, interruptions: []}
  t.is(crash({thread, signal: signal(11, 1)}).pc, '0x401010')
  t.is(crash({signal: {...signal(11, 1), isPlaceLost: true}}).pc, null)
})

test('a g0 that died is not the goroutine that crashed, but the one that it served is', t => {
  t.is(crash({goroutine: {id: 0}, current: {id: 7}}).goroutine, 7)
  t.is(crash({goroutine: {id: 4}, current: {id: 7}}).goroutine, 4)
  t.is(crash({goroutine: {id: 0}}).goroutine, null)
})

test('the runtime’s own stack is there where the runtime prints it, at that level', t => {
  const cause = {runtimeStack: {g0: {id: 0}, start: {}}}
  t.deepEqual(crash(cause, {level: SHOWN}).runtimeStack, [THROW])
  t.deepEqual(crash(cause).runtimeStack, [])
  t.deepEqual(crash({}, {level: SHOWN}).runtimeStack, [])
})
