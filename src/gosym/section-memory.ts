import type {Address} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {Section} from '../base/section-source.ts'

/** A section's bytes at its address, before what `below` has there (the rest of the file, or nothing). */
export class SectionMemory implements MemoryReader {
  readonly #section: Section
  readonly #below: MemoryReader | undefined

  constructor(section: Section, below?: MemoryReader) {
    this.#section = section
    this.#below = below
  }

  read(address: Address, length: number): Uint8Array | undefined {
    const {bytes, address: start} = this.#section
    const offset = address - start
    if (offset >= 0 && offset + length <= bytes.length) return bytes.subarray(offset, offset + length)
    return this.#below?.read(address, length)
  }
}
