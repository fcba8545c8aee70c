import {setImmediate as turnOfLoop} from 'node:timers/promises'
import workerpool from 'workerpool'
import {LastingFiles} from '../acquire/lasting-files.ts'
import {BoundedCache} from '../base/bounded-cache.ts'
import {describeFailure} from '../base/errors.ts'
import {Stopwatch} from '../base/stopwatch.ts'
import type {BatchLine, FailureReport} from '../report/core-report.ts'
import {errorLine, type LineContext, type LineOptions, makeLine} from './core-line.ts'
import type {WorkItem} from './work-list.ts'

export interface PoolOptions {
  /** The program that is started for each process, with its arguments; it must call `serveAnalyses`. */
  readonly script: string
  readonly scriptArguments: readonly string[]
  readonly nodeArguments: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly jobs: number
  /** Of the heap of each process. */
  readonly memoryMb: number
  /** Whether that is what a process has that nothing is told. */
  readonly isUsualMemory?: boolean
  /** A process that takes longer for a core is killed. */
  readonly timeoutSeconds: number
}

/**
 * Of the time for a core: after it the analysis ends itself, with what it has; only one that does not come to it is
 * killed.
 */
const SOFT_SHARE = 0.8
/** A process that was told to end has nothing to tidy up. */
const TERMINATE_MS = 100
/** A process on a busy machine may take its time to start; that is not the core's. */
const START_MS = 60_000
const STDERR_KEPT = 4096

/** The limit of the heap is not an argument: Node as part of one executable takes none. */
function environmentOf({environment, memoryMb, isUsualMemory}: PoolOptions): PoolOptions['environment'] {
  if (isUsualMemory) return environment
  return {
    ...environment,
    NODE_OPTIONS: `${environment.NODE_OPTIONS ?? ''} --max-old-space-size=${memoryMb}`.trimStart(),
  }
}

/** Processes that analyse cores, so that one that dies or hangs costs its core alone. */
export class AnalystPool {
  readonly #pool: workerpool.Pool
  readonly #options: PoolOptions
  readonly #line: LineOptions
  #isClosed = false

  constructor(options: PoolOptions, line: Omit<LineOptions, 'softTimeoutMs'>) {
    const {script, scriptArguments, nodeArguments, jobs, timeoutSeconds} = options
    this.#options = options
    this.#line = {...line, softTimeoutMs: timeoutSeconds * 1000 * SOFT_SHARE}
    this.#pool = workerpool.pool(script, {
      workerType: 'process',
      maxWorkers: jobs,
      forkArgs: [...scriptArguments],
      forkOpts: {execArgv: [...nodeArguments], env: environmentOf(options)},
      workerTerminateTimeout: TERMINATE_MS,
      // What a dying process says is for the line, not for the terminal.
      emitStdStreams: true,
    })
  }

  /** The line of a core; null where the file holds none. Never rejects. */
  async analyze({error, ...item}: WorkItem): Promise<BatchLine | null> {
    const {tool} = this.#line.analysis
    if (error) return errorLine(item, tool, describeFailure(error))
    const watch = new Stopwatch()
    const last = {text: ''}
    const duration = (line: BatchLine): BatchLine => ({...line, durationMs: watch.milliseconds})
    try {
      return await this.#run(item, last)
    } catch (cause) {
      return duration(errorLine(item, tool, this.#explainDeath(cause, last.text)))
    }
  }

  async #run(item: Omit<WorkItem, 'error'>, last: {text: string}): Promise<BatchLine | null> {
    for (let attempt = 0; ; attempt++) {
      let begun = false
      const timeout = this.#options.timeoutSeconds * 1000
      const on = (event: WorkerEvent): void => {
        if (event === BEGUN) {
          begun = true
          answer.timeout(timeout)
        } else if (event.stderr !== undefined) last.text = (last.text + event.stderr).slice(-STDERR_KEPT)
      }
      const answer = this.#pool.exec('makeLine', [item, this.#line], {on})
      try {
        return await answer.timeout(timeout + START_MS)
      } catch (cause) {
        // A process that died before it came to this core, after its last one, says nothing about this one.
        if (begun || attempt > 0 || this.#isClosed || isTimeout(cause)) throw cause
      }
    }
  }

  #explainDeath(cause: unknown, lastWords: string): FailureReport {
    const {timeoutSeconds, memoryMb} = this.#options
    if (isTimeout(cause)) {
      return {
        code: 'timeout',
        message: `no answer within ${timeoutSeconds} s`,
        hint: 'give it longer with --timeout SECONDS, or look at it alone: gotrace-core analyze',
      }
    }
    const text = cause instanceof Error ? cause.message : String(cause)
    if (/heap out of memory|Allocation failed/.test(lastWords)) {
      return {
        code: 'out-of-memory',
        message: `the analysis needs more than ${memoryMb} MB`,
        hint: 'give it more with --memory MB, and fewer at a time with --jobs N',
      }
    }
    const signal = /signalCode: `(SIG\w+)`/.exec(text)?.[1]
    const exitCode = /exitCode: `(\d+)`/.exec(text)?.[1]
    const how = signal !== undefined ? `of ${signal}` : exitCode !== undefined ? `with exit code ${exitCode}` : text
    return {
      code: 'analysis-died',
      message: `the process that analysed it died ${how.split('\n', 1)[0]}`,
      hint: 'look at it alone: gotrace-core analyze; a kill by the system often means too little memory',
    }
  }

  /** Ends the processes at once. */
  async close(): Promise<void> {
    this.#isClosed = true
    try {
      await this.#pool.terminate(true)
    } catch {
      // One that has died already cannot be ended.
    }
  }
}

function isTimeout(cause: unknown): boolean {
  return (cause as Error | undefined)?.name === 'TimeoutError'
}

/** Debug information of some large programs; it is outside of the heap that `memoryMb` limits. */
const UNPACKED_MAX = 256 * 1024 * 1024

/** What comes from a process before its answer: what it writes, and that it has begun. */
type WorkerEvent = typeof BEGUN | {stderr?: string}
const BEGUN = 'begun'

/**
 * The other side: answers in a process that an `AnalystPool` has started. Ends when a core was analysed, but goes on to
 * answer: what that took is worth to be kept.
 */
export function serveAnalyses(means: Pick<LineContext, 'tidyOnSignal' | 'kept'>): Promise<void> {
  const unpacked = new BoundedCache<string, Uint8Array>(UNPACKED_MAX, bytes => bytes.length)
  const context = {...means, unpacked, lasting: new LastingFiles()}
  return new Promise(resolve => {
    workerpool.worker({
      makeLine: async (item: Omit<WorkItem, 'error'>, options: LineOptions) => {
        workerpool.workerEmit(BEGUN)
        const line = await makeLine(item, options, context)
        if (line?.error !== null) return line
        resolve()
        // Who gets the last line ends this process: what is kept is written before.
        await turnOfLoop()
        return line
      },
    })
  })
}
