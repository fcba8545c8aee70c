import type {Extent} from '../base/extent.ts'
import {lastAtOrBelow} from '../base/sorted-ranges.ts'

/** Grows columns of (start, end, value); where ranges overlap, the one added last wins, or the one added first. */
export class RangeIndexBuilder {
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  readonly #values: number[] = []

  get size(): number {
    return this.#starts.length
  }

  add(start: number, end: number, value: number): void {
    if (!(end > start)) return
    this.#starts.push(start)
    this.#ends.push(end)
    this.#values.push(value)
  }

  buildFirstWins(): RangeIndex {
    for (const column of [this.#starts, this.#ends, this.#values]) column.reverse()
    return this.build()
  }

  build(): RangeIndex {
    const count = this.#starts.length
    const order = new Uint32Array(count)
    for (let at = 0; at < count; at++) order[at] = at
    const starts = this.#starts
    order.sort((a, b) => (starts[a] as number) - (starts[b] as number) || a - b)
    return flatten(order, starts, this.#ends, this.#values)
  }
}

/** Disjoint half-open ranges in ascending order, each with a value (a small integer). */
export class RangeIndex {
  readonly #count: number
  /** All starts, then all ends, then all values: a program has thousands of these, most of a few ranges. */
  readonly #columns: Float64Array

  constructor(starts: number[], ends: number[], values: number[]) {
    const count = starts.length
    this.#count = count
    this.#columns = new Float64Array(count * 3)
    for (let at = 0; at < count; at++) {
      this.#columns[at] = starts[at] as number
      this.#columns[count + at] = ends[at] as number
      this.#columns[count * 2 + at] = values[at] as number
    }
  }

  #start(at: number): number {
    return this.#columns[at] as number
  }

  #end(at: number): number {
    return this.#columns[this.#count + at] as number
  }

  #value(at: number): number {
    return this.#columns[this.#count * 2 + at] as number
  }

  /** The value of the range that holds `address`; -1 where none does. */
  find(address: number, extent?: Extent): number {
    const at = lastAtOrBelow(this.#columns, address, this.#count)
    const end = at < 0 ? 0 : this.#end(at)
    if (address < end) {
      extent?.narrow(this.#start(at), end)
      return this.#value(at)
    }
    extent?.narrow(end, at + 1 < this.#count ? this.#start(at + 1) : Number.POSITIVE_INFINITY)
    return -1
  }

  /** The last range that starts at or below `address`, whether or not it reaches so far. */
  lastBefore(address: number): {start: number; value: number} | undefined {
    const at = lastAtOrBelow(this.#columns, address, this.#count)
    return at < 0 ? undefined : {start: this.#start(at), value: this.#value(at)}
  }

  forEach(visit: (start: number, end: number, value: number) => void): void {
    for (let at = 0; at < this.#count; at++) visit(this.#start(at), this.#end(at), this.#value(at))
  }
}

/**
 * Sweeps over starts and ends; a heap holds the open ranges with the latest added on top, so that each stretch of
 * addresses goes to it. Without overlaps the heap never holds more than one.
 */
function flatten(order: Uint32Array, starts: number[], ends: number[], values: number[]): RangeIndex {
  const flat: [number[], number[], number[]] = [[], [], []]
  const heap = new LatestHeap()
  let position = 0
  const advance = (limit: number) => {
    for (let top = heap.top(); top >= 0 && position < limit; top = heap.top()) {
      const end = ends[top] as number
      if (end > position) {
        const stop = Math.min(end, limit)
        append(flat, position, stop, values[top] as number)
        position = stop
      }
      if (end <= position) heap.pop()
    }
  }
  for (const next of order) {
    const start = starts[next] as number
    advance(start)
    position = start
    heap.push(next)
  }
  advance(Number.POSITIVE_INFINITY)
  return new RangeIndex(...flat)
}

function append(flat: [number[], number[], number[]], start: number, end: number, value: number): void {
  const [starts, ends, values] = flat
  const last = starts.length - 1
  if (last >= 0 && ends[last] === start && values[last] === value) {
    ends[last] = end
    return
  }
  starts.push(start)
  ends.push(end)
  values.push(value)
}

/** A binary heap of indices, largest on top. */
class LatestHeap {
  readonly #items: number[] = []

  top(): number {
    return this.#items[0] ?? -1
  }

  push(item: number): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = Math.floor((at - 1) / 2)
      const above = items[parent] as number
      if (above >= item) break
      items[at] = above
      at = parent
    }
    items[at] = item
  }

  pop(): void {
    const items = this.#items
    const item = items.pop()
    if (item === undefined || items.length === 0) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= items.length) break
      if (child + 1 < items.length && (items[child + 1] as number) > (items[child] as number)) child++
      if ((items[child] as number) <= item) break
      items[at] = items[child] as number
      at = child
    }
    items[at] = item
  }
}
