import type {Party} from '../../report/vocabulary.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import {imageOnThread} from '../crash/crashed-image.ts'
import {imageName} from '../process/process-facts.ts'
import type {ThreadStacks} from '../stacks/thread-stacks.ts'

/** Who is on which thread. A waiter is what its thread runs now; an owner need not be. */
export class Parties {
  /** The threads as each Go runtime of the process sees them. */
  readonly #images: readonly ThreadStacks[]

  constructor(images: readonly ThreadStacks[]) {
    this.#images = images
  }

  /** Threads of Go park in futexes too; they need not be walked to know it. */
  isInGo(tid: number): boolean {
    return this.#images.some(threads => {
      const machine = threads.machineOf(tid)
      return machine !== undefined && machine.ncgo <= 0 && !isExtra(threads, machine)
    })
  }

  isGone(tid: number): boolean {
    return !this.#images.some(({process: {core}}) => core.threads.some(thread => thread.tid === tid))
  }

  /** What the thread runs, or what is parked and will come back to this thread alone: that has taken its locks. */
  goroutineOn(tid: number): Goroutine | undefined {
    const threads = this.imageOn(tid)
    const machine = threads.machineOf(tid)
    if (!machine) return undefined
    // The one that an M of C's keeps for its next callback has no part in what the thread does.
    if (machine.curg !== 0 && !threads.goroutineOn(machine)) return undefined
    const current = machine.curg !== 0 ? machine.curg : machine.lockedg
    const goroutine = current === 0 ? undefined : threads.process.runtime?.goroutineAt(current)
    return goroutine?.isDead ? undefined : goroutine
  }

  /** The threads as the runtime sees them whose goroutine this one runs. */
  imageOn(tid: number): ThreadStacks {
    return imageOnThread(this.#images, tid)
  }

  waiterOn(tid: number): Party {
    return this.#partyOn(tid, this.goroutineOn(tid))
  }

  /**
   * A lock of C names the thread that took it. Between two calls of C a goroutine may go on elsewhere and unlock from
   * there, and the thread run another; so the goroutine is known only where it is locked to its thread, or the thread
   * is C's own.
   */
  ownerOn(tid: number): Party {
    return this.#partyOn(tid, this.isBound(tid) ? this.goroutineOn(tid) : undefined)
  }

  #partyOn(tid: number, goroutine: Goroutine | undefined): Party {
    const image = goroutine ? imageName(this.imageOn(tid).process) : null
    return {thread: tid, goroutine: goroutine?.id ?? null, image}
  }

  /** Whether what the thread runs now is what it ran when it took its locks. */
  isBound(tid: number): boolean {
    const threads = this.imageOn(tid)
    const machine = threads.machineOf(tid)
    if (!machine) return true
    return isExtra(threads, machine) || machine.lockedExt > 0
  }
}

function isExtra({process}: ThreadStacks, machine: Machine): boolean {
  return process.runtime?.isExtraMachine(machine) === true
}
