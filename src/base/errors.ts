/** Why there is no report, and what that says. Scripts match on them: a code keeps its meaning and never goes. */
export const ERROR_CODES = {
  'not-found': 'a file that was named is not there',
  unreadable: 'a file cannot be opened, read or unpacked',
  unreachable: 'a server does not answer, or cannot serve at the moment: later it may',
  'queue-full': '`batch --queue`: so many cores wait as `--queue-depth` allows',
  'not-writable': 'the output cannot be created or written',
  'no-room': 'the temporary folder has no room to unpack a file, or cannot be written',
  'too-large': 'a packed file unpacks to more than is allowed',
  'not-a-core': 'the file is no core: text, an executable, something else',
  'not-elf': 'a file that should be an executable or a library is no ELF file',
  'wrong-machine': 'the core or the file was made on another kind of machine',
  'secret-left': '`minimise`: a text that `--secrets` names is still in what was written, which was removed',
  'bad-argument': 'wrong usage of the command line',
  format: 'the file is damaged where everything else depends on it',
  truncated: 'the file ends before what everything else depends on',
  unsupported: 'the file is sound, but of a kind that is deliberately not handled',
  timeout: 'no answer within `--timeout`',
  'out-of-memory': '`batch`: the analysis needs more than `--memory`',
  'analysis-died': '`batch`: the process that analysed the core died',
  bug: 'a bug of this program; please report it',
} as const satisfies Readonly<Record<string, string>>

export type ErrorCode = keyof typeof ERROR_CODES

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

/** What is told of an error that ends a command, or the analysis of one core of many. */
export interface Failure {
  readonly code: ErrorCode
  /** One line for people. */
  readonly message: string
  /** The next command or step to try; null where there is none. */
  readonly hint: string | null
}

export const MORE_FILES = 'allow more open files: `ulimit -n`'

/**
 * What to do where the system gives no more files, to whatever asked for one (errno(3)), or the folder of those that
 * are asked for is gone; undefined: it is neither.
 */
export function adviceOnFiles(error: unknown): string | undefined {
  const {code, syscall} = error as NodeJS.ErrnoException
  if (code === 'EMFILE') return MORE_FILES
  // Relative names are names in it; what Node says (path.resolve) is a call of libuv.
  if (syscall === 'uv_cwd') return 'the working directory is not there any more: go to another one'
  return code === 'ENFILE' ? 'the machine has too many open files; try again later' : undefined
}

export function describeFailure(error: unknown): Failure {
  if (error instanceof GotraceError) {
    const {code, message} = error
    return {code, message, hint: error instanceof InputError ? error.hint : null}
  }
  // Pipes to a process, a part of this program, a socket: any of them may be the one too many.
  const hint = error instanceof Error ? adviceOnFiles(error) : undefined
  if (hint !== undefined) return {code: 'unreadable', message: messageOf(error), hint}
  return {
    code: 'bug',
    message: `this is a bug of gotrace-core, not of your core: ${messageOf(error)}`,
    hint: 'please report it, with what `--report-bug bug.gtc` on the same command line writes: a small, redacted core',
  }
}

/** One line for a report: the message of ours, or the system's. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
