import type {BatchLine} from '../report/core-report.ts'
import type {AnalystPool} from './analyst-pool.ts'
import {PASSED_OVER, type PassedOver, type WorkItem} from './work-list.ts'

/** What a run has come to. */
export interface BatchCounts {
  /** Cores that got a line. */
  lines: number
  /** Lines with an error. */
  errors: number
  /** Lines without one whose completeness is below 1. */
  incomplete: number
  /** Cores that had a line already. */
  known: number
  /** Files in folders and behind patterns that got none. */
  passedOver: Record<PassedOver, number>
}

export function noCounts(): BatchCounts {
  const passedOver = Object.fromEntries(PASSED_OVER.map(reason => [reason, 0])) as BatchCounts['passedOver']
  return {lines: 0, errors: 0, incomplete: 0, known: 0, passedOver}
}

export interface BatchRun {
  readonly items: Iterable<WorkItem | PassedOver>
  readonly pool: Pick<AnalystPool, 'analyze'>
  readonly jobs: number
  /** Which attempt a core is at; undefined where it has a line that stands. */
  readonly attemptOf: (item: WorkItem) => number | undefined
  /** After it no further core is begun and no line comes; closing the pool wakes what waits for one. */
  readonly signal: AbortSignal
  /** Gets the counts whenever they change. */
  readonly onProgress: (counts: Readonly<BatchCounts>) => void
}

/** The lines as they come, `jobs` cores at a time. */
export async function* runBatch(run: BatchRun, counts: BatchCounts): AsyncGenerator<BatchLine> {
  const {pool, jobs, signal, onProgress} = run
  const running = new Map<WorkItem, Promise<{item: WorkItem; line: BatchLine | null}>>()
  const items = run.items[Symbol.iterator]()
  const take = (found: WorkItem | PassedOver): void => {
    const attempt = typeof found === 'string' ? undefined : run.attemptOf(found)
    if (typeof found === 'string') counts.passedOver[found]++
    else if (attempt === undefined) counts.known++
    else {
      const item = {...found, attempt}
      running.set(
        item,
        pool.analyze(item).then(line => ({item, line})),
      )
    }
  }
  for (;;) {
    while (running.size < jobs && !signal.aborted) {
      const {value: item, done} = items.next()
      if (done) break
      take(item)
      onProgress(counts)
    }
    if (running.size === 0 || signal.aborted) return
    const {item, line} = await Promise.race(running.values())
    running.delete(item)
    if (signal.aborted) continue
    count(line, counts)
    onProgress(counts)
    if (line) yield line
  }
}

function count(line: BatchLine | null, counts: BatchCounts): void {
  if (line === null) {
    counts.passedOver['packed, no core']++
    return
  }
  counts.lines++
  if (line.error) counts.errors++
  else if (line.completeness?.score !== 1) counts.incomplete++
}
