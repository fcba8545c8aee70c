import type {Cursor} from '../base/cursor.ts'
import type {Extent} from '../base/extent.ts'
import {lastAtOrBelow} from '../base/sorted-ranges.ts'
import {DW_LNE, DW_LNS} from './constants.ts'
import {type LineHeader, linePath, readLineHeader} from './line-header.ts'
import {type RangeIndex, RangeIndexBuilder} from './range-index.ts'
import {TOMBSTONE} from './ranges.ts'
import type {Unit} from './unit.ts'

export interface LineRow {
  file: string | undefined
  /** 0: the compiler says that the code has no line. */
  line: number
  column: number
}

/** The line table of a unit: rows as columns, sequences as disjoint ranges. */
export class LineTable {
  readonly #header: LineHeader
  readonly #rows: LineRows
  readonly #sequences: RangeIndex
  /** First and last+1 row of each sequence. */
  readonly #bounds: readonly number[]
  readonly #compDir: string | undefined
  readonly #paths: (string | undefined)[] = []

  constructor(
    header: LineHeader,
    rows: LineRows,
    sequences: RangeIndex,
    bounds: number[],
    compDir: string | undefined,
  ) {
    this.#header = header
    this.#rows = rows
    this.#sequences = sequences
    this.#bounds = bounds
    this.#compDir = compDir
  }

  /** Sequences before a damaged place are kept, and `onError` told of it. @throws FormatError for a broken header */
  static parse(unit: Unit, offset: number, onError: (error: unknown) => void): LineTable {
    const header = readLineHeader(unit, offset)
    const rows = new LineRows(header.program.remaining)
    const sequences = new RangeIndexBuilder()
    const bounds: number[] = []
    const finish = (first: number, endAddress: number) => {
      rows.sortFrom(first)
      const start = rows.address(first)
      if (rows.count > first && start > 0 && start < endAddress && endAddress < TOMBSTONE) {
        sequences.add(start, endAddress, bounds.length / 2)
        bounds.push(first, rows.count)
      } else rows.cut(first)
    }
    const machine = new LineMachine(header, rows, finish)
    try {
      machine.run()
    } catch (error) {
      onError(error)
      machine.dropOpenSequence()
    }
    return new LineTable(header, rows.trim(), sequences.build(), bounds, unit.compDir)
  }

  /** The row that covers an address; of several that start at one address the last (the others cover nothing). */
  find(address: number, extent?: Extent): LineRow | undefined {
    const sequence = this.#sequences.find(address, extent)
    if (sequence < 0) return undefined
    const end = this.#bounds[sequence * 2 + 1] as number
    const row = this.#rows.find(address, this.#bounds[sequence * 2] as number, end)
    extent?.narrow(this.#rows.address(row), row + 1 < end ? this.#rows.address(row + 1) : Number.POSITIVE_INFINITY)
    return {file: this.path(this.#rows.file(row)), line: this.#rows.line(row), column: this.#rows.column(row)}
  }

  /** The path of a file index of this table (DW_AT_call_file, DW_AT_decl_file). */
  path(index: number): string | undefined {
    if (!(index in this.#paths)) this.#paths[index] = linePath(this.#header, index, this.#compDir)
    return this.#paths[index]
  }

  /** The MD5 of a file's content, in hexadecimal, where the compiler wrote it down. */
  digestOf(path: string): string | undefined {
    const {files} = this.#header
    return files.find(({md5}, index) => md5 !== undefined && this.path(index) === path)?.md5
  }
}

/** Columns of (address, file, line, column) that double as they fill. */
class LineRows {
  #addresses: Float64Array
  #files: Uint32Array
  #lines: Uint32Array
  #columns: Uint32Array
  count = 0

  /** @param bytes of the program, of which a row takes two to five */
  constructor(bytes: number) {
    const length = Math.max(16, Math.ceil(bytes / 4))
    this.#addresses = new Float64Array(length)
    this.#files = new Uint32Array(length)
    this.#lines = new Uint32Array(length)
    this.#columns = new Uint32Array(length)
  }

  push(address: number, file: number, line: number, column: number): void {
    if (this.count === this.#addresses.length) this.#resize(this.count * 2)
    const at = this.count++
    this.#addresses[at] = address
    this.#files[at] = file
    this.#lines[at] = line
    this.#columns[at] = column
  }

  #resize(length: number): void {
    const copy = <T extends Float64Array | Uint32Array>(from: T, to: T): T => {
      to.set(from.subarray(0, Math.min(length, this.count)))
      return to
    }
    this.#addresses = copy(this.#addresses, new Float64Array(length))
    this.#files = copy(this.#files, new Uint32Array(length))
    this.#lines = copy(this.#lines, new Uint32Array(length))
    this.#columns = copy(this.#columns, new Uint32Array(length))
  }

  /** Gives back what is not needed, where that is much. */
  trim(): this {
    if (this.#addresses.length > this.count * 2) this.#resize(Math.max(this.count, 1))
    return this
  }

  cut(count: number): void {
    this.count = count
  }

  address(row: number): number {
    return this.#addresses[row] as number
  }

  file(row: number): number {
    return this.#files[row] as number
  }

  line(row: number): number {
    return this.#lines[row] as number
  }

  column(row: number): number {
    return this.#columns[row] as number
  }

  /** The last row at or below `address` in [first, end). */
  find(address: number, first: number, end: number): number {
    return Math.max(lastAtOrBelow(this.#addresses, address, end, first), first)
  }

  /** Rows of a sequence ascend (6.2.5); hand-written tables that do not are put in order. */
  sortFrom(first: number): void {
    let sorted = true
    for (let row = first + 1; row < this.count && sorted; row++) sorted = this.address(row - 1) <= this.address(row)
    if (sorted) return
    const order = Array.from({length: this.count - first}, (_, at) => first + at)
    order.sort((a, b) => this.address(a) - this.address(b) || a - b)
    const rows = order.map(row => [this.address(row), this.file(row), this.line(row), this.column(row)] as const)
    this.count = first
    for (const row of rows) this.push(...row)
  }
}

/** The state machine (6.2.2) and its opcodes (6.2.5). */
class LineMachine {
  readonly #header: LineHeader
  readonly #rows: LineRows
  readonly #finish: (firstRow: number, endAddress: number) => void
  #address = 0
  #operation = 0
  #file = 1
  #line = 1
  #column = 0
  #firstRow = 0

  constructor(header: LineHeader, rows: LineRows, finish: (firstRow: number, endAddress: number) => void) {
    this.#header = header
    this.#rows = rows
    this.#finish = finish
  }

  run(): void {
    this.#runAll()
    this.dropOpenSequence()
  }

  /** Nothing stands behind the loop: V8 optimizes it while it runs, and gives that up each time that it comes there. */
  #runAll(): void {
    const {program, opcodeBase, lineBase, lineRange} = this.#header
    while (!program.atEnd) {
      const opcode = program.u8()
      if (opcode >= opcodeBase) {
        if (lineRange === 0) throw program.error('line_range is 0')
        const adjusted = opcode - opcodeBase
        this.#advance(Math.floor(adjusted / lineRange))
        this.#line += lineBase + (adjusted % lineRange)
        this.#emit()
      } else if (opcode === 0) this.#extended(program)
      else this.#standard(program, opcode)
    }
  }

  /** A sequence without its end_sequence has no end: it cannot be trusted to cover anything. */
  dropOpenSequence(): void {
    this.#rows.cut(this.#firstRow)
  }

  #emit(): void {
    this.#rows.push(this.#address, this.#file, this.#line, this.#column)
  }

  #advance(operations: number): void {
    const {minimumInstructionLength, maximumOperations} = this.#header
    if (maximumOperations === 1) {
      this.#address += minimumInstructionLength * operations
      return
    }
    const total = this.#operation + operations
    this.#address += minimumInstructionLength * Math.floor(total / maximumOperations)
    this.#operation = total % maximumOperations
  }

  #standard(program: Cursor, opcode: number): void {
    switch (opcode) {
      case DW_LNS.copy:
        this.#emit()
        return
      case DW_LNS.advance_pc:
        this.#advance(program.uleb128())
        return
      case DW_LNS.advance_line:
        this.#line += program.sleb128()
        return
      case DW_LNS.set_file:
        this.#file = program.uleb128()
        return
      case DW_LNS.set_column:
        this.#column = program.uleb128()
        return
      case DW_LNS.const_add_pc:
        if (this.#header.lineRange === 0) throw program.error('line_range is 0')
        this.#advance(Math.floor((255 - this.#header.opcodeBase) / this.#header.lineRange))
        return
      case DW_LNS.fixed_advance_pc:
        this.#address += program.u16()
        this.#operation = 0
        return
      default:
        // the flags that we do not keep (is_stmt, basic_block, prologue_end, …), and opcodes of later versions
        for (let left = this.#header.operandCounts[opcode] as number; left > 0; left--) program.uleb128Word()
    }
  }

  #extended(program: Cursor): void {
    const length = program.uleb128()
    const operands = program.slice(length)
    if (length === 0) return
    switch (operands.u8()) {
      case DW_LNE.end_sequence:
        this.#finish(this.#firstRow, this.#address)
        this.#reset()
        return
      case DW_LNE.set_address:
        this.#address = operands.remaining === 8 ? operands.number64() : operands.unsigned(operands.remaining)
        this.#operation = 0
        return
      case DW_LNE.define_file: {
        const name = operands.cstring()
        this.#header.files.push({name, directory: operands.uleb128()})
        return
      }
    }
  }

  #reset(): void {
    this.#firstRow = this.#rows.count
    this.#address = 0
    this.#operation = 0
    this.#file = 1
    this.#line = 1
    this.#column = 0
  }
}
