import {FormatError, GotraceError, messageOf, TruncatedFileError} from './errors.ts'

export type Severity = 'info' | 'warning' | 'error'

/** A thing that lowered the detail of the report, and what would help. */
export interface Diagnostic {
  /** kebab-case, stable: scripts match on it. */
  code: string
  severity: Severity
  message: string
  /** File, section and offset, thread or goroutine; null where it concerns the whole run. */
  where: string | null
  /** How often the same code was raised at the same place. */
  count: number
  /** The next command or step to try; null where nothing helps. */
  hint: string | null
}

export interface DiagnosticDetails {
  severity?: Severity
  where?: string
  hint?: string
}

/** Different places of one code that are kept; further ones only count on the last. */
const PLACES_PER_CODE = 20

/** Append-only list; repeats of one code at one place are counted, not kept. */
export class Diagnostics {
  readonly #byKey = new Map<string, Diagnostic>()
  readonly #placesOfCode = new Map<string, number>()

  add(code: string, message: string, details: DiagnosticDetails = {}): void {
    const places = this.#placesOfCode.get(code) ?? 0
    const key = places >= PLACES_PER_CODE ? code : `${code}\0${details.where ?? ''}`
    const known = this.#byKey.get(key) ?? this.#byKey.get(`${code}\0${details.where ?? ''}`)
    if (known) {
      known.count++
      return
    }
    this.#placesOfCode.set(code, places + 1)
    this.#byKey.set(key, {
      code,
      severity: details.severity ?? 'warning',
      message,
      where: details.where ?? null,
      count: 1,
      hint: details.hint ?? null,
    })
  }

  /**
   * Records a typed error at its unit of loss. Anything else is a bug of ours and is thrown on.
   * @throws whatever is not a GotraceError
   */
  addError(code: string, error: unknown, details: DiagnosticDetails = {}): void {
    if (!(error instanceof GotraceError)) throw error
    const where =
      details.where ?? (error instanceof FormatError || error instanceof TruncatedFileError ? error.where : undefined)
    this.add(code, messageOf(error), where === undefined ? details : {...details, where})
  }

  list(): Diagnostic[] {
    return [...this.#byKey.values()]
  }
}
