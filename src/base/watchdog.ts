import {Worker} from 'node:worker_threads'

/** How long the process may outlive its parent. */
const INTERVAL_MS = 250

/**
 * Runs in a thread without an event loop: it sleeps, looks, and sleeps again. A thread cannot unwind the main one, so
 * what it does is the one thing that a loop in synchronous code cannot put off.
 */
const THREAD = `
const {workerData: {clock, parent, interval}} = require('node:worker_threads')
while (process.ppid === parent) Atomics.wait(clock, 0, 0, interval)
process.kill(process.pid, 'SIGKILL')
`

/**
 * Ends this process by SIGKILL when `parent` is gone, for nobody waits then for what is done here, whatever the main
 * thread does. Time limits are kept by `runWithin`.
 */
export function endWithParent(parent: number): void {
  const worker = new Worker(THREAD, {
    eval: true,
    execArgv: [],
    resourceLimits: {maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2, stackSizeMb: 1},
    workerData: {clock: new Int32Array(new SharedArrayBuffer(4)), parent, interval: INTERVAL_MS},
  })
  worker.unref()
}
