import type {Address} from '../../base/address.ts'
import {Diagnostics} from '../../base/diagnostics.ts'
import type {MemoryReader} from '../../base/memory-reader.ts'
import type {Module} from '../../elf/module.ts'
import {SymbolTable} from '../../elf/symtab.ts'
import {readBuildVersion} from '../../gosym/build-info.ts'
import {GoTables} from '../../gosym/func-table.ts'
import type {GoVersion} from '../../gosym/version.ts'
import {findBuildVersion} from '../../runtime-model/build-version.ts'
import {memoryOfFile, openGoFileTables} from '../../symbolize/go-file-tables.ts'
import {dataRanges, findGoImages, type GoImage, type ProcessFiles, symbolLookup, tableRanges} from './go-image.ts'

/** A Go runtime of a process, its release where something names it, and the function tables of its Go code. */
export interface GoIdentity {
  /** The file that holds the runtime. */
  image: GoImage | undefined
  symbols: (name: string) => Address | undefined
  /** By the build information, by runtime.buildVersion, or by the code that uses that variable. */
  known: GoVersion | undefined
  /** undefined where the process holds no Go code that can be read. */
  tables: GoTables | undefined
}

/** One for each Go runtime of the process, that of the program first; at least one, of what holds no Go at all too. */
export function identifyGo(files: ProcessFiles, diagnostics: Diagnostics): readonly [GoIdentity, ...GoIdentity[]] {
  const found: Candidate[] = []
  const partial: Candidate[] = []
  for (const image of findGoImages(files.addressSpace, files.modules)) {
    if (isPartOf(found, image.module)) continue
    const candidate = identify(files, image)
    if (candidate.holdsRuntime === false) partial.push(candidate)
    else found.push(candidate)
  }
  if (!found.some(({holdsRuntime}) => holdsRuntime)) found.unshift(...findSharedRuntime(files))
  const own = withoutParts(found)
  const [first = partial[0] ?? identify(files, undefined), ...others] = own
  for (const {remarks} of [first, ...others]) diagnostics.addAll(remarks)
  return [withProgram(first, [...partial, ...found.filter(candidate => !own.includes(candidate))]), ...others]
}

/** Without the files of a runtime that is proven, whatever may lie in them where they are gone. */
function withoutParts(found: readonly Candidate[]): Candidate[] {
  const kept: Candidate[] = []
  const proven = found.filter(({holdsRuntime}) => holdsRuntime)
  for (const candidate of [...proven, ...found.filter(each => !proven.includes(each))]) {
    if (!candidate.image || !isPartOf(kept, candidate.image.module)) kept.push(candidate)
  }
  return found.filter(candidate => kept.includes(candidate))
}

interface Candidate extends GoIdentity {
  /** undefined where no function table tells. */
  holdsRuntime: boolean | undefined
  remarks: Diagnostics
}

const FIRST_MODULE = 'runtime.firstmoduledata'
/** Only the runtime itself has it, and every program calls it. */
const STARTS_RUNTIME = 'runtime.schedinit'

function identify(files: ProcessFiles, image: GoImage | undefined): Candidate {
  const remarks = new Diagnostics()
  const symbols = symbolLookup(image?.module)
  const start = symbols(FIRST_MODULE)
  const sources = () => sourcesOf(files.addressSpace, image?.module)
  const named = image?.buildInfo?.version ?? versionIn(sources(), () => symbols('runtime.buildVersion'))
  const tables = openTables(files, image, named, start, remarks)
  const holdsRuntime = start !== undefined || (tables && tables.functionNamed(STARTS_RUNTIME) !== undefined)
  const identity = {image, symbols, holdsRuntime, remarks}
  if (named || !tables) return {...identity, known: named, tables}
  const known = versionIn(sources(), source => findBuildVersion(source, tables))
  return {...identity, known, tables: known ? openTables(files, image, known, start, remarks) : tables}
}

/** The memory of the process, then the file of its program: no runtime.buildVersion that has a text is set anew. */
function* sourcesOf(memory: MemoryReader, module: Module | undefined): Generator<MemoryReader> {
  yield memory
  if (module?.imageOrigin === 'file' && module.image) yield memoryOfFile(module.image, module.loadBias)
}

function versionIn(
  sources: Iterable<MemoryReader>,
  place: (source: MemoryReader) => Address | undefined,
): GoVersion | undefined {
  for (const source of sources) {
    const variable = place(source)
    const version = variable === undefined ? undefined : readBuildVersion(source, variable)
    if (version) return version
  }
  return undefined
}

/**
 * The library of a program that was linked with -linkshared. It has no build ID of Go's, and in older releases no
 * section for its tables, but the hash of its packages that all of -buildmode=shared have (cmd/link, elf.go). Others
 * reach the runtime's variables by its dynamic symbols, which no stripping takes away.
 */
function findSharedRuntime(files: ProcessFiles): Candidate[] {
  const shared = files.modules.filter(({image}) => image?.sectionHeader('.note.go.abihash'))
  const module = shared.find(({image}) => image && SymbolTable.of(image).lookup(FIRST_MODULE)?.address)
  return module ? [identify(files, {module, buildInfo: undefined})] : []
}

/** Whether a runtime knows the module as one of its own: a plugin, or a program that was linked with -linkshared. */
function isPartOf(found: readonly GoIdentity[], {start, end}: Module): boolean {
  const isIn = (address: Address | undefined) => address !== undefined && address >= start && address < end
  return found.some(({tables}) => tables && (isIn(tables.lostModule) || tables.modules.some(({text}) => isIn(text))))
}

/** What a program says of itself, where the runtime is in a library of its, which says less. */
function withProgram(runtime: GoIdentity, partial: readonly GoIdentity[]): GoIdentity {
  const program = partial.find(({image}) => image?.module.isExecutable && isPartOf([runtime], image.module))?.image
  const buildInfo = program?.buildInfo ?? runtime.image?.buildInfo
  return runtime.image ? {...runtime, image: {...runtime.image, buildInfo}} : runtime
}

/** Through the relocated data of the process; where the core does not hold that, as they are on disk. */
export function openTables(
  {core, modules, addressSpace: memory}: ProcessFiles,
  image: GoImage | undefined,
  version: GoVersion | undefined,
  firstModuledata: Address | undefined,
  diagnostics: Diagnostics,
): GoTables | undefined {
  const candidates = tableRanges(image ? [image.module] : modules)
  const isLost =
    image?.module.imageOrigin === 'file' &&
    (firstModuledata === undefined
      ? dataRanges(core, image.module).length === 0
      : memory.read(firstModuledata, 8) === undefined)
  const lasting = (address: Address) => {
    const run = memory.fileRunAt(address)
    return run?.image.lasting ? run : undefined
  }
  const input = {memory, version, firstModuledata, candidates, diagnostics, lasting}
  const inCore = isLost ? undefined : GoTables.open(input)
  return inCore && inCore.modules.length > 0 ? inCore : (tablesOfFile(image?.module, diagnostics) ?? inCore)
}

/** The tables as they are on disk, where the core does not hold the data that leads to them. */
function tablesOfFile(module: Module | undefined, diagnostics: Diagnostics): GoTables | undefined {
  if (module?.imageOrigin !== 'file' || !module.image) return undefined
  return openGoFileTables(module.image, diagnostics, module.loadBias)
}
