import type {BatchCounts} from '../triage/batch-run.ts'
import {writeStandardError} from './standard-streams.ts'

/** Drawn no more often than this. */
const INTERVAL_MS = 100

/** One line on standard error that is drawn over itself; none where that is no terminal. */
export class BatchProgress {
  readonly #isShown: boolean
  #drawnAt = 0
  #isDrawn = false

  constructor(isWanted: boolean) {
    this.#isShown = isWanted && process.stderr.isTTY === true && process.env.TERM !== 'dumb'
  }

  show({lines, errors, known}: Readonly<BatchCounts>): void {
    const now = Date.now()
    if (!this.#isShown || now - this.#drawnAt < INTERVAL_MS) return
    this.#drawnAt = now
    this.#isDrawn = true
    const parts = [
      `${lines} analysed`,
      ...(known > 0 ? [`${known} known`] : []),
      ...(errors > 0 ? [`${errors} failed`] : []),
    ]
    writeStandardError(`\r\x1b[K${parts.join(', ')}`)
  }

  /** Before anything else is written to the terminal. */
  clear(): void {
    if (this.#isDrawn) writeStandardError('\r\x1b[K')
    this.#isDrawn = false
  }
}
