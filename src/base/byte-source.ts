import {closeSync} from 'node:fs'
import {number64At} from './address.ts'
import {TruncatedFileError} from './errors.ts'
import {PageCache} from './page-cache.ts'
import {openRegularFile, readRegularFile} from './regular-file.ts'

/** Random access to bytes that do not change. */
export interface ByteSource {
  /** For messages: a path, or `path(member)`. */
  readonly name: string
  readonly size: number
  /**
   * Exactly `length` bytes at `offset`. The result may be a view of a cache: read it before the next call, copy to
   * keep.
   * @throws TruncatedFileError where the source ends before
   */
  read(offset: number, length: number): Uint8Array
  /**
   * The 8 bytes at `offset` as a double (MemoryReader.number64); same errors. Sources that many small reads go through
   * have it.
   */
  number64?(offset: number): number
}

/** 8 bytes of a source as a double: exact below 2^53. */
export function readSourceNumber64(source: ByteSource, offset: number): number {
  if (source.number64) return source.number64(offset)
  const bytes = source.read(offset, 8)
  return number64At(new DataView(bytes.buffer, bytes.byteOffset, 8), 0)
}

/** Bytes in memory. */
export class BytesSource implements ByteSource {
  readonly name: string
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = bytes
    this.name = name
  }

  get size(): number {
    return this.#bytes.length
  }

  read(offset: number, length: number): Uint8Array {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.#bytes.length)) {
      throw new TruncatedFileError(`${this.name}+0x${offset.toString(16)}`, length, this.#bytes.length)
    }
    return this.#bytes.subarray(offset, offset + length)
  }
}

/** Reads this long go straight to the file: caching them would only drop what is in use. */
const BYPASS_LENGTH = 64 * 1024

/** A file, read through a page cache of bounded size. */
export class FileSource implements ByteSource {
  readonly name: string
  readonly size: number
  readonly #fd: number
  readonly #pages: PageCache

  private constructor(name: string, fd: number, size: number) {
    this.name = name
    this.#fd = fd
    this.size = size
    this.#pages = new PageCache((page, offset) => readRegularFile(fd, page, offset, name))
  }

  /** @throws InputError when the file cannot be opened or is not a regular file */
  static open(path: string): FileSource {
    const {fd, size} = openRegularFile(path)
    return new FileSource(path, fd, size)
  }

  /** An open file, which need not have a path; it is closed with the source. */
  static ofDescriptor(fd: number, size: number, name: string): FileSource {
    return new FileSource(name, fd, size)
  }

  /** The whole file, piece by piece, or as much as is left of it; each piece is its own bytes. */
  *chunks(length: number): Generator<Uint8Array> {
    for (let offset = 0; offset < this.size; ) {
      const chunk = new Uint8Array(Math.min(length, this.size - offset))
      const count = readRegularFile(this.#fd, chunk, offset, this.name)
      if (count <= 0) return
      offset += count
      yield chunk.subarray(0, count)
    }
  }

  read(offset: number, length: number): Uint8Array {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) {
      throw new TruncatedFileError(`${this.name}+0x${offset.toString(16)}`, length, this.size)
    }
    if (length >= BYPASS_LENGTH) return this.#readAround(offset, length)
    return this.#pages.read(offset, length)
  }

  number64(offset: number): number {
    if (!(offset >= 0 && offset + 8 <= this.size)) {
      throw new TruncatedFileError(`${this.name}+0x${offset.toString(16)}`, 8, this.size)
    }
    return this.#pages.number64(offset)
  }

  #readAround(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    let done = 0
    while (done < length) {
      const count = readRegularFile(this.#fd, bytes.subarray(done), offset + done, this.name)
      if (count <= 0) throw new TruncatedFileError(`${this.name}+0x${offset.toString(16)}`, length, offset + done)
      done += count
    }
    return bytes
  }

  close(): void {
    closeSync(this.#fd)
  }
}
