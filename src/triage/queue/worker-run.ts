import {setTimeout as sleep} from 'node:timers/promises'
import type {Tool} from '../../analysis/process/process-facts.ts'
import {messageOf} from '../../base/errors.ts'
import {Stopwatch} from '../../base/stopwatch.ts'
import type {BatchLine} from '../../report/core-report.ts'
import type {AnalystPool} from '../analyst-pool.ts'
import {errorLine} from '../core-line.ts'
import {isPassing, postgresCode} from '../store/postgres-errors.ts'
import {type CoreQueue, itemOf, type Outcome, type TakenCore, type WorkerFacts} from './core-queue.ts'
import type {WorkerMetrics} from './worker-metrics.ts'

export interface WorkerRunOptions {
  readonly queue: CoreQueue
  readonly pool: Pick<AnalystPool, 'analyze'>
  readonly facts: WorkerFacts
  readonly tool: Tool
  readonly metrics: WorkerMetrics
  /** Workers that were not heard of for so long have died. */
  readonly silentSeconds: number
  /** Ends when nothing waits and nobody has a core. */
  readonly untilEmpty: boolean
  /** After it no further core is taken. */
  readonly drain: AbortSignal
  /** After it what is not done is given back. */
  readonly stop: AbortSignal
  readonly log: (text: string) => void
}

/** Of the time after which a silent worker has died: so often each tells that it lives. */
const BEATS = 6
const IDLE_MS = 1000
const BACKOFF_MS = {first: 200, most: 10_000} as const
/** SQLSTATE 23503: this worker was taken for dead, and its row removed. */
const FOREIGN_KEY_VIOLATION = '23503'
/** SQLSTATE classes: what is wrong with the data of one core. */
const DATA_ERRORS = /^2[23]/

/** Takes cores and has them analysed, some at a time, until it is told to end. */
export class WorkerRun {
  readonly #options: WorkerRunOptions
  /** Since when the database has answered without a break. */
  #answersSince: number | undefined
  #isSilent = false

  constructor(options: WorkerRunOptions) {
    this.#options = options
  }

  /** @throws InputError where the database refuses what no waiting mends */
  async run(): Promise<void> {
    const {facts, queue, stop} = this.#options
    await this.#patiently(() => this.#beat())
    const ended = new AbortController()
    const beating = this.#keepBeating(ended.signal)
    try {
      await Promise.all(Array.from({length: facts.slots}, () => this.#fillSlot()))
    } finally {
      ended.abort()
      await beating
      await queue.leave(facts.id).catch(error => {
        if (!stop.aborted && !isPassing(error)) throw error
      })
    }
  }

  async #fillSlot(): Promise<void> {
    const {drain, untilEmpty, queue} = this.#options
    while (!drain.aborted) {
      const taken = await this.#patiently(() => this.#take(), drain)
      if (taken) {
        await this.#work(taken)
        continue
      }
      const counts = untilEmpty ? await this.#patiently(() => queue.counts(), drain) : undefined
      if (counts && counts.waiting + counts.retry + counts.active === 0) return
      await this.#pause(IDLE_MS * (0.5 + Math.random()), drain)
    }
  }

  async #take(): Promise<TakenCore | undefined> {
    const {queue, facts} = this.#options
    try {
      return await queue.take(facts.id)
    } catch (error) {
      if (codeOf(error) !== FOREIGN_KEY_VIOLATION) throw error
      await this.#beat()
      return await queue.take(facts.id)
    }
  }

  async #work(taken: TakenCore): Promise<void> {
    const {pool, queue, facts, metrics, stop} = this.#options
    const watch = new Stopwatch()
    metrics.busy++
    try {
      const item = {...itemOf(taken.core, taken.attempt), uncertain: false, error: undefined}
      const line = stop.aborted ? null : await until(stop, pool.analyze(item))
      if (line === null) {
        await queue.giveBack(taken, facts.id)
        metrics.ended('given-back')
        return
      }
      const outcome = await this.#patiently(() => this.#finish(taken, line))
      if (outcome) metrics.ended(outcome, watch.milliseconds / 1000)
    } finally {
      metrics.busy--
    }
  }

  /** What the database cannot hold of one core costs that core alone. */
  async #finish(taken: TakenCore, line: BatchLine): Promise<Outcome> {
    const {queue, facts, tool} = this.#options
    try {
      return await queue.finish(taken, facts.id, line)
    } catch (error) {
      if (!DATA_ERRORS.test(codeOf(error) ?? '')) throw error
      const failure = {code: 'bug' as const, message: `the store refuses the result: ${messageOf(error)}`, hint: null}
      return await queue.finish(taken, facts.id, errorLine(itemOf(taken.core, taken.attempt), tool, failure))
    }
  }

  /**
   * Does it until it is done: a database that is away, starts or is full is waited for. undefined: told to stop.
   * @param over after it the work is not begun any more; one that must be done is tried once more when told to stop
   */
  async #patiently<Result>(work: () => Promise<Result>, over?: AbortSignal): Promise<Result | undefined> {
    const {stop} = this.#options
    for (let waitMs: number = BACKOFF_MS.first; ; waitMs = Math.min(waitMs * 2, BACKOFF_MS.most)) {
      if (over?.aborted) return undefined
      try {
        const result = await work()
        this.#tellAnswer()
        return result
      } catch (error) {
        if (!isPassing(error)) throw error
        this.#tellSilence(error)
        if (stop.aborted) return undefined
        await this.#pause(waitMs * (0.5 + Math.random()), over ?? stop)
      }
    }
  }

  #tellAnswer(): void {
    const {metrics, log} = this.#options
    metrics.answeredAt = Date.now()
    if (this.#isSilent) log('the database answers again')
    this.#isSilent = false
  }

  #tellSilence(error: unknown): void {
    const {metrics, log} = this.#options
    metrics.databaseErrors++
    if (!this.#isSilent) log(`${messageOf(error)}; trying again`)
    this.#isSilent = true
  }

  async #beat(): Promise<void> {
    const {queue, facts, metrics} = this.#options
    await queue.beat(facts, metrics.analysed)
  }

  async #keepBeating(signal: AbortSignal): Promise<void> {
    const {silentSeconds} = this.#options
    while (!signal.aborted) {
      await this.#pause((silentSeconds * 1000) / BEATS, signal)
      if (!signal.aborted) await this.#beatOnce()
    }
  }

  /**
   * Where the database was away nobody could be heard of: others have as long as any worker to be heard again before
   * they are taken for dead.
   */
  async #beatOnce(): Promise<void> {
    const {queue, metrics, silentSeconds, log} = this.#options
    try {
      await this.#beat()
      const now = Date.now()
      metrics.answeredAt = now
      this.#answersSince ??= now
      if (now - this.#answersSince < silentSeconds * 1000) return
      const count = await queue.takeAway(silentSeconds)
      metrics.takenAway += count
      if (count > 0)
        log(`${count === 1 ? 'a core was' : `${count} cores were`} taken away from a worker that is silent`)
    } catch {
      // The slots meet the same, and tell of it.
      this.#answersSince = undefined
    }
  }

  async #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    await sleep(milliseconds, undefined, {signal}).catch(() => {})
  }
}

/** What a work gives; null where it is to stop first. */
async function until<Result>(stop: AbortSignal, work: Promise<Result>): Promise<Result | null> {
  let leave = (): void => {}
  const stopped = new Promise<null>(done => {
    leave = () => done(null)
    stop.addEventListener('abort', leave)
  })
  try {
    return await Promise.race([work, stopped])
  } finally {
    stop.removeEventListener('abort', leave)
  }
}

/** Errors are explained for people; what the database said is their cause. */
function codeOf(error: unknown): string | undefined {
  return postgresCode((error as Error).cause ?? error)
}
