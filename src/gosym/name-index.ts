import {toAddress} from '../base/address.ts'
import {readU32} from '../base/memory-reader.ts'
import type {Pclntab} from './pclntab.ts'

/**
 * Functions by name. The table is in order of address, so a name is found by going through all of them; what was gone
 * through is kept as hashes, 4 bytes a function, and the pass stops at the name asked for.
 */
export class NameIndex {
  readonly #pclntab: Pclntab
  #hashes = new Uint32Array(0)
  #done = 0

  constructor(pclntab: Pclntab) {
    this.#pclntab = pclntab
  }

  /** Index of the first function of that name. */
  find(name: string): number | undefined {
    const wanted = hashOf(name)
    let from = 0
    for (;;) {
      const index = this.#hashes.subarray(0, this.#done).indexOf(wanted, from)
      if (index >= 0) {
        if (this.#nameAt(index) === name) return index
        from = index + 1
        continue
      }
      from = this.#done
      if (!this.#extend()) return undefined
    }
  }

  /** Goes through the next functions; false at the end of the table. */
  #extend(): boolean {
    const {nfunc} = this.#pclntab.places
    if (this.#done >= nfunc) return false
    const end = Math.min(nfunc, this.#done + Math.max(256, this.#done))
    const hashes = new Uint32Array(end)
    hashes.set(this.#hashes)
    for (let index = this.#done; index < end; index++) hashes[index] = hashOf(this.#nameAt(index))
    this.#hashes = hashes
    this.#done = end
    return true
  }

  #nameAt(index: number): string {
    const record = this.#pclntab.recordAt(index)
    if (record === undefined) return ''
    const at = toAddress(record + this.#pclntab.places.release.func.nameOff)
    return this.#pclntab.readName(readU32(this.#pclntab.memory, at) ?? 0)
  }
}

/** FNV-1a over the UTF-16 units. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < name.length; index++) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193)
  }
  return hash >>> 0
}
