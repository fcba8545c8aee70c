import type {Address} from '../base/address.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {Extent} from '../base/extent.ts'
import {AnswerTable} from './answer-table.ts'
import type {SymbolSource} from './module-symbols.ts'
import type {FramePlace, SourceFrame} from './source-frame.ts'
import {packTable, unpackTable} from './table-file.ts'

/** Keeps what was found of one module for later runs, whatever it is. */
export interface AnswerStore {
  read(): Uint8Array | undefined
  write(pieces: readonly Uint8Array[]): void
}

interface KeptModule {
  readonly store: AnswerStore
  readonly table: AnswerTable
  /** How much of it came from an earlier run. */
  readonly known: number
  /** Something was told while its files were read, which must be told again. */
  hasTold: boolean
}

/** The frames at addresses of modules that earlier runs have found: the same crash needs no DWARF a second time. */
export class KeptFrames {
  readonly #open: (module: SymbolSource) => AnswerStore | undefined
  readonly #modules = new Map<SymbolSource, KeptModule | undefined>()

  /** @param open the store of a module; undefined where nothing of it can be kept */
  constructor(open: (module: SymbolSource) => AnswerStore | undefined) {
    this.#open = open
  }

  /** What is known of a link address; else what `find` gives, which is kept from then on. */
  of(
    module: SymbolSource,
    linkAddress: Address,
    {place, diagnostics}: {place: FramePlace; diagnostics: Diagnostics},
    find: () => SourceFrame[] | undefined,
  ): SourceFrame[] | undefined {
    const kept = this.#moduleOf(module)
    if (kept?.table.seek(linkAddress)) {
      return kept.table.frames.map(frame => ({...frame, entry: entryIn(module, frame.entry), ...place}))
    }
    const {told} = diagnostics
    const frames = find()
    if (kept && frames) this.#add(kept, module, linkAddress, frames)
    if (kept && diagnostics.told !== told) kept.hasTold = true
    return frames
  }

  #moduleOf(module: SymbolSource): KeptModule | undefined {
    if (!this.#modules.has(module)) {
      const store = module.image && this.#open(module)
      const bytes = store?.read()
      const table = module.image && new AnswerTable(module.image.linkStart, bytes && unpackTable(bytes))
      this.#modules.set(module, store && table && {store, table, known: table.size, hasTold: false})
    }
    return this.#modules.get(module)
  }

  #add({table}: KeptModule, module: SymbolSource, linkAddress: Address, frames: readonly SourceFrame[]): void {
    const extent = new Extent()
    extent.narrowTo(linkAddress)
    const linked = frames.map(frame => ({...frame, entry: frame.entry && (module.linkAddress(frame.entry) ?? null)}))
    // One that is not in the module cannot be told by its place in it.
    if (linked.some(({entry}, index) => entry === null && frames[index]?.entry !== null)) return
    const {file = null, line = null, column = null} = linked[0] ?? {}
    table.add(extent, {stack: {frames: linked}, position: {file, line, column}})
    table.settle()
  }

  /** For the next run. */
  keep(): void {
    for (const kept of this.#modules.values()) {
      if (kept && !kept.hasTold && kept.table.size > kept.known) kept.store.write(packTable(kept.table.parts()))
    }
  }
}

function entryIn(module: SymbolSource, entry: Address | null): Address | null {
  return entry === null ? null : module.toAddress(entry)
}
