import type {Address, Word} from '../base/address.ts'
import type {ByteSource} from '../base/byte-source.ts'
import {Cursor} from '../base/cursor.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {FormatError, GotraceError, InputError, TruncatedFileError, UnsupportedError} from '../base/errors.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {CoreSegments} from './core-segments.ts'
import {ET, type FileHeader, hasElfMagic, PT, readFileHeader, readProgramHeaders, type Segment} from './elf-headers.ts'
import {describeHoles, findHoles, type MemoryHole} from './memory-holes.ts'
import {
  AT,
  type CoreProcess,
  type CoreSignal,
  type CoreThread,
  type ElfNote,
  type FileMapping,
  NT,
  parseAuxv,
  parseFileMappings,
  parsePrpsinfo,
  parsePrstatus,
  parseSiginfo,
  readNotes,
} from './notes.ts'

export type {CoreProcess, CoreSignal, CoreThread} from './notes.ts'

const DEFAULT_PAGE_SIZE = 4096
/** pid_max's upper limit on 64-bit Linux (PID_MAX_LIMIT). */
const THREADS_MAX = 4 * 1024 * 1024
/** The kernel limits NT_FILE to 4 MiB (MAX_FILE_NOTE_SIZE); gcore does not. */
const NOTE_DESC_MAX = 64 * 1024 * 1024

/** What the notes say. */
interface NoteContents {
  threads: CoreThread[]
  process: CoreProcess | undefined
  signal: CoreSignal | undefined
  auxv: Map<number, Word>
  mappings: FileMapping[]
}

/** What the core alone says. */
export class CoreFile {
  readonly source: ByteSource
  /** In the core's order; the first one is the one that the kernel dumped for. */
  readonly threads: readonly CoreThread[]
  /** NT_SIGINFO, else pr_cursig of the first thread; undefined where no signal killed it (a core made by gcore). */
  readonly signal: CoreSignal | undefined
  readonly process: CoreProcess | undefined
  readonly auxv: ReadonlyMap<number, Word>
  readonly pageSize: number
  /** NT_FILE, by address. */
  readonly mappings: readonly FileMapping[]
  /** The dumped memory alone. */
  readonly memory: MemoryReader
  readonly segments: CoreSegments
  /** The file ends before what its program headers promise. */
  readonly truncated: boolean
  /** What its writer could not read, by address; `memory` is without it. */
  readonly holes: readonly MemoryHole[]

  private constructor(
    source: ByteSource,
    segments: CoreSegments,
    notes: NoteContents,
    {truncated, holes}: Pick<CoreFile, 'truncated' | 'holes'>,
  ) {
    this.source = source
    this.segments = segments
    this.memory = segments
    this.threads = notes.threads
    this.process = notes.process
    this.signal = notes.signal ?? cursorSignal(notes.threads)
    this.auxv = notes.auxv
    const pageSize = Number(notes.auxv.get(AT.AT_PAGESZ) ?? 0n)
    this.pageSize = pageSize > 0 && pageSize <= 0x40000000 ? pageSize : DEFAULT_PAGE_SIZE
    this.mappings = notes.mappings.sort((a, b) => a.start - b.start)
    this.truncated = truncated
    this.holes = holes
  }

  /** @throws InputError not-a-core, wrong-machine · FormatError for a broken ELF header */
  static open(source: ByteSource, diagnostics: Diagnostics): CoreFile {
    const header = readCoreHeader(source)
    const noteSegments: Segment[] = []
    const table = {missing: 0}
    const segments = new CoreSegments(source, takeLoads(source, header, noteSegments, table))
    const notes: NoteContents = {
      threads: [],
      process: undefined,
      signal: undefined,
      auxv: new Map(),
      mappings: [],
    }
    let cut = table.missing > 0 || segments.missingSize > 0
    for (const segment of noteSegments) cut = readCoreNotes(source, segment, notes, diagnostics) || cut
    if (notes.threads.length === 0) throw noThreads(source, cut)
    nameLeader(notes)
    if (cut) reportTruncation(source, segments, table.missing, diagnostics)
    const holes = findHoles(segments, notes.threads)
    if (holes.length > 0) reportHoles(source, holes, diagnostics)
    return new CoreFile(source, segments.without(holes), notes, {truncated: cut, holes})
  }

  /** Some PT_LOAD covers it, dumped or not. */
  isMapped(address: Address): boolean {
    return this.segments.extentAt(address).state !== 'unmapped'
  }
}

/** Size of an ELF header (gABI ch. 4). */
const MIN_FILE_SIZE = 64

/** @throws InputError that says what the file is instead of a core */
export function readCoreHeader(source: ByteSource): FileHeader {
  let header: FileHeader
  try {
    header = readFileHeader(source)
  } catch (error) {
    if (error instanceof UnsupportedError) {
      const hint = 'analyse it with a tool for that machine; gotrace-core reads cores of Linux amd64 alone'
      throw new InputError('wrong-machine', error.message, hint, {cause: error})
    }
    if (error instanceof InputError) {
      const hint = 'name a core file; `file PATH` tells what this is'
      throw new InputError('not-a-core', `${source.name}: not a core (not an ELF file)`, hint, {cause: error})
    }
    if (error instanceof FormatError) {
      const cut = source.size < MIN_FILE_SIZE
      const what = cut
        ? `not a core any more: it is cut short after ${source.size} bytes`
        : `a damaged header: ${error.message}`
      const hint = 'copy the core again in full; check `ulimit -c` and free disk space where it was written'
      throw new InputError('not-a-core', `${source.name}: ${what}`, hint, {cause: error})
    }
    throw error
  }
  if (header.type === 'core') return header
  const kind = header.type === 'rel' ? 'an object file' : 'an executable or a shared library'
  const hint = `to name the executable of a core: gotrace-core analyze CORE --exe ${source.name}`
  throw new InputError('not-a-core', `${source.name}: not a core but ${kind}`, hint)
}

function noThreads(source: ByteSource, cut: boolean): InputError {
  return new InputError(
    'not-a-core',
    `${source.name}: no thread's registers are in it${cut ? '; the file is cut short' : ''}`,
    cut ? 'copy the core again in full; check `ulimit -c` and free disk space where it was written' : 'make a new core',
  )
}

function* takeLoads(
  source: ByteSource,
  header: FileHeader,
  noteSegments: Segment[],
  table: {missing: number},
): Generator<Segment> {
  const programHeaders = readProgramHeaders(source, header)
  for (;;) {
    const next = programHeaders.next()
    if (next.done) {
      table.missing = next.value
      return
    }
    const segment = next.value
    if (segment.type === PT.PT_NOTE && segment.fileSize > 0) noteSegments.push(segment)
    else if (segment.type === PT.PT_LOAD && segment.memorySize > 0) yield segment
  }
}

/** Reads one PT_NOTE as far as it goes; true where the file ended inside it. */
function readCoreNotes(
  source: ByteSource,
  segment: Segment,
  contents: NoteContents,
  diagnostics: Diagnostics,
): boolean {
  try {
    for (const note of readNotes(source, segment.offset, segment.fileSize, `${source.name}:PT_NOTE`)) {
      if (note.owner === 'CORE') readCoreNote(note, contents, diagnostics)
    }
  } catch (error) {
    if (error instanceof TruncatedFileError) return true
    diagnostics.addError('bad-core-notes', error)
  }
  return false
}

function readCoreNote(note: ElfNote, contents: NoteContents, diagnostics: Diagnostics): void {
  if (note.type === NT.NT_FPREGSET) {
    keepVectors(note, contents)
    return
  }
  const parse = NOTE_PARSERS[note.type]
  if (!parse || note.descSize > NOTE_DESC_MAX) return
  try {
    parse(note.desc(), contents)
  } catch (error) {
    if (error instanceof TruncatedFileError) throw error
    if (!(error instanceof GotraceError)) throw error
    diagnostics.addError('bad-core-note', error)
  }
}

/** It follows the NT_PRSTATUS of its thread. */
function keepVectors(note: ElfNote, {threads}: NoteContents): void {
  const thread = threads.at(-1)
  if (!thread || note.descSize > NOTE_DESC_MAX) return
  thread.readVectors = () => {
    try {
      return note.desc().take(note.descSize)
    } catch (error) {
      if (error instanceof GotraceError) return undefined
      throw error
    }
  }
}

const NOTE_PARSERS: Readonly<Record<number, (desc: Cursor, contents: NoteContents) => void>> = {
  [NT.NT_PRSTATUS]: (desc, contents) => {
    if (contents.threads.length < THREADS_MAX) contents.threads.push(parsePrstatus(desc))
  },
  [NT.NT_PRPSINFO]: (desc, contents) => {
    contents.process ??= parsePrpsinfo(desc)
  },
  [NT.NT_SIGINFO]: (desc, contents) => {
    // gcore writes one for each thread; the first belongs to the first thread.
    if (contents.signal || contents.threads.length > 1) return
    const signal = parseSiginfo(desc)
    if (signal.number > 0) contents.signal = signal
  },
  [NT.NT_AUXV]: (desc, contents) => {
    if (contents.auxv.size === 0) contents.auxv = parseAuxv(desc)
  },
  [NT.NT_FILE]: (desc, contents) => {
    if (contents.mappings.length === 0) contents.mappings = parseFileMappings(desc)
  },
}

function cursorSignal(threads: readonly CoreThread[]): CoreSignal | undefined {
  const number = threads[0]?.signal ?? 0
  return number > 0 ? {number, code: undefined, address: undefined, senderPid: undefined} : undefined
}

/** NT_PRPSINFO names the thread group's leader (Linux: fs/binfmt_elf.c, fill_psinfo). */
function nameLeader(notes: NoteContents): void {
  const leader = notes.threads.find(thread => thread.tid === notes.process?.pid)
  if (leader && notes.process) leader.name = notes.process.name
}

function reportTruncation(
  source: ByteSource,
  segments: CoreSegments,
  missingHeaders: number,
  diagnostics: Diagnostics,
): void {
  const share = segments.dumpedSize > 0 ? (100 * segments.missingSize) / segments.dumpedSize : 0
  const memory = `${segments.missingSize} of ${segments.dumpedSize} bytes of memory (${share.toFixed(1)} %) are missing`
  const headers = missingHeaders > 0 ? `, ${missingHeaders} program headers too` : ''
  diagnostics.add('core-truncated', `the core is cut short: ${memory}${headers}`, {
    where: source.name,
    hint: 'copy the core again in full; check `ulimit -c` and free disk space where it was written',
  })
}

function reportHoles(source: ByteSource, holes: readonly MemoryHole[], diagnostics: Diagnostics): void {
  diagnostics.add('memory-hole', describeHoles(holes), {
    where: source.name,
    hint: 'let the kernel write the core: `ulimit -c unlimited` before the start, then `kill -ABRT PID`',
  })
}

/** e_ident, then e_type (gABI ch. 4, "ELF Header"): as much of a file as tells whether it is a core. */
export const CORE_HEAD_SIZE = 18
const EI_DATA = 5
const ELFDATA2MSB = 2
const ET_CORE_SWAPPED = 0x0400

/**
 * Whether these bytes begin a core of any machine: one of another machine is a core too, and is answered with an error.
 */
export function isCoreHead(bytes: Uint8Array): boolean {
  if (bytes.length < CORE_HEAD_SIZE || !hasElfMagic(bytes)) return false
  const cursor = new Cursor(bytes, 'header')
  cursor.seek(EI_DATA)
  const wanted = cursor.u8() === ELFDATA2MSB ? ET_CORE_SWAPPED : ET.ET_CORE
  cursor.seek(16)
  return cursor.u16() === wanted
}
