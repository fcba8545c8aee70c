// Heaps of glibc as its releases lay them out: what is in their lists is freed, what is not is not.
import test from 'ava'
import {FreedBlocks} from '../../../src/analysis/values/freed-blocks.ts'
import {toAddress} from '../../../src/base/address.ts'
import {BytesSource} from '../../../src/base/byte-source.ts'
import {CoreSegments} from '../../../src/elf/core-segments.ts'

const DATA = 0x7f0000100000
const HEAP = 0x555500000000
const SIZE = 0x4000
const BINS = 0x200
const IN_USE = 1

/** A process of libc's data and one heap. */
class Heap {
  readonly #bytes = new DataView(new ArrayBuffer(2 * SIZE))
  #top = 0

  constructor() {
    for (let index = 0; index < 127; index++) {
      const list = DATA + BINS + index * 16
      for (const link of [0, 8]) this.write(list + link, list - 16)
    }
  }

  write(address: number, value: number, size: 1 | 2 | 8 = 8): void {
    const at = address >= DATA ? address - DATA : address - HEAP + SIZE
    if (size === 8) this.#bytes.setBigUint64(at, BigInt(value), true)
    else if (size === 2) this.#bytes.setUint16(at, value, true)
    else this.#bytes.setUint8(at, value)
  }

  /** The block of a new chunk. */
  chunk(size: number): number {
    const chunk = HEAP + this.#top
    this.#top += size
    this.write(chunk + 8, size + IN_USE)
    return chunk + 16
  }

  /** A link as it stands at an address since 2.32. */
  mixed(at: number, target: number): void {
    this.write(at, Number(BigInt(Math.floor(at / 4096)) ^ BigInt(target)))
  }

  /** What is wrong with each address, once the rest of the heap is its top. */
  states(addresses: readonly number[]): (string | undefined)[] {
    const top = HEAP + this.#top
    this.write(top + 8, SIZE - this.#top + IN_USE)
    this.write(DATA + BINS - 16, top)
    const access = {readable: true, writable: true, executable: false}
    const segments = new CoreSegments(new BytesSource(new Uint8Array(this.#bytes.buffer), 'core'), [
      {address: toAddress(DATA), memorySize: SIZE, fileSize: SIZE, offset: 0, ...access},
      {address: toAddress(HEAP), memorySize: SIZE, fileSize: SIZE, offset: SIZE, ...access},
    ])
    const libc = {path: '/lib/libc.so.6', start: DATA, end: DATA + SIZE, isExecutable: false}
    const process = {core: {segments}, memory: segments, modules: [libc]}
    const freed = new FreedBlocks(process as unknown as ConstructorParameters<typeof FreedBlocks>[0])
    return addresses.map(address => freed.stateOf(toAddress(address)))
  }
}

const CACHES = [
  {release: '2.26 to 2.29', chunk: 0x250, lists: 64, count: 1, room: 0, isMixed: false},
  {release: '2.30 and 2.31', chunk: 0x290, lists: 64, count: 2, room: 0, isMixed: false},
  {release: '2.32 to 2.41', chunk: 0x290, lists: 64, count: 2, room: 0, isMixed: true},
  {release: '2.42 on', chunk: 0x300, lists: 76, count: 2, room: 16, isMixed: true},
] as const

for (const {release, chunk, lists, count, room, isMixed} of CACHES) {
  test(`the cache of a thread: glibc ${release}`, t => {
    const heap = new Heap()
    const cache = heap.chunk(chunk)
    const [last, live, first] = [heap.chunk(0x40), heap.chunk(0x40), heap.chunk(0x40)]
    const list = 2
    for (let index = 0; index < lists; index++) heap.write(cache + index * count, room, count)
    heap.write(cache + list * count, room === 0 ? 2 : room - 2, count)
    heap.write(cache + lists * count + list * 8, first)
    if (isMixed) {
      heap.mixed(first, last)
      heap.mixed(last, 0)
    } else heap.write(first, last)
    t.deepEqual(heap.states([first, first + 0x2f, last + 4, live, live - 8, cache]), [
      'freed',
      'freed',
      'freed',
      undefined,
      undefined,
      undefined,
    ])
  })
}

test('fastbins, lists of larger blocks, and what was never given out', t => {
  const heap = new Heap()
  const [fast, live, large, end] = [heap.chunk(0x30), heap.chunk(0x30), heap.chunk(0x800), heap.chunk(0x20)]
  heap.write(DATA + BINS - 12 * 8 + 8, fast - 16)
  const unsorted = DATA + BINS - 16
  heap.write(DATA + BINS, large - 16)
  heap.write(DATA + BINS + 8, large - 16)
  heap.write(large, unsorted)
  heap.write(large + 8, unsorted)
  t.deepEqual(heap.states([fast, live, large + 0x400, end, end + 0x400]), [
    'freed',
    undefined,
    'freed',
    undefined,
    'not allocated',
  ])
})

test('lists that lead in a circle, out of the heap or to other sizes end', t => {
  const heap = new Heap()
  const [circle, other] = [heap.chunk(0x30), heap.chunk(0x50)]
  heap.write(DATA + BINS - 12 * 8 + 8, circle - 16)
  heap.mixed(circle, circle - 16)
  heap.write(DATA + BINS - 12 * 8 + 16, other - 16)
  heap.write(DATA + BINS, 0x1234)
  t.deepEqual(heap.states([circle, other, 0x1234]), ['freed', undefined, undefined])
})
