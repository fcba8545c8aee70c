import {type Address, addressOfWord, hex, toAddress} from '../base/address.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {readCString} from '../base/memory-reader.ts'
import {lastAtOrBelow} from '../base/sorted-ranges.ts'
import type {BuildIds} from './build-id.ts'
import type {CoreFile} from './core-file.ts'
import type {ElfFile} from './elf-file.ts'
import {PT} from './elf-headers.ts'
import {hasDebugTag, IMAGES_MAX, imageInMemory, isEnough, searchImages} from './image-search.ts'
import {readLinkMap} from './link-map.ts'
import {type MemoryImage, openMemoryImage} from './memory-image.ts'
import type {FileMapping} from './notes.ts'
import {AT} from './notes.ts'

/** An executable or library as the core alone shows it: where it lay, and what of it is in the core. */
export interface LoadedImage {
  /** As the process knew it, without ` (deleted)`; `[vdso]`. */
  path: string
  deleted: boolean
  /** The program itself. */
  isExecutable: boolean
  start: Address
  end: Address
  /** NT_FILE's part of it; [] where another source told of it. */
  mappings: readonly FileMapping[]
  /** undefined where the core does not hold the program headers: the file's will tell. */
  loadBias: number | undefined
  /** From the image's own notes in the core. */
  buildIds: BuildIds
  /** Over the core's memory; undefined where the first page was not dumped. */
  memoryImage: ElfFile | undefined
}

const DELETED = ' (deleted)'
const PAGE_SIZE = 4096
const NO_IDS: BuildIds = {gnu: undefined, go: undefined}

/**
 * The images of a process: from NT_FILE, else (kernels before 3.7, minimal dumpers) from the dynamic linker's link map;
 * and the vDSO. `executable` helps where the core does not even hold the program's headers.
 */
export function findLoadedImages(core: CoreFile, diagnostics: Diagnostics, executable?: ElfFile): LoadedImage[] {
  const images = core.mappings.length > 0 ? imagesOfMappings(core, diagnostics) : []
  correctProgram(images)
  if (!images.some(image => image.isExecutable)) {
    const program = programByAuxv(core, diagnostics, executable)
    if (program) images.push(program)
  }
  const vdso = vdsoImage(core, diagnostics)
  if (vdso) images.push(vdso)
  if (core.mappings.length === 0) addUnnamedImages(images, core, diagnostics, executable)
  return images.sort((a, b) => a.start - b.start)
}

/** Without NT_FILE: what the dynamic linker lists; then, without a name of the system's, what looks like an image. */
function addUnnamedImages(
  images: LoadedImage[],
  core: CoreFile,
  diagnostics: Diagnostics,
  executable: ElfFile | undefined,
): void {
  const found = [...searchImages(core, diagnostics)]
  // The link map has a name for the vDSO under which no file is to be looked for.
  const vdso = found.find(image => image.path === '[vdso]' && !images.some(({start}) => start === image.start))
  if (vdso) images.push(vdso)
  if (!images.some(image => image.isExecutable)) {
    const program = found.find(hasDebugTag)
    if (program) images.push({...program, path: programName(core), isExecutable: true})
  }
  images.push(...imagesOfLinkMap(core, diagnostics, images, executable))
  const known = new Set(images.map(image => image.start))
  images.push(...found.filter(image => !known.has(image.start)))
}

function auxAddress(core: CoreFile, type: number): Address | undefined {
  const word = core.auxv.get(type)
  return word === undefined || word === 0n ? undefined : addressOfWord(word)
}

interface Group {
  path: string
  mappings: FileMapping[]
  image: MemoryImage | undefined
  loadBias: number | undefined
  buildIds: BuildIds
  /** The first page was dumped, whatever it holds. */
  headerDumped: boolean
  /** End of the image by its program headers. */
  imageEnd: number | undefined
}

function imagesOfMappings(core: CoreFile, diagnostics: Diagnostics): LoadedImage[] {
  const groups = groupMappings(core, diagnostics)
  const starts = Float64Array.from(core.mappings, mapping => mapping.start).sort()
  const images: LoadedImage[] = []
  for (const group of groups) {
    if (!isImage(core, group)) continue
    if (isEnough(images.length, diagnostics)) break
    images.push(toLoadedImage(core, group, starts))
  }
  return images
}

/**
 * Mappings of one file that belong together. A file can be loaded twice (dlmopen) or be mapped as data as well, so what
 * lies outside the extent that the program headers give is another group.
 */
function groupMappings(core: CoreFile, diagnostics: Diagnostics): Group[] {
  const groups: Group[] = []
  const open = new Map<string, Group>()
  let images = 0
  for (const mapping of core.mappings) {
    // One more tells that there are more.
    if (images > IMAGES_MAX) break
    const group = open.get(mapping.path)
    if (group && (joins(group, mapping) || joinsAsData(core, group, mapping, diagnostics))) {
      group.mappings.push(mapping)
      continue
    }
    const begun = beginGroup(core, mapping, diagnostics)
    if (begun.image) images++
    groups.push(begun)
    open.set(mapping.path, begun)
  }
  return groups
}

function joins(group: Group, mapping: FileMapping): boolean {
  if (group.imageEnd !== undefined) return mapping.start < group.imageEnd
  return mapping.fileOffset > 0
}

/**
 * The data of a file that fits one page begins at file offset 0 too, and its page shows the headers a second time.
 * Where the first page is not in the core the two are told apart by what may be executed, and by the place: right
 * behind the rest, or where these headers put a segment.
 */
function joinsAsData(core: CoreFile, group: Group, mapping: FileMapping, diagnostics: Diagnostics): boolean {
  const [first] = group.mappings
  const last = group.mappings.at(-1)
  const isCode = (at: Address) => core.segments.extentAt(at).executable
  if (!first || !last || group.headerDumped || group.imageEnd !== undefined) return false
  if (!isCode(first.start) || isCode(mapping.start)) return false
  const copy = openMemoryImage(core.memory, mapping.start, mapping.path, diagnostics)?.elf
  const distance = mapping.start - first.start
  const isPlaced = copy?.segments.some(({type, offset, address}) => {
    return type === PT.PT_LOAD && offset < PAGE_SIZE && pageOf(address) - copy.linkStart === distance
  })
  if (copy && isPlaced) {
    group.loadBias = first.start - copy.linkStart
    group.imageEnd = copy.linkEnd + group.loadBias
    group.buildIds = copy.buildIds
    return true
  }
  return mapping.start === last.end
}

function pageOf(address: number): number {
  return address - (address % PAGE_SIZE)
}

function beginGroup(core: CoreFile, mapping: FileMapping, diagnostics: Diagnostics): Group {
  const atStart = mapping.fileOffset === 0
  const image = atStart ? openMemoryImage(core.memory, mapping.start, mapping.path, diagnostics) : undefined
  const imageEnd = image ? image.elf.linkEnd + image.loadBias : undefined
  const headerDumped = atStart && core.segments.extentAt(mapping.start).state === 'dumped'
  const buildIds = image?.elf.buildIds ?? NO_IDS
  return {path: mapping.path, mappings: [mapping], image, loadBias: image?.loadBias, buildIds, headerDumped, imageEnd}
}

/**
 * Fonts, locale archives and databases are mapped as well: an image has an ELF header, or code where that is unknown.
 */
function isImage(core: CoreFile, group: Group): boolean {
  if (group.image) return true
  if (group.headerDumped) return false
  return group.mappings.some(mapping => core.segments.extentAt(mapping.start).executable)
}

/** @param starts of all mappings, ascending */
function toLoadedImage(core: CoreFile, group: Group, starts: Float64Array): LoadedImage {
  const start = (group.mappings[0] as FileMapping).start
  const mappedEnd = group.mappings.reduce((end, mapping) => Math.max(end, mapping.end), 0)
  const next = starts[lastAtOrBelow(starts, mappedEnd - 1) + 1] ?? Number.POSITIVE_INFINITY
  // .bss goes on past the file's mappings, but not into another file's.
  const limit = Math.min(group.imageEnd ?? 0, next)
  const end = toAddress(Math.max(mappedEnd, Math.min(limit, endOfMapped(core, mappedEnd, limit))))
  const deleted = group.path.endsWith(DELETED)
  return {
    path: deleted ? group.path.slice(0, -DELETED.length) : group.path,
    deleted,
    isExecutable: holdsProgram(core, start, end),
    start,
    end,
    mappings: group.mappings,
    loadBias: group.loadBias,
    buildIds: group.buildIds,
    memoryImage: group.image?.elf,
  }
}

/**
 * Where the memory that is mapped from an address on without a gap ends: a header can claim more. Libraries that are
 * loaded one after the other lie side by side, so no further than needed.
 * @param limit at which or behind which the answer may lie where that is not looked for further
 */
function endOfMapped(core: CoreFile, address: number, limit: number): number {
  let end = address
  while (end < limit) {
    const extent = core.segments.extentAt(end)
    if (extent.state === 'unmapped') return end
    end = extent.end
  }
  return end
}

/** AT_PHDR and AT_ENTRY are the program's own, whatever other executables are mapped. */
function holdsProgram(core: CoreFile, start: Address, end: Address): boolean {
  const address = auxAddress(core, AT.AT_PHDR) ?? auxAddress(core, AT.AT_ENTRY)
  return address !== undefined && address >= start && address < end
}

/**
 * Started as `ld.so program`, the kernel knows the dynamic linker as the program. Linkers give DT_DEBUG to programs
 * alone, so where the marked image has none (or none is marked) and one other has, that is it.
 */
function correctProgram(images: readonly LoadedImage[]): void {
  const marked = images.find(image => image.isExecutable)
  if (marked && (!marked.memoryImage || hasDebugTag(marked))) return
  const [program, ...others] = images.filter(hasDebugTag)
  if (!program || others.length > 0) return
  if (marked) marked.isExecutable = false
  program.isExecutable = true
}

function programName(core: CoreFile): string {
  const name = auxAddress(core, AT.AT_EXECFN)
  return (name === undefined ? undefined : readCString(core.memory, name)) ?? core.process?.name ?? '[program]'
}

/** The program by the auxiliary vector alone. */
function programByAuxv(core: CoreFile, diagnostics: Diagnostics, executable?: ElfFile): LoadedImage | undefined {
  const programHeaders = auxAddress(core, AT.AT_PHDR)
  const entry = auxAddress(core, AT.AT_ENTRY)
  const path = programName(core)
  // Linkers put the program headers behind the ELF header, in the first page.
  const first = programHeaders === undefined ? undefined : toAddress(programHeaders - (programHeaders % PAGE_SIZE))
  const image = first === undefined ? undefined : openMemoryImage(core.memory, first, path, diagnostics)
  const elf = image?.elf ?? executable
  const loadBias = image?.loadBias ?? (executable && entry !== undefined ? entry - executable.entry : undefined)
  if (!elf || loadBias === undefined) return undefined
  const start = elf.linkStart + loadBias
  if (start < 0) return undefined
  return {
    path,
    deleted: false,
    isExecutable: true,
    start: toAddress(start),
    end: toAddress(elf.linkEnd + loadBias),
    mappings: [],
    loadBias,
    buildIds: image?.elf.buildIds ?? NO_IDS,
    memoryImage: image?.elf,
  }
}

function imagesOfLinkMap(
  core: CoreFile,
  diagnostics: Diagnostics,
  known: readonly LoadedImage[],
  executable?: ElfFile,
): LoadedImage[] {
  const program = known.find(image => image.isExecutable)
  const elf = program?.memoryImage ?? executable
  if (!program || !elf || program.loadBias === undefined) return []
  const images: LoadedImage[] = []
  // The vDSO is in the list as well; the auxiliary vector tells of it better.
  const vdso = auxAddress(core, AT.AT_SYSINFO_EHDR)
  const knownStarts = new Set<number | undefined>([vdso, ...known.map(image => image.start)])
  for (const entry of readLinkMap(core.memory, elf, program.loadBias)) {
    const start = entry.loadBias
    if (entry.path === '' || start < PAGE_SIZE || knownStarts.has(start)) continue
    if (isEnough(images.length, diagnostics)) break
    const image = openMemoryImage(core.memory, toAddress(start), entry.path, diagnostics)
    // Of a library whose first page is not there the file tells the extent.
    const end = image ? image.elf.linkEnd + image.loadBias : start + PAGE_SIZE
    images.push({
      path: entry.path,
      deleted: false,
      isExecutable: false,
      start: toAddress(start),
      end: toAddress(end),
      mappings: [],
      loadBias: entry.loadBias,
      buildIds: image?.elf.buildIds ?? NO_IDS,
      memoryImage: image?.elf,
    })
  }
  return images
}

/** The kernel's own image in every process, always dumped (vdso(7)). */
function vdsoImage(core: CoreFile, diagnostics: Diagnostics): LoadedImage | undefined {
  const start = auxAddress(core, AT.AT_SYSINFO_EHDR)
  const image = start === undefined ? undefined : openMemoryImage(core.memory, start, '[vdso]', diagnostics)
  if (start === undefined || !image) return undefined
  const {elf, loadBias} = image
  const end = elf.linkEnd + loadBias
  if (end <= start) {
    diagnostics.add('bad-image', `the vDSO at ${hex(start)} has no extent`)
    return undefined
  }
  return imageInMemory('[vdso]', start, image)
}
