import {hex} from '../../base/address.ts'
import {nameParty} from '../../report/vocabulary.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {findGoWait, type GoWait} from './go-waits.ts'
import type {NativeWait} from './native-waits.ts'
import type {Parties} from './parties.ts'

export interface Deadlocks {
  /** Proven: each link waits for what the next one holds, the last for the first. */
  cycles: readonly Cycle[]
  /**
   * What is a deadlock on a condition that memory does not decide, or has an owner that is not in the kernel for a lock
   * of C.
   */
  chains: readonly string[]
}

export interface Cycle {
  tids: readonly number[]
  links: readonly string[]
}

/** What an owner may be that has no registers in the core. */
const OF_ANOTHER = 'it has ended, or is of a process that this one was forked from or shares the lock with'

/** Goroutines that a chain names; there may be thousands behind one lock. */
const NAMED = 5

/** Follows locks of C from waiter to owner: each thread waits for at most one, so the graph is a set of paths. */
export class DeadlockSearch {
  readonly #parties: Parties
  readonly #waits: ReadonlyMap<number, NativeWait>
  readonly #waitersOf: ReadonlyMap<number, readonly NativeWait[]>

  constructor(parties: Parties, waits: ReadonlyMap<number, NativeWait>) {
    this.#parties = parties
    this.#waits = waits
    this.#waitersOf = waitersByOwner(waits)
  }

  find(): Deadlocks {
    const cycles: Cycle[] = []
    const chains: string[] = []
    for (const tids of this.#findCycles()) {
      const links = tids.map(tid => this.#describeWait(this.#waits.get(tid) as NativeWait))
      const conditions = this.#describeConditions(tids)
      if (conditions.length === 0) cycles.push({tids, links})
      else chains.push(`${joinLinks(links)}: a deadlock, ${conditions.join(', ')}`)
    }
    return {cycles, chains: [...chains, ...this.#findOpenChains()]}
  }

  #findCycles(): number[][] {
    const seen = new Set<number>()
    const cycles: number[][] = []
    for (const start of this.#waits.keys()) {
      const path: number[] = []
      let tid: number | undefined = start
      while (tid !== undefined && this.#waits.has(tid) && !seen.has(tid)) {
        seen.add(tid)
        path.push(tid)
        tid = this.#waits.get(tid)?.owner
      }
      const entry: number = tid === undefined ? -1 : path.indexOf(tid)
      if (entry >= 0) cycles.push(path.slice(entry))
    }
    return cycles
  }

  /**
   * Owners whose goroutine may have gone on to unlock from another thread. A thread that is waited for to end is waited
   * for itself.
   */
  #unsureOwners(tids: readonly number[]): number[] {
    return tids.flatMap(tid => {
      const wait = this.#waits.get(tid)
      if (wait?.owner === undefined || wait.kind === 'end of a thread') return []
      return this.#parties.isBound(wait.owner) ? [] : [wait.owner]
    })
  }

  /** Why a circle may be none; empty where it is proven. */
  #describeConditions(tids: readonly number[]): string[] {
    const unsure = this.#unsureOwners(tids)
    const isTimed = tids.some(tid => this.#waits.get(tid)?.isTimed)
    return [
      ...(unsure.length > 0 ? [`if ${this.#describeUnsure(unsure)}`] : []),
      ...(isTimed ? ['unless a time limit ends it'] : []),
    ]
  }

  #describeUnsure(owners: readonly number[]): string {
    const threads = owners.map(tid => `thread ${tid}`).join(' and ')
    const since = owners.some(tid => this.#parties.isLocked(tid)) ? ' until they are locked to their threads' : ''
    return `what locked on ${threads} is still there (goroutines move on between calls of C${since})`
  }

  #describeWait(wait: NativeWait): string {
    const waits = `${nameParty(this.#parties.waiterOn(wait.tid))} waits${wait.isTimed ? ' up to a time limit' : ''}`
    return `${waits} for ${describeLock(wait)}${this.#describeOwner(wait)}`
  }

  #describeOwner({kind, owner, tid}: NativeWait): string {
    if (owner === undefined) return ''
    const party = nameParty(this.#parties.ownerOn(owner, kind))
    if (kind === 'end of a thread') return ` of ${party}`
    if (this.#parties.isGone(owner)) {
      return ` held by thread ${owner}, which is no thread of this process: ${OF_ANOTHER}`
    }
    return owner === tid && this.#parties.isBound(tid) ? ' which it holds itself' : ` held by ${party}`
  }

  /** A lock of C whose owner waits for no lock of C: it is gone, or its thread is in Go, which records no owners. */
  #findOpenChains(): string[] {
    const chains: string[] = []
    for (const [owner, waiters] of this.#waitersOf) {
      const [first] = waiters
      if (!first || this.#waits.has(owner)) continue
      if (this.#parties.isGone(owner)) chains.push(this.#describeWait(first))
      else if (this.#parties.isInGo(owner) || this.#parties.goroutineOn(owner)) {
        const end = this.#describeOwnerInGo(owner, first.kind)
        if (end !== undefined) chains.push(`${this.#describeWait(first)}${end}`)
      }
    }
    return chains
  }

  #describeOwnerInGo(owner: number, kind: NativeWait['kind']): string | undefined {
    const goroutine = this.#parties.goroutineOn(owner)
    if (!goroutine) return ', which runs no goroutine now: the one that took the lock has gone on without it'
    const wait = findGoWait(this.#parties.imageOn(owner).process, goroutine)
    if (!wait) return undefined
    const isOwner = this.#parties.ownerOn(owner, kind).goroutine !== null
    const which = isOwner ? ', which' : `, on which goroutine ${goroutine.id} now`
    const behind = this.#goroutinesBehind(owner)
    return `${which} waits for ${describeGoWait(wait)}${describeSuspects(wait, behind)}`
  }

  /**
   * All whose way from owner to owner leads to this thread: whichever of them has what the thread waits for closes the
   * circle.
   */
  #goroutinesBehind(owner: number): Goroutine[] {
    const behind: Goroutine[] = []
    const seen = new Set([owner])
    const open = [owner]
    for (let tid = open.pop(); tid !== undefined; tid = open.pop()) {
      for (const waiter of this.#waitersOf.get(tid) ?? []) {
        if (seen.has(waiter.tid)) continue
        seen.add(waiter.tid)
        open.push(waiter.tid)
        const goroutine = this.#parties.goroutineOn(waiter.tid)
        if (goroutine) behind.push(goroutine)
      }
    }
    return behind.sort((a, b) => a.id - b.id)
  }
}

function waitersByOwner(waits: ReadonlyMap<number, NativeWait>): Map<number, NativeWait[]> {
  const waitersOf = new Map<number, NativeWait[]>()
  for (const wait of waits.values()) {
    if (wait.owner === undefined) continue
    const waiters = waitersOf.get(wait.owner)
    if (waiters) waiters.push(wait)
    else waitersOf.set(wait.owner, [wait])
  }
  return waitersOf
}

/** Of one diagnostic: `A waits for m held by B, which waits for n held by A`. */
export function joinLinks([first, ...others]: readonly string[]): string {
  return [first, ...others.map(link => link.replace(/^.*? waits/, 'which waits'))].join(', ')
}

function describeLock({kind, address}: NativeWait): string {
  if (kind === 'end of a thread') return 'the end'
  return address === undefined ? `a ${kind}` : `${kind} ${hex(address)}`
}

function describeGoWait({kind, address}: GoWait): string {
  return address === undefined ? `${kind} in Go` : `${kind} ${hex(address)}`
}

/** What would end a wait in Go, which records who waits and never who will wake them. */
function describeWaking({kind}: GoWait): string | undefined {
  if (/^sync\.(RW)?Mutex/.test(kind) || kind === 'lock of a file') return 'holds it'
  if (kind === 'sync.WaitGroup') return 'has still to call Done'
  if (kind === 'sync.Cond') return 'has to signal it'
  if (kind === 'semaphore') return 'has to release it'
  if (kind.startsWith('chan receive')) return 'has to send on it'
  if (kind.startsWith('chan send')) return 'has to receive from it'
  if (kind.startsWith('select')) return 'has to answer it'
  return undefined
}

function describeSuspects(wait: GoWait, behind: readonly Goroutine[]): string {
  const waking = wait.address === undefined ? undefined : describeWaking(wait)
  if (waking === undefined) return ''
  const unknown = `; Go does not record who ${waking}`
  if (behind.length === 0) return unknown
  const names = behind.slice(0, NAMED).map(({id}) => `goroutine ${id}`)
  const more = behind.length > NAMED ? ` or one of ${behind.length - NAMED} more behind this lock` : ''
  return `${unknown}: a deadlock, if that is ${names.join(' or ')}${more}`
}
