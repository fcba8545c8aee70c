import {type Address, toAddress} from '../base/address.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {SectionSource} from '../base/section-source.ts'
import {CfiTable} from '../dwarf/cfi-table.ts'
import type {UnwindRow} from '../dwarf/unwind-row.ts'

/** What the unwinder needs of a loaded file; elf's Module is one. */
export interface CodeModule {
  readonly loadBias: number
  readonly image: SectionSource | undefined
  /** Separate debug files, found at first use. */
  readonly debug: {readonly dwarf: SectionSource | undefined}
  linkAddress(address: Address): Address | undefined
}

export interface ModuleLookup<M extends CodeModule = CodeModule> {
  moduleAt(address: Address): M | undefined
}

/** A row with what belongs to its module. */
export interface LocatedRow {
  readonly row: UnwindRow
  readonly signalFrame: boolean
  readonly loadBias: number
  /** Where the function starts, in the process. */
  readonly functionStart: Address
  /** The first place behind it, or behind the part of it that begins there. */
  readonly functionEnd: Address
}

interface ModuleTables {
  readonly image: CfiTable | undefined
  /** Opened only when the image has no row: looking for debug files costs more than all else. */
  debug: CfiTable | 'unopened' | undefined
}

/** Tables of files that outlive a report. */
const LASTING = new WeakMap<SectionSource, CfiTable>()

function tableOf(sections: SectionSource, diagnostics: Diagnostics): CfiTable {
  const {lasting} = sections
  if (!lasting) return new CfiTable(sections, diagnostics)
  const table = LASTING.get(sections) ?? new CfiTable(sections, lasting)
  LASTING.set(sections, table)
  return table
}

/** Rows from the call frame information of whatever module holds a pc. */
export class CfiRows {
  readonly #modules: ModuleLookup
  readonly #diagnostics: Diagnostics
  readonly #tables = new Map<CodeModule, ModuleTables>()

  constructor(modules: ModuleLookup, diagnostics: Diagnostics) {
    this.#modules = modules
    this.#diagnostics = diagnostics
  }

  rowAt(lookupPc: Address): LocatedRow | undefined {
    const module = this.#modules.moduleAt(lookupPc)
    const linkAddress = module?.linkAddress(lookupPc)
    if (!module || linkAddress === undefined) return undefined
    const tables = this.#tablesOf(module)
    const found = tables.image?.rowAt(linkAddress) ?? this.#debugTable(module, tables)?.rowAt(linkAddress)
    if (!found) return undefined
    const {row, signalFrame, functionStart, functionEnd} = found
    const {loadBias} = module
    const inProcess = (link: Address): Address => toAddress(link + loadBias)
    return {row, signalFrame, loadBias, functionStart: inProcess(functionStart), functionEnd: inProcess(functionEnd)}
  }

  #tablesOf(module: CodeModule): ModuleTables {
    let tables = this.#tables.get(module)
    if (!tables) {
      const image = module.image && tableOf(module.image, this.#diagnostics)
      tables = {image, debug: 'unopened'}
      this.#tables.set(module, tables)
    }
    return tables
  }

  #debugTable(module: CodeModule, tables: ModuleTables): CfiTable | undefined {
    if (tables.debug === 'unopened') {
      const source = module.debug.dwarf
      tables.debug = source && source !== module.image ? tableOf(source, this.#diagnostics) : undefined
    }
    return tables.debug
  }
}
