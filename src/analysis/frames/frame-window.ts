import type {MissingReason} from '../../report/vocabulary.ts'
import type {EndsOfStack, MissingFrames} from './stack-ends.ts'

/** How many frames a release prints at each end of a stack (runtime/traceback.go: tracebackInnerFrames, tracebackOuterFrames). */
export const GO_FRAMES = 50
/** Where the outer list is cut: an array shifted once per frame would make deep stacks slow. */
const BATCH = 8192

interface Item<T> {
  /** undefined: a mark. */
  frame: T | undefined
  isGo: boolean
  missing: MissingReason | undefined
}

/**
 * Takes a stack in printing order and keeps both its ends in bounded memory, however deep it is: so many Go frames at each as Go prints,
 * and no more frames of any kind than half the limit. C frames stay with the Go frame that they follow.
 */
export class FrameWindow<T> {
  readonly #inner: Item<T>[] = []
  readonly #goLimit: number
  readonly #limit: number
  #innerGo = 0
  #outer: Item<T>[] = []
  #outerGo = 0
  #leftOutGo = 0
  #leftOutC = 0
  /** Frames of C were left out because of their number, not with the Go frames around them. */
  #isOverLimit = false

  /** `goLimit`: Go frames at each end; `limit`: frames at both. */
  constructor(goLimit: number, limit: number) {
    this.#goLimit = goLimit
    this.#limit = Math.max(1, Math.floor(limit / 2))
  }

  add(frame: T, isGo: boolean): void {
    this.#put({frame, isGo, missing: undefined})
  }

  /** Frames are missing here. */
  mark(missing: MissingReason): void {
    this.#put({frame: undefined, isGo: false, missing})
  }

  /** So many frames of C come next that nobody kept. */
  skip(count: number): void {
    this.#isOverLimit = true
    this.#leave(this.#outer.length)
    this.#leftOutC += count
  }

  /** `isLimited`: the stack had more frames than the limit allows, whatever was left out because Go leaves it out. */
  take(isLimited: boolean): EndsOfStack<T> & {isLimited: boolean} {
    this.#trim()
    const count = this.#leftOutGo + (this.#isOverLimit ? this.#leftOutC : 0)
    const missing: MissingFrames[] = []
    const frames: T[] = []
    putItems(this.#inner, frames, missing)
    const elided = count > 0 ? {after: frames.length, count} : null
    const reached = elided !== null && (isLimited || this.#isOverLimit)
    if (reached) missing.push({after: frames.length, reason: 'frame-limit'})
    putItems(this.#outer, frames, missing)
    return {frames, elided, missing, isLimited: reached}
  }

  #put(item: Item<T>): void {
    const isStarted = this.#outer.length > 0 || this.#leftOutC > 0
    const innerGo = this.#innerGo + (item.isGo ? 1 : 0)
    if (!isStarted && innerGo <= this.#goLimit && this.#inner.length < this.#limit) {
      this.#innerGo = innerGo
      this.#inner.push(item)
      return
    }
    this.#outer.push(item)
    if (item.isGo) this.#outerGo++
    if (this.#outer.length > BATCH + this.#limit) this.#trim()
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
    for (const {isGo, frame} of this.#outer.slice(0, count)) {
      if (isGo) this.#leftOutGo++
      else if (frame !== undefined) this.#leftOutC++
    }
    this.#outer = this.#outer.slice(count)
    this.#outerGo = this.#outer.filter(({isGo}) => isGo).length
  }
}

function putItems<T>(items: readonly Item<T>[], frames: T[], missing: MissingFrames[]): void {
  for (const item of items) {
    if (item.frame !== undefined) frames.push(item.frame)
    if (item.missing) missing.push({after: frames.length, reason: item.missing})
  }
}
