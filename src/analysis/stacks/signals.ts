import {findBreakpoint} from '../../amd64/call-encoding.ts'
import {isNonCanonical} from '../../amd64/canonical-address.ts'
import {decodeFault, type FaultingInstruction} from '../../amd64/faulting-instruction.ts'
import {RegisterSet} from '../../amd64/register-set.ts'
import {EXCEPTION, readSignalFrame, type SignalFrame, wasPagePresent} from '../../amd64/signal-context.ts'
import {
  BUS_ADRALN,
  BUS_ADRERR,
  FPE_INTDIV,
  ILL_ILLOPN,
  SEGV_ACCERR,
  SEGV_MAPERR,
  SI_KERNEL,
  SI_TKILL,
  SIGABRT,
  SIGBUS,
  SIGFPE,
  SIGILL,
  SIGQUIT,
  SIGSEGV,
  SIGSTOP,
  SIGSYS,
  SIGTRAP,
} from '../../amd64/signal-numbers.ts'
import {type Address, addressOfWord, toAddress, type Word} from '../../base/address.ts'
import type {CoreThread} from '../../elf/core-file.ts'
import type {GoFunction} from '../../gosym/go-function.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import {findLeftFrame, findSignalFrames} from '../../unwind/signal-frame.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import {type DeadProcess, isNamelessImage} from '../process/dead-process.ts'

/** Signals that end a process because of what its own code did. */
const FAULTS = new Set([SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS])

export function isFault(number: number): boolean {
  return FAULTS.has(number)
}

/**
 * The signal that the kernel ended the process with, where the thread that stands at `pc` got it; undefined for other
 * threads. A debugger's core names one too although nothing died of it: SIGSTOP, or SIGTRAP where the program itself
 * has no breakpoint.
 */
export function killingSignal(
  {core, memory}: Pick<DeadProcess, 'core' | 'memory'>,
  tid: number,
  pc: Address,
): number | undefined {
  const number = core.signal?.number ?? 0
  if (core.threads[0]?.tid !== tid || number === 0 || number === SIGSTOP) return undefined
  return number !== SIGTRAP || findBreakpoint(memory, pc) !== undefined ? number : undefined
}

/**
 * A place on a thread's stack where the kernel put a signal frame, or where the runtime pretended a call of sigpanic.
 */
export interface Interruption {
  /** Index in `frames` of what was interrupted. */
  index: number
  /** undefined for a call of sigpanic that the runtime injected into C code or its own (up to Go 1.20). */
  signal: SignalFrame | undefined
  /** The frames above belong to the runtime's handler or to the process's end, not to the program. */
  isPlumbing: boolean
  /** The place in the kernel's frame was written over: its pc is not the place; no frame is what was interrupted. */
  isPlaceLost?: boolean
  /** Without names: it is the signal that the runtime sent itself, to end the process. */
  isRaise?: boolean
}

/** raise, tgkill and their wrappers stand above dieFromSignal. */
const RAISE_DEPTH = 4
const RAISE = 'runtime.raise'

/** Functions of the runtime that are on a thread's stack because it handles a signal or dies. */
const HANDLERS = new Set(['runtime.sigtramp', 'runtime.cgoSigtramp', 'runtime.sigtrampgo', 'runtime.sighandler'])

/** Where handlers' frames end on a thread's stack, innermost first. */
export function findInterruptions(
  process: DeadProcess,
  frames: readonly UnwindFrame[],
  gsignal: Goroutine | undefined,
): Interruption[] {
  const nameless = process.images.some(({tables}) => tables === undefined)
  const found: Interruption[] = []
  let sawHandler = false
  frames.forEach((frame, index) => {
    if (frame.go && HANDLERS.has(frame.go.name)) sawHandler = true
    // Without names, handlers are told by the stack that the runtime has them run on.
    if (nameless && gsignal && isOnStack(gsignal.stack, frame.sp)) sawHandler = true
    const isSignal = frame.kind === 'signal'
    const next = frames[index + 1]
    // Where the kernel's frame was written over, what follows is not what it interrupted.
    if (isSignal && next?.foundBy === 'signal-frame') {
      const signal = readSignalFrame(process.memory, frame.sp, true)
      found.push({
        index: index + 1,
        signal: signal && withReason(process, signal, next.registers),
        isPlumbing: sawHandler,
      })
      sawHandler = false
    } else if (isInjectedIntoC(frame, next) || isInjectedIntoRuntime(frame))
      found.push({index: index + 1, signal: undefined, isPlumbing: true})
  })
  return found
}

/** Up to 1.20 the runtime pretends a call of sigpanic for faults in C, too; on any system stack it ends in a throw. */
export function isInjectedIntoC({go}: UnwindFrame, next: UnwindFrame | undefined): boolean {
  return go?.funcID === 'sigpanic' && next !== undefined && next.kind !== 'go'
}

function isInjectedIntoRuntime({go, stack}: UnwindFrame): boolean {
  return go?.funcID === 'sigpanic' && (stack === 'g0' || stack === 'native')
}

/**
 * The program's own frames begin behind the first fault, whoever handled it: what a handler did after that (abort, a
 * fault of its own, waiting for somebody) is not what went wrong. Without one, behind the outermost handler of Go.
 */
export function findBase(
  frames: readonly UnwindFrame[],
  interruptions: readonly Interruption[],
  killedBy: number | undefined,
): number {
  const fault = findFirstFault(frames, interruptions)
  if (fault) return fault.index
  // No handler saw it: the fault is where the thread stands, in the handler of a signal that is none.
  const wasDying = isRaisedAgain(frames, 0) || interruptions.some(each => isOwnEnd(frames, each))
  if (killedBy !== undefined && isFault(killedBy) && !wasDying) return 0
  const outermost = interruptions.findLast(({isPlumbing, isRaise}) => isPlumbing || isRaise)
  const index = outermost?.index ?? 0
  return endsInRaise(frames, index, outermost?.isRaise === true) ? index + 1 : index
}

/** What called runtime.raise on a system stack is not there: nothing of the program's own is left above it. */
function endsInRaise(frames: readonly UnwindFrame[], index: number, isNameless: boolean): boolean {
  const [frame, caller] = frames.slice(index, index + 2)
  const isRaise = isNameless || frame?.go?.name === RAISE
  if (!isRaise || frame?.stack === 'goroutine') return false
  return caller === undefined || caller.stack === 'goroutine'
}

/** A signal that a thread got; `senderPid`: of the one that the kernel ended the process with. */
interface Received {
  readonly code: number | undefined
  readonly pc: Address
  readonly senderPid?: number | undefined
}

/**
 * runtime.raise without its name: a thread sent itself a signal by code of the program's own image, while its M was
 * dying, or such that the process died of it. C sends its own by its library, which is a module apart in all but static
 * programs: in those it is abort that the runtime has caught, or that may have been it.
 */
export function isNamelessRaise(
  process: Pick<DeadProcess, 'core' | 'tables' | 'goModule' | 'modules'>,
  machine: Pick<Machine, 'dying' | 'caughtsig'> | undefined,
  signal: Received | undefined,
): boolean {
  const {core, goModule, modules} = process
  if (signal?.code !== SI_TKILL || !isNamelessImage(process, signal.pc)) return false
  const isDying = machine !== undefined && machine.dying !== 0
  if (isDying && machine.caughtsig === 0) return true
  const isLast = signal.senderPid !== undefined && signal.senderPid === core.process?.pid
  if (!isDying && !isLast) return false
  return modules.some(({path, isExecutable}) => path !== goModule?.path && !isExecutable && path.startsWith('/'))
}

/**
 * All interruptions where a thread stands in runtime.raise, without its name. Where no M was dying the handler raises
 * there what it got, of a signal that nobody takes (runtime.raisebadsignal, sigfwdgo): its frames are the runtime's,
 * though they lie on the stack of C, for a thread of C may have no other.
 */
export function behindNamelessRaise(
  interruptions: readonly Interruption[],
  machine: Pick<Machine, 'dying'> | undefined,
): Interruption[] {
  const raise = {index: 0, signal: undefined, isPlumbing: false, isRaise: true}
  const [handled, ...others] = interruptions
  if (!handled || (machine && machine.dying !== 0)) return [raise, ...interruptions]
  return [raise, {...handled, isPlumbing: true}, ...others]
}

/**
 * Frames of a handler lie above the code that it interrupted, so the outermost fault came first. A signal that ends
 * nothing (a timer's, a preemption) may be farther out: its handler is where the fault came from.
 */
export function findFirstFault(
  frames: readonly UnwindFrame[],
  interruptions: readonly Interruption[],
): Interruption | undefined {
  const outermost = interruptions.findLast(
    interruption => isFirstFault(frames, interruption) || isOwnEnd(frames, interruption),
  )
  // What came while the process raised its last signal was an answer to that.
  return outermost && isFirstFault(frames, outermost) ? outermost : undefined
}

/**
 * A fault that the process did not raise itself to end what another had begun, or the signal that asks Go for its
 * stacks.
 */
function isFirstFault(frames: readonly UnwindFrame[], interruption: Interruption): boolean {
  const {index, signal, isPlumbing} = interruption
  if (!signal) return isPlumbing
  const ends = isFault(signal.signal) || (isPlumbing && signal.signal === SIGQUIT)
  return ends && !isOwnEnd(frames, interruption) && !isHandedOver(frames[index], signal.signal)
}

/** The signal that the runtime ends the process with, after what had begun it. */
export function isOwnEnd(frames: readonly UnwindFrame[], {index, isRaise}: Interruption): boolean {
  return isRaise === true || isRaisedAgain(frames, index)
}

/** Up to 1.17 sigpanic alone. */
const PANIC_ENTRIES = new Set(['runtime.sigpanic', 'runtime.sigpanic0'])

/**
 * Whether Go's handler has made a panic of a fault (runtime.sigctxt.preparePanic): what is left of its frame says that
 * sigpanic itself was interrupted, before its first instruction. What came then is another matter.
 */
function isHandedOver(frame: UnwindFrame | undefined, signal: number): boolean {
  const {go, pc} = frame ?? {}
  return go !== undefined && isFault(signal) && PANIC_ENTRIES.has(go.name) && go.entry === pc
}

/**
 * The runtime ends the process with a signal of its own (runtime.dieFromSignal), which its handler sees once more. It
 * alone calls runtime.raise, whose callers may be lost.
 */
export function isRaisedAgain(frames: readonly UnwindFrame[], index: number): boolean {
  if (frames[index]?.go?.name === RAISE) return true
  return frames.slice(index, index + RAISE_DEPTH).some(({go}) => go?.name === 'runtime.dieFromSignal')
}

/**
 * A handler that waits has its frame not far above its stack pointer; to look for one is cheaper than to walk every
 * stack.
 */
const HANDLER_REACH = 256 * 1024

export function heldFrames({core, memory}: DeadProcess, {registers}: CoreThread): SignalFrame[] {
  const start = RegisterSet.ofUserRegs(registers).sp
  if (start === undefined) return []
  const end = Math.min(core.segments.extentAt(start).end, start + HANDLER_REACH)
  return findSignalFrames(memory, {start, end: toAddress(end)})
}

/**
 * A handler that raises its signal again lives until it returns, for the signal is blocked while it runs; then the
 * kernel ends the process at the place of the fault, with a signal that somebody sent. What was left of the handler's
 * frame knows better.
 */
export function findReturnedHandler(
  process: DeadProcess,
  killedBy: number | undefined,
  registers: RegisterSet,
  gsignal: Goroutine | undefined,
): SignalFrame | undefined {
  const wasSent = (process.core.signal?.code ?? 1) <= 0
  if (killedBy === undefined || !wasSent) return undefined
  const frame = findLeftFrame(process.memory, registers, gsignal?.stack)
  if (!frame) return undefined
  // Without SA_SIGINFO a siginfo of some older handler may be there.
  if (isFault(frame.signal) && frame.code > 0) return frame
  const signal = withReason(process, {...frame, signal: 0}, registers)
  return isFault(signal.signal) ? signal : undefined
}

type Reason = Pick<SignalFrame, 'signal' | 'code' | 'faultAddress'>

/**
 * A handler that was installed without SA_SIGINFO is told the signal's number alone, in a register that it is free to
 * lose. The processor's own words are in the frame, but may be about an older fault: they count where the instruction
 * can have done that.
 */
export function withReason(process: DeadProcess, frame: SignalFrame, registers: RegisterSet | undefined): SignalFrame {
  if (frame.signal !== 0) return frame
  const reason = reasonOf(process, frame, registers)
  return reason ? {...frame, ...reason} : frame
}

function reasonOf(process: DeadProcess, frame: SignalFrame, registers: RegisterSet | undefined): Reason | undefined {
  const {memory} = process
  const {pc, trap} = frame
  if (trap.number === EXCEPTION.breakpoint) {
    return findBreakpoint(memory, pc) !== undefined ? {signal: SIGTRAP, code: SI_KERNEL, faultAddress: 0n} : undefined
  }
  if (trap.number === EXCEPTION.pageFault && trap.address === BigInt(pc)) return pageFault(process, frame)
  const instruction = decodeFault(memory, pc, {general: registers, fsBase: undefined, gsBase: undefined})
  return instruction && reasonByInstruction(process, frame, instruction)
}

function reasonByInstruction(
  process: DeadProcess,
  frame: SignalFrame,
  instruction: FaultingInstruction,
): Reason | undefined {
  const {trap} = frame
  const at = BigInt(frame.pc)
  switch (trap.number) {
    case EXCEPTION.divide:
      return instruction.divisor === undefined ? undefined : {signal: SIGFPE, code: FPE_INTDIV, faultAddress: at}
    case EXCEPTION.invalidOpcode:
      return /^ud/.test(instruction.text) ? {signal: SIGILL, code: ILL_ILLOPN, faultAddress: at} : undefined
    case EXCEPTION.protection:
      return isProtected(instruction) ? {signal: SIGSEGV, code: SI_KERNEL, faultAddress: 0n} : undefined
    case EXCEPTION.pageFault:
      return touches(instruction, trap.address) ? pageFault(process, frame) : undefined
    case EXCEPTION.alignment:
      return instruction.accesses.length > 0 ? {signal: SIGBUS, code: BUS_ADRALN, faultAddress: 0n} : undefined
    default:
      return undefined
  }
}

/** Without the page SEGV_MAPERR, or BUS_ADRERR where something is mapped there; else SEGV_ACCERR. */
function pageFault({core}: DeadProcess, {trap}: SignalFrame): Reason {
  const address = addressOfWord(trap.address)
  if (wasPagePresent(trap.error)) return {signal: SIGSEGV, code: SEGV_ACCERR, faultAddress: trap.address}
  const isMapped = address !== undefined && core.segments.extentAt(address).state !== 'unmapped'
  const reason = isMapped ? {signal: SIGBUS, code: BUS_ADRERR} : {signal: SIGSEGV, code: SEGV_MAPERR}
  return {...reason, faultAddress: trap.address}
}

function touches({accesses}: FaultingInstruction, address: Word): boolean {
  return accesses.some(
    ({address: start, size}) => start !== undefined && address >= start && address < start + BigInt(Math.max(size, 1)),
  )
}

function isProtected({accesses, text}: FaultingInstruction): boolean {
  return (
    accesses.some(({address}) => address !== undefined && isNonCanonical(address)) ||
    /^(hlt|cli|sti|in|out)\b/.test(text)
  )
}

/** Above a throw the system stack holds nothing but what the runtime did to end the process. */
export function endsProcess(go: GoFunction): boolean {
  return /^runtime\.(fatalthrow|fatalpanic|dopanic|dieFromSignal)/.test(go.name)
}
