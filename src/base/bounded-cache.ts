/**
 * What was found once and may be found again, by key. It is emptied when it would weigh more than its limit: what comes
 * from a file has no size that one could trust. Without `weigh` the limit counts entries.
 */
export class BoundedCache<Key, Value> {
  readonly #limit: number
  readonly #weigh: (value: Value, key: Key) => number
  readonly #letGo: () => void
  readonly #entries = new Map<Key, Value>()
  #weight = 0

  /** @param letGo is called each time that it was emptied */
  constructor(limit: number, weigh: (value: Value, key: Key) => number = () => 1, letGo: () => void = () => undefined) {
    this.#limit = limit
    this.#weigh = weigh
    this.#letGo = letGo
  }

  /** What is kept of the key, for who makes nothing to ask, not even what would find it. */
  get(key: Key): Value | undefined {
    return this.#entries.get(key)
  }

  /** What is kept of the key; else what `find` gives, which is kept from then on. */
  of(key: Key, find: (key: Key) => Value): Value {
    const known = this.#entries.get(key)
    if (known !== undefined || this.#entries.has(key)) return known as Value
    const value = find(key)
    const weight = this.#weigh(value, key)
    if (this.#weight + weight > this.#limit) {
      this.#entries.clear()
      this.#weight = 0
      this.#letGo()
    }
    this.#weight += weight
    this.#entries.set(key, value)
    return value
  }
}
