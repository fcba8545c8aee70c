import {type Address, offsetAddress} from '../base/address.ts'
import type {Section, SectionSource} from '../base/section-source.ts'
import type {BuildIds} from './build-id.ts'
import type {ElfFile} from './elf-file.ts'
import type {FileMapping} from './notes.ts'

/** Where a module's debug information is, found at first use. */
export interface DebugFiles {
  /** The file that holds .debug_info (or .debug_line, .debug_frame): the image itself or one found for it. */
  readonly dwarf: SectionSource | undefined
  /** Whether `dwarf` holds .debug_info, which describes code. */
  readonly hasInfo: boolean
  /** What DW_FORM_*_alt and DW_FORM_*_sup refer to (dwz). */
  readonly supplementary: SectionSource | undefined
  /** The file with the fullest symbol table beside the image's own, if any. */
  readonly symbols: ElfFile | undefined
  /** The sections of a split unit (`.dwo`, or a `.dwp` that has it). */
  splitUnit(name: string, compDir: string | undefined, dwoId: bigint | undefined): SectionSource | undefined
}

/** For modules without a file. */
const NO_DEBUG_FILES: DebugFiles = {
  dwarf: undefined,
  hasInfo: false,
  supplementary: undefined,
  symbols: undefined,
  splitUnit: () => undefined,
}

export interface ModuleFields {
  path: string
  start: Address
  end: Address
  loadBias: number
  isExecutable?: boolean
  deleted?: boolean
  mappings?: readonly FileMapping[]
  buildIds?: BuildIds
  image?: ElfFile | undefined
  imageOrigin?: 'file' | 'memory' | 'none'
  imagePath?: string | undefined
  mismatch?: string | undefined
  debug?: DebugFiles
}

/** A file that was loaded into the process. `address = linkAddress + loadBias`. */
export class Module {
  /** As the process knew it. */
  readonly path: string
  readonly start: Address
  readonly end: Address
  readonly loadBias: number
  /** The program itself, not a library. */
  readonly isExecutable: boolean
  readonly deleted: boolean
  readonly mappings: readonly FileMapping[]
  /** As it was running: from the core's own first page, else from the file. NT_GNU_BUILD_ID, lower-case hex. */
  readonly buildId: string | undefined
  readonly goBuildId: string | undefined
  /** The file, checked by build ID; or the image in memory, as far as the core holds it. */
  readonly image: ElfFile | undefined
  readonly imageOrigin: 'file' | 'memory' | 'none'
  /** Where the file was found. */
  readonly imagePath: string | undefined
  /** The build ID of the file that was refused because the process ran another build. */
  readonly mismatch: string | undefined
  readonly debug: DebugFiles

  constructor(fields: ModuleFields) {
    this.path = fields.path
    this.start = fields.start
    this.end = fields.end
    this.loadBias = fields.loadBias
    this.isExecutable = fields.isExecutable ?? false
    this.deleted = fields.deleted ?? false
    this.mappings = fields.mappings ?? []
    this.image = fields.image
    this.imageOrigin = fields.image ? (fields.imageOrigin ?? 'file') : 'none'
    this.imagePath = fields.imagePath
    this.mismatch = fields.mismatch
    this.debug = fields.debug ?? NO_DEBUG_FILES
    const fromFile = this.imageOrigin === 'file' ? this.image?.buildIds : undefined
    this.buildId = fields.buildIds?.gnu ?? fromFile?.gnu
    this.goBuildId = fields.buildIds?.go ?? fromFile?.go
  }

  /** The address as the linker saw it; undefined outside the module. */
  linkAddress(address: Address): Address | undefined {
    if (address < this.start || address >= this.end) return undefined
    return offsetAddress(address, -this.loadBias)
  }

  /** The address in the process. A link address that cannot be in it gives the module's start. */
  toAddress(linkAddress: Address): Address {
    return offsetAddress(linkAddress, this.loadBias) ?? this.start
  }

  /** A section of the image; of one in memory, what of it the core holds. */
  section(name: string): Section | undefined {
    return this.image?.section(name)
  }
}
