import type {Address} from '../base/address.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {Extent} from '../base/extent.ts'
import {AnswerTable} from './answer-table.ts'
import type {KeptCode} from './kept-code.ts'
import type {SymbolSource} from './module-symbols.ts'
import type {FramePlace, SourceFrame} from './source-frame.ts'
import {packTable, unpackTable} from './table-file.ts'

/** Keeps what was found of one module for later runs, whatever it is. */
export interface AnswerStore {
  /** What the answers depend on. */
  readonly key: string
  read(): Uint8Array | undefined
  write(pieces: readonly Uint8Array[]): void
}

interface KeptTable {
  readonly table: AnswerTable
  /** How much of it is in the store. */
  known: number
}

/** Files of some programs, and places of the stacks of many cores. */
const [TABLES_MAX, ROWS_MAX] = [64, 100_000]
/** A table of many cores is not written for each that adds a frame to it. */
const GROWTH = 1.25

/** Tables that one process has for all its cores, by what their answers depend on. */
export class LastingTables {
  readonly #tables = new Map<string, KeptTable>()

  of(key: string, make: () => KeptTable): KeptTable {
    const known = this.#tables.get(key)
    if (known && known.table.size <= ROWS_MAX) return known
    if (this.#tables.size >= TABLES_MAX) this.#tables.clear()
    const made = make()
    this.#tables.set(key, made)
    return made
  }

  forget(key: string): void {
    this.#tables.delete(key)
  }

  clear(): void {
    this.#tables.clear()
  }
}

interface KeptModule {
  readonly store: AnswerStore
  readonly kept: KeptTable
  /** Something was told while its files were read, which must be told again. */
  hasTold: boolean
}

/** The frames at addresses of modules that earlier runs have found: the same crash needs no DWARF a second time. */
export class KeptFrames {
  readonly code: KeptCode | undefined
  readonly #open: (module: SymbolSource) => AnswerStore | undefined
  readonly #lasting: LastingTables | undefined
  readonly #modules = new Map<SymbolSource, KeptModule | undefined>()

  /**
   * @param open the store of a module; undefined where nothing of it can be kept
   * @param lasting what the cores before this one have found
   * @param code what is known of the code of programs, which is kept with it
   */
  constructor(open: (module: SymbolSource) => AnswerStore | undefined, lasting?: LastingTables, code?: KeptCode) {
    this.code = code
    this.#open = open
    this.#lasting = lasting
  }

  /** What is known of a link address; else what `find` gives, which is kept from then on. */
  of(
    module: SymbolSource,
    linkAddress: Address,
    {place, diagnostics}: {place: FramePlace; diagnostics: Diagnostics},
    find: () => SourceFrame[] | undefined,
  ): SourceFrame[] | undefined {
    const known = this.#moduleOf(module)
    const table = known?.kept.table
    if (table?.seek(linkAddress)) {
      return table.frames.map(frame => ({...frame, entry: entryIn(module, frame.entry), ...place}))
    }
    const {told} = diagnostics
    const frames = find()
    if (table && frames) this.#add(table, module, linkAddress, frames)
    if (known && diagnostics.told !== told) known.hasTold = true
    return frames
  }

  #moduleOf(module: SymbolSource): KeptModule | undefined {
    if (!this.#modules.has(module)) {
      const {image} = module
      const store = image && this.#open(module)
      const make = (): KeptTable => {
        const bytes = store?.read()
        const table = new AnswerTable(image?.linkStart ?? 0, bytes && unpackTable(bytes))
        return {table, known: table.size}
      }
      const kept = store && (this.#lasting?.of(store.key, make) ?? make())
      this.#modules.set(module, kept && {store, kept, hasTold: false})
    }
    return this.#modules.get(module)
  }

  #add(table: AnswerTable, module: SymbolSource, linkAddress: Address, frames: readonly SourceFrame[]): void {
    const extent = new Extent()
    extent.narrowTo(linkAddress)
    const linked = frames.map(frame => ({...frame, entry: frame.entry && (module.linkAddress(frame.entry) ?? null)}))
    // One that is not in the module cannot be told by its place in it.
    if (linked.some(({entry}, index) => entry === null && frames[index]?.entry !== null)) return
    const {file = null, line = null, column = null} = linked[0] ?? {}
    table.add(extent, {stack: {frames: linked}, position: {file, line, column}})
    table.settle()
  }

  /** For the next run, and the next core. */
  keep(): void {
    this.code?.keep()
    for (const known of this.#modules.values()) {
      if (!known) continue
      const {store, kept, hasTold} = known
      const least = this.#lasting ? kept.known * GROWTH : kept.known
      if (hasTold) this.#lasting?.forget(store.key)
      else if (kept.table.size > least) {
        store.write(packTable(kept.table.parts()))
        kept.known = kept.table.size
      }
    }
  }
}

function entryIn(module: SymbolSource, entry: Address | null): Address | null {
  return entry === null ? null : module.toAddress(entry)
}
