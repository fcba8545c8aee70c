import {basename} from 'node:path'
import {type Address, toAddress} from '../base/address.ts'
import type {ByteSource} from '../base/byte-source.ts'
import type {Deadline} from '../base/deadline.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {GotraceError, InputError} from '../base/errors.ts'
import {type ReadRecord, type ReadRecords, RecordedSource} from '../base/read-record.ts'
import {runWithin, timeIsOver} from '../base/time-limit.ts'
import {AddressSpace} from '../elf/address-space.ts'
import {sameBuild} from '../elf/build-id.ts'
import {CoreFile, readCoreHeader} from '../elf/core-file.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import {findLoadedImages, type LoadedImage} from '../elf/loaded-image.ts'
import {type KeptSignature, MinimalCore} from '../elf/minimal-core.ts'
import type {Module} from '../elf/module.ts'
import {type Belongings, belongingsOf} from './belongings.ts'
import {type Compression, openInput, type Progress} from './core-input.ts'
import {liesInFolder} from './core-place.ts'
import {type CrashRecord, readCrashRecord} from './crash-record.ts'
import {FileDebugPaths} from './debug-paths.ts'
import type {DebuginfodSettings, TidyOnSignal} from './debuginfod.ts'
import type {LastingFiles} from './lasting-files.ts'
import {EXE_HINT, type FindResult, findModuleFile, type ModuleSearch, refusalOf} from './module-finder.ts'
import {OpenFiles, type UnpackedCache} from './open-files.ts'
import {isPackageHead, PACKAGE_HEAD_SIZE} from './package-manifest.ts'
import {PackedFiles} from './packed-files.ts'
import {placePacked} from './packed-process.ts'
import {completeDebugFiles, type Placed, placeWith, prepareZstd, toModule} from './placed-module.ts'
import {programNames} from './program-names.ts'
import {Remedies} from './remedies.ts'
import {remoteName} from './remote-file.ts'
import {type SearchOptions, SearchPlaces} from './search-places.ts'
import {isSourceFile, SourceFiles, type SourceFilesInput} from './source-files.ts'
import {type GoFolders, SourcePlaces} from './source-places.ts'
import {SymbolServers} from './symbol-servers.ts'
import type {UnpackLimits} from './unpack-limits.ts'

export interface AcquireOptions extends SearchOptions {
  diagnostics: Diagnostics
  deadline?: Deadline | undefined
  /** Symbol stores that are asked for what is not found here: folders, `s3://…`, `https://…`; none by default. */
  symbols?: readonly string[] | undefined
  /** Servers that are asked then; none by default. */
  debuginfod?: DebuginfodSettings | undefined
  progress?: Progress | undefined
  tidyOnSignal?: TidyOnSignal | undefined
  unpackLimits?: UnpackLimits | undefined
  /** Bytes that the sections of all files may take together. */
  sectionMemory?: number | undefined
  /** Keeps what is unpacked of files, for the next core. */
  unpacked?: UnpackedCache | undefined
  /** Keeps the files of the process, and what is parsed of them, for the next core. */
  lasting?: LastingFiles | undefined
  /** Notes what is read of the files of the process. */
  records?: ReadRecords | undefined
}

export interface OpenProcessOptions extends AcquireOptions {
  /** The program, where it should not be looked for. */
  exe?: string | undefined
  /** undefined: no source is read. */
  sources?: SourceOptions | undefined
  /** What the core is called in answers, where that is not its path. */
  coreName?: string | undefined
  /** Notes what is read of the core. */
  record?: ReadRecord | undefined
}

/** How source files are looked for. */
export interface SourceOptions {
  /** Lines above and below the one that is wanted. */
  around: number
  /** `FROM=TO` or a folder each. */
  folders: readonly string[]
  go: GoFolders
}

/** A dead process: its core and the files that were loaded into it. */
export interface OpenProcess {
  core: CoreFile
  modules: readonly Module[]
  addressSpace: AddressSpace
  path: string
  compression: Compression
  /** Of the core, unpacked. */
  size: number
  /** What the program that took the core noted of the crash; undefined where none did. */
  recorded: CrashRecord | undefined
  /** Whether a file of the process was changed while it was read, as far as that is seen by now. */
  hasChanged(): boolean
  /** Texts and values were left out of the core when it was minimised. */
  isRedacted: boolean
  /** That the core had before; undefined where it was not redacted, or nothing was kept. */
  signed: KeptSignature | undefined
  /** What would bring the names and lines of a module, the likeliest first. */
  remediesFor(module: Module): readonly string[]
  /** undefined: none is to be read. */
  sources: SourceFiles | undefined
  /** The files of each module that were opened so far. */
  belongings(): readonly Belongings[]
  /** Whether a source that the compiler named is a file of this machine, as far as its files may be used. */
  isLocalSource(file: string): boolean
  close(): void
}

/**
 * Opens a core and finds the files of its process. All that is asynchronous happens here: unpacking, servers, the start
 * of decoders. What comes back is read synchronously and lazily.
 * @throws InputError where the core or the named executable cannot be used
 */
export async function openProcess(corePath: string, options: OpenProcessOptions): Promise<OpenProcess> {
  const {diagnostics} = options
  const files = new OpenFiles(options)
  const input = await openInput(corePath, {
    diagnostics,
    watch: files.watch,
    deadline: options.deadline,
    progress: options.progress,
    limits: options.unpackLimits,
    checkHead: head => {
      if (!isPackageHead(head.read(0, head.size))) readCoreHeader(head)
    },
  })
  const close = (): void => {
    files.close()
    input.source.close()
  }
  try {
    const isPackage = isPackageHead(input.source.read(0, Math.min(PACKAGE_HEAD_SIZE, input.source.size)))
    const packed = isPackage ? new PackedFiles(input.source) : undefined
    if (packed) refuseSearch(corePath, options)
    const {manifest} = packed ?? {}
    const called = options.coreName ?? remoteName(corePath)
    const path = manifest?.core.path ?? called
    const {source, isRedacted, signed} = wholeCore(
      packed?.member(packed.manifest.core.member, path) ?? input.source,
      options,
    )
    const {core, images} = inTime(options, () => openCore(source, packed === undefined, diagnostics))
    const places = new SearchPlaces(options)
    const servers = packed ? undefined : symbolServers(options)
    const recorded = packed ? (manifest?.core.recorded ?? undefined) : recordBeside(corePath)
    const placed = packed
      ? await placePacked(core, packed, files)
      : await findModules(core, images, {files, corePath, places, servers, recorded}, options)
    const modules = placed.map(toModule)
    const addressSpace = new AddressSpace(core, modules)
    const sources = options.sources && openSources(options.sources, {places, servers, corePath, modules})
    const asked = options.debuginfod?.urls ?? []
    const remedies = new Remedies({...options, corePath: called, servers: asked}, places)
    const remediesFor = (module: Module): readonly string[] =>
      manifest ? (manifest.modules[modules.indexOf(module)]?.remedies ?? []) : remedies.of(module)
    return {
      core,
      modules,
      addressSpace,
      path,
      compression: manifest?.core.compression ?? input.compression,
      size: source.size,
      recorded,
      hasChanged: () => files.watch.hasChanges(),
      isRedacted,
      signed,
      remediesFor,
      sources,
      belongings: () => placed.map(({debug}, index) => belongingsOf(modules[index] as Module, debug.used, files)),
      isLocalSource: file => places.host !== undefined && isSourceFile(file),
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}

function recordBeside(corePath: string): CrashRecord | undefined {
  return liesInFolder(corePath) ? readCrashRecord(corePath) : undefined
}

/** @throws InputError: what was found when a package was made is what it has */
function refuseSearch(path: string, {exe, sysroots = [], debugDirs = []}: OpenProcessOptions): void {
  if (exe === undefined && sysroots.length === 0 && debugDirs.length === 0) return
  const hint = `unpack it to use other files: tar -xf ${path}`
  throw new InputError('bad-argument', `${path}: a package brings the files of the process along`, hint)
}

function openSources(
  {around, folders, go}: SourceOptions,
  {places, ...rest}: Pick<SourceFilesInput, 'servers' | 'corePath' | 'modules'> & {places: SearchPlaces},
): SourceFiles {
  return new SourceFiles({...rest, around, places: new SourcePlaces(places, go, folders)})
}

/** The core that a minimal one holds pieces of, any other as it is. */
function wholeCore(
  source: ByteSource,
  {diagnostics, record}: OpenProcessOptions,
): {source: ByteSource; isRedacted: boolean; signed: KeptSignature | undefined} {
  const minimal = MinimalCore.open(source, readCoreHeader(source), () => tellMissing(source, diagnostics))
  if (minimal?.isCut) tellMissing(source, diagnostics)
  const whole = minimal ?? source
  return {
    source: record ? new RecordedSource(whole, record) : whole,
    isRedacted: minimal?.isRedacted === true,
    signed: minimal?.signature,
  }
}

function tellMissing({name}: ByteSource, diagnostics: Diagnostics): void {
  diagnostics.add('page-not-kept', 'the core was minimised, and holds nothing of some memory that is needed now', {
    where: name,
    hint: 'ask with the flags, files and version that it was minimised with, or minimise the core anew',
  })
}

/** What was unpacked while there was time may be too little for anything. */
function inTime<T>({deadline}: AcquireOptions, work: () => T): T {
  if (!deadline) return work()
  try {
    return runWithin(deadline, work)
  } catch (error) {
    throw deadline.hasStruck && error instanceof GotraceError ? timeIsOver() : error
  }
}

/** A core, and the images of its process where its files are to be found. */
function openCore(
  source: ByteSource,
  isSearched: boolean,
  diagnostics: Diagnostics,
): {core: CoreFile; images: LoadedImage[]} {
  const core = CoreFile.open(source, diagnostics)
  return {core, images: isSearched ? findLoadedImages(core, diagnostics) : []}
}

interface ModuleMeans {
  files: OpenFiles
  corePath: string
  places: SearchPlaces
  servers: SymbolServers | undefined
  recorded: CrashRecord | undefined
}

async function findModules(
  core: CoreFile,
  seen: LoadedImage[],
  {files, corePath, places, servers, recorded}: ModuleMeans,
  options: OpenProcessOptions,
): Promise<Placed[]> {
  const exe = options.exe === undefined ? undefined : places.namedFile(options.exe)
  const search: ModuleSearch = {files, corePath, exe, programNames: programNames(core, recorded?.exe), places}
  const images = await loadedImages(core, seen, search)
  const placed: Placed[] = []
  for (const image of images) {
    const isLate = options.deadline?.isOver('the search for the files of the process') === true
    if (image.path === '[vdso]' || isLate) {
      placed.push({...place(image, {found: undefined, mismatch: undefined}, search), isSought: false})
      continue
    }
    let result = await findModuleFile(image, search)
    if (!result.found && servers) result = await fetchImage(image, result, servers, search)
    const found = place(image, result, search)
    await completeDebugFiles(image, found, files, servers)
    placed.push(found)
  }
  await prepareZstd(placed, files)
  reportMissing(placed, search)
  return placed
}

/** Where the core does not even hold the program's headers, the named executable tells what it was linked with. */
async function loadedImages(core: CoreFile, seen: LoadedImage[], search: ModuleSearch): Promise<LoadedImage[]> {
  if (seen.some(image => image.isExecutable) || search.exe === undefined) {
    if (search.exe !== undefined) await checkNamed(search.exe, search)
    return seen
  }
  const elf = await checkNamed(search.exe, search)
  return findLoadedImages(core, search.files.diagnostics, elf)
}

/** @throws InputError where the file that the user named is no executable */
async function checkNamed(path: string, search: ModuleSearch): Promise<ElfFile> {
  try {
    return requireExecutable(search.files.elf(path) ?? (await search.files.unpackedElf(path)), path, EXE_HINT)
  } catch (error) {
    throw error instanceof GotraceError ? refusalOf(error) : error
  }
}

function requireExecutable(elf: ElfFile, path: string, hint: string): ElfFile {
  if (elf.type === 'exec' || elf.type === 'dyn') return elf
  throw new InputError('not-elf', `${path}: ${elf.type === 'core' ? 'a core' : 'an object file'}, no executable`, hint)
}

function symbolServers(options: AcquireOptions): SymbolServers | undefined {
  const {symbols: stores = [], debuginfod, diagnostics, deadline, progress, tidyOnSignal} = options
  const settings = debuginfod ?? {urls: [], cacheDir: undefined}
  return SymbolServers.of({...settings, stores, diagnostics, deadline, progress, tidyOnSignal})
}

async function fetchImage(
  image: LoadedImage,
  result: FindResult,
  servers: SymbolServers,
  search: ModuleSearch,
): Promise<FindResult> {
  const path = await servers.find(image.buildIds, 'executable')
  const elf = path === undefined ? undefined : search.files.elf(path)
  // A server can be wrong too, and a cache old.
  if (!elf || path === undefined || !sameBuild(image.buildIds, elf.buildIds)) return result
  return {found: {elf, path}, mismatch: undefined}
}

function place(
  image: LoadedImage,
  result: FindResult,
  {files, places}: Pick<ModuleSearch, 'files' | 'places'>,
): Placed {
  return placeWith(image, result, files, subject => new FileDebugPaths(subject, places))
}

function reportMissing(placed: readonly Placed[], {files: {diagnostics}, places}: ModuleSearch): void {
  for (const {image, result, isSought} of placed) {
    if (result.found || !isSought || result.mismatch !== undefined) continue
    const id = image.buildIds.gnu ?? image.buildIds.go
    const what = image.isExecutable ? 'the program' : 'a library'
    diagnostics.add('module-not-found', `${what} was not found: ${image.path}${id ? ` (build ID ${id})` : ''}`, {
      severity: image.isExecutable ? 'error' : 'warning',
      where: image.path,
      hint: adviceFor(image, places),
    })
  }
}

function adviceFor({isExecutable, path}: LoadedImage, {host}: SearchPlaces): string {
  const or = host ? '' : ', or allow the files of this machine: --host-files'
  // What was copied to memory has a name there that no file has.
  if (isExecutable) return `name it: --exe ${path.startsWith('/memfd:') ? 'FILE' : basename(path)}${or}`
  if (!host) return `copy it into the sysroot${or}`
  return 'give a copy of the machine’s file system, or of its libraries, with --sysroot DIR'
}

/** One file on disk with its debug files, as if it were loaded where it was linked. */
export interface OpenModule {
  module: Module
  close(): void
}

/** @throws InputError where the file is no ELF file of this machine */
export async function openModuleFile(path: string, options: AcquireOptions): Promise<OpenModule> {
  const files = new OpenFiles(options)
  const places = new SearchPlaces(options)
  const search: ModuleSearch = {files, corePath: path, exe: undefined, programNames: [], places}
  try {
    const located = places.namedFile(path)
    const elf = await files.unpackedElf(located)
    requireExecutable(elf, path, 'name an executable, a shared library or a .debug file')
    const image: LoadedImage = {
      path,
      deleted: false,
      isExecutable: elf.type === 'exec',
      start: elf.linkStart,
      end: toAddress(Math.max(elf.linkEnd, elf.linkStart + 1)) as Address,
      mappings: [],
      loadBias: 0,
      buildIds: elf.buildIds,
      memoryImage: undefined,
    }
    const placed = place(image, {found: {elf, path: located}, mismatch: undefined}, search)
    await completeDebugFiles(image, placed, files, symbolServers(options))
    await prepareZstd([placed], files)
    return {module: toModule(placed), close: () => files.close()}
  } catch (error) {
    files.close()
    throw error
  }
}
