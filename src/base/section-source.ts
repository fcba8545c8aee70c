import type {Address} from './address.ts'
import type {Diagnostics} from './diagnostics.ts'
import type {MemoryReader} from './memory-reader.ts'

/** A section's content, decompressed, and the link address of its first byte (0 where it is not loaded). */
export interface Section {
  bytes: Uint8Array
  address: Address
}

/** How format parsers (DWARF, CFI) get sections: by name, lazily, without knowing ELF. */
export interface SectionSource {
  /** For messages: the path of the file. */
  readonly name: string
  /**
   * Of a file that is kept for further reports: what is parsed of it is kept too, and tells these. undefined: it is of
   * one report alone.
   */
  readonly lasting?: Diagnostics | undefined
  /** undefined where the section is absent, empty on disk (NOBITS), or unreadable (a diagnostic tells). */
  section(name: string): Section | undefined
}

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
