import {type Address, number64At, toAddress} from '../base/address.ts'
import {type ByteSource, readPresent, readPresentNumber64} from '../base/byte-source.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {lastAtOrBelow} from '../base/sorted-ranges.ts'
import type {Segment} from './elf-headers.ts'

/** Reads of more than this that cross segments are refused: nothing reads so much of a process at once. */
const CROSSING_READ_MAX = 256 * 1024 * 1024

/** Which part of a core's memory an address is in. `end` is the first address of which something else is true. */
export interface CoreExtent {
  /** dumped: in the file. cut: was to be in the file, which ends before. left-out: mapped, not dumped. */
  state: 'dumped' | 'cut' | 'left-out' | 'unmapped'
  start: number
  end: number
  readable: boolean
  writable: boolean
  executable: boolean
}

/**
 * A core's PT_LOADs as columns sorted by address (a core of 300,000 mappings has 12 MB of them), and the memory that
 * they hold. What the core does not hold is absent, never zero: the kernel leaves out what a file or a page that was
 * never touched would give, and only the caller can know which.
 */
export class CoreSegments implements MemoryReader {
  readonly #source: ByteSource
  readonly #starts: Float64Array
  /** End of the bytes that are in the file. */
  readonly #heldEnds: Float64Array
  /** End of the bytes that the program header puts in the file. */
  readonly #dumpedEnds: Float64Array
  readonly #ends: Float64Array
  readonly #offsets: Float64Array
  readonly #flags: Uint8Array
  /** Bytes that program headers put in the file, and those of them past its end. */
  readonly dumpedSize: number
  readonly missingSize: number
  /** The segment of the last read: most reads stay in one stack or heap arena. */
  #lastStart = 0
  #lastEnd = 0
  #lastDelta = 0

  constructor(source: ByteSource, loads: Iterable<Piece>) {
    this.#source = source
    const columns = sortByStart(gather(loads))
    this.#starts = columns.starts
    this.#dumpedEnds = columns.dumpedEnds
    this.#ends = columns.ends
    this.#offsets = columns.offsets
    this.#flags = columns.flags
    this.#heldEnds = new Float64Array(columns.starts.length)
    let dumped = 0
    let missing = 0
    for (let index = 0; index < this.#starts.length; index++) {
      const start = this.#starts[index] as number
      const size = (this.#dumpedEnds[index] as number) - start
      const held = Math.min(size, Math.max(0, source.size - (this.#offsets[index] as number)))
      this.#heldEnds[index] = start + held
      dumped += size
      missing += size - held
    }
    this.dumpedSize = dumped
    this.missingSize = missing
  }

  get count(): number {
    return this.#starts.length
  }

  read(address: Address, length: number): Uint8Array | undefined {
    const end = address + length
    if (address >= this.#lastStart && end <= this.#lastEnd && length >= 0) {
      return readPresent(this.#source, address + this.#lastDelta, length)
    }
    const index = lastAtOrBelow(this.#starts, address)
    const heldEnd = index < 0 ? 0 : (this.#heldEnds[index] as number)
    if (address >= heldEnd || !(length >= 0)) return undefined
    if (end > heldEnd) return this.#readCrossing(address, length)
    this.#lastStart = this.#starts[index] as number
    this.#lastEnd = heldEnd
    this.#lastDelta = (this.#offsets[index] as number) - this.#lastStart
    return readPresent(this.#source, address + this.#lastDelta, length)
  }

  number64(address: Address): number | undefined {
    if (address >= this.#lastStart && address + 8 <= this.#lastEnd) {
      return readPresentNumber64(this.#source, address + this.#lastDelta)
    }
    const bytes = this.read(address, 8)
    return bytes && number64At(new DataView(bytes.buffer, bytes.byteOffset, 8), 0)
  }

  /** A read over the border of adjacent segments; memory that is contiguous was not always one mapping. */
  #readCrossing(address: Address, length: number): Uint8Array | undefined {
    if (length > CROSSING_READ_MAX) return undefined
    // Looked through before anything is allocated.
    for (let at: number = address; at < address + length; ) {
      const extent = this.extentAt(at)
      if (extent.state !== 'dumped') return undefined
      at = extent.end
    }
    const bytes = new Uint8Array(length)
    let done = 0
    while (done < length) {
      const index = lastAtOrBelow(this.#starts, address + done)
      const start = this.#starts[index] as number
      const count = Math.min(length - done, this.#endOf(this.#heldEnds, index) - address - done)
      const part = readPresent(this.#source, (this.#offsets[index] as number) + address + done - start, count)
      if (!part) return undefined
      bytes.set(part, done)
      done += count
    }
    return bytes
  }

  /** A column's end of a segment, cut where the next segment begins. */
  #endOf(column: Float64Array, index: number): number {
    return Math.min(column[index] as number, this.#starts[index + 1] ?? Number.POSITIVE_INFINITY)
  }

  /** The first address at or above this one that was dumped. */
  nextReadable(address: Address): Address | undefined {
    for (let index = Math.max(lastAtOrBelow(this.#starts, address), 0); index < this.#starts.length; index++) {
      const start = this.#starts[index] as number
      const end = this.#endOf(this.#heldEnds, index)
      if (end > address && end > start) return toAddress(Math.max(start, address))
    }
    return undefined
  }

  /** What the core says about an address, and how far around it that holds. */
  extentAt(address: number): CoreExtent {
    const index = lastAtOrBelow(this.#starts, address)
    if (index < 0) return this.#gap(0, index)
    const start = this.#starts[index] as number
    const held = this.#endOf(this.#heldEnds, index)
    const dumped = this.#endOf(this.#dumpedEnds, index)
    const end = this.#endOf(this.#ends, index)
    const flags = this.#flags[index] as number
    const access = accessOf(flags)
    if (address < held) return {state: 'dumped', start, end: held, ...access}
    if (address < dumped) return {state: 'cut', start: held, end: dumped, ...access}
    if (address < end) return {state: 'left-out', start: dumped, end, ...access}
    return this.#gap(end, index)
  }

  #gap(start: number, index: number): CoreExtent {
    const end = this.#starts[index + 1] ?? Number.POSITIVE_INFINITY
    return {state: 'unmapped', start, end, readable: false, writable: false, executable: false}
  }

  /** The same memory without some ranges of it: they count as mapped and left out. */
  without(ranges: readonly {start: Address; end: Address}[]): CoreSegments {
    return ranges.length === 0 ? this : new CoreSegments(this.#source, this.#piecesOutside(ranges))
  }

  *#piecesOutside(ranges: readonly {start: Address; end: Address}[]): Generator<Piece> {
    for (let index = 0; index < this.#starts.length; index++) {
      const start = this.#starts[index] as Address
      const end = this.#ends[index] as Address
      const dumpedEnd = this.#dumpedEnds[index] as number
      const offset = (this.#offsets[index] as number) - start
      const flags = this.#flags[index] as number
      const access = accessOf(flags)
      const piece = (from: Address, to: Address, fileEnd: number): Piece => {
        const fileSize = Math.max(0, Math.min(to, fileEnd) - from)
        return {address: from, memorySize: to - from, fileSize, offset: offset + from, ...access}
      }
      let at = start
      for (const range of ranges) {
        if (range.start < at || range.end > end) continue
        if (range.start > at) yield piece(at, range.start, dumpedEnd)
        yield piece(range.start, range.end, range.start)
        at = range.end
      }
      if (at < end) yield piece(at, end, dumpedEnd)
    }
  }

  /** The dumped parts, lowest first. */
  *dumped(): Generator<{start: Address; end: Address; writable: boolean; executable: boolean}> {
    for (let index = 0; index < this.#starts.length; index++) {
      const start = this.#starts[index] as Address
      const end = this.#endOf(this.#heldEnds, index) as Address
      const flags = this.#flags[index] as number
      if (end > start) yield {start, end, writable: flags % 4 >= 2, executable: flags % 2 === 1}
    }
  }
}

/** A PT_LOAD, or a part of one. */
type Piece = Pick<Segment, 'address' | 'memorySize' | 'fileSize' | 'offset' | 'readable' | 'writable' | 'executable'>

interface Columns {
  starts: Float64Array
  dumpedEnds: Float64Array
  ends: Float64Array
  offsets: Float64Array
  flags: Uint8Array
}

function accessOf(flags: number): Pick<Segment, 'readable' | 'writable' | 'executable'> {
  return {readable: flags % 8 >= 4, writable: flags % 4 >= 2, executable: flags % 2 === 1}
}

function gather(loads: Iterable<Piece>): Columns {
  let capacity = 256
  let columns = makeColumns(capacity)
  let count = 0
  for (const load of loads) {
    if (count === capacity) {
      capacity *= 2
      columns = copyColumns(columns, makeColumns(capacity))
    }
    columns.starts[count] = load.address
    columns.dumpedEnds[count] = load.address + Math.min(load.fileSize, load.memorySize)
    columns.ends[count] = load.address + load.memorySize
    columns.offsets[count] = load.offset
    columns.flags[count] = (load.executable ? 1 : 0) + (load.writable ? 2 : 0) + (load.readable ? 4 : 0)
    count++
  }
  return {
    starts: columns.starts.slice(0, count),
    dumpedEnds: columns.dumpedEnds.slice(0, count),
    ends: columns.ends.slice(0, count),
    offsets: columns.offsets.slice(0, count),
    flags: columns.flags.slice(0, count),
  }
}

function makeColumns(count: number): Columns {
  return {
    starts: new Float64Array(count),
    dumpedEnds: new Float64Array(count),
    ends: new Float64Array(count),
    offsets: new Float64Array(count),
    flags: new Uint8Array(count),
  }
}

function copyColumns(from: Columns, to: Columns): Columns {
  to.starts.set(from.starts)
  to.dumpedEnds.set(from.dumpedEnds)
  to.ends.set(from.ends)
  to.offsets.set(from.offsets)
  to.flags.set(from.flags)
  return to
}

/** Linux writes them in order; other writers need not. */
function sortByStart(columns: Columns): Columns {
  const {starts} = columns
  const sorted = starts.every((start, index) => index === 0 || start >= (starts[index - 1] as number))
  if (sorted) return columns
  const order = Uint32Array.from(starts, (_, index) => index)
  order.sort((a, b) => (starts[a] as number) - (starts[b] as number) || a - b)
  const result = makeColumns(starts.length)
  order.forEach((from, to) => {
    result.starts[to] = starts[from] as number
    result.dumpedEnds[to] = columns.dumpedEnds[from] as number
    result.ends[to] = columns.ends[from] as number
    result.offsets[to] = columns.offsets[from] as number
    result.flags[to] = columns.flags[from] as number
  })
  return result
}
