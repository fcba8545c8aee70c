import {type Contestant, ourselves} from './contestants.ts'
import type {CoreShape} from './cores.ts'

/** One core, and what is asked of it. */
export interface Subject extends CoreShape {
  name: string
  program: 'crowd' | 'deep' | 'threads'
  what: string
  ours: readonly Contestant[]
  /** Peers take minutes here, or do not read it: we run alone. */
  alone?: boolean
  /** Made only when it is asked for by name: gigabytes, and minutes. */
  isLarge?: boolean
}

const ANALYZE = [ourselves('analyze')]

function crowd(goroutines: number, rest: Partial<Subject> = {}): Subject {
  const what = `${goroutines.toLocaleString('en')} goroutines`
  const name = `crowd-${goroutines}`
  return {name, program: 'crowd', arguments: [goroutines, 1], what, ours: ANALYZE, ...rest}
}

function deep(frames: number): Subject {
  const what = `a fault below ${frames.toLocaleString('en')} frames of C`
  return {name: `deep-${frames}`, program: 'deep', arguments: [frames], what, ours: ANALYZE}
}

export const SUBJECTS: readonly Subject[] = [
  crowd(4, {name: 'small', ours: [ourselves('analyze'), ourselves('info'), ourselves('threads')]}),
  crowd(4, {name: 'small-zst', compressed: true, alone: true}),
  crowd(1000),
  crowd(10_000),
  crowd(10_000, {name: 'crowd-10000-heap', arguments: [10_000, 2000]}),
  crowd(100_000, {
    ours: [ourselves('analyze'), ourselves('analyze', '--json'), ourselves('goroutines', '--group')],
    alone: true,
  }),
  crowd(1_000_000, {ours: [ourselves('analyze'), ourselves('goroutines', '--group')], alone: true, isLarge: true}),
  deep(10),
  deep(100),
  deep(1000),
  deep(10_000),
  {
    name: 'threads',
    program: 'threads',
    arguments: [200, 100],
    what: '200 threads of 100 frames of C',
    ours: [ourselves('threads')],
  },
]
