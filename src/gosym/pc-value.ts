import {type Address, toAddress} from '../base/address.ts'
import type {Extent} from '../base/extent.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {middleOf} from '../base/sorted-ranges.ts'

/** No value: what the runtime's pcvalue returns for a pc that its table does not cover. */
export const NO_VALUE = -1

/** A decoded pc-value table (pcsp, pcfile, pcln, pcdata) of one function. */
export class PcValueTable {
  static readonly EMPTY = new PcValueTable([], [])
  /** Ends of the ranges, as offsets from the function's entry, ascending. Of short columns an array costs least. */
  readonly ends: readonly number[]
  readonly values: readonly number[]

  constructor(ends: readonly number[], values: readonly number[]) {
    this.ends = ends
    this.values = values
  }

  /**
   * The value at an offset from the entry: that of the first range that ends above it, else NO_VALUE.
   * @param extent is narrowed to where the value is the same @param entry of the function, by which the extent counts
   */
  valueAt(offset: number, extent?: Extent, entry = 0): number {
    const {ends} = this
    let range = 0
    for (let high = ends.length; range < high; ) {
      const middle = middleOf(range, high)
      if ((ends[middle] as number) <= offset) range = middle + 1
      else high = middle
    }
    const isCovered = range < ends.length
    extent?.narrow(
      range === 0 ? entry : entry + (ends[range - 1] as number),
      isCovered ? entry + (ends[range] as number) : Number.POSITIVE_INFINITY,
    )
    return isCovered && offset >= 0 ? (this.values[range] as number) : NO_VALUE
  }
}

const FIRST_WINDOW = 64
const LARGEST_WINDOW = 4 * 1024 * 1024

/**
 * Reads and decodes the table at `start`; no byte at or past `end` belongs to it, and no pc at or past `codeSize` is
 * asked for, so that what a table can cost is bounded by the function it describes. A table that is cut off or cannot
 * be read keeps the ranges before the damage.
 */
export function readPcValueTable(memory: MemoryReader, start: Address, end: Address, codeSize: number): PcValueTable {
  let best = PcValueTable.EMPTY
  for (let window = FIRST_WINDOW; ; window *= 8) {
    const length = Math.min(window, end - start, LARGEST_WINDOW)
    const bytes = length > 0 ? readUpTo(memory, start, length) : undefined
    if (!bytes) return best
    const {table, terminated} = decodePcValueTable(bytes, codeSize)
    if (terminated || bytes.length < window || window >= LARGEST_WINDOW) return table
    best = table
  }
}

/** `length` bytes, or those up to the next page where the rest is missing. */
function readUpTo(memory: MemoryReader, start: Address, length: number): Uint8Array | undefined {
  const whole = memory.read(start, length)
  if (whole) return whole
  const toPage = 0x1000 - (start % 0x1000)
  return toPage < length ? memory.read(toAddress(start), toPage) : undefined
}

/**
 * Pairs of (zig-zag uvarint value delta, uvarint pc delta); the value starts at -1, the pc at the entry, and the value
 * holds below the pc that the pair ends at. A zero value delta ends the table, except in the first pair
 * (runtime/symtab.go, pcvalue and step; quantum 1 on amd64).
 */
export function decodePcValueTable(bytes: Uint8Array, codeSize: number): {table: PcValueTable; terminated: boolean} {
  const ends: number[] = []
  const values: number[] = []
  let at = 0
  let value = -1
  let pc = 0
  let terminated = false
  const uvarint = (): number => {
    let result = 0
    for (let scale = 1; scale < 2 ** 35; scale *= 0x80) {
      const byte = bytes[at++]
      if (byte === undefined) return -1
      result += (byte % 0x80) * scale
      if (byte < 0x80) return result
    }
    return -1
  }
  while (at < bytes.length) {
    const delta = uvarint()
    if ((delta === 0 && pc !== 0) || pc >= codeSize) {
      terminated = true
      break
    }
    const length = uvarint()
    if (delta < 0 || length < 0 || pc + length > 0xffffffff) break
    value = Math.trunc(value + (delta % 2 === 0 ? delta / 2 : -(delta + 1) / 2))
    pc += length
    if (length === 0) continue
    ends.push(pc)
    values.push(value)
  }
  return {table: new PcValueTable(ends, values), terminated}
}
