import type {FrameReport} from '../../report/core-report.ts'

/** What may differ between the goroutines of one group, and what that means. */
export const SIMILARITIES = {
  exact: 'nothing',
  arguments: 'the arguments',
  lines: 'arguments and lines',
  inner: 'all but the outer frames, from the one that the goroutine began in',
} as const
export type Similarity = keyof typeof SIMILARITIES

/** Outermost frames that are compared: a group must stay small. */
const COMPARED_MAX = 50

type Place = Pick<FrameReport, 'function' | 'file' | 'line' | 'offset'>

/** The outer frames that all stacks of a group have, by function; a line is told where it is the same in all. */
export class SharedFrames {
  /** Outermost first. */
  #places: readonly Place[]
  /** All stacks have no frames but these. */
  #isWhole: boolean
  #count: number

  constructor(frames: readonly FrameReport[]) {
    this.#places = outermost(frames)
    this.#count = frames.length
    this.#isWhole = true
  }

  /** One more stack. */
  add(frames: readonly FrameReport[]): void {
    const others = outermost(frames)
    const differs = this.#places.findIndex((place, index) => !isSameFunction(place, others[index]))
    const length = differs < 0 ? this.#places.length : differs
    if (differs >= 0 || frames.length !== this.#count) this.#isWhole = false
    this.#places = this.#places.slice(0, length).map((place, index) => join(place, others[index] ?? place))
  }

  /** Of the first stack what all have; `isWhole` is false where its inner frames are its own. */
  of(frames: readonly FrameReport[]): {frames: FrameReport[]; isWhole: boolean} {
    const shown = this.#isWhole ? frames : frames.slice(frames.length - this.#places.length)
    return {
      frames: shown.map((frame, index) => {
        const place = this.#places[shown.length - 1 - index]
        return place?.line === frame.line ? frame : {...frame, line: null, column: null, offset: null, pc: null}
      }),
      isWhole: this.#isWhole,
    }
  }
}

function outermost(frames: readonly FrameReport[]): Place[] {
  const kept = frames.slice(-COMPARED_MAX).reverse()
  return kept.map(({function: name, file, line, offset}) => ({function: name, file, line, offset}))
}

function isSameFunction(a: Place, b: Place | undefined): boolean {
  return b !== undefined && a.function === b.function && a.file === b.file
}

function join(a: Place, b: Place): Place {
  return a.line === b.line && a.offset === b.offset ? a : {...a, line: null, offset: null}
}
