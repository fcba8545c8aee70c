import {type Address, NULL_ADDRESS} from '../base/address.ts'
import type {Extent} from '../base/extent.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {GoFunction} from './go-function.ts'
import type {Moduledata} from './moduledata.ts'
import {NameIndex} from './name-index.ts'
import {Pclntab, type PclntabPlaces} from './pclntab.ts'
import type {GoVersion} from './version.ts'

/** Distinct pcs that are remembered; far above what the stacks of any one process show. */
const PC_CACHE_LIMIT = 2 ** 18

/** The functions of one Go module, read as they are asked for. */
export class ModuleTables {
  readonly pclntab: Pclntab
  readonly #version: GoVersion
  readonly #minpc: Address
  readonly #maxpc: Address
  readonly #names: NameIndex
  readonly #functions = new Map<number, GoFunction | undefined>()
  readonly #byPc = new Map<number, GoFunction | undefined>()

  constructor(pclntab: Pclntab, version: GoVersion, range: Pick<Moduledata, 'minpc' | 'maxpc'> | undefined) {
    this.pclntab = pclntab
    this.#version = version
    this.#minpc = range?.minpc ?? pclntab.entryAt(0) ?? NULL_ADDRESS
    this.#maxpc = range?.maxpc ?? pclntab.entryAt(pclntab.places.nfunc) ?? NULL_ADDRESS
    this.#names = new NameIndex(pclntab)
  }

  /** Whether its code covers a pc, in a function or between them. */
  covers(pc: Address, extent?: Extent): boolean {
    extent?.split(this.#minpc, this.#maxpc, pc)
    return pc >= this.#minpc && pc < this.#maxpc
  }

  /** The function at a pc that it covers; undefined where the tables are damaged. */
  functionAt(pc: Address): GoFunction | undefined {
    const known = this.#byPc.get(pc)
    if (known !== undefined || this.#byPc.has(pc)) return known
    if (this.#byPc.size >= PC_CACHE_LIMIT) this.#byPc.clear()
    const index = this.pclntab.findIndex(pc)
    const found = index === undefined ? undefined : this.#functionOf(index)
    this.#byPc.set(pc, found)
    return found
  }

  /** As `functionAt`, without keeping it: for passes over many pcs. */
  locate(pc: Address, extent?: Extent): GoFunction | undefined {
    const index = this.pclntab.findIndex(pc)
    const known = index === undefined ? undefined : this.#functions.get(index)
    const found = known ?? (index === undefined ? undefined : GoFunction.at(this.pclntab, index, this.#version))
    if (!found || pc < found.entry || pc >= found.end) extent?.narrowTo(pc)
    return found
  }

  /** The first function of that name. */
  functionNamed(name: string): GoFunction | undefined {
    const index = this.#names.find(name)
    return index === undefined ? undefined : this.#functionOf(index)
  }

  #functionOf(index: number): GoFunction | undefined {
    let found = this.#functions.get(index)
    if (!found && !this.#functions.has(index)) {
      found = GoFunction.at(this.pclntab, index, this.#version)
      this.#functions.set(index, found)
    }
    return found
  }
}

/** A run of memory that a file serves, which outlives the process. */
export interface LastingRun {
  readonly start: Address
  readonly end: Address
  readonly image: object
}

/**
 * The memory of one process after the other. What is read within the run is the same in each; once anything else was
 * read, what came of it is of that process alone.
 */
class RunMemory implements MemoryReader {
  process: MemoryReader
  isLeft = false
  readonly #start: number
  readonly #end: number

  constructor({start, end}: LastingRun, process: MemoryReader) {
    this.#start = start
    this.#end = end
    this.process = process
  }

  read(address: Address, length: number): Uint8Array | undefined {
    if (address < this.#start || address + length > this.#end) this.isLeft = true
    return this.process.read(address, length)
  }
}

interface Lasting {
  readonly key: string
  readonly memory: RunMemory
  readonly tables: ModuleTables
}

/** Of each file the tables that the last process had. */
const LASTING = new WeakMap<object, Lasting>()

/**
 * Tables that lie in a file: those of the process before, if that had it loaded at the same place, with the same of
 * them, and nothing else was read for them.
 */
export function lastingTables(
  run: LastingRun,
  {memory: process, places}: {memory: MemoryReader; places: PclntabPlaces},
  version: GoVersion,
  range: Pick<Moduledata, 'minpc' | 'maxpc'> | undefined,
): ModuleTables {
  const {start, end, image} = run
  const key = JSON.stringify([start, end, places, version, range?.minpc, range?.maxpc])
  const known = LASTING.get(image)
  if (known?.key === key && !known.memory.isLeft) {
    known.memory.process = process
    return known.tables
  }
  const memory = new RunMemory(run, process)
  const tables = new ModuleTables(new Pclntab(memory, places), version, range)
  LASTING.set(image, {key, memory, tables})
  return tables
}
