import {number64At} from './address.ts'
import type {ByteSource} from './byte-source.ts'

const WORD = 8

/** The grain of a record: of a goroutine's stack, 2 KiB at the least, a walk reads a few hundred bytes. */
export const RECORD_GRAIN = 256
/** Grains whose marks lie together; a record takes room only for the parts of a file that were read. */
const CHUNK_GRAINS = 65_536

/** Part of a file: half-open, in bytes. */
export interface FileRange {
  readonly start: number
  readonly end: number
}

/** Which grains of a file were read: a byte each. */
export class ReadRecord {
  readonly #chunks = new Map<number, Uint8Array>()
  /** The grain that was marked last: most reads stay in one. */
  #last = -1

  mark(offset: number, length: number): void {
    const first = Math.floor(offset / RECORD_GRAIN)
    const last = Math.floor((offset + length - 1) / RECORD_GRAIN)
    if (first === this.#last && last === first) return
    for (let grain = first; grain <= last; grain++) this.#chunkOf(grain)[grain % CHUNK_GRAINS] = 1
    this.#last = last
  }

  /** Runs of grains that were read, lowest first. */
  *ranges(): Generator<FileRange> {
    let start = -1
    let end = -1
    for (const number of [...this.#chunks.keys()].sort((a, b) => a - b)) {
      const marks = this.#chunks.get(number) as Uint8Array
      for (let index = marks.indexOf(1); index >= 0; index = marks.indexOf(1, index + 1)) {
        const offset = (number * CHUNK_GRAINS + index) * RECORD_GRAIN
        if (offset !== end) {
          if (start >= 0) yield {start, end}
          start = offset
        }
        end = offset + RECORD_GRAIN
      }
    }
    if (start >= 0) yield {start, end}
  }

  #chunkOf(grain: number): Uint8Array {
    const number = Math.floor(grain / CHUNK_GRAINS)
    let chunk = this.#chunks.get(number)
    if (!chunk) {
      chunk = new Uint8Array(CHUNK_GRAINS)
      this.#chunks.set(number, chunk)
    }
    return chunk
  }
}

/** A source that notes what is read of it. */
export class RecordedSource implements ByteSource {
  readonly #source: ByteSource
  readonly #record: ReadRecord

  constructor(source: ByteSource, record: ReadRecord) {
    this.#source = source
    this.#record = record
  }

  get name(): string {
    return this.#source.name
  }

  get size(): number {
    return this.#source.size
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = this.#source.read(offset, length)
    if (length > 0) this.#record.mark(offset, length)
    return bytes
  }

  number64(offset: number): number {
    const value = this.#source.number64?.(offset) ?? wordOf(this.#source.read(offset, WORD))
    this.#record.mark(offset, WORD)
    return value
  }
}

function wordOf(bytes: Uint8Array): number {
  return number64At(new DataView(bytes.buffer, bytes.byteOffset, WORD), 0)
}

/** Records of several files, by path. */
export class ReadRecords {
  readonly byPath = new Map<string, ReadRecord>()

  /** The file, noting what is read of it. */
  watch(source: ByteSource, path: string): ByteSource {
    const record = this.byPath.get(path) ?? new ReadRecord()
    this.byPath.set(path, record)
    return new RecordedSource(source, record)
  }
}
