import {type ChildProcess, spawn} from 'node:child_process'
import type {Writable} from 'node:stream'

type Environment = Readonly<Record<string, string | undefined>>

/** What a shell ends with that cannot run or find a command (POSIX, Shell Command Language, 2.8.2). */
const NOT_RUN: ReadonlySet<number | null> = new Set([126, 127])
/** The command that shows long text on a terminal: git's choice but for git's own settings; undefined for none. */
export function pagerCommand({PAGER: wanted = 'less', TERM: terminal}: Environment): string | undefined {
  const command = wanted.trim()
  return command === '' || command === 'cat' || terminal === 'dumb' ? undefined : command
}

/**
 * Text on its way to a pager, which the shell runs as it does for git: PAGER may have arguments. Less gets git's
 * options where the user has set none: quit where one screen is enough, keep colours, leave the text on the screen.
 * The report is made at once, for whoever reads it may take longer than `--timeout`: what the pager has not read yet
 * waits here.
 */
export class Pager {
  readonly #input: Writable
  readonly #end: Promise<number | null>
  readonly #given: (string | Uint8Array)[] = []

  constructor(command: string, environment: Environment) {
    const env = {LESS: 'FRX', LV: '-c', ...environment}
    const child = spawn(command, {shell: true, stdio: ['pipe', 'inherit', 'inherit'], env})
    this.#input = child.stdin
    this.#end = endOf(child)
    // Whoever quits the pager has seen enough.
    child.stdin.on('error', ignore)
  }

  write(text: string | Uint8Array): void {
    this.#given.push(text)
    this.#input.write(text)
  }

  /** Waits for the pager. @returns what it was given, where it could not be run; undefined where it was */
  async close(): Promise<readonly (string | Uint8Array)[] | undefined> {
    // Less answers an interrupt itself, and would be left behind on the terminal.
    process.on('SIGINT', ignore)
    this.#input.end()
    const code = await this.#end
    process.removeListener('SIGINT', ignore)
    return NOT_RUN.has(code) ? this.#given : undefined
  }
}

function ignore(): void {}

/** The exit code; 127 too where there is no shell. */
function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise(resolve => {
    child.once('error', () => resolve(127))
    child.once('close', resolve)
  })
}
