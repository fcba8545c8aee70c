import type {RegisterSet} from '../../amd64/register-set.ts'
import type {Address} from '../../base/address.ts'
import type {FrameReport} from '../../report/core-report.ts'

/** What of a walked frame its variables are read by. */
export interface FrameOrigin {
  readonly pc: Address
  readonly lookupPc: Address
  readonly sp: Address
  readonly cfa: Address | undefined
  /** undefined: the walk knew no more than pc, sp and cfa. */
  readonly registers: RegisterSet | undefined
  readonly isGo: boolean
  /** Which of the functions at this pc the report is of, the innermost inlined one first. */
  readonly index: number
  /** How many there are. */
  readonly count: number
}

/** Keeps for each reported frame where it came from; made only where variables are asked for. */
export class FrameOrigins {
  readonly #origins = new WeakMap<FrameReport, FrameOrigin>()

  note(report: FrameReport, origin: FrameOrigin): FrameReport {
    this.#origins.set(report, origin)
    return report
  }

  of(report: FrameReport): FrameOrigin | undefined {
    return this.#origins.get(report)
  }
}
