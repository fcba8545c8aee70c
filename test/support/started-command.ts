import {type ChildProcess, spawn} from 'node:child_process'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {environment} from './run-command.ts'

const entry = join(dirname(fileURLToPath(import.meta.url)), '../../bin/run.cjs')

/** A command that runs on while the test does something else. */
export class StartedCommand {
  readonly process: ChildProcess
  stdout = ''
  stderr = ''
  /** What it ended with: an exit code, or the name of a signal. */
  readonly ended: Promise<number | string | null>

  constructor(args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}) {
    this.process = spawn(process.execPath, [entry, ...args], {env: environment(env), stdio: ['ignore', 'pipe', 'pipe']})
    this.process.stdout?.on('data', chunk => {
      this.stdout += chunk
    })
    this.process.stderr?.on('data', chunk => {
      this.stderr += chunk
    })
    this.ended = new Promise(done => this.process.once('close', (code, signal) => done(code ?? signal)))
  }
}
