import {type Address, toAddress} from '../base/address.ts'
import {HASH_START, hashBytes} from '../base/byte-hash.ts'
import {readU32} from '../base/memory-reader.ts'
import {SlidingWindow} from '../base/memory-window.ts'
import type {Pclntab} from './pclntab.ts'

const NAME_LIMIT = 65536
const FIRST_PASS = 256
/** Of the table of names, which is searched by native code. */
const NAMES_PIECE = 65536

/**
 * Functions by name. The table is in order of address, so a name is found by going through all of them; what was gone
 * through is kept as hashes, 4 bytes a function, and the pass stops near the name asked for.
 */
export class NameIndex {
  readonly #pclntab: Pclntab
  /** One window for each table that the pass goes along. */
  readonly #ftab: SlidingWindow
  readonly #records: SlidingWindow
  readonly #names: SlidingWindow
  #hashes = new Uint32Array(0)
  #done = 0

  constructor(pclntab: Pclntab) {
    this.#pclntab = pclntab
    this.#ftab = new SlidingWindow(pclntab.memory)
    this.#records = new SlidingWindow(pclntab.memory)
    this.#names = new SlidingWindow(pclntab.memory)
  }

  /** Index of the first function of that name. */
  find(name: string): number | undefined {
    const bytes = new TextEncoder().encode(name)
    const wanted = hashBytes(bytes)
    let from = 0
    let mayBeThere = false
    do {
      const hashes = this.#hashes.subarray(0, this.#done)
      for (let index = hashes.indexOf(wanted, from); index >= 0; index = hashes.indexOf(wanted, index + 1)) {
        if (this.#pclntab.readName(this.#nameOffset(index)) === name) return index
      }
      from = this.#done
      mayBeThere ||= this.#mayName(bytes)
    } while (mayBeThere && this.#extend())
    return undefined
  }

  /**
   * Whether the table of names, which is one of its own from 1.16 on, holds the name or a longer one that ends so: else
   * all functions would be gone through for a name that the linker dropped. True where it cannot be read.
   */
  #mayName(name: Uint8Array): boolean {
    const {memory, places} = this.#pclntab
    const {start, end} = places.funcnametab
    if (start === places.pclntable.start) return true
    const wanted = Buffer.of(...name, 0)
    for (let at: number = start; at < end; at += NAMES_PIECE) {
      const bytes = memory.read(toAddress(at), Math.min(NAMES_PIECE + name.length, end - at))
      if (!bytes || Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(wanted)) return true
    }
    return false
  }

  /** Goes through the next functions, as many as before; false at the end of the table. */
  #extend(): boolean {
    const {nfunc} = this.#pclntab.places
    if (this.#done >= nfunc) return false
    const end = Math.min(nfunc, this.#done + Math.max(FIRST_PASS, this.#done))
    const hashes = new Uint32Array(end)
    hashes.set(this.#hashes)
    for (let index = this.#done; index < end; index++) hashes[index] = this.#hashAt(index)
    this.#hashes = hashes
    this.#done = end
    return true
  }

  #nameOffset(index: number): number {
    const record = this.#pclntab.recordAt(index, this.#ftab)
    if (record === undefined) return 0
    const at = toAddress(record + this.#pclntab.places.release.func.nameOff)
    return readU32(this.#records, at) ?? 0
  }

  #hashAt(index: number): number {
    const {start, end} = this.#pclntab.places.funcnametab
    let at: Address = toAddress(start + this.#nameOffset(index))
    let hash = HASH_START
    for (let length = 0; at < end && length < NAME_LIMIT; ) {
      const toBoundary = 64 - (at % 64)
      const bytes = this.#names.read(at, toBoundary) ?? this.#names.read(at, 1)
      if (!bytes) break
      const nul = bytes.indexOf(0)
      hash = hashBytes(bytes, 0, nul < 0 ? bytes.length : nul, hash)
      if (nul >= 0) break
      length += bytes.length
      at = toAddress(at + bytes.length)
    }
    return hash
  }
}
