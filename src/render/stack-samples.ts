import {EMPTY_LIST, Numbering, PrefixTree} from '../base/prefix-tree.ts'
import type {FrameReport, GoroutinesReport} from '../report/core-report.ts'
import {placeInModule} from '../report/vocabulary.ts'

/** What a profile tells of a frame. */
export type SampledFrame = Pick<
  FrameReport,
  'kind' | 'function' | 'file' | 'line' | 'column' | 'pc' | 'inlined' | 'module' | 'moduleOffset'
>

/** Goroutines that have the same stack, state and labels: one sample of a profile. */
export interface StackSample {
  /** Innermost first; without those of the seam between the stacks. */
  readonly frames: readonly SampledFrame[]
  readonly state: string
  readonly labels: Readonly<Record<string, string>>
  /** How many goroutines. */
  readonly count: number
}

/** The answer of `goroutines`, as far as its stacks are counted. */
export type CountedAnswer = Pick<GoroutinesReport, 'goroutines' | 'groups' | 'noteLimit'>

/** Frames of different stacks that are held: some 400 MB. A million different stacks have less. */
const FRAMES_HELD = 16_000_000
/** Different labels that are held. */
const LABELS_HELD = 100_000

/** Stands for all that a stack would have further in, where there is no more room. */
const LEFT_OUT: SampledFrame = {
  kind: 'unknown',
  function: '[frames left out: too many different stacks]',
  file: null,
  line: null,
  column: null,
  pc: null,
  inlined: false,
  module: null,
  moduleOffset: null,
}

type Tag = Pick<StackSample, 'state' | 'labels'>

/**
 * The goroutines of a core as samples. A million different stacks are held in little room: those that begin alike
 * share their outer frames, and a frame is a number.
 */
export class StackSamples implements Iterable<StackSample> {
  /**
   * Frames from the outermost on, as even numbers; behind them an odd one for state and labels. So the samples are the
   * lists that end in an odd number.
   */
  readonly #tree = new PrefixTree()
  readonly #counts = new Map<number, number>()
  readonly #frames = new Numbering<SampledFrame>()
  readonly #tags = new Numbering<Tag>()
  readonly #noteLimit: (what: string) => void

  constructor(answer: CountedAnswer) {
    this.#noteLimit = answer.noteLimit.bind(answer)
    for (const {frames, state, labels} of answer.goroutines ?? []) this.#add(frames, {state, labels}, 1)
    for (const {frames, state, count} of answer.groups ?? []) this.#add(frames, {state, labels: {}}, count)
  }

  /** Each frame that a sample has. */
  get frames(): readonly SampledFrame[] {
    return this.#frames.values
  }

  *[Symbol.iterator](): Generator<StackSample> {
    for (const [list, count] of this.#counts) {
      const tag = this.#tags.values[(this.#tree.lastOf(list) - 1) / 2] as Tag
      const frames: SampledFrame[] = []
      for (const number of this.#tree.backwards(this.#tree.parentOf(list))) frames.push(this.#frameOf(number))
      yield {...tag, frames, count}
    }
  }

  /**
   * The samples without states and labels, with another idea of which frames are the same.
   * @param numberOf what frames that are the same have in common
   */
  merge(numberOf: (frame: SampledFrame) => number): {tree: PrefixTree; counts: Float64Array} {
    const numbers = this.frames.map(numberOf)
    const merged = new PrefixTree()
    const lists = new Uint32Array(this.#tree.size)
    for (let list = 1; list < this.#tree.size; list++) {
      const parent = lists[this.#tree.parentOf(list)] as number
      const number = this.#tree.lastOf(list)
      lists[list] = number % 2 === 1 ? parent : merged.append(parent, numbers[number / 2] as number)
    }
    const counts = new Float64Array(merged.size)
    for (const [list, count] of this.#counts)
      counts[lists[list] as number] = (counts[lists[list] as number] ?? 0) + count
    return {tree: merged, counts}
  }

  #add(frames: readonly FrameReport[], tag: Tag, count: number): void {
    let list = EMPTY_LIST
    for (let index = frames.length - 1; index >= 0; index--) {
      const frame = frames[index] as FrameReport
      if (frame.kind === 'switch') continue
      const next = this.#append(list, 2 * this.#numberOf(frame))
      if (next === undefined) {
        this.#noteLimit('different stacks')
        list = this.#tree.append(list, 2 * this.#frames.numberOf('', () => LEFT_OUT))
        break
      }
      list = next
    }
    const sample = this.#tree.append(list, 2 * this.#tagOf(tag) + 1)
    this.#counts.set(sample, (this.#counts.get(sample) ?? 0) + count)
  }

  #append(list: number, number: number): number | undefined {
    return this.#tree.size < FRAMES_HELD ? this.#tree.append(list, number) : this.#tree.find(list, number)
  }

  #frameOf(number: number): SampledFrame {
    return this.#frames.values[number / 2] as SampledFrame
  }

  /** What is the same for all goroutines of a sample: not the arguments. */
  #numberOf(frame: FrameReport): number {
    return this.#frames.numberOf(`${frame.pc} ${frame.inlined} ${frame.function}`, () => sampled(frame))
  }

  #tagOf({state, labels}: Tag): number {
    const key = JSON.stringify([state, Object.entries(labels)])
    const isFull = this.#tags.values.length >= LABELS_HELD && Object.keys(labels).length > 0
    if (!isFull) return this.#tags.numberOf(key, () => ({state, labels}))
    this.#noteLimit('different labels')
    return this.#tags.numberOf(JSON.stringify([state, []]), () => ({state, labels: {}}))
  }
}

function sampled(frame: FrameReport): SampledFrame {
  const {kind, function: name, file, line, column, pc, inlined, module, moduleOffset} = frame
  return {kind, function: name, file, line, column, pc, inlined, module, moduleOffset}
}

/** A frame's name in a profile, where each has to have one: else the module and the offset in it, or the pc. */
export function nameOfFrame(frame: SampledFrame): string {
  return frame.function ?? placeInModule(frame) ?? frame.pc ?? '?'
}
