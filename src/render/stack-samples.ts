import type {FrameReport, GoroutinesReport} from '../report/core-report.ts'
import {placeInModule} from '../report/vocabulary.ts'

/** Goroutines that have the same stack, state and labels: one sample of a profile. */
export interface StackSample {
  /** Innermost first; without those of the seam between the stacks. */
  readonly frames: readonly FrameReport[]
  readonly state: string
  readonly labels: Readonly<Record<string, string>>
  /** How many goroutines. */
  count: number
}

/** The goroutines of a core as samples, in the order in which the first of each was met. */
export function countStacks({goroutines, groups}: Pick<GoroutinesReport, 'goroutines' | 'groups'>): StackSample[] {
  const samples = new Map<string, StackSample>()
  const add = ({frames, ...rest}: StackSample): void => {
    const sample = {...rest, frames: frames.filter(({kind}) => kind !== 'switch')}
    const key = keyOf(sample)
    const known = samples.get(key)
    if (known) known.count += sample.count
    else samples.set(key, sample)
  }
  for (const {frames, state, labels} of goroutines ?? []) add({frames, state, labels, count: 1})
  for (const {frames, state, count} of groups ?? []) add({frames, state, labels: {}, count})
  return [...samples.values()]
}

/** What is the same for all goroutines of a sample: not the arguments. */
function keyOf({frames, state, labels}: StackSample): string {
  const places = frames.map(({pc, function: name, inlined}) => `${pc} ${inlined} ${name}`)
  return JSON.stringify([state, Object.entries(labels), places])
}

/** A frame's name in a profile, where each has to have one: else the module and the offset in it, or the pc. */
export function nameOfFrame(frame: FrameReport): string {
  return frame.function ?? placeInModule(frame) ?? frame.pc ?? '?'
}
