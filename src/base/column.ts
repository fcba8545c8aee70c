const ROOM_MIN = 1024

type Numbers = Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>

/**
 * Numbers by index, 4 or 8 bytes each: what a million things have is kept so, for an object of its own takes a hundred
 * bytes. What was not set is 0.
 */
export class Column {
  #numbers: Numbers
  #length = 0

  private constructor(numbers: Numbers) {
    this.#numbers = numbers
  }

  /** Whole numbers below 2^32. */
  static ofUint32(): Column {
    return new Column(new Uint32Array(ROOM_MIN))
  }

  /** Whole numbers below 2^53, and NaN. */
  static ofNumbers(): Column {
    return new Column(new Float64Array(ROOM_MIN))
  }

  get length(): number {
    return this.#length
  }

  at(index: number): number {
    return this.#numbers[index] ?? 0
  }

  set(index: number, number: number): void {
    while (index >= this.#numbers.length) this.#grow()
    this.#numbers[index] = number
    this.#length = Math.max(this.#length, index + 1)
  }

  /** @returns its index */
  push(number: number): number {
    this.set(this.#length, number)
    return this.#length - 1
  }

  #grow(): void {
    const made = this.#numbers instanceof Uint32Array ? Uint32Array : Float64Array
    const longer = new made(this.#numbers.length * 2)
    longer.set(this.#numbers)
    this.#numbers = longer
  }
}
