import {type Address, hex, toAddress} from '../base/address.ts'
import type {ByteSource} from '../base/byte-source.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {GotraceError, TruncatedFileError} from '../base/errors.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {ElfFile} from './elf-file.ts'
import {hasElfMagic, PT, type Segment} from './elf-headers.ts'

/**
 * The ELF header and the program headers right behind it: what Linux dumps of an image even when the rest is left out.
 */
const HEADER_PAGE_SIZE = 4096

/** A file as it lies in memory: file offsets are followed to where the program headers say they were loaded. */
class MemoryImageSource implements ByteSource {
  readonly name: string
  readonly size: number
  readonly #memory: MemoryReader
  readonly #start: Address
  readonly #loads: readonly Segment[]
  readonly #loadBias: number

  constructor(memory: MemoryReader, start: Address, name: string, loads: readonly Segment[], loadBias: number) {
    this.#memory = memory
    this.#start = start
    this.name = name
    this.#loads = loads
    this.#loadBias = loadBias
    // An image of one segment (vDSO) is in memory as it is in the file, up to the end of its last page, section headers
    // too.
    const end = loads.reduce((size, load) => Math.max(size, load.offset + load.fileSize), HEADER_PAGE_SIZE)
    this.size = loads.length === 1 ? Math.ceil(end / HEADER_PAGE_SIZE) * HEADER_PAGE_SIZE : end
  }

  read(offset: number, length: number): Uint8Array {
    const address = this.#addressOf(offset, length)
    const bytes = address === undefined ? undefined : this.#memory.read(toAddress(address), length)
    if (!bytes) throw new TruncatedFileError(`${this.name}+${hex(offset)} (in memory)`, length, this.size)
    return bytes
  }

  #addressOf(offset: number, length: number): number | undefined {
    if (!(offset >= 0 && length >= 0)) return undefined
    for (const load of this.#loads) {
      const within = offset - load.offset
      if (within >= 0 && within + length <= load.fileSize) return load.address + within + this.#loadBias
    }
    const linear = this.#loads.length <= 1 || offset + length <= HEADER_PAGE_SIZE
    return linear ? this.#start + offset : undefined
  }
}

export interface MemoryImage {
  elf: ElfFile
  loadBias: number
}

/**
 * The ELF image whose first page is at `start` in the process, or undefined where the core does not hold that page or
 * it is no ELF file. Its sections are found by program headers, as far as the core holds them.
 */
export function openMemoryImage(
  memory: MemoryReader,
  start: Address,
  name: string,
  diagnostics: Diagnostics,
): MemoryImage | undefined {
  const magic = memory.read(start, 4)
  if (!magic || !hasElfMagic(magic)) return undefined
  try {
    const headers = ElfFile.open(new MemoryImageSource(memory, start, name, [], 0), diagnostics)
    const loads = headers.segments.filter(segment => segment.type === PT.PT_LOAD && segment.memorySize > 0)
    const loadBias = loadBiasOf(headers, start, 0)
    if (loadBias === undefined) return undefined
    const source = new MemoryImageSource(memory, start, name, loads, loadBias)
    return {elf: ElfFile.open(source, diagnostics, {loadBias}), loadBias}
  } catch (error) {
    if (error instanceof GotraceError) return undefined
    throw error
  }
}

/** The load bias of an image, a mapping of which begins at `start` and shows the file from `fileOffset` on. */
export function loadBiasOf(elf: ElfFile, start: Address, fileOffset: number): number | undefined {
  const page = 4096
  for (const segment of elf.segments) {
    if (segment.type !== PT.PT_LOAD || segment.memorySize === 0) continue
    const first = Math.floor(segment.offset / page) * page
    if (fileOffset < first || fileOffset >= Math.max(segment.offset + segment.fileSize, first + 1)) continue
    const bias = start - (segment.address - segment.offset + fileOffset)
    if (Number.isSafeInteger(bias)) return bias
  }
  return undefined
}
