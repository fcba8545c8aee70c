import {RegisterSet} from '../../amd64/register-set.ts'
import {USER_REGS} from '../../amd64/user-regs.ts'
import {type Address, addressOfWord, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {Cursor} from '../../base/cursor.ts'
import type {Finding} from '../../base/finding.ts'
import {type MemoryReader, readAddress} from '../../base/memory-reader.ts'
import type {CoreThread} from '../../elf/core-file.ts'
import type {GoRuntime} from '../../runtime-model/go-runtime.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {hasRecord, libcOfThreads} from '../process/thread-records.ts'

/** Thread-local storage lies right below the thread pointer; the executable's own, which has g, nearest to it. */
const TLS_PAGE = 0x1000
const TLS_PAGES = 4
/** Threads that the place of g is looked for on, and how many have to tell. */
const THREADS_TRIED = 64
const THREADS_TELLING = 8

/** What speaks for the M of a thread. */
interface Claim {
  readonly thread: CoreThread
  /** By the g in thread-local storage; null: that is nil. undefined: it tells nothing. */
  readonly told: Finding<Machine>
  /** By m.procid. */
  readonly numbered: Machine | undefined
}

/**
 * The M of each thread; null on a thread that runs no Go.
 *
 * The runtime itself finds it by the g in thread-local storage. But C code can give a thread another FS base, or make a
 * thread by clone(2) that shares its maker's. So the M whose procid is the thread's ID wins where the thread's sp lies
 * in that M's stacks, and not in those of the other. procid alone proves less: C threads leave theirs in Ms that they
 * no longer run (up to 1.20), and it is not the core's thread ID where a container was dumped from outside. It has to
 * do where the storage is not in the core, or is not what libc made.
 */
export function pairMachines(process: DeadProcess): ReadonlyMap<number, Machine | null> {
  const {runtime} = process
  const pairs = new Map<number, Machine | null>()
  if (!runtime) return pairs
  const stacks = new MachineStacks(runtime)
  const claims = claimsOf(process, runtime, stacks)
  const taken = new Set<Machine>()
  const pair = (find: (claim: Claim) => Machine | undefined): void => {
    for (const claim of claims) {
      const {tid} = claim.thread
      const machine = pairs.has(tid) ? undefined : find(claim)
      if (!machine || taken.has(machine)) continue
      taken.add(machine)
      pairs.set(tid, machine)
      if (claim.told !== undefined && claim.told !== machine) reportDoubt(process, claim, machine)
    }
  }
  pair(({told, numbered}) => (told === numbered ? numbered : undefined))
  pair(claim => (stacks.refute(claim) ? claim.numbered : undefined))
  // A thread that runtime.clone has just made has its parent's storage until runtime.settls: the parent comes first.
  pair(({told}) => told ?? undefined)
  for (const {thread, told} of claims) if (told === null && !pairs.has(thread.tid)) pairs.set(thread.tid, null)
  pair(({told, numbered}) => (told === undefined ? numbered : undefined))
  pair(({thread}) => runtime.machines.find(machine => !taken.has(machine) && stacks.hold(machine, thread)))
  reportGone(process, runtime, taken)
  return pairs
}

/** Threads that are told of, one by one. */
const GONE_LIMIT = 10

/** Goroutines on Ms whose thread is not there: C ended it by exit(2), or this is the child of a fork. */
function reportGone({diagnostics}: DeadProcess, runtime: GoRuntime, taken: ReadonlySet<Machine>): void {
  let count = 0
  for (const machine of runtime.machines) {
    if (taken.has(machine) || machine.procid === 0 || runtime.isExtraMachine(machine)) continue
    const goroutine = runtime.goroutineAt(machine.curg)
    if (!goroutine || goroutine.isDead || goroutine.m !== machine.address) continue
    if (++count > GONE_LIMIT) return
    diagnostics.add(
      'thread-gone',
      `goroutine ${goroutine.id} runs on M ${machine.id}, whose thread ${machine.procid} is not in the core`,
      {
        where: `goroutine ${goroutine.id}`,
        hint: 'C code may have ended that thread alone, by exit(2) as a system call',
      },
    )
  }
}

function claimsOf(process: DeadProcess, runtime: GoRuntime, stacks: MachineStacks): Claim[] {
  const {core, memory} = process
  const byId = pairById(core.threads, runtime, stacks)
  const machines = machinesByG(runtime)
  const offset = findTlsOffset(memory, core.threads, byId, machines)
  const isLibc = libcOfThreads(process) !== undefined
  return core.threads.map(thread => {
    const isStored = offset !== undefined && (!isLibc || hasRecord(memory, thread))
    const g = isStored ? readTlsG(memory, thread, offset) : undefined
    const told = g === NULL_ADDRESS ? null : g === undefined ? undefined : machines.get(g)
    return {thread, told, numbered: byId.get(thread.tid)}
  })
}

function reportDoubt({diagnostics}: DeadProcess, {thread, told}: Claim, machine: Machine): void {
  const other = told ? `M ${told.id}` : 'no M'
  diagnostics.add(
    'machine-doubtful',
    `thread ${thread.tid}: its thread-local storage tells of ${other}, its stack is that of M ${machine.id}, which was used`,
    {where: `thread ${thread.tid}`},
  )
}

/** The stacks that belong to each M: g0's, gsignal's and that of the goroutine that it runs. */
class MachineStacks {
  readonly #runtime: GoRuntime
  readonly #stacks = new Map<Machine, readonly Goroutine['stack'][]>()

  constructor(runtime: GoRuntime) {
    this.#runtime = runtime
  }

  /** Whether a thread's sp lies in a stack of the M. */
  hold(machine: Machine, {registers}: CoreThread): boolean {
    const {sp} = RegisterSet.ofUserRegs(registers)
    return sp !== undefined && this.#of(machine).some(stack => isOnStack(stack, sp))
  }

  /** Whether the thread's stack speaks for the M of its ID, and against what its storage tells. */
  refute({thread, told, numbered}: Claim): boolean {
    if (told === undefined || !numbered || !this.hold(numbered, thread)) return false
    if (told === null) return this.#isBusy(numbered)
    return !this.hold(told, thread) || (this.#isBorrowed(told) && !this.#isBorrowed(numbered))
  }

  /**
   * Taken for a callback or a signal of a thread that is not Go's. A thread that the runtime made keeps its own M;
   * where a handler found no g on it, it borrowed a second one.
   */
  #isBorrowed(machine: Machine): boolean {
    return this.#runtime.isExtraMachine(machine)
  }

  /** Of two Ms with a thread's ID the one that is its own has more. */
  score(machine: Machine, thread: CoreThread): number {
    const isOwn = !this.#isBorrowed(machine)
    const isHeld = this.hold(machine, thread)
    return (isOwn && isHeld ? 8 : 0) + (isHeld ? 4 : 0) + (machine.isExtraInSig ? 2 : 0) + (machine.curg !== 0 ? 1 : 0)
  }

  /** The M of a C thread that has left Go is kept for the next one, with the stack bounds of the last. */
  #isBusy(machine: Machine): boolean {
    if (!this.#isBorrowed(machine)) return true
    return this.#runtime.goroutineAt(machine.curg)?.isDead === false
  }

  #of(machine: Machine): readonly Goroutine['stack'][] {
    const known = this.#stacks.get(machine)
    if (known) return known
    const gs = [machine.curg, machine.gsignal, machine.g0].filter(g => g !== NULL_ADDRESS)
    const stacks = gs.flatMap(g => this.#runtime.goroutineAt(g)?.stack ?? [])
    this.#stacks.set(machine, stacks)
    return stacks
  }
}

/** The three gs that a thread can have in its storage while it runs an M. */
function machinesByG(runtime: GoRuntime): ReadonlyMap<Address, Machine> {
  const machines = new Map<Address, Machine>()
  for (const machine of runtime.machines) {
    for (const g of [machine.g0, machine.gsignal, machine.curg]) if (g !== NULL_ADDRESS) machines.set(g, machine)
  }
  return machines
}

function readTlsG(memory: MemoryReader, {registers}: CoreThread, offset: number): Address | undefined {
  const base = addressOfWord(registers[USER_REGS.fs_base] ?? 0n)
  return base === undefined || base < offset ? undefined : readAddress(memory, toAddress(base - offset))
}

/**
 * How far below the thread pointer g is: the distance at which most threads have a g of an M. -8 in plain executables,
 * but the linker and the loader decide; the code that loads it (runtime.cgoSigtramp) may not be at hand. Of equals the
 * nearest one, for what lies below the storage of a thread of libc is its stack, where gs are found too. So one g that
 * another thread of the core has by its ID does not tell the distance: in a core that is cut, it may be the only one
 * that is found.
 */
function findTlsOffset(
  memory: MemoryReader,
  threads: readonly CoreThread[],
  byId: ReadonlyMap<number, Machine>,
  machines: ReadonlyMap<Address, Machine>,
): number | undefined {
  const likely = threads.filter(({tid}) => byId.has(tid))
  const others = threads.filter(({tid}) => !byId.has(tid))
  const votes = new Map<number, {count: number; isTold: boolean}>()
  let telling = 0
  for (const {tid, registers} of [...likely, ...others].slice(0, THREADS_TRIED)) {
    const found = findGsBelow(memory, addressOfWord(registers[USER_REGS.fs_base] ?? 0n), machines)
    for (const {offset, machine} of found) {
      const vote = votes.get(offset) ?? {count: 0, isTold: false}
      const isOfOther = machine.procid !== tid && byId.get(machine.procid) === machine
      votes.set(offset, {count: vote.count + 1, isTold: vote.isTold || !isOfOther})
    }
    if (found.length > 0 && ++telling === THREADS_TELLING) break
  }
  const told = [...votes].filter(([, {count, isTold}]) => isTold || count > 1)
  const [best] = told.sort(([near, a], [far, b]) => b.count - a.count || near - far)
  return best?.[0]
}

/** Words below an address that are gs of Ms, and how far below. */
function findGsBelow(
  memory: MemoryReader,
  base: Address | undefined,
  machines: ReadonlyMap<number, Machine>,
): {offset: number; machine: Machine}[] {
  const found: {offset: number; machine: Machine}[] = []
  if (base === undefined) return found
  let end: number = base
  for (let page = 0; page < TLS_PAGES; page++) {
    const start = Math.max(0, Math.ceil(end / TLS_PAGE) - 1) * TLS_PAGE
    const bytes = end > start ? memory.read(toAddress(start), end - start) : undefined
    if (!bytes) break
    const cursor = new Cursor(bytes, 'thread-local storage')
    for (let at = start; at + 8 <= end; at += 8) {
      const machine = machines.get(cursor.number64())
      if (machine) found.push({offset: base - at, machine})
    }
    end = start
  }
  return found
}

/**
 * Of several Ms with the thread's id the one whose stacks hold its sp, then one that is in use, then the highest id.
 */
function pairById(
  threads: readonly CoreThread[],
  runtime: GoRuntime,
  stacks: MachineStacks,
): ReadonlyMap<number, Machine> {
  const pairs = new Map<number, Machine>()
  const byTid = new Map(threads.map(thread => [thread.tid, thread]))
  for (const machine of runtime.machines) {
    const thread = machine.procid === 0 ? undefined : byTid.get(machine.procid)
    if (!thread) continue
    const rival = pairs.get(machine.procid)
    if (!rival) {
      pairs.set(machine.procid, machine)
      continue
    }
    const difference = stacks.score(machine, thread) - stacks.score(rival, thread)
    if (difference > 0 || (difference === 0 && machine.id > rival.id)) pairs.set(machine.procid, machine)
  }
  return pairs
}
