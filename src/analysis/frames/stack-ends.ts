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

/**
 * Frames that are looked at when the outer list is cut: an array shifted once per frame would make deep stacks slow.
 */
const BATCH = 1024

/**
 * Takes a stack from the innermost frame out and keeps both its ends in bounded memory, however deep it is, so that the
 * beginning of a runaway recursion is seen too.
 */
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
    if (this.#left === 0 && this.#inner.length < this.#innerLimit) this.#inner.push(frame)
    else if (this.#outer.push(frame) > 2 * this.#outerLimit + BATCH) this.#trim()
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
    const frames = this.#inner.concat(this.#outer)
    return {
      frames,
      elided: count === 0 ? null : {after, count},
      missing: placeMarks(this.#marks, after, count, count > 0),
    }
  }

  #trim(): void {
    const excess = this.#outer.length - this.#outerLimit
    if (excess <= 0) return
    this.#left += excess
    this.#outer = this.#outer.slice(excess)
  }
}

/** Marks at their places once `left` frames behind the first `after` are gone; `isLimited`: that is one of them. */
export function placeMarks(
  marks: readonly {position: number; reason: MissingReason}[],
  after: number,
  left: number,
  isLimited: boolean,
): MissingFrames[] {
  const inner: MissingFrames[] = []
  const outer: MissingFrames[] = []
  for (const [index, {position, reason}] of marks.entries()) {
    const last = marks[index - 1]
    // Two parts of a stack that end in one place for one reason are missing as one.
    if (last?.position === position && last.reason === reason) continue
    if (position <= after) inner.push({after: position, reason})
    else if (position >= after + left) outer.push({after: position - left, reason})
  }
  return isLimited ? [...inner, {after, reason: 'frame-limit'}, ...outer] : [...inner, ...outer]
}
