import type {Extent} from '../base/extent.ts'
import {DW_AT, DW_TAG} from './constants.ts'
import {mayHoldFunctions} from './die-names.ts'
import {DieWalker} from './die-walker.ts'
import {DieAttributes} from './form.ts'
import {type RangeIndex, RangeIndexBuilder} from './range-index.ts'
import type {RangeSink} from './ranges.ts'
import type {Unit} from './unit.ts'

/** The functions of a unit that have code, by pc; columns by function number. */
export class FunctionIndex {
  readonly #ranges: RangeIndex
  readonly #offsets: readonly number[]
  readonly #entries: readonly number[]
  readonly #ends: readonly number[]

  constructor(ranges: RangeIndex, offsets: number[], entries: number[], ends: number[]) {
    this.#ranges = ranges
    this.#offsets = offsets
    this.#entries = entries
    this.#ends = ends
  }

  /**
   * Walks the unit once, reading nothing but subprograms. Those before a damaged place are kept, and `onError` told of
   * it.
   */
  static parse(unit: Unit, onError: (error: unknown) => void): FunctionIndex {
    const ranges = new RangeIndexBuilder()
    const offsets: number[] = []
    const entries: number[] = []
    const ends: number[] = []
    const attributes = new DieAttributes()
    // A function literal of Go stands beside the function that it is written in.
    const isNested = unit.language !== 'go'
    try {
      const walker = new DieWalker(unit, unit.header.firstDie)
      while (walker.next()) {
        if (walker.tag !== DW_TAG.subprogram) {
          if (!mayHoldFunctions(walker.tag, unit)) walker.skipChildren()
          continue
        }
        const {offset} = walker
        walker.read(attributes)
        if (!isNested) walker.skipChildren()
        const extent = readExtent(unit, attributes, onError)
        if (!extent) continue
        for (const {start, end} of extent.ranges) ranges.add(start, end, offsets.length)
        offsets.push(offset)
        entries.push(extent.entry)
        ends.push(extent.end)
      }
    } catch (error) {
      onError(error)
    }
    return new FunctionIndex(ranges.build(), offsets, entries, ends)
  }

  /** Number of the function that covers an address, or -1; of nested ones the innermost. */
  find(address: number, extent?: Extent): number {
    return this.#ranges.find(address, extent)
  }

  forEachRange(sink: RangeSink): void {
    this.#ranges.forEach(sink)
  }

  /** Section offset of a function's DIE. */
  offset(index: number): number {
    return this.#offsets[index] as number
  }

  entry(index: number): number {
    return this.#entries[index] as number
  }

  /** End of the range that starts at the entry. */
  end(index: number): number {
    return this.#ends[index] as number
  }
}

interface CodeOf {
  entry: number
  /** End of the range that starts at the entry. */
  end: number
  ranges: {start: number; end: number}[]
}

/** A subprogram's ranges; its entry is DW_AT_low_pc or DW_AT_entry_pc, else where its first range starts. */
function readExtent(unit: Unit, attributes: DieAttributes, onError: (error: unknown) => void): CodeOf | undefined {
  if (!attributes.has(DW_AT.low_pc) && !attributes.has(DW_AT.ranges)) return undefined
  const ranges: {start: number; end: number}[] = []
  try {
    unit.ranges(attributes, (start, end) => ranges.push({start, end}))
  } catch (error) {
    onError(error)
  }
  const first = ranges[0]
  if (!first) return undefined
  const entry = (unit.address(attributes, DW_AT.low_pc) ?? unit.address(attributes, DW_AT.entry_pc)) || first.start
  const own = ranges.find(({start}) => start === entry) ?? first
  return {entry, end: own.end, ranges}
}
