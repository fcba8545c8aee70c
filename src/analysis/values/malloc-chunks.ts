import {addressOfWord, toAddress, type Word} from '../../base/address.ts'
import type {Finding} from '../../base/finding.ts'
import {type MemoryReader, readWord} from '../../base/memory-reader.ts'

/** The sizes of the chunk before and of this one stand before the block that malloc returns (malloc/malloc.c). */
export const CHUNK_HEADER = 16
/** The smallest chunk: header and two links. */
export const CHUNK_MIN = 32
/** All blocks lie on such multiples (MALLOC_ALIGNMENT). */
export const BLOCK_ALIGNMENT = 16
/** Beyond the address space of a program. */
const CHUNK_MAX = 2 ** 47

/** Chunks of glibc's malloc by their addresses: that of a chunk is 16 before its block. */
export class MallocChunks {
  readonly memory: MemoryReader

  constructor(memory: MemoryReader) {
    this.memory = memory
  }

  /** In bytes, without the flags; undefined where no chunk can be. */
  sizeOf(chunk: number): number | undefined {
    const word = this.word(chunk + 8)
    const size = word === undefined ? undefined : word - (word % 8)
    return size === undefined || size < CHUNK_MIN || size % BLOCK_ALIGNMENT !== 0 || size > CHUNK_MAX ? undefined : size
  }

  bytes(at: number, length: number): Uint8Array | undefined {
    return Number.isSafeInteger(at) && at >= 0 ? this.memory.read(toAddress(at), length) : undefined
  }

  /** A word that may be an address; undefined where it is none, or is not there. */
  word(at: number): number | undefined {
    const word = this.#raw(at)
    return word === undefined ? undefined : addressOfWord(word)
  }

  /**
   * The link that stands at an address; since glibc 2.32 it is mixed with its own place (PROTECT_PTR). `isLink` tells
   * the right reading; null: the last one; undefined: damaged.
   */
  link(at: number, isLink: (address: number) => boolean): Finding<number> {
    const raw = this.#raw(at)
    if (raw === undefined) return undefined
    const mixed = addressOfWord(raw ^ BigInt(Math.floor(at / 4096)))
    for (const each of [mixed, addressOfWord(raw)]) {
      if (each === 0) return null
      if (each !== undefined && isLink(each)) return each
    }
    return undefined
  }

  #raw(at: number): Word | undefined {
    return Number.isSafeInteger(at) && at >= 0 ? readWord(this.memory, toAddress(at)) : undefined
  }
}
