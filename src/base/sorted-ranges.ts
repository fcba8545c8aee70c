/** Half-open ranges sorted by start, each with a value; where two overlap, the one that starts later wins. */
export interface Range<T> {
  start: number
  end: number
  value: T
}

export class SortedRanges<T> {
  readonly #starts: Float64Array
  readonly #ranges: Range<T>[]

  constructor(ranges: Iterable<Range<T>>) {
    this.#ranges = [...ranges].filter(range => range.end > range.start).sort((a, b) => a.start - b.start)
    this.#starts = Float64Array.from(this.#ranges, range => range.start)
  }

  /** The range that holds `at`, or undefined. */
  find(at: number): Range<T> | undefined {
    const range = this.#ranges[lastAtOrBelow(this.#starts, at)]
    return range && at < range.end ? range : undefined
  }

  [Symbol.iterator](): Iterator<Range<T>> {
    return this.#ranges[Symbol.iterator]()
  }
}

/** Of a search by halves. V8 keeps this in whole numbers: by Math.floor a search takes twice the time. */
export function middleOf(low: number, high: number): number {
  const sum = low + high
  return (sum - (sum % 2)) / 2
}

/**
 * Index of the last element <= `value` in the elements from `first` up to `end` of an ascending column; one less than
 * `first` where all are above. Of equal elements it gives the last.
 */
export function lastAtOrBelow(
  column: Float64Array | Uint32Array,
  value: number,
  end = column.length,
  first = 0,
): number {
  let low = first
  let high = end
  while (low < high) {
    const middle = middleOf(low, high)
    if ((column[middle] as number) <= value) low = middle + 1
    else high = middle
  }
  return low - 1
}
