import test from 'ava'
import type {Address} from '../../src/base/address.ts'
import {decodePcValueTable, NO_VALUE, readPcValueTable} from '../../src/gosym/pc-value.ts'
import {encodePcValues, memoryOf} from '../support/pclntab-builder.ts'

test('a value holds below the pc that its pair ends at', t => {
  // 02 04: +1 (from -1) for 4 bytes; 10 03: +8 for 3 bytes; 0f 02: -8 for 2; end.
  const {table, terminated} = decodePcValueTable(Uint8Array.of(0x02, 0x04, 0x10, 0x03, 0x0f, 0x02, 0x00), 16)
  t.true(terminated)
  t.deepEqual(
    [0, 3, 4, 6, 7, 8, 9].map(offset => table.valueAt(offset)),
    [0, 0, 8, 8, 0, 0, NO_VALUE],
  )
  t.is(table.valueAt(-1), NO_VALUE)
})

test('a zero delta in the first pair is a value of -1, later the end', t => {
  const {table} = decodePcValueTable(Uint8Array.of(0x00, 0x10, 0x0c, 0x08, 0x00), 32)
  t.deepEqual(
    [0, 0x0f, 0x10, 0x17].map(offset => table.valueAt(offset)),
    [-1, -1, 5, 5],
  )
})

test('a table longer than the first read is read on', t => {
  const runs = Array.from({length: 3000}, (_, index) => [index % 2 === 0 ? 1000 + index : index, 3] as const)
  const bytes = Uint8Array.from(encodePcValues(runs))
  const table = readPcValueTable(memoryOf(bytes, 0x1000), 0x1000 as Address, (0x1000 + bytes.length) as Address, 9000)
  t.true(runs.every(([value], index) => table.valueAt(index * 3 + 2) === value))
  t.is(table.valueAt(9000), NO_VALUE)
})

test('a table that is cut off keeps what stands before', t => {
  const bytes = Uint8Array.of(0x02, 0x04, 0x10, 0x83)
  const table = readPcValueTable(memoryOf(bytes, 0x1000), 0x1000 as Address, 0x1004 as Address, 64)
  t.is(table.valueAt(3), 0)
  t.is(table.valueAt(4), NO_VALUE)
  t.is(readPcValueTable(memoryOf(bytes, 0x1000), 0x9000 as Address, 0xa000 as Address, 64).valueAt(0), NO_VALUE)
})

test('a table is read no further than its function reaches', t => {
  const bytes = Uint8Array.from(encodePcValues(Array.from({length: 1000}, (_, index) => [index, 1] as const)))
  t.is(decodePcValueTable(bytes, 8).table.ends.length, 8)
  // Pairs that cover nothing are not kept: 02 00 forty times, then 02 01.
  const empty = new Uint8Array(82).fill(0)
  for (let index = 0; index < 82; index += 2) empty[index] = 2
  empty[81] = 1
  t.deepEqual([...decodePcValueTable(empty, 8).table.values], [40])
})
