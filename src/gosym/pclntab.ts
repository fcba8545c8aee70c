import {type Address, NULL_ADDRESS, offsetAddress, toAddress} from '../base/address.ts'
import {BoundedCache} from '../base/bounded-cache.ts'
import {NAME_MAX} from '../base/foreign-name.ts'
import {type MemoryReader, readAddress, readCString, readU32} from '../base/memory-reader.ts'
import {middleOf} from '../base/sorted-ranges.ts'
import type {PcValueTable} from './pc-value.ts'
import {readPcValueTable} from './pc-value.ts'
import {HEADER_LAYOUTS, type HeaderLayout, PCLNTAB_MAGIC_TAIL, type ReleaseLayout} from './pclntab-layout.ts'

/** The header of a pclntab (runtime/symtab.go, `pcHeader`; before 1.16 the start of the one table). */
export interface PclntabHeader {
  address: Address
  layout: HeaderLayout
  nfunc: number
  /** 1.18–1.25, as the linker wrote it: unrelocated in the file of a PIE. 0 from 1.26 on. */
  textStart: Address | undefined
  /** Offsets from the header of the funcname, cu, file, pc and func tables (1.16+). */
  tables: readonly [number, number, number, number, number] | undefined
}

/** A run of bytes that holds one table. */
export interface TableRange {
  start: Address
  end: Address
}

/** A piece of text that the external linker placed on its own (runtime/symtab.go, `textsect`). */
export interface TextSection {
  /** Offset in the text as the Go linker saw it. */
  start: number
  end: number
  base: Address
}

/** Where the tables of one module are, and how to read them. */
export interface PclntabPlaces {
  release: ReleaseLayout
  header: Address
  nfunc: number
  text: Address
  /** 1.18+: what funcdata offsets are relative to; undefined where nothing tells. */
  gofunc: Address | undefined
  funcnametab: TableRange
  cutab: TableRange | undefined
  filetab: TableRange
  /** Up to 1.15 the number of entries of the file table. */
  fileCount: number | undefined
  pctab: TableRange
  pclntable: TableRange
  ftab: Address
  textSections: readonly TextSection[]
}

/** A program of 2^24 functions would have a pclntab of gigabytes. */
const FUNCTION_LIMIT = 2 ** 24
/** Characters of names, and of paths, that are kept: names in a table may share their bytes. */
const NAMES_KEPT = 32 * 1024 * 1024
const lengthOf = (name: string): number => name.length + 32
const TABLE_LIMIT = 0x80000000
/** cutab value of a file that was dropped; also funcdata "none" in 1.18+. */
const NONE = 0xffffffff

export function headerLayoutOf(magic: number): HeaderLayout | undefined {
  return HEADER_LAYOUTS.find(layout => layout.magic === magic)
}

/** The header at `address`; undefined where the bytes there are not one. */
export function readPclntabHeader(memory: MemoryReader, address: Address): PclntabHeader | undefined {
  const magic = readU32(memory, address)
  const layout = magic === undefined ? undefined : headerLayoutOf(magic)
  if (!layout || readU32(memory, toAddress(address + 4)) !== PCLNTAB_MAGIC_TAIL) return undefined
  const word = (offset: number): Address | undefined => readAddress(memory, toAddress(address + offset))
  const nfunc = word(8)
  if (nfunc === undefined || nfunc < 1 || nfunc > FUNCTION_LIMIT) return undefined
  const header = {
    address,
    layout,
    nfunc,
    textStart: layout.textStart === undefined ? undefined : word(layout.textStart),
  }
  if (layout.tables === undefined) return {...header, tables: undefined}
  const [a, b, c, d, e] = [0, 8, 16, 24, 32].map(offset => word((layout.tables as number) + offset))
  if (a === undefined || b === undefined || c === undefined || d === undefined || e === undefined) return undefined
  const ordered = layout.size <= a && a <= b && b <= c && c <= d && d <= e && e < TABLE_LIMIT
  return ordered ? {...header, tables: [a, b, c, d, e]} : undefined
}

/** The places that the header alone tells; `text` and `gofunc` are not in it. */
export function placesFromHeader(
  memory: MemoryReader,
  header: PclntabHeader,
  release: ReleaseLayout,
  text: Address,
  gofunc: Address | undefined,
): PclntabPlaces | undefined {
  const at = (offset: number): Address => toAddress(header.address + offset)
  const common = {release, header: header.address, nfunc: header.nfunc, text, gofunc, textSections: []}
  if (header.tables) {
    const [funcname, cu, file, pc, func] = header.tables
    return {
      ...common,
      funcnametab: {start: at(funcname), end: at(cu)},
      cutab: {start: at(cu), end: at(file)},
      filetab: {start: at(file), end: at(pc)},
      fileCount: undefined,
      pctab: {start: at(pc), end: at(func)},
      pclntable: {start: at(func), end: at(func + TABLE_LIMIT)},
      ftab: at(func),
    }
  }
  // Behind the end pc stands the offset of the file table, whose first word counts it.
  const fileOffset = readU32(memory, at(16 + header.nfunc * 16 + 8))
  const fileCount = fileOffset === undefined ? undefined : readU32(memory, at(fileOffset))
  if (fileOffset === undefined || fileCount === undefined) return undefined
  const whole = {start: header.address, end: at(TABLE_LIMIT)}
  return {
    ...common,
    funcnametab: whole,
    cutab: undefined,
    filetab: {start: at(fileOffset), end: at(fileOffset + fileCount * 4)},
    fileCount,
    pctab: whole,
    pclntable: whole,
    ftab: at(16),
  }
}

/** The tables of one module. Every answer may be undefined: tables are as hostile as the file they came from. */
export class Pclntab {
  readonly places: PclntabPlaces
  readonly memory: MemoryReader
  readonly #entryWidth: 4 | 8
  readonly #names = new BoundedCache<number, string>(NAMES_KEPT, lengthOf)
  readonly #files = new BoundedCache<number, string>(NAMES_KEPT, lengthOf)
  /** The last function that was found: who asks in order of pc finds the next one near it. */
  #lastIndex = 0

  constructor(memory: MemoryReader, places: PclntabPlaces) {
    this.memory = memory
    this.places = places
    this.#entryWidth = places.release.func.entrySize
  }

  /** Entry pc of function `index`; for `nfunc` the end of the last one. */
  entryAt(index: number): Address | undefined {
    const at = toAddress(this.places.ftab + index * this.#entryWidth * 2)
    if (this.#entryWidth === 8) return readAddress(this.memory, at)
    const offset = readU32(this.memory, at)
    return offset === undefined ? undefined : this.textAddress(offset)
  }

  /** Where the `_func` record of function `index` starts; undefined for a hole that the external linker filled. */
  recordAt(index: number, memory = this.memory): Address | undefined {
    const width = this.#entryWidth
    const at = toAddress(this.places.ftab + index * width * 2 + width)
    const offset = width === 8 ? readAddress(memory, at) : readU32(memory, at)
    if (offset === undefined || offset >= TABLE_LIMIT) return undefined
    const record = toAddress(this.places.pclntable.start + offset)
    return record < this.places.pclntable.end ? record : undefined
  }

  /** Index of the last function that starts at or below `pc`; undefined where there is none. */
  findIndex(pc: Address): number | undefined {
    const target = this.#entryWidth === 8 ? pc : this.#textOffset(pc)
    if (target === undefined) return undefined
    let low = 0
    let high = this.places.nfunc
    let middle = this.#lastIndex
    for (let step = 1; low < high; step *= 2) {
      const entry = this.#key(middle)
      if (entry === undefined) return undefined
      if (entry <= target) low = middle + 1
      else high = middle
      // From the last one on by leaps, until one is above.
      const isLeap = high === this.places.nfunc && middle + step < high
      middle = isLeap ? middle + step : middleOf(low, high)
    }
    if (low === 0) return undefined
    this.#lastIndex = low - 1
    return low - 1
  }

  #key(index: number): number | undefined {
    const at = toAddress(this.places.ftab + index * this.#entryWidth * 2)
    return this.#entryWidth === 8 ? readAddress(this.memory, at) : readU32(this.memory, at)
  }

  /** The address of an offset from text, through the text sections where there are several (runtime, textAddr). */
  textAddress(offset: number): Address {
    const {text, textSections} = this.places
    if (textSections.length > 1) {
      const last = textSections.at(-1)
      const section = textSections.find(({start, end}) => offset >= start && offset < end) ?? last
      if (section && offset >= section.start && offset <= section.end)
        return toAddress(section.base + offset - section.start)
    }
    return toAddress(text + offset)
  }

  #textOffset(pc: Address): number | undefined {
    const {text, textSections} = this.places
    if (textSections.length <= 1) return pc - text
    for (const section of textSections) {
      const within = pc - section.base
      if (within >= 0 && within < section.end - section.start) return section.start + within
    }
    return undefined
  }

  /** The function name at an offset of the name table; '' where there is none. */
  name(offset: number): string {
    return this.#names.of(offset, () => this.readName(offset))
  }

  /** As `name`, without keeping it: for passes over the whole table. */
  readName(offset: number): string {
    return offset <= 0 ? '' : this.linkedName(offset)
  }

  /**
   * The name that the linker wrote at an offset. Offset 0 is that of the table's first name too (1.16+); the runtime
   * alone takes it for no name (runtime.funcname).
   */
  linkedName(offset: number): string {
    const {start, end} = this.places.funcnametab
    const isName = offset > 0 || (offset === 0 && start !== this.places.header)
    const at = isName ? offsetAddress(start, offset) : undefined
    return at === undefined || at >= end ? '' : (readCString(this.memory, at, NAME_MAX) ?? '')
  }

  /**
   * A file's path by the number in a pcfile table. undefined where the number is out of the table (the runtime then
   * prints `?` and line 0), '?' where the linker dropped the file (the line stays).
   */
  file(cuOffset: number, number: number): string | undefined {
    const {cutab, filetab, fileCount, pclntable} = this.places
    if (number < 0) return undefined
    if (!cutab) {
      if (fileCount === undefined || number >= fileCount) return undefined
      const slot = toAddress(filetab.start + number * 4)
      const offset = readU32(this.memory, slot)
      if (offset === undefined) return undefined
      return this.#files.of(slot, () => this.#path(toAddress(pclntable.start + offset)))
    }
    if (number >= filetab.end - filetab.start) return undefined
    const slot = toAddress(cutab.start + (cuOffset + number) * 4)
    return this.#files.of(slot, () => {
      const offset = slot < filetab.start || cutab.start > filetab.start ? readU32(this.memory, slot) : undefined
      if (offset === undefined || offset === NONE) return '?'
      const at = toAddress(filetab.start + offset)
      return at < filetab.end ? this.#path(at) : '?'
    })
  }

  #path(at: Address): string {
    return readCString(this.memory, at, NAME_MAX) ?? '?'
  }

  /**
   * Decodes the pc-value table at an offset, for a function of `codeSize` bytes; undefined for offset 0, which means no
   * table.
   */
  pcValues(offset: number, codeSize: number): PcValueTable | undefined {
    const {start, end} = this.places.pctab
    if (offset === 0 || offset >= end - start) return undefined
    return readPcValueTable(this.memory, toAddress(start + offset), end, codeSize)
  }

  /** The address of funcdata number `index` of a record; undefined for none. */
  funcdata(record: Address, npcdata: number, index: number): Address | undefined {
    const {func} = this.places.release
    const after = record + func.pcdata + npcdata * 4
    if (func.entrySize === 8) {
      // Absolute pointers, aligned (runtime/symtab.go, funcdata, up to 1.17).
      const at = Math.ceil(after / 8) * 8 + index * 8
      const pointer = readAddress(this.memory, toAddress(at))
      return pointer === NULL_ADDRESS ? undefined : pointer
    }
    const offset = readU32(this.memory, toAddress(after + index * 4))
    if (offset === undefined || offset === NONE || this.places.gofunc === undefined) return undefined
    return toAddress(this.places.gofunc + offset)
  }
}
