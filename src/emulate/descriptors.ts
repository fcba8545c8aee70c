import type {ByteSource} from '../base/byte-source.ts'

/** The first one that is given out: 0 to 2 are the process's own. */
const FIRST = 3
const DESCRIPTORS_MAX = 256

export type Descriptor = {kind: 'file'; readonly source: ByteSource; position: number} | {kind: 'pipe'}

/** Open files of a call: they can be read, and lead nowhere. */
export class Descriptors {
  readonly #open = new Map<number, Descriptor>()
  #next = FIRST

  /** undefined: too many. */
  add(descriptor: Descriptor): number | undefined {
    if (this.#open.size >= DESCRIPTORS_MAX) return undefined
    const number = this.#next++
    this.#open.set(number, descriptor)
    return number
  }

  get(number: number): Descriptor | undefined {
    return this.#open.get(number)
  }

  close(number: number): boolean {
    return this.#open.delete(number)
  }
}
