// Which of the signals that interrupted a thread began its end.
import test from 'ava'
import {RegisterSet} from '../../../src/amd64/register-set.ts'
import type {SignalFrame} from '../../../src/amd64/signal-context.ts'
import {USER_REGS} from '../../../src/amd64/user-regs.ts'
import {faultWithoutRuntime} from '../../../src/analysis/crash/first-fault.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {findBase, findFirstFault, type Interruption, withReason} from '../../../src/analysis/stacks/signals.ts'
import type {ThreadStacks} from '../../../src/analysis/stacks/thread-stacks.ts'
import type {ThreadStack} from '../../../src/analysis/stacks/thread-walk.ts'
import {toAddress} from '../../../src/base/address.ts'
import {Diagnostics} from '../../../src/base/diagnostics.ts'
import {BytesBuilder} from '../../support/bytes-builder.ts'

const SIGQUIT = 3
const SIGTRAP = 5
const SIGABRT = 6
const SIGSEGV = 11
const SIGUSR2 = 12
const SIGPROF = 27

/**
 * Frames by name, innermost first; `SIGNAL name` is what that signal interrupted, `SIGNAL! name` where Go's handler got
 * it.
 */
function stackOf(...names: string[]) {
  const interruptions: Interruption[] = []
  const frames = names.map((text, index) => {
    const [, number, byGo, name = text] = /^(\d+)(!?) (.*)$/.exec(text) ?? []
    if (number !== undefined) {
      const signal = {signal: Number(number)} as NonNullable<Interruption['signal']>
      interruptions.push({index, signal, isPlumbing: byGo === '!'})
    }
    return {go: name.startsWith('runtime.') ? {name} : undefined}
  })
  return {frames: frames as unknown as ThreadStack['frames'], interruptions}
}

function first(...names: string[]): number | undefined {
  const {frames, interruptions} = stackOf(...names)
  return findFirstFault(frames, interruptions)?.index
}

test('the outermost fault came first, whoever handled it', t => {
  t.is(first('report', `${SIGABRT} abort`, 'handler', `${SIGSEGV} poke`, 'main'), 3)
})

test('a signal of a timer, whose handler faults, is not what went wrong', t => {
  t.is(first('runtime.sighandler', `${SIGSEGV}! poke`, 'on_timer', `${SIGPROF} work`, 'main'), 1)
  t.is(first('runtime.sighandler', `${SIGSEGV}! poke`, 'on_usr2', 'runtime.sigfwd', `${SIGUSR2}! work`, 'main'), 1)
})

test('a fault that Go’s handler has made a panic of is not what ended the process afterwards', t => {
  const atEntry = (name: string) => {
    const {frames, interruptions} = stackOf('runtime.sighandler', `${SIGTRAP}! runtime.abort`, `${SIGSEGV}! ${name}`)
    const placed = frames.map(frame => ({...frame, pc: 0x1000, go: frame.go && {...frame.go, entry: 0x1000}}))
    return findFirstFault(placed as unknown as ThreadStack['frames'], interruptions)?.index
  }
  t.is(atEntry('runtime.sigpanic'), 1)
  t.is(atEntry('runtime.sigpanic0'), 1)
  t.is(atEntry('runtime.mallocgc'), 2)
})

test('a request for the stacks is first where the runtime faults while it prints them', t => {
  t.is(first('runtime.sighandler', `${SIGSEGV}! runtime.traceback1`, 'runtime.sighandler', `${SIGQUIT}! work`), 3)
  t.is(first('poke', `${SIGQUIT} work`), undefined, 'a handler of C may live on')
})

test('the signal that the runtime raises to end the process is no fault', t => {
  t.is(
    first('runtime.sighandler', `${SIGABRT}! runtime.raise`, 'runtime.dieFromSignal', 'runtime.fatalthrow'),
    undefined,
  )
})

test('a handler of C that aborts when the runtime raises its last signal is no fault', t => {
  const {frames, interruptions} = stackOf(
    'abort',
    'on_abort',
    'runtime.sigfwd',
    `${SIGABRT}! runtime.raise`,
    'runtime.dieFromSignal',
  )
  t.is(findBase(frames, interruptions, SIGABRT), 3)
  const stranger = stackOf('poke', 'on_usr2', 'runtime.sigfwd', `${SIGUSR2}! work`)
  t.is(findBase(stranger.frames, stranger.interruptions, SIGSEGV), 0, 'no handler saw this one')
})

interface Trap {
  number: number
  error?: number
  address?: bigint
}

/** What a handler without SA_SIGINFO was called for, by the code at 0x1000 and the processor's words; rax is 0x10. */
function reason(code: string, trap: Trap, isMapped = false) {
  const bytes = new BytesBuilder().hex(code).fill(16, 0x90).build()
  const memory = {
    read: (at: number, length: number) =>
      at >= 0x1000 && at + length <= 0x1000 + bytes.length
        ? bytes.subarray(at - 0x1000, at - 0x1000 + length)
        : undefined,
  }
  const core = {segments: {extentAt: () => ({state: isMapped ? 'dumped' : 'unmapped'})}}
  const words = new BigUint64Array(27)
  words[USER_REGS.rax] = 0x10n
  const frame = {signal: 0, code: 77, pc: toAddress(0x1000), trap: {error: 0, address: 0n, ...trap}}
  const {
    signal,
    code: found,
    faultAddress,
  } = withReason(
    {memory, core} as unknown as DeadProcess,
    frame as unknown as SignalFrame,
    RegisterSet.ofUserRegs(words),
  )
  return signal === 0 ? undefined : [signal, found, faultAddress]
}

test('why a handler without SA_SIGINFO was called stands in what the processor said', t => {
  t.deepEqual(reason('89 10', {number: 14, error: 6, address: 0x10n}), [11, 1, 0x10n], 'mov %edx,(%rax)')
  t.deepEqual(reason('89 10', {number: 14, error: 7, address: 0x10n}, true), [11, 2, 0x10n], 'no right to')
  t.deepEqual(
    reason('89 10', {number: 14, error: 6, address: 0x12n}, true),
    [7, 2, 0x12n],
    'behind the end of the file',
  )
  t.deepEqual(reason('f7 f9', {number: 0}), [8, 1, 0x1000n], 'idiv %ecx')
  t.deepEqual(reason('0f 0b', {number: 6}), [4, 2, 0x1000n], 'ud2')
  t.deepEqual(reason('f4', {number: 13}), [11, 128, 0n], 'hlt')
})

test('what the processor said of an older fault is no reason', t => {
  t.is(reason('89 10', {number: 14, address: 0x20n}), undefined)
  t.is(reason('89 ca', {number: 14, address: 0x10n}), undefined, 'mov %ecx,%edx')
  t.is(reason('90', {number: 6}), undefined)
  t.is(reason('90', {number: 0}), undefined)
  t.is(reason('90', {number: 99}), undefined)
})

/** What began it in a process whose first thread shows nothing, and whose second one handles a signal. */
function faultBesides(number: number, isDying: boolean) {
  const diagnostics = new Diagnostics()
  const {frames, interruptions} = stackOf('runtime.sighandler', `${number}! work`)
  const signal = {signal: number, code: 0, faultAddress: 0n, pc: toAddress(0x1000)}
  const second = {
    thread: {tid: 2},
    frames,
    interruptions: interruptions.map(each => ({...each, signal})),
    base: 1,
  } as unknown as ThreadStack
  const first = {thread: {tid: 1}, frames: [], interruptions: [], base: 0} as unknown as ThreadStack
  const core = {threads: [{tid: 1}, {tid: 2}], signal: undefined}
  const process = {core, diagnostics} as unknown as DeadProcess
  const threads = {ofThread: (tid: number) => (tid === 1 ? first : second)} as unknown as ThreadStacks
  const fault = faultWithoutRuntime(process, threads, first, isDying)
  return {thread: fault?.thread.thread.tid, codes: diagnostics.list().map(({code}) => code)}
}

test('where a runtime was dying on a thread whose stack is lost, what it sent to the others is not the cause', t => {
  t.deepEqual(faultBesides(SIGQUIT, true), {thread: undefined, codes: ['cause-lost']})
  t.deepEqual(faultBesides(SIGQUIT, false), {thread: 2, codes: []})
})

test('of a process that its runtime ended by a signal of its own the place is lost, and that is told', t => {
  const diagnostics = new Diagnostics()
  const frames = [{pc: toAddress(0x45a1d1)}]
  const ofThread = (isRaise: boolean) => {
    const interruptions = [{index: 0, signal: undefined, isPlumbing: false, isRaise}]
    const thread = {thread: {tid: 1}, frames, interruptions, base: 0} as unknown as ThreadStack
    const core = {threads: [{tid: 1}], signal: {number: SIGABRT, code: -6}}
    const threads = {ofThread: () => thread} as unknown as ThreadStacks
    return faultWithoutRuntime({core, diagnostics} as unknown as DeadProcess, threads, thread, false)?.signal
  }
  t.like(ofThread(false), {isPlaceLost: undefined, code: -6})
  t.deepEqual(diagnostics.list(), [])
  t.like(ofThread(true), {isPlaceLost: true, code: undefined})
  t.deepEqual(
    diagnostics.list().map(({code}) => code),
    ['cause-lost'],
  )
})
