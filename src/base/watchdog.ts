import {setFlagsFromString} from 'node:v8'
import {Worker} from 'node:worker_threads'
import {bootAsUsual} from './optimizer.ts'

/** How long the process may outlive its parent. */
const INTERVAL_MS = 250
/** The longest that is waited for the thread to begin. */
const START_MS = 1000

/**
 * Runs in a thread without an event loop: it sleeps, looks, and sleeps again. A thread cannot unwind the main one, so
 * what it does is the one thing that a loop in synchronous code cannot put off.
 */
const THREAD = `
const {workerData: {clock, parent, interval}} = require('node:worker_threads')
Atomics.store(clock, 0, 1)
Atomics.notify(clock, 0)
while (process.ppid === parent) Atomics.wait(clock, 0, 1, interval)
process.kill(process.pid, 'SIGKILL')
`

/**
 * Ends this process by SIGKILL when `parent` is gone, for nobody waits then for what is done here, whatever the main
 * thread does. Time limits are kept by `runWithin`. Until the thread has begun, flags are such that V8 takes Node's own
 * code from its cache.
 */
export function endWithParent(parent: number): void {
  const clock = new Int32Array(new SharedArrayBuffer(4))
  // Named before: loading it (launch/late-modules.ts) ends with optimizing late.
  const Thread = Worker
  bootAsUsual(setFlagsFromString, () => {
    const worker = new Thread(THREAD, {
      eval: true,
      execArgv: [],
      resourceLimits: {maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2, stackSizeMb: 1},
      workerData: {clock, parent, interval: INTERVAL_MS},
    })
    worker.unref()
    Atomics.wait(clock, 0, 0, START_MS)
  })
}
