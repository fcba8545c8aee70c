import {GO_FRAMES} from '../frames/frame-window.ts'

/** What a count without an end comes to: maxInt of runtime.traceback1. */
const ENDLESS = 0x7fffffff

/**
 * kept: printed, or counted as any frame is. dropped: the runtime leaves it out. resumed: here it goes on to print,
 * and leaves out all since it had stopped.
 */
type Place = 'kept' | 'dropped' | 'resumed'

/**
 * Which frames of a stack the runtime prints where the frames of contexts are among them (runtime/traceback.go).
 *
 * Up to 1.20 they count as frames of the walk, which ends after so many. Since 1.21 the first 50 are printed, the rest
 * counted, the last 50 printed; but a context's frame that a symbolizer would name is counted without end
 * (printOneCgoTraceback goes on where commitFrame says not to print), so that the runtime goes on to print there, and
 * names a number of frames left out that is none. Where the first 50 end inside a context, the rest of it is lost.
 */
export class HookLimits {
  /** Frames that the walk may have; undefined since 1.21. */
  readonly #walkMax: number | undefined
  readonly #hasSymbolizer: boolean
  #walked = 0
  #printed = 0
  /** Of them those of the present physical frame. */
  #ofFrame = 0
  /** How many of a physical frame's were printed where the first 50 ended. */
  #stopped: number | undefined
  #resumed = 0
  #isInContext = false

  constructor(walkMax: number | undefined, hasSymbolizer: boolean) {
    this.#walkMax = walkMax
    this.#hasSymbolizer = hasSymbolizer
  }

  /** A physical frame begins; false: the walk has ended before it. */
  beginFrame(): boolean {
    this.#ofFrame = 0
    this.#isInContext = false
    if (this.#walkMax !== undefined && this.#walked >= this.#walkMax) return false
    this.#walked++
    return true
  }

  take(isContext: boolean): Place {
    if (this.#walkMax !== undefined) return isContext && ++this.#walked > this.#walkMax ? 'dropped' : 'kept'
    if (!this.#hasSymbolizer) return 'kept'
    if (this.#resumed > 0) return this.#resumed++ < GO_FRAMES ? 'kept' : 'dropped'
    if (this.#stopped === undefined) {
      if (this.#printed < GO_FRAMES) {
        this.#printed++
        this.#ofFrame++
        return 'kept'
      }
      this.#stopped = this.#ofFrame
      this.#isInContext = isContext
    }
    if (!isContext) return 'kept'
    if (this.#isInContext) return 'dropped'
    this.#resumed = 1
    return 'resumed'
  }

  /** Whether the rest of a context was lost: the same frame then gets the next one. */
  takeLost(): boolean {
    const isLost = this.#isInContext
    this.#isInContext = false
    return isLost
  }

  /** What the runtime says of frames left out, and how many come behind that; undefined: what it usually says. */
  get resumed(): {count: number; behind: number} | undefined {
    if (this.#resumed === 0) return undefined
    return {count: ENDLESS - GO_FRAMES - (this.#stopped ?? 0), behind: Math.min(this.#resumed, GO_FRAMES)}
  }
}
