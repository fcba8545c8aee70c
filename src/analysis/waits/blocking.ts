import {type Address, hex} from '../../base/address.ts'
import type {Diagnostics} from '../../base/diagnostics.ts'
import {readWord} from '../../base/memory-reader.ts'
import type {BlockingReport, GoroutineReport, LockReport} from '../../report/core-report.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {goroutineOf} from '../cgo/cgo-report.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {innerThreadIds} from '../process/inner-thread-ids.ts'
import {findStart} from '../stacks/goroutine-start.ts'
import type {ThreadStacks} from '../stacks/thread-stacks.ts'
import {findGoWait, type GoWait} from './go-waits.ts'
import {findNativeWait, type NativeWait} from './native-waits.ts'

/** Waiters that a lock names; `waiterCount` is whole. */
const WAITERS_PER_LOCK = 100
/** Locks of Go that are kept: with a million goroutines each may have its own. */
const GO_LOCKS = 1000
/** Bytes of a goroutine's stack that are searched for the address of a lock. */
const STACK_SEARCH = 1024 * 1024

interface Party {
  thread: number | null
  goroutine: number | null
}

/** Who waits for whom, in C by what the locks say, in Go by what the goroutines' queues say. */
export class Blocking {
  readonly #process: DeadProcess
  readonly #threads: ThreadStacks
  readonly #locks = new Map<string, LockReport>()
  #waits: ReadonlyMap<number, NativeWait> | undefined

  constructor(process: DeadProcess, threads: ThreadStacks) {
    this.#process = process
    this.#threads = threads
  }

  /** For a goroutine's own report; what the goroutines that were asked for wait for is in `report`. */
  waitingFor(goroutine: Goroutine, thread: number | null): GoroutineReport['waitingFor'] {
    const native = thread === null ? undefined : this.#native().get(thread)
    if (native && goroutine.syscall.sp !== 0) {
      const owner = native.owner === undefined ? null : describeParty(this.#partyOf(native.owner))
      return {kind: native.kind, address: hex(native.address), addresses: [hex(native.address)], owner}
    }
    const wait = findGoWait(this.#process, goroutine)
    if (!wait) return null
    this.#addGoLock(wait, {thread, goroutine: goroutine.id})
    return {
      kind: wait.kind,
      address: wait.address === undefined ? null : hex(wait.address),
      addresses: wait.addresses.map(address => hex(address)),
      owner: null,
    }
  }

  /** Deadlocks also become diagnostics. */
  report(diagnostics: Diagnostics): BlockingReport {
    for (const wait of this.#native().values()) {
      const owner = wait.owner === undefined ? null : this.#partyOf(wait.owner)
      this.#addWaiter(wait.kind, wait.address, this.#partyOf(wait.tid), owner)
    }
    const cycles = this.#findCycles()
    for (const cycle of cycles) {
      const [first, ...others] = cycle
      const message = `deadlock: ${[first, ...others.map(link => link.replace(/^.*? waits/, 'which waits'))].join(', ')}`
      diagnostics.add('deadlock', message, {severity: 'error', where: first ?? ''})
    }
    const chains = this.#findOpenChains()
    for (const chain of chains) diagnostics.add('blocked-chain', chain, {where: chain})
    return {locks: [...this.#locks.values()], cycles, chains}
  }

  #native(): ReadonlyMap<number, NativeWait> {
    if (!this.#waits) {
      const waits = new Map<number, NativeWait>()
      const inner = innerThreadIds(this.#process)
      for (const {tid} of this.#process.core.threads) {
        if (this.#isInGo(tid)) continue
        const stack = this.#threads.ofThread(tid)
        const wait = stack && findNativeWait(this.#process, stack)
        if (wait) waits.set(tid, {...wait, owner: wait.owner && (inner.get(wait.owner) ?? wait.owner)})
      }
      this.#waits = waits
    }
    return this.#waits
  }

  /** Threads of Go park in futexes too; they need not be walked to know it. */
  #isInGo(tid: number): boolean {
    const machine = this.#threads.machineOf(tid)
    return machine !== undefined && machine.ncgo <= 0 && this.#process.runtime?.isExtraMachine(machine) === false
  }

  #goroutineOn(tid: number): Goroutine | undefined {
    const machine = this.#threads.machineOf(tid)
    if (!machine) return undefined
    // The one that an M of C's keeps for its next callback has no part in what the thread does.
    if (machine.curg !== 0 && !this.#threads.goroutineOn(machine)) return undefined
    return goroutineOf(this.#process, machine)
  }

  #isGone(tid: number): boolean {
    return !this.#process.core.threads.some(thread => thread.tid === tid)
  }

  #partyOf(tid: number): Party {
    return {thread: tid, goroutine: this.#goroutineOn(tid)?.id ?? null}
  }

  #addGoLock(wait: GoWait, waiter: Party): void {
    if (!wait.kind.startsWith('sync.') || wait.address === undefined) return
    const kind = wait.kind.replace(/,.*$/, '')
    if (this.#locks.size < GO_LOCKS || this.#locks.has(lockKey(kind, wait.address))) {
      this.#addWaiter(kind, wait.address, waiter, null)
    }
  }

  #addWaiter(kind: string, address: Address, waiter: Party, owner: Party | null): void {
    const key = lockKey(kind, address)
    let lock = this.#locks.get(key)
    if (!lock) {
      lock = {kind, address: hex(address), waiters: [], waiterCount: 0, owner}
      this.#locks.set(key, lock)
    }
    lock.waiterCount++
    if (lock.waiters.length < WAITERS_PER_LOCK) lock.waiters.push(waiter)
  }

  #describeWait(wait: NativeWait): string {
    const held =
      wait.owner === undefined ? '' : describeHolder(wait, this.#partyOf(wait.owner), this.#isGone(wait.owner))
    return `${describeParty(this.#partyOf(wait.tid))} waits for ${describeLock(wait)}${held}`
  }

  /** Each thread waits for at most one lock, so a cycle is found by going from owner to owner. */
  #findCycles(): string[][] {
    const waits = this.#native()
    const seen = new Set<number>()
    const cycles: string[][] = []
    for (const start of waits.keys()) {
      const path: number[] = []
      let tid: number | undefined = start
      while (tid !== undefined && waits.has(tid) && !seen.has(tid)) {
        seen.add(tid)
        path.push(tid)
        tid = waits.get(tid)?.owner
      }
      const entry: number = tid === undefined ? -1 : path.indexOf(tid)
      if (entry < 0) continue
      cycles.push(path.slice(entry).map(member => this.#describeWait(waits.get(member) as NativeWait)))
    }
    return cycles
  }

  /**
   * A lock of C whose owner waits in Go: whether that is a deadlock depends on who holds the lock of Go, which nobody records. Said as
   * a condition, with the one thing memory can add: whose stack has the address.
   */
  #findOpenChains(): string[] {
    const waits = this.#native()
    const waitersOf = new Map<number, NativeWait[]>()
    for (const wait of waits.values()) {
      if (wait.owner === undefined || waits.has(wait.owner)) continue
      waitersOf.set(wait.owner, [...(waitersOf.get(wait.owner) ?? []), wait])
    }
    const chains: string[] = []
    for (const [owner, waiters] of waitersOf) {
      const goroutine = this.#goroutineOn(owner)
      const goWait = goroutine && findGoWait(this.#process, goroutine)
      const [first] = waiters
      if (first && this.#isGone(owner)) chains.push(this.#describeWait(first))
      if (!goWait || !first) continue
      chains.push(`${this.#describeWait(first)}, which waits for ${this.#describeEnd(goWait, waiters)}`)
    }
    return chains
  }

  #describeEnd(wait: GoWait, waiters: readonly NativeWait[]): string {
    const {kind, address} = wait
    if (address === undefined) return `${kind} in Go`
    const behind = waiters.map(({tid}) => this.#goroutineOn(tid)).filter(goroutine => goroutine !== undefined)
    const what = `${kind} ${hex(address)}, whose owner Go does not record`
    if (behind.length === 0) return what
    const ids = (list: readonly Goroutine[]): string => list.map(({id}) => `goroutine ${id}`).join(' or ')
    const holders = behind.filter(goroutine => this.#hasOnStack(goroutine, address))
    const evidence = holders.length === 0 ? '' : ` (its address is on the stack of ${ids(holders)})`
    return `${what}: if that is ${ids(holders.length > 0 ? holders : behind)}, this is a deadlock${evidence}`
  }

  #hasOnStack(goroutine: Goroutine, address: Address): boolean {
    const {sp} = findStart(this.#process, this.#threads, goroutine)
    const end = Math.min(goroutine.stack.hi, sp + STACK_SEARCH)
    for (let at = sp; at + 8 <= end; at = (at + 8) as Address) {
      if (readWord(this.#process.memory, at) === BigInt(address)) return true
    }
    return false
  }
}

function lockKey(kind: string, address: Address): string {
  return `${kind}\0${address}`
}

function describeParty({thread, goroutine}: Party): string {
  if (thread === null) return `goroutine ${goroutine ?? '?'}`
  return goroutine === null ? `thread ${thread}` : `thread ${thread} (goroutine ${goroutine})`
}

function describeLock({kind, address}: NativeWait): string {
  return kind === 'end of a thread' ? 'the end' : `${kind} ${hex(address)}`
}

function describeHolder({kind, tid}: NativeWait, owner: Party, isGone: boolean): string {
  if (kind === 'end of a thread') return ` of ${describeParty(owner)}`
  if (isGone) return ` held by ${describeParty(owner)}, which is no thread of this process any more`
  return owner.thread === tid ? ' which it holds itself' : ` held by ${describeParty(owner)}`
}
