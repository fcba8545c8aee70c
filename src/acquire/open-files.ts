import {statSync} from 'node:fs'
import {FileSource} from '../base/byte-source.ts'
import type {Deadline} from '../base/deadline.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {GotraceError, InputError} from '../base/errors.ts'
import {ElfFile} from '../elf/elf-file.ts'
import {readFileHeader} from '../elf/elf-headers.ts'
import {openInput, type Progress} from './core-input.ts'
import {FileWatch} from './file-watch.ts'
import type {UnpackLimits} from './unpack-limits.ts'
import {ZstdSections} from './zstd-decoder.ts'

export interface OpenFilesOptions {
  readonly diagnostics: Diagnostics
  readonly deadline?: Deadline | undefined
  readonly progress?: Progress | undefined
  readonly unpackLimits?: UnpackLimits | undefined
}

/** Opened files of a run, so that each is opened once and all are closed. */
export class OpenFiles {
  readonly diagnostics: Diagnostics
  readonly zstd = new ZstdSections()
  readonly watch: FileWatch
  readonly #options: OpenFilesOptions
  readonly #open = new Map<string, ElfFile | undefined>()
  readonly #closers: (() => void)[] = []

  constructor(options: OpenFilesOptions) {
    this.diagnostics = options.diagnostics
    this.watch = new FileWatch(options.diagnostics)
    this.#options = options
  }

  get deadline(): Deadline | undefined {
    return this.#options.deadline
  }

  /** The ELF file at a path, or undefined where there is none that can be used. */
  elf(path: string): ElfFile | undefined {
    if (this.#open.has(path)) return this.#open.get(path)
    const elf = isCandidate(path) ? this.#openElf(path) : undefined
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
      const elf = ElfFile.open(source, diagnostics, {zstd: this.zstd.unpack})
      this.#open.set(path, elf)
      this.#closers.push(() => source.close())
      return elf
    } catch (error) {
      source.close()
      throw error
    }
  }

  /** All ELF files that were opened. */
  *[Symbol.iterator](): Generator<ElfFile> {
    for (const elf of this.#open.values()) if (elf) yield elf
  }

  close(): void {
    for (const close of this.#closers.splice(0)) close()
    this.#open.clear()
  }

  #openElf(path: string): ElfFile | undefined {
    let source: FileSource | undefined
    try {
      source = FileSource.open(path)
      this.watch.add(source)
      const elf = ElfFile.open(source, this.diagnostics, {zstd: this.zstd.unpack})
      const opened = source
      this.#closers.push(() => opened.close())
      return elf
    } catch (error) {
      source?.close()
      // A candidate that is no ELF file is no candidate; one that should have been is worth a word.
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

/** A folder of the name is nothing odd, and no candidate; what is no file otherwise is told of. */
export function isCandidate(path: string): boolean {
  try {
    return statSync(path, {throwIfNoEntry: false})?.isDirectory() === false
  } catch {
    // A loop of links, a folder that may not be entered, a name that no file can have.
    return false
  }
}
