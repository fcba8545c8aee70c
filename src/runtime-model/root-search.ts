import {type Address, NULL_ADDRESS, TWO_32, toAddress} from '../base/address.ts'
import type {Deadline} from '../base/deadline.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import {readablePieces} from '../gosym/memory-scan.ts'
import {countGoroutines, countProcessors} from './list-shape.ts'
import {isMachine, isPlausiblePointer} from './object-shape.ts'
import {readSlice} from './remote-struct.ts'
import type {GlobalName} from './runtime-globals.ts'

export interface DataRange {
  readonly start: Address
  readonly end: Address
}

export interface FoundRoots {
  readonly globals: Partial<Record<GlobalName, Address>>
  /** Places that point at an M, in the order of their addresses: where the lists of Ms begin. */
  readonly machineHeads: readonly Address[]
}

/** Data and bss of a Go program are a few megabytes; what lies behind so much is not the runtime's. */
const SEARCH_LIMIT = 512 * 1024 * 1024
const GOROUTINE_LIMIT = 2 ** 27
const MACHINE_LIMIT = 200_000
/** A head of a list that is longer than any seen so far is looked for among these many candidates. */
const HEAD_LIMIT = 4096

/**
 * The runtime's roots in a process whose executable is gone: in its data and bss stands one slice whose elements all
 * are goroutines (allgs), one whose n-th element is the n-th processor (allp), and the head of the longest list of Ms
 * (allm). `alllinks` are the offsets that m.alllink may have.
 */
export function searchRoots(
  memory: MemoryReader,
  ranges: readonly DataRange[],
  alllinks: readonly number[],
  deadline?: Deadline,
): FoundRoots {
  const search = new RootSearch(memory, alllinks)
  let left = SEARCH_LIMIT
  for (const range of ranges) {
    const end = toAddress(Math.min(range.end, range.start + left))
    // The candidates are copied out first: whoever examines one reads other memory.
    for (const {bytes, start} of readablePieces(memory, {start: range.start, end}, 8)) {
      if (deadline?.isOver('the search for the Go runtime')) return search.found()
      for (const candidate of plausibleWords(bytes, start)) search.examine(candidate.at, candidate.value)
    }
    left -= Math.max(0, end - range.start)
    if (left <= 0) break
  }
  return search.found()
}

interface Candidate {
  readonly at: Address
  readonly value: Address
}

/** The aligned words of a piece that may be pointers. */
function plausibleWords(bytes: Uint8Array, start: number): Candidate[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found: Candidate[] = []
  for (let offset = 0; offset + 8 <= bytes.length; offset += 8) {
    const high = view.getUint32(offset + 4, true)
    if (high >= 0x8000) continue
    const value = high * TWO_32 + view.getUint32(offset, true)
    if (isPlausiblePointer(value)) found.push({at: toAddress(start + offset), value: toAddress(value)})
  }
  return found
}

class RootSearch {
  readonly #memory: MemoryReader
  readonly #alllinks: readonly number[]
  readonly #places: Address[] = []
  readonly #heads = new Set<Address>()
  #allgs: {at: Address; score: number} | undefined
  #allp: {at: Address; score: number} | undefined
  #allm: {at: Address; score: number} | undefined

  constructor(memory: MemoryReader, alllinks: readonly number[]) {
    this.#memory = memory
    this.#alllinks = alllinks
  }

  examine(at: Address, value: Address): void {
    this.#examineSlice(at)
    if (this.#places.length >= HEAD_LIMIT || !isMachine(this.#memory, value)) return
    this.#places.push(at)
    if (this.#heads.has(value)) return
    this.#heads.add(value)
    const length = this.#listLength(value)
    if (length > (this.#allm?.score ?? 0)) this.#allm = {at, score: length}
  }

  found(): FoundRoots {
    const globals = {
      ...(this.#allgs && {'runtime.allgs': this.#allgs.at}),
      ...(this.#allp && {'runtime.allp': this.#allp.at}),
      ...(this.#allm && {'runtime.allm': this.#allm.at}),
    }
    return {globals, machineHeads: this.#places}
  }

  #examineSlice(at: Address): void {
    const slice = readSlice(this.#memory, at, GOROUTINE_LIMIT)
    if (!slice || slice.length === 0) return
    const first = readAddress(this.#memory, slice.array)
    if (first === undefined || !isPlausiblePointer(first)) return
    const goroutines = countGoroutines(this.#memory, slice)
    if (goroutines > (this.#allgs?.score ?? 0)) this.#allgs = {at, score: goroutines}
    const processors = countProcessors(this.#memory, slice)
    if (processors > (this.#allp?.score ?? 0)) this.#allp = {at, score: processors}
  }

  #listLength(head: Address): number {
    let longest = 0
    for (const link of this.#alllinks) {
      const seen = new Set<Address>()
      let at: Address | undefined = head
      while (at !== undefined && at !== NULL_ADDRESS && seen.size < MACHINE_LIMIT) {
        if (seen.has(at) || !isMachine(this.#memory, at)) break
        seen.add(at)
        at = readAddress(this.#memory, toAddress(at + link))
      }
      if (at === NULL_ADDRESS) longest = Math.max(longest, seen.size)
    }
    return longest
  }
}
