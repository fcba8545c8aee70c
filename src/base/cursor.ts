import {ADDRESS_LIMIT, type Address, number64At, toAddress, type Word} from './address.ts'
import {FormatError} from './errors.ts'
import {decodeName} from './foreign-name.ts'

/** Of a byte of a LEB128: that more follow; in the last one, that the number is below 0. */
const [LEB128_MORE, LEB128_SIGN] = [0x80, 0x40]

/** Fields whose length the data tells, for `Cursor.skipFields`; a number from 0 on is a length in bytes. */
export const FIELD = {leb128: -1, block: -2, string: -3} as const

/**
 * Bounded little-endian view with a position, a label and the offset of its first byte in its section.
 * Each read advances or throws a FormatError that says where (`exe:.debug_line+0x1f: need 4 bytes`).
 */
export class Cursor {
  readonly bytes: Uint8Array
  readonly label: string
  /** Offset of `bytes[0]` in what the label names. */
  readonly base: number
  /** Made where it is needed: many cursors read bytes alone. A private getter is a call into V8's runtime each time. */
  #view: DataView | undefined
  #position = 0

  constructor(bytes: Uint8Array, label: string, base = 0) {
    this.bytes = bytes
    this.label = label
    this.base = base
  }

  #makeView(): DataView {
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength)
    return this.#view
  }

  get position(): number {
    return this.#position
  }

  get size(): number {
    return this.bytes.length
  }

  get remaining(): number {
    return this.bytes.length - this.#position
  }

  get atEnd(): boolean {
    return this.#position >= this.bytes.length
  }

  /** A FormatError at the present position. */
  error(reason: string, at = this.#position): FormatError {
    return new FormatError(`${this.label}+0x${(this.base + at).toString(16)}`, reason)
  }

  #take(length: number): number {
    const at = this.#position
    if (!(length >= 0) || length > this.bytes.length - at) throw this.error(`need ${length} bytes`, at)
    this.#position = at + length
    return at
  }

  seek(position: number): void {
    if (!(position >= 0 && position <= this.bytes.length)) throw this.error(`no position 0x${position.toString(16)}`)
    this.#position = position
  }

  skip(length: number): void {
    this.#take(length)
  }

  /**
   * Skips fields in a row; false, and nothing is skipped, where they are not all here or a block has 128 bytes or more.
   * In one loop: of a large unit of DWARF most is only passed by, and V8 interprets that.
   */
  skipFields(fields: readonly number[]): boolean {
    const {bytes} = this
    let at = this.#position
    for (let index = 0; index < fields.length; index++) {
      const field = fields[index] as number
      at = field >= 0 ? at + field : endOfField(bytes, at, field)
    }
    if (at > bytes.length) return false
    this.#position = at
    return true
  }

  /**
   * Skips to the next multiple of `alignment`, counted from the view's start; the end of the view is aligned enough.
   */
  alignTo(alignment: number): void {
    const next = Math.ceil(this.#position / alignment) * alignment
    this.#position = Math.min(next, this.bytes.length)
  }

  u8(): number {
    const at = this.#take(1)
    return this.bytes[at] as number
  }

  i8(): number {
    return (this.#view ?? this.#makeView()).getInt8(this.#take(1))
  }

  u16(): number {
    return (this.#view ?? this.#makeView()).getUint16(this.#take(2), true)
  }

  i16(): number {
    return (this.#view ?? this.#makeView()).getInt16(this.#take(2), true)
  }

  u24(): number {
    const low = this.u16()
    return low + this.u8() * 0x10000
  }

  u32(): number {
    return (this.#view ?? this.#makeView()).getUint32(this.#take(4), true)
  }

  i32(): number {
    return (this.#view ?? this.#makeView()).getInt32(this.#take(4), true)
  }

  /** 64 raw bits. */
  word(): Word {
    return (this.#view ?? this.#makeView()).getBigUint64(this.#take(8), true)
  }

  /**
   * 64 bits as a double: exact below 2^53, rounded above, where tombstones and hashes lie that are compared with limits
   * only.
   */
  number64(): number {
    return number64At(this.#view ?? this.#makeView(), this.#take(8))
  }

  /**
   * 64 bits at a position, which stays where it is, as a double: exact below 2^53, rounded and so at least 2^53 above.
   */
  number64At(position: number): number {
    if (!(position >= 0) || position + 8 > this.bytes.length) throw this.error('need 8 bytes', position)
    return number64At(this.#view ?? this.#makeView(), position)
  }

  /** Signed 64 bits. */
  i64(): bigint {
    return (this.#view ?? this.#makeView()).getBigInt64(this.#take(8), true)
  }

  /** A u64 that must be exact in a double (sizes, offsets); larger is a FormatError. */
  u64(): number {
    const at = this.#take(8)
    const view = this.#view ?? this.#makeView()
    const value = number64At(view, at)
    if (value < ADDRESS_LIMIT) return value
    throw this.error(`value 0x${view.getBigUint64(at, true).toString(16)} is too large`, at)
  }

  /** A u64 that must be an address. */
  address(): Address {
    return toAddress(this.u64())
  }

  /** An unsigned integer of 1, 2, 3, 4 or 8 bytes. */
  unsigned(size: number): number {
    switch (size) {
      case 1:
        return this.u8()
      case 2:
        return this.u16()
      case 3:
        return this.u24()
      case 4:
        return this.u32()
      case 8:
        return this.u64()
      default:
        throw this.error(`no integer of ${size} bytes`)
    }
  }

  /** ULEB128 (DWARF 5, 7.6) that must be exact in a double. */
  uleb128(): number {
    const byte = this.bytes[this.#position] ?? LEB128_MORE
    if (byte >= LEB128_MORE) return this.#longUleb128()
    this.#position++
    return byte
  }

  #longUleb128(): number {
    const start = this.#position
    let result = 0
    let scale = 1
    for (;;) {
      const byte = this.u8()
      result += (byte % 0x80) * scale
      if (byte < 0x80) break
      scale *= 0x80
      if (scale > 2 ** 63) throw this.error('ULEB128 too long', start)
    }
    if (!Number.isSafeInteger(result)) throw this.error('ULEB128 too large', start)
    return result
  }

  /** SLEB128 (DWARF 5, 7.6) that must be exact in a double. */
  sleb128(): number {
    const byte = this.bytes[this.#position] ?? LEB128_MORE
    if (byte >= LEB128_MORE) return this.#longSleb128()
    this.#position++
    return byte < LEB128_SIGN ? byte : byte - LEB128_MORE
  }

  #longSleb128(): number {
    const start = this.#position
    let result = 0
    let scale = 1
    let byte: number
    do {
      byte = this.u8()
      result += (byte % 0x80) * scale
      scale *= 0x80
      if (scale > 2 ** 70) throw this.error('SLEB128 too long', start)
    } while (byte >= 0x80)
    // A double loses the low bits of a small negative number that is written in more bytes than it needs.
    if (scale > ADDRESS_LIMIT) return this.#wideSleb128(start)
    return byte >= 0x40 ? result - scale : result
  }

  #wideSleb128(start: number): number {
    this.#position = start
    const value = Number(this.sleb128Word())
    if (!Number.isSafeInteger(value)) throw this.error('SLEB128 too large', start)
    return value
  }

  /** SLEB128 as signed 64 bits. */
  sleb128Word(): bigint {
    const {value, bits, isNegative} = this.#wideLeb128()
    return BigInt.asIntN(64, isNegative ? value - (1n << bits) : value)
  }

  /** ULEB128 as 64 raw bits. */
  uleb128Word(): Word {
    return BigInt.asUintN(64, this.#wideLeb128().value)
  }

  #wideLeb128(): {value: bigint; bits: bigint; isNegative: boolean} {
    const start = this.#position
    let value = 0n
    let bits = 0n
    let byte: number
    do {
      byte = this.u8()
      value |= BigInt(byte % 0x80) << bits
      bits += 7n
      if (bits > 77n) throw this.error('LEB128 too long', start)
    } while (byte >= 0x80)
    return {value, bits, isNegative: byte >= 0x40}
  }

  /** The next `length` bytes, as a view without copying. */
  take(length: number): Uint8Array {
    const at = this.#take(length)
    return this.bytes.subarray(at, at + length)
  }

  /** A cursor over the next `length` bytes; its errors keep this one's label unless another is given. */
  slice(length: number, label = this.label): Cursor {
    const at = this.#position
    const bytes = this.take(length)
    return label === this.label ? new Cursor(bytes, label, this.base + at) : new Cursor(bytes, label)
  }

  /** NUL-terminated UTF-8; without a NUL the rest of the view. Of a very long one the beginning is kept. */
  cstring(): string {
    const at = this.#position
    const nul = this.bytes.indexOf(0, at)
    const end = nul < 0 ? this.bytes.length : nul
    this.#position = nul < 0 ? end : nul + 1
    return decodeName(this.bytes, at, end)
  }
}

/** Where a field ends whose length the data tells; Infinity where that is not seen at once. */
function endOfField(bytes: Uint8Array, start: number, field: number): number {
  if (field === FIELD.leb128) {
    let at = start
    while ((bytes[at] as number) >= LEB128_MORE) at++
    return at + 1
  }
  if (field === FIELD.string) {
    const nul = bytes.indexOf(0, start)
    return nul < 0 ? Number.POSITIVE_INFINITY : nul + 1
  }
  const length = bytes[start] ?? LEB128_MORE
  return length < LEB128_MORE ? start + 1 + length : Number.POSITIVE_INFINITY
}
