import {gunzipSync} from 'node:zlib'
import type {Command} from '@oclif/core'
import {Profile} from 'pprof-format'
import Analyze from '../../src/commands/analyze.ts'
import Cgo from '../../src/commands/cgo.ts'
import Goroutines from '../../src/commands/goroutines.ts'
import Info from '../../src/commands/info.ts'
import Minimise from '../../src/commands/minimise.ts'
import Symbolize from '../../src/commands/symbolize.ts'
import Threads from '../../src/commands/threads.ts'
import {DOCUMENTS} from '../../src/report/published-schema.ts'

export const COMMANDS = {
  analyze: Analyze,
  cgo: Cgo,
  goroutines: Goroutines,
  info: Info,
  minimise: Minimise,
  symbolize: Symbolize,
  threads: Threads,
} as const satisfies Readonly<Record<string, Command.Class>>

/** What an answer is: text for people, documents with a schema, or what other programs read. */
export const FORMS = ['text', 'json', 'others'] as const
export type Form = (typeof FORMS)[number]

/** One command line, without the files; `-` among the arguments: the core comes by standard input. */
export interface Question {
  readonly command: keyof typeof COMMANDS
  readonly args: readonly string[]
  readonly form: Form
  /** What is wrong with the answer, a line each. */
  judge(stdout: Uint8Array, exitCode: number): string[]
}

const text = (command: Question['command'], ...args: string[]): Question => ({
  command,
  args,
  form: 'text',
  judge: stdout => rawIn(decode(stdout), 'stdout'),
})

const document = (command: Exclude<Question['command'], 'minimise'>, ...args: string[]): Question => ({
  command,
  args: [...args, '--json'],
  form: 'json',
  judge: (stdout, exitCode) => {
    const failed = exitCode === 1
    const all = decode(stdout)
    const documents = command === 'symbolize' && !failed ? all.trimEnd().split('\n') : [all]
    return documents.flatMap(each => judgeDocument(each, failed ? 'error' : command))
  },
})

/** @param read throws what is wrong */
const other = (
  command: Question['command'],
  args: readonly string[],
  read: (stdout: Uint8Array) => void,
): Question => ({
  command,
  args,
  form: 'others',
  judge: (stdout, exitCode) => {
    try {
      if (exitCode !== 1) read(stdout)
      return []
    } catch (error) {
      return [`cannot be read: ${error}`]
    }
  },
})

/** Where minimise writes; relative, for the process works in a folder of its own. */
export const SMALL_CORE = 'small.core'

/** Every command in every format, and what else people read. */
export const QUESTIONS: readonly Question[] = [
  text('info'),
  text('analyze'),
  text('analyze', '--brief', '-'),
  text('analyze', '--format', 'markdown'),
  text('analyze', '--format', 'html'),
  text('goroutines', '--group'),
  text('goroutines', '--format', 'folded'),
  text('goroutines', '--tree'),
  text('threads', '--registers'),
  text('cgo'),
  text('symbolize'),
  document('info'),
  document('analyze', '--strict', '--traceback', 'crash'),
  document('goroutines', '--traceback', 'crash'),
  document('threads'),
  document('cgo'),
  document('symbolize'),
  other('goroutines', ['--ndjson'], stdout => decode(stdout).trimEnd().split('\n').filter(Boolean).map(parse)),
  other('goroutines', ['--format', 'speedscope'], stdout => parse(decode(stdout))),
  other('goroutines', ['--format', 'pprof'], stdout => Profile.decode(gunzipSync(stdout))),
  other('analyze', ['--values', 'all', '--traceback', 'crash'], stdout => refuseRaw(decode(stdout))),
  other('analyze', ['--redact', '--explain', '-'], stdout => refuseRaw(decode(stdout))),
  other('minimise', ['-o', SMALL_CORE], () => undefined),
  other('minimise', ['-o', SMALL_CORE, '--redact'], () => undefined),
]

/** What no text may hold: controls but newline and tab, marks of direction (Unicode, UAX 9), line separators. */
const RAW = /(?![\t\n])[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff]/u

export function rawIn(shown: string, name: string): string[] {
  const raw = RAW.exec(shown)
  return raw ? [`raw ${JSON.stringify(shown.slice(Math.max(0, raw.index - 20), raw.index + 20))} on ${name}`] : []
}

function refuseRaw(shown: string): void {
  const [fault] = rawIn(shown, 'stdout')
  if (fault !== undefined) throw new Error(fault)
}

/** @returns what breaks the schema */
export function judgeDocument(given: string, name: keyof typeof DOCUMENTS): string[] {
  try {
    const {success, error} = DOCUMENTS[name].safeParse(JSON.parse(given))
    return success ? [] : [`breaks its schema: ${JSON.stringify(error.issues.slice(0, 3))}`]
  } catch (error) {
    return [`no JSON: ${error}: ${given.slice(-200)}`]
  }
}

function parse(line: string): unknown {
  return JSON.parse(line)
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
