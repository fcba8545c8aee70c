import {isKernelAddress, isNonCanonical} from '../../amd64/canonical-address.ts'
import {type Address, addressOfWord, hex, toAddress, type Word} from '../../base/address.ts'
import {readWord} from '../../base/memory-reader.ts'
import type {DeadProcess} from '../process/dead-process.ts'

/** Nothing is mapped below vm.mmap_min_addr; 64 kB wherever it has not been changed. */
const NULL_PAGES = 0x10000n

/** glibc: malloc/malloc.c, tcache_perthread_struct of 64 counts of 16 bits and 64 lists (since 2.30). */
const TCACHE_BINS = 64
const TCACHE_COUNTS = TCACHE_BINS * 2
const TCACHE_CHUNK = 0x291n
const CHUNK_HEADER = 16
/** A list holds 7 unless the tunables say more. */
const LIST_MAX = 1024
const HEAPS_MAX = 64

/** A block that the program has given back. */
interface FreedBlock {
  readonly start: number
  readonly end: number
}

/** Says what is wrong with a pointer, where that is proven: nothing is mapped there, or glibc has it as free. */
export class PointerFaults {
  readonly #process: Pick<DeadProcess, 'core' | 'memory'>
  #freed: readonly FreedBlock[] | undefined

  constructor(process: Pick<DeadProcess, 'core' | 'memory'>) {
    this.#process = process
  }

  /** undefined: nothing is known to be wrong with it; null is a value like others. */
  of(word: Word): string | undefined {
    if (word === 0n) return undefined
    if (isKernelAddress(word)) return 'kernel address'
    const address = addressOfWord(word)
    if (isNonCanonical(word) || address === undefined) return 'non-canonical'
    if (!this.#process.core.isMapped(address)) return word < NULL_PAGES ? `null plus ${hex(word)}` : 'not mapped'
    return this.#isFreed(address) ? 'freed' : undefined
  }

  #isFreed(address: Address): boolean {
    this.#freed ??= this.#findFreed()
    return this.#freed.some(({start, end}) => address >= start && address < end)
  }

  /** Heaps of glibc begin with the cache of the thread that made them. */
  #findFreed(): FreedBlock[] {
    const found: FreedBlock[] = []
    let heaps = 0
    for (const {start, end, writable} of this.#process.core.segments.dumped()) {
      if (!writable || heaps >= HEAPS_MAX || readWord(this.#process.memory, toAddress(start + 8)) !== TCACHE_CHUNK) {
        continue
      }
      heaps++
      for (let bin = 0; bin < TCACHE_BINS; bin++) found.push(...this.#list(start, end, bin))
    }
    return found
  }

  /** The blocks of one list; since glibc 2.32 each link is mixed with its own place (PROTECT_PTR). */
  #list(start: number, end: number, bin: number): FreedBlock[] {
    const cache = start + CHUNK_HEADER
    const count = Number((readWord(this.#process.memory, toAddress(cache + bin * 2)) ?? 0n) % 0x10000n)
    let next = this.#address(cache + TCACHE_COUNTS + bin * 8)
    // What the sizes of this list are; the chunk's own header is a part of it.
    const size = bin * 16 + 24
    const blocks: FreedBlock[] = []
    for (let index = 0; next && index < Math.min(count, LIST_MAX); index++) {
      if (next < start || next >= end || next % 16 !== 0) return blocks
      blocks.push({start: next, end: next + size})
      next = this.#unmixed(next)
    }
    return blocks
  }

  #address(at: number): number | undefined {
    const word = readWord(this.#process.memory, toAddress(at))
    return word === undefined ? undefined : addressOfWord(word)
  }

  #unmixed(at: number): number | undefined {
    const word = readWord(this.#process.memory, toAddress(at))
    if (word === undefined) return undefined
    const plain = addressOfWord(exclusiveOr(word, BigInt(Math.floor(at / 4096))))
    return plain !== undefined && plain % 16 === 0 ? plain : addressOfWord(word)
  }
}

/** Without bit operators: digit by digit of what differs. */
function exclusiveOr(a: Word, b: Word): Word {
  const [left, right] = [a.toString(2).padStart(64, '0'), b.toString(2).padStart(64, '0')]
  return BigInt(`0b${[...left].map((digit, index) => (digit === right[index] ? '0' : '1')).join('')}`)
}
