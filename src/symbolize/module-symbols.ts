import type {Address} from '../base/address.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {Extent} from '../base/extent.ts'
import type {SectionSource} from '../base/section-source.ts'
import type {TailCallSite} from '../dwarf/call-sites.ts'
import {type DwarfFrame, DwarfInfo, type DwarfPlace} from '../dwarf/dwarf-info.ts'
import type {SplitUnitFinder} from '../dwarf/split-unit.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import {ElfSymbols, type NamedEntry} from './elf-symbols.ts'

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

const FILE_NAMES = ['dwarf', 'supplementary', 'symbols'] as const
type Files = Pick<DebugSources, (typeof FILE_NAMES)[number]>

/** Of images that outlive a report. */
const LASTING = new WeakMap<ElfFile, {files: Files; symbols: ModuleSymbols}>()

/** What a module's DWARF and symbol tables say of it; each is opened at its first use. Link addresses. */
export class ModuleSymbols {
  readonly dwarf: DwarfInfo | undefined
  readonly #elf: ElfSymbols
  #debug: DebugSources

  constructor(
    image: ElfFile | undefined,
    debug: DebugSources,
    {dwarf, supplementary, symbols}: Files,
    diagnostics: Diagnostics,
  ) {
    this.#debug = debug
    const splitUnit: SplitUnitFinder = (name, compDir, dwoId) => this.#debug.splitUnit?.(name, compDir, dwoId)
    this.dwarf = dwarf && new DwarfInfo(dwarf, {supplementary, splitUnit, diagnostics})
    this.#elf = new ElfSymbols(image, symbols)
  }

  /** Those that were made for another report, where all files are the same ones, and kept. */
  static of({image, debug}: SymbolSource, diagnostics: Diagnostics): ModuleSymbols {
    const {dwarf, supplementary, symbols} = debug
    const files: Files = {dwarf, supplementary, symbols}
    const all = [image, dwarf, supplementary, symbols].filter(file => file !== undefined)
    const lasting = image?.lasting
    if (!image || !lasting || all.some(file => file.lasting !== lasting))
      return new ModuleSymbols(image, debug, files, diagnostics)
    const known = LASTING.get(image)
    if (known && FILE_NAMES.every(name => known.files[name] === files[name])) {
      known.symbols.#debug = debug
      return known.symbols
    }
    const made = new ModuleSymbols(image, debug, files, lasting)
    LASTING.set(image, {files, symbols: made})
    return made
  }

  /** Innermost inline first; [] where DWARF says nothing. */
  locate(linkAddress: Address): DwarfFrame[] {
    return this.dwarf?.locate(linkAddress) ?? []
  }

  /** What `locate` says, without the names; undefined where DWARF says nothing. */
  placeAt(linkAddress: Address, extent: Extent): DwarfPlace | undefined {
    return this.dwarf?.placeAt(linkAddress, extent)
  }

  /** By DWARF, where the function begins that an address is in; its code may be in several places. */
  entryOf(linkAddress: Address): Address | undefined {
    return this.dwarf?.functionAt(linkAddress)?.entry
  }

  /** By DWARF, the tail calls of the function that begins there; undefined where they are not known to be all. */
  tailCallsOf(entry: Address): readonly TailCallSite[] | undefined {
    return this.dwarf?.tailCallsOf(entry)
  }

  /** Whether a symbol may have a mangled name of C++. */
  get hasMangledNames(): boolean {
    return this.#elf.hasMangledNames
  }

  /** By the symbol tables and the stubs of the PLT. */
  findSymbol(linkAddress: Address, extent?: Extent): NamedEntry | undefined {
    return this.#elf.find(linkAddress, extent)
  }
}
