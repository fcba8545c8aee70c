import type {CompletenessReport, CrashReport, FrameReport, GoroutineReport} from '../report/core-report.ts'
import {PARTIAL} from './losses.ts'

function isUnnamedGo({kind, function: name}: FrameReport): boolean {
  return name === null && (kind === 'go' || kind === 'unknown')
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
    return {goFrames, cFrames, score, reasons: score === 1 ? [] : this.#reasons(stacks, isCut)}
  }

  #reasons(stacks: number, isCut: boolean): string[] {
    const reasons: string[] = []
    if (stacks === 0) reasons.push('no stack of a goroutine was found')
    const unfinished = stacks - this.#wholeStacks
    if (unfinished > 0)
      reasons.push(`${unfinished} of ${stacks} stacks were not walked to their end with every Go frame named`)
    const unnamed = this.#cFrames - this.#namedCFrames
    if (unnamed > 0) reasons.push(`${unnamed} of ${this.#cFrames} C frames have no name or were guessed`)
    if (isCut) reasons.push(PARTIAL)
    return reasons
  }
}
