/** The same numbers from the same seed, everywhere: xorshift32 (G. Marsaglia, "Xorshift RNGs", 2003). */
export class Random {
  #state: number

  constructor(seed: number) {
    // Seeds that follow each other must not begin alike; a state of 0 would stay 0.
    this.#state = Math.imul(seed + 0x9e3779b9, 0x85ebca6b) >>> 0 || 1
    for (let round = 0; round < 4; round++) this.next()
  }

  /** 32 bits. */
  next(): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state >>> 0
    return this.#state
  }

  /** An integer from 0 to below `limit`. */
  below(limit: number): number {
    return limit <= 2 ** 32 ? this.next() % limit : (this.next() * 2 ** 21 + (this.next() >>> 11)) % limit
  }

  /** True once in so many times. */
  once(times: number): boolean {
    return this.below(times) === 0
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('nothing to pick from')
    return list[this.below(list.length)] as T
  }
}
