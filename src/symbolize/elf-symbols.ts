import {CodeReach} from '../amd64/code-reach.ts'
import {Disassembler} from '../amd64/disassembler.ts'
import {decodeInstruction} from '../amd64/instruction.ts'
import {type Address, number64At} from '../base/address.ts'
import {BoundedCache} from '../base/bounded-cache.ts'
import {Cursor} from '../base/cursor.ts'
import type {Extent} from '../base/extent.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import {type ElfSymbol, STB, STT, SymbolTable, withoutVersion} from '../elf/symtab.ts'
import {PltStubs} from './plt-stubs.ts'

/** Labels without a size whose code was followed. */
const REACHES_KEPT = 4096
/** Names of files, by the functions whose they are. */
const SOURCES_KEPT = 8192

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
  readonly #symbolFiles: readonly ElfFile[]
  readonly #reaches = new BoundedCache<Address, CodeReach>(REACHES_KEPT)
  readonly #sources = new BoundedCache<Address, string | undefined>(SOURCES_KEPT)
  #disassembler: Disassembler | undefined
  #hasLocals: boolean | undefined
  #hasMangled: boolean | undefined

  constructor(image: ElfFile | undefined, symbols: ElfFile | undefined) {
    this.#image = image
    const files = [symbols, image].filter(file => file !== undefined)
    this.#table = SymbolTable.of(...new Set(files))
    this.#symbolFiles = files
    this.#files = files.map(file => new SourceFileSymbols(file))
    this.#stubs = image && new PltStubs(image)
  }

  find(linkAddress: Address, extent?: Extent): NamedEntry | undefined {
    const stub = this.#stubs?.find(linkAddress, extent)
    if (stub) return {...stub, isLocal: false, file: undefined}
    const symbol: ElfSymbol | undefined = this.#table.find(linkAddress, extent)
    // Of a label without a size the code may be followed, address by address.
    if (extent && symbol?.size === 0) extent.narrowTo(linkAddress)
    if (!symbol || !this.#shareSection(symbol, linkAddress, extent) || this.#isElsewhere(symbol, linkAddress))
      return undefined
    const isLocal = symbol.binding === STB.STB_LOCAL
    const file = isLocal && symbol.type !== STT.STT_OBJECT ? this.#sourceFile(symbol.address) : undefined
    return {name: withoutVersion(symbol.name), entry: symbol.address, isLocal, file}
  }

  get hasMangledNames(): boolean {
    this.#hasMangled ??= this.#table.hasNamesWith('_Z')
    return this.#hasMangled
  }

  /**
   * Where .dynsym is all there is, functions without a symbol may follow a label without a size (musl's `memset`): the
   * code from the label on must come to the address.
   */
  #isElsewhere({size, address, type}: ElfSymbol, linkAddress: Address): boolean {
    if (size > 0 || address === linkAddress || type === STT.STT_OBJECT || this.#isWhole()) return false
    const memory = {read: (at: Address, length: number) => this.#image?.readAtLinkAddress(at, length)}
    const reach = this.#reaches.of(address, () => {
      this.#disassembler ??= new Disassembler(memory)
      const disassembler = this.#disassembler
      return new CodeReach(address, memory, at => decodeInstruction(disassembler, at))
    })
    return reach.isComplete && !reach.covers(linkAddress)
  }

  /** Whether the functions that only their own file knows have symbols too. */
  #isWhole(): boolean {
    this.#hasLocals ??= this.#symbolFiles.some(file => file.section('.symtab') !== undefined)
    return this.#hasLocals
  }

  #sourceFile(entry: Address): string | undefined {
    return this.#sources.of(entry, () => {
      for (const files of this.#files) {
        const file = files.find(entry)
        if (file !== undefined) return file
      }
      return undefined
    })
  }

  /**
   * A label without a size (`_init`) reaches to the next symbol, but not into another section, nor out of all of them.
   */
  #shareSection(symbol: ElfSymbol, address: Address, extent?: Extent): boolean {
    const section = this.#image?.sectionAt(address, extent)
    if (section) return symbol.address >= section.address && symbol.address < section.address + section.size
    return symbol.size > 0 || symbol.address === address || (this.#image?.sections.length ?? 0) === 0
  }
}

const SYMBOL_SIZE = 24

/** What linkers and `ld -r` write there: objects, LTO's own parts, `<artificial>`. */
const NO_SOURCE = /\.(?:l?o|obj)$|^</

/**
 * Source files of local functions by the symbol table alone: a STT_FILE symbol stands before the local symbols of its
 * file (gABI ch. 4, "Symbol Table"). Without debug information this is all that is known of where a function is.
 */
class SourceFileSymbols {
  readonly #file: ElfFile
  /** Offset of the file's name in .strtab, by address of a local symbol. */
  #names: Map<number, number> | undefined

  constructor(file: ElfFile) {
    this.#file = file
  }

  /** Name of the file, as the compiler was given it, mostly without a directory. */
  find(entry: number): string | undefined {
    this.#names ??= this.#read()
    const offset = this.#names.get(entry)
    const strings = this.#file.section('.strtab')
    if (offset === undefined || !strings || offset >= strings.bytes.length) return undefined
    const cursor = new Cursor(strings.bytes, `${this.#file.name}:.strtab`)
    cursor.seek(offset)
    const name = cursor.cstring()
    return name === '' || NO_SOURCE.test(name) ? undefined : name
  }

  #read(): Map<number, number> {
    const names = new Map<number, number>()
    const table = this.#file.section('.symtab')
    if (!table) return names
    const view = new DataView(table.bytes.buffer, table.bytes.byteOffset, table.bytes.byteLength)
    let file = 0
    for (let at = 0; at + SYMBOL_SIZE <= view.byteLength; at += SYMBOL_SIZE) {
      const info = view.getUint8(at + 4)
      if (Math.floor(info / 16) !== STB.STB_LOCAL) break // locals come first
      if (info % 16 === STT.STT_FILE) file = view.getUint32(at, true)
      else if (file !== 0) names.set(number64At(view, at + 8), file)
    }
    return names
  }
}
