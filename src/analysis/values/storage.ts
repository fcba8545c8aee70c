import {vectorOfDwarf} from '../../amd64/vector-registers.ts'
import {type Address, addressOfWord, offsetAddress, type Word} from '../../base/address.ts'
import type {MemoryReader} from '../../base/memory-reader.ts'
import type {Piece, Place} from '../../dwarf/location.ts'
import type {Missing} from './value.ts'

/** Where the bytes of a value are: in memory, in registers, in several places, or nowhere but in the program's text. */
export interface Storage {
  /** Exactly so many bytes, or why they are not there. */
  read(offset: number, length: number): Uint8Array | Missing
  /** Of the byte at an offset; undefined where it is not in memory. */
  addressOf(offset: number): Address | undefined
}

/** Of one read: more than the limits allow of a text. */
const BYTES_MAX = 2 ** 21

/** A value within its storage. */
export class View {
  readonly storage: Storage
  readonly offset: number

  constructor(storage: Storage, offset = 0) {
    this.storage = storage
    this.offset = offset
  }

  at(offset: number): View {
    return offset === 0 ? this : new View(this.storage, this.offset + offset)
  }

  bytes(length: number): Uint8Array | Missing {
    // What a type says of its size is as foreign as the rest.
    if (!(length >= 0 && length <= BYTES_MAX)) return 'unreadable'
    return this.storage.read(this.offset, length)
  }

  /** An unsigned number of so many bytes. */
  unsigned(length = 8): Word | Missing {
    const bytes = this.bytes(length)
    return typeof bytes === 'string' ? bytes : littleEndian(bytes)
  }

  get address(): Address | undefined {
    return this.storage.addressOf(this.offset)
  }
}

export function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight<bigint>((word, byte) => word * 256n + BigInt(byte), 0n)
}

export class MemoryStorage implements Storage {
  readonly #memory: MemoryReader
  readonly #start: Address

  constructor(memory: MemoryReader, start: Address) {
    this.#memory = memory
    this.#start = start
  }

  read(offset: number, length: number): Uint8Array | Missing {
    if (length === 0) return new Uint8Array(0)
    const at = offsetAddress(this.#start, offset)
    return (at === undefined ? undefined : this.#memory.read(at, length)?.slice()) ?? 'unreadable'
  }

  addressOf(offset: number): Address | undefined {
    return offsetAddress(this.#start, offset)
  }
}

/** Bytes that are nowhere but here. */
export class BytesStorage implements Storage {
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  static ofWord(word: Word, length = 8): BytesStorage {
    return new BytesStorage(bytesOfWord(word, length))
  }

  read(offset: number, length: number): Uint8Array | Missing {
    return offset + length <= this.#bytes.length ? this.#bytes.subarray(offset, offset + length) : 'unreadable'
  }

  addressOf(): undefined {
    return undefined
  }
}

function bytesOfWord(word: Word, length = 8): Uint8Array {
  return Uint8Array.from({length}, (_, index) => Number((word / 256n ** BigInt(index)) % 256n))
}

/** What a place needs of its frame. */
export interface PlaceContext {
  readonly memory: MemoryReader
  register(number: number): Word | undefined
  /** The 16 bytes of xmm0 and on. */
  vector(number: number): Uint8Array | undefined
}

function placeStorage(place: Place, context: PlaceContext): Storage | Missing {
  switch (place.kind) {
    case 'memory': {
      const address = addressOfWord(place.address)
      return address === undefined ? 'unreadable' : new MemoryStorage(context.memory, address)
    }
    case 'register': {
      const {register} = place
      const vector = vectorOfDwarf(register)
      if (vector !== undefined) {
        const bytes = context.vector(vector)
        return bytes ? new BytesStorage(bytes) : 'not-saved'
      }
      const word = context.register(register)
      return word === undefined ? 'not-saved' : new BytesStorage(bytesOfWord(word))
    }
    case 'value':
      return new BytesStorage(bytesOfWord(place.word))
    case 'bytes':
      return new BytesStorage(place.bytes)
    case 'implicit-pointer':
    case 'optimized-out':
      return 'optimized-out'
    case 'lost':
      return place.why
  }
}

/** The storage that a location describes, or why there is none. */
export function storageOf(pieces: readonly Piece[], context: PlaceContext): Storage | Missing {
  const [first] = pieces
  if (!first) return 'optimized-out'
  if (pieces.length === 1 && first.bits === undefined) return placeStorage(first.place, context)
  return new PiecedStorage(pieces, context)
}

interface Part {
  /** In bits, from the start of the value. */
  readonly start: number
  readonly length: number
  /** Where in the place it begins, from the least significant bit. */
  readonly offset: number
  readonly storage: Storage | Missing
}

/** Bits of one read that do not begin or end with bytes. */
const BITS_MAX = 4096

/** A value in several places (DWARF 5, 2.6.1.2), each of which may be missing alone. */
class PiecedStorage implements Storage {
  readonly #parts: readonly Part[]

  constructor(pieces: readonly Piece[], context: PlaceContext) {
    let start = 0
    this.#parts = pieces.map(({place, bits = 0, bitOffset}) => {
      const part = {start, length: bits, offset: bitOffset, storage: placeStorage(place, context)}
      start += bits
      return part
    })
  }

  read(offset: number, length: number): Uint8Array | Missing {
    const [first, last] = [offset * 8, (offset + length) * 8]
    const parts = this.#parts.filter(({start, length: bits}) => start < last && start + bits > first)
    const out = new Uint8Array(length)
    let filled = 0
    for (const part of parts) {
      const from = Math.max(first, part.start)
      const to = Math.min(last, part.start + part.length)
      if (typeof part.storage === 'string') return part.storage
      const isWhole = [from, to, part.offset - part.start].every(bit => bit % 8 === 0)
      const why = isWhole ? copyBytes(part, {from, to, first}, out) : copyBits(part, {from, to, first}, out)
      if (why !== undefined) return why
      filled += to - from
    }
    return filled === length * 8 ? out : 'optimized-out'
  }

  addressOf(offset: number): Address | undefined {
    const bit = offset * 8
    const part = this.#parts.find(({start, length}) => bit >= start && bit < start + length)
    const at = part && bit - part.start + part.offset
    return part && at !== undefined && at % 8 === 0 && typeof part.storage !== 'string'
      ? part.storage.addressOf(at / 8)
      : undefined
  }
}

/** Bits of the value, and where the read begins. */
interface BitRange {
  readonly from: number
  readonly to: number
  readonly first: number
}

/** Why they are not there; undefined: they are. */
function copyBytes(part: Part, {from, to, first}: BitRange, out: Uint8Array): Missing | undefined {
  const storage = part.storage as Storage
  const bytes = storage.read((from - part.start + part.offset) / 8, (to - from) / 8)
  if (typeof bytes === 'string') return bytes
  out.set(bytes, (from - first) / 8)
  return undefined
}

function copyBits(part: Part, {from, to, first}: BitRange, out: Uint8Array): Missing | undefined {
  if (to - from > BITS_MAX) return 'unreadable'
  const begin = from - part.start + part.offset
  const byte = Math.floor(begin / 8)
  const bytes = (part.storage as Storage).read(byte, Math.ceil((begin + to - from) / 8) - byte)
  if (typeof bytes === 'string') return bytes
  for (let bit = 0; bit < to - from; bit++) {
    const source = begin + bit - byte * 8
    const isSet = Math.floor((bytes[Math.floor(source / 8)] as number) / 2 ** (source % 8)) % 2 === 1
    const target = from - first + bit
    if (isSet) out[Math.floor(target / 8)] = (out[Math.floor(target / 8)] as number) + 2 ** (target % 8)
  }
  return undefined
}
