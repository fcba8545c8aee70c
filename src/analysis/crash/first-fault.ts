import {type RegisterSet, wordOfPlace} from '../../amd64/register-set.ts'
import {DWARF_REGISTER} from '../../amd64/registers.ts'
import {SI_USER} from '../../amd64/signal-numbers.ts'
import {type Address, addressOfWord, NOWHERE, type Word} from '../../base/address.ts'
import type {CoreThread} from '../../elf/core-file.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {findFirstFault, heldFrames, isFault, isOwnEnd, isRaisedAgain, killingSignal} from '../stacks/signals.ts'
import type {ThreadStacks} from '../stacks/thread-stacks.ts'
import type {ThreadStack} from '../stacks/thread-walk.ts'

/** The signal that began it all. */
export interface FaultSignal {
  number: number
  /** undefined where neither a signal frame nor NT_SIGINFO (kernels before 3.7) tells it. */
  code: number | undefined
  address: Word
  pc: Address
  registers: RegisterSet | undefined
  /** `pc` is not where it was: the handler read, and printed, what was written over that, or where it was is lost. */
  isPlaceLost?: boolean
}

/** Where it was, as the register had it: a jump may lead to what is no address. */
export function signalPc({pc, registers}: FaultSignal): Address | Word {
  return wordOfPlace(pc, registers, DWARF_REGISTER.rip)
}

/** A fault, and the thread that it came on. */
export interface ThreadFault {
  thread: ThreadStack
  signal: FaultSignal
}

/**
 * The oldest fault on the thread's stack; a signal that does not kill (preemption, profiling) is not one, unless
 * nothing else is there.
 */
export function firstFault({frames, interruptions, base}: ThreadStack): FaultSignal | undefined {
  const signals = interruptions.filter(each => each.signal !== undefined && !isOwnEnd(frames, each))
  // Where no handler saw the fault, what others handled is not it.
  const found = findFirstFault(frames, signals) ?? (base > 0 ? signals.at(-1) : undefined)
  if (!found?.signal) return undefined
  const {isPlaceLost = false} = found
  const {signal, code, faultAddress, pc} = found.signal
  const registers = isPlaceLost ? undefined : frames[found.index]?.registers
  return {number: signal, code, address: faultAddress, pc, registers, isPlaceLost}
}

/** The signal that the goroutine keeps (g.sig). */
export function savedSignal({signal: saved}: Goroutine): FaultSignal | undefined {
  if (saved.number === 0) return undefined
  return {
    number: saved.number,
    code: Number(BigInt.asIntN(64, saved.code0)),
    address: saved.code1,
    pc: addressOfWord(saved.pc) ?? NOWHERE,
    registers: undefined,
  }
}

/**
 * Up to 1.20: the fault that the runtime made a call of sigpanic of, where that call could not even throw (on a signal
 * stack).
 */
export function injectedFault(
  {frames, interruptions, machine}: ThreadStack,
  g0: Goroutine | undefined,
): FaultSignal | undefined {
  const first = findFirstFault(frames, interruptions)
  const isSaved = first && !first.signal && !machine?.throwing
  const saved = isSaved && g0 ? savedSignal(g0) : undefined
  const frame = first && frames[first.index]
  return saved && frame && frame.pc === saved.pc ? {...saved, registers: frame.registers} : undefined
}

/**
 * No Go runtime saw it: on a C thread, in a kernel core without Go's handler; undefined in a live process. `isDying`: a
 * runtime was ending the process because of something on the first thread: what others handle are its own signals.
 */
export function faultWithoutRuntime(
  process: DeadProcess,
  threads: ThreadStacks,
  first: ThreadStack | undefined,
  isDying: boolean,
): ThreadFault | undefined {
  const isFirst = diesOf(process, first)
  if (isDying && !isFirst && first) {
    reportUnexplained(process, first)
    return undefined
  }
  const thread = isFirst ? first : findFaultingThread(process, threads, () => true)
  if (!thread) return undefined
  const fault = firstFault(thread)
  if (fault) return {thread, signal: fault}
  const last = lastSignal(process, thread)
  const isRaised = isRaisedAgain(thread.frames, 0) || thread.interruptions.some(({isRaise}) => isRaise)
  if (!isRaised) return last && {thread, signal: last}
  reportUnexplained(process, thread)
  // It had caught another signal before.
  if (isDying && thread.machine?.caughtsig) return undefined
  return last && {thread, signal: {...last, code: undefined, registers: undefined, isPlaceLost: true}}
}

/** All that is left of the cause is how the runtime ended the process because of it. */
function reportUnexplained({diagnostics}: DeadProcess, {thread}: ThreadStack): void {
  diagnostics.add(
    'cause-lost',
    'the Go runtime ended the process itself (runtime.dieFromSignal): why is not in the core, or was written over',
    {where: `thread ${thread.tid}`, hint: 'what the runtime printed on standard error tells the cause'},
  )
}

function diesOf(process: DeadProcess, thread: ThreadStack | undefined): boolean {
  const pc = thread?.frames[0]?.pc
  return thread !== undefined && pc !== undefined && killingSignal(process, thread.thread.tid, pc) !== undefined
}

/** The signal that the kernel ended the process with, where no handler saw it. */
function lastSignal({core: {signal}}: DeadProcess, {frames: [frame]}: ThreadStack): FaultSignal | undefined {
  if (!signal || !frame) return undefined
  const {number, code, address = 0n} = signal
  return {number, code, address, pc: frame.pc, registers: frame.registers}
}

/**
 * A fault on another thread, whose handler has not come to its end: one of the processor's, or any where kill ended the
 * process, for that thread may be the one that called it.
 */
export function earlierFault(
  process: DeadProcess,
  threads: ThreadStacks,
  {thread: known, signal: last}: {thread: ThreadStack | undefined; signal: FaultSignal | undefined},
): ThreadFault | undefined {
  const isEarlier = ({code = 0}: {code?: number | undefined}): boolean => code > 0 || last?.code === SI_USER
  const isCandidate = (thread: CoreThread): boolean =>
    thread.tid !== known?.thread.tid &&
    heldFrames(process, thread).some(frame => isFault(frame.signal) && isEarlier(frame))
  const thread = findFaultingThread(process, threads, isCandidate)
  const signal = thread && firstFault(thread)
  return signal && isFault(signal.number) && isEarlier(signal) ? {thread, signal} : undefined
}

/** The first thread that handles a fault. */
function findFaultingThread(
  {core}: DeadProcess,
  threads: ThreadStacks,
  isCandidate: (thread: CoreThread) => boolean,
): ThreadStack | undefined {
  for (const candidate of core.threads) {
    const thread = isCandidate(candidate) ? threads.ofThread(candidate.tid) : undefined
    if (thread && findFirstFault(thread.frames, thread.interruptions)) return thread
  }
  return undefined
}
