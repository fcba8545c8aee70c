import {Worker} from 'node:worker_threads'

export interface WatchdogOptions {
  /** The process that started this one: when it is gone, nobody waits for what is done here. */
  readonly parent?: number | undefined
  /** Milliseconds since 1970; none means no limit yet. */
  readonly deadline?: number | undefined
  /** Written to standard error where the deadline ends the process. */
  readonly lastWords?: string | undefined
}

/** How long the process may outlive its parent or its deadline. */
const INTERVAL_MS = 250
const NO_DEADLINE = BigInt(Number.MAX_SAFE_INTEGER)

/**
 * Runs in a thread without an event loop: it sleeps, looks, and sleeps again. A thread cannot unwind the main one, so
 * what it does is the one thing that a loop in synchronous code cannot put off.
 */
const THREAD = `
const {workerData: {flags, times, parent, lastWords, interval}} = require('node:worker_threads')
const end = words => {
  try {
    if (words) require('node:fs').writeSync(2, words)
  } finally {
    process.kill(process.pid, 'SIGKILL')
  }
}
while (Atomics.wait(flags, 0, 0, interval) === 'timed-out') {
  if (parent !== undefined && process.ppid !== parent) end()
  if (BigInt(Date.now()) > Atomics.load(times, 0)) end(lastWords)
}
`

/**
 * Ends this process by SIGKILL when its parent is gone or a deadline has passed, whatever the main thread does. All
 * that can end itself does so before: this is for the loop that nobody thought of.
 */
export class Watchdog {
  readonly #flags = new Int32Array(new SharedArrayBuffer(4))
  readonly #times = new BigInt64Array(new SharedArrayBuffer(8))

  private constructor(options: WatchdogOptions) {
    this.setDeadline(options.deadline)
    const worker = new Worker(THREAD, {
      eval: true,
      execArgv: [],
      resourceLimits: {maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2, stackSizeMb: 1},
      workerData: {
        flags: this.#flags,
        times: this.#times,
        parent: options.parent,
        lastWords: options.lastWords,
        interval: INTERVAL_MS,
      },
    })
    worker.unref()
  }

  static start(options: WatchdogOptions): Watchdog {
    return new Watchdog(options)
  }

  /** Milliseconds since 1970; undefined lifts the limit. */
  setDeadline(deadline: number | undefined): void {
    Atomics.store(this.#times, 0, deadline === undefined ? NO_DEADLINE : BigInt(Math.floor(deadline)))
  }

  stop(): void {
    Atomics.store(this.#flags, 0, 1)
    Atomics.notify(this.#flags, 0)
  }
}
