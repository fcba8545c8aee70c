import {type ChildProcess, fork} from 'node:child_process'
import {closeSync, mkdtempSync, openSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {LIMITS} from './command-runner.ts'
import type {Outcome} from './trial.ts'

const CRASH_WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url))
/** More than this heap is never needed; what dies of it is told apart from what is merely slow. */
const HEAP_MEGABYTES = 800
/** All commands together may take so much CPU, where each alone stays below its limit; beyond it nothing ends. */
const CPU_SECONDS_MAX = 3 * LIMITS.cpuSeconds
const LOOK_MS = 500
/** USER_HZ of Linux on amd64: the unit of /proc/PID/stat. */
const TICKS_PER_SECOND = 100

export interface TrialResult<Damage> extends Outcome {
  /** What was done to the input; null where the process died before it said so. */
  readonly damages: Damage | null
}

/** What the process says before it begins, so that an input that kills it is known too, and what came of it. */
export type Report<Damage> = {readonly damages: Damage} | Outcome

/** A process that runs many trials, one after the other, and is replaced where one kills it. */
export class FuzzProcess<Order extends object, Damage> {
  readonly #worker: string
  #child: ChildProcess | undefined
  #directory: string | undefined

  /** @param worker the program that takes the orders */
  constructor(worker = CRASH_WORKER) {
    this.#worker = worker
  }

  async run(order: Order): Promise<TrialResult<Damage>> {
    const child = this.#child ?? this.#start()
    return await new Promise(resolve => {
      let damages: Damage | null = null
      let startedAt = cpuSecondsOf(child)
      const finish = (outcome: Outcome): void => {
        clearInterval(watch)
        child.removeAllListeners('message')
        child.removeAllListeners('exit')
        resolve({...outcome, damages})
      }
      const watch = setInterval(() => {
        const seconds = cpuSecondsOf(child) - startedAt
        if (damages === null || seconds < CPU_SECONDS_MAX) return
        this.close()
        finish({faults: [`does not end: killed after ${Math.round(seconds)} s of CPU`], cpuSeconds: seconds})
      }, LOOK_MS)
      child.on('message', (report: Report<Damage>) => {
        if ('faults' in report) return finish(report)
        damages = report.damages
        startedAt = cpuSecondsOf(child)
      })
      child.on('exit', (code, signal) => {
        const words = this.#lastWords()
        this.close()
        finish({faults: [`the process died: ${signal ?? `exit ${code}`}: ${words}`], cpuSeconds: 0})
      })
      child.send(order)
    })
  }

  /** Ends the process and removes its files. */
  close(): void {
    this.#child?.removeAllListeners('exit')
    this.#child?.kill('SIGKILL')
    this.#child = undefined
    if (this.#directory !== undefined) rmSync(this.#directory, {recursive: true, force: true})
    this.#directory = undefined
  }

  #start(): ChildProcess {
    this.#directory = mkdtempSync(join(tmpdir(), 'gotrace-fuzz-'))
    const outputs = ['stdout', 'stderr'].map(name => openSync(join(this.#directory as string, name), 'a+'))
    this.#child = fork(this.#worker, [this.#directory], {
      execArgv: ['--import=tsx', `--max-old-space-size=${HEAP_MEGABYTES}`],
      stdio: ['ignore', ...outputs, 'ipc'],
      env: environment(),
    })
    for (const output of outputs) closeSync(output)
    return this.#child
  }

  #lastWords(): string {
    try {
      return readFileSync(join(this.#directory ?? '', 'stderr'), 'utf8').slice(-1500)
    } catch {
      return ''
    }
  }
}

function environment(): NodeJS.ProcessEnv {
  const {DEBUGINFOD_URLS, FORCE_COLOR, NODE_OPTIONS, NODE_EXTRA_CA_CERTS, ...env} = process.env
  return {...env, NO_COLOR: '1'}
}

/** utime and stime (proc(5), /proc/PID/stat); the name before them may hold blanks, but ends in a parenthesis. */
function cpuSecondsOf({pid}: ChildProcess): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  } catch {
    return 0
  }
}
