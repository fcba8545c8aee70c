import {join} from 'node:path'
import type {Diagnostics} from '../base/diagnostics.ts'
import {replaceFile} from '../base/replaced-file.ts'
import {json} from '../render/json.ts'
import {Redaction, tellRedacted} from '../render/redaction.ts'
import {PLAIN_STYLE} from '../render/style.ts'
import type {CoreReport} from '../report/core-report.ts'

/** Where whole reports go: plain data, for the process that makes them. */
export interface ReportFolder {
  /** Absolute. */
  readonly directory: string
  /** Home folders to leave out, with all else that `--redact` does; undefined: nothing is left out. */
  readonly redactedHomes: readonly string[] | undefined
}

/**
 * Writes a report under the key of its core, in the place of what is there, whole or not at all. It is read to its end
 * by that.
 * @returns its path
 * @throws InputError not-writable
 */
export function writeReport(
  report: CoreReport,
  {directory, redactedHomes}: ReportFolder,
  key: string,
  diagnostics: Diagnostics,
): string {
  const path = join(directory, `${key}.json`)
  if (redactedHomes) tellRedacted(diagnostics)
  const shown = redactedHomes ? new Redaction(redactedHomes).answer(report) : report
  replaceFile(path, json.renderers.analyze?.(shown, {style: PLAIN_STYLE, view: 'whole', registers: false}) ?? [])
  return path
}
