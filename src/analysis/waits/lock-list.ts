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

  get size(): number {
    return this.#locks.size
  }

  has(lock: Lock): boolean {
    return this.#locks.has(keyOf(lock, undefined))
  }

  /** One without an address may be the lock of another waiter or not, and is listed for each. */
  add(lock: Lock, waiter: Party, owner: Party | null): void {
    const key = keyOf(lock, waiter)
    let report = this.#locks.get(key)
    if (!report) {
      const address = lock.address === undefined ? null : hex(lock.address)
      report = {kind: lock.kind, address, waiters: [], waiterCount: 0, owner}
      this.#locks.set(key, report)
    }
    report.waiterCount++
    if (report.waiters.length < WAITERS_PER_LOCK) report.waiters.push(waiter)
  }

  list(): LockReport[] {
    return [...this.#locks.values()]
  }
}

function keyOf({kind, address}: Lock, waiter: Party | undefined): string {
  return `${kind}\0${address ?? `${waiter?.thread}/${waiter?.goroutine}/${waiter?.image}`}`
}
