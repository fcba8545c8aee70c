import type {Address} from '../base/address.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import {type ElfSymbol, STB, STT, SymbolTable, withoutVersion} from '../elf/symtab.ts'
import {PltStubs} from './plt-stubs.ts'
import {SourceFileSymbols} from './source-file-symbols.ts'

export interface NamedEntry {
  name: string
  entry: Address
  isLocal: boolean
  /** Of a local function: the name of its source file. */
  file: string | undefined
}

/** Function names of a module by its symbol tables, and of its PLT stubs by what they jump to. Link addresses. */
export class ElfSymbols {
  readonly #table: SymbolTable
  readonly #files: readonly SourceFileSymbols[]
  readonly #image: ElfFile | undefined
  readonly #stubs: PltStubs | undefined

  constructor(image: ElfFile | undefined, symbols: ElfFile | undefined) {
    this.#image = image
    const files = [symbols, image].filter(file => file !== undefined)
    this.#table = SymbolTable.of(...new Set(files))
    this.#files = files.map(file => new SourceFileSymbols(file))
    this.#stubs = image && new PltStubs(image)
  }

  find(linkAddress: Address): NamedEntry | undefined {
    const stub = this.#stubs?.find(linkAddress)
    if (stub) return {...stub, isLocal: false, file: undefined}
    const symbol: ElfSymbol | undefined = this.#table.find(linkAddress)
    if (!symbol || !this.#shareSection(symbol, linkAddress)) return undefined
    const isLocal = symbol.binding === STB.STB_LOCAL
    const file = isLocal && symbol.type !== STT.STT_OBJECT ? this.#sourceFile(symbol.address) : undefined
    return {name: withoutVersion(symbol.name), entry: symbol.address, isLocal, file}
  }

  #sourceFile(entry: Address): string | undefined {
    for (const files of this.#files) {
      const file = files.find(entry)
      if (file !== undefined) return file
    }
    return undefined
  }

  /** A label without a size (`_init`) reaches to the next symbol, but not into another section, nor out of all of them. */
  #shareSection(symbol: ElfSymbol, address: Address): boolean {
    const section = this.#image?.sectionAt(address)
    if (section) return symbol.address >= section.address && symbol.address < section.address + section.size
    return symbol.size > 0 || symbol.address === address || (this.#image?.sections.length ?? 0) === 0
  }
}
