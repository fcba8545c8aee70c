import {hashBytes} from '../base/byte-hash.ts'
import {CacheFile, type CacheLimits} from '../base/cache-file.ts'
import type {CacheHome} from '../base/cache-directory.ts'
import {FileSource} from '../base/byte-source.ts'
import {ElfFile} from '../elf/elf-file.ts'
import type {Module} from '../elf/module.ts'
import {ModuleDebugFiles} from './debug-files.ts'

const NAME_LENGTH = 16
const KIND = 'answers-'
const LIMITS: CacheLimits = {days: 30, files: 256, bytes: 256 * 1024 * 1024}

/** What a run kept of the files of a module for later runs: bytes that mean something to the one who keeps them. */
export class AnswerCache {
  readonly #module: Module
  /** What the answers depend on: the files, and the words that were given. */
  readonly key: string
  readonly #file: CacheFile | undefined

  private constructor(module: Module, key: string, file: CacheFile | undefined) {
    this.#module = module
    this.key = key
    this.#file = file
  }

  /**
   * undefined for a module that cannot be told from all others: without a build ID, or not from a file.
   * @param words what the answers depend on beside the files: this build of the program, options
   * @param home undefined: nothing is on the disk, and nothing is put there
   */
  static of(module: Module, words: readonly string[], home: CacheHome | undefined): AnswerCache | undefined {
    const files = identify(module)
    if (!files) return undefined
    const key = [...words, ...files].join('\0')
    const {buildId, goBuildId = ''} = module.image ?? {}
    const start = (buildId ?? Buffer.from(goBuildId).toString('hex')).slice(0, NAME_LENGTH)
    const name = `${KIND}${start}-${hashBytes(Buffer.from(key)).toString(16).padStart(8, '0')}`
    return new AnswerCache(module, key, home && new CacheFile(home.directory, name, home.uid))
  }

  /** What was kept; undefined where nothing was. */
  read(): Uint8Array | undefined {
    const bytes = this.#file?.read()
    const head = this.#head()
    return bytes && head.every((byte, index) => byte === bytes[index]) ? bytes.subarray(head.length) : undefined
  }

  /** Keeps what was found, unless it came of files that the key does not name. */
  write(pieces: readonly Uint8Array[]): void {
    const {debug} = this.#module
    if (!(debug instanceof ModuleDebugFiles) || debug.used.asksForSplit) return
    if (filesOf(this.#module).every(({source}) => source?.change === undefined))
      this.#file?.replace([this.#head(), ...pieces], KIND, LIMITS)
  }

  /** The key, behind its length; V8 need not move what begins at a multiple of 8 bytes. */
  #head(): Uint8Array {
    const key = new TextEncoder().encode(this.key)
    const head = new Uint8Array(Math.ceil((4 + key.length) / 8) * 8)
    new DataView(head.buffer).setUint32(0, key.length, true)
    head.set(key, 4)
    return head
  }
}

/** Which files the answers of a module come from; undefined where one is not told by build ID, name, size and time. */
function identify(module: Module): string[] | undefined {
  const {image} = module
  const files = filesOf(module)
  if (!(image?.buildId ?? image?.goBuildId) || files.some(({source}) => !source)) return undefined
  return files.map(({role, buildId, source}) => [role, buildId, source?.identity].join('\0'))
}

/** `source`: undefined for a file that is not read from the disk as it is. */
function filesOf({image, debug: {dwarf, supplementary, symbols}}: Module) {
  return Object.entries({image, dwarf, supplementary, symbols}).flatMap(([role, section]) => {
    if (!section) return []
    const file = section instanceof ElfFile ? section : undefined
    const source = file?.source instanceof FileSource ? file.source : undefined
    return [{role, buildId: file?.buildId, source}]
  })
}
