import type {Progress} from '../acquire/core-input.ts'
import {printable} from '../base/printable.ts'
import {isTerminal} from '../base/terminal.ts'
import {writeStandardError} from './standard-streams.ts'

/** Nothing is drawn of what is done sooner. */
const DELAY_MS = 500
/** Drawn no more often than this. */
const INTERVAL_MS = 100
const MEGABYTE = 1024 * 1024

/** One line on standard error that is drawn over itself while something takes long; none where that is no terminal. */
export class ProgressLine {
  readonly #isShown: boolean
  readonly #beganAt = Date.now()
  #text = ''
  #drawnAt = 0
  /** Draws what no further news draws: of a server that does not answer there is none. */
  #timer: NodeJS.Timeout | undefined

  constructor(isWanted: boolean) {
    this.#isShown = isWanted && isTerminal(2) && process.env.TERM !== 'dumb'
  }

  readonly show: Progress = (step, done, total) => {
    if (!this.#isShown) return
    this.#text = progressText(step, done, total)
    const now = Date.now()
    if (now >= Math.max(this.#beganAt + DELAY_MS, this.#drawnAt + INTERVAL_MS)) this.#draw(now)
    else this.#timer ??= setTimeout(() => this.#draw(Date.now()), DELAY_MS)
  }

  /** Before anything else is written to the terminal. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#drawnAt > 0) writeStandardError('\r\x1b[K')
    this.#drawnAt = 0
  }

  #draw(now: number): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#drawnAt = now
    const width = (process.stderr.columns || 80) - 1
    writeStandardError(`\r\x1b[K${this.#text.slice(0, width)}`)
  }
}

function progressText(name: string, done: number, total: number | undefined): string {
  const step = printable(name)
  const megabytes = (bytes: number): string => `${(bytes / MEGABYTE).toFixed(1)} MB`
  if (total === undefined || total <= 0) return done > 0 ? `${step}: ${megabytes(done)}` : step
  return `${Math.min(100, Math.floor((100 * done) / total))} % of ${megabytes(total)}: ${step}`
}
