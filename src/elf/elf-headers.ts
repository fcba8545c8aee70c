import elfy, {type Header, type Parser} from 'elfy'
import {type Address, toAddress} from '../base/address.ts'
import type {ByteSource} from '../base/byte-source.ts'
import {Cursor} from '../base/cursor.ts'
import {FormatError, InputError, UnsupportedError} from '../base/errors.ts'

/** e_type (gABI ch. 4, "ELF Header"). */
export const ET = {ET_REL: 1, ET_EXEC: 2, ET_DYN: 3, ET_CORE: 4} as const
/** p_type (gABI ch. 5, "Program Header"; the GNU ones from glibc's elf.h). */
export const PT = {
  PT_LOAD: 1,
  PT_DYNAMIC: 2,
  PT_NOTE: 4,
  PT_PHDR: 6,
  PT_TLS: 7,
  PT_GNU_EH_FRAME: 0x6474e550,
  PT_GNU_RELRO: 0x6474e552,
} as const
/** sh_type (gABI ch. 4, "Sections"). */
export const SHT = {SHT_SYMTAB: 2, SHT_NOTE: 7, SHT_NOBITS: 8, SHT_DYNSYM: 11} as const
const SHF_COMPRESSED = 0x800
const EM_X86_64 = 62
/** Machines that cores are sent from by mistake, by e_machine. */
const MACHINE_NAMES: ReadonlyMap<number, string> = new Map([
  [3, 'i386'],
  [8, 'MIPS'],
  [20, 'PowerPC'],
  [21, 'PowerPC 64'],
  [22, 's390'],
  [40, 'ARM'],
  [183, 'AArch64'],
  [243, 'RISC-V'],
  [258, 'LoongArch'],
])
/** e_phnum when the real number does not fit (gABI ch. 5; Linux writes it for cores of many mappings). */
const PN_XNUM = 0xffff
const SHN_XINDEX = 0xffff

const FILE_HEADER_SIZE = 64
const PROGRAM_HEADER_SIZE = 56
const SECTION_HEADER_SIZE = 64
const BATCH_ENTRIES = 1024
/** Linux allows 2^31 mappings in theory, some 65,530 by default (vm.max_map_count); a file may claim anything. */
const PROGRAM_HEADERS_MAX = 4_000_000
const SECTION_HEADERS_MAX = 1_000_000
/** Of the names of all sections. */
const NAMES_SIZE_MAX = 64 * 1024 * 1024

/** p_flags (gABI ch. 5, "Segment Permissions"). */
const [PF_X, PF_W, PF_R] = [1, 2, 4]

export type ElfType = 'rel' | 'exec' | 'dyn' | 'core'

export interface FileHeader {
  type: ElfType
  entry: Address
  programHeadersOffset: number
  programHeaderCount: number
  sectionHeadersOffset: number
  sectionHeaderCount: number
  sectionNamesIndex: number
  /** elfy's own view, which its entry parsers want back. */
  readonly parsed: Header
  readonly parser: Parser
}

/** A program header. Address and size are exact: entries outside the 53-bit range (vsyscall) are not handed out. */
export interface Segment {
  type: number
  offset: number
  address: Address
  fileSize: number
  memorySize: number
  alignment: number
  readable: boolean
  writable: boolean
  executable: boolean
}

export interface SectionHeader {
  name: string
  type: number
  address: Address
  offset: number
  size: number
  link: number
  info: number
  /** SHF_* (gABI ch. 4, "Sections"); none is above bit 31. */
  flags: number
  compressed: boolean
}

/** elfy slices with Buffer's methods; the view shares the bytes. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** elfy also slices `.data` out of the file at absolute offsets; of nothing it slices nothing. */
const NO_FILE = new Uint8Array(0)

/** Whether these are an ELF file's first bytes. */
export function hasElfMagic(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46
}

/**
 * The ELF header with extended numbering resolved (gABI ch. 4, "ELF Header"; ch. 5 for PN_XNUM).
 * @throws InputError not-elf · UnsupportedError for another class, byte order or machine · FormatError
 */
export function readFileHeader(source: ByteSource): FileHeader {
  const bytes = source.size >= 4 ? source.read(0, Math.min(FILE_HEADER_SIZE, source.size)) : NO_FILE
  if (!hasElfMagic(bytes)) throw new InputError('not-elf', `${source.name}: not an ELF file`, 'name an ELF file')
  if (bytes.length < FILE_HEADER_SIZE) throw new FormatError(`${source.name}:header+0x0`, 'need 64 bytes')
  // Checked before elfy sees them: it accepts any 64 bytes, and its tables lack newer machines.
  const cursor = new Cursor(bytes, `${source.name}:header`)
  checkKind(cursor, source.name)
  cursor.seek(16)
  const type = cursor.u16()
  const typeName = ELF_TYPES[type]
  if (!typeName) throw new FormatError(`${source.name}:header+0x10`, `no ELF type ${type} is known`)
  const parser = new elfy.Parser()
  const parsed = parser.parseHeader(asBuffer(new Uint8Array(bytes)))
  cursor.seek(24)
  const header: FileHeader = {
    type: typeName,
    entry: cursor.address(),
    programHeadersOffset: parsed.phoff,
    programHeaderCount: parsed.phoff === 0 ? 0 : parsed.phnum,
    sectionHeadersOffset: parsed.shoff,
    sectionHeaderCount: parsed.shoff === 0 ? 0 : parsed.shnum,
    sectionNamesIndex: parsed.shstrndx,
    parsed,
    parser,
  }
  checkEntrySizes(header, source.name)
  resolveExtendedNumbering(header, source)
  return header
}

const ELF_TYPES: Readonly<Record<number, ElfType>> = {
  [ET.ET_REL]: 'rel',
  [ET.ET_EXEC]: 'exec',
  [ET.ET_DYN]: 'dyn',
  [ET.ET_CORE]: 'core',
}

function checkKind(cursor: Cursor, name: string): void {
  cursor.seek(4)
  const elfClass = cursor.u8()
  const endian = cursor.u8()
  if (elfClass === 1) throw new UnsupportedError(`${name}: a 32-bit ELF file; only 64-bit x86-64 is handled`)
  if (elfClass !== 2) throw new FormatError(`${name}:header+0x4`, `no ELF class ${elfClass}`)
  if (endian === 2) throw new UnsupportedError(`${name}: a big-endian ELF file; only x86-64 is handled`)
  if (endian !== 1) throw new FormatError(`${name}:header+0x5`, `no byte order ${endian}`)
  cursor.seek(18)
  const machine = cursor.u16()
  if (machine !== EM_X86_64) {
    const machineName = MACHINE_NAMES.get(machine) ?? `machine ${machine}`
    throw new UnsupportedError(`${name}: made on ${machineName}; only x86-64 is handled`)
  }
}

function checkEntrySizes(header: FileHeader, name: string): void {
  const {phentsize, shentsize} = header.parsed
  if (header.programHeaderCount > 0 && phentsize !== PROGRAM_HEADER_SIZE) {
    throw new FormatError(`${name}:header+0x36`, `program headers of ${phentsize} bytes`)
  }
  // Without usable section headers there are still the segments.
  if (header.sectionHeadersOffset !== 0 && shentsize !== SECTION_HEADER_SIZE) {
    header.sectionHeadersOffset = 0
    header.sectionHeaderCount = 0
  }
}

/** Section header 0 carries what the 16-bit fields could not (gABI ch. 4, "Sections", index 0). */
function resolveExtendedNumbering(header: FileHeader, source: ByteSource): void {
  const extended =
    header.programHeaderCount === PN_XNUM || header.sectionNamesIndex === SHN_XINDEX || header.parsed.shnum === 0
  if (!extended || header.sectionHeadersOffset === 0) return
  const end = header.sectionHeadersOffset + SECTION_HEADER_SIZE
  if (end > source.size) return
  const bytes = new Uint8Array(source.read(header.sectionHeadersOffset, SECTION_HEADER_SIZE))
  const first = header.parser.parseSection(asBuffer(bytes), header.parsed, NO_FILE)
  if (header.programHeaderCount === PN_XNUM && first.info > 0) header.programHeaderCount = first.info
  if (header.parsed.shnum === 0) header.sectionHeaderCount = first.size
  if (header.sectionNamesIndex === SHN_XINDEX) header.sectionNamesIndex = first.link
}

/**
 * The program headers, read in batches so that a core of 300,000 mappings costs no more memory than one of 100.
 * Where the file ends inside the table, those before it come out and the generator returns how many are missing.
 */
export function* readProgramHeaders(source: ByteSource, header: FileHeader): Generator<Segment, number> {
  const count = Math.min(header.programHeaderCount, PROGRAM_HEADERS_MAX)
  for (let index = 0; index < count; index += BATCH_ENTRIES) {
    const at = header.programHeadersOffset + index * PROGRAM_HEADER_SIZE
    const fitting = Math.max(0, Math.floor((source.size - at) / PROGRAM_HEADER_SIZE))
    const entries = Math.min(BATCH_ENTRIES, count - index, fitting)
    if (entries === 0) return header.programHeaderCount - index
    const bytes = new Uint8Array(source.read(at, entries * PROGRAM_HEADER_SIZE))
    const table = new Cursor(bytes, `${source.name}:program headers`, at)
    for (let entry = 0; entry < entries; entry++) {
      const segment = readProgramHeader(table, entry * PROGRAM_HEADER_SIZE)
      if (segment) yield segment
    }
  }
  return header.programHeaderCount - count
}

/** Elf64_Phdr (gABI ch. 5); undefined outside of the range of exact numbers. elfy takes the time of ten for each. */
function readProgramHeader(table: Cursor, at: number): Segment | undefined {
  table.seek(at)
  const type = table.u32()
  const flags = table.u32()
  const offset = table.number64()
  const address = table.number64()
  const fileSize = table.number64At(at + 32)
  const memorySize = table.number64At(at + 40)
  // Sums of doubles below 2^53 may round only above it, so an unsafe end also catches rounded words.
  if (!(Number.isSafeInteger(address + memorySize) && Number.isSafeInteger(offset + fileSize))) return undefined
  return {
    type,
    offset,
    address: toAddress(address),
    fileSize,
    memorySize,
    alignment: table.number64At(at + 48),
    readable: flags % 8 >= PF_R,
    writable: flags % 4 >= PF_W,
    executable: flags % 2 === PF_X,
  }
}

/** The section headers with their names; a table that does not fit into the file is read as far as it goes. */
export function readSectionHeaders(source: ByteSource, header: FileHeader): SectionHeader[] {
  const fitting = Math.max(0, Math.floor((source.size - header.sectionHeadersOffset) / SECTION_HEADER_SIZE))
  const count = Math.min(header.sectionHeaderCount, fitting, SECTION_HEADERS_MAX)
  if (count === 0 || header.sectionHeadersOffset === 0 || header.sectionNamesIndex >= count) return []
  const bytes = new Uint8Array(source.read(header.sectionHeadersOffset, count * SECTION_HEADER_SIZE))
  const table = new Cursor(bytes, `${source.name}:section headers`, header.sectionHeadersOffset)
  const names = readSectionHeader(table, header.sectionNamesIndex * SECTION_HEADER_SIZE, undefined)
  if (names.size > NAMES_SIZE_MAX) return []
  const strings = new Cursor(new Uint8Array(source.read(names.offset, names.size)), `${source.name}:.shstrtab`)
  const headers: SectionHeader[] = []
  for (let index = 1; index < count; index++) {
    headers.push(readSectionHeader(table, index * SECTION_HEADER_SIZE, strings))
  }
  return headers
}

/** Elf64_Shdr (gABI ch. 4). There are hundreds, and elfy takes the time of ten for each. */
function readSectionHeader(table: Cursor, at: number, names: Cursor | undefined): SectionHeader {
  table.seek(at)
  const nameOffset = table.u32()
  const type = table.u32()
  const flags = table.u32()
  table.seek(at + 40)
  const link = table.u32()
  const info = table.u32()
  names?.seek(Math.min(nameOffset, names.size))
  return {
    name: names?.cstring() ?? '',
    type,
    address: toAddress(table.number64At(at + 16)),
    offset: table.number64At(at + 24),
    size: table.number64At(at + 32),
    link,
    info,
    flags,
    compressed: flags % (2 * SHF_COMPRESSED) >= SHF_COMPRESSED,
  }
}
