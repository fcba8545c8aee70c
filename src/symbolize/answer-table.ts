import {type Address, TWO_32, toAddress} from '../base/address.ts'
import type {Extent} from '../base/extent.ts'
import {lastAtOrBelow} from '../base/sorted-ranges.ts'
import {StringTable} from '../base/string-table.ts'
import type {Answer, FrameStack} from './answer.ts'
import type {SourceFrame} from './source-frame.ts'

/** A row for each range of addresses, [start, end) from the table's base; 0 for what is unknown of its position. */
const ROW = {start: 0, end: 1, stack: 2, file: 3, line: 4, column: 5} as const
const ROW_COLUMNS = 6
/** A frame of a stack; strings by number; the entry in two halves, the upper one NO_ENTRY where it is unknown. */
const FRAME = {function: 0, linkageName: 1, file: 2, line: 3, column: 4, language: 5, entry: 6, entryHigh: 7, flags: 8}
const FRAME_WORDS = 9
const NO_ENTRY = 0xffffffff
const [IS_GO, IS_INLINED] = [1, 2]
/** More than any compiler inlines into each other. */
const STACK_MAX = 4096

/** A hostile file can give each address a long name of its own: then the table takes no more. */
const TEXT_MAX = 64 * 1024 * 1024
/** Texts that are longer may be in memory once for each stack they are in, whatever they have in common. */
const LONG_TEXT = 1024

/** Columns of ranges in ascending order, none of which overlap. */
type Columns = readonly Uint32Array[]

/** What a table is made of, as it stands in a file. */
export interface TableParts {
  /** Columns one behind the other. */
  readonly rows: Uint32Array
  /** Where the frames of each stack begin, and behind the last one's. */
  readonly stacks: Uint32Array
  readonly frames: Uint32Array
  /** Where each string begins, and behind the last one. */
  readonly strings: Uint32Array
  readonly text: Uint8Array
}

/**
 * The answers to addresses of one file, by ranges in which they are the same, in numbers: no object is kept for an
 * address. What is new is put in order once for many of them.
 */
export class AnswerTable {
  readonly base: number
  /** Each much longer than the one behind it. */
  readonly #runs: Columns[] = []
  readonly #strings: StringTable
  #stacks: Growing
  #frames: Growing
  #added: number[] = []
  /** Characters of long texts, in all stacks. */
  #long = 0
  #row = 0
  #columns: Columns = []

  /** @param base the lowest address @param parts of the same file, from another run; nothing of them is trusted */
  constructor(base: number, parts?: TableParts) {
    this.base = base
    this.#strings = new StringTable(parts?.strings, parts?.text)
    this.#stacks = new Growing(parts?.stacks ?? Uint32Array.of(0))
    this.#frames = new Growing(parts?.frames ?? new Uint32Array(0))
    if (parts && parts.rows.length > 0) this.#runs.push(columnsOf(parts.rows))
  }

  /** How many ranges there are. */
  get size(): number {
    return this.#runs.reduce((sum, run) => sum + lengthOf(run), 0)
  }

  /** Whether it has as much text as it takes: answers that are added now are not found. */
  get isFull(): boolean {
    return this.#strings.length + this.#long > TEXT_MAX
  }

  /** To the range that an address is in; false where none is known. */
  seek(address: number): boolean {
    const offset = address - this.base
    for (const run of this.#runs) {
      const row = lastAtOrBelow(run[ROW.start] as Uint32Array, offset)
      if (row < 0 || offset >= value(run, ROW.end, row)) continue
      this.#columns = run
      this.#row = row
      return true
    }
    return false
  }

  /** Number of the stack of the range. */
  get stack(): number {
    return value(this.#columns, ROW.stack, this.#row)
  }

  /** Of the innermost frame. */
  get file(): string | null {
    return this.#strings.at(value(this.#columns, ROW.file, this.#row))
  }

  get line(): number {
    return value(this.#columns, ROW.line, this.#row)
  }

  /** The frames of the range, without a place. */
  get frames(): SourceFrame[] {
    const frames = this.framesOf(this.stack)
    const [innermost] = frames
    if (!innermost) return frames
    const column = value(this.#columns, ROW.column, this.#row) || null
    return [{...innermost, file: this.file, line: this.line || null, column}, ...frames.slice(1)]
  }

  get stackCount(): number {
    return this.#stacks.length - 1
  }

  /** The frames of a stack; the position of the innermost one is that of some address. */
  framesOf(stack: number): SourceFrame[] {
    const {first, end} = this.frameNumbers(stack)
    const frames: SourceFrame[] = []
    for (let frame = first; frame < end; frame++) frames.push(this.#frame(frame))
    return frames
  }

  /** Of the frames of a stack, the innermost one first: who needs little of them asks for that by the number. */
  frameNumbers(stack: number): {first: number; end: number} {
    const first = this.#stacks.at(stack)
    return {first, end: Math.min(this.#stacks.at(stack + 1), first + STACK_MAX)}
  }

  functionOf(frame: number): string | null {
    return this.#strings.at(this.#frames.at(frame * FRAME_WORDS + FRAME.function))
  }

  fileOf(frame: number): string | null {
    return this.#strings.at(this.#frames.at(frame * FRAME_WORDS + FRAME.file))
  }

  /** 0 where it is unknown. */
  lineOf(frame: number): number {
    return this.#frames.at(frame * FRAME_WORDS + FRAME.line)
  }

  #frame(index: number): SourceFrame {
    const word = (field: number): number => this.#frames.at(index * FRAME_WORDS + field)
    const string = (field: number): string | null => this.#strings.at(word(field))
    const flags = word(FRAME.flags)
    const high = word(FRAME.entryHigh)
    return {
      kind: flags % 2 === IS_GO ? 'go' : 'c',
      function: string(FRAME.function),
      linkageName: string(FRAME.linkageName),
      file: string(FRAME.file),
      line: word(FRAME.line) || null,
      column: word(FRAME.column) || null,
      entry: high === NO_ENTRY ? null : entryOf(high, word(FRAME.entry)),
      inlined: flags >= IS_INLINED,
      language: string(FRAME.language),
      module: null,
      moduleOffset: null,
    }
  }

  /** Takes an answer, unless it is full; it is found once all that came are settled. */
  add({start, end}: Extent, {stack, position}: Answer): void {
    const {file, line, column} = position
    const first = Math.max(start - this.base, 0)
    const last = Math.min(end - this.base, NO_ENTRY)
    if (first >= last || this.isFull) return
    this.#added.push(first, last, this.#idOf(stack), this.#strings.numberOf(file), line ?? 0, column ?? 0)
  }

  #idOf(stack: FrameStack): number {
    if (stack.takenBy === this) return stack.number as number
    const id = this.#stacks.length - 1
    for (const frame of stack.frames) this.#addFrame(frame)
    this.#stacks.push(this.#frames.length / FRAME_WORDS)
    stack.takenBy = this
    stack.number = id
    return id
  }

  #addFrame(frame: SourceFrame): void {
    const {entry} = frame
    for (const text of [frame.function, frame.linkageName, frame.file]) {
      this.#frames.push(this.#strings.numberOf(text))
      if (text && text.length > LONG_TEXT) this.#long += text.length
    }
    this.#frames.push(frame.line ?? 0)
    this.#frames.push(frame.column ?? 0)
    this.#frames.push(this.#strings.numberOf(frame.language))
    this.#frames.push(entry === null ? 0 : entry % TWO_32)
    this.#frames.push(entry === null ? NO_ENTRY : Math.floor(entry / TWO_32))
    this.#frames.push((frame.kind === 'go' ? IS_GO : 0) + (frame.inlined ? IS_INLINED : 0))
  }

  /**
   * What was added can be found from now on. Runs that are not much longer are put together with it: a row is moved as
   * often as the number of rows doubles.
   */
  settle(): void {
    if (this.#added.length === 0) return
    let run = sortedColumns(this.#added)
    this.#added = []
    for (let last = this.#runs.at(-1); last && lengthOf(last) < lengthOf(run) * 2; last = this.#runs.at(-1)) {
      this.#runs.pop()
      run = mergedColumns(last, run)
    }
    this.#runs.push(run)
  }

  /** All of it, for a file. */
  parts(): TableParts {
    this.settle()
    const run = this.#runs.reduce(mergedColumns, emptyColumns(0))
    const count = lengthOf(run)
    const rows = new Uint32Array(count * ROW_COLUMNS)
    for (const [index, column] of run.entries()) rows.set(column, index * count)
    return {rows, stacks: this.#stacks.whole(), frames: this.#frames.whole(), ...this.#strings.parts()}
  }
}

function value(columns: Columns, column: number, row: number): number {
  return (columns[column] as Uint32Array)[row] as number
}

function lengthOf(columns: Columns): number {
  return (columns[ROW.start] as Uint32Array).length
}

function emptyColumns(count: number): Uint32Array[] {
  return Array.from({length: ROW_COLUMNS}, () => new Uint32Array(count))
}

function columnsOf(rows: Uint32Array): Columns {
  const count = Math.floor(rows.length / ROW_COLUMNS)
  return Array.from({length: ROW_COLUMNS}, (_, index) => rows.subarray(index * count, (index + 1) * count))
}

function sortedColumns(added: readonly number[]): Columns {
  const count = added.length / ROW_COLUMNS
  const order = orderByStart(added, count)
  const columns = emptyColumns(count)
  for (const [column, values] of columns.entries()) {
    for (let row = 0; row < count; row++) values[row] = added[(order[row] as number) * ROW_COLUMNS + column] as number
  }
  return columns
}

/** Ranges that came in ascending order, as most do, stay as they are: it takes long to compare so many. */
function orderByStart(added: readonly number[], count: number): Uint32Array {
  const start = (row: number): number => added[row * ROW_COLUMNS] as number
  const order = new Uint32Array(count)
  let isAscending = true
  for (let row = 0; row < count; row++) {
    order[row] = row
    if (row > 0 && start(row) < start(row - 1)) isAscending = false
  }
  return isAscending ? order : order.sort((a, b) => start(a) - start(b))
}

function mergedColumns(left: Columns, right: Columns): Columns {
  const [leftCount, rightCount] = [lengthOf(left), lengthOf(right)]
  const merged = emptyColumns(leftCount + rightCount)
  let [a, b] = [0, 0]
  for (let row = 0; row < leftCount + rightCount; row++) {
    const isLeft = b >= rightCount || (a < leftCount && value(left, ROW.start, a) <= value(right, ROW.start, b))
    const from = isLeft ? left : right
    const at = isLeft ? a++ : b++
    for (let column = 0; column < ROW_COLUMNS; column++) {
      ;(merged[column] as Uint32Array)[row] = value(from, column, at)
    }
  }
  return merged
}

function entryOf(high: number, low: number): Address {
  return toAddress(high * TWO_32 + low)
}

/** Numbers of 32 bits that become more. Past the end they are 0. */
class Growing {
  #words: Uint32Array
  length: number

  constructor(words: Uint32Array) {
    this.#words = words
    this.length = words.length
  }

  at(index: number): number {
    return index < this.length ? (this.#words[index] as number) : 0
  }

  push(word: number): void {
    if (this.length === this.#words.length) {
      const longer = new Uint32Array(Math.max(256, this.length * 2))
      longer.set(this.#words)
      this.#words = longer
    }
    this.#words[this.length++] = word
  }

  whole(): Uint32Array {
    return this.#words.subarray(0, this.length)
  }
}
