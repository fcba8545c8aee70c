import {BytesBuilder} from './bytes-builder.ts'
import {buildNote, EM, ET, PF, PT} from './elf-builder.ts'

export interface ThreadSpec {
  tid: number
  signal?: number
  /** user_regs_struct order (r15, r14, …, rip at 16, rsp at 19); missing ones are 0. */
  registers?: (number | bigint)[]
}

export interface MappingSpec {
  start: number
  end: number
  /** In bytes; NT_FILE itself counts pages. */
  fileOffset?: number
  path: string
}

export interface MemorySpec {
  address: number
  /** What was dumped; absent or shorter than `memorySize` where the kernel left pages out. */
  bytes?: Uint8Array
  memorySize?: number
  flags?: number
}

export interface CoreSpec {
  machine?: number
  threads?: ThreadSpec[]
  signal?: {number: number; code?: number; address?: number | bigint; senderPid?: number}
  process?: {pid?: number; name?: string; commandLine?: string}
  auxv?: [type: number, value: number | bigint][]
  mappings?: MappingSpec[]
  memory?: MemorySpec[]
  /** Further notes, as bytes, after the others. */
  extraNotes?: Uint8Array
  /** Spells the number of program headers in section header 0 (PN_XNUM, gABI chapter 5). */
  extendedNumbering?: boolean
}

const NOTE = {PRSTATUS: 1, PRPSINFO: 3, AUXV: 6, SIGINFO: 0x53494749, FILE: 0x46494c45} as const

/** A core as Linux writes it: program headers, notes, then the dumped pages (fs/binfmt_elf.c, `elf_core_dump`). */
export function buildCore(spec: CoreSpec): Uint8Array {
  const memory = spec.memory ?? []
  const count = memory.length + 1
  const notes = buildCoreNotes(spec)
  const file = new BytesBuilder()
  file
    .bytes([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0])
    .zeros(8)
    .u16(ET.CORE, spec.machine ?? EM.X86_64)
    .u32(1)
    .u64(0, 64)
  if (spec.extendedNumbering) file.u64('shoff')
  else file.u64(0)
  file.u32(0).u16(64, 56, spec.extendedNumbering ? 0xffff : count, 64, spec.extendedNumbering ? 1 : 0, 0)
  file.u32(PT.NOTE, 0).u64('notes', 0, 0, notes.length, 0, 4)
  memory.forEach((segment, index) => {
    const dumped = segment.bytes?.length ?? 0
    file.u32(PT.LOAD, segment.flags ?? PF.R + PF.W).u64(`segment ${index}`, segment.address, 0, dumped)
    file.u64(segment.memorySize ?? dumped, 0x1000)
  })
  file.label('notes').bytes(notes)
  memory.forEach((segment, index) => {
    file.align(segment.bytes && segment.bytes.length >= 0x1000 ? 0x1000 : 8)
    file.label(`segment ${index}`).bytes(segment.bytes ?? [])
  })
  // Section header 0 alone: sh_info carries the real number of program headers.
  if (spec.extendedNumbering) file.align(8).label('shoff').u32(0, 0).u64(0, 0, 0, 1).u32(0, count).u64(0, 0)
  return file.build()
}

/** The notes in the kernel's order: the first thread's status, the process, the signal, auxv, files, other threads. */
function buildCoreNotes(spec: CoreSpec): Uint8Array {
  const notes = new BytesBuilder()
  const [first, ...others] = spec.threads ?? [{tid: 1}]
  if (first) notes.bytes(buildNote('CORE', NOTE.PRSTATUS, buildPrstatus(first)))
  notes.bytes(buildNote('CORE', NOTE.PRPSINFO, buildPrpsinfo(spec.process ?? {})))
  if (spec.signal) notes.bytes(buildNote('CORE', NOTE.SIGINFO, buildSiginfo(spec.signal)))
  if (spec.auxv) {
    const auxv = new BytesBuilder()
    for (const [type, value] of spec.auxv) auxv.u64(type, value)
    notes.bytes(buildNote('CORE', NOTE.AUXV, auxv.u64(0, 0).build()))
  }
  if (spec.mappings) notes.bytes(buildNote('CORE', NOTE.FILE, buildFileNote(spec.mappings)))
  for (const thread of others) notes.bytes(buildNote('CORE', NOTE.PRSTATUS, buildPrstatus(thread)))
  if (spec.extraNotes) notes.bytes(spec.extraNotes)
  return notes.build()
}

/** struct elf_prstatus of x86-64 (336 bytes). */
function buildPrstatus(thread: ThreadSpec): Uint8Array {
  const note = new BytesBuilder()
    .u32(thread.signal ?? 0, 0, 0)
    .u16(thread.signal ?? 0, 0)
    .u64(0, 0)
  note.u32(thread.tid, 0, 0, 0).zeros(64)
  for (let index = 0; index < 27; index++) note.u64(thread.registers?.[index] ?? 0)
  return note.u32(0, 0).build()
}

/** struct elf_prpsinfo of x86-64 (136 bytes). */
function buildPrpsinfo(process: {pid?: number; name?: string; commandLine?: string}): Uint8Array {
  const note = new BytesBuilder().zeros(16).u32(1000, 1000, process.pid ?? 1, 0, 0, 0)
  note.text(process.name ?? 'program').padTo(56)
  return note
    .text(process.commandLine ?? './program')
    .padTo(136)
    .build()
}

/** siginfo_t: signo, errno, code, then the fields of the signal at 16. */
function buildSiginfo(signal: NonNullable<CoreSpec['signal']>): Uint8Array {
  const note = new BytesBuilder().u32(signal.number, 0, signal.code ?? 0, 0)
  if (signal.senderPid === undefined) note.u64(signal.address ?? 0)
  else note.u32(signal.senderPid, 0)
  return note.padTo(128).build()
}

function buildFileNote(mappings: MappingSpec[]): Uint8Array {
  const note = new BytesBuilder().u64(mappings.length, 0x1000)
  for (const mapping of mappings) note.u64(mapping.start, mapping.end, (mapping.fileOffset ?? 0) / 0x1000)
  for (const mapping of mappings) note.cstring(mapping.path)
  return note.build()
}
