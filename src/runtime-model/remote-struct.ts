import {ADDRESS_LIMIT, type Address, addressOfWord, NULL_ADDRESS, toAddress, type Word} from '../base/address.ts'
import {BytePiece, type ByteSlab} from '../base/byte-slab.ts'
import {Cursor} from '../base/cursor.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {FieldName, StructLayout, StructName} from './struct-layout.ts'

/**
 * One object of the dead process, copied once; its fields cannot fail after that.
 * A field that the release does not have reads as zero: to the runtime of that release it always was.
 */
export class RemoteStruct<S extends StructName> {
  readonly address: Address
  readonly layout: StructLayout<S>
  readonly #bytes: BytePiece

  private constructor(address: Address, layout: StructLayout<S>, bytes: BytePiece) {
    this.address = address
    this.layout = layout
    this.#bytes = bytes
  }

  /** undefined where any byte of it is missing. */
  static read<S extends StructName>(
    memory: MemoryReader,
    address: Address,
    layout: StructLayout<S>,
    slab?: ByteSlab,
  ): RemoteStruct<S> | undefined {
    if (address === NULL_ADDRESS) return undefined
    const bytes = memory.read(address, layout.span)
    return bytes && new RemoteStruct(address, layout, slab ? slab.copy(bytes) : BytePiece.copyOf(bytes))
  }

  has(field: FieldName<S>): boolean {
    return this.layout.has(field)
  }

  u8(field: FieldName<S>): number {
    const offset = this.layout.offset(field)
    return offset === undefined ? 0 : this.#bytes.u8(offset)
  }

  flag(field: FieldName<S>): boolean {
    return this.u8(field) !== 0
  }

  u32(field: FieldName<S>): number {
    const offset = this.layout.offset(field)
    return offset === undefined ? 0 : this.#bytes.u32(offset)
  }

  i32(field: FieldName<S>): number {
    const offset = this.layout.offset(field)
    return offset === undefined ? 0 : this.#bytes.i32(offset)
  }

  /** 64 raw bits. */
  word(field: FieldName<S>): Word {
    const offset = this.layout.offset(field)
    return offset === undefined ? 0n : this.#bytes.word(offset)
  }

  i64(field: FieldName<S>): bigint {
    const offset = this.layout.offset(field)
    return offset === undefined ? 0n : this.#bytes.i64(offset)
  }

  /** 64 bits as a double: exact below 2^53, rounded and so at least 2^53 above. */
  double(field: FieldName<S>): number {
    const offset = this.layout.offset(field)
    return offset === undefined ? 0 : this.#bytes.number64(offset)
  }

  /** A count or an id as a number; a word that a double would round reads as Infinity, which no bound lets pass. */
  number(field: FieldName<S>): number {
    const value = this.double(field)
    return value < ADDRESS_LIMIT ? value : Number.POSITIVE_INFINITY
  }

  /** A pointer; a word that cannot be an address (>= 2^53) reads as nil. Use `word` to tell apart. */
  pointer(field: FieldName<S>): Address {
    const value = this.double(field)
    return value < ADDRESS_LIMIT ? toAddress(value) : NULL_ADDRESS
  }
}

/** A Go slice of the dead process. */
export interface RemoteSlice {
  readonly array: Address
  readonly length: number
}

/** A slice header; undefined where it is missing or cannot be one. */
export function readSlice(memory: MemoryReader, address: Address, maxLength: number): RemoteSlice | undefined {
  const bytes = memory.read(address, 24)
  if (!bytes) return undefined
  const cursor = new Cursor(bytes, 'slice')
  const [array, length, capacity] = [cursor.word(), cursor.word(), cursor.word()]
  const pointer = addressOfWord(array)
  if (pointer === undefined || length > capacity || length > BigInt(maxLength)) return undefined
  return {array: pointer, length: Number(length)}
}
