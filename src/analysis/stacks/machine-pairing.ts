import {RegisterSet} from '../../amd64/register-set.ts'
import {USER_REGS} from '../../amd64/user-regs.ts'
import {type Address, addressOfWord, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {Cursor} from '../../base/cursor.ts'
import {type MemoryReader, readAddress} from '../../base/memory-reader.ts'
import type {CoreThread} from '../../elf/core-file.ts'
import type {GoRuntime} from '../../runtime-model/go-runtime.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import {type DeadProcess, holds} from '../process/dead-process.ts'

/** Thread-local storage lies right below the thread pointer; the executable's own, which has g, nearest to it. */
const TLS_PAGE = 0x1000
const TLS_PAGES = 4
/** Threads that the place of g is looked for on, and how many have to tell. */
const THREADS_TRIED = 64
const THREADS_TELLING = 8

/**
 * The M of each thread, as the runtime itself finds it: by the g in thread-local storage, which is nil (here null) on a
 * thread that runs no Go. Where that is not in the core: by m.procid, which C threads leave behind in Ms that they no
 * longer run (up to 1.20), and which is not the core's thread id where a container was dumped from outside.
 */
export function pairMachines({core, memory, runtime}: DeadProcess): ReadonlyMap<number, Machine | null> {
  if (!runtime) return new Map()
  const byId = pairById(core.threads, runtime)
  const machines = machinesByG(runtime)
  const offset = findTlsOffset(memory, core.threads, byId, machines)
  if (offset === undefined) return byId
  const pairs = new Map<number, Machine | null>()
  const untold: CoreThread[] = []
  const told = new Map<Machine, CoreThread>()
  for (const thread of core.threads) {
    const g = readTlsG(memory, thread, offset)
    const machine = g === undefined ? undefined : machines.get(g)
    if (!machine) {
      if (g === NULL_ADDRESS) pairs.set(thread.tid, null)
      else untold.push(thread)
      continue
    }
    // A thread that runtime.clone has just made has its parent's storage until runtime.settls.
    const rival = told.get(machine)
    if (rival && byId.get(thread.tid) !== machine) continue
    if (rival) pairs.delete(rival.tid)
    told.set(machine, thread)
    pairs.set(thread.tid, machine)
  }
  for (const {tid} of untold) {
    const machine = byId.get(tid)
    if (machine && !told.has(machine)) pairs.set(tid, machine)
  }
  return pairs
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
 * nearest one, for what lies below the storage of a thread of libc is its stack, where gs are found too.
 */
function findTlsOffset(
  memory: MemoryReader,
  threads: readonly CoreThread[],
  byId: ReadonlyMap<number, Machine>,
  machines: ReadonlyMap<Address, Machine>,
): number | undefined {
  const likely = threads.filter(({tid}) => byId.has(tid))
  const others = threads.filter(({tid}) => !byId.has(tid))
  const votes = new Map<number, number>()
  let telling = 0
  for (const {registers} of [...likely, ...others].slice(0, THREADS_TRIED)) {
    const found = findGsBelow(memory, addressOfWord(registers[USER_REGS.fs_base] ?? 0n), machines)
    for (const offset of found) votes.set(offset, (votes.get(offset) ?? 0) + 1)
    if (found.length > 0 && ++telling === THREADS_TELLING) break
  }
  const [best] = [...votes].sort(([near, a], [far, b]) => b - a || near - far)
  return best?.[0]
}

/** Distances from an address down to words that are gs of Ms. */
function findGsBelow(
  memory: MemoryReader,
  base: Address | undefined,
  machines: ReadonlyMap<Address, Machine>,
): number[] {
  const found: number[] = []
  if (base === undefined) return found
  let end: number = base
  for (let page = 0; page < TLS_PAGES; page++) {
    const start = Math.max(0, Math.ceil(end / TLS_PAGE) - 1) * TLS_PAGE
    const bytes = end > start ? memory.read(toAddress(start), end - start) : undefined
    if (!bytes) break
    const cursor = new Cursor(bytes, 'thread-local storage')
    for (let at = start; at + 8 <= end; at += 8) {
      const g = addressOfWord(cursor.word())
      if (g !== undefined && machines.has(g)) found.push(base - at)
    }
    end = start
  }
  return found
}

/**
 * Of several Ms with the thread's id the one whose stacks hold its sp, then one that is in use, then the highest id.
 */
function pairById(threads: readonly CoreThread[], runtime: GoRuntime): ReadonlyMap<number, Machine> {
  const pairs = new Map<number, Machine>()
  const stackPointers = new Map<number, Address | undefined>()
  for (const {tid, registers} of threads) stackPointers.set(tid, RegisterSet.ofUserRegs(registers).sp)
  const score = (machine: Machine): number => {
    const sp = stackPointers.get(machine.procid)
    const stacks = [machine.curg, machine.gsignal, machine.g0]
      .filter(g => g !== 0)
      .map(g => runtime.goroutineAt(g)?.stack)
    const holdsSp = sp !== undefined && stacks.some(stack => stack && holds(stack, sp))
    return (holdsSp ? 4 : 0) + (machine.isExtraInSig ? 2 : 0) + (machine.curg !== 0 ? 1 : 0)
  }
  for (const machine of runtime.machines) {
    if (machine.procid === 0 || !stackPointers.has(machine.procid)) continue
    const rival = pairs.get(machine.procid)
    if (!rival) {
      pairs.set(machine.procid, machine)
      continue
    }
    const difference = score(machine) - score(rival)
    if (difference > 0 || (difference === 0 && machine.id > rival.id)) pairs.set(machine.procid, machine)
  }
  return pairs
}
