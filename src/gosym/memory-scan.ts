import {type Address, toAddress} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'

/** A part of the process to search. Pointers to read-only tables stand in writable (or relocated) ranges. */
export interface ScanRange {
  start: Address
  end: Address
  writable: boolean
}

const CHUNK_SIZE = 0x40000
const PAGE_SIZE = 0x1000

/**
 * Addresses, ascending, of the words aligned to `alignment` (a multiple of 8) whose upper half is `high` and whose
 * lower half passes `testLow`. Parts that cannot be read are stepped over, down to a page.
 */
export function* scanWords(
  memory: MemoryReader,
  range: ScanRange,
  alignment: number,
  high: number,
  testLow: (low: number) => boolean,
): Generator<Address> {
  for (const {bytes, start} of readablePieces(memory, range, alignment)) {
    yield* wordsIn(bytes, start, alignment, high, testLow)
  }
}

/**
 * What can be read of a range, in pieces that begin at a multiple of `alignment`. Each is a view: use it before the
 * next read.
 */
export function* readablePieces(
  memory: MemoryReader,
  range: {readonly start: Address; readonly end: Address},
  alignment: number,
): Generator<{bytes: Uint8Array; start: number}> {
  let at = Math.ceil(range.start / alignment) * alignment
  while (at + 8 <= range.end) {
    let length = Math.min(CHUNK_SIZE - (at % CHUNK_SIZE), range.end - at)
    let bytes = memory.read(toAddress(at), length)
    while (!bytes && length > toPageEnd(at)) {
      length = shorter(at, length)
      bytes = memory.read(toAddress(at), length)
    }
    if (bytes) yield {bytes, start: at}
    const next = bytes ? at + length : skipUnreadable(memory, at + length)
    if (next === undefined) return
    at = Math.ceil(next / alignment) * alignment
  }
}

/** Behind a page that is missing: gaps are claimed by headers, and may be as wide as the address space. */
function skipUnreadable(memory: MemoryReader, at: number): number | undefined {
  return memory.nextReadable ? memory.nextReadable(toAddress(at)) : at
}

function toPageEnd(at: number): number {
  return PAGE_SIZE - (at % PAGE_SIZE)
}

/**
 * About half of `length`, ending at a page: memory is there or missing by pages, and pieces that touch need not join.
 */
function shorter(at: number, length: number): number {
  const end = Math.floor((at + length / 2) / PAGE_SIZE) * PAGE_SIZE
  return end > at ? end - at : toPageEnd(at)
}

function wordsIn(
  bytes: Uint8Array,
  base: number,
  alignment: number,
  high: number,
  testLow: (low: number) => boolean,
): Address[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const hits: Address[] = []
  // The loop that goes over whole segments: one comparison settles nearly every word.
  for (let offset = 0; offset + 8 <= bytes.length; offset += alignment) {
    if (view.getUint32(offset + 4, true) !== high) continue
    if (testLow(view.getUint32(offset, true))) hits.push(toAddress(base + offset))
  }
  return hits
}
