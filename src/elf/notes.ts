import {SI_KERNEL, SIGNALS_WITH_ADDRESS} from '../amd64/signal-numbers.ts'
import {USER_REGS_COUNT} from '../amd64/user-regs.ts'
import type {Address, Word} from '../base/address.ts'
import type {ByteSource} from '../base/byte-source.ts'
import {Cursor} from '../base/cursor.ts'
import {FormatError} from '../base/errors.ts'

/** Note types of a core (linux/elf.h). Owner `CORE`. */
export const NT = {
  NT_PRSTATUS: 1,
  NT_FPREGSET: 2,
  NT_PRPSINFO: 3,
  NT_AUXV: 6,
  NT_SIGINFO: 0x53494749,
  NT_FILE: 0x46494c45,
} as const
/** Owner `GNU` (elf.h). */
export const NT_GNU_BUILD_ID = 3
/** Owner `Go` (Go: cmd/internal/buildid/note.go, ELF_NOTE_GOBUILDID_TAG). */
export const NT_GO_BUILD_ID = 4
/** Owner `FDO` (systemd.io/PACKAGE_METADATA_FOR_EXECUTABLE_FILES). */
export const NT_FDO_PACKAGING_METADATA = 0xcafe1a7e

/** Auxiliary vector types (linux/auxvec.h). */
export const AT = {
  AT_PHDR: 3,
  AT_PHNUM: 5,
  AT_PAGESZ: 6,
  AT_BASE: 7,
  AT_ENTRY: 9,
  AT_RANDOM: 25,
  AT_EXECFN: 31,
  AT_SYSINFO_EHDR: 33,
} as const

export interface ElfNote {
  owner: string
  type: number
  descSize: number
  /** The content, read when asked for: a core of many threads has megabytes of register sets that nobody needs. */
  desc(): Cursor
}

const NOTE_HEADER_SIZE = 12
const OWNER_SIZE_MAX = 256

/**
 * The notes of a PT_NOTE segment or SHT_NOTE section (gABI ch. 5, "Note Section"). Linux pads both fields to 4 bytes;
 * a segment of alignment 8 (GNU properties) pads the content to 8.
 * @throws FormatError where a note does not fit into the segment · TruncatedFileError where the file ends before
 */
export function* readNotes(
  source: ByteSource,
  offset: number,
  size: number,
  label: string,
  alignment = 4,
): Generator<ElfNote> {
  const padding = alignment === 8 ? 8 : 4
  let at = 0
  while (at + NOTE_HEADER_SIZE <= size) {
    const header = new Cursor(source.read(offset + at, NOTE_HEADER_SIZE), label, at)
    const ownerSize = header.u32()
    const descSize = header.u32()
    const type = header.u32()
    const descAt = at + Math.ceil((NOTE_HEADER_SIZE + ownerSize) / padding) * padding
    if (ownerSize > OWNER_SIZE_MAX || descAt + descSize > size) {
      throw new FormatError(`${label}+0x${at.toString(16)}`, `note of ${ownerSize} + ${descSize} bytes does not fit`)
    }
    const owner = new Cursor(source.read(offset + at + NOTE_HEADER_SIZE, ownerSize), label).cstring()
    yield {
      owner,
      type,
      descSize,
      desc: () =>
        new Cursor(new Uint8Array(source.read(offset + descAt, descSize)), `${label}:${owner}:${type}`, descAt),
    }
    at = descAt + Math.ceil(descSize / padding) * padding
  }
}

export interface CoreThread {
  tid: number
  /** The kernel's name of the thread; a core has it for the thread group's leader alone. */
  name: string | undefined
  /** pr_cursig: the signal that the thread was being killed with, 0 for none. */
  signal: number
  /** user_regs_struct order, 27 words; USER_REGS names the indices. */
  registers: BigUint64Array
  /** The area of the vector registers, read when asked for; undefined where the core has none. */
  readVectors?: () => Uint8Array | undefined
}

/** struct elf_prstatus of x86-64 (linux/elfcore.h). */
export function parsePrstatus(desc: Cursor): CoreThread {
  desc.seek(12)
  const signal = desc.u16()
  desc.seek(32)
  const tid = desc.u32()
  desc.seek(112)
  const registers = new BigUint64Array(USER_REGS_COUNT)
  for (let index = 0; index < USER_REGS_COUNT; index++) registers[index] = desc.word()
  return {tid, name: undefined, signal, registers}
}

export interface CoreProcess {
  pid: number
  parentPid: number
  uid: number
  gid: number
  /** At most 15 bytes (TASK_COMM_LEN). */
  name: string
  /** The first 79 bytes of the arguments, joined by blanks. */
  commandLine: string
}

/** struct elf_prpsinfo of x86-64 (linux/elfcore.h). */
export function parsePrpsinfo(desc: Cursor): CoreProcess {
  desc.seek(16)
  const uid = desc.u32()
  const gid = desc.u32()
  const pid = desc.u32()
  const parentPid = desc.u32()
  desc.seek(40)
  const name = desc.slice(16).cstring()
  const commandLine = desc.slice(80).cstring().trimEnd()
  return {pid, parentPid, uid, gid, name, commandLine}
}

export interface CoreSignal {
  number: number
  /** si_code; undefined where the core has no NT_SIGINFO. */
  code: number | undefined
  /** si_addr of the signals that have one. */
  address: Word | undefined
  /** si_pid of a signal that was sent. */
  senderPid: number | undefined
}

/** siginfo_t (asm-generic/siginfo.h): the union at 16 is read by what si_code says of the origin. */
export function parseSiginfo(desc: Cursor): CoreSignal {
  const number = desc.u32()
  desc.skip(4)
  const code = desc.i32()
  desc.seek(16)
  const sent = code <= 0
  const hasAddress = !sent && code !== SI_KERNEL && SIGNALS_WITH_ADDRESS.has(number)
  // SI_KERNEL leaves the fields zero: a general protection fault has no address, and 0 is what Go prints for it.
  const address = hasAddress || (code === SI_KERNEL && SIGNALS_WITH_ADDRESS.has(number)) ? desc.word() : undefined
  desc.seek(16)
  return {number, code, address, senderPid: sent ? desc.i32() : undefined}
}

/** Elf64_auxv_t pairs up to AT_NULL. */
export function parseAuxv(desc: Cursor): Map<number, Word> {
  const auxv = new Map<number, Word>()
  while (desc.remaining >= 16) {
    const type = Number(desc.word())
    const value = desc.word()
    if (type === 0) break
    auxv.set(type, value)
  }
  return auxv
}

/** A part of a file that the process had mapped. */
export interface FileMapping {
  start: Address
  end: Address
  /** In bytes. */
  fileOffset: number
  /** As the kernel knew it; a removed file ends in ` (deleted)`. */
  path: string
}

const MAPPING_SIZE = 24

/**
 * NT_FILE (Linux: fs/binfmt_elf.c, fill_files_note): count, page size, triples of start, end and offset in pages, then
 * the names. A note that ends early gives the mappings whose name is still there.
 */
export function parseFileMappings(desc: Cursor): FileMapping[] {
  const count = desc.u64()
  const pageSize = desc.u64()
  if (count > desc.remaining / MAPPING_SIZE) throw desc.error(`${count} mappings do not fit`)
  const triples = desc.slice(count * MAPPING_SIZE)
  const mappings: FileMapping[] = []
  for (let index = 0; index < count && !desc.atEnd; index++) {
    const start = triples.address()
    const end = triples.address()
    const fileOffset = triples.u64() * pageSize
    const path = desc.cstring()
    if (end > start && Number.isSafeInteger(fileOffset)) mappings.push({start, end, fileOffset, path})
  }
  return mappings
}
