import {type Address, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import type {Diagnostics} from '../../base/diagnostics.ts'
import type {AddressSpace} from '../../elf/address-space.ts'
import type {CoreFile} from '../../elf/core-file.ts'
import {PT} from '../../elf/elf-headers.ts'
import type {Module} from '../../elf/module.ts'
import {SymbolTable} from '../../elf/symtab.ts'
import {type BuildInfo, findBuildInfo, readBuildInfo, readBuildVersion} from '../../gosym/build-info.ts'
import {GoTables} from '../../gosym/func-table.ts'
import type {ScanRange} from '../../gosym/memory-scan.ts'
import type {GoVersion} from '../../gosym/version.ts'
import {findBuildVersion} from '../../runtime-model/build-version.ts'
import type {DataRange} from '../../runtime-model/root-search.ts'
import {openGoFileTables} from '../../symbolize/go-file-tables.ts'

/** What acquire hands over: the core, the files that were loaded, the memory of both. */
export interface ProcessFiles {
  core: CoreFile
  modules: readonly Module[]
  addressSpace: AddressSpace
  /** Whether one of the files was changed while it was read, as far as that is seen by now. */
  hasChanged(): boolean
}

/** The Go image of a process, its release where something names it, and its function tables. */
export interface GoIdentity {
  image: GoImage | undefined
  symbols: (name: string) => Address | undefined
  /** By the build information, by runtime.buildVersion, or by the code that uses that variable. */
  known: GoVersion | undefined
  /** undefined where the process holds no Go code that can be read. */
  tables: GoTables | undefined
}

export function identifyGo(files: ProcessFiles, diagnostics: Diagnostics): GoIdentity {
  const {modules, addressSpace: memory} = files
  const image = findGoImage(memory, modules)
  const symbols = symbolLookup(image?.module)
  const start = symbols('runtime.firstmoduledata')
  const named = image?.buildInfo?.version ?? versionAt(memory, symbols('runtime.buildVersion'))
  const tables = openTables(files, image, named, start, diagnostics)
  if (named || !tables) return {image, symbols, known: named, tables}
  const known = versionAt(memory, findBuildVersion(memory, tables))
  return {image, symbols, known, tables: known ? openTables(files, image, known, start, diagnostics) : tables}
}

function versionAt(memory: AddressSpace, variable: Address | undefined): GoVersion | undefined {
  return variable === undefined ? undefined : readBuildVersion(memory, variable)
}

/** The file that holds the Go runtime, and what it says of itself. */
export interface GoImage {
  module: Module
  buildInfo: BuildInfo | undefined
}

/** The module that holds the Go runtime: the executable, or a library built with -buildmode=c-shared. */
export function findGoImage(memory: AddressSpace, modules: readonly Module[]): GoImage | undefined {
  const ordered = [...modules].sort((a, b) => Number(b.isExecutable) - Number(a.isExecutable))
  for (const module of ordered) {
    const section = module.image?.section('.go.buildinfo')
    const buildInfo = section && readBuildInfo(memory, module.toAddress(section.address))
    if (buildInfo) return {module, buildInfo}
  }
  const byTable = ordered.find(module => module.image?.section('.gopclntab') ?? module.goBuildId)
  if (byTable) return {module: byTable, buildInfo: findBuildInfo(memory, rangesOf([byTable]))}
  for (const module of ordered) {
    const buildInfo = findBuildInfo(memory, rangesOf([module]))
    if (buildInfo) return {module, buildInfo}
  }
  return undefined
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

/** Through the relocated data of the process; where the core does not hold that, as they are on disk. */
export function openTables(
  {core, modules, addressSpace: memory}: ProcessFiles,
  image: GoImage | undefined,
  version: GoVersion | undefined,
  firstModuledata: Address | undefined,
  diagnostics: Diagnostics,
): GoTables | undefined {
  const candidates = image ? rangesOf([image.module]) : rangesOf(modules)
  const isLost =
    image?.module.imageOrigin === 'file' &&
    (firstModuledata === undefined
      ? dataRanges(core, image.module).length === 0
      : memory.read(firstModuledata, 8) === undefined)
  const inCore = isLost ? undefined : GoTables.open({memory, version, firstModuledata, candidates, diagnostics})
  return inCore && inCore.modules.length > 0 ? inCore : (tablesOfFile(image?.module, diagnostics) ?? inCore)
}

/** The tables as they are on disk, where the core does not hold the data that leads to them. */
function tablesOfFile(module: Module | undefined, diagnostics: Diagnostics): GoTables | undefined {
  if (module?.imageOrigin !== 'file' || !module.image) return undefined
  return openGoFileTables(module.image, diagnostics, module.loadBias)
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

/** The loaded segments of the modules, as far as they are mapped. */
function rangesOf(modules: readonly Module[]): ScanRange[] {
  return modules.flatMap(module => {
    const loads = module.image?.segments.filter(({type}) => type === PT.PT_LOAD) ?? []
    if (loads.length === 0) return [{start: module.start, end: module.end, writable: true}]
    return loads.map(({address, memorySize, writable}) => {
      const start = module.toAddress(address)
      return {start, end: toAddress(start + memorySize), writable}
    })
  })
}

/** Runtime addresses of ELF symbols; the symbol table is read when a name is first asked for. */
function symbolLookup(module: Module | undefined): (name: string) => Address | undefined {
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
