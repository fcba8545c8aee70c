import type {Address} from '../../base/address.ts'
import type {GoRuntime} from '../../runtime-model/go-runtime.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {CrashCause} from '../crash/crash-cause.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {type GoroutineSort, waitTime} from './goroutine-query.ts'

/** The goroutines that the runtime lists, in its own order: the crashing one, its M's, then as they are in allgs. */
export function* listedGoroutines(
  runtime: GoRuntime,
  {goroutine: first, current}: Pick<CrashCause, 'goroutine' | 'current'>,
  withSystem: boolean,
): Generator<Goroutine> {
  const listed = new Set<Address>()
  for (const goroutine of [first, current]) {
    // A g0 is listed by its M's death alone.
    if (!goroutine || listed.has(goroutine.address) || goroutine.id === 0) continue
    listed.add(goroutine.address)
    yield goroutine
  }
  for (const goroutine of runtime.goroutines()) {
    if (listed.has(goroutine.address) || goroutine.isDead) continue
    if (!withSystem && runtime.isSystemGoroutine(goroutine)) continue
    if (runtime.isBorrowedBySignal(goroutine)) continue
    yield goroutine
  }
}

/** What is kept of a goroutine while it waits for its turn: a million of them are sorted in some tens of megabytes. */
interface SortEntry {
  goroutine: Goroutine | Address
  key: number | string
  id: number
}

/** In the order asked for. Sorted ones are read again when their turn comes, so that only their keys stand in memory. */
export function* sortGoroutines(
  process: DeadProcess,
  goroutines: Iterable<Goroutine>,
  sort: GoroutineSort,
  kept: readonly (Goroutine | undefined)[],
): Generator<Goroutine> {
  if (sort === 'runtime') {
    yield* goroutines
    return
  }
  const entries: SortEntry[] = []
  for (const goroutine of goroutines) {
    const key = keyOf(process, goroutine, sort)
    entries.push({goroutine: kept.includes(goroutine) ? goroutine : goroutine.address, key, id: goroutine.id})
  }
  entries.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.id - b.id))
  for (const {goroutine} of entries) {
    const found = typeof goroutine === 'number' ? process.runtime?.goroutineAt(goroutine) : goroutine
    if (found) yield found
  }
}

function keyOf(process: DeadProcess, goroutine: Goroutine, sort: GoroutineSort): number | string {
  if (sort === 'wait') return -Number(waitTime(process, goroutine))
  return sort === 'state' ? goroutine.state : goroutine.id
}
