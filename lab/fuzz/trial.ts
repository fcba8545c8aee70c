import {fstatSync, ftruncateSync, readFileSync, readSync, writeFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {type Command, Config, Plugin} from '@oclif/core'
import Analyze from '../../src/commands/analyze.ts'
import Cgo from '../../src/commands/cgo.ts'
import Goroutines from '../../src/commands/goroutines.ts'
import Info from '../../src/commands/info.ts'
import Symbolize from '../../src/commands/symbolize.ts'
import Threads from '../../src/commands/threads.ts'
import {DOCUMENTS} from '../../src/report/published-schema.ts'
import type {WorkingCopy} from './working-copy.ts'

/** One command line, without the files. */
interface Question {
  readonly command: keyof typeof COMMANDS
  readonly args: readonly string[]
}

const COMMANDS = {
  analyze: Analyze,
  cgo: Cgo,
  goroutines: Goroutines,
  info: Info,
  symbolize: Symbolize,
  threads: Threads,
} as const satisfies Readonly<Record<string, Command.Class>>

/** Every command, as text and as JSON, and what else people read. */
const QUESTIONS: readonly Question[] = [
  {command: 'info', args: []},
  {command: 'info', args: ['--json']},
  {command: 'analyze', args: []},
  {command: 'analyze', args: ['--json', '--strict', '--traceback', 'crash']},
  {command: 'analyze', args: ['--format', 'markdown']},
  {command: 'analyze', args: ['--format', 'html']},
  {command: 'goroutines', args: ['--group']},
  {command: 'goroutines', args: ['--format', 'folded']},
  {command: 'goroutines', args: ['--json', '--traceback', 'crash']},
  {command: 'threads', args: ['--registers']},
  {command: 'threads', args: ['--json']},
  {command: 'cgo', args: []},
  {command: 'cgo', args: ['--json']},
  {command: 'symbolize', args: []},
  {command: 'symbolize', args: ['--json']},
]

/** What one command may take of one input: the committed crashes need 0.2 s and 250 MB, most of that Node's own. */
export const LIMITS = {cpuSeconds: 20, bytes: 1_000_000_000, outputBytes: 50_000_000} as const
const EXIT_CODES = new Set([0, 1, 3])
const SYMBOLIZED_MAX = 12

export interface Outcome {
  /** What is wrong; a line each, that begins with the command. */
  readonly faults: readonly string[]
  readonly cpuSeconds: number
}

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/**
 * Asks every command about one crash. The commands run in this process, whose standard output and error must be files
 * of their own: they are read back and emptied after each.
 */
export class Trial {
  readonly #config: Config

  private constructor(config: Config) {
    this.#config = config
  }

  static async create(): Promise<Trial> {
    const pjson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const plugin = new Plugin({root, pjson, isRoot: true, ignoreManifest: true})
    await plugin.load()
    const config = new Config({
      root,
      pjson,
      plugins: new Map([[plugin.name, plugin]]),
      userPlugins: false,
      devPlugins: false,
    })
    await config.load()
    process.env.GOTRACE_DEBUG = '1'
    return new Trial(config)
  }

  /** @param form in which every command answers; both by default, which takes twice as long */
  async run(copy: WorkingCopy, pcs: readonly number[], form?: 'json' | 'text'): Promise<Outcome> {
    const faults: string[] = []
    const started = process.cpuUsage()
    for (const question of QUESTIONS) {
      if (form !== undefined && question.args.includes('--json') !== (form === 'json')) continue
      const argv = commandLine(question, copy, pcs)
      if (!argv) continue
      const name = [question.command, ...question.args].join(' ')
      for (const fault of await this.#ask(question, argv)) faults.push(`${name}: ${fault}`)
    }
    const {user, system} = process.cpuUsage(started)
    return {faults, cpuSeconds: (user + system) / 1e6}
  }

  async #ask({command, args}: Question, argv: string[]): Promise<string[]> {
    resetPeak()
    empty()
    const started = process.cpuUsage()
    const exitCode = await this.#exitCodeOf(command, argv)
    const {user, system} = process.cpuUsage(started)
    const [stdout, stderr] = [readAll(1), readAll(2)]
    const faults = judge({command, isJson: args.includes('--json'), exitCode, stdout, stderr})
    const seconds = (user + system) / 1e6
    if (seconds > LIMITS.cpuSeconds) faults.push(`${seconds.toFixed(1)} s of CPU`)
    const peak = peakBytes()
    if (peak > LIMITS.bytes) faults.push(`${peak} bytes resident`)
    return faults
  }

  async #exitCodeOf(command: keyof typeof COMMANDS, argv: string[]): Promise<number> {
    try {
      await COMMANDS[command].run(argv, this.#config)
      return 0
    } catch (error) {
      const code = (error as {oclif?: {exit?: number}}).oclif?.exit
      if (code !== undefined) return code
      throw error
    }
  }
}

function commandLine({command, args}: Question, copy: WorkingCopy, pcs: readonly number[]): string[] | undefined {
  const common = [...args, '--color', 'never']
  if (command !== 'symbolize') return [copy.files.get('core') as string, ...copy.flags, ...common]
  if (copy.program === undefined) return undefined
  const addresses = pcs.slice(0, SYMBOLIZED_MAX).map(pc => `0x${pc.toString(16)}`)
  return [copy.program, ...addresses, '0x0', '--debug-dir', copy.debugDirectory, ...common]
}

interface Answer {
  readonly command: keyof typeof DOCUMENTS & keyof typeof COMMANDS
  readonly isJson: boolean
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** What no text may hold: controls but newline and tab, marks of direction (Unicode, UAX 9), line separators. */
const RAW = /(?![\t\n])[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff]/u

function judge(answer: Answer): string[] {
  const {exitCode, stdout, stderr, isJson} = answer
  const faults: string[] = []
  if (!EXIT_CODES.has(exitCode)) faults.push(`exit ${exitCode}: ${stderr.slice(0, 2000)}`)
  if (stdout.length > LIMITS.outputBytes) faults.push(`${stdout.length} characters of output`)
  for (const [name, text] of Object.entries(isJson ? {stderr} : {stdout, stderr})) {
    const raw = RAW.exec(text)
    if (raw) faults.push(`raw ${JSON.stringify(text.slice(Math.max(0, raw.index - 20), raw.index + 20))} on ${name}`)
  }
  if (exitCode !== 0 && stderr === '' && exitCode !== 3) faults.push('an error without a word')
  return isJson ? [...faults, ...judgeJson(answer)] : faults
}

function judgeJson({command, exitCode, stdout}: Answer): string[] {
  try {
    const failed = exitCode === 1
    const documents = command === 'symbolize' && !failed ? stdout.trimEnd().split('\n') : [stdout]
    const schema = DOCUMENTS[failed ? 'error' : command]
    return documents.flatMap(document => {
      const {success, error} = schema.safeParse(JSON.parse(document))
      return success ? [] : [`breaks its schema: ${JSON.stringify(error.issues.slice(0, 3))}`]
    })
  } catch (error) {
    return [`no JSON: ${error}: ${stdout.slice(-200)}`]
  }
}

function readAll(fd: number): string {
  const bytes = new Uint8Array(fstatSync(fd).size)
  readSync(fd, bytes, 0, bytes.length, 0)
  return new TextDecoder().decode(bytes)
}

function empty(): void {
  for (const fd of [1, 2]) ftruncateSync(fd, 0)
}

/** VmHWM begins anew (Linux: Documentation/filesystems/proc.rst, clear_refs). */
function resetPeak(): void {
  writeFileSync('/proc/self/clear_refs', '5')
}

function peakBytes(): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return Number(kilobytes ?? 0) * 1024
}
