import {type Address, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import type {AddressSpace} from '../../elf/address-space.ts'
import type {CoreFile} from '../../elf/core-file.ts'
import {PT} from '../../elf/elf-headers.ts'
import type {Module} from '../../elf/module.ts'
import {SymbolTable} from '../../elf/symtab.ts'
import {type BuildInfo, findBuildInfo, readBuildInfo} from '../../gosym/build-info.ts'
import type {ScanRange} from '../../gosym/memory-scan.ts'
import type {SourceReport, SourceRequest} from '../../report/core-report.ts'
import type {DataRange} from '../../runtime-model/root-search.ts'

/** What acquire hands over: the core, the files that were loaded, the memory of both. */
export interface ProcessFiles {
  core: CoreFile
  modules: readonly Module[]
  addressSpace: AddressSpace
  /** Whether one of the files was changed while it was read, as far as that is seen by now. */
  hasChanged(): boolean
  /** What would bring the names and lines of a module, the likeliest first. */
  remediesFor?(module: Module): readonly string[]
  /** undefined: no source is shown. */
  sources?: SourceReader | undefined
}

/** Finds lines of source. */
export interface SourceReader {
  read(request: SourceRequest): SourceReport
}

/** A file that holds Go code, and what it says of itself. */
export interface GoImage {
  module: Module
  buildInfo: BuildInfo | undefined
  /** Nothing says that it is Go, and nothing that it is not: its file and its notes are gone. */
  isLost?: boolean
}

/**
 * The modules that hold Go code, by their sections or notes, and the program where those are gone; else the one in
 * which build information is found.
 */
export function findGoImages(memory: AddressSpace, modules: readonly Module[]): GoImage[] {
  const ordered = [...modules].sort((a, b) => Number(b.isExecutable) - Number(a.isExecutable))
  const marked = ordered.filter(isMarked)
  if (marked.length > 0) {
    const lost = lostProgram(modules)
    const images = marked.map(module => ({module, buildInfo: buildInfoOf(memory, module)}))
    return lost && !marked.includes(lost) ? [{module: lost, buildInfo: undefined, isLost: true}, ...images] : images
  }
  for (const module of ordered) {
    const buildInfo = findBuildInfo(memory, rangesOf([module]))
    if (buildInfo) return [{module, buildInfo}]
  }
  return []
}

/** The linker puts these sections into every file with Go code, and Go's build ID into its notes. */
function isMarked({image, goBuildId}: Module): boolean {
  if (goBuildId !== undefined) return true
  return image?.sectionHeader('.go.buildinfo') !== undefined || image?.sectionHeader('.gopclntab') !== undefined
}

function buildInfoOf(memory: AddressSpace, module: Module): BuildInfo | undefined {
  const section = module.image?.section('.go.buildinfo')
  const named = section && readBuildInfo(memory, module.toAddress(section.address))
  return named ?? findBuildInfo(memory, rangesOf([module])) ?? (section && buildInfoOfFile(module, section.address))
}

/** As it is on disk, where the core was cut before it: the program never writes to it. */
function buildInfoOfFile({image, imageOrigin}: Module, linkAddress: Address): BuildInfo | undefined {
  if (!image || imageOrigin !== 'file') return undefined
  return readBuildInfo({read: (address, length) => image.readAtLinkAddress(address, length)}, linkAddress)
}

/**
 * The program where neither its file nor its notes are at hand: it may have been written in Go. One whose notes have
 * the linker's build ID and not Go's was not; goroutines that are searched for in its memory would be chance
 * likenesses.
 */
export function lostProgram(modules: readonly Module[]): Module | undefined {
  return modules.find(
    ({isExecutable, imageOrigin, buildId, goBuildId}) =>
      isExecutable && imageOrigin !== 'file' && (buildId === undefined || goBuildId !== undefined),
  )
}

/**
 * Writable memory of a module that the core holds: its data, and bss, which no file mapping covers but which follows
 * the last one.
 */
export function dataRanges(core: CoreFile, module: Module | undefined): DataRange[] {
  if (!module) return []
  const ranges: DataRange[] = []
  let end: number = module.end
  for (const part of core.segments.dumped()) {
    if (part.start > end || part.start < module.start) continue
    end = Math.max(end, part.end)
    if (part.writable) ranges.push({start: part.start, end: part.end})
  }
  return ranges
}

/** Sections of Go's function tables, which begin with the header; the second one in position-independent programs. */
const TABLE_SECTIONS = ['.gopclntab', '.data.rel.ro.gopclntab']
const HEADER_WORD = 8

/** Where to search for Go's function tables: where a section header says that they are, then all that is loaded. */
export function tableRanges(modules: readonly Module[]): ScanRange[] {
  const named = modules.flatMap(module =>
    TABLE_SECTIONS.flatMap((name): ScanRange[] => {
      const section = module.image?.sectionHeader(name)
      if (!section) return []
      const start = module.toAddress(section.address)
      return [{start, end: toAddress(start + HEADER_WORD), writable: false}]
    }),
  )
  return [...named, ...rangesOf(modules)]
}

/** The loaded segments of the modules, as far as they are mapped; of each module code last: no table is there. */
export function rangesOf(modules: readonly Module[]): ScanRange[] {
  return modules.flatMap(module => {
    const segments = module.image?.segments.filter(({type}) => type === PT.PT_LOAD) ?? []
    const loads = segments.sort((a, b) => Number(a.executable) - Number(b.executable))
    if (loads.length === 0) return [{start: module.start, end: module.end, writable: true}]
    return loads.map(({address, memorySize, writable}) => {
      const start = module.toAddress(address)
      return {start, end: toAddress(start + memorySize), writable}
    })
  })
}

/** Runtime addresses of ELF symbols; the symbol table is read when a name is first asked for. */
export function symbolLookup(module: Module | undefined): (name: string) => Address | undefined {
  const image = module?.image
  if (!module || !image) return () => undefined
  let tables: SymbolTable[] | undefined
  return name => {
    tables ??= [SymbolTable.of(image), ...(module.debug.symbols ? [SymbolTable.of(module.debug.symbols)] : [])]
    for (const table of tables) {
      const symbol = table.lookup(name)
      if (symbol && symbol.address !== NULL_ADDRESS) return module.toAddress(symbol.address)
    }
    return undefined
  }
}
