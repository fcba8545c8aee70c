import type {Party} from '../../report/vocabulary.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import {imageOnThread} from '../crash/crashed-image.ts'
import {imageName} from '../process/process-facts.ts'
import type {ThreadStacks} from '../stacks/thread-stacks.ts'
import type {NativeWait} from './native-waits.ts'

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
   * there, and the thread run another, which may be locked to the thread since; so the goroutine is known only where
   * its calls are all that were ever made from the thread. What a thread of C's own took, it may have taken before it
   * called Go. A thread whose end is waited for is waited for itself, whatever runs on it.
   */
  ownerOn(tid: number, kind: NativeWait['kind']): Party {
    if (kind === 'end of a thread') return this.waiterOn(tid)
    return this.#partyOn(tid, this.#hasMadeAllCalls(tid) ? this.goroutineOn(tid) : undefined)
  }

  #partyOn(tid: number, goroutine: Goroutine | undefined): Party {
    const image = goroutine ? imageName(this.imageOn(tid).process) : null
    return {thread: tid, goroutine: goroutine?.id ?? null, image}
  }

  /** Whether what waits on the thread now is what took its locks. */
  isBound(tid: number): boolean {
    const threads = this.imageOn(tid)
    const machine = threads.machineOf(tid)
    if (!machine) return true
    return isExtra(threads, machine) || this.#hasMadeAllCalls(tid)
  }

  /** By runtime.LockOSThread, nobody knows since when. */
  isLocked(tid: number): boolean {
    return (this.imageOn(tid).machineOf(tid)?.lockedExt ?? 0) > 0
  }

  /** Whether the calls of C in progress, which are of one goroutine, are all that the thread of Go ever made. */
  #hasMadeAllCalls(tid: number): boolean {
    const threads = this.imageOn(tid)
    const machine = threads.machineOf(tid)
    if (!machine || isExtra(threads, machine)) return false
    return machine.ncgo > 0 && machine.ncgocall === BigInt(machine.ncgo)
  }
}

function isExtra({process}: ThreadStacks, machine: Machine): boolean {
  return process.runtime?.isExtraMachine(machine) === true
}
