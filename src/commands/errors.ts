import {type ErrorCode, GotraceError, InputError, messageOf} from '../base/errors.ts'

/** Exit codes are a contract (README, "Exit codes"). */
export const EXIT = {ok: 0, input: 1, usage: 2, incomplete: 3, bug: 70} as const

/** The command line is to be mended, not a file that was read. */
const USAGE: readonly ErrorCode[] = ['bad-argument', 'not-writable']

/** What errors of oclif and of Node say beside their message. */
interface ForeignError {
  oclif?: {exit?: number}
  code?: string
  syscall?: string
}

/** oclif explains in several lines, with advice of its own: the first thing it says is enough. */
function usageMessage(error: unknown): string {
  const [first = ''] = messageOf(error)
    .replace(/\n+(See more help with|Note: )[\s\S]*/, '')
    .split(/\n\n/)
  return first
    .split('\n')
    .map(line => line.trim())
    .join(' ')
}

/** The lines for standard error and the exit code that an error ends the program with. */
export function explainError(error: unknown, bin: string): {lines: string[]; exitCode: number} {
  const {oclif, code, syscall} = error as ForeignError
  if (code === 'EEXIT') return {lines: [], exitCode: oclif?.exit ?? EXIT.ok}
  if (error instanceof GotraceError) {
    const lines = [`${bin}: ${error.message}`]
    if (error instanceof InputError) lines.push(`  ${error.hint}`)
    return {lines, exitCode: USAGE.includes(error.code) ? EXIT.usage : EXIT.input}
  }
  if (oclif !== undefined) {
    return {lines: [`${bin}: ${usageMessage(error)}`, `  see \`${bin} --help\``], exitCode: EXIT.usage}
  }
  // Help and the like, which oclif writes; reports have a sink of their own.
  if (syscall === 'write') {
    const lines = [`${bin}: standard output: ${messageOf(error)}`, '  check the disk, or write elsewhere']
    return code === 'EPIPE' ? {lines: [], exitCode: EXIT.ok} : {lines, exitCode: EXIT.usage}
  }
  return {
    lines: [
      `${bin}: this is a bug of ${bin}, not of your core: ${messageOf(error)}`,
      `  please report it with the command line, the version (\`${bin} --version\`) and, if you can, the core`,
      `  GOTRACE_DEBUG=1 prints where it happened`,
    ],
    exitCode: EXIT.bug,
  }
}
