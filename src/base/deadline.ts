import type {Diagnostics} from './diagnostics.ts'
import {Stopwatch} from './stopwatch.ts'

/** The time of a run whose command line names none. */
export const DEFAULT_TIMEOUT_SECONDS = 600
/** What is left of a report when the time is over is put together and written within this, or a share of the time. */
const GRACE_SECONDS = 3
const GRACE_SHARE = 0.2

/**
 * When a run has to have its answer, by a clock that nobody sets. Long loops ask it, and leave out the rest once the
 * time is over: what was found until then is the report. Work that does not ask is ended some time later (`runWithin`).
 */
export class Deadline {
  readonly #seconds: number
  readonly #watch = new Stopwatch()
  readonly #diagnostics: Diagnostics
  readonly #isGuarded: boolean
  /** What was not finished. */
  readonly #unfinished = new Set<string>()

  /** @param isGuarded another process ends this one where it goes on for long after the time */
  constructor(seconds: number, diagnostics: Diagnostics, isGuarded = false) {
    this.#seconds = seconds
    this.#diagnostics = diagnostics
    this.#isGuarded = isGuarded
  }

  /** For a work that nobody waits for. */
  static never(diagnostics: Diagnostics): Deadline {
    return new Deadline(Number.POSITIVE_INFINITY, diagnostics)
  }

  /**
   * Whether the time is over: then the asker leaves out the rest of what it does, and a diagnostic says so.
   * @param work as in "… was not finished"
   */
  isOver(work: string): boolean {
    return this.#isPast(this.#seconds, work)
  }

  /** The same of work that tells what was found in time: it has half of the time until it would be ended. */
  isTellingOver(work: string): boolean {
    return this.#isPast(this.#seconds + this.#grace / 2, work)
  }

  #isPast(seconds: number, work: string): boolean {
    if (this.#watch.milliseconds <= seconds * 1000) return false
    if (this.#unfinished.has(work)) return true
    this.#unfinished.add(work)
    const message = `the time is over (--timeout): ${work} was not finished`
    this.#diagnostics.add('timeout', message, {where: work, hint: 'give it longer: --timeout SECONDS'})
    return true
  }

  /** Something was left out. */
  get hasStruck(): boolean {
    return this.#unfinished.size > 0
  }

  /** Milliseconds until the time is over; none are left after it. */
  get left(): number {
    return Math.max(0, this.#seconds * 1000 - this.#watch.milliseconds)
  }

  /** Milliseconds until work that does not look at the time is to be ended by the process itself. */
  get leftAtMost(): number {
    return this.#isGuarded ? Number.POSITIVE_INFINITY : (this.#seconds + this.#grace) * 1000 - this.#watch.milliseconds
  }

  get #grace(): number {
    return Math.max(GRACE_SECONDS, this.#seconds * GRACE_SHARE)
  }
}
