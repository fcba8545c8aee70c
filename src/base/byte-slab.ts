import {TWO_32, type Word} from './address.ts'
import {FormatError} from './errors.ts'

/** Larger copies get an array of their own. */
const LARGEST = 4096
const SLAB_LENGTH = 64 * 1024

/**
 * Copies of small pieces of memory, side by side in larger arrays: an array of its own costs more than all that is read
 * from it (measured on Node 20: 2 us, and as much again when it is collected), and so does a view. What is kept of a
 * slab keeps all of it.
 */
export class ByteSlab {
  #bytes = new Uint8Array(0)
  #view = new DataView(this.#bytes.buffer)
  #used = 0

  copy(bytes: Uint8Array): BytePiece {
    if (bytes.length > LARGEST) return BytePiece.copyOf(bytes)
    if (this.#used + bytes.length > this.#bytes.length) {
      this.#bytes = new Uint8Array(SLAB_LENGTH)
      this.#view = new DataView(this.#bytes.buffer)
      this.#used = 0
    }
    const start = this.#used
    this.#bytes.set(bytes, start)
    this.#used += bytes.length
    return new BytePiece(this.#view, start, bytes.length)
  }
}

/** A piece of copied memory, read by position (little-endian). */
export class BytePiece {
  readonly length: number
  readonly #view: DataView
  readonly #start: number

  /** The bytes of `view` from `start` on. */
  constructor(view: DataView, start: number, length: number) {
    this.#view = view
    this.#start = start
    this.length = length
  }

  static copyOf(bytes: Uint8Array): BytePiece {
    // A Buffer, as newer Nodes unpack zstd to, does not copy with `slice`.
    return new BytePiece(new DataView(new Uint8Array(bytes).buffer), 0, bytes.length)
  }

  /** Where a value of `size` bytes lies in the view. @throws FormatError where it does not lie in the piece */
  #at(position: number, size: number): number {
    if (position >= 0 && position + size <= this.length) return this.#start + position
    throw new FormatError(`copy+0x${position.toString(16)}`, `need ${size} bytes`)
  }

  u8(position: number): number {
    return this.#view.getUint8(this.#at(position, 1))
  }

  u32(position: number): number {
    return this.#view.getUint32(this.#at(position, 4), true)
  }

  i32(position: number): number {
    return this.#view.getInt32(this.#at(position, 4), true)
  }

  /** 64 raw bits. */
  word(position: number): Word {
    return this.#view.getBigUint64(this.#at(position, 8), true)
  }

  i64(position: number): bigint {
    return this.#view.getBigInt64(this.#at(position, 8), true)
  }

  /** 64 bits as a double: exact below 2^53, rounded and so at least 2^53 above. */
  number64(position: number): number {
    if (!(position >= 0 && position + 8 <= this.length)) return this.#at(position, 8)
    const view = this.#view
    const at = this.#start + position
    // As number64At: nothing is asked more often of a goroutine.
    return view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true)
  }
}
