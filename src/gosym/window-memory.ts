import {type Address, toAddress} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'

const WINDOW_SIZE = 0x4000

/**
 * Memory for a pass over a table: keeps the last 16 KiB read, so that small reads near each other cost a subarray.
 * Only worth it in order; scattered reads go better straight.
 */
export class WindowMemory implements MemoryReader {
  readonly #below: MemoryReader
  #start = 0
  #bytes = new Uint8Array(0)

  constructor(below: MemoryReader) {
    this.#below = below
  }

  read(address: Address, length: number): Uint8Array | undefined {
    let offset = address - this.#start
    if (offset < 0 || offset + length > this.#bytes.length) {
      const start = Math.floor(address / WINDOW_SIZE) * WINDOW_SIZE
      const window =
        address + length <= start + WINDOW_SIZE ? this.#below.read(toAddress(start), WINDOW_SIZE) : undefined
      if (!window) return this.#below.read(address, length)
      this.#bytes = window.slice()
      this.#start = start
      offset = address - start
    }
    return this.#bytes.subarray(offset, offset + length)
  }
}
