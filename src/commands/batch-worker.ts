import {Command, Flags} from '@oclif/core'
import {InputError} from '../base/errors.ts'
import {lastingFrames} from './answer-caches.ts'
import {tidyOnSignal} from './signals.ts'
import {SUMMARIES} from './summaries.ts'

/**
 * A process that runs out of memory aborts, and the kernel writes its core to where it works (core(5)): in a folder of
 * crashes that would be over one named core. In /proc nothing can be made; a bare root (chroot) may be without.
 */
const NO_CORE_HERE = ['/proc', '/']

function leaveFolder(): void {
  for (const folder of NO_CORE_HERE) {
    try {
      process.chdir(folder)
      return
    } catch {
      // The next one.
    }
  }
}

/**
 * The other end of `batch` and `worker`: the same program, started again, so that there is one to publish and one code
 * cache.
 */
export default class BatchWorker extends Command {
  static override hidden = true
  static override summary = SUMMARIES['batch-worker']

  static override flags = {parent: Flags.integer({description: 'the process that started this one'})}

  async run(): Promise<void> {
    const {flags} = await this.parse(BatchWorker)
    if (process.send === undefined) {
      throw new InputError(
        'bad-argument',
        'batch-worker is started by batch and worker alone',
        'run gotrace-core batch PATH…',
      )
    }
    leaveFolder()
    // The channel to the parent closes with it, which a loop in synchronous code would never hear.
    const {endWithParent} = await import('../base/watchdog.ts')
    endWithParent(flags.parent ?? process.ppid)
    const {serveAnalyses} = await import('../triage/analyst-pool.ts')
    await serveAnalyses({tidyOnSignal, kept: lastingFrames()})
  }
}
