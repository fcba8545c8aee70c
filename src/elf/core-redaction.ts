import {USER_REGS, USER_REGS_COUNT} from '../amd64/user-regs.ts'
import {type Address, number64At, toAddress} from '../base/address.ts'
import type {FileRange} from '../base/read-record.ts'
import {lastAtOrBelow, SortedRanges} from '../base/sorted-ranges.ts'
import type {CoreFile} from './core-file.ts'
import {PT, readFileHeader, readProgramHeaders} from './elf-headers.ts'
import {type ElfNote, NT, readNotes} from './notes.ts'

const WORD = 8
const HALF = 2n ** 32n
/**
 * Numbers up to here are lengths, counts, states, offsets; what two characters of a text make is below it, what three
 * letters make is above.
 */
const SMALL_MAX = 2 ** 22
/** Negative numbers of 64 bits whose high half this is are error codes where they are small. */
const HIGH_ONES = 0xffff_ffff
const ERROR_MAX = 4096

const FLAG_MAX = 8

/** struct elf_prstatus: where the registers begin (linux/elfcore.h). */
const PRSTATUS_REGISTERS = 112
/** struct elf_prpsinfo: pr_psargs, the first 80 bytes of the arguments. */
const PRPSINFO_ARGUMENTS = {start: 56, end: 136} as const
/** Registers whose value tells where the thread was and how, whatever it is. */
const PLACES: readonly number[] = [
  USER_REGS.rip,
  USER_REGS.rsp,
  USER_REGS.rbp,
  USER_REGS.eflags,
  USER_REGS.orig_rax,
  USER_REGS.fs_base,
]

interface AddressRange {
  readonly start: Address
  readonly end: Address
}

/** A part of the core's file that is to be blanked. */
interface Region extends FileRange {
  /** Of its first byte; undefined where it is no memory. */
  readonly address?: number | undefined
}

/**
 * What is left of a core's bytes when everything is blanked that is no pointer, no length and no structure of the Go
 * runtime: stacks can be walked and named as before, and texts and values of the program are gone.
 *
 * Kept as they are: code and the read-only data of loaded files, the runtime's own structures, the linker's names of
 * those files, NT_FILE, NT_AUXV and NT_SIGINFO, and of each thread the registers that say where it was. Kept where they
 * look like it: words that point into mapped memory, and small numbers. All else becomes zeros.
 */
export class CoreRedaction {
  readonly #core: CoreFile
  /** Sorted by file offset. */
  readonly #regions: readonly Region[]
  readonly #starts: Float64Array
  /** The runtime's structures, sorted by address. */
  readonly #structures: {readonly starts: Float64Array; readonly ends: Float64Array}
  /** The high halves of the words that stay wherever they stand, by their low halves. */
  readonly #facts = new Map<number, Set<number>>()
  /** Mapped memory around the last pointer. */
  #mapped = {start: 0, end: 0}

  /**
   * @param images where files were loaded
   * @param structures where the Go runtime's own structures lie
   * @param facts words that the report tells anyhow, such as the pc of a jump to nowhere
   */
  constructor(
    core: CoreFile,
    images: readonly AddressRange[],
    structures: Iterable<AddressRange>,
    facts: Iterable<bigint> = [],
  ) {
    this.#core = core
    for (const word of facts) {
      const low = Number(BigInt.asUintN(32, word))
      const highs = this.#facts.get(low) ?? new Set()
      this.#facts.set(low, highs.add(Number(BigInt.asUintN(64, word) / HALF)))
    }
    this.#regions = [...regionsOf(core, images)].sort((a, b) => a.start - b.start)
    this.#starts = Float64Array.from(this.#regions, ({start}) => start)
    const sorted = [...structures].sort((a, b) => a.start - b.start)
    this.#structures = {
      starts: Float64Array.from(sorted, ({start}) => start),
      ends: Float64Array.from(sorted, ({end}) => end),
    }
  }

  /** Blanks a piece of the core that begins at a file offset. */
  blank(bytes: Uint8Array, offset: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const first = Math.max(lastAtOrBelow(this.#starts, offset), 0)
    for (let index = first; index < this.#regions.length; index++) {
      const region = this.#regions[index] as Region
      if (region.start >= offset + bytes.length) break
      const start = Math.max(region.start, offset)
      const end = Math.min(region.end, offset + bytes.length)
      if (start >= end) continue
      if (region.address === undefined) bytes.fill(0, start - offset, end - offset)
      else
        this.#blankWords(bytes, view, {start: start - offset, end: end - offset}, region.address + start - region.start)
    }
  }

  #blankWords(bytes: Uint8Array, view: DataView, {start, end}: FileRange, address: number): void {
    const toWord = (WORD - (address % WORD)) % WORD
    const first = Math.min(start + toWord, end)
    bytes.fill(0, start, first)
    let wasText = false
    let at = first
    for (; at + WORD <= end; at += WORD) {
      const isKept = this.#isKept(view, at, address + (at - start)) && !(wasText && isTextEnd(bytes, at))
      if (isKept) {
        wasText = false
        continue
      }
      wasText = isPrintable(bytes[at + WORD - 1] as number)
      bytes.fill(0, at, at + WORD)
    }
    bytes.fill(0, at, end)
  }

  #isKept(view: DataView, at: number, address: number): boolean {
    const low = view.getUint32(at, true)
    const high = view.getUint32(at + 4, true)
    if (low < SMALL_MAX && high < SMALL_MAX) return true
    if (areFlags(view, at)) return true
    if (high === HIGH_ONES && low > HIGH_ONES - ERROR_MAX) return true
    if (this.#facts.get(low)?.has(high)) return true
    return this.#isMapped(number64At(view, at)) || this.#isStructure(address)
  }

  #isMapped(value: number): boolean {
    if (value >= this.#mapped.start && value < this.#mapped.end) return true
    if (!Number.isSafeInteger(value)) return false
    const {state, start, end} = this.#core.segments.extentAt(toAddress(value))
    if (state === 'unmapped') return false
    this.#mapped = {start, end}
    return true
  }

  #isStructure(address: number): boolean {
    const index = lastAtOrBelow(this.#structures.starts, address)
    return index >= 0 && address < (this.#structures.ends[index] as number)
  }
}

/** Bytes too small for characters: eight flags or states side by side. */
function areFlags(view: DataView, at: number): boolean {
  for (let byte = 0; byte < WORD; byte++) if (view.getUint8(at + byte) > FLAG_MAX) return false
  return true
}

/** The characters that were left of a text whose other words are gone. */
function isTextEnd(bytes: Uint8Array, at: number): boolean {
  const length = bytes.subarray(at, at + WORD).indexOf(0)
  return length > 0 && bytes.subarray(at, at + length).every(isPrintable)
}

function isPrintable(byte: number): boolean {
  return byte >= 0x20 && byte !== 0x7f
}

function* regionsOf(core: CoreFile, images: readonly AddressRange[]): Generator<Region> {
  const files = new SortedRanges(images.map(({start, end}) => ({start, end, value: true})))
  for (const segment of readProgramHeaders(core.source, readFileHeader(core.source))) {
    const {type, offset, fileSize, memorySize, address, executable, writable} = segment
    if (type === PT.PT_NOTE) yield* regionsOfNotes(core, offset, fileSize)
    if (type !== PT.PT_LOAD || executable) continue
    if (!writable && files.find(address)) continue
    yield {start: offset, end: offset + Math.min(fileSize, memorySize), address}
  }
}

function* regionsOfNotes(core: CoreFile, offset: number, size: number): Generator<Region> {
  for (const {note, start} of notesWithin(core, offset, size)) {
    const {parts, address} = note.owner === 'CORE' ? blankedIn(note) : {parts: [{start: 0, end: note.descSize}]}
    for (const part of parts) yield {start: start + part.start, end: start + part.end, address}
  }
}

/** What is blanked of a note of owner CORE; with an address where words that look harmless stay. */
function blankedIn({type, descSize}: ElfNote): {parts: FileRange[]; address?: number} {
  if (KEPT_NOTES.includes(type)) return {parts: []}
  if (type === NT.NT_PRPSINFO) return {parts: [PRPSINFO_ARGUMENTS]}
  if (type !== NT.NT_PRSTATUS) return {parts: [{start: 0, end: descSize}]}
  const registers = Array.from({length: USER_REGS_COUNT}, (_, index) => index)
  const parts = registers
    .filter(index => !PLACES.includes(index))
    .map(index => PRSTATUS_REGISTERS + index * WORD)
    .map(start => ({start, end: start + WORD}))
  return {parts, address: 0}
}

const KEPT_NOTES: readonly number[] = [NT.NT_AUXV, NT.NT_FILE, NT.NT_SIGINFO]

/** The notes, each with the file offset of its content. */
function* notesWithin(core: CoreFile, offset: number, size: number): Generator<{note: ElfNote; start: number}> {
  for (const note of readNotes(core.source, offset, size, `${core.source.name}:PT_NOTE`)) {
    yield {note, start: offset + note.desc().base}
  }
}
