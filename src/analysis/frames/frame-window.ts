import type {MissingReason} from '../../report/vocabulary.ts'
import {type EndsOfStack, placeMarks} from './stack-ends.ts'

/**
 * How many frames a release prints at each end of a stack (runtime/traceback.go: tracebackInnerFrames,
 * tracebackOuterFrames).
 */
export const GO_FRAMES = 50
/**
 * Frames that are looked at when the outer list is cut: an array shifted once per frame would make deep stacks slow.
 */
const BATCH = 8192

/**
 * Takes a stack in printing order and keeps both its ends in bounded memory, however deep it is: so many Go frames at
 * each as Go prints, and no more frames of any kind than half the limit. C frames stay with the Go frame that they
 * follow.
 */
export class FrameWindow<T extends {readonly isGo: boolean}> {
  readonly #inner: T[] = []
  readonly #goLimit: number
  readonly #limit: number
  readonly #marks: {position: number; reason: MissingReason}[] = []
  #innerGo = 0
  #outer: T[] = []
  #outerGo = 0
  #leftGo = 0
  #leftC = 0
  /** Frames were left out because of their number, not as Go leaves them out. */
  #isOverLimit = false

  /** `goLimit`: Go frames at each end; `limit`: frames at both. */
  constructor(goLimit: number, limit: number) {
    this.#goLimit = goLimit
    this.#limit = Math.max(1, Math.floor(limit / 2))
  }

  add(frame: T): void {
    const go = frame.isGo ? 1 : 0
    const isOuter = this.#outer.length + this.#leftC > 0
    if (!isOuter && this.#innerGo + go <= this.#goLimit && this.#inner.length < this.#limit) {
      this.#innerGo += go
      this.#inner.push(frame)
      return
    }
    this.#outerGo += go
    if (this.#outer.push(frame) > BATCH + this.#limit) this.#trim()
  }

  /** So many frames of C come next that nobody kept. */
  skip(count: number): void {
    this.#isOverLimit = true
    this.#leave(this.#outer.length)
    this.#leftC += count
  }

  /** The outer end begins anew with what comes next: nothing between is shown. */
  leaveOuter(): void {
    this.#leave(this.#outer.length)
  }

  /** Frames are missing here. */
  mark(reason: MissingReason): void {
    const position = this.#inner.length + this.#leftGo + this.#leftC + this.#outer.length
    this.#marks.push({position, reason})
  }

  /** `isLimited`: the stack has more frames than the limit allows, whatever Go leaves out of it. */
  take(isLimited: boolean): EndsOfStack<T> & {isLimited: boolean} {
    const after = this.#inner.length
    if (this.#outer.length + this.#leftC === 0 && this.#marks.length === 0) {
      return {frames: this.#inner, elided: null, missing: [], isLimited: false}
    }
    this.#trim()
    const left = this.#leftGo + this.#leftC
    const reached = left > 0 && (isLimited || this.#isOverLimit)
    // Go counts its own frames.
    const count = this.#isOverLimit ? left : this.#leftGo
    return {
      frames: this.#inner.concat(this.#outer),
      elided: count > 0 ? {after, count} : null,
      missing: placeMarks(this.#marks, after, left, reached),
      isLimited: reached,
    }
  }

  /** Leaves out what is neither of the last Go frames nor of the last frames at all. */
  #trim(): void {
    const outer = this.#outer
    let excess = this.#outerGo - this.#goLimit
    let cut = 0
    for (; excess > 0; cut++) if (outer[cut]?.isGo) excess--
    // C frames that followed the last Go frame left out go with it.
    while (cut > 0 && cut < outer.length && outer[cut]?.isGo === false) cut++
    if (outer.length - cut > this.#limit) {
      this.#isOverLimit = true
      cut = outer.length - this.#limit
    }
    this.#leave(cut)
  }

  #leave(count: number): void {
    if (count === 0) return
    let go = 0
    for (let index = 0; index < count; index++) if (this.#outer[index]?.isGo) go++
    this.#leftGo += go
    this.#leftC += count - go
    this.#outerGo -= go
    this.#outer = this.#outer.slice(count)
  }
}
