import {hex} from '../../base/address.ts'
import type {Diagnostics} from '../../base/diagnostics.ts'
import type {BlockingReport, GoroutineReport} from '../../report/core-report.ts'
import {nameParty} from '../../report/vocabulary.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {imageName} from '../process/process-facts.ts'
import {innerThreadIds, libcOfThreads} from '../process/thread-records.ts'
import type {ThreadStacks} from '../stacks/thread-stacks.ts'
import {DeadlockSearch, type Deadlocks, joinLinks} from './deadlocks.ts'
import {findGoWait, type GoWait, isOfSync, WaitingPlaces} from './go-waits.ts'
import {LockList} from './lock-list.ts'
import {findNativeWait, type NativeWait} from './native-waits.ts'
import {Parties} from './parties.ts'

/** Locks of Go that are kept: with a million goroutines each may have its own. */
const GO_LOCKS = 1000

type WaitReport = NonNullable<GoroutineReport['waitingFor']>

/** Who waits for whom, in C by what the locks say, in Go by what the goroutines' queues say. */
export class Blocking {
  /** The threads as each Go runtime of the process sees them. */
  readonly #images: readonly ThreadStacks[]
  readonly #parties: Parties
  #waits: ReadonlyMap<number, NativeWait> | undefined
  #deadlocks: Deadlocks | undefined
  #locks: LockList | undefined
  /** Processes whose locks of Go are in the list. */
  readonly #noted = new Set<DeadProcess>()
  readonly #places = new Map<DeadProcess, WaitingPlaces>()
  #lastWait: {readonly goroutine: Goroutine; readonly wait: GoWait | undefined} | undefined

  constructor(images: readonly ThreadStacks[]) {
    this.#images = images
    this.#parties = new Parties(images)
  }

  /** For a goroutine's own report. */
  waitingFor(process: DeadProcess, goroutine: Goroutine, thread: number | null): WaitReport | null {
    const native = thread === null || goroutine.syscall.sp === 0 ? null : this.#nativeWaitOf(thread)
    if (native) return native
    const wait = this.#goWaitOf(process, goroutine)
    return wait ? reportGoWait(wait) : null
  }

  /** Who notes the locks of goroutines mostly asks what each waits for, too. */
  #goWaitOf(process: DeadProcess, goroutine: Goroutine): GoWait | undefined {
    if (this.#lastWait?.goroutine !== goroutine) {
      this.#lastWait = {goroutine, wait: findGoWait(process, goroutine, this.#placesOf(process))}
    }
    return this.#lastWait.wait
  }

  /** For a thread's own report: in C, or in Go with a goroutine that no other thread may run. */
  waitOfThread(tid: number): WaitReport | null {
    const native = this.#nativeWaitOf(tid)
    if (native) return native
    const goroutine = this.#parties.goroutineOn(tid)
    const {process} = this.#parties.imageOn(tid)
    const wait = goroutine && findGoWait(process, goroutine, this.#placesOf(process))
    return wait ? reportGoWait(wait) : null
  }

  #nativeWaitOf(tid: number): WaitReport | null {
    const wait = this.#native().get(tid)
    if (!wait) return null
    const address = wait.address === undefined ? null : hex(wait.address)
    return {
      kind: wait.kind,
      address,
      addresses: address === null ? [] : [address],
      owner: wait.owner === undefined ? null : nameParty(this.#parties.ownerOn(wait.owner, wait.kind)),
      deadlock: this.#deadlockOf(tid),
    }
  }

  /** Deadlocks, and what may be one, as diagnostics; the locks of Go are not looked at. */
  addDiagnostics(diagnostics: Diagnostics): void {
    const {cycles, chains} = this.#search()
    for (const {links} of cycles) {
      diagnostics.add('deadlock', `deadlock: ${joinLinks(links)}`, {severity: 'error', where: links[0] ?? ''})
    }
    for (const chain of chains) diagnostics.add('blocked-chain', chain, {where: chain})
  }

  /** All locks of the process, whatever was asked for. */
  report(): BlockingReport {
    return this.#reportWith(this.#listLocks())
  }

  /** Without the locks of Go that were not noted yet: Go records no owner of any. */
  reportOwned(): BlockingReport {
    return this.#reportWith(this.#nativeLocks().list())
  }

  #reportWith(locks: BlockingReport['locks']): BlockingReport {
    const {cycles, chains} = this.#search()
    return {locks, cycles: cycles.map(({links}) => [...links]), chains: [...chains]}
  }

  #listLocks(): BlockingReport['locks'] {
    for (const {process} of this.#images) {
      const {runtime} = process
      if (!runtime || this.#noted.has(process)) continue
      for (const _ of this.noting(process, runtime.goroutines()));
    }
    return this.#nativeLocks().list()
  }

  #nativeLocks(): LockList {
    if (this.#locks) return this.#locks
    this.#locks = new LockList()
    for (const wait of this.#native().values()) {
      const owner = wait.owner === undefined ? null : this.#parties.ownerOn(wait.owner, wait.kind)
      this.#locks.add(wait, this.#parties.waiterOn(wait.tid), owner)
    }
    return this.#locks
  }

  /**
   * All goroutines of a process as they are in allgs, for who asks something else of them: the locks of Go that they
   * wait for are listed on the way, so that the list of locks needs no pass of its own.
   */
  *noting(process: DeadProcess, goroutines: Iterable<Goroutine>): Generator<Goroutine> {
    if (this.#noted.has(process)) {
      yield* goroutines
      return
    }
    const locks = this.#nativeLocks()
    let isWhole = false
    try {
      for (const goroutine of goroutines) {
        this.#addGoLock(locks, process, goroutine)
        yield goroutine
      }
      isWhole = true
    } finally {
      if (isWhole) this.#noted.add(process)
      else this.#forgetLocks()
    }
  }

  #addGoLock(locks: LockList, process: DeadProcess, goroutine: Goroutine): void {
    // Told without a walk.
    if (!isOfSync(goroutine.state)) return
    const wait = this.#goWaitOf(process, goroutine)
    if (!wait?.kind.startsWith('sync.') || wait.address === undefined) return
    const {kind, address} = wait
    // One lock, whether for reading or writing.
    const lock = {kind: kind.includes(',') ? kind.replace(/,.*$/, '') : kind, address}
    locks.addOneOf(lock, GO_LOCKS, () => ({thread: null, goroutine: goroutine.id, image: imageName(process)}))
  }

  #placesOf(process: DeadProcess): WaitingPlaces {
    let places = this.#places.get(process)
    if (!places) {
      places = new WaitingPlaces(process)
      this.#places.set(process, places)
    }
    return places
  }

  /** Who asked did not look at all of them: the next pass begins anew. */
  #forgetLocks(): void {
    this.#locks = undefined
    this.#noted.clear()
  }

  #search(): Deadlocks {
    this.#deadlocks ??= new DeadlockSearch(this.#parties, this.#native()).find()
    return this.#deadlocks
  }

  #deadlockOf(tid: number): number | null {
    const index = this.#search().cycles.findIndex(({tids}) => tids.includes(tid))
    return index < 0 ? null : index
  }

  #native(): ReadonlyMap<number, NativeWait> {
    this.#waits ??= this.#findNativeWaits()
    return this.#waits
  }

  #findNativeWaits(): ReadonlyMap<number, NativeWait> {
    const waits = new Map<number, NativeWait>()
    const [{process}] = this.#images as [ThreadStacks]
    const inner = innerThreadIds(process)
    // Asks every thread, so it is asked once.
    const libc = libcOfThreads(process) ?? 'glibc'
    for (const {tid} of process.core.threads) {
      if (this.#parties.isInGo(tid)) continue
      if (process.deadline.isOver('the search for locks')) break
      const stack = this.#parties.imageOn(tid).ofThread(tid)
      const wait = stack && findNativeWait(process, stack, libc)
      if (wait) waits.set(tid, {...wait, owner: wait.owner && (inner.get(wait.owner) ?? wait.owner)})
    }
    return waits
  }
}

function reportGoWait(wait: GoWait): WaitReport {
  return {
    kind: wait.kind,
    address: wait.address === undefined ? null : hex(wait.address),
    addresses: wait.addresses.map(address => hex(address)),
    owner: null,
    deadlock: null,
  }
}
