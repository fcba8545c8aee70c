import type {Address} from './address.ts'

/** A section's content, decompressed, and the link address of its first byte (0 where it is not loaded). */
export interface Section {
  bytes: Uint8Array
  address: Address
}

/** How format parsers (DWARF, CFI) get sections: by name, lazily, without knowing ELF. */
export interface SectionSource {
  /** For messages: the path of the file. */
  readonly name: string
  /** undefined where the section is absent, empty on disk (NOBITS), or unreadable (a diagnostic tells). */
  section(name: string): Section | undefined
}
