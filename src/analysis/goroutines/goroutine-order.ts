import type {Address} from '../../base/address.ts'
import type {GoRuntime} from '../../runtime-model/go-runtime.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {CrashCause} from '../crash/crash-cause.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {type GoroutineSort, waitTime} from './goroutine-query.ts'

type ListedFirst = Pick<CrashCause, 'goroutine' | 'current' | 'kept'>

/** The goroutines that the runtime lists first: the one whose stack crashed, which may be a g0, and its M's own. */
export function goroutinesOfCrash({goroutine: first, current, kept}: ListedFirst): Goroutine[] {
  const own = current ?? kept
  const second = own?.address === first?.address ? undefined : own
  return [first, second].filter(goroutine => goroutine !== undefined)
}

/** All others that are alive and wanted, as they are in allgs: `all` of the runtime's. `first` are told before. */
export function* otherGoroutines(
  runtime: GoRuntime,
  ofCrash: readonly Goroutine[],
  isWanted: (goroutine: Goroutine) => boolean,
  all: Iterable<Goroutine> = runtime.goroutines(),
  first: readonly Goroutine[] = [],
): Generator<Goroutine> {
  yield* first
  const listed = ofCrash.map(({address}) => address)
  for (const goroutine of all) {
    if (!listed.includes(goroutine.address) && !goroutine.isDead && isWanted(goroutine)) yield goroutine
  }
}

/** Whether the runtime lists a goroutine that has not crashed (runtime.tracebackothers). */
export function isListed(runtime: GoRuntime, goroutine: Goroutine, withSystem: boolean): boolean {
  return (withSystem || !runtime.isSystemGoroutine(goroutine)) && !runtime.isBorrowedBySignal(goroutine)
}

/** The goroutines that the runtime lists, in its own order. A g0 is listed by its M's death alone. */
export function listedGoroutines(
  runtime: GoRuntime,
  cause: ListedFirst,
  withSystem: boolean,
  all?: Iterable<Goroutine>,
): Generator<Goroutine> {
  const ofCrash = goroutinesOfCrash(cause).filter(({id}) => id !== 0)
  return otherGoroutines(runtime, ofCrash, goroutine => isListed(runtime, goroutine, withSystem), all, ofCrash)
}

/** What is kept of a goroutine while it waits for its turn: a million of them are sorted in some tens of megabytes. */
interface SortEntry {
  goroutine: Goroutine | Address
  key: number | string
  id: number
}

/** In the order asked for. */
export function sortGoroutines(
  process: DeadProcess,
  goroutines: Iterable<Goroutine>,
  sort: GoroutineSort,
  kept: readonly (Goroutine | undefined)[],
): Iterable<Goroutine> {
  return sort === 'runtime' ? goroutines : readInOrder(process, goroutines, sort, kept)
}

/**
 * Sorted ones are read again when their turn comes, so that only their keys stand in memory.
 */
function* readInOrder(
  process: DeadProcess,
  goroutines: Iterable<Goroutine>,
  sort: GoroutineSort,
  kept: readonly (Goroutine | undefined)[],
): Generator<Goroutine> {
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
