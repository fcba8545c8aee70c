import {basename} from 'node:path'
import type {Address} from '../../base/address.ts'
import {lastAtOrBelow} from '../../base/sorted-ranges.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {ArenaSearch, type Block, freedIn} from './malloc-arena.ts'
import {MallocChunks} from './malloc-chunks.ts'
import {beginsWithCache, cachedIn} from './thread-cache.ts'

const HEAPS_MAX = 64
/** Of all lists together; the lists of a damaged heap may be as long as memory. */
const BLOCKS_MAX = 200_000

/** What of glibc's heaps no program may use: looked for once, when the first pointer is asked for. */
export class FreedBlocks {
  readonly #process: Pick<DeadProcess, 'core' | 'memory' | 'modules'>
  #starts: Float64Array | undefined
  #ends: Float64Array | undefined
  #tops: readonly Block[] = []

  constructor(process: Pick<DeadProcess, 'core' | 'memory' | 'modules'>) {
    this.#process = process
  }

  /** undefined: nothing is known to be wrong with an address there. */
  stateOf(address: Address): 'freed' | 'not allocated' | undefined {
    if (!this.#starts) this.#search()
    const [starts, ends] = [this.#starts as Float64Array, this.#ends as Float64Array]
    const last = lastAtOrBelow(starts, address)
    if (last >= 0 && address < (ends[last] as number)) return 'freed'
    return this.#tops.some(({start, end}) => address >= start && address < end) ? 'not allocated' : undefined
  }

  #search(): void {
    const blocks: Block[] = []
    for (const block of this.#findAll()) {
      blocks.push(block)
      if (blocks.length >= BLOCKS_MAX) break
    }
    blocks.sort((a, b) => a.start - b.start)
    this.#starts = Float64Array.from(blocks, ({start}) => start)
    this.#ends = Float64Array.from(blocks, ({end}) => end)
  }

  *#findAll(): Generator<Block> {
    const {core, memory, modules} = this.#process
    const chunks = new MallocChunks(memory)
    // A program that was linked with libc has its data itself.
    const libraries = modules.filter(({path}) => /^libc(?:\.so|-\d)/.test(basename(path)))
    const images = [...libraries, ...modules.filter(({isExecutable}) => isExecutable)]
    const arenas = new ArenaSearch(chunks, core.segments).find(images).slice(0, HEAPS_MAX)
    this.#tops = arenas.flatMap(({top}) => top ?? [])
    for (const arena of arenas) yield* freedIn(chunks, arena)
    const known = new Set<number>()
    for (const {first} of arenas) {
      if (first === undefined) continue
      known.add(first)
      yield* cachedIn(chunks, first, core.segments.extentAt(first).end)
    }
    yield* this.#ofOtherHeaps(chunks, known)
  }

  /** Where libc's own data is not in the core, heaps are known by how they begin. */
  *#ofOtherHeaps(chunks: MallocChunks, known: ReadonlySet<number>): Generator<Block> {
    let heaps = 0
    for (const {start, end, writable} of this.#process.core.segments.dumped()) {
      if (!writable || known.has(start) || !beginsWithCache(chunks, start)) continue
      if (heaps++ >= HEAPS_MAX) return
      yield* cachedIn(chunks, start, end)
    }
  }
}
