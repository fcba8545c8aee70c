import type {ByteSource} from '../base/byte-source.ts'
import {Cursor} from '../base/cursor.ts'
import {FormatError, TruncatedFileError} from '../base/errors.ts'
import {lastAtOrBelow} from '../base/sorted-ranges.ts'
import {type FileHeader, PT, readProgramHeaders, type Segment} from './elf-headers.ts'

/**
 * A minimal core holds some pages of another core, in an ELF file that other tools read as a core that was dumped in
 * part. Its first program header is a note of ours, which says where in the other core each piece lay: read through
 * it, a minimal core is the other core, byte for byte, but for what it does not hold, and what was blanked.
 *
 * Elf64_Nhdr (gABI ch. 5, "Note Section"), then, in 64-bit words: version, size of the other core, 1 where it was
 * redacted, number of pieces; a piece: offset in the other core, length, offset here, which is 0 for zeros that are not
 * stored. Where texts were blanked, the signature that the other core had may follow: its length in bytes, then JSON.
 */
export const MINIMAL_NOTE = {owner: 'GOTRACE-CORE', type: 0x6774_7263, version: 1} as const

const NOTE_HEADER_SIZE = 12
/** Of the owner's name, with its NUL, padded to 4 bytes. */
export const OWNER_SIZE = 16
const WORD = 8
export const NOTE_HEAD_WORDS = 4
export const PIECE_WORDS = 3
/** Cores have one PT_NOTE segment; those of some writers have a few. */
const NOTE_SEGMENTS_MAX = 16
/** As many pieces as a core of 64 GiB could have. */
const PIECES_MAX = 16 * 1024 * 1024

/** Where the pieces lie, as columns sorted by the offset in the other core. */
interface Pieces {
  readonly offsets: Float64Array
  readonly lengths: Float64Array
  readonly places: Float64Array
}

/** What makes two crashes the same bug, as it was before the core's texts were blanked, for they are a part of it. */
export interface KeptSignature {
  /** Of the rules. */
  readonly version: string
  readonly exact: string
  readonly family: string
}

/** What the note says. */
interface Note {
  readonly size: number
  readonly isRedacted: boolean
  readonly pieces: Pieces
  readonly signature: KeptSignature | undefined
}

const SIGNATURE_MAX = 64 * 1024

/** The other core, as far as a minimal one holds it. */
export class MinimalCore implements ByteSource {
  readonly size: number
  /** Texts and values were left out. */
  readonly isRedacted: boolean
  readonly signature: KeptSignature | undefined
  readonly #source: ByteSource
  readonly #pieces: Pieces
  readonly #onMissing: () => void

  private constructor(source: ByteSource, {size, isRedacted, pieces, signature}: Note, onMissing: () => void) {
    this.#source = source
    this.size = size
    this.isRedacted = isRedacted
    this.signature = signature
    this.#pieces = pieces
    this.#onMissing = onMissing
  }

  /**
   * @param onMissing called for each read of what is not held
   * @returns undefined where the core is no minimal one
   * @throws FormatError where our note is damaged
   */
  static open(source: ByteSource, header: FileHeader, onMissing: () => void): MinimalCore | undefined {
    const note = findNote(source, header)
    if (!note) return undefined
    if (note.u64() !== MINIMAL_NOTE.version) throw note.error('a minimal core of a later version of gotrace-core', 0)
    const size = note.u64()
    const isRedacted = note.u64() !== 0
    const pieces = readPieces(note, size)
    return new MinimalCore(source, {size, isRedacted, pieces, signature: readSignature(note)}, onMissing)
  }

  get name(): string {
    return this.#source.name
  }

  /** The file ends before the last of its pieces. */
  get isCut(): boolean {
    const {lengths, places} = this.#pieces
    return places.some((place, index) => place + (lengths[index] as number) > this.#source.size && place > 0)
  }

  read(offset: number, length: number): Uint8Array {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) throw this.#truncated(offset, length, this.size)
    const {offsets, lengths, places} = this.#pieces
    const index = lastAtOrBelow(offsets, offset)
    const within = offset - (offsets[index] ?? 0)
    const place = places[index] ?? 0
    if (index >= 0 && place > 0 && within + length <= (lengths[index] as number)) {
      return this.#stored(place + within, length, offset)
    }
    return this.#joined(offset, length)
  }

  /** What spans pieces, or is not stored. */
  #joined(offset: number, length: number): Uint8Array {
    const {offsets, lengths, places} = this.#pieces
    for (let at = offset; at < offset + length; ) {
      const index = lastAtOrBelow(offsets, at)
      const end = index < 0 ? 0 : (offsets[index] as number) + (lengths[index] as number)
      if (end <= at) throw this.#missing(at, length)
      at = end
    }
    const bytes = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const index = lastAtOrBelow(offsets, offset + done)
      const within = offset + done - (offsets[index] as number)
      const count = Math.min((lengths[index] as number) - within, length - done)
      const place = places[index] as number
      if (place > 0) bytes.set(this.#stored(place + within, count, offset), done)
      done += count
    }
    return bytes
  }

  #stored(place: number, length: number, offset: number): Uint8Array {
    if (place + length > this.#source.size) throw this.#missing(offset, length)
    return this.#source.read(place, length)
  }

  #missing(offset: number, length: number): TruncatedFileError {
    this.#onMissing()
    return this.#truncated(offset, length, offset)
  }

  #truncated(offset: number, length: number, end: number): TruncatedFileError {
    return new TruncatedFileError(`${this.name}+0x${offset.toString(16)}`, length, end)
  }
}

/**
 * The content of our note; undefined where there is none. It is no part of the first PT_NOTE segment, the only one that
 * some debuggers read, and follows those of the other core.
 */
function findNote(source: ByteSource, header: FileHeader): Cursor | undefined {
  const count = Math.min(header.programHeaderCount, NOTE_SEGMENTS_MAX)
  let passed = 0
  for (const segment of readProgramHeaders(source, {...header, programHeaderCount: count})) {
    if (segment.type !== PT.PT_NOTE) return undefined
    const note = passed > 0 ? readOwnNote(source, segment) : undefined
    if (note) return note
    passed++
  }
  return undefined
}

function readOwnNote(source: ByteSource, {offset, fileSize}: Segment): Cursor | undefined {
  const headSize = NOTE_HEADER_SIZE + OWNER_SIZE
  if (fileSize < headSize || offset + headSize > source.size) return undefined
  const head = new Cursor(new Uint8Array(source.read(offset, headSize)), `${source.name}:PT_NOTE`)
  const [ownerSize, descSize, type] = [head.u32(), head.u32(), head.u32()]
  const isOurs = ownerSize === MINIMAL_NOTE.owner.length + 1 && type === MINIMAL_NOTE.type
  if (!isOurs || head.cstring() !== MINIMAL_NOTE.owner) return undefined
  const held = Math.min(descSize, fileSize - headSize, source.size - offset - headSize)
  if (held < descSize) throw new FormatError(`${source.name}:PT_NOTE`, 'the list of pieces is cut short')
  return new Cursor(new Uint8Array(source.read(offset + headSize, held)), head.label)
}

/** @throws FormatError where they are not in order */
function readPieces(note: Cursor, size: number): Pieces {
  const count = note.u64()
  if (count > PIECES_MAX || count * PIECE_WORDS * WORD > note.remaining) throw note.error(`no room for ${count} pieces`)
  const pieces = {
    offsets: new Float64Array(count),
    lengths: new Float64Array(count),
    places: new Float64Array(count),
  }
  let end = 0
  for (let index = 0; index < count; index++) {
    const [offset, length, place] = [note.u64(), note.u64(), note.u64()]
    if (offset < end || length === 0 || offset + length > size) throw note.error(`piece ${index} is out of order`)
    pieces.offsets[index] = offset
    pieces.lengths[index] = length
    pieces.places[index] = place
    end = offset + length
  }
  return pieces
}

/** undefined where there is none, or it is damaged: the rest of the core is as good without. */
function readSignature(note: Cursor): KeptSignature | undefined {
  if (note.remaining < WORD) return undefined
  const length = note.u64()
  if (length > Math.min(note.remaining, SIGNATURE_MAX)) return undefined
  try {
    const {version, exact, family} = JSON.parse(new TextDecoder().decode(note.take(length)))
    const isWhole = [version, exact, family].every(each => typeof each === 'string')
    return isWhole ? {version, exact, family} : undefined
  } catch {
    return undefined
  }
}
