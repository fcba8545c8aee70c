import workerpool from 'workerpool'
import type {BatchLine} from '../analysis/core-report.ts'
import {errorLine, explain, type LineOptions, makeLine} from './core-line.ts'
import type {WorkItem} from './work-list.ts'

export interface PoolOptions {
  /** The program that is started for each process, with its arguments; it must call `serveAnalyses`. */
  readonly script: string
  readonly scriptArguments: readonly string[]
  readonly nodeArguments: readonly string[]
  readonly jobs: number
  /** Of the heap of each process. */
  readonly memoryMb: number
  /** A process that takes longer for a core is killed. */
  readonly timeoutSeconds: number
}

/** Only what does not fit into memory or time within itself needs to be killed: most cores of a long analysis still get a line. */
const SOFT_SHARE = 0.8
/** A process that was told to end has nothing to tidy up. */
const TERMINATE_MS = 100
const STDERR_KEPT = 4096

/** Processes that analyse cores, so that one that dies or hangs costs its core alone. */
export class AnalystPool {
  readonly #pool: workerpool.Pool
  readonly #options: PoolOptions
  readonly #line: LineOptions

  constructor(options: PoolOptions, line: Omit<LineOptions, 'softTimeoutMs'>) {
    const {script, scriptArguments, nodeArguments, jobs, memoryMb, timeoutSeconds} = options
    this.#options = options
    this.#line = {...line, softTimeoutMs: timeoutSeconds * 1000 * SOFT_SHARE}
    this.#pool = workerpool.pool(script, {
      workerType: 'process',
      maxWorkers: jobs,
      forkArgs: [...scriptArguments],
      forkOpts: {execArgv: [...nodeArguments, `--max-old-space-size=${memoryMb}`]},
      workerTerminateTimeout: TERMINATE_MS,
      // What a dying process says is for the line, not for the terminal.
      emitStdStreams: true,
    })
  }

  /** The line of a core; null where the file holds none. Never rejects. */
  async analyze({error, ...item}: WorkItem): Promise<BatchLine | null> {
    const {tool} = this.#line.analysis
    if (error) return errorLine(item, tool, explain(error))
    const started = Date.now()
    const last = {text: ''}
    const duration = (line: BatchLine): BatchLine => ({...line, durationMs: Date.now() - started})
    try {
      return await this.#run(item, last)
    } catch (cause) {
      return duration(errorLine(item, tool, this.#explainDeath(cause, last.text)))
    }
  }

  async #run(item: Omit<WorkItem, 'error'>, last: {text: string}): Promise<BatchLine | null> {
    const on = (event: {stderr?: string}): void => {
      if (event.stderr !== undefined) last.text = (last.text + event.stderr).slice(-STDERR_KEPT)
    }
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#pool.exec('makeLine', [item, this.#line], {on}).timeout(this.#options.timeoutSeconds * 1000)
      } catch (cause) {
        // The process had died after its last core: this one was never begun.
        if (attempt > 0 || (cause as Error).message !== 'Worker is terminated') throw cause
      }
    }
  }

  #explainDeath(cause: unknown, lastWords: string): NonNullable<BatchLine['error']> {
    const {timeoutSeconds, memoryMb} = this.#options
    if ((cause as Error)?.name === 'TimeoutError') {
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
    try {
      await this.#pool.terminate(true)
    } catch {
      // One that has died already cannot be ended.
    }
  }
}

/** The other side: answers in a process that an `AnalystPool` has started. */
export function serveAnalyses(): void {
  workerpool.worker({makeLine})
}
