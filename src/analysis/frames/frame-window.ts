/** How many frames a release prints of one goroutine (runtime/traceback.go: tracebackInnerFrames, _TracebackMaxFrames). */
const INNER_FRAMES = 50
const OUTER_FRAMES = 50

interface Item<T> {
  frame: T
  counts: boolean
}

export interface WindowedFrames<T> {
  frames: T[]
  /** Frames left out after `frames[after - 1]`. */
  elided: {after: number; count: number} | null
}

/**
 * Takes a stack in printing order and keeps the first and the last 50 Go frames, as Go 1.21+ prints them, in bounded memory however
 * deep it is. Go frames count; C frames do not, and stay with the Go frame they follow.
 */
export class FrameWindow<T> {
  readonly #inner: T[] = []
  readonly #innerLimit: number
  #counted = 0
  #outer: Item<T>[] = []
  #outerCounted = 0
  #dropped = 0

  /** `isWhole`: every frame is kept. */
  constructor(isWhole: boolean) {
    this.#innerLimit = isWhole ? Number.POSITIVE_INFINITY : INNER_FRAMES
  }

  add(frame: T, counts: boolean): void {
    if (counts) this.#counted++
    if (this.#counted <= this.#innerLimit) {
      this.#inner.push(frame)
      return
    }
    this.#outer.push({frame, counts})
    if (counts) this.#outerCounted++
    // Trim in batches: an array shifted once per frame would make deep stacks slow.
    if (this.#outer.length > 8192) this.#trim()
  }

  take(): WindowedFrames<T> {
    this.#trim()
    const inner = this.#inner
    if (this.#outer.length === 0) return {frames: inner, elided: null}
    const frames = inner.concat(this.#outer.map(item => item.frame))
    return {frames, elided: this.#dropped > 0 ? {after: inner.length, count: this.#dropped} : null}
  }

  #trim(): void {
    const outer = this.#outer
    let excess = this.#outerCounted - OUTER_FRAMES
    if (excess <= 0) return
    this.#dropped += excess
    let cut = 0
    while (excess > 0) {
      if (outer[cut]?.counts) excess--
      cut++
    }
    // C frames that followed the last Go frame left out go with it.
    while (cut < outer.length && outer[cut]?.counts === false) cut++
    this.#outer = outer.slice(cut)
    this.#outerCounted = OUTER_FRAMES
  }
}
