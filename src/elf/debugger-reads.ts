import {RED_ZONE} from '../amd64/signal-context.ts'
import {USER_REGS} from '../amd64/user-regs.ts'
import {type Address, addressOfWord, toAddress} from '../base/address.ts'
import {Diagnostics} from '../base/diagnostics.ts'
import type {FileRange} from '../base/read-record.ts'
import {SortedRanges} from '../base/sorted-ranges.ts'
import type {CoreFile} from './core-file.ts'
import {PT, readFileHeader, readProgramHeaders} from './elf-headers.ts'
import {readLinkMap} from './link-map.ts'
import {type MemoryImage, openMemoryImage} from './memory-image.ts'
import type {Module} from './module.ts'
import {AT} from './notes.ts'

/** Of a thread's stack: debuggers look past what a walk needs, at arguments and locals. */
const STACK_MAX = 256 * 1024
const PAGE = 4096
const WORD = 8
/** Of what was dumped of one file, its variables for the most part: a program with more has buffers among them. */
const VARIABLES_MAX = 4 * 1024 * 1024

/** Smaller mappings are kept in whole pages, whatever they are: the linker's own, for one. */
const FINE_MIN = 1024 * 1024

interface AddressRange {
  readonly start: Address
  readonly end: Address
}

/**
 * Reads of a core what debuggers need to find the libraries and to walk the threads, which our own walk need not have
 * asked for: notes, the linker's list, the used part of each stack, thread-local storage, the variables of loaded
 * files.
 */
export function readForDebuggers(core: CoreFile, images: readonly Module[]): void {
  for (const image of images) readVariables(core, extentOf(image))
  readNotesWhole(core)

  for (const {registers} of core.threads) {
    const sp = addressOfWord(registers[USER_REGS.rsp] ?? 0n)
    const storage = addressOfWord(registers[USER_REGS.fs_base] ?? 0n)
    if (sp !== undefined && sp > RED_ZONE) readAround(core, toAddress(sp - RED_ZONE), STACK_MAX)
    if (storage !== undefined && storage > PAGE) readAround(core, toAddress(storage - PAGE), 2 * PAGE)
  }
  for (const {start, fileOffset} of core.mappings) if (fileOffset === 0) readAround(core, start, PAGE)
  readLinkerList(core)
}

/** With the bss, which no mapping of the file covers. */
function extentOf({start, end, image, loadBias}: Module): AddressRange {
  return {start, end: toAddress(Math.max(end, (image?.linkEnd ?? 0) + loadBias))}
}

function readVariables(core: CoreFile, image: AddressRange): void {
  let read = 0
  for (let at: number = image.start; at < image.end && read < VARIABLES_MAX; ) {
    const {state, end} = core.segments.extentAt(at)
    const last = Math.min(end, image.end)
    if (state === 'dumped') {
      readAround(core, toAddress(at), Math.min(last - at, VARIABLES_MAX - read))
      read += last - at
    }
    at = last
  }
}

/**
 * Where a minimal core may hold less than whole pages: memory of no file, which is the heap, with the stacks of
 * goroutines. What debuggers look at in pages lies elsewhere, or around a thread: one may be on a goroutine's stack.
 */
export function fineRanges({source, threads}: CoreFile, images: readonly Module[]): FileRange[] {
  const files = new SortedRanges(images.map(image => ({...extentOf(image), value: true})))
  const places = threads.flatMap(({registers}) => [registers[USER_REGS.rsp], registers[USER_REGS.fs_base]])
  const held = places.map(word => addressOfWord(word ?? 0n) ?? 0).sort((a, b) => a - b)
  const ranges: FileRange[] = []
  for (const {type, address, fileSize, offset} of readProgramHeaders(source, readFileHeader(source))) {
    if (type !== PT.PT_LOAD || fileSize < FINE_MIN || files.find(address)) continue
    for (const {start, end} of withoutThreads({start: address, end: address + fileSize}, held)) {
      ranges.push({start: offset + start - address, end: offset + end - address})
    }
  }
  return ranges
}

/** The parts of a range that are not around one of the addresses, which are sorted. */
function* withoutThreads(range: FileRange, addresses: readonly number[]): Generator<FileRange> {
  let at = range.start
  for (const address of addresses) {
    const [start, end] = [Math.floor((address - PAGE) / PAGE) * PAGE, Math.ceil((address + STACK_MAX) / PAGE) * PAGE]
    if (end <= at || start >= range.end) continue
    if (start > at) yield {start: at, end: start}
    at = end
  }
  if (at < range.end) yield {start: at, end: range.end}
}

function readNotesWhole(core: CoreFile): void {
  for (const segment of readProgramHeaders(core.source, readFileHeader(core.source))) {
    if (segment.type === PT.PT_NOTE) readFile(core, segment.offset, segment.fileSize)
  }
}

function readFile({source}: CoreFile, offset: number, size: number): void {
  const end = Math.min(offset + size, source.size)
  for (let at = offset; at < end; at += PAGE) source.read(at, Math.min(PAGE, end - at))
}

/** As much as the core holds of what begins at an address. */
function readAround({segments}: CoreFile, address: Address, size: number): void {
  const {state, end} = segments.extentAt(address)
  if (state !== 'dumped') return
  const last = Math.min(end, address + size)
  for (let at: number = address; at < last; at += PAGE) segments.read(toAddress(at), Math.min(PAGE, last - at))
}

/** Where the dynamic linker keeps the paths of what it loaded, in whole words: debuggers find libraries by them. */
export function* linkerNames(core: CoreFile): Generator<AddressRange> {
  const program = openProgram(core)
  if (!program) return
  for (const {path, name} of readLinkMap(core.memory, program.elf, program.loadBias)) {
    const end = name + new TextEncoder().encode(path).length + 1
    yield {start: toAddress(Math.floor(name / WORD) * WORD), end: toAddress(Math.ceil(end / WORD) * WORD)}
  }
}

/** The image of the program, as far as the core holds it. */
function openProgram(core: CoreFile): MemoryImage | undefined {
  const headers = addressOfWord(core.auxv.get(AT.AT_PHDR) ?? 0n)
  const mapping = core.mappings.find(({start, end}) => headers !== undefined && headers >= start && headers < end)
  return mapping && openMemoryImage(core.memory, mapping.start, mapping.path, new Diagnostics())
}

function readLinkerList(core: CoreFile): void {
  const program = openProgram(core)
  if (!program) return
  const {elf, loadBias} = program
  const lists = elf.segments.filter(({type}) => type === PT.PT_DYNAMIC).map(({address}) => address + loadBias)
  for (const {address} of readLinkMap(core.memory, elf, loadBias)) lists.push(address)
  // Before the first entry there is struct r_debug, of which that one is the head.
  for (const address of lists) readAround(core, toAddress(Math.max(address - PAGE / 2, 0)), PAGE)
  readAround(core, toAddress(addressOfWord(core.auxv.get(AT.AT_BASE) ?? 0n) ?? 0), PAGE)
}
