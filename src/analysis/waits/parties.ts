import type {Party} from '../../report/vocabulary.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import {goroutineOf} from '../cgo/cgo-report.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {ThreadStacks} from '../stacks/thread-stacks.ts'

/** Who is on which thread. A waiter is what its thread runs now; an owner need not be. */
export class Parties {
  readonly #process: DeadProcess
  readonly #threads: ThreadStacks

  constructor(process: DeadProcess, threads: ThreadStacks) {
    this.#process = process
    this.#threads = threads
  }

  /** Threads of Go park in futexes too; they need not be walked to know it. */
  isInGo(tid: number): boolean {
    const machine = this.#threads.machineOf(tid)
    return machine !== undefined && machine.ncgo <= 0 && !this.#isExtra(machine)
  }

  isGone(tid: number): boolean {
    return !this.#process.core.threads.some(thread => thread.tid === tid)
  }

  goroutineOn(tid: number): Goroutine | undefined {
    const machine = this.#threads.machineOf(tid)
    if (!machine) return undefined
    // The one that an M of C's keeps for its next callback has no part in what the thread does.
    if (machine.curg !== 0 && !this.#threads.goroutineOn(machine)) return undefined
    return goroutineOf(this.#process, machine)
  }

  waiterOn(tid: number): Party {
    return {thread: tid, goroutine: this.goroutineOn(tid)?.id ?? null}
  }

  /**
   * A lock of C names the thread that took it. Between two calls of C a goroutine may go on elsewhere and unlock from
   * there, and the thread run another; so the goroutine is known only where it is locked to its thread, or the thread
   * is C's own.
   */
  ownerOn(tid: number): Party {
    return {thread: tid, goroutine: this.isBound(tid) ? (this.goroutineOn(tid)?.id ?? null) : null}
  }

  /** Whether what the thread runs now is what it ran when it took its locks. */
  isBound(tid: number): boolean {
    const machine = this.#threads.machineOf(tid)
    if (!machine) return true
    return this.#isExtra(machine) || machine.lockedExt > 0
  }

  #isExtra(machine: Machine): boolean {
    return this.#process.runtime?.isExtraMachine(machine) === true
  }
}
