import {hash} from 'node:crypto'

/** So many keys are kept as they are. */
const TEXTS = 10_000
const SLOTS_MIN = 2 ** 17
/** Of a digest: 128 bits are enough, no two of a million keys share that many. */
const WORDS = 4

/**
 * Numbers (below 2^32 - 1) by text. Of very many keys digests are kept, in 20 to 40 bytes each: a text takes five times
 * as much.
 */
export class KeyTable {
  readonly #texts = new Map<string, number>()
  #digests: DigestTable | undefined

  get(key: string): number | undefined {
    return this.#texts.get(key) ?? this.#digests?.get(digestOf(key))
  }

  /** The key must not be there yet. */
  add(key: string, number: number): void {
    if (this.#texts.size < TEXTS) this.#texts.set(key, number)
    else {
      this.#digests ??= new DigestTable()
      this.#digests.add(digestOf(key), number)
    }
  }
}

function digestOf(key: string): Uint32Array {
  const digest = hash('sha256', Buffer.from(key, 'utf16le'), 'buffer')
  return Uint32Array.from({length: WORDS}, (_, word) => digest.readUInt32LE(word * 4))
}

/** Open addressing. */
class DigestTable {
  #digests = new Uint32Array(SLOTS_MIN * WORDS)
  /** One more than the number at each slot; 0: none. At most half of them are taken. */
  #numbers = new Uint32Array(SLOTS_MIN)
  #size = 0

  get(digest: Uint32Array): number | undefined {
    const found = this.#numbers[this.#slotOf(digest)] as number
    return found === 0 ? undefined : found - 1
  }

  add(digest: Uint32Array, number: number): void {
    if (++this.#size * 2 > this.#numbers.length) this.#grow()
    this.#put(digest, number + 1)
  }

  #put(digest: Uint32Array, stored: number): void {
    const slot = this.#slotOf(digest)
    this.#digests.set(digest, slot * WORDS)
    this.#numbers[slot] = stored
  }

  /** Where that digest is, or where it would be. */
  #slotOf(digest: Uint32Array): number {
    const slots = this.#numbers.length
    let slot = (digest[0] as number) % slots
    while (this.#numbers[slot] !== 0 && !this.#isAt(slot, digest)) slot = (slot + 1) % slots
    return slot
  }

  #isAt(slot: number, digest: Uint32Array): boolean {
    const at = slot * WORDS
    for (let word = 0; word < WORDS; word++) if (this.#digests[at + word] !== digest[word]) return false
    return true
  }

  #grow(): void {
    const [digests, numbers] = [this.#digests, this.#numbers]
    this.#digests = new Uint32Array(digests.length * 2)
    this.#numbers = new Uint32Array(numbers.length * 2)
    for (const [slot, stored] of numbers.entries()) {
      if (stored !== 0) this.#put(digests.subarray(slot * WORDS, (slot + 1) * WORDS), stored)
    }
  }
}
