import type {BatchLine} from '../report/core-report.ts'
import type {AnalystPool} from './analyst-pool.ts'
import type {WorkItem} from './work-list.ts'

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
}

export interface BatchRun {
  readonly items: Iterable<WorkItem>
  readonly pool: Pick<AnalystPool, 'analyze'>
  readonly jobs: number
  readonly isKnown: (item: WorkItem) => boolean
  /** After it no further core is begun and no line comes; closing the pool wakes what waits for one. */
  readonly signal: AbortSignal
  /** Gets the counts whenever they change. */
  readonly onProgress: (counts: Readonly<BatchCounts>) => void
}

/** The lines as they come, `jobs` cores at a time. */
export async function* runBatch(run: BatchRun, counts: BatchCounts): AsyncGenerator<BatchLine> {
  const {pool, jobs, isKnown, signal, onProgress} = run
  const running = new Map<WorkItem, Promise<{item: WorkItem; line: BatchLine | null}>>()
  const items = run.items[Symbol.iterator]()
  const begin = (item: WorkItem): void => {
    running.set(
      item,
      pool.analyze(item).then(line => ({item, line})),
    )
  }
  for (;;) {
    while (running.size < jobs && !signal.aborted) {
      const {value: item, done} = items.next()
      if (done) break
      if (!isKnown(item)) begin(item)
      else {
        counts.known++
        onProgress(counts)
      }
    }
    if (running.size === 0 || signal.aborted) return
    const {item, line} = await Promise.race(running.values())
    running.delete(item)
    if (line === null || signal.aborted) continue
    count(line, counts)
    onProgress(counts)
    yield line
  }
}

function count(line: BatchLine, counts: BatchCounts): void {
  counts.lines++
  if (line.error) counts.errors++
  else if (line.completeness?.score !== 1) counts.incomplete++
}
