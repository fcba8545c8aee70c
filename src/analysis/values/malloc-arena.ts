import {number64At, toAddress} from '../../base/address.ts'
import type {CoreSegments} from '../../elf/core-segments.ts'
import {BLOCK_ALIGNMENT, CHUNK_HEADER, type MallocChunks} from './malloc-chunks.ts'

/**
 * glibc's struct malloc_state (malloc/malloc.c): the heads of the fastbins, the chunk on top of the heap, and 127 lists
 * of two links each. Its first words differ between releases, so that it is found by its lists: the links of an empty
 * one point at the list itself, and the last one is never used.
 */
const BINS = 127
const BIN_SIZE = 16
const FAST_BINS = 10
/** `top` and `last_remainder` stand between. */
const FAST_OFFSET = -(2 + FAST_BINS) * 8
const TOP_OFFSET = -16
/** A process that is alive has most of them empty. */
const EMPTY_MIN = 48
/** Up to `arena.bins`: binmap, links, counts follow them. */
const STATE_REST = 16 + 5 * 8

/** Heaps of other threads than the first (malloc/arena.c, HEAP_MAX_SIZE). */
const HEAP_SIZE = 2 ** 26
const HEAP_HEADERS = [0x20, 0x30] as const
/** Of libc's own data; of a program that has it inside more. */
const SEARCH_MAX = 2 ** 23
const LIST_MAX = 65_536

/** One heap of the allocator. */
export interface Arena {
  /** Address of its list 1. */
  readonly bins: number
  /** Its first chunk, as far as that is known. */
  readonly first: number | undefined
  /** The part of the heap that was never given out. */
  readonly top: {readonly start: number; readonly end: number} | undefined
}

/** Blocks that the program has given back: `[start, end)` without the header. */
export interface Block {
  readonly start: number
  readonly end: number
}

/** Arenas in the writable data of an image, and those at the start of mappings. */
export class ArenaSearch {
  readonly #chunks: MallocChunks
  readonly #segments: CoreSegments

  constructor(chunks: MallocChunks, segments: CoreSegments) {
    this.#chunks = chunks
    this.#segments = segments
  }

  /** @param images where libc's data may be; the first that has an arena is its */
  find(images: readonly {readonly start: number; readonly end: number}[]): Arena[] {
    const writable = [...this.#segments.dumped()].filter(segment => segment.writable)
    const arenas: Arena[] = []
    for (const image of images) {
      const data = writable.filter(({start, end}) => start < image.end && end > image.start)
      const bins = data.map(each => this.#binsIn(each)).find(found => found !== undefined)
      if (bins === undefined) continue
      arenas.push(this.#main(bins))
      break
    }
    for (const {start} of writable) {
      const arena = start % HEAP_SIZE === 0 ? this.#ofHeap(start) : undefined
      if (arena) arenas.push(arena)
    }
    return arenas
  }

  /** The heap grows from where the mapping of its top begins. */
  #main(bins: number): Arena {
    const top = this.#topOf(bins)
    const extent = top && this.#segments.extentAt(top.start)
    return {bins, top, first: extent?.state === 'dumped' ? extent.start : undefined}
  }

  /** heap_info, then the arena that the heap was made for (malloc/arena.c, new_heap). */
  #ofHeap(start: number): Arena | undefined {
    const state = this.#chunks.word(start)
    if (state === undefined || !HEAP_HEADERS.some(size => state === start + size)) return undefined
    const bins = this.#binsIn({start: state, end: state + 0x100 + BINS * BIN_SIZE})
    if (bins === undefined) return undefined
    const end = bins + BINS * BIN_SIZE + STATE_REST
    const first = Math.ceil(end / BLOCK_ALIGNMENT) * BLOCK_ALIGNMENT
    return {bins, first, top: this.#topOf(bins)}
  }

  #topOf(bins: number): Block | undefined {
    const top = this.#chunks.word(bins + TOP_OFFSET)
    const size = top === undefined ? undefined : this.#chunks.sizeOf(top)
    return top === undefined || size === undefined ? undefined : {start: top + CHUNK_HEADER, end: top + size}
  }

  #binsIn({start, end}: {start: number; end: number}): number | undefined {
    const length = Math.min(end - start, SEARCH_MAX)
    const bytes = this.#chunks.memory.read(toAddress(start), length)
    if (!bytes) return undefined
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const isEmpty = (at: number) =>
      number64At(view, at) === start + at - BIN_SIZE && number64At(view, at + 8) === start + at - BIN_SIZE
    // Lists that are in use stand between empty ones: of the places that look like it one has the most empty ones.
    let best = {bins: -1, empty: EMPTY_MIN}
    for (let last = (BINS - 1) * BIN_SIZE; last + BIN_SIZE <= length; last += 8) {
      if (!isEmpty(last) || (last + 2 * BIN_SIZE <= length && isEmpty(last + BIN_SIZE))) continue
      const first = last - (BINS - 1) * BIN_SIZE
      let empty = 0
      for (let at = first; at <= last; at += BIN_SIZE) if (isEmpty(at)) empty++
      if (empty > best.empty) best = {bins: start + first, empty}
    }
    return best.bins < 0 ? undefined : best.bins
  }
}

/** What an arena has in its lists: fastbins, then those of blocks that were merged with free neighbours. */
export function* freedIn(chunks: MallocChunks, {bins}: Arena): Generator<Block> {
  for (let index = 0; index < FAST_BINS; index++) {
    const size = 32 + index * BLOCK_ALIGNMENT
    const isOfBin = (chunk: number) => chunk % BLOCK_ALIGNMENT === 0 && chunks.sizeOf(chunk) === size
    let next = chunks.word(bins + FAST_OFFSET + index * 8) ?? null
    const seen = new Set<number>()
    while (next && isOfBin(next) && !seen.has(next) && seen.size < LIST_MAX) {
      seen.add(next)
      yield blockOf(next, size)
      next = chunks.link(next + CHUNK_HEADER, isOfBin) ?? null
    }
  }
  let left = LIST_MAX
  for (let index = 0; index < BINS - 1; index++) {
    const head = bins + (index - 1) * BIN_SIZE
    let [before, chunk] = [head, chunks.word(head + CHUNK_HEADER)]
    while (chunk !== undefined && chunk !== head && left-- > 0) {
      const size = chunks.sizeOf(chunk)
      if (size === undefined || chunks.word(chunk + CHUNK_HEADER + 8) !== before) break
      yield blockOf(chunk, size)
      ;[before, chunk] = [chunk, chunks.word(chunk + CHUNK_HEADER)]
    }
  }
}

/** The size of the chunk before the next one belongs to the block. */
export function blockOf(chunk: number, size: number): Block {
  return {start: chunk + CHUNK_HEADER, end: chunk + size + 8}
}
