import {type Address, number64At, toAddress, type Word} from '../base/address.ts'
import {type ByteSource, readPresent, readPresentNumber64} from '../base/byte-source.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {SortedRanges} from '../base/sorted-ranges.ts'
import type {CoreFile} from './core-file.ts'
import type {CoreExtent, CoreSegments} from './core-segments.ts'
import type {ElfFile} from './elf-file.ts'
import type {Module} from './module.ts'
import {ReplacedWords} from './replaced-words.ts'

/** Reads that are put together from core and files; more is never wanted at once. */
const MIXED_READ_MAX = 256 * 1024 * 1024

/** A run of memory that one module's file serves. */
interface FilePiece {
  start: number
  end: number
  source: ByteSource
  /** File offset of `start`. */
  offset: number
}

/** Memory that comes from a file. */
export interface FileRun {
  readonly start: Address
  readonly end: Address
  readonly image: ElfFile
}

/**
 * The memory of the dead process. What the core dumped wins; what it left out of a loaded file comes from that file;
 * anything else is absent. Read-only segments always come from the file. Writable ones only where the core left them
 * out on purpose while it dumped other private memory: the process never wrote to them.
 */
export class AddressSpace implements MemoryReader {
  readonly core: CoreFile
  readonly modules: readonly Module[]
  readonly #segments: CoreSegments
  readonly #ranges: SortedRanges<Module>
  readonly #dumpsPrivateMemory: boolean
  #lastPiece: FilePiece | undefined
  #replaced: ReplacedWords | undefined

  constructor(core: CoreFile, modules: readonly Module[]) {
    this.core = core
    this.modules = modules
    this.#segments = core.segments
    this.#ranges = new SortedRanges(modules.map(value => ({start: value.start, end: value.end, value})))
    this.#dumpsPrivateMemory = holdsWritable(core.segments)
  }

  moduleAt(address: Address): Module | undefined {
    return this.#ranges.find(address)?.value
  }

  /** From now on these words are read in place of what is there. */
  replaceWords(words: ReadonlyMap<Address, Word>): void {
    if (words.size > 0) this.#replaced = new ReplacedWords(words)
  }

  read(address: Address, length: number): Uint8Array | undefined {
    const bytes = this.#readLayers(address, length)
    return bytes && this.#replaced ? this.#replaced.applyTo(address, bytes) : bytes
  }

  #readLayers(address: Address, length: number): Uint8Array | undefined {
    const piece = this.#lastPiece
    if (piece && address >= piece.start && address + length <= piece.end && length >= 0) {
      return readPresent(piece.source, piece.offset + (address - piece.start), length)
    }
    return this.#segments.read(address, length) ?? this.#readBeyondCore(address, length)
  }

  number64(address: Address): number | undefined {
    if (this.#replaced) return this.#number64Of(this.read(address, 8))
    const piece = this.#lastPiece
    if (piece && address >= piece.start && address + 8 <= piece.end) {
      return readPresentNumber64(piece.source, piece.offset + (address - piece.start))
    }
    const value = this.#segments.number64(address)
    if (value !== undefined) return value
    return this.#number64Of(this.#readBeyondCore(address, 8))
  }

  #number64Of(bytes: Uint8Array | undefined): number | undefined {
    return bytes && number64At(new DataView(bytes.buffer, bytes.byteOffset, 8), 0)
  }

  /** Which layer serves the byte at the address. */
  sourceOf(address: Address): 'core' | 'file' | undefined {
    const extent = this.#segments.extentAt(address)
    if (extent.state === 'dumped') return 'core'
    return this.#filePiece(address, extent) ? 'file' : undefined
  }

  /**
   * The run around an address that a module's file serves: whatever process has loaded it so reads the same there.
   * undefined where the core serves the address, or nothing does.
   */
  fileRunAt(address: Address): FileRun | undefined {
    const image = this.moduleAt(address)?.image
    const extent = this.#segments.extentAt(address)
    const piece = image && extent.state !== 'dumped' ? this.#filePiece(address, extent) : undefined
    return image && piece && {start: toAddress(piece.start), end: toAddress(piece.end), image}
  }

  nextReadable(address: Address): Address | undefined {
    const dumped = this.#segments.nextReadable(address)
    let next: number = dumped ?? Number.POSITIVE_INFINITY
    for (const {image, imageOrigin, loadBias, start, end} of this.modules) {
      if (imageOrigin !== 'file' || !image || end <= address || start >= next) continue
      const served = image.nextHeld(Math.max(address, start) - loadBias)
      const at = served === undefined ? end : Math.max(served + loadBias, start)
      if (at < end) next = Math.min(next, at)
    }
    return next === Number.POSITIVE_INFINITY ? undefined : toAddress(next)
  }

  #readBeyondCore(address: Address, length: number): Uint8Array | undefined {
    if (!(length >= 0 && length <= MIXED_READ_MAX)) return undefined
    const end = address + length
    const extent = this.#segments.extentAt(address)
    // The core was to hold it all, and has become shorter.
    if (extent.state === 'dumped' && end <= extent.end) return undefined
    if (extent.state !== 'dumped') {
      const piece = this.#filePiece(address, extent)
      if (!piece) return undefined
      if (end <= piece.end) {
        this.#lastPiece = piece
        return readPresent(piece.source, piece.offset + (address - piece.start), length)
      }
    }
    return this.#readMixed(address, end)
  }

  #readMixed(address: Address, end: number): Uint8Array | undefined {
    // Looked through before anything is allocated.
    for (let at: number = address; at < end; ) {
      const next = this.#servedEnd(at)
      if (next === undefined) return undefined
      at = next
    }
    const bytes = new Uint8Array(end - address)
    for (let at: number = address; at < end; ) {
      const next = Math.min(this.#servedEnd(at) ?? end, end)
      const part = this.#readLayers(at as Address, next - at)
      if (!part) return undefined
      bytes.set(part, at - address)
      at = next
    }
    return bytes
  }

  #servedEnd(at: number): number | undefined {
    const extent = this.#segments.extentAt(at)
    return extent.state === 'dumped' ? extent.end : this.#filePiece(at, extent)?.end
  }

  /** The run around an address, not dumped by the core, that its module's file serves. */
  #filePiece(address: number, extent: CoreExtent): FilePiece | undefined {
    const module = this.#ranges.find(address)?.value
    if (!module?.image || module.imageOrigin !== 'file') return undefined
    const linkAddress = address - module.loadBias
    const load = linkAddress >= 0 ? module.image.loadAt(linkAddress as Address) : undefined
    if (!load) return undefined
    if (load.writable && !(extent.state === 'left-out' && this.#dumpsPrivateMemory)) return undefined
    const {source} = module.image
    const loadStart = load.address + module.loadBias
    const held = Math.min(load.fileSize, source.size - load.offset)
    const start = Math.max(loadStart, extent.start, module.start)
    const end = Math.min(loadStart + held, extent.end, module.end)
    if (address < start || address >= end) return undefined
    return {start, end, source, offset: load.offset + (start - loadStart)}
  }
}

function holdsWritable(segments: CoreSegments): boolean {
  for (const part of segments.dumped()) if (part.writable) return true
  return false
}
