import {BytesBuilder} from './bytes-builder.ts'

/** Types by number, as gABI chapters 4 and 5 list them; tests name the few they use. */
export const ET = {REL: 1, EXEC: 2, DYN: 3, CORE: 4} as const
export const PT = {
  LOAD: 1,
  DYNAMIC: 2,
  NOTE: 4,
  PHDR: 6,
  TLS: 7,
  GNU_EH_FRAME: 0x6474e550,
} as const
export const PF = {X: 1, W: 2, R: 4} as const
export const SHT = {PROGBITS: 1, SYMTAB: 2, STRTAB: 3, NOTE: 7, NOBITS: 8, DYNSYM: 11} as const
export const EM = {I386: 3, ARM: 40, X86_64: 62, AARCH64: 183} as const

export interface SectionSpec {
  name: string
  bytes: Uint8Array
  type?: number
  /** Link address; 0 where the section is not loaded. A loaded section's file offset agrees with it modulo a page. */
  address?: number
  flags?: number
  /** Name of the section that sh_link names. */
  link?: string
  info?: number
  entrySize?: number
  /** sh_size of a NOBITS section. */
  size?: number
}

export interface SegmentSpec {
  type: number
  flags?: number
  /** First and last section that the segment spans; without them `offset`, `address`, `fileSize` say it. */
  from?: string
  to?: string
  /** Starts at file offset 0, so that the file and program headers are part of it. */
  withHeaders?: boolean
  offset?: number
  address?: number
  fileSize?: number
  memorySize?: number
  alignment?: number
}

export interface ElfSpec {
  type?: number
  machine?: number
  elfClass?: number
  endian?: number
  entry?: number
  sections?: SectionSpec[]
  segments?: SegmentSpec[]
  /** Leaves the section headers away, as `sstrip` does. */
  withoutSectionHeaders?: boolean
}

interface Placed extends SectionSpec {
  offset: number
}

const EHDR_SIZE = 64
const PHDR_SIZE = 56

/** An ELF64 file of the given sections and segments (gABI chapters 4 and 5). */
export function buildElf(spec: ElfSpec): Uint8Array {
  const segments = spec.segments ?? []
  const file = new BytesBuilder()
  writeFileHeader(file, spec, segments.length)
  const programHeadersEnd = EHDR_SIZE + segments.length * PHDR_SIZE
  const placed = placeSections(spec.sections ?? [], programHeadersEnd)
  for (const segment of segments) writeProgramHeader(file, segment, placed)
  for (const section of placed) {
    if (section.type === SHT.NOBITS) continue
    file.padTo(section.offset).bytes(section.bytes)
  }
  if (!spec.withoutSectionHeaders) writeSectionHeaders(file, placed)
  else file.label('shoff')
  return file.build()
}

function writeFileHeader(file: BytesBuilder, spec: ElfSpec, segmentCount: number): void {
  const sectionCount = spec.withoutSectionHeaders ? 0 : (spec.sections?.length ?? 0) + 2
  file.bytes([0x7f, 0x45, 0x4c, 0x46, spec.elfClass ?? 2, spec.endian ?? 1, 1, 0]).zeros(8)
  file.u16(spec.type ?? ET.DYN, spec.machine ?? EM.X86_64).u32(1)
  file.u64(spec.entry ?? 0, segmentCount > 0 ? EHDR_SIZE : 0)
  if (sectionCount > 0) file.u64('shoff')
  else file.u64(0)
  file.u32(0).u16(EHDR_SIZE, PHDR_SIZE, segmentCount, 64, sectionCount, sectionCount > 0 ? sectionCount - 1 : 0)
}

function placeSections(sections: SectionSpec[], start: number): Placed[] {
  let offset = start
  return sections.map(section => {
    const alignment = section.address ? 0x1000 : 8
    const want = (section.address ?? 0) % alignment
    offset += (want - (offset % alignment) + alignment) % alignment
    const at = offset
    if (section.type !== SHT.NOBITS) offset += section.bytes.length
    return {...section, offset: at}
  })
}

function writeProgramHeader(file: BytesBuilder, segment: SegmentSpec, placed: Placed[]): void {
  const first = placed.find(section => section.name === segment.from)
  const last = placed.find(section => section.name === (segment.to ?? segment.from))
  const offset = segment.withHeaders ? 0 : (first?.offset ?? segment.offset ?? 0)
  const address = segment.address ?? (first?.address ?? 0) - (first && segment.withHeaders ? first.offset : 0)
  const end = last ? last.offset + (last.type === SHT.NOBITS ? 0 : last.bytes.length) : undefined
  const fileSize = segment.fileSize ?? (end === undefined ? 0 : end - offset)
  file.u32(segment.type, segment.flags ?? PF.R)
  file.u64(offset, address, address, fileSize, segment.memorySize ?? fileSize, segment.alignment ?? 0x1000)
}

function writeSectionHeaders(file: BytesBuilder, placed: Placed[]): void {
  const names = new BytesBuilder().u8(0)
  const nameOffsets = placed.map(section => {
    const at = names.size
    names.cstring(section.name)
    return at
  })
  const ownName = names.size
  const strings = names.cstring('.shstrtab').build()
  file.align(8)
  const stringsOffset = file.size
  file.bytes(strings).align(8).label('shoff').zeros(64)
  placed.forEach((section, index) => {
    const link = section.link === undefined ? 0 : placed.findIndex(other => other.name === section.link) + 1
    const allocated = section.address ? 2 : 0
    file.u32(nameOffsets[index] ?? 0, section.type ?? SHT.PROGBITS)
    file.u64(section.flags ?? allocated, section.address ?? 0, section.offset, section.size ?? section.bytes.length)
    file.u32(link, section.info ?? 0).u64(1, section.entrySize ?? 0)
  })
  file.u32(ownName, SHT.STRTAB).u64(0, 0, stringsOffset, strings.length).u32(0, 0).u64(1, 0)
}

/** One note (gABI chapter 5, "Note Section"). */
export function buildNote(owner: string, type: number, desc: Uint8Array): Uint8Array {
  const name = new TextEncoder().encode(`${owner}\0`)
  return new BytesBuilder().u32(name.length, desc.length, type).bytes(name).align(4).bytes(desc).align(4).build()
}

/** NT_GNU_BUILD_ID of the given hex digits. */
export function buildGnuBuildIdNote(buildId: string): Uint8Array {
  return buildNote('GNU', 3, new BytesBuilder().hex(buildId).build())
}

/** Go's `.note.go.buildid`: owner `Go`, type 4, ASCII. */
export function buildGoBuildIdNote(buildId: string): Uint8Array {
  return buildNote('Go', 4, new TextEncoder().encode(buildId))
}

export interface SymbolSpec {
  name: string
  address: number
  size?: number
  /** STT_*: 1 object, 2 function, 6 thread-local. */
  type?: number
  /** STB_*: 0 local, 1 global, 2 weak. */
  binding?: number
  /** 0 is undefined. */
  section?: number
}

/** `.symtab` and `.strtab` (or their dynamic twins) of the given symbols. */
export function buildSymbolSections(symbols: SymbolSpec[], dynamic = false): SectionSpec[] {
  const strings = new BytesBuilder().u8(0)
  const table = new BytesBuilder().zeros(24)
  for (const symbol of symbols) {
    table.u32(strings.size).u8((symbol.binding ?? 1) * 16 + (symbol.type ?? 2), 0)
    table.u16(symbol.section ?? 1).u64(symbol.address, symbol.size ?? 0)
    strings.cstring(symbol.name)
  }
  const stringsName = dynamic ? '.dynstr' : '.strtab'
  return [
    {
      name: dynamic ? '.dynsym' : '.symtab',
      type: dynamic ? SHT.DYNSYM : SHT.SYMTAB,
      bytes: table.build(),
      link: stringsName,
      entrySize: 24,
    },
    {name: stringsName, type: SHT.STRTAB, bytes: strings.build()},
  ]
}
