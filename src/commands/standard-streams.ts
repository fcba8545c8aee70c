import {InputError} from '../base/errors.ts'
import {writeStandardStream} from '../base/output-file.ts'
import {Redaction} from '../render/redaction.ts'

/** A reader that takes nothing for so long is not waited for: the end of the program must not hang on it. */
const PATIENCE_MS = 3000

/** What is for a person, written at once. */
export function writeStandardError(text: string): void {
  writeWherePossible(2, outgoing(text))
}

/** Where the stream is closed, full or read by nobody, the answer and the exit code are the same without. */
export function writeWherePossible(fd: 1 | 2, text: string): void {
  try {
    writeStandardStream(fd, text, PATIENCE_MS)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
  }
}

/** Whether the command line asks for it, also where it cannot be parsed. */
function wantsRedaction(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end < 0 ? undefined : end).includes('--redact')
}

/** What people read beside a report names paths too: in errors, in diagnostics, in progress. */
export function outgoing(text: string): string {
  return wantsRedaction(process.argv) ? new Redaction([process.env.HOME]).text(text) : text
}
