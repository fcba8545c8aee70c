import {InputError} from '../base/errors.ts'
import {writeOutput} from '../base/output-file.ts'

/** What is for a person, written at once. */
export function writeStandardError(text: string): void {
  writeWherePossible(2, text)
}

/** Where the stream is closed, full or read by nobody, the answer and the exit code are the same without. */
export function writeWherePossible(fd: 1 | 2, text: string): void {
  try {
    writeOutput(fd, new TextEncoder().encode(text), fd === 1 ? 'standard output' : 'standard error')
  } catch (error) {
    if (!(error instanceof InputError)) throw error
  }
}
