import test from 'ava'
import {USER_REGS, USER_REGS_COUNT} from '../../src/amd64/user-regs.ts'
import {toAddress} from '../../src/base/address.ts'
import {BytesSource} from '../../src/base/byte-source.ts'
import {CoreSegments} from '../../src/elf/core-segments.ts'
import {findHoles} from '../../src/elf/memory-holes.ts'

const PAGE = 4096
const START = 0x7f0000000000
const SIZE = 16 * PAGE

/** One writable mapping of zeros, but for a byte at each of the given offsets. */
function mappingWith(held: readonly number[]): CoreSegments {
  const bytes = new Uint8Array(SIZE)
  for (const at of held) bytes[at] = 1
  const access = {readable: true, writable: true, executable: false}
  const load = {address: toAddress(START), memorySize: SIZE, fileSize: SIZE, offset: 0, ...access}
  return new CoreSegments(new BytesSource(bytes, 'core'), [load])
}

function thread(tid: number, sp: number, storage: number) {
  const registers = new BigUint64Array(USER_REGS_COUNT)
  registers[USER_REGS.rsp] = BigInt(START + sp)
  registers[USER_REGS.fs_base] = storage === 0 ? 0n : BigInt(START + storage)
  return {tid, name: undefined, signal: 0, registers}
}

const holesOf = (segments: CoreSegments, ...threads: ReturnType<typeof thread>[]) =>
  findHoles(segments, threads).map(({start, end, tid}) => [start - START, end - START, tid])

const SP = 9 * PAGE + 0x100
const STORAGE = 11 * PAGE + 0x6c0

test('zeros from a stack pointer to the end of the mapping are a hole, whole pages of zeros below too', t => {
  t.deepEqual(holesOf(mappingWith([]), thread(1, SP, STORAGE)), [[0, SIZE, 1]])
  t.deepEqual(holesOf(mappingWith([3 * PAGE]), thread(1, SP, STORAGE)), [[4 * PAGE, SIZE, 1]])
  t.deepEqual(holesOf(mappingWith([9 * PAGE]), thread(1, SP, STORAGE)), [[SP, SIZE, 1]])
})

test('zeros from a stack pointer through the storage are a hole, whatever follows', t => {
  t.deepEqual(holesOf(mappingWith([12 * PAGE]), thread(1, SP, STORAGE)), [[0, 12 * PAGE, 1]])
})

test('a stack that begins with zeros, but has a caller, is none', t => {
  t.deepEqual(holesOf(mappingWith([SP + 3 * PAGE, STORAGE]), thread(1, SP, STORAGE)), [])
  t.deepEqual(holesOf(mappingWith([SP + 3 * PAGE]), thread(1, SP, 0)), [])
})

test('the g of a thread of Go lies below its FS base, which may be followed by zeros alone', t => {
  t.deepEqual(holesOf(mappingWith([STORAGE - 8]), thread(1, SIZE + PAGE, STORAGE)), [])
  t.deepEqual(holesOf(mappingWith([]), thread(1, SIZE + PAGE, STORAGE)), [[0, SIZE, 1]])
})

test('threads in one hole have it together', t => {
  t.deepEqual(holesOf(mappingWith([]), thread(1, SP, STORAGE), thread(2, SP - PAGE, SP)), [[0, SIZE, 1]])
})

test('memory without a hole is what it was around it, and the hole is mapped and left out', t => {
  const segments = mappingWith([0, SIZE - 1])
  const kept = segments.without([{start: toAddress(START + PAGE), end: toAddress(START + 2 * PAGE)}])
  t.is(kept.read(toAddress(START), PAGE)?.[0], 1)
  t.is(kept.read(toAddress(START + PAGE - 1), 2), undefined)
  t.is(kept.read(toAddress(START + 2 * PAGE), SIZE - 2 * PAGE)?.at(-1), 1)
  t.deepEqual(
    [0, PAGE, 2 * PAGE, SIZE].map(at => kept.extentAt(START + at).state),
    ['dumped', 'left-out', 'dumped', 'unmapped'],
  )
  t.is(kept.dumpedSize, SIZE - PAGE)
})
