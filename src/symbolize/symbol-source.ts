import type {Address} from '../base/address.ts'
import type {SectionSource} from '../base/section-source.ts'
import type {SplitUnitFinder} from '../dwarf/split-unit.ts'
import type {ElfFile} from '../elf/elf-file.ts'

/** Where a module's debug information lies; it may be several files. */
export interface DebugSources {
  readonly dwarf?: SectionSource | undefined
  readonly supplementary?: SectionSource | undefined
  /** A file with a fuller symbol table than the image's own. */
  readonly symbols?: ElfFile | undefined
  readonly splitUnit?: SplitUnitFinder | undefined
}

/** What symbolizing needs of a module; the elf room's Module is one, a lone file on disk can be made one. */
export interface SymbolSource {
  readonly path: string
  readonly start: Address
  readonly image: ElfFile | undefined
  readonly debug: DebugSources
  /** undefined where the load bias is not known. */
  linkAddress(address: Address): Address | undefined
  toAddress(linkAddress: Address): Address
}
