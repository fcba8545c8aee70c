import {closeSync, openSync, rmSync} from 'node:fs'
import {analyze} from '../../src/library.ts'
import {makeLine} from '../../src/triage/core-line.ts'
import {CommandRunner, LIMITS, measured} from './command-runner.ts'
import {COMMANDS, type Form, judgeDocument, QUESTIONS, type Question, rawIn, SMALL_CORE} from './questions.ts'
import type {WorkingCopy} from './working-copy.ts'

const EXIT_CODES = new Set([0, 1, 3])
const SYMBOLIZED_MAX = 12

export interface Outcome {
  /** What is wrong; a line each, that begins with the command. */
  readonly faults: readonly string[]
  readonly cpuSeconds: number
}

/** Asks every command about one crash, in this process (CommandRunner). */
export class Trial {
  readonly #runner: CommandRunner

  private constructor(runner: CommandRunner) {
    this.#runner = runner
  }

  static async create(): Promise<Trial> {
    return new Trial(await CommandRunner.create())
  }

  /** @param form in which every command answers; all by default, which takes as long as they together */
  async run(copy: WorkingCopy, pcs: readonly number[], form?: Form): Promise<Outcome> {
    const faults: string[] = []
    const started = process.cpuUsage()
    for (const question of QUESTIONS) {
      if (form !== undefined && question.form !== form) continue
      const argv = commandLine(question, copy, pcs)
      if (!argv) continue
      const name = [question.command, ...question.args].join(' ')
      for (const fault of await measured(() => this.#ask(question, argv))) faults.push(`${name}: ${fault}`)
    }
    if (form !== 'text') for (const fault of await measured(() => askLibrary(copy))) faults.push(`library: ${fault}`)
    if (form !== 'json') for (const fault of await measured(() => askBatch(copy))) faults.push(`batch: ${fault}`)
    const {user, system} = process.cpuUsage(started)
    return {faults, cpuSeconds: (user + system) / 1e6}
  }

  async #ask({command, args, judge}: Question, argv: string[]): Promise<string[]> {
    if (args.includes('-')) openAsInput(argv)
    // What is there already would not be written over.
    rmSync(SMALL_CORE, {force: true})
    const {exitCode, stdout, stderr} = await this.#runner.run(COMMANDS[command], argv)
    const faults: string[] = []
    if (!EXIT_CODES.has(exitCode)) faults.push(`exit ${exitCode}: ${stderr.slice(0, 2000)}`)
    if (stdout.length > LIMITS.outputBytes) faults.push(`${stdout.length} bytes of output`)
    if (exitCode !== 0 && stderr === '' && exitCode !== 3) faults.push('an error without a word')
    return [...faults, ...rawIn(stderr, 'stderr'), ...judge(stdout, exitCode)]
  }
}

function commandLine({command, args}: Question, copy: WorkingCopy, pcs: readonly number[]): string[] | undefined {
  if (command === 'minimise') return [copy.core, ...copy.flags, ...args]
  const common = [...args, '--color', 'never']
  if (command !== 'symbolize') return [copy.core, ...copy.flags, ...common]
  if (copy.program === undefined) return undefined
  const addresses = pcs.slice(0, SYMBOLIZED_MAX).map(pc => `0x${pc.toString(16)}`)
  return [copy.program, ...addresses, '0x0', '--debug-dir', copy.debugDirectory, ...common]
}

/** The core that a command line begins with becomes standard input, which its `-` stands for. */
function openAsInput(argv: string[]): void {
  try {
    closeSync(0)
  } catch {
    // The last command has closed it.
  }
  // The lowest descriptor that is free (open(2)).
  if (openSync(argv.shift() as string, 'r') !== 0) throw new Error('standard input is open')
}

/** What others call: a document, or an error that has a code and, where there is a remedy, a hint. */
async function askLibrary(copy: WorkingCopy): Promise<string[]> {
  const {program, setting, sysroot, debugDirectory} = copy
  const exe = setting === 'named' && program !== undefined ? {exe: program} : {}
  try {
    const report = await analyze(copy.core, {...exe, sysroots: [sysroot], debugDirs: [debugDirectory], timeout: 60})
    return judgeDocument(JSON.stringify(report), 'analyze')
  } catch (error) {
    return (error as {code?: string}).code === undefined ? [`throws ${(error as Error).stack}`] : []
  }
}

async function askBatch({core, sysroot, debugDirectory}: WorkingCopy): Promise<string[]> {
  const line = await makeLine(
    {path: core, size: 0, mtime: null, attempt: 1, uncertain: true},
    {
      search: {sysroots: [sysroot], debugDirs: [debugDirectory]},
      analysis: {tool: {name: 'gotrace-core', version: '0'}, maxFrames: 1000, demangle: true},
      softTimeoutMs: 60_000,
    },
  )
  if (line?.error?.code === 'bug') return [line.error.message]
  return line === null ? [] : judgeDocument(JSON.stringify(line), 'batch')
}
