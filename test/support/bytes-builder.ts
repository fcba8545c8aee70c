/** A value that may be a label: its offset in the built bytes (plus `origin`) is filled in by `build`. */
export type LabelOr<T> = T | string

interface Patch {
  at: number
  size: 1 | 2 | 4 | 8
  value: (offsetOf: (label: string) => number) => number | bigint
}

/**
 * Little-endian bytes with labels. Multi-byte writers take a number, a bigint, or a label's name; a label may be placed
 * later than it is used. `origin` is the address (or offset) of the first byte, so that labels spell addresses.
 */
export class BytesBuilder {
  readonly origin: number
  #bytes = new Uint8Array(256)
  #size = 0
  readonly #labels = new Map<string, number>()
  readonly #patches: Patch[] = []

  constructor(origin = 0) {
    this.origin = origin
  }

  get size(): number {
    return this.#size
  }

  /** Address of the next byte. */
  get here(): number {
    return this.origin + this.#size
  }

  label(name: string): this {
    if (this.#labels.has(name)) throw new Error(`label ${name} is placed twice`)
    this.#labels.set(name, this.here)
    return this
  }

  /** Address of a label that has been placed. */
  addressOf(name: string): number {
    const address = this.#labels.get(name)
    if (address === undefined) throw new Error(`label ${name} is not placed`)
    return address
  }

  bytes(bytes: Iterable<number>): this {
    const list = bytes instanceof Uint8Array ? bytes : Uint8Array.from(bytes)
    this.#reserve(list.length)
    this.#bytes.set(list, this.#size)
    this.#size += list.length
    return this
  }

  /** `48 8b 05`, with or without blanks. */
  hex(text: string): this {
    const digits = text.replace(/\s+/g, '')
    return this.bytes(Uint8Array.from(digits.match(/../g) ?? [], pair => Number.parseInt(pair, 16)))
  }

  u8(...values: LabelOr<number>[]): this {
    for (const value of values) this.#integer(1, value)
    return this
  }

  u16(...values: LabelOr<number>[]): this {
    for (const value of values) this.#integer(2, value)
    return this
  }

  /** Negative values are written as their two's complement. */
  u32(...values: LabelOr<number>[]): this {
    for (const value of values) this.#integer(4, value)
    return this
  }

  u64(...values: LabelOr<number | bigint>[]): this {
    for (const value of values) this.#integer(8, value)
    return this
  }

  /** `end - start` of two labels. */
  difference(size: 1 | 2 | 4 | 8, end: string, start: string): this {
    return this.computed(size, offsetOf => offsetOf(end) - offsetOf(start))
  }

  /** A value that depends on labels. */
  computed(size: 1 | 2 | 4 | 8, value: (offsetOf: (label: string) => number) => number | bigint): this {
    this.#patches.push({at: this.#size, size, value})
    return this.zeros(size)
  }

  uleb128(value: number | bigint): this {
    let rest = BigInt(value)
    do {
      const low = Number(rest & 0x7fn)
      rest >>= 7n
      this.u8(rest === 0n ? low : low + 0x80)
    } while (rest !== 0n)
    return this
  }

  sleb128(value: number | bigint): this {
    let rest = BigInt(value)
    for (;;) {
      const low = Number(rest & 0x7fn)
      rest >>= 7n
      const done = (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40)
      this.u8(done ? low : low + 0x80)
      if (done) return this
    }
  }

  /** UTF-8 without a NUL. */
  text(text: string): this {
    return this.bytes(new TextEncoder().encode(text))
  }

  cstring(text: string): this {
    return this.text(text).u8(0)
  }

  zeros(count: number): this {
    return this.fill(count, 0)
  }

  fill(count: number, byte: number): this {
    this.#reserve(count)
    this.#bytes.fill(byte, this.#size, this.#size + count)
    this.#size += count
    return this
  }

  align(alignment: number, byte = 0): this {
    return this.fill((alignment - (this.#size % alignment)) % alignment, byte)
  }

  /** Zeros up to an offset from the first byte. */
  padTo(offset: number): this {
    if (offset < this.#size) throw new Error(`already at 0x${this.#size.toString(16)}, past 0x${offset.toString(16)}`)
    return this.zeros(offset - this.#size)
  }

  /** A copy of the bytes so far, labels filled in. */
  build(): Uint8Array {
    const bytes = this.#bytes.slice(0, this.#size)
    const view = new DataView(bytes.buffer)
    for (const patch of this.#patches)
      write(
        view,
        patch.at,
        patch.size,
        patch.value(name => this.addressOf(name)),
      )
    return bytes
  }

  #integer(size: 1 | 2 | 4 | 8, value: LabelOr<number | bigint>): void {
    if (typeof value === 'string') {
      this.computed(size, offsetOf => offsetOf(value))
      return
    }
    this.#reserve(size)
    write(new DataView(this.#bytes.buffer), this.#size, size, value)
    this.#size += size
  }

  #reserve(count: number): void {
    if (this.#size + count <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + count))
    grown.set(this.#bytes.subarray(0, this.#size))
    this.#bytes = grown
  }
}

function write(view: DataView, at: number, size: 1 | 2 | 4 | 8, value: number | bigint): void {
  if (size === 8) view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true)
  else if (size === 4) view.setUint32(at, Number(value), true)
  else if (size === 2) view.setUint16(at, Number(value), true)
  else view.setUint8(at, Number(value))
}
