import {type Address, NULL_ADDRESS, TWO_32, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {GotraceError} from '../base/errors.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import {type ScanRange, scanWords} from './memory-scan.ts'
import {MODULEDATA_LAYOUTS, type ModuledataLayout} from './moduledata-layout.ts'
import {
  headerLayoutOf,
  Pclntab,
  type PclntabHeader,
  type PclntabPlaces,
  readPclntabHeader,
  type TableRange,
  type TextSection,
} from './pclntab.ts'
import {PCLNTAB_MAGIC_TAIL, releaseLayout} from './pclntab-layout.ts'
import {GoVersion} from './version.ts'

export interface GoSlice {
  pointer: Address
  length: number
}

/** runtime.moduledata: one per ELF image that holds Go code. Fields that a release does not have are undefined. */
export interface Moduledata {
  address: Address
  /** Go 1.`layoutMinor` is the first release with the layout that was read. */
  layoutMinor: number
  header: PclntabHeader
  funcnametab: GoSlice | undefined
  cutab: GoSlice | undefined
  filetab: GoSlice
  pctab: GoSlice | undefined
  pclntable: GoSlice
  ftab: GoSlice
  findfunctab: Address
  minpc: Address
  maxpc: Address
  text: Address
  etext: Address
  noptrdata: TableRange
  data: TableRange
  bss: TableRange
  noptrbss: TableRange
  end: Address
  types: TableRange
  rodata: Address | undefined
  gofunc: Address | undefined
  epclntab: Address | undefined
  textsectmap: GoSlice | undefined
  modulename: GoSlice
  hasmain: boolean | undefined
  next: Address
}

/** A moduledata that passed the checks, with the layouts it passed them under. */
export interface FoundModule {
  moduledata: Moduledata
  pclntab: Pclntab
}

const LENGTH_LIMIT = 2 ** 40
/** Text sections that the linker would split a program into: a handful, each of megabytes. */
const SECTION_LIMIT = 4096
const FTAB_SAMPLES = 64

/** The layouts to try, the likeliest first: that of the version, then those that share the header's magic. */
function candidateLayouts(header: PclntabHeader, version: GoVersion | undefined): ModuledataLayout[] {
  const {firstMinor, lastMinor} = header.layout
  const fits = MODULEDATA_LAYOUTS.filter((layout, index) => {
    const nextMinor = MODULEDATA_LAYOUTS[index + 1]?.minor ?? Number.POSITIVE_INFINITY
    return layout.minor <= lastMinor && nextMinor > firstMinor
  })
  const own = version?.rowOf(fits)
  const others = fits.toReversed().filter(layout => layout !== own)
  return own ? [own, ...others] : others
}

/** The moduledata at `address`, under the first layout whose invariants hold. */
export function readModuledata(
  memory: MemoryReader,
  address: Address,
  version: GoVersion | undefined,
): FoundModule | undefined {
  const pointer = readAddress(memory, address)
  const header = pointer === undefined ? undefined : readPclntabHeader(memory, pointer)
  if (!header) return undefined
  let best: FoundModule | undefined
  for (const layout of candidateLayouts(header, version)) {
    const found = readWithLayout(memory, address, header, layout, version)
    if (!found) continue
    if (version?.atLeast(layout.minor) && layout === candidateLayouts(header, version)[0]) return found
    // Layouts of one magic agree on the tables and differ behind them: the tail decides.
    if (hasPlausibleTail(memory, found.moduledata)) return found
    best ??= found
  }
  return best
}

function readWithLayout(
  memory: MemoryReader,
  address: Address,
  header: PclntabHeader,
  layout: ModuledataLayout,
  version: GoVersion | undefined,
): FoundModule | undefined {
  const bytes = memory.read(address, layout.size)
  if (!bytes) return undefined
  try {
    const moduledata = parseModuledata(new Cursor(bytes, 'runtime.moduledata', address), address, header, layout)
    const release = releaseLayout(effectiveVersion(version, layout, header))
    const pclntab = new Pclntab(memory, placesOf(memory, moduledata, release))
    return isConsistent(moduledata, pclntab) ? {moduledata, pclntab} : undefined
  } catch (error) {
    if (error instanceof GotraceError) return undefined
    throw error
  }
}

/** The version, where it agrees with the magic of the header; else the oldest that has this layout. */
export function effectiveVersion(
  version: GoVersion | undefined,
  layout: ModuledataLayout | undefined,
  header: PclntabHeader,
): GoVersion {
  const {firstMinor, lastMinor} = header.layout
  if (version?.atLeast(firstMinor) && !version.atLeast(lastMinor + 1)) return version
  return GoVersion.ofMinor(Math.max(layout?.minor ?? 0, firstMinor))
}

function parseModuledata(
  cursor: Cursor,
  address: Address,
  header: PclntabHeader,
  layout: ModuledataLayout,
): Moduledata {
  const word = (at: number): Address => {
    cursor.seek(at)
    return cursor.address()
  }
  const optional = (at: number | undefined): Address | undefined => (at === undefined ? undefined : word(at))
  const pair = (at: number): TableRange => ({start: word(at), end: word(at + 8)})
  const slice = (at: number): GoSlice => ({pointer: word(at), length: word(at + 8)})
  const optionalSlice = (at: number | undefined): GoSlice | undefined => (at === undefined ? undefined : slice(at))
  return {
    address,
    layoutMinor: layout.minor,
    header,
    funcnametab: optionalSlice(layout.funcnametab),
    cutab: optionalSlice(layout.cutab),
    filetab: slice(layout.filetab),
    pctab: optionalSlice(layout.pctab),
    pclntable: slice(layout.pclntable),
    ftab: slice(layout.ftab),
    findfunctab: word(layout.findfunctab),
    minpc: word(layout.minpc),
    maxpc: word(layout.minpc + 8),
    text: word(layout.text),
    etext: word(layout.text + 8),
    noptrdata: pair(layout.noptrdata),
    data: pair(layout.noptrdata + 16),
    bss: pair(layout.noptrdata + 32),
    noptrbss: pair(layout.noptrdata + 48),
    end: word(layout.end),
    types: {start: word(layout.types), end: word(layout.etypes)},
    rodata: optional(layout.rodata),
    gofunc: optional(layout.gofunc),
    epclntab: optional(layout.epclntab),
    textsectmap: optionalSlice(layout.textsectmap),
    modulename: slice(layout.modulename),
    hasmain: layout.hasmain === undefined ? undefined : cursor.bytes[layout.hasmain] === 1,
    next: word(layout.next),
  }
}

/** Where a moduledata says that its tables are. */
function placesOf(memory: MemoryReader, moduledata: Moduledata, release: PclntabPlaces['release']): PclntabPlaces {
  const {funcnametab, cutab, filetab, pctab, pclntable, header} = moduledata
  const range = (slice: GoSlice, length = slice.length): TableRange => ({
    start: slice.pointer,
    end: toAddress(slice.pointer + Math.min(length, LENGTH_LIMIT)),
  })
  return {
    release,
    header: header.address,
    nfunc: header.nfunc,
    text: moduledata.text,
    gofunc: moduledata.gofunc,
    funcnametab: range(funcnametab ?? pclntable),
    // Its length counts bytes before 1.26 and elements later, so the table that follows bounds it.
    cutab: cutab && {start: cutab.pointer, end: filetab.pointer},
    filetab: range(filetab, cutab ? filetab.length : filetab.length * 4),
    fileCount: cutab ? undefined : filetab.length,
    pctab: range(pctab ?? pclntable),
    pclntable: range(pclntable),
    ftab: moduledata.ftab.pointer,
    textSections: readTextSections(memory, moduledata.textsectmap, header.layout.lastMinor),
  }
}

/** `textsectmap`: vaddr, end (length in 1.8–1.16), base address. One entry is the common case and says nothing. */
function readTextSections(memory: MemoryReader, slice: GoSlice | undefined, lastMinor: number): TextSection[] {
  // Before 1.18 the function table holds addresses, so the map is not needed to read it.
  if (!slice || slice.length <= 1 || slice.length > SECTION_LIMIT || lastMinor < 18) return []
  const sections: TextSection[] = []
  for (let index = 0; index < slice.length; index++) {
    const at = slice.pointer + index * 24
    const start = readAddress(memory, toAddress(at))
    const end = readAddress(memory, toAddress(at + 8))
    const base = readAddress(memory, toAddress(at + 16))
    if (start === undefined || end === undefined || base === undefined) return []
    sections.push({start, end, base})
  }
  return sections
}

/** The invariants that the linker keeps and the runtime checks at start (runtime/symtab.go, moduledataverify1). */
function isConsistent(moduledata: Moduledata, pclntab: Pclntab): boolean {
  const {header, minpc, maxpc, text, etext, ftab, pclntable} = moduledata
  const nfunc = header.nfunc
  if (ftab.length !== nfunc + 1) return false
  if (!(text <= minpc && minpc < maxpc && maxpc <= etext)) return false
  if (pclntab.entryAt(0) !== minpc || pclntab.entryAt(nfunc) !== maxpc) return false
  if (header.tables) {
    const {funcnametab, cutab, filetab, pctab} = moduledata
    const tables = [funcnametab, cutab, filetab, pctab, pclntable]
    if (tables.some((slice, index) => slice?.pointer !== header.address + (header.tables?.[index] ?? 0))) return false
    if (ftab.pointer !== pclntable.pointer) return false
  } else if (pclntable.pointer !== header.address || ftab.pointer !== header.address + 16) {
    return false
  }
  return isSorted(pclntab, nfunc)
}

/** Spot checks: the whole table of a large program is not read for it. */
function isSorted(pclntab: Pclntab, nfunc: number): boolean {
  let previous = 0
  for (let sample = 0; sample <= FTAB_SAMPLES; sample++) {
    const entry = pclntab.entryAt(Math.floor((nfunc * sample) / FTAB_SAMPLES))
    if (entry === undefined || entry < previous) return false
    previous = entry
  }
  return true
}

/** `next` is nil or leads to another header; the types are a range; the module's name is a short string. */
function hasPlausibleTail(memory: MemoryReader, moduledata: Moduledata): boolean {
  const {next, types, modulename, gofunc, epclntab} = moduledata
  if (types.start > types.end || modulename.length > 4096) return false
  if ((modulename.length === 0) !== (modulename.pointer === NULL_ADDRESS) && modulename.length !== 0) return false
  if (gofunc === NULL_ADDRESS) return false
  if (epclntab !== undefined && epclntab <= moduledata.header.address) return false
  if (next === NULL_ADDRESS) return true
  const pointer = readAddress(memory, next)
  return pointer !== undefined && readPclntabHeader(memory, pointer) !== undefined
}

/** Headers of pclntabs in the ranges, by their first 8 bytes. */
export function* findPclntabHeaders(memory: MemoryReader, ranges: readonly ScanRange[]): Generator<PclntabHeader> {
  for (const range of ranges) {
    for (const at of scanWords(memory, range, 8, PCLNTAB_MAGIC_TAIL, low => headerLayoutOf(low) !== undefined)) {
      const header = readPclntabHeader(memory, at)
      if (header) yield header
    }
  }
}

/** Moduledata without symbols: a word in the ranges, writable ones first, that points at the header. */
export function findModuledata(
  memory: MemoryReader,
  ranges: readonly ScanRange[],
  header: PclntabHeader,
  version: GoVersion | undefined,
): FoundModule | undefined {
  const high = Math.floor(header.address / TWO_32)
  const wanted = header.address % TWO_32
  const ordered = [...ranges].sort((a, b) => Number(b.writable) - Number(a.writable))
  for (const range of ordered) {
    for (const at of scanWords(memory, range, 8, high, low => low === wanted)) {
      const found = readModuledata(memory, at, version)
      if (found) return found
    }
  }
  return undefined
}
