import {type Address, offsetAddress, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress, readU8, readU32} from '../base/memory-reader.ts'
import type {GoVersion} from '../gosym/version.ts'

/** Offsets that a release has in runtime.mheap, heapArena and mspan (src/runtime/mheap.go, linux/amd64). */
interface HeapLayout {
  readonly minor: number
  readonly arenas: number
  readonly spans: number
  readonly freeIndex: number
  readonly count: number
  /** Bytes of the two above. */
  readonly width: 2 | 8
  readonly allocBits: number
  readonly state: number
  readonly size: number
}

const START = 24
const PAGES = 32
/** Releases as their DWARF has them; those between are not known. */
const LAYOUTS: readonly HeapLayout[] = [
  {minor: 15, arenas: 66592, spans: 2097152, freeIndex: 48, count: 56, width: 8, allocBits: 72, state: 99, size: 104},
  {minor: 19, arenas: 65936, spans: 2097152, freeIndex: 48, count: 56, width: 8, allocBits: 72, state: 99, size: 104},
  {minor: 21, arenas: 65944, spans: 1064960, freeIndex: 48, count: 56, width: 8, allocBits: 72, state: 107, size: 112},
  {minor: 22, arenas: 66008, spans: 0, freeIndex: 48, count: 50, width: 2, allocBits: 64, state: 99, size: 104},
]
const UNKNOWN: readonly number[] = [16, 17, 18, 20]

/** runtime: arenaBaseOffset, heapArenaBytes, pageSize. */
const ARENA_BASE = 2 ** 47
const ARENA_SIZE = 2 ** 26
const PAGE_SIZE = 8192
const SPAN_STATE = {inUse: 1, manual: 2} as const

/** What the heap has at an address: an object, a stack or other memory of the runtime, or nothing. */
export type HeapPlace = 'object' | 'manual' | 'free'

/** Go's heap, as far as it tells what an address is. */
export class GoHeap {
  readonly #memory: MemoryReader
  readonly #layout: HeapLayout
  readonly #arenas: Address

  private constructor(memory: MemoryReader, layout: HeapLayout, arenas: Address) {
    this.#memory = memory
    this.#layout = layout
    this.#arenas = arenas
  }

  /**
   * undefined where the layout is not known, or does not hold.
   * @param mheap address of runtime.mheap_
   * @param stack an address on the stack of a goroutine, by which the layout is tried
   */
  static open(memory: MemoryReader, release: GoVersion, mheap: Address, stack: Address): GoHeap | undefined {
    const layout = UNKNOWN.some(minor => release.atLeast(minor) && !release.atLeast(minor + 1))
      ? undefined
      : release.rowOf(LAYOUTS)
    const arenas = layout && readAddress(memory, toAddress(mheap + layout.arenas))
    const heap = layout && arenas ? new GoHeap(memory, layout, arenas) : undefined
    return heap?.placeOf(stack) === 'manual' ? heap : undefined
  }

  /** undefined: not in the heap, or its records are not at hand. */
  placeOf(address: Address): HeapPlace | undefined {
    const index = Math.floor((address + ARENA_BASE) / ARENA_SIZE)
    const arena = this.#pointer(this.#arenas + index * 8)
    if (!arena) return undefined
    const page = Math.floor((address % ARENA_SIZE) / PAGE_SIZE)
    const span = this.#pointer(arena + this.#layout.spans + page * 8)
    if (span === undefined) return undefined
    // Pages that were never given out have none; those that were given back keep an old one.
    if (span === 0) return 'free'
    const [start, pages] = [this.#pointer(span + START), this.#pointer(span + PAGES)]
    const state = readU8(this.#memory, toAddress(span + this.#layout.state))
    if (start === undefined || pages === undefined || state === undefined) return undefined
    if (address < start || address >= start + pages * PAGE_SIZE) return 'free'
    if (state === SPAN_STATE.manual) return 'manual'
    return state === SPAN_STATE.inUse ? this.#objectAt(span, address - start) : 'free'
  }

  /** A slot behind the last one that was given out in order is free where its bit is not set (mspan.isFree). */
  #objectAt(span: number, offset: number): HeapPlace | undefined {
    const {freeIndex, count, allocBits, size} = this.#layout
    const [next, slots] = [this.#count(span + freeIndex), this.#count(span + count)]
    const [bits, each] = [this.#pointer(span + allocBits), this.#pointer(span + size)]
    if (next === undefined || slots === undefined || !bits || !each) return undefined
    const index = Math.floor(offset / each)
    if (index < next || index >= slots) return index < next ? 'object' : undefined
    const at = offsetAddress(toAddress(bits), Math.floor(index / 8))
    const byte = at === undefined ? undefined : readU8(this.#memory, at)
    if (byte === undefined) return undefined
    return Math.floor(byte / 2 ** (index % 8)) % 2 === 1 ? 'object' : 'free'
  }

  #pointer(at: number): number | undefined {
    return at > 0 && at < ARENA_BASE ? readAddress(this.#memory, toAddress(at)) : undefined
  }

  #count(at: number): number | undefined {
    if (this.#layout.width === 8) return this.#pointer(at)
    const word = readU32(this.#memory, toAddress(at))
    return word === undefined ? undefined : word % 0x10000
  }
}
