import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {GOROUTINE_STATUS} from '../../runtime-model/goroutine-status.ts'
import {machineOf} from '../../runtime-model/machine.ts'
import {isIdleInSynctest} from '../../runtime-model/wait-reason.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {HeaderFacts} from './goroutine-header.ts'

/** Nanoseconds that say no more than that some time has passed: no wait can be minutes long. */
const ONE_MINUTE = 60_000_000_000n

/** Gathers what a goroutine's header says. */
export class GoroutineFacts {
  readonly #process: DeadProcess
  #labelsShown: boolean | undefined

  constructor(process: DeadProcess) {
    this.#process = process
  }

  of(goroutine: Goroutine): HeaderFacts {
    const {runtime, version} = this.#process
    const {status, bubble} = goroutine
    const machine = machineOf(runtime, goroutine)
    const waitReason = status.number === GOROUTINE_STATUS._Gwaiting ? goroutine.waitReason : ''
    return {
      id: goroutine.id,
      address: goroutine.address,
      statusText: goroutine.state,
      status: status.text,
      isScanned: status.scan,
      waitReason: waitReason === '' ? null : waitReason,
      isIdleInSynctest: bubble !== undefined && isIdleInSynctest(goroutine.waitReason),
      waitMinutes: this.waitMinutes(goroutine),
      isLockedToThread: goroutine.lockedToThread,
      m: machine ? {id: machine.id, address: machine.address} : null,
      syncGroup: bubble && !version.atLeast(25) ? (bubble.rootGoid ?? null) : null,
      bubble: bubble && version.atLeast(25) ? bubble.id : null,
      labels: goroutine.hasLabels && this.#showsLabels() ? [...goroutine.labels] : [],
    }
  }

  /**
   * The time of death is in no core; what the core proves to have passed is asked for only where a goroutine has
   * waited.
   */
  waitMinutes(goroutine: Goroutine): number | null {
    const {runtime} = this.#process
    if (!runtime || goroutine.waitSinceNumber === 0 || goroutine.waitSince <= 0n) return null
    const now = runtime.nowLowerBound()
    return now - goroutine.waitSince < ONE_MINUTE ? null : (goroutine.waitMinutes(now) ?? null)
  }

  /** GODEBUG=tracebacklabels: off in 1.26, on in 1.27 where the main module's go.mod says so. */
  #showsLabels(): boolean {
    this.#labelsShown ??= this.#process.runtime?.state.tracebackLabels ?? false
    return this.#labelsShown
  }
}
