import {KeyTable} from './key-table.ts'

/** The empty list, with which every other one begins. */
export const EMPTY_LIST = 0

const SLOTS_MIN = 1024

/**
 * Lists of numbers (below 2^32), of which those that begin alike share what they have in common: 20 to 30 bytes for
 * each number that is not shared. A list is a number too: 0 is the empty one, and those that a list begins with come
 * before it.
 */
export class PrefixTree {
  #parents = new Uint32Array(SLOTS_MIN / 2)
  #numbers = new Uint32Array(SLOTS_MIN / 2)
  /** Open addressing: the list at each slot; 0: none. It is never more than half full. */
  #slots = new Uint32Array(SLOTS_MIN)
  #size = 1

  /** How many lists there are, the empty one too. */
  get size(): number {
    return this.#size
  }

  /** The list without its last number. */
  parentOf(list: number): number {
    return this.#parents[list] as number
  }

  /** The last number of a list that is not empty. */
  lastOf(list: number): number {
    return this.#numbers[list] as number
  }

  /** The numbers of a list, the last one first. */
  *backwards(list: number): Generator<number> {
    for (let rest = list; rest !== EMPTY_LIST; rest = this.parentOf(rest)) yield this.lastOf(rest)
  }

  /** The list with one more number, made where it is not there. */
  append(list: number, number: number): number {
    const slot = this.#slotOf(list, number)
    const known = this.#slots[slot] as number
    if (known !== EMPTY_LIST) return known
    const made = this.#size++
    if (made >= this.#parents.length) this.#grow()
    this.#parents[made] = list
    this.#numbers[made] = number
    this.#slots[this.#slotOf(list, number)] = made
    return made
  }

  /** The list with one more number; undefined where it is not there. */
  find(list: number, number: number): number | undefined {
    return this.#slots[this.#slotOf(list, number)] || undefined
  }

  /** Where that list is, or where it would be. */
  #slotOf(list: number, number: number): number {
    const mask = this.#slots.length - 1
    let slot = hash(list, number) & mask
    for (;;) {
      const found = this.#slots[slot] as number
      if (found === EMPTY_LIST || (this.#parents[found] === list && this.#numbers[found] === number)) return slot
      slot = (slot + 1) & mask
    }
  }

  #grow(): void {
    const room = this.#parents.length * 2
    this.#parents = resized(this.#parents, room)
    this.#numbers = resized(this.#numbers, room)
    this.#slots = new Uint32Array(room * 2)
    for (let list = 1; list < this.#size - 1; list++) {
      this.#slots[this.#slotOf(this.parentOf(list), this.lastOf(list))] = list
    }
  }
}

/** The finalizer of MurmurHash3 over both. */
function hash(list: number, number: number): number {
  let h = Math.imul(list, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function resized(column: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(length)
  longer.set(column)
  return longer
}

/** What has one key has one number, from 0 on; the first that came with it is kept. */
export class Numbering<T> {
  readonly #numbers = new KeyTable()
  readonly values: T[] = []

  numberOf(key: string, value: () => T): number {
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const number = this.values.push(value()) - 1
    this.#numbers.add(key, number)
    return number
  }
}
