import {type Address, NULL_ADDRESS, toAddress} from '../base/address.ts'
import type {ByteSource} from '../base/byte-source.ts'
import {Cursor} from '../base/cursor.ts'
import type {DiagnosticCode, Diagnostics} from '../base/diagnostics.ts'
import {GotraceError, TruncatedFileError} from '../base/errors.ts'
import type {Extent} from '../base/extent.ts'
import type {Section, SectionSource} from '../base/section-source.ts'
import {type BuildIds, findBuildIds, findPackageNote} from './build-id.ts'
import {unpackGnuSection, unpackSection, type ZstdUnpack} from './compressed-section.ts'
import {
  type ElfType,
  type FileHeader,
  PT,
  readFileHeader,
  readProgramHeaders,
  readSectionHeaders,
  type SectionHeader,
  type Segment,
  SHT,
} from './elf-headers.ts'
import {readNotes} from './notes.ts'
import {SectionBudget, SectionTooLargeError} from './section-budget.ts'
import {findSegmentSections} from './segment-sections.ts'

export type {SectionHeader, Segment} from './elf-headers.ts'

/** Sections of one file that are kept when it is closed, by where they begin. Nobody may change their bytes. */
export interface UnpackedSections {
  of(offset: number, unpack: () => Uint8Array): Uint8Array
}

export interface ElfFileOptions {
  /** For sections packed with zstd where Node has none built in. */
  zstd?: ZstdUnpack | undefined
  /** What was unpacked of this very file before, for another core. */
  unpacked?: UnpackedSections | undefined
  /** Of a file that is kept for further reports: what tells each of them. */
  lasting?: Diagnostics | undefined
  /** Shared with the other files of the process; undefined: one of its own. */
  budget?: SectionBudget | undefined
  /** Of an image in memory: its dynamic section holds addresses where the file has link addresses. */
  loadBias?: number
}

/** Section flags (gABI ch. 4, "Sections"). A .tbss takes no room where its address says. */
const SHF_ALLOC = 0x2
const SHF_TLS = 0x400
const PAGE_SIZE = 4096
/** Of a program header table; a core's is read in batches elsewhere, and no linker makes more than a few dozen. */
const SEGMENTS_MAX = 65536
/** A larger section is looked at in some places before it is read: one of zeros is a hole of a sparse file. */
const LARGE_SECTION_SIZE = 256 * 1024 * 1024
const SAMPLES = 64
/** A read that reaches past a segment's file size: what it adds is zeros, whatever size the header claims. */
const ZERO_FILL_MAX = 64 * 1024 * 1024

/** An ELF image on disk or in memory. Sections are read, and unpacked, at first use. */
export class ElfFile implements SectionSource {
  readonly source: ByteSource
  readonly type: ElfType
  readonly entry: Address
  readonly segments: readonly Segment[]
  readonly linkStart: Address
  readonly linkEnd: Address
  readonly #header: FileHeader
  readonly #diagnostics: Diagnostics
  readonly #options: ElfFileOptions
  readonly #budget: SectionBudget
  readonly #loads: readonly Segment[]
  readonly #cache = new Map<string, Section | undefined>()
  #sections: readonly SectionHeader[] | undefined
  /** The first one of each name. */
  #byName: ReadonlyMap<string, SectionHeader> | undefined
  #segmentSections: ReadonlyMap<string, Section> | undefined
  #buildIds: BuildIds | undefined

  private constructor(source: ByteSource, header: FileHeader, diagnostics: Diagnostics, options: ElfFileOptions) {
    this.source = source
    this.#header = header
    this.#diagnostics = diagnostics
    this.#options = options
    this.#budget = options.budget ?? new SectionBudget()
    this.type = header.type
    this.entry = header.entry
    this.segments = takeSegments(source, header)
    this.#loads = this.segments.filter(segment => segment.type === PT.PT_LOAD && segment.memorySize > 0)
    let start = Number.POSITIVE_INFINITY
    let end = 0
    for (const load of this.#loads) {
      start = Math.min(start, load.address)
      end = Math.max(end, load.address + load.memorySize)
    }
    this.linkStart = toAddress(end === 0 ? 0 : Math.floor(start / PAGE_SIZE) * PAGE_SIZE)
    this.linkEnd = toAddress(Math.ceil(end / PAGE_SIZE) * PAGE_SIZE)
  }

  /** @throws InputError not-elf · UnsupportedError for another machine · FormatError */
  static open(source: ByteSource, diagnostics: Diagnostics, options: ElfFileOptions = {}): ElfFile {
    return new ElfFile(source, readFileHeader(source), options.lasting ?? diagnostics, options)
  }

  get name(): string {
    return this.source.name
  }

  get lasting(): Diagnostics | undefined {
    return this.#options.lasting
  }

  /** Section headers, without the empty first one; [] where there are none. */
  get sections(): readonly SectionHeader[] {
    this.#sections ??= this.#readSections()
    return this.#sections
  }

  /**
   * A section by name, unpacked; `.zdebug_x` answers to `.debug_x`. Without section headers the sections that program
   * headers locate are found: .eh_frame_hdr, .eh_frame, .dynsym, .dynstr, .dynamic.
   */
  section(name: string): Section | undefined {
    if (this.#cache.has(name)) return this.#cache.get(name)
    let section: Section | undefined
    try {
      section = this.#findSection(name)
    } catch (error) {
      if (error instanceof SectionTooLargeError) this.#reportTooLarge(error, `${this.name}:${name}`)
      else this.#report('bad-section', error, `${this.name}:${name}`)
    }
    this.#cache.set(name, section)
    return section
  }

  /** The header of a section, whether or not the file holds its content (NOBITS). */
  sectionHeader(name: string): SectionHeader | undefined {
    this.#byName ??= new Map(this.sections.map(section => [section.name, section] as const).reverse())
    return this.#byName.get(name)
  }

  /** NT_GNU_BUILD_ID, lower-case hex. */
  get buildId(): string | undefined {
    return this.buildIds.gnu
  }

  get goBuildId(): string | undefined {
    return this.buildIds.go
  }

  get buildIds(): BuildIds {
    this.#buildIds ??= this.#readBuildIds()
    return this.#buildIds
  }

  /** What the package manager wrote into the file (NT_FDO_PACKAGING_METADATA): JSON that nothing has checked. */
  get packageNote(): string | undefined {
    for (const segment of this.segments) {
      if (segment.type !== PT.PT_NOTE) continue
      const {offset, fileSize, alignment} = segment
      const note = findPackageNote(readNotes(this.source, offset, fileSize, `${this.name}:notes`, alignment))
      if (note !== undefined) return note
    }
    return undefined
  }

  /** The PT_LOAD that holds a link address in its memory. */
  loadAt(address: Address): Segment | undefined {
    for (const load of this.#loads) {
      if (address >= load.address && address < load.address + load.memorySize) return load
    }
    return undefined
  }

  /**
   * The first link address at or above this one of which the file holds the byte, whatever its program headers claim.
   */
  nextHeld(address: number): Address | undefined {
    let next = Number.POSITIVE_INFINITY
    for (const load of this.#loads) {
      const held = Math.min(load.fileSize, load.memorySize, this.source.size - load.offset)
      if (load.address + held > address) next = Math.min(next, Math.max(load.address, address))
    }
    return next === Number.POSITIVE_INFINITY ? undefined : toAddress(next)
  }

  /** The section that a link address is in. */
  sectionAt(address: Address, extent?: Extent): SectionHeader | undefined {
    return this.sections.find(section => {
      if (!flag(section.flags, SHF_ALLOC) || flag(section.flags, SHF_TLS)) return false
      const {address: start, size} = section
      extent?.split(start, start + size, address)
      return address >= start && address < start + size
    })
  }

  /** The file's bytes at a link address, zero-filled past a segment's file size; undefined outside one PT_LOAD. */
  readAtLinkAddress(address: Address, length: number): Uint8Array | undefined {
    const load = this.loadAt(address)
    if (!load || length < 0) return undefined
    const delta = address - load.address
    if (delta + length > load.memorySize) return undefined
    const held = Math.min(length, Math.max(0, load.fileSize - delta))
    if (load.offset + delta + held > this.source.size) return undefined
    try {
      if (held === length) return this.source.read(load.offset + delta, length)
      if (length > ZERO_FILL_MAX) return undefined
      const bytes = new Uint8Array(length)
      if (held > 0) bytes.set(this.source.read(load.offset + delta, held))
      return bytes
    } catch (error) {
      if (error instanceof GotraceError) return undefined
      throw error
    }
  }

  /** Whether some section is packed with zstd, which may have to be prepared first. */
  get needsZstd(): boolean {
    return this.sections.some(header => {
      if (!header.compressed || header.size < 24 || header.offset + header.size > this.source.size) return false
      return new Cursor(this.source.read(header.offset, 4), this.name).u32() === 2
    })
  }

  #findSection(name: string): Section | undefined {
    const header = this.sectionHeader(name)
    if (header) return this.#readSection(header)
    if (name.startsWith('.debug_')) {
      const packed = this.sectionHeader(`.z${name.slice(1)}`)
      const section = packed && this.#readSection(packed)
      return (
        section && {
          bytes: unpackGnuSection(section.bytes, `${this.name}:.z${name.slice(1)}`, this.#budget),
          address: NULL_ADDRESS,
        }
      )
    }
    if (this.sections.length > 0) return undefined
    this.#segmentSections ??= findSegmentSections(this, this.#options.loadBias ?? 0)
    return this.#segmentSections.get(name)
  }

  #readSection(header: SectionHeader): Section | undefined {
    if (header.type === SHT.SHT_NOBITS || header.size === 0) return undefined
    const where = `${this.name}:${header.name}`
    if (header.size > LARGE_SECTION_SIZE && isHole(this.source, header)) {
      throw new Cursor(new Uint8Array(0), where).error(`claims ${header.size} bytes, which are zeros`)
    }
    const {zstd, unpacked} = this.#options
    const budget = this.#budget
    if (header.compressed) {
      budget.checkPacked(header.size, where)
      const unpack = () => unpackSection(this.source.read(header.offset, header.size), where, {zstd, budget})
      return {bytes: unpacked ? unpacked.of(header.offset, unpack) : unpack(), address: header.address}
    }
    budget.take(header.size, where)
    const read = this.source.read(header.offset, header.size)
    // Short reads are views of the source's cache, which the next read may overwrite.
    const owned = read.length === read.buffer.byteLength ? read : read.slice()
    return {bytes: owned, address: header.address}
  }

  #readSections(): readonly SectionHeader[] {
    try {
      return readSectionHeaders(this.source, this.#header)
    } catch (error) {
      this.#report('bad-section-headers', error, this.name)
      return []
    }
  }

  /** Of an image in memory the core holds what it holds: that some part is not there is no fault of the image. */
  #report(code: DiagnosticCode, error: unknown, where: string): void {
    const inMemory = this.#options.loadBias !== undefined
    if (!(inMemory && error instanceof TruncatedFileError)) this.#diagnostics.addError(code, error, {where})
  }

  #reportTooLarge(error: SectionTooLargeError, where: string): void {
    const hint =
      'allow more: --section-memory MB; or make it smaller, and name its folder with --debug-dir: dwz, objcopy --remove-section=.debug_loclists'
    this.#diagnostics.addError('section-too-large', error, {where, hint})
  }

  #readBuildIds(): BuildIds {
    const ids: BuildIds = {gnu: undefined, go: undefined}
    for (const segment of this.segments) {
      if (segment.type === PT.PT_NOTE) this.#addBuildIds(ids, segment.offset, segment.fileSize, segment.alignment)
    }
    if (ids.gnu !== undefined) return ids
    // Program headers of a .debug file may still point at what was stripped: its section headers do not.
    for (const section of this.sections) {
      if (section.type === SHT.SHT_NOTE) this.#addBuildIds(ids, section.offset, section.size, 4)
    }
    return ids
  }

  #addBuildIds(ids: BuildIds, offset: number, size: number, alignment: number): void {
    const found = findBuildIds(readNotes(this.source, offset, size, `${this.name}:notes`, alignment))
    ids.gnu ??= found.gnu
    ids.go ??= found.go
  }
}

function flag(flags: number, bit: number): boolean {
  return Math.floor(flags / bit) % 2 === 1
}

function takeSegments(source: ByteSource, header: FileHeader): Segment[] {
  if (header.type === 'core') return []
  const segments: Segment[] = []
  for (const segment of readProgramHeaders(source, header)) {
    if (segments.length >= SEGMENTS_MAX) break
    segments.push(segment)
  }
  return segments
}

/** Whether most of a section is zeros, as far as samples tell. */
function isHole(source: ByteSource, {offset, size}: SectionHeader): boolean {
  const step = Math.floor(size / SAMPLES)
  let zeros = 0
  for (let index = 0; index < SAMPLES; index++) {
    if (source.read(offset + index * step, PAGE_SIZE).every(byte => byte === 0)) zeros++
  }
  return zeros > SAMPLES / 2
}
