import type {MissingReason} from '../../report/vocabulary.ts'

/** What was left out of a list of frames. */
export interface Elision {
  /** It stood after `frames[after - 1]`. */
  readonly after: number
  readonly count: number
}

/** Where frames are missing in a list of them: after `frames[after - 1]`. */
export interface MissingFrames {
  readonly after: number
  readonly reason: MissingReason
}

export interface EndsOfStack<T> {
  readonly frames: T[]
  readonly elided: Elision | null
  readonly missing: MissingFrames[]
}

/** Takes a stack from the innermost frame out and keeps both its ends, so that the beginning of a runaway recursion is seen too. */
export class StackEnds<T> {
  readonly #inner: T[] = []
  readonly #innerLimit: number
  readonly #outerLimit: number
  readonly #marks: {position: number; reason: MissingReason}[] = []
  #outer: T[] = []
  /** How many were left out between the two. */
  #left = 0

  /** `limit`: frames that are kept, half of them at each end. */
  constructor(limit: number) {
    this.#innerLimit = Math.ceil(limit / 2)
    this.#outerLimit = Math.floor(limit / 2)
  }

  add(frame: T): void {
    if (this.#left === 0 && this.#inner.length < this.#innerLimit) {
      this.#inner.push(frame)
      return
    }
    this.#outer.push(frame)
    // Trimmed in batches: an array shifted once per frame would make deep stacks slow.
    if (this.#outer.length > 2 * this.#outerLimit + 1024) this.#trim()
  }

  /** So many frames come next that nobody kept. */
  skip(count: number): void {
    this.#left += this.#outer.length + count
    this.#outer = []
  }

  /** Frames are missing here. */
  mark(reason: MissingReason): void {
    this.#marks.push({position: this.#inner.length + this.#left + this.#outer.length, reason})
  }

  take(): EndsOfStack<T> {
    this.#trim()
    const after = this.#inner.length
    const count = this.#left
    const missing = this.#marks.flatMap(({position, reason}) => {
      if (position <= after) return [{after: position, reason}]
      return position < after + count ? [] : [{after: position - count, reason}]
    })
    if (count === 0) return {frames: this.#inner.concat(this.#outer), elided: null, missing}
    const inner = missing.filter(each => each.after <= after)
    return {
      frames: this.#inner.concat(this.#outer),
      elided: {after, count},
      missing: [...inner, {after, reason: 'frame-limit'}, ...missing.slice(inner.length)],
    }
  }

  #trim(): void {
    const excess = this.#outer.length - this.#outerLimit
    if (excess <= 0) return
    this.#left += excess
    this.#outer = this.#outer.slice(excess)
  }
}
