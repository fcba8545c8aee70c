import type {Address, Word} from '../base/address.ts'
import {lastAtOrBelow} from '../base/sorted-ranges.ts'

const WORD = 8

/** Words of memory that others stood for when the process died; what is read has the true ones in their place. */
export class ReplacedWords {
  readonly #addresses: Float64Array
  /** The true words, one after the other, in the order of their addresses. */
  readonly #words: Uint8Array

  constructor(words: ReadonlyMap<Address, Word>) {
    const sorted = [...words].sort(([a], [b]) => a - b)
    this.#addresses = Float64Array.from(sorted, ([address]) => address)
    const view = new DataView(new ArrayBuffer(sorted.length * WORD))
    for (const [index, [, word]] of sorted.entries()) view.setBigUint64(index * WORD, word, true)
    this.#words = new Uint8Array(view.buffer)
  }

  /** What was read at an address, in a copy where any of it is replaced. */
  applyTo(address: Address, bytes: Uint8Array): Uint8Array {
    const addressAt = (index: number) => this.#addresses[index] ?? Number.POSITIVE_INFINITY
    const end = address + bytes.length
    let index = lastAtOrBelow(this.#addresses, address - WORD) + 1
    if (addressAt(index) >= end) return bytes
    const copy = new Uint8Array(bytes)
    for (; addressAt(index) < end; index++) {
      const start = addressAt(index) - address
      const first = Math.max(0, -start)
      const last = Math.min(WORD, bytes.length - start)
      copy.set(this.#words.subarray(index * WORD + first, index * WORD + last), start + first)
    }
    return copy
  }
}
