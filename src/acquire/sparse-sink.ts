import {closeSync, ftruncateSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {type ByteSource, checkRange, FileSource} from '../base/byte-source.ts'
import {writeAll} from '../base/write-all.ts'
import {openUnlinked} from './unlinked-file.ts'
import {noRoom, tooMuchDisk} from './unpack-limits.ts'
import {isZero} from './zero-pages.ts'

const BLOCK_SIZE = 65536
const ZEROS = new Uint8Array(BLOCK_SIZE)
/** Unpacked data that is kept in memory; cores are mostly zeros, so most need no temporary file. */
const MEMORY_MAX = 128 * 1024 * 1024

export interface ClosableSource extends ByteSource {
  close(): void
}

/**
 * Collects unpacked bytes. Blocks of zeros take no room; the others stay in memory up to a limit, past which all go to
 * a sparse temporary file, readable by its owner alone and unlinked as soon as it is open, so that nothing is left
 * behind however the program ends.
 */
export class SparseSink {
  /** For messages. */
  readonly #name: string
  readonly #diskMax: number
  readonly #memoryMax: number
  readonly #blocks: (Uint8Array | undefined)[] = []
  #tail = new Uint8Array(BLOCK_SIZE)
  #tailSize = 0
  #heldBlocks = 0
  #fd: number | undefined

  constructor(name: string, diskMax = Number.POSITIVE_INFINITY, memoryMax = MEMORY_MAX) {
    this.#name = name
    this.#diskMax = diskMax
    this.#memoryMax = memoryMax
  }

  get size(): number {
    return this.#blocks.length * BLOCK_SIZE + this.#tailSize
  }

  /** @throws InputError too-large, no-room */
  write(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#tailSize === 0 && chunk.length - at >= BLOCK_SIZE) {
        this.#addBlock(chunk.subarray(at, at + BLOCK_SIZE))
        at += BLOCK_SIZE
        continue
      }
      const count = Math.min(BLOCK_SIZE - this.#tailSize, chunk.length - at)
      this.#tail.set(chunk.subarray(at, at + count), this.#tailSize)
      this.#tailSize += count
      at += count
      if (this.#tailSize === BLOCK_SIZE) {
        this.#tailSize = 0
        this.#addBlock(this.#tail)
      }
    }
  }

  #addBlock(block: Uint8Array): void {
    const index = this.#blocks.length
    const zero = isZero(block)
    if (!zero && ++this.#heldBlocks * BLOCK_SIZE > this.#diskMax) throw tooMuchDisk(this.#name, this.#diskMax)
    if (this.#fd !== undefined && !zero) this.#store(this.#fd, block, index)
    // A Buffer, which decoders of Node hand out, would not be copied by its `slice`.
    this.#blocks.push(zero || this.#fd !== undefined ? undefined : new Uint8Array(block))
    if (this.#fd === undefined && this.#heldBlocks * BLOCK_SIZE > this.#memoryMax) this.#spill()
  }

  #spill(): void {
    const fd = openTemporary(this.#name)
    this.#fd = fd
    this.#blocks.forEach((block, index) => {
      if (block) this.#store(fd, block, index)
      this.#blocks[index] = undefined
    })
  }

  #store(fd: number, block: Uint8Array, index: number): void {
    try {
      writeAll(fd, block, index * BLOCK_SIZE)
    } catch (cause) {
      throw noRoom(this.#name, tmpdir(), cause)
    }
  }

  /** What was written, as a source; the sink takes no more. */
  finish(name: string): ClosableSource {
    const size = this.size
    if (this.#fd === undefined) {
      this.#blocks.push(this.#tail)
      return new SparseSource(this.#blocks, size, name)
    }
    this.#store(this.#fd, this.#tail.subarray(0, this.#tailSize), this.#blocks.length)
    ftruncateSync(this.#fd, size)
    return FileSource.ofDescriptor(this.#fd, name)
  }

  /** Gives up what was written. */
  discard(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#blocks.length = 0
  }
}

function openTemporary(name: string): number {
  const parent = tmpdir()
  try {
    return openUnlinked(parent, 'gotrace-core-')
  } catch (cause) {
    throw noRoom(name, parent, cause)
  }
}

/** Blocks in memory, those of zeros left out. */
class SparseSource implements ClosableSource {
  readonly name: string
  readonly size: number
  readonly #blocks: readonly (Uint8Array | undefined)[]

  constructor(blocks: readonly (Uint8Array | undefined)[], size: number, name: string) {
    this.#blocks = blocks
    this.size = size
    this.name = name
  }

  read(offset: number, length: number): Uint8Array {
    checkRange(this, offset, length)
    const first = Math.floor(offset / BLOCK_SIZE)
    const within = offset - first * BLOCK_SIZE
    if (within + length <= BLOCK_SIZE) return (this.#blocks[first] ?? ZEROS).subarray(within, within + length)
    const bytes = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const index = Math.floor((offset + done) / BLOCK_SIZE)
      const start = offset + done - index * BLOCK_SIZE
      const count = Math.min(BLOCK_SIZE - start, length - done)
      const block = this.#blocks[index]
      if (block) bytes.set(block.subarray(start, start + count), done)
      done += count
    }
    return bytes
  }

  close(): void {}
}
