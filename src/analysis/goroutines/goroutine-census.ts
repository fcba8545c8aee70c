import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {GOROUTINE_STATUS} from '../../runtime-model/goroutine-status.ts'
import type {CrashCause} from '../crash/crash-cause.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {ThreadStacks} from '../stacks/thread-stacks.ts'
import type {Blocking} from '../waits/blocking.ts'
import {listedGoroutines} from './goroutine-order.ts'

/** Of one Go runtime; who is in C they tell. */
type Threads = Pick<ThreadStacks, 'process' | 'isInCgo'>

/** How many goroutines there are and what they do, told without a walk of any stack but of threads that are in C. */
export class GoroutineCensus {
  count = 0
  inC = 0
  /** Those of the runtime itself may be among them: what some of them started in is not known. */
  systemAmong = false
  /** Goroutine 1 of the runtime that died, with whose end the program would have ended. */
  main: Goroutine | undefined
  readonly #states = new Map<string, number>()

  /** How many have which wait reason, else status, the most first. */
  get states(): (readonly [state: string, count: number])[] {
    return [...this.#states].sort(([, a], [, b]) => b - a)
  }

  /** `hasMain`: of the runtime that died. */
  add(goroutines: Iterable<Goroutine>, threads: Threads, hasMain: boolean): void {
    const {runtime} = threads.process
    for (const goroutine of goroutines) {
      this.count++
      if (hasMain && goroutine.id === 1) this.main = goroutine
      if (!this.systemAmong && runtime?.isSystemGoroutine(goroutine) === undefined) this.systemAmong = true
      if (threads.isInCgo(goroutine)) this.inC++
      const {number, text} = goroutine.status
      const state = (number === GOROUTINE_STATUS._Gwaiting && goroutine.waitReason) || text
      this.#states.set(state, (this.#states.get(state) ?? 0) + 1)
    }
  }
}

/**
 * Of those that the runtimes list, without their own; undefined where there is no Go runtime. `crashed` is the runtime
 * that died; `blocking` is told of all goroutines on the way, if it is given.
 */
export function takeCensus(
  crashed: DeadProcess,
  images: readonly Threads[],
  cause: CrashCause,
  blocking: Pick<Blocking, 'noting'> | undefined,
): GoroutineCensus | undefined {
  let census: GoroutineCensus | undefined
  for (const threads of images) {
    const {process} = threads
    const {runtime} = process
    if (!runtime) continue
    census ??= new GoroutineCensus()
    const goroutines = runtime.goroutines()
    const all = blocking ? blocking.noting(process, goroutines) : goroutines
    const isCrashed = process === crashed
    census.add(listedGoroutines(runtime, isCrashed ? cause : NO_CRASH, false, all), threads, isCrashed)
  }
  return census
}

const NO_CRASH = {goroutine: undefined, current: undefined, kept: undefined}
