import {type Address, NULL_ADDRESS} from '../../base/address.ts'
import {readAddress} from '../../base/memory-reader.ts'
import type {MissingReason} from '../../report/vocabulary.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import {type Callback, isPlantedCaller, readCallbacks, STACK_ENTRIES} from '../../unwind/callback-chain.ts'
import type {ForeignStacks, Seed, StackSwitches, StopReason, UnwindFrame} from '../../unwind/unwind-frame.ts'
import {foreignImage} from '../frames/foreign-frames.ts'
import {type EndsOfStack, StackEnds} from '../frames/stack-ends.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {CallBorder} from './call-border.ts'

/** Frames on other stacks than the goroutine's, from one seam outward to the next: of C, or the runtime's own on g0. */
export interface CSegment extends EndsOfStack<UnwindFrame> {
  /** The Go frame on the goroutine's own stack that called all this; undefined where the walk did not come to one. */
  readonly landing: UnwindFrame | undefined
  /** `end-of-stack` where the walk came to the goroutine, or to where the thread began. */
  readonly stop: StopReason
}

/** Frames that are walked before the clock is looked at again. */
const FRAMES_BETWEEN_LOOKS = 256

/** Walks from a place on another stack until it comes to Go code on the goroutine's own. */
export function walkSegment(
  process: DeadProcess,
  seed: Seed,
  switches: StackSwitches | undefined,
  goroutine: Goroutine | undefined,
): CSegment {
  const {unwinder, tailCalls, maxFrames, deadline} = process
  const ends = new StackEnds<UnwindFrame>(maxFrames)
  const border = new CallBorder(process, switches, goroutine)
  const walk = border.follow(unwinder.frames(seed, {switches}), reason => ends.mark(reason))
  let landing: UnwindFrame | undefined
  let inner: UnwindFrame | undefined
  let count = 0
  let next = walk.next()
  for (; !next.done; next = walk.next()) {
    if (goroutine && next.value.kind === 'go' && isOnStack(goroutine.stack, next.value.sp)) {
      landing = next.value
      break
    }
    const passed = inner && tailCalls.between(inner, next.value)
    if (passed) for (const left of passed) ends.add(left)
    ends.add(next.value)
    inner = next.value
    const isLate = ++count % FRAMES_BETWEEN_LOOKS === 0 && deadline.isOver('the walk of a stack')
    if (isLate) return {...ends.take(), landing, stop: 'timeout'}
  }
  return {...ends.take(), landing, stop: next.done ? next.value : 'end-of-stack'}
}

/** C code that Go called leads back to Go: a walk that ends before has not come to the end. */
export function expectLanding(segment: CSegment): CSegment {
  return segment.landing || segment.stop !== 'end-of-stack' ? segment : {...segment, stop: 'no-unwind-info'}
}

/** The C frames that called back into one goroutine, each segment walked once, when its cgocallback frame is met. */
export class CallbackSegments {
  readonly #process: DeadProcess
  readonly #goroutine: Goroutine
  readonly #switches: StackSwitches
  /** Innermost first. */
  readonly #callbacks: readonly Callback[]
  readonly #byCfa: ReadonlyMap<Callback['cfa'], Callback>
  readonly #segments = new Map<Callback, CSegment>()
  readonly #leaf: CSegment | undefined
  readonly #missing: MissingReason

  /** `leaf`: the frames above the goroutine's own, where they could be walked. */
  constructor(
    process: DeadProcess,
    machine: Machine,
    goroutine: Goroutine,
    switches: StackSwitches,
    leaf: CSegment | undefined,
  ) {
    const {memory, version, tables} = process
    const functionAt = (pc: Address) => tables?.functionAt(pc)
    const isEntry = ({go}: UnwindFrame) => go && STACK_ENTRIES.has(go.funcID) && !foreignImage(process, go)
    const enteredAt = leaf?.frames.findLast(isEntry)?.sp
    this.#process = process
    this.#goroutine = goroutine
    this.#switches = switches
    this.#leaf = leaf
    this.#callbacks = readCallbacks({memory, version, switches, functionAt, enteredAt})
    this.#byCfa = new Map(this.#callbacks.map(callback => [callback.cfa, callback]))
    const isWhole = isWholeChain(process, machine, goroutine, this.#callbacks)
    this.#missing = isWhole ? 'abandoned' : isStackLost(process, switches) ? 'unmapped' : 'no-unwind-info'
  }

  /** The C frames that called the cgocallback frame with this CFA. */
  below(cfa: Address): CSegment | MissingReason {
    const callback = this.#byCfa.get(cfa) ?? (this.#isOutermost(cfa) ? this.#byCfa.get('outermost') : undefined)
    return callback ? this.#segmentOf(callback) : this.#missing
  }

  /**
   * Those below a callback whose outermost was called by the Go frame at `sp`, as far as they can be walked; undefined
   * where no callback is further in.
   */
  calledFrom(sp: Address): CSegment | 'lost' | undefined {
    const inner = this.#callbacks.findLast(({cfa}) => typeof cfa === 'number' && cfa < sp)
    if (!inner) return undefined
    const segment = this.#segmentOf(inner)
    return segment.landing && segment.landing.sp !== sp ? 'lost' : segment
  }

  #isOutermost(cfa: Address): boolean {
    const {memory, tables} = this.#process
    return isPlantedCaller(memory, cfa, pc => tables?.functionAt(pc))
  }

  /** The other runtimes, as who begins behind this callback finds them. */
  #othersBehind(callback: Callback): readonly ForeignStacks[] | undefined {
    const inner = this.#callbacks.slice(0, this.#callbacks.indexOf(callback)).map(each => this.#segments.get(each))
    return this.#switches.others?.map(other => {
      const isCallBehind = [this.#leaf, ...inner].some(segment => hasPassed(other, segment))
      return {...other, isCallBehind}
    })
  }

  #segmentOf(callback: Callback): CSegment {
    const known = this.#segments.get(callback)
    if (known) return known
    const {g0} = this.#switches
    const {caller, cfa, outerSchedSp} = callback
    // What a coroutine of C was switched to from is found by g0.sched.sp as it was then; nothing had called C that
    // began the thread.
    const outerG0 = g0 && outerSchedSp !== undefined ? {...g0, schedSp: outerSchedSp} : undefined
    const seed: Seed = {registers: caller, foundBy: 'stack-switch', exactPc: false}
    const switches = {...this.#switches, g0: outerG0, others: this.#othersBehind(callback)}
    const walked = walkSegment(this.#process, seed, switches, this.#goroutine)
    const segment = cfa === 'outermost' ? walked : expectLanding(walked)
    this.#segments.set(callback, segment)
    return segment
  }
}

/** Whether a segment is known to have passed frames of another runtime. */
function hasPassed({functionAt}: ForeignStacks, segment: CSegment | undefined): boolean {
  return segment?.frames.some(({go}) => go !== undefined && functionAt(go.entry) === go) === true
}

/** Whether the chain could not even be begun, for the system stack is not in the core. */
function isStackLost({memory}: DeadProcess, {g0}: StackSwitches): boolean {
  return g0 !== undefined && g0.schedSp !== NULL_ADDRESS && readAddress(memory, g0.schedSp) === undefined
}

/**
 * Whether the chain has all callbacks that are alive: m.ncgo counts the calls around them (runtime.cgocall), and an
 * abandoned one is taken back (runtime.unwindm).
 */
function isWholeChain(
  {runtime}: DeadProcess,
  machine: Machine,
  goroutine: Goroutine,
  callbacks: readonly Callback[],
): boolean {
  const last = callbacks.at(-1)
  if (callbacks.some(({cfa}) => cfa === undefined)) return false
  if (runtime?.isExtraMachine(machine) && last?.cfa !== 'outermost') return false
  const calls = callbacks.filter(({cfa}) => cfa !== 'outermost').length
  const inCall = goroutine.syscall.sp === 0 ? 0 : 1
  return machine.ncgo - inCall <= calls
}
