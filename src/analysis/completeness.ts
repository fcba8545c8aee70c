import type {CompletenessReport, CrashReport, FrameReport, GoroutineReport} from '../report/core-report.ts'

function isUnnamedGo({kind, function: name}: FrameReport): boolean {
  return name === null && (kind === 'go' || kind === 'unknown')
}

/** Whether a stack was walked to its end, over no gap and by no guess; a callback that a panic left is none of it. */
export function isWhole({frames, missing, stop}: Pick<GoroutineReport, 'frames' | 'missing' | 'stop'>): boolean {
  if (stop !== 'end-of-stack' || missing.some(({reason}) => reason !== 'abandoned')) return false
  return frames.every(({foundBy}) => foundBy !== 'scan')
}

/** Counts, as the stacks are made, how much of the answer was there to be had. */
export class CompletenessCount {
  #stacks = 0
  #wholeStacks = 0
  #cFrames = 0
  #namedCFrames = 0

  add({frames, stop}: Pick<GoroutineReport, 'frames' | 'stop'>): void {
    this.#stacks++
    const ended = stop === 'end-of-stack'
    // Without function tables a stack may be walked to its end and still tell no name.
    if (ended && !frames.some(isUnnamedGo)) this.#wholeStacks++
    this.addCFrames(frames)
  }

  addCFrames(frames: readonly FrameReport[]): void {
    for (const frame of frames) {
      if (frame.kind !== 'c') continue
      this.#cFrames++
      if (frame.function !== null && frame.foundBy !== 'scan') this.#namedCFrames++
    }
  }

  /** `isCut`: what is missing cannot be counted; `unlisted`: goroutines that time did not allow to come to. */
  report(crash: CrashReport, isCut: boolean, unlisted: number): CompletenessReport {
    const stacks = this.#stacks + unlisted
    const goFrames = stacks === 0 ? null : this.#wholeStacks / stacks
    const cFrames = this.#cFrames === 0 ? null : this.#namedCFrames / this.#cFrames
    const parts = [goFrames, cFrames].filter(part => part !== null)
    const mean = parts.length === 0 ? null : parts.reduce((sum, part) => sum + part, 0) / parts.length
    // Of a living process nothing need be walked; of one that was not read to its end nobody knows.
    const none = crash.kind === 'none' && !isCut ? null : 0
    const score = mean === null ? none : isCut ? mean * 0.99 : mean
    return {goFrames, cFrames, score}
  }
}
