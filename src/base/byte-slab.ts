/** Larger copies get an array of their own. */
const LARGEST = 4096
const SLAB_LENGTH = 64 * 1024

/**
 * Copies of small pieces of memory, side by side in larger arrays: an array of its own costs more than all that is read
 * from it (measured on Node 20: 2 us, and as much again when it is collected). What is kept of a slab keeps all of it.
 */
export class ByteSlab {
  #bytes = new Uint8Array(0)
  #used = 0

  copy(bytes: Uint8Array): Uint8Array {
    if (bytes.length > LARGEST) return bytes.slice()
    if (this.#used + bytes.length > this.#bytes.length) {
      this.#bytes = new Uint8Array(SLAB_LENGTH)
      this.#used = 0
    }
    const copy = this.#bytes.subarray(this.#used, this.#used + bytes.length)
    copy.set(bytes)
    this.#used += bytes.length
    return copy
  }
}
