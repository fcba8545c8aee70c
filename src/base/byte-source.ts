import {closeSync} from 'node:fs'
import {number64At} from './address.ts'
import {TruncatedFileError} from './errors.ts'
import {PageCache} from './page-cache.ts'
import {describeRegular, openRegularFile, type RegularFile, readAhead, readRegularFile} from './regular-file.ts'

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

/** @throws TruncatedFileError where a source does not have that part */
export function checkRange(source: Pick<ByteSource, 'name' | 'size'>, offset: number, length: number): void {
  if (!(offset >= 0 && length >= 0 && offset + length <= source.size)) {
    throw new TruncatedFileError(`${source.name}+0x${offset.toString(16)}`, length, source.size)
  }
}

/** As `source.read`; undefined where the source ends before, as a file does that became shorter. */
export function readPresent(source: ByteSource, offset: number, length: number): Uint8Array | undefined {
  try {
    return source.read(offset, length)
  } catch (error) {
    if (error instanceof TruncatedFileError) return undefined
    throw error
  }
}

/** 8 bytes of a source as a double: exact below 2^53; undefined where the source ends before. */
export function readPresentNumber64(source: ByteSource, offset: number): number | undefined {
  if (!source.number64) {
    const bytes = readPresent(source, offset, 8)
    return bytes && number64At(new DataView(bytes.buffer, bytes.byteOffset, 8), 0)
  }
  try {
    return source.number64(offset)
  } catch (error) {
    if (error instanceof TruncatedFileError) return undefined
    throw error
  }
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
    checkRange(this, offset, length)
    return this.#bytes.subarray(offset, offset + length)
  }
}

/** Reads this long go straight to the file: caching them would only drop what is in use. */
const BYPASS_LENGTH = 64 * 1024

/** The last descriptor of the standard streams (stdio(3)). */
const STANDARD_ERROR = 2

/** What can become of a file while it is read. */
export type FileChange = 'shrunk' | 'grown' | 'rewritten'

/** A file, read through a page cache of bounded size. */
export class FileSource implements ByteSource {
  readonly name: string
  readonly size: number
  readonly #fd: number
  readonly #pages: PageCache
  readonly #modified: number
  #change: FileChange | undefined
  #isClosed = false

  /** What it is known by as long as nobody writes to it: name, size, and when it was last written to. */
  get identity(): string {
    return `${this.name}\0${this.size}\0${this.#modified}`
  }

  private constructor(name: string, {fd, size, modified}: RegularFile) {
    this.name = name
    this.#fd = fd
    this.size = size
    this.#modified = modified
    this.#pages = new PageCache({
      size,
      fill: (page, offset) => this.#fill(page.subarray(0, Math.min(page.length, size - offset)), offset),
      fillAhead: (pages, offset) => this.#fillAhead(pages, offset),
    })
  }

  /** @throws InputError when the file cannot be opened or is not a regular file */
  static open(path: string): FileSource {
    return new FileSource(path, openRegularFile(path))
  }

  /** An open file, which need not have a path; it is closed with the source, but for a standard stream. */
  static ofDescriptor(fd: number, name: string): FileSource {
    return new FileSource(name, describeRegular(fd, name))
  }

  /** What became of the file since it was opened; undefined where it is as it was. */
  get change(): FileChange | undefined {
    if (!this.#change && !this.#isClosed) this.#change = this.#compare()
    return this.#change
  }

  #compare(): FileChange | undefined {
    const {size, modified} = describeRegular(this.#fd, this.name)
    if (size < this.size) return 'shrunk'
    if (size > this.size) return 'grown'
    return modified === this.#modified ? undefined : 'rewritten'
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
    checkRange(this, offset, length)
    if (length >= BYPASS_LENGTH) return this.#readAround(offset, length)
    return this.#pages.read(offset, length)
  }

  number64(offset: number): number {
    checkRange(this, offset, 8)
    return this.#pages.number64(offset)
  }

  #fillAhead(pages: readonly Uint8Array[], offset: number): number {
    const count = readAhead(this.#fd, pages, offset)
    // The last page of a file need not be full.
    return offset + count === this.size ? pages.length : Math.floor(count / (pages[0]?.length ?? 1))
  }

  #readAround(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    this.#fill(bytes, offset)
    return bytes
  }

  /** @throws TruncatedFileError where the file is shorter than it was when it was opened */
  #fill(bytes: Uint8Array, offset: number): void {
    for (let done = 0; done < bytes.length; ) {
      const count = readRegularFile(this.#fd, bytes.subarray(done), offset + done, this.name)
      if (count <= 0) {
        this.#change = 'shrunk'
        throw new TruncatedFileError(`${this.name}+0x${offset.toString(16)}`, bytes.length, offset + done)
      }
      done += count
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#change = this.change
    this.#isClosed = true
    // What is opened next would get the number of a standard stream; libuv aborts when it closes one of those.
    if (this.#fd > STANDARD_ERROR) closeSync(this.#fd)
  }
}
