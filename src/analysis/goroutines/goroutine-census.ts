import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {CrashCause} from '../crash/crash-cause.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {GoroutineFacts, isInCgo} from './goroutine-facts.ts'
import {listedGoroutines} from './goroutine-order.ts'

/** How many goroutines there are and what they do, told without a walk of any stack. */
export interface GoroutineCensus {
  readonly count: number
  readonly inC: number
  /** How many have which wait reason, else status, the most first. */
  readonly states: readonly (readonly [state: string, count: number])[]
  /** Goroutine 1, with whose end the program would have ended. */
  readonly main: Goroutine | undefined
}

/**
 * Of those that the runtimes list, without their own; undefined where there is no Go runtime. `crashed` is the runtime
 * that died.
 */
export function takeCensus(
  crashed: DeadProcess,
  images: readonly {readonly process: DeadProcess}[],
  cause: CrashCause,
): GoroutineCensus | undefined {
  const states = new Map<string, number>()
  let count = 0
  let inC = 0
  let main: Goroutine | undefined
  const withRuntime = images.filter(({process}) => process.runtime !== undefined)
  for (const {process} of withRuntime) {
    const facts = new GoroutineFacts(process)
    for (const goroutine of listed(process, process === crashed ? cause : NO_CRASH)) {
      count++
      if (isInCgo(process.runtime, goroutine)) inC++
      if (goroutine.id === 1 && process === crashed) main = goroutine
      const {waitReason, status} = facts.of(goroutine)
      const state = waitReason ?? status
      states.set(state, (states.get(state) ?? 0) + 1)
    }
  }
  return withRuntime.length > 0 ? {count, inC, states: [...states].sort(([, a], [, b]) => b - a), main} : undefined
}

const NO_CRASH = {goroutine: undefined, current: undefined}

function listed({runtime}: DeadProcess, cause: Pick<CrashCause, 'goroutine' | 'current'>): Iterable<Goroutine> {
  return runtime ? listedGoroutines(runtime, cause, false) : []
}
