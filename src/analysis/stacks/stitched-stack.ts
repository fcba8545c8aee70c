import type {Address} from '../../base/address.ts'
import type {FrameReport} from '../../report/core-report.ts'
import type {MissingReason} from '../../report/vocabulary.ts'
import type {GoFrame, GoStackWalk} from '../../unwind/goroutine-walk.ts'
import type {StopReason, UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {CallbackSegments, CSegment} from './c-segments.ts'
import type {BareFrame} from './frame-pointer-stack.ts'

/** What a stack is made of, from the innermost frame out. */
export type StitchedFrame = StitchedGo | StitchedBare | StitchedNative | LeftOut | Seam

/** A frame on the goroutine's own stack. The same object each time: whoever keeps it makes a copy. */
export interface StitchedGo {
  readonly kind: 'go'
  frame: GoFrame
  foundBy: NonNullable<FrameReport['foundBy']>
  /** Nobody called from here: the runtime planted it as the caller of cgocallback. */
  isPlanted: boolean
  /** C has left the call by longjmp, and the runtime does not know. */
  isLeft: boolean
}

/** A frame on the goroutine's own stack that was found by frame pointers, for the function tables are gone. */
export interface StitchedBare {
  readonly kind: 'bare'
  readonly frame: BareFrame
}

/** A frame on another stack: of C, of the kernel, or the runtime's on g0. */
export interface StitchedNative {
  readonly kind: 'native'
  readonly frame: UnwindFrame
}

/** Frames in the middle of a segment that nobody kept. */
export interface LeftOut {
  readonly kind: 'left-out'
  readonly count: number
}

/**
 * Where one part of the stack ends and the next begins. `into` c: behind a cgocallback frame; go: behind the frames of
 * a segment; nothing: the Go frames end before their end.
 */
export interface Seam {
  readonly kind: 'seam'
  readonly into: 'c' | 'go' | 'nothing'
  /** Why not all frames up to the next seam are there; undefined: they are. */
  readonly missing: MissingReason | undefined
}

export interface StackParts {
  /** What the goroutine had called, above its own first frame. */
  leaf: CSegment | undefined
  /** undefined: there is nothing of Go. */
  go: GoStackWalk | undefined
  /** How the first Go frame was found. */
  foundBy: StitchedGo['foundBy']
  /** undefined: there are no callbacks. */
  callbacks: Pick<CallbackSegments, 'below'> | undefined
  /** undefined: where the runtime takes the goroutine to be is where it is. */
  rejoin?: Rejoin | undefined
}

/** Where a goroutine is on its own stack, further out than the runtime knows: C has left calls by longjmp. */
export interface Rejoin {
  readonly pc: Address
  readonly sp: Address
  readonly foundBy: StitchedGo['foundBy']
  /** From there out. */
  walk(): GoStackWalk
}

/**
 * The stack of one goroutine across all stacks that it is on: its Go frames as the runtime walks them, above them what
 * it had called, and below each cgocallback frame the C frames that called it. A segment that cannot be walked costs
 * its own frames alone. The result says why the walk ended, in whichever of its parts.
 */
export function* stitchStack(parts: StackParts): Generator<StitchedFrame, StopReason> {
  const {leaf, go, callbacks, rejoin} = parts
  let stop: StopReason = leaf ? yield* stitchSegment(leaf) : 'end-of-stack'
  const own = new OwnFrames(parts)
  if (own.isLeft) yield {kind: 'seam', into: 'go', missing: 'left'}
  for (let item = own.next(); item; item = own.next()) {
    if (own.hasRejoined) yield {kind: 'seam', into: 'go', missing: 'rejoined'}
    yield item
    const segment = own.isAtCallback && !own.isLeft ? callbacks?.below(item.frame.fp) : undefined
    if (segment === undefined) continue
    stop = firstStop(stop, yield* stitchCallers(segment))
  }
  if (own.isLeft && rejoin) {
    // What C left was written over: the runtime's own walk does not come through, or goes astray.
    yield {kind: 'seam', into: 'go', missing: 'rejoined'}
    const outer = yield* stitchStack({leaf: undefined, go: rejoin.walk(), foundBy: rejoin.foundBy, callbacks})
    return firstStop(stop, outer)
  }
  const end = go?.end?.stop ?? 'end-of-stack'
  if (end !== 'end-of-stack') yield {kind: 'seam', into: 'nothing', missing: end}
  return firstStop(stop, end)
}

/** The frames on the goroutine's own stack, as the runtime walks them: past those that C has left too. */
class OwnFrames {
  /** C has left the call that `next` gave last, or, before the first one, those that come. */
  isLeft: boolean
  /** That call is the first one that C has not left. */
  hasRejoined = false
  /** That frame is cgocallback's: C called it, whoever stands below it on this stack. */
  isAtCallback = false
  readonly #walk: GoStackWalk | undefined
  readonly #foundBy: StitchedGo['foundBy']
  readonly #rejoin: Rejoin | undefined
  #item: StitchedGo | undefined

  constructor({go, foundBy, rejoin}: StackParts) {
    this.#walk = go
    this.#foundBy = foundBy
    this.#rejoin = rejoin
    this.isLeft = rejoin !== undefined
  }

  next(): StitchedGo | undefined {
    const frame = this.#walk?.next()
    if (!frame || this.#isAstray(frame)) return undefined
    this.hasRejoined = this.isLeft && frame.sp === this.#rejoin?.sp
    if (this.hasRejoined) this.isLeft = false
    const isPlanted = this.isAtCallback && !this.isLeft
    this.isAtCallback = frame.fn.funcID === 'cgocallback'
    if (!this.#item) {
      this.#item = {kind: 'go', frame, foundBy: this.#foundBy, isPlanted, isLeft: this.isLeft}
      return this.#item
    }
    this.#item.frame = frame
    this.#item.foundBy = 'pcsp'
    this.#item.isPlanted = isPlanted
    this.#item.isLeft = this.isLeft
    return this.#item
  }

  /** Through what is written over the walk may come out beside the frame where the goroutine is. */
  #isAstray({pc, sp}: GoFrame): boolean {
    if (!this.isLeft || !this.#rejoin || sp < this.#rejoin.sp) return false
    return sp !== this.#rejoin.sp || pc !== this.#rejoin.pc
  }
}

/**
 * Without function tables nothing tells the callbacks. The leaf ends where it comes to the goroutine's own stack, which
 * `bare` walks: no function tells that either.
 */
export function* stitchBareStack(
  leaf: CSegment | undefined,
  bare: Generator<BareFrame, StopReason>,
  isOwnStack: (sp: Address) => boolean,
): Generator<StitchedFrame, StopReason> {
  const inner = leaf ? yield* stitchSegment(beforeOwnStack(leaf, isOwnStack)) : 'end-of-stack'
  return yield* stitchBareFrames(inner, bare)
}

/**
 * A stack that goes on further out than the runtime takes the goroutine to be: before it the calls that C has left by
 * longjmp, as far as what they left leads, below `end`.
 */
export function* stitchLeftCalls(
  left: Generator<BareFrame, StopReason>,
  end: Address,
  stack: Generator<StitchedFrame, StopReason>,
): Generator<StitchedFrame, StopReason> {
  yield {kind: 'seam', into: 'go', missing: 'left'}
  for (const frame of left) {
    if (frame.sp >= end) break
    yield {kind: 'bare', frame}
  }
  yield {kind: 'seam', into: 'go', missing: 'rejoined'}
  return yield* stack
}

/**
 * The same of a leaf that was lost on the goroutine's own stack. `bare` begins where the goroutine entered a system
 * call: what had made that call further in is of the runtime, and a frame of it may be missing.
 */
export function* stitchLostBareStack(
  leaf: CSegment,
  bare: Generator<BareFrame, StopReason>,
): Generator<StitchedFrame, StopReason> {
  const inner = yield* stitchSegment({...leaf, stop: 'end-of-stack'})
  yield {kind: 'seam', into: 'go', missing: 'frameless'}
  return yield* stitchBareFrames(inner, bare)
}

function* stitchBareFrames(
  before: StopReason,
  bare: Generator<BareFrame, StopReason>,
): Generator<StitchedFrame, StopReason> {
  let inner = before
  let next = bare.next()
  for (; !next.done; next = bare.next()) {
    if (next.value.isBehindGap) {
      yield {kind: 'seam', into: 'go', missing: 'no-unwind-info'}
      inner = firstStop(inner, 'no-unwind-info')
    }
    yield {kind: 'bare', frame: next.value}
    if (next.value.mayHideCaller) yield {kind: 'seam', into: 'go', missing: 'frameless'}
  }
  if (next.value !== 'end-of-stack') yield {kind: 'seam', into: 'nothing', missing: next.value}
  return firstStop(inner, next.value)
}

/** Of a leaf that was walked without function tables the part before the goroutine's own stack, and how that ends. */
export function beforeOwnStack(leaf: CSegment, isOwnStack: (sp: Address) => boolean): CSegment {
  const {frames, missing, elided} = leaf
  const own = frames.findIndex(({sp}) => isOwnStack(sp))
  if (own < 0) return leaf
  const jump = missing.find(({after, reason}) => after === own && reason !== 'frame-limit')
  return {
    frames: frames.slice(0, own),
    missing: missing.filter(({after}) => after < own),
    elided: elided && elided.after <= own ? elided : null,
    landing: undefined,
    stop: jump ? stopOf(jump.reason) : 'end-of-stack',
  }
}

/** The stack of a g0 that died in C: the runtime's own frames below it are Go frames like any other. */
export function* stitchSystemStack(segment: CSegment): Generator<StitchedFrame, StopReason> {
  const {frames, stop} = segment
  for (const [index, frame] of frames.entries()) {
    yield* notesBefore(segment, index)
    const {go, pc, lookupPc, sp, cfa, foundBy} = frame
    if (!go) yield {kind: 'native', frame}
    else
      yield {
        kind: 'go',
        frame: {fn: go, pc, symPc: lookupPc, sp, fp: cfa ?? sp},
        foundBy,
        isPlanted: false,
        isLeft: false,
      }
  }
  if (stop !== 'end-of-stack') yield {kind: 'seam', into: 'go', missing: stop}
  return stopOfSegment(segment)
}

/** What is missing, or was left out, before one of a segment's frames. */
function* notesBefore({missing, elided}: CSegment, index: number): Generator<Seam | LeftOut> {
  const jump = missing.find(({after, reason}) => after === index && reason !== 'frame-limit')
  if (jump) yield {kind: 'seam', into: 'go', missing: jump.reason}
  if (elided?.after === index) yield {kind: 'left-out', count: elided.count}
}

/** What is behind a cgocallback frame: the C frames that called it, or why there are none. */
function* stitchCallers(segment: CSegment | MissingReason): Generator<StitchedFrame, StopReason> {
  yield {kind: 'seam', into: 'c', missing: typeof segment === 'string' ? segment : undefined}
  return typeof segment === 'string' ? stopOf(segment) : yield* stitchSegment(segment)
}

/** A segment and the seam behind it. The result says why it is not whole. */
function* stitchSegment(segment: CSegment): Generator<StitchedFrame, StopReason> {
  const {frames, elided, missing, stop} = segment
  const hasNotes = elided !== null || missing.length > 0
  let index = 0
  for (const frame of frames) {
    if (hasNotes) yield* notesBefore(segment, index)
    yield {kind: 'native', frame}
    index++
  }
  if (elided?.after === frames.length) yield {kind: 'left-out', count: elided.count}
  yield {kind: 'seam', into: 'go', missing: stop === 'end-of-stack' ? undefined : stop}
  return stopOfSegment(segment)
}

/** Of its innermost frames that are missing. */
function stopOfSegment({missing, stop}: CSegment): StopReason {
  const jump = missing.find(({reason}) => reason !== 'frame-limit' && !isNoStop(reason))
  return jump ? stopOf(jump.reason) : stop
}

type Mark = Exclude<MissingReason, StopReason>

const MARKS: ReadonlySet<MissingReason> = new Set<Mark>(['abandoned', 'left', 'rejoined', 'frameless'])

function isNoStop(missing: MissingReason): missing is Mark {
  return MARKS.has(missing)
}

/** Frames that were left are no part of the stack any more: nothing of it is missing. */
function stopOf(missing: MissingReason): StopReason {
  return isNoStop(missing) ? 'end-of-stack' : missing
}

/** Of two parts of a stack the inner one that was not walked to its end. */
export function firstStop(inner: StopReason, outer: StopReason): StopReason {
  return inner === 'end-of-stack' ? outer : inner
}
