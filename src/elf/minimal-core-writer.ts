import type {ByteSource} from '../base/byte-source.ts'
import {type FileRange, RECORD_GRAIN} from '../base/read-record.ts'
import {lastAtOrBelow, middleOf} from '../base/sorted-ranges.ts'
import {ET, PT, readFileHeader, readProgramHeaders, type Segment} from './elf-headers.ts'
import {type KeptSignature, MINIMAL_NOTE, NOTE_HEAD_WORDS, OWNER_SIZE, PIECE_WORDS} from './minimal-core.ts'

const HEADER_SIZE = 64
const PROGRAM_HEADER_SIZE = 56
const SECTION_HEADER_SIZE = 64
const PN_XNUM = 0xffff
const EM_X86_64 = 62
const WORD = 8
const NOTE_HEADER_SIZE = 12
const PAGE = 4096
/** Zeros of at least so many pages are not stored. */
const ZERO_PAGES = 16
/** Pieces that lie closer than this are one: two program headers and a place in the list take about as much. */
const GAP_MAX = RECORD_GRAIN
const COPY_SIZE = 1024 * 1024

/** A part of the other core, and where it lies in the new one: 0 for zeros that are not stored. */
interface Piece extends FileRange {
  readonly place: number
}

function isStored({place}: Piece): boolean {
  return place > 0
}

/** Where what is stored of it ends. */
function endOf({place, start, end}: Piece): number {
  return place + (end - start)
}

/** The fields of a program header that count (gABI ch. 5, "Program Header"). */
interface ProgramHeader {
  readonly type: number
  readonly flags: number
  readonly offset: number
  readonly address: number
  readonly fileSize: number
  readonly memorySize: number
  readonly alignment: number
}

/** A minimal core that is to be written. */
export interface MinimalCorePlan {
  /** Of the file that `chunks` make. */
  readonly size: number
  /** The file from its start. */
  chunks(): Generator<Uint8Array>
}

export interface MinimalCoreOptions {
  /** Where less than whole pages may be kept. */
  readonly fine?: readonly FileRange[]
  /** Blanks a piece of the core that begins at a file offset: the core is then a redacted one. */
  readonly blank?: Blank | undefined
  /** Of the core before it was blanked. */
  readonly signature?: KeptSignature | undefined
}

type Blank = (bytes: Uint8Array, offset: number) => void

/**
 * Lays out a minimal core.
 * @param source the core as it is
 * @param kept what is to be kept of it, lowest first: its headers and notes must be among it
 */
export function planMinimalCore(
  source: ByteSource,
  kept: Iterable<FileRange>,
  {fine = [], blank, signature}: MinimalCoreOptions = {},
): MinimalCorePlan {
  const header = readFileHeader(source)
  const ranges = splitZeros(source, joinNear(wholePages(kept, fine), source.size))
  const segments = [...readProgramHeaders(source, header)]
  const loads = segments.filter(({type, memorySize}) => type === PT.PT_LOAD && memorySize > 0)
  const notes = segments.filter(({type, fileSize}) => type === PT.PT_NOTE && fileSize > 0)
  const tail = signature ? signatureBytes(signature) : new Uint8Array(0)
  const noteSize = NOTE_HEADER_SIZE + OWNER_SIZE + WORD * (NOTE_HEAD_WORDS + PIECE_WORDS * ranges.length) + tail.length
  // How many headers there are does not depend on where the pieces lie, but where they lie does on how many there are.
  const count = 1 + notes.length + headersOf(loads, place(ranges, RECORD_GRAIN)).length
  const isExtended = count >= PN_XNUM
  const noteStart = HEADER_SIZE + count * PROGRAM_HEADER_SIZE + (isExtended ? SECTION_HEADER_SIZE : 0)
  const dataStart = grainEnd(noteStart + noteSize)
  const pieces = place(ranges, dataStart)
  const headers = [
    ...notes.map(note => noteHeader(placeOf(pieces, note.offset) ?? dataStart, note.fileSize)),
    noteHeader(noteStart, noteSize),
    ...headersOf(loads, pieces),
  ]
  const size = pieces.reduce((end, piece) => (isStored(piece) ? endOf(piece) : end), dataStart)
  return {
    size,
    *chunks() {
      const head = new HeadWriter(dataStart)
      head.fileHeader(headers.length)
      for (const each of headers) head.programHeader(each)
      if (isExtended) head.firstSection(headers.length)
      head.note(source.size, blank !== undefined, pieces, tail)
      yield head.bytes
      let written = head.bytes.length
      for (const piece of pieces) {
        if (!isStored(piece)) continue
        if (piece.place > written) yield new Uint8Array(piece.place - written)
        yield* copyPiece(source, piece, blank)
        written = endOf(piece)
      }
    },
  }
}

/** Its length, then JSON, to the end of a word. */
function signatureBytes({version, exact, family}: KeptSignature): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify({version, exact, family}))
  const bytes = new Uint8Array(WORD + Math.ceil(text.length / WORD) * WORD)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true)
  bytes.set(text, WORD)
  return bytes
}

function grainEnd(offset: number): number {
  return Math.ceil(offset / RECORD_GRAIN) * RECORD_GRAIN
}

/** What is kept in whole pages, but for the parts of the core that are fine. */
function* wholePages(kept: Iterable<FileRange>, fine: readonly FileRange[]): Generator<FileRange> {
  const sorted = [...fine].sort((a, b) => a.start - b.start)
  const starts = Float64Array.from(sorted, ({start}) => start)
  const isFine = (offset: number): boolean => (sorted[lastAtOrBelow(starts, offset)]?.end ?? 0) > offset
  for (const {start, end} of kept) {
    const from = isFine(start) ? start : Math.floor(start / PAGE) * PAGE
    yield {start: from, end: isFine(end - 1) ? end : Math.ceil(end / PAGE) * PAGE}
  }
}

function* joinNear(ranges: Iterable<FileRange>, size: number): Generator<FileRange> {
  let open: FileRange | undefined
  for (const {start, end} of ranges) {
    if (start >= size) break
    if (open && start - open.end <= GAP_MAX) {
      open = {start: open.start, end: Math.max(open.end, Math.min(end, size))}
      continue
    }
    if (open) yield open
    open = {start, end: Math.min(end, size)}
  }
  if (open) yield open
}

interface Run extends FileRange {
  readonly isZero: boolean
}

/** The same ranges, with long runs of zeros apart. */
function splitZeros(source: ByteSource, ranges: Iterable<FileRange>): Run[] {
  const runs: Run[] = []
  for (const range of ranges) {
    let from = range.start
    for (const zeros of zeroRuns(source, range)) {
      if (zeros.end - zeros.start < ZERO_PAGES * PAGE) continue
      if (zeros.start > from) runs.push({start: from, end: zeros.start, isZero: false})
      runs.push({...zeros, isZero: true})
      from = zeros.end
    }
    if (from < range.end) runs.push({start: from, end: range.end, isZero: false})
  }
  return runs
}

function* zeroRuns(source: ByteSource, {start, end}: FileRange): Generator<FileRange> {
  let from = -1
  for (let at = start; at < end; at += PAGE) {
    const bytes = source.read(at, Math.min(PAGE, end - at))
    const isZero = bytes.every(byte => byte === 0)
    if (isZero && from < 0) from = at
    if (isZero || from < 0) continue
    yield {start: from, end: at}
    from = -1
  }
  if (from >= 0) yield {start: from, end}
}

/** Places pieces one behind the other; each is aligned as it was in the other core. */
function place(runs: readonly Run[], dataStart: number): Piece[] {
  let next = dataStart
  return runs.map(({start, end, isZero}) => {
    if (isZero) return {start, end, place: 0}
    const at = start % PAGE === 0 ? Math.ceil(next / PAGE) * PAGE : next
    next = grainEnd(at + (end - start))
    return {start, end, place: at}
  })
}

function placeOf(pieces: readonly Piece[], offset: number): number | undefined {
  const piece = pieces.find(({start, end}) => offset >= start && offset < end)
  return piece && piece.place > 0 ? piece.place + (offset - piece.start) : undefined
}

function noteHeader(offset: number, fileSize: number): ProgramHeader {
  return {type: PT.PT_NOTE, flags: 0, offset, address: 0, fileSize, memorySize: 0, alignment: 4}
}

/** The mappings, cut so that each part begins with what is stored of it; the rest of it counts as not dumped. */
function headersOf(loads: readonly Segment[], pieces: readonly Piece[]): ProgramHeader[] {
  const starts = Float64Array.from(pieces, ({start}) => start)
  return loads.flatMap(load => partsOf(load, pieces, starts))
}

function partsOf(load: Segment, pieces: readonly Piece[], starts: Float64Array): ProgramHeader[] {
  const stored = [...storedIn(load, pieces, starts)]
  const head = stored[0]?.from === 0 ? [] : [{from: 0, to: 0, offset: 0}]
  const parts = [...head, ...stored]
  const flags = (load.readable ? 4 : 0) + (load.writable ? 2 : 0) + (load.executable ? 1 : 0)
  return parts.map(({from, to, offset}, index) => ({
    type: PT.PT_LOAD,
    flags,
    offset,
    address: load.address + from,
    fileSize: to - from,
    memorySize: (parts[index + 1]?.from ?? load.memorySize) - from,
    alignment: (load.address + from - offset) % PAGE === 0 ? PAGE : 1,
  }))
}

/** What is stored of a mapping, from its start, and where. */
function* storedIn(
  load: Segment,
  pieces: readonly Piece[],
  starts: Float64Array,
): Generator<{from: number; to: number; offset: number}> {
  const dumped = Math.min(load.fileSize, load.memorySize)
  for (let index = firstEndingAfter(pieces, starts, load.offset); index < pieces.length; index++) {
    const {start, end, place: at} = pieces[index] as Piece
    const from = Math.max(start - load.offset, 0)
    if (from >= dumped) return
    if (at > 0) yield {from, to: Math.min(end - load.offset, dumped), offset: at + (load.offset + from - start)}
  }
}

function firstEndingAfter(pieces: readonly Piece[], starts: Float64Array, offset: number): number {
  let low = 0
  let high = starts.length
  while (low < high) {
    const middle = middleOf(low, high)
    if ((pieces[middle] as Piece).end > offset) high = middle
    else low = middle + 1
  }
  return low
}

function* copyPiece(source: ByteSource, {start, end}: Piece, blank: Blank | undefined): Generator<Uint8Array> {
  for (let at = start; at < end; at += COPY_SIZE) {
    const bytes = new Uint8Array(source.read(at, Math.min(COPY_SIZE, end - at)))
    blank?.(bytes, at)
    yield bytes
  }
}

/** Writes what stands before the pieces. */
class HeadWriter {
  readonly bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(size: number) {
    this.bytes = new Uint8Array(size)
    this.#view = new DataView(this.bytes.buffer)
  }

  #u16(value: number): void {
    this.#view.setUint16(this.#at, value, true)
    this.#at += 2
  }

  #u32(value: number): void {
    this.#view.setUint32(this.#at, value, true)
    this.#at += 4
  }

  #u64(value: number): void {
    this.#view.setBigUint64(this.#at, BigInt(value), true)
    this.#at += WORD
  }

  /** Elf64_Ehdr (gABI ch. 4, "ELF Header"): 64 bits, little-endian, version 1. */
  fileHeader(programHeaders: number): void {
    this.bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
    this.#at = 16
    this.#u16(ET.ET_CORE)
    this.#u16(EM_X86_64)
    this.#u32(1)
    this.#u64(0)
    this.#u64(HEADER_SIZE)
    const isExtended = programHeaders >= PN_XNUM
    this.#u64(isExtended ? HEADER_SIZE + programHeaders * PROGRAM_HEADER_SIZE : 0)
    this.#u32(0)
    this.#u16(HEADER_SIZE)
    this.#u16(PROGRAM_HEADER_SIZE)
    this.#u16(isExtended ? PN_XNUM : programHeaders)
    this.#u16(isExtended ? SECTION_HEADER_SIZE : 0)
    this.#u16(isExtended ? 1 : 0)
    this.#u16(0)
  }

  /** Elf64_Phdr. */
  programHeader(header: ProgramHeader): void {
    this.#u32(header.type)
    this.#u32(header.flags)
    this.#u64(header.offset)
    this.#u64(header.address)
    this.#u64(0)
    this.#u64(header.fileSize)
    this.#u64(header.memorySize)
    this.#u64(header.alignment)
  }

  /** Elf64_Shdr 0, whose sh_info is the number of program headers where e_phnum has no room for it. */
  firstSection(programHeaders: number): void {
    const start = this.#at
    this.#at = start + 32
    this.#u64(1)
    this.#at = start + 44
    this.#u32(programHeaders)
    this.#at = start + SECTION_HEADER_SIZE
  }

  note(size: number, isRedacted: boolean, pieces: readonly Piece[], tail: Uint8Array): void {
    const {owner, type, version} = MINIMAL_NOTE
    this.#u32(owner.length + 1)
    this.#u32(WORD * (NOTE_HEAD_WORDS + PIECE_WORDS * pieces.length) + tail.length)
    this.#u32(type)
    this.bytes.set(new TextEncoder().encode(owner), this.#at)
    this.#at += OWNER_SIZE
    for (const word of [version, size, isRedacted ? 1 : 0, pieces.length]) this.#u64(word)
    for (const {start, end, place: at} of pieces) for (const word of [start, end - start, at]) this.#u64(word)
    this.bytes.set(tail, this.#at)
    this.#at += tail.length
  }
}
