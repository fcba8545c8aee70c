import {ADDRESS_LIMIT, type Address, toAddress} from '../base/address.ts'
import {BoundedCache} from '../base/bounded-cache.ts'
import {hashBytes} from '../base/byte-hash.ts'
import type {Extent} from '../base/extent.ts'
import {decodeName, NAME_MAX} from '../base/foreign-name.ts'
import {lastAtOrBelow} from '../base/sorted-ranges.ts'
import type {ElfFile} from './elf-file.ts'

/** Symbol types (gABI ch. 4, "Symbol Table"; STT_GNU_IFUNC from glibc's elf.h). */
export const STT = {STT_NOTYPE: 0, STT_OBJECT: 1, STT_FUNC: 2, STT_FILE: 4, STT_TLS: 6, STT_GNU_IFUNC: 10} as const
/** Bindings. */
export const STB = {STB_LOCAL: 0, STB_GLOBAL: 1, STB_WEAK: 2} as const

export interface ElfSymbol {
  name: string
  /** Link address; of a thread-local one the offset in its block. */
  address: Address
  size: number
  type: number
  binding: number
}

const SYMBOL_SIZE = 24
const SYMBOL_WORDS = SYMBOL_SIZE / 4
const SHN_UNDEF = 0
const SHN_ABS = 0xfff1
/** How far `find` looks back for a symbol that encloses those that start later (nested asm labels). */
const ENCLOSING_MAX = 64
/** Weight of the symbols that `find` has read: some 30,000, and fewer where their names are long. */
const SYMBOLS_KEPT = 4 * 1024 * 1024
/** Weight of the names that were asked for, found or not: some thousands. */
const NAMES_KEPT = 1024 * 1024
/** Names that are looked up by searching before an index of all names pays. */
const SEARCHED_LOOKUPS = 24

/** A symbol table as it stands in a file. */
interface Part {
  readonly words: Uint32Array
  readonly strings: Uint8Array
}

/** Columns of one or more symbol tables. */
interface Columns {
  count: number
  addresses: Float64Array
  sizes: Float64Array
  names: Uint32Array
  infos: Uint8Array
  /** Which string table the name is in. */
  tables: Uint8Array
  /** Absolute symbols and thread-local ones answer to their name, but lie at no address. */
  placed: Uint8Array
}

/** Several ask for the symbols of the same file. */
const OF_ONE_FILE = new WeakMap<ElfFile, SymbolTable>()

/** The symbols of an image, in columns sorted by address; parsed at first use. */
export class SymbolTable {
  readonly #files: readonly ElfFile[]
  #parts: readonly Part[] | undefined
  #columns: Columns | undefined
  #slots: Uint32Array | undefined
  readonly #found = new BoundedCache<number, ElfSymbol>(SYMBOLS_KEPT, weightOf)
  readonly #byName = new BoundedCache<string, ElfSymbol | undefined>(NAMES_KEPT, (_symbol, name) => 192 + name.length)
  #lookups = 0

  private constructor(files: readonly ElfFile[]) {
    this.#files = files
  }

  /**
   * The .symtab of the files, else their .dynsym. More than one file: an image and its debug files, which name the same
   * addresses (MiniDebugInfo leaves out what .dynsym has).
   */
  static of(...files: ElfFile[]): SymbolTable {
    const [file, ...others] = files
    if (file === undefined || others.length > 0) return new SymbolTable(files)
    const known = OF_ONE_FILE.get(file) ?? new SymbolTable(files)
    OF_ONE_FILE.set(file, known)
    return known
  }

  /** The function or object that covers the address; a symbol of size 0 reaches to the next one. */
  find(linkAddress: Address, extent?: Extent): ElfSymbol | undefined {
    const columns = this.#sorted()
    const last = lastAtOrBelow(columns.addresses, linkAddress, columns.count)
    if (extent) narrowBySymbols(extent, columns, last, linkAddress)
    const best = bestCovering(columns, last, linkAddress)
    if (best < 0) return undefined
    // Who asks for ranges asks for each once.
    return extent ? this.#symbol(columns, best) : this.#found.of(best, () => this.#symbol(columns, best))
  }

  /**
   * The symbol of that name; of several the global one, else the one at the lowest address. The first few names are
   * searched in the table as it stands in the file.
   */
  lookup(name: string): ElfSymbol | undefined {
    return this.#byName.of(name, () => this.#lookUp(name))
  }

  #lookUp(name: string): ElfSymbol | undefined {
    const wanted = new TextEncoder().encode(name)
    if (!this.#slots && ++this.#lookups <= SEARCHED_LOOKUPS) {
      const found = this.#searched(wanted)
      return this.#strongest(found, found.addresses.subarray(0, found.count).keys())
    }
    const columns = this.#sorted()
    return this.#strongest(columns, this.#hashed(columns, wanted))
  }

  /** Whether these letters stand in any name, without a look at the symbols. */
  hasNamesWith(letters: string): boolean {
    return this.#inFile().some(({strings}) =>
      Buffer.from(strings.buffer, strings.byteOffset, strings.length).includes(letters),
    )
  }

  #strongest(columns: Columns, indices: Iterable<number>): ElfSymbol | undefined {
    let best = -1
    for (const index of indices) {
      if (best < 0 || isStronger(columns, index, best)) best = index
    }
    return best < 0 ? undefined : this.#symbol(columns, best)
  }

  /** The symbols of a name, by the index of all names. */
  *#hashed(columns: Columns, wanted: Uint8Array): Generator<number> {
    const slots = this.#nameSlots(columns)
    for (let slot = hashBytes(wanted) % slots.length; slots[slot] !== 0; slot = (slot + 1) % slots.length) {
      const index = (slots[slot] as number) - 1
      if (this.#hasName(columns, index, wanted)) yield index
    }
  }

  /**
   * The symbols of a name without an index: where its bytes stand in the strings, and which symbols name those places.
   */
  #searched(wanted: Uint8Array): Columns {
    const found: [part: Part, table: number, word: number][] = []
    for (const [table, part] of this.#inFile().entries()) {
      for (const at of placesOf(part.strings, wanted)) {
        for (let word = part.words.indexOf(at); word >= 0; word = part.words.indexOf(at, word + 1)) {
          if (word % SYMBOL_WORDS === 0) found.push([part, table, word])
        }
      }
    }
    const columns = emptyColumns(found.length)
    for (const [{words, strings}, table, word] of found) {
      collectPart(columns, words.subarray(word, word + SYMBOL_WORDS), table, strings.length)
    }
    return columns
  }

  /** All symbols, by address. */
  *[Symbol.iterator](): Generator<ElfSymbol> {
    const columns = this.#sorted()
    for (let index = 0; index < columns.count; index++) yield this.#symbol(columns, index)
  }

  #symbol(columns: Columns, index: number): ElfSymbol {
    const {strings} = this.#inFile()[columns.tables[index] as number] as Part
    const start = columns.names[index] as number
    const info = columns.infos[index] as number
    return {
      name: decodeName(strings, start, nameEnd(strings, start)),
      address: toAddress(columns.addresses[index] as number),
      size: columns.sizes[index] as number,
      type: info % 16,
      binding: Math.floor(info / 16),
    }
  }

  #hasName(columns: Columns, index: number, wanted: Uint8Array): boolean {
    const {strings} = this.#inFile()[columns.tables[index] as number] as Part
    const start = columns.names[index] as number
    if (start + wanted.length > strings.length) return false
    for (let at = 0; at < wanted.length; at++) if (strings[start + at] !== wanted[at]) return false
    return start + wanted.length === strings.length || strings[start + wanted.length] === 0
  }

  /** Open addressing, index + 1 per slot: a Map of a million strings would cost a hundred megabytes. */
  #nameSlots(columns: Columns): Uint32Array {
    if (this.#slots) return this.#slots
    let size = 16
    while (size < columns.count * 2) size *= 2
    const slots = new Uint32Array(size)
    for (let index = 0; index < columns.count; index++) {
      const {strings} = this.#inFile()[columns.tables[index] as number] as Part
      const start = columns.names[index] as number
      let slot = hashBytes(strings, start, nameEnd(strings, start)) % size
      while (slots[slot] !== 0) slot = (slot + 1) % size
      slots[slot] = index + 1
    }
    this.#slots = slots
    return slots
  }

  #sorted(): Columns {
    this.#columns ??= sortByAddress(collect(this.#inFile()))
    return this.#columns
  }

  #inFile(): readonly Part[] {
    this.#parts ??= this.#files.flatMap(file => {
      const table = file.section('.symtab')
      const strings = table && file.section('.strtab')
      const chosen = table && strings ? table : file.section('.dynsym')
      const names = table && strings ? strings : file.section('.dynstr')
      return chosen && names ? [{words: wordsOf(chosen.bytes), strings: names.bytes}] : []
    })
    return this.#parts
  }
}

function weightOf({name}: ElfSymbol): number {
  return 96 + name.length
}

/**
 * From the last symbol that starts at or below an address back: the best of those that cover it and start where the
 * nearest such one does; -1 where there is none. Of equals the one that the table has first, as other tools choose.
 */
function bestCovering(columns: Columns, last: number, address: number): number {
  let nearest = -1
  let best = -1
  for (let index = last; index >= 0 && last - index < ENCLOSING_MAX; index--) {
    if (columns.placed[index] === 0) continue
    const start = columns.addresses[index] as number
    if (best >= 0 && start < (columns.addresses[best] as number)) break
    if (nearest < 0) nearest = start
    const size = columns.sizes[index] as number
    const covers = size === 0 ? start === nearest : address < start + size
    if (covers && (best < 0 || rank(columns, index) >= rank(columns, best))) best = index
  }
  return best
}

/** To where any symbol begins or ends that `bestCovering` looks at: so far the best one is the same. */
function narrowBySymbols(extent: Extent, {addresses, sizes, count}: Columns, last: number, address: number): void {
  const next = last + 1 < count ? (addresses[last + 1] as number) : Number.POSITIVE_INFINITY
  let [below, above] = [last < 0 ? 0 : (addresses[last] as number), next]
  for (let index = last; index >= 0 && last - index < ENCLOSING_MAX; index--) {
    const end = (addresses[index] as number) + (sizes[index] as number)
    if (end > address) above = Math.min(above, end)
    else below = Math.max(below, end)
  }
  extent.narrow(below, above)
}

/** Where strings end in these bytes; a name may be the end of a longer one (gABI ch. 4, "String Table"). */
function* placesOf(strings: Uint8Array, wanted: Uint8Array): Generator<number> {
  const text = Buffer.from(strings.buffer, strings.byteOffset, strings.length)
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) {
    const end = at + wanted.length
    if (end >= strings.length || strings[end] === 0) yield at
  }
}

/** No further off than tells that the name is too long: one string as long as the table may name every symbol. */
function nameEnd(strings: Uint8Array, start: number): number {
  const window = strings.subarray(start, start + NAME_MAX + 1)
  const nul = window.indexOf(0)
  return start + (nul < 0 ? window.length : nul)
}

/** Of two symbols of one name, of which the second was found first. */
function isStronger(columns: Columns, index: number, best: number): boolean {
  const more = bindingRank(columns, index) - bindingRank(columns, best)
  return more > 0 || (more === 0 && (columns.addresses[index] as number) < (columns.addresses[best] as number))
}

function bindingRank(columns: Columns, index: number): number {
  const binding = Math.floor((columns.infos[index] as number) / 16)
  return binding === STB.STB_GLOBAL ? 2 : binding === STB.STB_WEAK ? 1 : 0
}

/** Of symbols at one address: a sized one, then a function, then the binding that the linker would take. */
function rank(columns: Columns, index: number): number {
  const type = (columns.infos[index] as number) % 16
  const isFunction = type === STT.STT_FUNC || type === STT.STT_GNU_IFUNC
  return ((columns.sizes[index] as number) > 0 ? 16 : 0) + (isFunction ? 8 : 0) + bindingRank(columns, index)
}

function emptyColumns(count: number): Columns {
  return {
    count: 0,
    addresses: new Float64Array(count),
    sizes: new Float64Array(count),
    names: new Uint32Array(count),
    infos: new Uint8Array(count),
    tables: new Uint8Array(count),
    placed: new Uint8Array(count),
  }
}

function isKept(type: number, sectionIndex: number): boolean {
  if (sectionIndex === SHN_UNDEF) return false
  return type <= STT.STT_FUNC || type === STT.STT_TLS || type === STT.STT_GNU_IFUNC
}

/** Symbols are read by words of 32 bits: a cursor would take most of the time of a short run. */
function collect(parts: readonly Part[]): Columns {
  const columns = emptyColumns(parts.reduce((sum, {words}) => sum + Math.floor(words.length / SYMBOL_WORDS), 0))
  for (const [table, {words, strings}] of parts.entries()) collectPart(columns, words, table, strings.length)
  return columns
}

/** gABI ch. 4, "Symbol Table": st_name; st_info, st_other, st_shndx; st_value; st_size. */
function collectPart(columns: Columns, part: Uint32Array, table: number, stringsSize: number): void {
  const {addresses, sizes, names, infos, tables, placed} = columns
  let at = columns.count
  for (let word = 0; word + SYMBOL_WORDS <= part.length; word += SYMBOL_WORDS) {
    const name = part[word] as number
    const kind = part[word + 1] as number
    const sectionIndex = Math.floor(kind / 0x10000)
    const info = kind % 0x100
    const type = info % 16
    const address = (part[word + 2] as number) + (part[word + 3] as number) * 2 ** 32
    if (name === 0 || name >= stringsSize || address >= ADDRESS_LIMIT || !isKept(type, sectionIndex)) continue
    addresses[at] = address
    sizes[at] = (part[word + 4] as number) + (part[word + 5] as number) * 2 ** 32
    names[at] = name
    infos[at] = info
    tables[at] = table
    placed[at] = type === STT.STT_TLS || sectionIndex === SHN_ABS ? 0 : 1
    at++
  }
  columns.count = at
}

/** As the processor has them: the files are of machines of the same byte order (little-endian, amd64). */
function wordsOf({buffer, byteOffset, length}: Uint8Array): Uint32Array {
  const count = Math.floor(length / 4)
  if (byteOffset % 4 === 0) return new Uint32Array(buffer, byteOffset, count)
  return new Uint32Array(buffer.slice(byteOffset, byteOffset + count * 4))
}

/** Indices by ascending address, equal ones as they were. */
function orderByAddress(addresses: Float64Array): Uint32Array {
  const count = addresses.length
  let lowest = Number.POSITIVE_INFINITY
  let highest = 0
  for (const address of addresses) {
    if (address < lowest) lowest = address
    if (address > highest) highest = address
  }
  // An image spans far less than 2^53 / count: address and index fit one number, and numbers sort without a comparing
  // function, which takes a tenth of the time.
  if ((highest - lowest + 1) * count < Number.MAX_SAFE_INTEGER) {
    const keys = addresses.map((address, index) => (address - lowest) * count + index)
    keys.sort()
    return Uint32Array.from(keys, key => key % count)
  }
  const order = new Uint32Array(count)
  for (let index = 0; index < count; index++) order[index] = index
  return order.sort((a, b) => (addresses[a] as number) - (addresses[b] as number) || a - b)
}

/** Reorders the columns by address; equal addresses keep the file's order. */
function sortByAddress(columns: Columns): Columns {
  const {count} = columns
  const order = orderByAddress(columns.addresses.subarray(0, count))
  const sorted = emptyColumns(count)
  sorted.count = count
  for (let to = 0; to < count; to++) {
    const from = order[to] as number
    sorted.addresses[to] = columns.addresses[from] as number
    sorted.sizes[to] = columns.sizes[from] as number
    sorted.names[to] = columns.names[from] as number
    sorted.infos[to] = columns.infos[from] as number
    sorted.tables[to] = columns.tables[from] as number
    sorted.placed[to] = columns.placed[from] as number
  }
  return sorted
}

/** `memcpy@@GLIBC_2.14` is the symbol `memcpy`: static linkers write the version of a default symbol into its name. */
export function withoutVersion(name: string): string {
  const at = name.indexOf('@')
  return at > 0 ? name.slice(0, at) : name
}
