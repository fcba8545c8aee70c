import type {Finding} from '../../base/finding.ts'
import {type Block, blockOf} from './malloc-arena.ts'
import {BLOCK_ALIGNMENT, CHUNK_HEADER, type MallocChunks} from './malloc-chunks.ts'

/** glibc's struct tcache_perthread_struct (malloc/malloc.c): a count for each list, then the first block of each. */
interface CacheLayout {
  /** Of its own chunk, by which it is known. */
  readonly chunk: number
  readonly lists: number
  /** Bytes of a count: how many blocks there are; since 2.42 how many more there may be. */
  readonly count: number
  readonly counts: 'blocks' | 'room'
}

const LAYOUTS: readonly CacheLayout[] = [
  // 2.26 to 2.29
  {chunk: 0x250, lists: 64, count: 1, counts: 'blocks'},
  // 2.30 to 2.41
  {chunk: 0x290, lists: 64, count: 2, counts: 'blocks'},
  // 2.42 on: 64 lists of one size each, 12 of a range of sizes
  {chunk: 0x300, lists: 76, count: 2, counts: 'room'},
]
/** Lists of one size each, in all of them. */
const SMALL_LISTS = 64
/** The tunable `glibc.malloc.tcache_count` may not exceed 65535. */
const LIST_MAX = 65_535
/** Chunks at the start of a heap that may be a cache: each thread makes its own before its first block. */
const WALK_MAX = 4096

/** The blocks in the caches that lie in a heap, of all its threads; nothing where its first chunks are damaged. */
export function* cachedIn(chunks: MallocChunks, start: number, end: number): Generator<Block> {
  let chunk = firstChunk(chunks, start, end)
  for (let count = 0; chunk !== undefined && count < WALK_MAX && chunk < end; count++) {
    const size = chunks.sizeOf(chunk)
    if (size === undefined) return
    const layout = LAYOUTS.find(each => each.chunk === size)
    if (layout) yield* cachedBy(chunks, chunk + CHUNK_HEADER, layout)
    chunk += size
  }
}

/** Before the first chunk there may be what a program without dynamic linker keeps for its first thread. */
function firstChunk(chunks: MallocChunks, start: number, end: number): number | undefined {
  for (let chunk = start; chunk < Math.min(end, start + FIRST_MAX); chunk += BLOCK_ALIGNMENT) {
    if (isStart(chunks, chunk, end)) return chunk
  }
  return undefined
}

/** Several chunks in a row, or the end of the heap. */
function isStart(chunks: MallocChunks, chunk: number, end: number): boolean {
  let at = chunk
  for (let count = 0; count < ROW; count++) {
    const size = chunks.sizeOf(at)
    if (size === undefined || at + size > end) return false
    at += size
    if (at === end) return true
  }
  return true
}

const FIRST_MAX = 0x10000
const ROW = 8

/** Whether a heap begins with a cache, as that of the first thread does. */
export function beginsWithCache(chunks: MallocChunks, start: number): boolean {
  const size = chunks.sizeOf(start)
  return LAYOUTS.some(({chunk}) => chunk === size)
}

/** All its lists, or none: an ordinary block of that size is no cache. */
function cachedBy(chunks: MallocChunks, cache: number, layout: CacheLayout): Block[] {
  const found: Block[] = []
  for (let list = 0; list < layout.lists; list++) {
    const blocks = listOf(chunks, cache, layout, list)
    if (!blocks) return []
    found.push(...blocks)
  }
  return found
}

function listOf(chunks: MallocChunks, cache: number, layout: CacheLayout, list: number): Block[] | undefined {
  const number = countAt(chunks, cache + list * layout.count, layout.count)
  const first = chunks.word(cache + layout.lists * layout.count + list * 8)
  if (first === undefined || number === undefined) return undefined
  const most = layout.counts === 'blocks' ? number : LIST_MAX
  const size = list < SMALL_LISTS ? 32 + list * BLOCK_ALIGNMENT : undefined
  const sizeOfBlock = (block: number) => {
    const own = block % BLOCK_ALIGNMENT === 0 ? chunks.sizeOf(block - CHUNK_HEADER) : undefined
    return size === undefined || own === size ? own : undefined
  }
  const isOfList = (block: number) => sizeOfBlock(block) !== undefined
  const blocks: Block[] = []
  let next: Finding<number> = first === 0 ? null : first
  while (next && blocks.length < most) {
    const own = sizeOfBlock(next)
    if (own === undefined) return blocks.length === 0 ? undefined : blocks
    blocks.push(blockOf(next - CHUNK_HEADER, own))
    next = chunks.link(next, isOfList)
  }
  return blocks
}

function countAt(chunks: MallocChunks, at: number, size: number): number | undefined {
  const bytes = chunks.bytes(at, size)
  return bytes && (bytes[0] as number) + (bytes[1] ?? 0) * 0x100
}
