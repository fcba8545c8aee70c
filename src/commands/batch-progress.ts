import {isTerminal} from '../base/terminal.ts'
import type {BatchCounts} from '../triage/batch-run.ts'
import {writeStandardError} from './standard-streams.ts'

/** Drawn no more often than this. */
const INTERVAL_MS = 100

/** One line on standard error that is drawn over itself; none where that is no terminal. */
export class BatchProgress {
  readonly #isShown: boolean
  readonly #beganAt = Date.now()
  #drawnAt = 0
  #isDrawn = false
  /** How many cores there are, where they were counted. */
  total: number | undefined

  constructor(isWanted: boolean) {
    this.#isShown = isWanted && isTerminal(2) && process.env.TERM !== 'dumb'
  }

  /** Whether anybody sees it: else nothing needs to be counted. */
  get isShown(): boolean {
    return this.#isShown
  }

  show(counts: Readonly<BatchCounts>): void {
    const now = Date.now()
    if (!this.#isShown || now - this.#drawnAt < INTERVAL_MS) return
    this.#drawnAt = now
    this.#isDrawn = true
    const width = (process.stderr.columns || 80) - 1
    writeStandardError(`\r\x1b[K${batchProgressText(counts, this.total, now - this.#beganAt).slice(0, width)}`)
  }

  /** Before anything else is written to the terminal. */
  clear(): void {
    if (this.#isDrawn) writeStandardError('\r\x1b[K')
    this.#isDrawn = false
  }
}

const MINUTE_S = 60
const HOUR_S = 3600

/** How many are done and of how many, how fast, and how long it takes at that rate. */
export function batchProgressText(
  {lines, errors, known, passedOver}: Readonly<BatchCounts>,
  total: number | undefined,
  elapsedMs: number,
): string {
  const left = total === undefined ? undefined : total - lines - known - passedOver['packed, no core']
  const perSecond = elapsedMs > 0 ? (lines * 1000) / elapsedMs : 0
  const parts = [
    `${lines}${total === undefined ? '' : ` of ${total - known}`} analysed`,
    ...(known > 0 ? [`${known} known`] : []),
    ...(errors > 0 ? [`${errors} failed`] : []),
    ...(lines > 0 ? [`${perSecond.toFixed(perSecond < 10 ? 1 : 0)} a second`] : []),
    ...(left !== undefined && perSecond > 0 ? [`${timeText(left / perSecond)} left`] : []),
  ]
  return parts.join(', ')
}

function timeText(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < MINUTE_S) return `${whole} s`
  const minutes = Math.floor(whole / MINUTE_S)
  if (whole < HOUR_S) return `${minutes} min ${whole % MINUTE_S} s`
  return `${Math.floor(minutes / MINUTE_S)} h ${minutes % MINUTE_S} min`
}
