import type {CompletenessReport, CrashReport} from '../report/core-report.ts'
import {isTold, type Shown, UNTOLD} from './losses.ts'

/** Counts, as the stacks are made, how much of the answer was there to be had. */
export class CompletenessCount {
  #stacks = 0
  #wholeStacks = 0
  #cFrames = 0
  #namedCFrames = 0
  /** Each had one frame at least. */
  #lostCalls = 0

  add(stack: Shown): void {
    this.#stacks++
    if (isTold(stack)) this.#wholeStacks++
    this.addCFrames(stack)
  }

  /** A stack that is told, without C. */
  addTold(): void {
    this.#stacks++
    this.#wholeStacks++
  }

  addCFrames(stack: Shown): void {
    this.#lostCalls += countLostCalls(stack)
    for (const frame of stack.frames) {
      if (frame.kind !== 'c') continue
      this.#cFrames++
      if (frame.function !== null && frame.foundBy !== 'scan') this.#namedCFrames++
    }
  }

  /**
   * `uncounted`: what is missing besides, and cannot be counted, in words; `unlisted`: goroutines that time did not
   * allow to come to; `share`: of the memory that the core was to hold, what is there.
   */
  report(crash: CrashReport, uncounted: readonly string[], unlisted: number, share = 1): CompletenessReport {
    const isCut = uncounted.length > 0
    const stacks = this.#stacks + unlisted
    const goFrames = stacks === 0 ? null : this.#wholeStacks / stacks
    const ofC = this.#cFrames + this.#lostCalls
    const cFrames = ofC === 0 ? null : this.#namedCFrames / ofC
    // Of what is cut, a list of goroutines that is not there was lost.
    const parts = [goFrames ?? (isCut ? 0 : null), cFrames].filter(part => part !== null)
    const mean = parts.length === 0 ? null : parts.reduce((sum, part) => sum + part, 0) / parts.length
    // Of a living process nothing need be walked; of one that was not read to its end nobody knows.
    const none = crash.kind === 'none' && !isCut ? null : 0
    // As much may have been in what is cut off as is in the rest.
    const score = mean === null ? none : isCut ? mean * Math.min(share, 0.99) : mean
    return {goFrames, cFrames, score, reasons: score === 1 ? [] : this.#reasons(stacks, uncounted)}
  }

  #reasons(stacks: number, uncounted: readonly string[]): string[] {
    const reasons: string[] = []
    if (stacks === 0) reasons.push('no stack of a goroutine was found')
    const unfinished = stacks - this.#wholeStacks
    if (unfinished > 0) reasons.push(`${unfinished} of ${stacks} ${UNTOLD}`)
    const unnamed = this.#cFrames - this.#namedCFrames
    if (unnamed > 0) reasons.push(`${unnamed} of ${this.#cFrames} C frames have no name or were guessed`)
    if (this.#lostCalls > 0) reasons.push(`${this.#lostCalls} stacks of C are not in the core`)
    return [...reasons, ...uncounted]
  }
}

/** Parts of a stack whose memory is not there, and that were not Go's own, which would go on behind them. */
function countLostCalls({frames, missing, stop}: Shown): number {
  const isOfC = stop === 'unmapped' && frames.every(({kind}) => kind !== 'go')
  return isOfC ? 1 : missing.filter(({after, reason}) => reason === 'unmapped' && after < frames.length).length
}
