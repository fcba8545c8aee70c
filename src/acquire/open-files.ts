import {readdirSync, readFileSync} from 'node:fs'
import type {BoundedCache} from '../base/bounded-cache.ts'
import {type ByteSource, FileSource} from '../base/byte-source.ts'
import type {Deadline} from '../base/deadline.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {GotraceError, InputError, MORE_FILES} from '../base/errors.ts'
import {pathStats} from '../base/path-stats.ts'
import type {FileRange, ReadRecords} from '../base/read-record.ts'
import {ElfFile, type UnpackedSections} from '../elf/elf-file.ts'
import {readFileHeader} from '../elf/elf-headers.ts'
import {SectionBudget} from '../elf/section-budget.ts'
import {openInput, type Progress} from './core-input.ts'
import {FileWatch} from './file-watch.ts'
import type {LastingFiles} from './lasting-files.ts'
import type {UnpackLimits} from './unpack-limits.ts'
import {ZstdSections} from './zstd-decoder.ts'

export interface OpenFilesOptions {
  readonly diagnostics: Diagnostics
  readonly deadline?: Deadline | undefined
  readonly progress?: Progress | undefined
  readonly unpackLimits?: UnpackLimits | undefined
  /** Bytes that the sections of all files may take together. */
  readonly sectionMemory?: number | undefined
  /** Keeps what was unpacked of files, for the next core. */
  readonly unpacked?: UnpackedCache | undefined
  /** Files that are kept for the next core, with what was parsed of them. */
  readonly lasting?: LastingFiles | undefined
  /** Notes what is read of each file. */
  readonly records?: ReadRecords | undefined
}

/** Unpacked sections by the file and where they begin in it. */
export type UnpackedCache = BoundedCache<string, Uint8Array>

interface OpenedElf {
  readonly elf: ElfFile
  readonly source: FileSource
}

/** More than that are of no use, for each costs memory. */
const FILES_MAX = 4096
/** Descriptors that are left to all else: the timer of `runWithin`, temporary files, servers, a pager. */
const RESERVE = 16

/** Opened files of a run, so that each is opened once and all are closed. */
export class OpenFiles {
  readonly #sections: SectionBudget
  readonly diagnostics: Diagnostics
  readonly zstd: ZstdSections
  readonly watch: FileWatch
  readonly #options: OpenFilesOptions
  readonly #lasting: LastingFiles | undefined
  readonly #open = new Map<string, ElfFile | undefined>()
  readonly #holes = new Map<string, readonly FileRange[]>()
  readonly #closers: (() => void)[] = []
  /** Files that may be open at once. */
  #limit: number | undefined

  constructor(options: OpenFilesOptions) {
    this.diagnostics = options.diagnostics
    this.watch = new FileWatch(options.diagnostics)
    this.#options = options
    this.#sections = new SectionBudget(options.sectionMemory)
    this.#lasting = options.records ? undefined : options.lasting
    this.#lasting?.begin(options.diagnostics)
    this.zstd = this.#lasting?.zstd ?? new ZstdSections()
  }

  get deadline(): Deadline | undefined {
    return this.#options.deadline
  }

  /** The ELF file at a path, or undefined where there is none that can be used. */
  elf(path: string): ElfFile | undefined {
    if (this.#open.has(path)) return this.#open.get(path)
    const elf = isCandidate(path) && this.#hasRoom(path) ? this.#openElf(path) : undefined
    this.#open.set(path, elf)
    return elf
  }

  /**
   * The ELF file at a path, which may be packed.
   * @throws InputError · GotraceError where it is none that can be used
   */
  async unpackedElf(path: string): Promise<ElfFile> {
    const known = this.#open.get(path)
    if (known) return known
    if (!this.#hasRoom(path)) throw new InputError('unreadable', `${path}: too many open files`, MORE_FILES)
    const {diagnostics, deadline, progress, unpackLimits: limits} = this.#options
    const {source} = await openInput(path, {
      diagnostics,
      deadline,
      progress,
      limits,
      checkHead: readFileHeader,
      watch: this.watch,
    })
    try {
      const elf = this.#parse(source, path)
      this.#open.set(path, elf)
      this.#closers.push(() => source.close())
      return elf
    } catch (error) {
      source.close()
      throw error
    }
  }

  /** Has a path stand for bytes that lie elsewhere: in a package, which may lack parts of a file. */
  add(path: string, source: ByteSource, holes: readonly FileRange[]): void {
    this.#holes.set(path, holes)
    this.#open.set(
      path,
      this.#read(path, () => this.#parse(source, path)),
    )
  }

  /** Parts of a file that are missing in the package that it comes from. */
  holesOf(path: string): readonly FileRange[] {
    return this.#holes.get(path) ?? []
  }

  /** All ELF files that were opened. */
  *[Symbol.iterator](): Generator<ElfFile> {
    for (const elf of this.#open.values()) if (elf) yield elf
  }

  close(): void {
    for (const close of this.#closers.splice(0)) close()
    this.#open.clear()
  }

  /** Where a process has no descriptor left, Node itself aborts. */
  #hasRoom(path: string): boolean {
    this.#limit ??= Math.min(FILES_MAX, descriptorsLeft() - RESERVE)
    if (this.#closers.length < this.#limit) return true
    const message = `${path} was not opened, for ${this.#closers.length} files are open already`
    this.diagnostics.add('too-many-files', message, {hint: MORE_FILES})
    return false
  }

  #openElf(path: string): ElfFile | undefined {
    return this.#read(path, () => {
      const lasting = this.#lasting
      const open = (): OpenedElf => this.#openSource(path, lasting?.diagnostics)
      const opened = lasting ? lasting.open(path, open) : open()
      this.watch.add(opened.source)
      if (!lasting?.holds(path, opened)) this.#closers.push(() => opened.source.close())
      return opened.elf
    })
  }

  #openSource(path: string, lasting: Diagnostics | undefined): OpenedElf {
    const source = FileSource.open(path)
    try {
      return {elf: this.#parse(source, path, lasting), source}
    } catch (error) {
      source.close()
      throw error
    }
  }

  #parse(source: ByteSource, path: string, lasting?: Diagnostics): ElfFile {
    const watched = this.#options.records?.watch(source, path) ?? source
    const {diagnostics, zstd} = this
    const unpacked = this.#unpackedOf(source)
    return ElfFile.open(watched, diagnostics, {zstd: zstd.unpack, unpacked, lasting, budget: this.#sections})
  }

  #unpackedOf(source: ByteSource): UnpackedSections | undefined {
    const {unpacked, records} = this.#options
    if (!unpacked || records || !(source instanceof FileSource)) return undefined
    const file = source.identity
    return {of: (offset, unpack) => unpacked.of(`${file}\0${offset}`, unpack)}
  }

  /** A candidate that is no ELF file is no candidate; one that should have been is worth a word. */
  #read(path: string, open: () => ElfFile): ElfFile | undefined {
    try {
      return open()
    } catch (error) {
      if (!(error instanceof GotraceError)) throw error
      if (error.code !== 'not-elf') this.reportBad(path, error)
      return undefined
    }
  }

  /** Tells of a candidate that was found and cannot be used. */
  reportBad(path: string, error: GotraceError): void {
    const details = {severity: error.code === 'format' ? 'info' : 'warning', where: path} as const
    this.diagnostics.addError('bad-file', error, error instanceof InputError ? {...details, hint: error.hint} : details)
  }
}

/** So many that those which are open already need not be counted. */
const PLENTY = 16 * FILES_MAX

/** How many more files this process may open; Node has raised its limit to the hard one (getrlimit(2)). */
function descriptorsLeft(): number {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
    const most = Number(limit ?? Number.POSITIVE_INFINITY)
    return most >= PLENTY ? FILES_MAX + RESERVE : most - readdirSync('/proc/self/fd').length
  } catch {
    // Nothing tells, as on other systems than Linux.
    return Number.POSITIVE_INFINITY
  }
}

/** A folder of the name is nothing odd, and no candidate; what is no file otherwise is told of. */
export function isCandidate(path: string): boolean {
  return pathStats(path)?.isDirectory() === false
}
