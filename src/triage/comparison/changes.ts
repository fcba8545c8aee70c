import type {Change} from '../../report/vocabulary.ts'

/** How often something is in each of two. */
export interface Counts {
  readonly change: Change
  readonly before: number
  readonly after: number
}

export function countsOf(before: number, after: number): Counts {
  return {change: changeOf(before, after), before, after}
}

function changeOf(before: number, after: number): Change {
  if (before === after) return 'same'
  if (before === 0) return 'new'
  if (after === 0) return 'gone'
  return after > before ? 'grown' : 'shrunk'
}

type Pair = Pick<Counts, 'before' | 'after'>

/** The biggest difference first; of equal ones what is new. */
export function compareCounts(a: Pair, b: Pair): number {
  const difference = ({before, after}: Pair): number => Math.abs(after - before)
  const isNew = ({before}: Pair): number => Number(before === 0)
  return difference(b) - difference(a) || isNew(b) - isNew(a) || b.after - a.after
}
