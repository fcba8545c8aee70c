import test from 'ava'
import {Column} from '../../src/base/column.ts'

test('a column holds what was set at any index, and 0 elsewhere', t => {
  const column = Column.ofNumbers()
  t.deepEqual([column.length, column.at(0), column.at(10_000)], [0, 0, 0])
  t.is(column.push(2 ** 52), 0)
  column.set(5000, 7)
  t.deepEqual([column.length, column.at(0), column.at(1), column.at(5000), column.at(5001)], [5001, 2 ** 52, 0, 7, 0])
  t.is(column.push(Number.NaN), 5001)
  t.is(column.at(5001), Number.NaN)
})

test('a column of numbers of 32 bits holds them whole', t => {
  const column = Column.ofUint32()
  column.set(2000, 2 ** 32 - 1)
  t.is(column.at(2000), 2 ** 32 - 1)
})
