import {type Address, hex} from '../../base/address.ts'
import type {LockReport} from '../../report/core-report.ts'
import type {Party} from '../../report/vocabulary.ts'

/** Waiters that a lock names; `waiterCount` is whole. */
const WAITERS_PER_LOCK = 100

export interface Lock {
  kind: string
  address: Address | undefined
}

/** Locks by kind and address, each with who waits for it. */
export class LockList {
  readonly #locks = new Map<string, LockReport>()
  /** The one with an address that was asked for last: thousands wait for the same. */
  #last: {readonly kind: string; readonly address: Address; readonly report: LockReport} | undefined

  /** One more goroutine of many, where there are fewer than `limit` locks or it is one of them. */
  addOneOf(lock: Lock & {address: Address}, limit: number, waiter: () => Party): void {
    const {kind, address} = lock
    if (this.#last?.address !== address || this.#last.kind !== kind) {
      const report = this.#locks.get(keyOf(lock, undefined))
      if (!report && this.#locks.size >= limit) return
      this.#last = {kind, address, report: report ?? this.#start(keyOf(lock, undefined), lock, null)}
    }
    const {report} = this.#last
    report.waiterCount++
    if (report.waiters.length < WAITERS_PER_LOCK) report.waiters.push(waiter())
  }

  /** One without an address may be the lock of another waiter or not, and is listed for each. */
  add(lock: Lock, waiter: Party, owner: Party | null): void {
    const key = keyOf(lock, waiter)
    const report = this.#locks.get(key) ?? this.#start(key, lock, owner)
    report.waiterCount++
    if (report.waiters.length < WAITERS_PER_LOCK) report.waiters.push(waiter)
  }

  #start(key: string, {kind, address}: Lock, owner: Party | null): LockReport {
    const report = {kind, address: address === undefined ? null : hex(address), waiters: [], waiterCount: 0, owner}
    this.#locks.set(key, report)
    return report
  }

  list(): LockReport[] {
    return [...this.#locks.values()]
  }
}

function keyOf({kind, address}: Lock, waiter: Party | undefined): string {
  return `${kind}\0${address ?? `${waiter?.thread}/${waiter?.goroutine}/${waiter?.image}`}`
}
