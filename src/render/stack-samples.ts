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
  const places = new Map<string, Place>()
  const add = (sample: StackSample): void => {
    const stack = sample.frames.filter(({kind}) => kind !== 'switch').map(frame => placeOf(frame, places))
    const key = JSON.stringify([sample.state, Object.entries(sample.labels), stack.map(({id}) => id).join()])
    const known = samples.get(key)
    if (known) known.count += sample.count
    else samples.set(key, {...sample, frames: stack.map(({frame}) => frame)})
  }
  for (const {frames, state, labels} of goroutines ?? []) add({frames, state, labels, count: 1})
  for (const {frames, state, count} of groups ?? []) add({frames, state, labels: {}, count})
  return [...samples.values()]
}

/** Where frames of many samples are: one of them stands for all, so that a million stacks need little room. */
interface Place {
  readonly id: number
  readonly frame: FrameReport
}

/** What is the same for all goroutines of a sample: not the arguments. */
function placeOf(frame: FrameReport, places: Map<string, Place>): Place {
  const key = `${frame.pc} ${frame.inlined} ${frame.function}`
  const known = places.get(key)
  if (known) return known
  const place = {id: places.size, frame}
  places.set(key, place)
  return place
}

/** A frame's name in a profile, where each has to have one: else the module and the offset in it, or the pc. */
export function nameOfFrame(frame: FrameReport): string {
  return frame.function ?? placeInModule(frame) ?? frame.pc ?? '?'
}
