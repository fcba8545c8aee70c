import {arch, platform, release} from 'node:os'
import {compress} from '../acquire/compressor.ts'
import {packageMembers} from '../acquire/package-writer.ts'
import {writeTar} from '../acquire/tar-archive.ts'
import {Deadline} from '../base/deadline.ts'
import {Diagnostics} from '../base/diagnostics.ts'
import {messageOf} from '../base/errors.ts'
import {ReadRecord, ReadRecords} from '../base/read-record.ts'
import {TextSink} from '../base/text-sink.ts'
import type {Redaction} from '../render/redaction.ts'
import {type OpenFlags, openFromFlags} from './open-core.ts'
import {planSmallCore} from './small-core.ts'
import {writeStandardError} from './standard-streams.ts'

/** The member that tells what happened. */
const REPORT_NAME = 'bug.json'

interface BugReport {
  /** Where the package goes. */
  readonly to: string
  readonly flags: OpenFlags & {timeout: number; 'max-frames'?: number}
  readonly command: readonly string[]
  /** What ended the command; undefined where it did what it should. */
  readonly failure: unknown
  readonly config: {bin: string; name: string; version: string}
  readonly redaction: Redaction
}

/**
 * Writes a package that the authors of this program can find a bug with: the core, minimised and redacted, what of the
 * files a report needs, without their code, and what happened. What fails again while the core is read is let pass.
 * @throws InputError where the core or the output cannot be used
 */
export async function writeBugReport(path: string, report: BugReport): Promise<void> {
  const {to, flags, config, redaction} = report
  const diagnostics = new Diagnostics()
  const deadline = new Deadline(flags.timeout, diagnostics)
  const [record, records] = [new ReadRecord(), new ReadRecords()]
  const opened = await openFromFlags(path, flags, {diagnostics, deadline}, {record, records})
  const sink = TextSink.open(to)
  try {
    const failures: string[] = []
    const attempt = (part: () => void): void => {
      try {
        part()
      } catch (error) {
        failures.push(traceOf(error))
      }
    }
    const asked = {redact: true, values: false, 'max-frames': flags['max-frames'] ?? 1000}
    const core = planSmallCore(opened, record, asked, {config, attempt, diagnostics, deadline})
    const {name, version} = config
    const beside = {[REPORT_NAME]: describe(report, failures, diagnostics)}
    const content = {
      tool: {name, version},
      core,
      diagnostics: diagnostics.list(),
      fileRecords: records.byPath,
      isRedacted: true,
      beside,
    }
    await compress(writeTar(packageMembers(opened, content)), bytes => sink.write(bytes))
  } catch (error) {
    sink.discard()
    throw error
  } finally {
    sink.close()
    opened.close()
  }
  const what = redaction.text(to)
  writeStandardError(`${config.bin}: ${what}: a redacted package for a bug report; nothing was sent\n`)
}

function describe(report: BugReport, failures: readonly string[], diagnostics: Diagnostics): Uint8Array {
  const {command, failure, config, redaction} = report
  const content = redaction.value({
    version: config.version,
    node: process.version,
    system: `${platform()} ${release()} ${arch()}`,
    command,
    failure: failure === undefined ? null : traceOf(failure),
    failures,
    diagnostics: diagnostics.list(),
  })
  return new TextEncoder().encode(`${JSON.stringify(content, null, 2)}\n`)
}

function traceOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error)
}
