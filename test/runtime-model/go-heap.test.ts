// What Go's heap says of an address, by its spans as the releases lay them out.
import test from 'ava'
import {toAddress} from '../../src/base/address.ts'
import {GoVersion} from '../../src/gosym/version.ts'
import {GoHeap} from '../../src/runtime-model/go-heap.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {memoryOf} from '../support/memory-of.ts'

const MHEAP = 0x500000
const ARENAS = 0x600000
const ARENA = 0x700000
const SPANS = 0x20000000
const HEAP = 0xc000000000
const PAGE = 8192
const [IN_USE, MANUAL, DEAD] = [1, 2, 0]

interface Span {
  readonly page: number
  readonly state: number
  readonly size?: number
  readonly next?: number
  readonly bits?: number
}

/** A heap of Go 1.22 and later; each span is one page of slots. */
function heapOf(spans: readonly Span[], release = 27) {
  const index = Math.floor((HEAP + 2 ** 47) / 2 ** 26)
  const mheap = new BytesBuilder(MHEAP + 66008).u64(ARENAS)
  const arenas = new BytesBuilder(ARENAS + index * 8).u64(ARENA)
  const table = new BytesBuilder(ARENA)
  const records: BytesBuilder[] = []
  for (let page = 0; page < 8; page++) {
    const span = spans.find(each => each.page === page)
    const at = SPANS + page * 0x1000
    table.u64(span ? at : 0)
    if (!span) continue
    const {state, size = 64, next = 0, bits = 0} = span
    const record = new BytesBuilder(at)
    record
      .u64(0)
      .u64(0)
      .u64(0)
      .u64(HEAP + page * PAGE)
      .u64(1)
      .u64(0)
    record
      .u16(next)
      .u16(PAGE / size)
      .u32(0)
      .u64(0)
      .u64(at + 0x800)
    record.u64(0).u64(0).u64(0).u16(0).u8(0).u8(state).u32(0).u64(size)
    records.push(record, new BytesBuilder(at + 0x800).u64(bits))
  }
  const memory = memoryOf(mheap, arenas, table, ...records)
  const stack = toAddress(HEAP + 0x10)
  return GoHeap.open(memory, GoVersion.ofMinor(release), toAddress(MHEAP), stack)
}

const STACK: Span = {page: 0, state: MANUAL}

test('objects, free slots, stacks, pages that were given back or never given out', t => {
  const heap = heapOf([STACK, {page: 1, state: IN_USE, next: 2, bits: 0b1000}, {page: 2, state: DEAD}])
  const at = (page: number, slot: number) => heap?.placeOf(toAddress(HEAP + page * PAGE + slot * 64 + 8))
  t.is(at(0, 0), 'manual')
  t.deepEqual(
    [0, 1, 2, 3, 4].map(slot => at(1, slot)),
    ['object', 'object', 'free', 'object', 'free'],
  )
  t.is(at(2, 0), 'free')
  t.is(at(3, 0), 'free')
  t.is(heap?.placeOf(toAddress(0x1000)), undefined, 'no arena')
})

test('a layout that does not hold tells nothing', t => {
  t.is(heapOf([{page: 0, state: IN_USE}]), undefined, 'the stack is no stack')
  t.is(heapOf([STACK], 21), undefined, 'another layout')
  t.is(heapOf([STACK], 20), undefined, 'a release that nobody has measured')
  t.is(heapOf([]), undefined)
})
