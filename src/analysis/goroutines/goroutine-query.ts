import type {FrameReport} from '../../report/core-report.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {DeadProcess} from '../process/dead-process.ts'

export interface LabelQuery {
  key: string
  /** undefined: any value. */
  value: string | undefined
}

/** Which goroutines are wanted; all conditions have to hold. */
export interface GoroutineQuery {
  /** Matched against the text in brackets. */
  state: RegExp | undefined
  /** Matched against the name of each frame that is shown, Go and C. */
  function: RegExp | undefined
  labels: readonly LabelQuery[]
  /** Nanoseconds. */
  minWait: bigint | undefined
  ids: readonly number[] | undefined
}

export const SORTS = ['runtime', 'id', 'wait', 'state', 'count'] as const
/** `runtime`: as the runtime prints them. `wait`: the longest first. `count`: of groups, the biggest first. */
export type GoroutineSort = (typeof SORTS)[number]

/** How long a goroutine has been blocked at least, in nanoseconds; 0 where it is not, or nobody saw since when. */
export function waitTime({runtime}: DeadProcess, goroutine: Goroutine): bigint {
  const since = goroutine.waitSince
  if (!runtime || !goroutine.mayWait || since <= 0n) return 0n
  const now = runtime.nowLowerBound()
  return now > since ? now - since : 0n
}

/** What can be told without walking the stack. */
export function matchesFacts(
  process: DeadProcess,
  goroutine: Goroutine,
  query: GoroutineQuery,
  stateOf: (goroutine: Goroutine) => string,
): boolean {
  if (query.ids && !query.ids.includes(goroutine.id)) return false
  if (query.state && !query.state.test(stateOf(goroutine))) return false
  if (query.minWait !== undefined && waitTime(process, goroutine) < query.minWait) return false
  return query.labels.length === 0 || matchesLabels(goroutine.labels, query.labels)
}

function matchesLabels(labels: ReadonlyMap<string, string>, wanted: readonly LabelQuery[]): boolean {
  return wanted.every(({key, value}) => labels.has(key) && (value === undefined || labels.get(key) === value))
}

export function matchesFrames(frames: readonly FrameReport[], query: GoroutineQuery): boolean {
  const pattern = query.function
  return !pattern || frames.some(({function: name}) => name !== null && pattern.test(name))
}
