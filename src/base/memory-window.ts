import {type Address, number64At, toAddress} from './address.ts'
import {type MemoryReader, readNumber64} from './memory-reader.ts'

/** The used part of most stacks is smaller. */
const WINDOW_LENGTH = 4096

/**
 * A piece of memory copied at once, for the many words of a stack; what lies outside of it is read from the memory
 * itself.
 */
export class MemoryWindow implements MemoryReader {
  readonly #memory: MemoryReader
  readonly #bytes = new Uint8Array(WINDOW_LENGTH)
  readonly #view = new DataView(this.#bytes.buffer)
  #start = 0
  /** Of the last word that is inside; below the start when there is none. */
  #last = -1

  constructor(memory: MemoryReader) {
    this.#memory = memory
  }

  /** Copies what lies from `start` up to `end`, as far as it fits. */
  moveTo(start: Address, end: Address): void {
    const length = Math.min(end - start, WINDOW_LENGTH)
    const bytes = length >= 8 ? this.#memory.read(start, length) : undefined
    this.#start = start
    this.#last = -1
    if (!bytes) return
    this.#bytes.set(bytes)
    this.#last = start + length - 8
  }

  read(address: Address, length: number): Uint8Array | undefined {
    return this.#memory.read(address, length)
  }

  number64(address: Address): number | undefined {
    if (address >= this.#start && address <= this.#last) {
      return number64At(this.#view, address - this.#start)
    }
    return readNumber64(this.#memory, address)
  }
}

const SLIDING_LENGTH = 0x4000

/**
 * Memory for a pass over a table: keeps the last 16 KiB read, so that small reads near each other cost a subarray.
 * Only worth it in order; scattered reads go better straight.
 */
export class SlidingWindow implements MemoryReader {
  readonly #below: MemoryReader
  #start = 0
  #bytes = new Uint8Array(0)

  constructor(below: MemoryReader) {
    this.#below = below
  }

  read(address: Address, length: number): Uint8Array | undefined {
    let offset = address - this.#start
    if (offset < 0 || offset + length > this.#bytes.length) {
      const start = Math.floor(address / SLIDING_LENGTH) * SLIDING_LENGTH
      const window =
        address + length <= start + SLIDING_LENGTH ? this.#below.read(toAddress(start), SLIDING_LENGTH) : undefined
      if (!window) return this.#below.read(address, length)
      this.#bytes = window.slice()
      this.#start = start
      offset = address - start
    }
    return this.#bytes.subarray(offset, offset + length)
  }
}
