import {describeFailure, type ErrorCode, type Failure, GotraceError, messageOf} from '../base/errors.ts'
import {printable, printableLines} from '../base/printable.ts'
import {renderFailure} from '../render/json.ts'
import {meantName} from './slips.ts'
import {outgoing, writeStandardError, writeWherePossible} from './standard-streams.ts'

/** Exit codes are a contract (README, "Exit codes"). */
export const EXIT = {ok: 0, input: 1, usage: 2, incomplete: 3, found: 4, bug: 70} as const

/** Those of errors that are not of the input: of the command line, of us. */
const EXIT_OF: Partial<Readonly<Record<ErrorCode, number>>> = {
  'bad-argument': EXIT.usage,
  'not-writable': EXIT.usage,
  bug: EXIT.bug,
}

/** What the codes mean for a command that makes one report: its help says so. */
export const REPORT_EXIT_CODES: Readonly<Record<string, string>> = {
  [EXIT.ok]: 'report made',
  [EXIT.input]: 'the input cannot be analysed',
  [EXIT.usage]: 'wrong usage, or an output that cannot be written',
  [EXIT.incomplete]: 'with --strict: the report is incomplete',
  [EXIT.bug]: 'a bug of gotrace-core',
}

/** Of a command without `--strict`. @param own what it says otherwise */
export function withoutStrict(own: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const {[EXIT.incomplete]: _incomplete, ...codes} = {...REPORT_EXIT_CODES, ...own}
  return codes
}

/** What errors of oclif and of Node say beside their message. */
interface ForeignError {
  oclif?: {exit?: number}
  code?: string
  syscall?: string
  /** Of a flag that the command does not have: as it was typed; and those it has. */
  flags?: readonly string[]
  parse?: {input?: {flags?: Readonly<Record<string, {allowNo?: boolean}>>}}
}

/** What an error ends the program with. No failure: all has been said, or nobody listens. */
interface Ending {
  failure: Failure | undefined
  exitCode: number
}

/** @param usage the command whose help explains a mistake on the command line */
function explainError(error: unknown, usage: string): Ending {
  const {oclif, code, syscall} = error as ForeignError
  if (code === 'EEXIT') return {failure: undefined, exitCode: oclif?.exit ?? EXIT.ok}
  if (code === 'EPIPE' && syscall === 'write') return {failure: undefined, exitCode: EXIT.ok}
  const failure = (!(error instanceof GotraceError) && describeForeign(error, usage)) || describeFailure(error)
  return {failure, exitCode: EXIT_OF[failure.code] ?? EXIT.input}
}

function describeForeign(error: unknown, usage: string): Failure | undefined {
  const {oclif, syscall, flags: [unknown] = []} = error as ForeignError
  if (oclif !== undefined && unknown !== undefined) return unknownFlag(unknown, error as ForeignError, usage)
  if (oclif !== undefined) {
    return {code: 'bad-argument', message: usageMessage(error), hint: `see \`${usage} --help\``}
  }
  // Help and the like, which oclif writes; reports have a sink of their own.
  if (syscall === 'write') {
    const message = `standard output: ${messageOf(error)}`
    return {code: 'not-writable', message, hint: 'check the disk, or write elsewhere'}
  }
  return undefined
}

function unknownFlag(typed: string, {parse}: ForeignError, usage: string): Failure {
  const names = Object.entries(parse?.input?.flags ?? {}).flatMap(([name, {allowNo}]) =>
    allowNo ? [`--${name}`, `--no-${name}`] : [`--${name}`],
  )
  const near = typed.startsWith('--') ? meantName(typed, ['--help', '--version', ...names]) : undefined
  const hint = near === undefined ? 'see' : `did you mean ${near}? See`
  return {code: 'bad-argument', message: `${typed}: no such flag`, hint: `${hint} \`${usage} --help\``}
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

export interface Telling {
  /** The command as the user calls it. */
  usage: string
  /** The failure is a JSON document on standard output too. */
  json: boolean
}

/** Tells what ends the program. @returns the exit code */
export function tellError(error: unknown, {usage, json}: Telling): number {
  const {failure, exitCode} = explainError(error, usage)
  if (!failure) return exitCode
  const {code, message, hint} = failure
  const lines = [`gotrace-core: ${printable(message)}`]
  if (hint !== null) lines.push(`  ${printable(hint)}`)
  if (code === 'bug') lines.push('  GOTRACE_DEBUG=1 prints where it happened')
  if (process.env.GOTRACE_DEBUG && error instanceof Error) lines.push(printableLines(`${error.stack}`))
  writeStandardError(`${lines.join('\n')}\n`)
  if (json) writeWherePossible(1, outgoing(renderFailure(failure)))
  return exitCode
}

/** Whether the command line asks for JSON, also where it cannot be parsed. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  const flags = argv.slice(0, end < 0 ? undefined : end)
  const isFormat = (word: string, index: number): boolean => word === 'json' && flags[index - 1] === '--format'
  return flags.includes('--json') || flags.includes('--format=json') || flags.some(isFormat)
}
