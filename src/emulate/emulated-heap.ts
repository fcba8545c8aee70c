import {type Address, NULL_ADDRESS, toAddress} from '../base/address.ts'
import type {EmulatedMemory} from './emulated-memory.ts'

const ALIGNMENT = 16
const CHUNK = 1024 * 1024
/** What is larger has a mapping of its own. */
const SMALL_MAX = CHUNK / 4

/** Memory for malloc. What is freed is not used again: a call is short, and its memory bounded. */
export class EmulatedHeap {
  readonly #memory: EmulatedMemory
  readonly #sizes = new Map<number, number>()
  #next = 0
  #end = 0

  constructor(memory: EmulatedMemory) {
    this.#memory = memory
  }

  /** @throws CallEnd memory-limit */
  allocate(size: number, alignment = ALIGNMENT): Address {
    const wanted = Math.max(1, size)
    const step = Math.max(ALIGNMENT, alignment)
    if (wanted + step > SMALL_MAX) return this.#note(this.#aligned(this.#memory.map(wanted + step), step), wanted)
    let start = this.#aligned(this.#next, step)
    if (this.#next === 0 || start + wanted > this.#end) {
      this.#next = this.#memory.map(CHUNK)
      this.#end = this.#next + CHUNK
      start = this.#aligned(this.#next, step)
    }
    this.#next = start + wanted
    return this.#note(start, wanted)
  }

  #aligned(address: number, step: number): number {
    return Math.ceil(address / step) * step
  }

  #note(start: number, size: number): Address {
    this.#sizes.set(start, size)
    return toAddress(start)
  }

  /** undefined: it is not of this heap, but of the dead process's. */
  sizeOf(address: Address): number | undefined {
    return this.#sizes.get(address)
  }

  /** Text with a NUL behind it. */
  text(text: string): Address {
    const bytes = new TextEncoder().encode(text)
    const place = this.allocate(bytes.length + 1)
    this.#memory.write(place, bytes)
    this.#memory.setU8(place + bytes.length, 0)
    return place
  }

  resize(address: Address, size: number, oldSize: number): Address {
    const place = this.allocate(size)
    if (address !== NULL_ADDRESS) this.#memory.write(place, this.#memory.read(address, Math.min(size, oldSize)))
    return place
  }
}
