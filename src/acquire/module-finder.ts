import {basename, dirname, isAbsolute, join} from 'node:path'
import {type ErrorCode, GotraceError, InputError} from '../base/errors.ts'
import {sameBuild} from '../elf/build-id.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import {PT, type Segment, SHT} from '../elf/elf-headers.ts'
import type {LoadedImage} from '../elf/loaded-image.ts'
import type {FileMapping} from '../elf/notes.ts'
import {eachBuildKey} from './build-key.ts'
import {liesInFolder} from './core-place.ts'
import {buildIdName} from './debug-paths.ts'
import type {FileTree} from './file-tree.ts'
import {isCandidate, type OpenFiles} from './open-files.ts'
import {programPaths} from './program-names.ts'
import type {Lookup, SearchPlaces} from './search-places.ts'

export interface ModuleSearch {
  files: OpenFiles
  corePath: string
  /** Of the program itself, as the user named it. */
  exe: string | undefined
  /** What else the program may be called (program-names.ts). */
  programNames: readonly string[]
  places: SearchPlaces
}

export interface FoundFile {
  elf: ElfFile
  path: string
}

export interface FindResult {
  found: FoundFile | undefined
  /** The build ID of a file at the right place that is another build. */
  mismatch: string | undefined
}

const LIBRARY_DIRS = [
  '.',
  'lib',
  'lib64',
  'usr/lib',
  'usr/lib64',
  'lib/x86_64-linux-gnu',
  'usr/lib/x86_64-linux-gnu',
  'usr/local/lib',
]
const SUFFIXES = ['', '.zst', '.gz', '.xz', '.lz4']
const PAGE_SIZE = 4096
export const EXE_HINT = 'name the executable that crashed: --exe FILE'

/** Finds the file of one loaded image: the first candidate that is the same build. */
export async function findModuleFile(image: LoadedImage, search: ModuleSearch): Promise<FindResult> {
  let refused: {elf: ElfFile; path: string} | undefined
  for (const path of candidatePaths(image, search)) {
    const named = path === search.exe
    const elf = await openCandidate(path, named, search)
    if (!elf || isDebugFile(elf, path, named, search)) continue
    const verdict = judge(image, elf)
    if (verdict === 'other') {
      refused ??= {elf, path}
      if (named) reportMismatch(image, elf, path, search)
      continue
    }
    if (verdict === 'unknown') reportUnverified(image, path, search)
    return {found: {elf, path}, mismatch: undefined}
  }
  const found = await findByOtherName(image, search)
  if (found || !refused) return {found, mismatch: undefined}
  const {elf, path} = refused
  if (path !== search.exe) reportMismatch(image, elf, path, search)
  return {found: undefined, mismatch: elf.buildId ?? elf.goBuildId ?? 'none'}
}

/** A file of a name that may be another program's: taken only where it is proven to be the same build. */
async function findByOtherName(image: LoadedImage, search: ModuleSearch): Promise<FoundFile | undefined> {
  if (!image.isExecutable) return undefined
  for (const path of programPaths(search.programNames, search.places, search.corePath)) {
    const elf = await openCandidate(path, false, search)
    if (elf && !isDebugFile(elf, path, false, search) && judge(image, elf) === 'same') return {elf, path}
  }
  return undefined
}

function reportUnverified(image: LoadedImage, path: string, search: ModuleSearch): void {
  search.files.diagnostics.add(
    'module-unverified',
    `${path}: the core does not hold what would prove that it is the same build; taken because its segments agree`,
    {where: image.path, hint: 'if names or lines look wrong, give the files of the machine with --sysroot DIR'},
  )
}

/** Where an image is looked for, best first; a path may come more than once. */
function* candidatePaths(image: LoadedImage, search: ModuleSearch): Generator<string> {
  const {path} = image
  const {places, exe} = search
  const name = basename(path)
  const keyed = function* (locate: Lookup): Generator<string> {
    for (const key of eachBuildKey(image.buildIds)) yield* located(locate(buildIdName(key, 'executable')))
  }
  if (image.isExecutable && exe !== undefined) yield exe
  for (const tree of places.sysroots) {
    const locate: Lookup = each => tree.locate(each)
    yield* packed(locate, path)
    for (const directory of LIBRARY_DIRS) yield* packed(locate, join(directory, name))
  }
  for (const locate of places.debugDirs) {
    yield* keyed(locate)
    yield* packed(locate, path)
    yield* packed(locate, name)
  }
  if (places.host) yield* hostPaths(image, places.host, search.corePath)
  for (const locate of places.debugTrees()) yield* keyed(locate)
}

/** At the path that the process knew, and beside the core, where that has a place. */
function* hostPaths({path, isExecutable}: LoadedImage, host: FileTree, corePath: string): Generator<string> {
  const name = basename(path)
  if (isAbsolute(path)) yield path
  if (liesInFolder(corePath)) {
    const locate: Lookup = each => join(dirname(corePath), each)
    yield* packed(locate, name)
    if (!isAbsolute(path)) yield* packed(locate, path)
  }
  // A library that the core names by its soname alone.
  const isSoname = name === path && !isExecutable
  if (isSoname) for (const directory of LIBRARY_DIRS.slice(1)) yield* located(host.locate(join(directory, name)))
}

function* packed(locate: Lookup, name: string): Generator<string> {
  for (const suffix of SUFFIXES) yield* located(locate(name + suffix))
}

function* located(path: string | undefined): Generator<string> {
  if (path !== undefined) yield path
}

/** @throws InputError where the file that the user named cannot be opened */
async function openCandidate(path: string, named: boolean, {files}: ModuleSearch): Promise<ElfFile | undefined> {
  if (!named && !isCandidate(path)) return undefined
  const known = files.elf(path)
  if (known) return known
  if (!named && !SUFFIXES.some(suffix => suffix !== '' && path.endsWith(suffix))) return undefined
  try {
    return await files.unpackedElf(path)
  } catch (error) {
    if (!(error instanceof GotraceError)) throw error
    if (named) throw refusalOf(error)
    files.reportBad(path, error)
    return undefined
  }
}

/** What is not the program's fault has a remedy of its own. */
const NOT_OF_THE_FILE: ReadonlySet<ErrorCode> = new Set(['no-room', 'timeout', 'too-large'])

/** Why the program that the user named cannot be used, and what to try. */
export function refusalOf(error: GotraceError): GotraceError {
  if (NOT_OF_THE_FILE.has(error.code)) return error
  return new InputError(error.code, error.message, EXE_HINT, {cause: error})
}

/** `objcopy --only-keep-debug` leaves headers that look like the program's over no code at all. */
function isDebugFile(elf: ElfFile, path: string, named: boolean, search: ModuleSearch): boolean {
  if (elf.sectionHeader('.text')?.type !== SHT.SHT_NOBITS) return false
  if (named) {
    search.files.diagnostics.add('exe-is-debug-file', `${path} holds debug information alone, not the program`, {
      where: path,
      hint: 'name the program itself with --exe and the directory of this file with --debug-dir',
    })
  }
  return true
}

/** By build ID; else by the program headers that the core's first page holds; else nobody can tell. */
function judge(image: LoadedImage, elf: ElfFile): 'same' | 'other' | 'unknown' {
  if (elf.type !== 'exec' && elf.type !== 'dyn') return 'other'
  const same = sameBuild(image.buildIds, elf.buildIds)
  if (same !== undefined) return same ? 'same' : 'other'
  if (image.memoryImage) {
    const alike = sameLoads(image.memoryImage.segments, elf.segments) && image.memoryImage.entry === elf.entry
    return alike ? 'same' : 'other'
  }
  return image.mappings.length === 0 || agreesWithMappings(image.mappings, elf) ? 'unknown' : 'other'
}

/** Each mapping shows the pages of one PT_LOAD, all at one load bias: another build rarely has the same extents. */
function agreesWithMappings(mappings: readonly FileMapping[], elf: ElfFile): boolean {
  const loads = elf.segments.filter(segment => segment.type === PT.PT_LOAD)
  const biases = (mapping: FileMapping): number[] =>
    loads
      .map(load => ({bias: mapping.start - (load.address - load.offset + mapping.fileOffset), load}))
      .filter(({bias, load}) => {
        const end = Math.ceil((load.address + load.memorySize) / PAGE_SIZE) * PAGE_SIZE + bias
        return mapping.start >= Math.floor(load.address / PAGE_SIZE) * PAGE_SIZE + bias && mapping.end <= end
      })
      .map(({bias}) => bias)
  const [first, ...others] = mappings
  if (!first) return true
  // The dynamic linker maps a library in one piece before it maps each segment anew: what lies between them stays.
  const isBetween = (mapping: FileMapping, bias: number): boolean =>
    mapping.start - first.start === mapping.fileOffset - first.fileOffset &&
    loads.every(({address, memorySize}) => {
      const start = Math.floor(address / PAGE_SIZE) * PAGE_SIZE + bias
      return start >= mapping.end || address + memorySize + bias <= mapping.start
    })
  const fits = (mapping: FileMapping, bias: number): boolean =>
    biases(mapping).includes(bias) || isBetween(mapping, bias)
  return biases(first).some(bias => others.every(mapping => fits(mapping, bias)))
}

function sameLoads(a: readonly Segment[], b: readonly Segment[]): boolean {
  const key = (segments: readonly Segment[]): string =>
    segments
      .filter(segment => segment.type === PT.PT_LOAD)
      .map(segment => [segment.offset, segment.address, segment.fileSize, segment.memorySize].join())
      .join(';')
  return key(a) === key(b)
}

function reportMismatch(image: LoadedImage, elf: ElfFile, path: string, search: ModuleSearch): void {
  const ran = image.buildIds.gnu ?? image.buildIds.go
  const has = (image.buildIds.gnu === undefined ? elf.goBuildId : elf.buildId) ?? 'no build ID'
  const what = image.isExecutable ? 'the program that crashed' : `the ${basename(image.path)} that was loaded`
  const message =
    ran === undefined
      ? `${path} is not ${what}: its ${image.memoryImage ? 'program headers differ from those' : 'segments do not fit the mappings'} in the core; not used`
      : `${path} is not ${what}: its build ID is ${has}, the core has ${ran}; not used`
  const option = image.isExecutable ? '--exe FILE' : '--sysroot DIR'
  search.files.diagnostics.add('build-id-mismatch', message, {
    severity: image.isExecutable ? 'error' : 'warning',
    where: image.path,
    hint: `give the file that was running with ${option}${ran === undefined ? '' : ` (build ID ${ran})`}`,
  })
}
