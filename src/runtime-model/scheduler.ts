import {type Address, NULL_ADDRESS, toAddress} from '../base/address.ts'
import type {Finding} from '../base/finding.ts'
import {type MemoryReader, readAddress, readU32, readWord} from '../base/memory-reader.ts'
import {isMachine} from './object-shape.ts'
import {RemoteStruct} from './remote-struct.ts'
import type {RuntimeAccess} from './runtime-access.ts'
import type {RuntimeGlobals} from './runtime-globals.ts'
import type {LayoutSet} from './struct-layout.ts'

type IdleLayouts = Pick<LayoutSet, 'm' | 'schedt'>

/** The scheduler of the dead process, runtime.sched. */
export class Scheduler {
  readonly #access: Pick<RuntimeAccess, 'memory' | 'layouts'>
  readonly #globals: Pick<RuntimeGlobals, 'address' | 'machineHeads'>
  #address: Finding<Address>
  #idle: Finding<ReadonlySet<Address>>

  constructor(
    access: Pick<RuntimeAccess, 'memory' | 'layouts'>,
    globals: Pick<RuntimeGlobals, 'address' | 'machineHeads'>,
  ) {
    this.#access = access
    this.#globals = globals
  }

  /** Where no symbol and no code tells, by its list of idle Ms; undefined where there is none either. */
  get address(): Address | undefined {
    this.#address ??= this.#globals.address('runtime.sched') ?? this.#search() ?? null
    return this.#address ?? undefined
  }

  #search(): Address | undefined {
    const {memory, layouts} = this.#access
    for (const head of this.#globals.machineHeads) {
      const found = schedulerOf(memory, head, layouts)
      if (found !== undefined) return found
    }
    return undefined
  }

  read(): RemoteStruct<'schedt'> | undefined {
    const {memory, layouts} = this.#access
    return this.address === undefined ? undefined : RemoteStruct.read(memory, this.address, layouts.schedt)
  }

  /**
   * The Ms that wait for work. One is put on their list right before it sleeps and is taken off before it is woken
   * (stopm, mput, mget; src/runtime/proc.go), so what is on it runs nothing. undefined where that cannot be read.
   */
  get idleMachines(): ReadonlySet<Address> | undefined {
    const {memory, layouts} = this.#access
    if (this.#idle === undefined) {
      this.#idle = (this.address !== undefined && readIdleMachines(memory, this.address, layouts)) || null
    }
    return this.#idle ?? undefined
  }
}

/** sched.maxmcount is 10,000 unless a program raises it. */
const MAX_MACHINES = 200_000

/** undefined where it cannot be read, or is not as long as sched.nmidle says: caught while it was changed. */
function readIdleMachines(
  memory: MemoryReader,
  sched: Address,
  layouts: IdleLayouts,
): ReadonlySet<Address> | undefined {
  const {midle, nmidle, next} = offsetsOf(layouts)
  if (midle === undefined || nmidle === undefined || next === undefined) return undefined
  const length = readU32(memory, toAddress(sched + nmidle))
  if (length === undefined || length > MAX_MACHINES) return undefined
  const found = new Set<Address>()
  let at = readAddress(memory, toAddress(sched + midle))
  while (at !== undefined && at !== NULL_ADDRESS && found.size < length && isMachine(memory, at)) {
    found.add(at)
    at = readAddress(memory, toAddress(at + next))
  }
  return at === NULL_ADDRESS && found.size === length ? found : undefined
}

/**
 * The scheduler (runtime.sched) whose list of idle Ms begins at `head`; undefined where there is none. The counts
 * behind the list are nmidle, nmidlelocked, mnext (64 bits) and maxmcount, since 1.7 (src/runtime/runtime2.go).
 */
function schedulerOf(memory: MemoryReader, head: Address, layouts: IdleLayouts): Address | undefined {
  const {midle, nmidle} = offsetsOf(layouts)
  if (midle === undefined || nmidle === undefined || head < midle) return undefined
  const sched = toAddress(head - midle)
  const counts = toAddress(sched + nmidle)
  const [idle, locked, limit] = [0, 4, 16].map(offset => readU32(memory, toAddress(counts + offset)))
  const made = readWord(memory, toAddress(counts + 8))
  if (idle === undefined || locked === undefined || limit === undefined || made === undefined) return undefined
  const isCounted = idle > 0 && idle + locked <= made && made <= limit
  return isCounted && readIdleMachines(memory, sched, layouts) ? sched : undefined
}

/** From 1.26 on the list is linked by a node of its own. */
function offsetsOf({m, schedt}: IdleLayouts): Record<'midle' | 'nmidle' | 'next', number | undefined> {
  const next = m.offset('idleNode.next') ?? m.offset('schedlink')
  return {midle: schedt.offset('midle'), nmidle: schedt.offset('nmidle'), next}
}
