/** What a caller can switch on; the words also reach the user through the JSON diagnostics. */
export type ErrorCode =
  | 'not-found'
  | 'unreadable'
  | 'not-writable'
  | 'not-a-core'
  | 'not-elf'
  | 'wrong-machine'
  | 'build-id-mismatch'
  | 'bad-argument'
  | 'timeout'
  | 'format'
  | 'truncated'
  | 'unsupported'

/** Base of everything we throw on purpose. Any other error that escapes is a bug of ours (exit code 70). */
export class GotraceError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: {cause?: unknown}) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** The user can mend it. `hint` is the next command or step to try. */
export class InputError extends GotraceError {
  readonly hint: string
  constructor(code: ErrorCode, message: string, hint: string, options?: {cause?: unknown}) {
    super(code, message, options)
    this.hint = hint
  }
}

/** Bytes that do not mean what their place says. `where` reads `file:section+0xoffset`. */
export class FormatError extends GotraceError {
  readonly where: string
  readonly reason: string
  constructor(where: string, reason: string, options?: {cause?: unknown}) {
    super('format', `${where}: ${reason}`, options)
    this.where = where
    this.reason = reason
  }
}

/** A file that ends before what it promised. */
export class TruncatedFileError extends GotraceError {
  readonly where: string
  constructor(where: string, needed: number, size: number) {
    super('truncated', `${where}: need ${needed} bytes, the file ends at 0x${size.toString(16)}`)
    this.where = where
  }
}

/** A well-formed thing that this program deliberately does not handle (32-bit, big-endian, another CPU). */
export class UnsupportedError extends GotraceError {
  constructor(message: string) {
    super('unsupported', message)
  }
}

/** One line for a report: the message of ours, or the system's. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
