import {readSignalFrame, type SignalFrame} from '../../amd64/signal-context.ts'
import {SIGQUIT} from '../../amd64/signal-numbers.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import {type DeadProcess, holds} from '../process/dead-process.ts'
import {isFault} from '../process/signal-names.ts'
import {withReason} from './signal-reason.ts'

type Frame = UnwindFrame

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
}

/** raise, tgkill and their wrappers stand above dieFromSignal. */
const RAISE_DEPTH = 4

/** Functions of the runtime that are on a thread's stack because it handles a signal or dies. */
const HANDLERS = new Set(['runtime.sigtramp', 'runtime.cgoSigtramp', 'runtime.sigtrampgo', 'runtime.sighandler'])

/** Where handlers' frames end on a thread's stack, innermost first. */
export function findInterruptions(
  process: DeadProcess,
  frames: readonly Frame[],
  gsignal: Goroutine | undefined,
): Interruption[] {
  const nameless = process.tables === undefined
  const found: Interruption[] = []
  let sawHandler = false
  frames.forEach((frame, index) => {
    if (frame.go && HANDLERS.has(frame.go.name)) sawHandler = true
    // Without names, handlers are told by the stack that the runtime has them run on.
    if (nameless && gsignal && holds(gsignal.stack, frame.sp)) sawHandler = true
    const isSignal = frame.kind === 'signal'
    const next = frames[index + 1]
    if (isSignal && next) {
      const signal = readSignalFrame(process.memory, frame.sp)
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
export function isInjectedIntoC({go}: Frame, next: Frame | undefined): boolean {
  return go?.funcID === 'sigpanic' && next !== undefined && next.kind !== 'go'
}

function isInjectedIntoRuntime({go, stack}: Frame): boolean {
  return go?.funcID === 'sigpanic' && (stack === 'g0' || stack === 'native')
}

/**
 * The program's own frames begin behind the first fault, whoever handled it: what a handler did after that (abort, a
 * fault of its own, waiting for somebody) is not what went wrong. Without one, behind the outermost handler of Go.
 */
export function findBase(
  frames: readonly Frame[],
  interruptions: readonly Interruption[],
  killedBy: number | undefined,
): number {
  const fault = findFirstFault(frames, interruptions)
  if (fault) return fault.index
  // No handler saw it: the fault is where the thread stands, in the handler of a signal that is none.
  const wasDying = isRaisedAgain(frames, 0) || interruptions.some(({index}) => isRaisedAgain(frames, index))
  if (killedBy !== undefined && isFault(killedBy) && !wasDying) return 0
  return interruptions.findLast(interruption => interruption.isPlumbing)?.index ?? 0
}

/**
 * Frames of a handler lie above the code that it interrupted, so the outermost fault came first. A signal that ends
 * nothing (a timer's, a preemption) may be farther out: its handler is where the fault came from.
 */
export function findFirstFault(
  frames: readonly Frame[],
  interruptions: readonly Interruption[],
): Interruption | undefined {
  return interruptions.findLast(interruption => isFirstFault(frames, interruption))
}

/**
 * A fault that the process did not raise itself to end what another had begun, or the signal that asks Go for its
 * stacks.
 */
function isFirstFault(frames: readonly Frame[], {index, signal, isPlumbing}: Interruption): boolean {
  if (!signal) return isPlumbing
  const ends = isFault(signal.signal) || (isPlumbing && signal.signal === SIGQUIT)
  return ends && !isRaisedAgain(frames, index)
}

/** The runtime ends the process with a signal of its own (runtime.dieFromSignal), which its handler sees once more. */
export function isRaisedAgain(frames: readonly Frame[], index: number): boolean {
  return frames.slice(index, index + RAISE_DEPTH).some(({go}) => go?.name === 'runtime.dieFromSignal')
}
