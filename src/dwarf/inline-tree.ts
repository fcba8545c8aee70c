import type {Extent} from '../base/extent.ts'
import {DW_AT, DW_TAG} from './constants.ts'
import {mayHoldFunctions} from './die-names.ts'
import {DieWalker} from './die-walker.ts'
import {DieAttributes} from './form.ts'
import {type RangeIndex, RangeIndexBuilder} from './range-index.ts'
import type {DieReference, Unit} from './unit.ts'

/** One call that the compiler dissolved: who was called, and from where (DWARF 5, 3.3.8.2). */
export interface InlinedCall {
  /** The inlined_subroutine DIE; its names lie along its abstract origin. */
  readonly callee: DieReference
  /** File index of the unit's line table; 0 and line 0 where the producer left them out. */
  readonly callFile: number
  readonly callLine: number
  readonly callColumn: number
}

/** Of the call that is read. */
const ATTRIBUTES = new DieAttributes()

/** The inlined calls of one function, by pc; rows by call number. */
export class InlineTree {
  readonly #unit: Unit
  readonly #ranges: RangeIndex
  readonly #rows: readonly CallRow[]

  private constructor(unit: Unit, ranges: RangeIndex, rows: CallRow[]) {
    this.#unit = unit
    this.#ranges = ranges
    this.#rows = rows
  }

  /** undefined where nothing is inlined. @param offset section offset of the subprogram's DIE @throws FormatError */
  static parse(unit: Unit, offset: number): InlineTree | undefined {
    const ranges = new RangeIndexBuilder()
    const rows: CallRow[] = []
    const walker = new DieWalker(unit, offset)
    // the calls that enclose the present DIE, with their depths
    const open: {depth: number; row: number}[] = []
    walker.next()
    while (walker.next()) {
      const {depth, tag} = walker
      while (open.length > 0 && (open[open.length - 1] as {depth: number}).depth >= depth) open.pop()
      if (tag !== DW_TAG.inlined_subroutine) {
        // a nested function has its own tree
        if (tag === DW_TAG.subprogram || !mayHoldFunctions(tag, unit)) walker.skipChildren()
        continue
      }
      const row = rows.length
      const {offset: at} = walker
      walker.read(ATTRIBUTES)
      rows.push({
        offset: at,
        parent: open[open.length - 1]?.row ?? -1,
        file: ATTRIBUTES.number(DW_AT.call_file) ?? 0,
        line: ATTRIBUTES.number(DW_AT.call_line) ?? 0,
        column: ATTRIBUTES.number(DW_AT.call_column) ?? 0,
      })
      unit.ranges(ATTRIBUTES, (start, end) => ranges.add(start, end, row))
      open.push({depth, row})
    }
    return rows.length === 0 ? undefined : new InlineTree(unit, ranges.build(), rows)
  }

  /** Number of the innermost call that an address is inside of, or -1. */
  innermost(address: number, extent?: Extent): number {
    return this.#ranges.find(address, extent)
  }

  /** The calls that an address is inside of, innermost first. */
  find(address: number): InlinedCall[] {
    const calls: InlinedCall[] = []
    for (let row = this.#rows[this.innermost(address)]; row; row = this.#rows[row.parent]) {
      calls.push({
        callee: {unit: this.#unit, offset: row.offset},
        callFile: row.file,
        callLine: row.line,
        callColumn: row.column,
      })
    }
    return calls
  }
}

interface CallRow {
  offset: number
  /** Number of the call that this one is inlined into, or -1. */
  parent: number
  file: number
  line: number
  column: number
}
