import {type BigIntStats, statSync} from 'node:fs'
import {getHeapStatistics} from 'node:v8'
import type {FileSource} from '../base/byte-source.ts'
import {type Diagnostics, ForwardedDiagnostics} from '../base/diagnostics.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import {ZstdSections} from './zstd-decoder.ts'

/** Programs with their libraries and debug files; each costs a descriptor, and what was parsed of it. */
const FILES_MAX = 64
/** Of the heap that the process may have: the next core needs the rest. */
const HEAP_SHARE = 0.4
/** Sections are outside of that heap. */
const SECTIONS_MAX = 256 * 1024 * 1024

interface LastingFile {
  readonly elf: ElfFile
  readonly source: FileSource
  readonly state: string
}

/**
 * The ELF files of one core, with all that was parsed of them, kept for the next core of the same program. A core must
 * see no difference: a file that is another one now, or that something had to be told of, is opened anew, and all are
 * after a core that was broken off.
 */
export class LastingFiles {
  readonly zstd = new ZstdSections()
  /** What is told while a core is read goes to the report of that core. */
  readonly #diagnostics = new ForwardedDiagnostics()
  readonly #files = new Map<string, LastingFile>()

  get diagnostics(): Diagnostics {
    return this.#diagnostics
  }

  /** From now on another core is read. */
  begin(diagnostics: Diagnostics): void {
    if (this.#diagnostics.hasTold || this.#files.size > FILES_MAX || isHeavy()) this.drop()
    this.#diagnostics.forwardTo(diagnostics)
  }

  /** The file at a path, as far as it is the one that was opened before; else the one that `open` gives. */
  open(path: string, open: () => {elf: ElfFile; source: FileSource}): {elf: ElfFile; source: FileSource} {
    const known = this.#files.get(path)
    const before = stateOf(path)
    if (known && known.state === before) return known
    if (known) this.#forget(path, known)
    const opened = open()
    // One that was exchanged in between is not known by what stands there now.
    const state = stateOf(path)
    if (state !== undefined && state === before) this.#files.set(path, {...opened, state})
    return opened
  }

  /** Whether the file is closed by this one, not by the run that opened it. */
  holds(path: string, {elf}: {elf: ElfFile}): boolean {
    return this.#files.get(path)?.elf === elf
  }

  drop(): void {
    for (const [path, file] of this.#files) this.#forget(path, file)
  }

  #forget(path: string, {source}: LastingFile): void {
    this.#files.delete(path)
    source.close()
  }
}

/** V8 tells; what Node tells of the process's memory it reads from /proc, which an empty root has not. */
function isHeavy(): boolean {
  const {used_heap_size: used, heap_size_limit: limit, external_memory: external} = getHeapStatistics()
  return used > limit * HEAP_SHARE || external > SECTIONS_MAX
}

/** undefined where nothing can be said of it. */
function stateOf(path: string): string | undefined {
  try {
    const {dev, ino, size, mtimeNs, ctimeNs}: BigIntStats = statSync(path, {bigint: true})
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch {
    return undefined
  }
}
