import test from 'ava'
import {Random} from '../../lab/fuzz/random.ts'
import {toAddress} from '../../src/base/address.ts'
import {Extent} from '../../src/base/extent.ts'
import {AnswerTable} from '../../src/symbolize/answer-table.ts'
import {type SourceFrame, unknownFrame} from '../../src/symbolize/source-frame.ts'
import {packTable, unpackTable} from '../../src/symbolize/table-file.ts'

const BASE = 0x40_0000
const UNKNOWN = unknownFrame({module: null, moduleOffset: null})

function frame(name: string, line: number, entry: number | null): SourceFrame {
  const language = entry === null ? null : 'c++'
  const shown = {function: name, linkageName: `_Z${name}`, language}
  return {...UNKNOWN, ...shown, file: 'a.cc', line, entry: entry === null ? null : toAddress(entry), inlined: line > 5}
}

/** 40 ranges of 16 bytes with a gap behind each, given in an order of their own. */
function filledTable(): AnswerTable {
  const table = new AnswerTable(BASE)
  const stacks = [0, 1, 2].map(depth => ({
    frames: Array.from({length: depth + 1}, (_, at) => frame(`f${at}`, at * 3, at === 1 ? null : BASE + at * 2 ** 33)),
  }))
  for (let index = 0; index < 40; index++) {
    const place = (index * 7) % 40
    const extent = new Extent()
    extent.narrow(BASE + place * 20, BASE + place * 20 + 16)
    const stack = stacks[place % 3] as (typeof stacks)[number]
    table.add(extent, {stack, position: {file: place % 2 === 0 ? null : 'ä.c', line: place || null, column: null}})
    if (place % 5 === 0) table.settle()
  }
  table.settle()
  return table
}

function answersOf(table: AnswerTable): unknown[] {
  return Array.from({length: 820}, (_, offset) => (table.seek(BASE - 2 + offset) ? table.frames : null))
}

const bytesOf = (table: AnswerTable): Uint8Array => Buffer.concat(packTable(table.parts()))
/** As a file is read: where numbers of 32 bits are in their place. */
const unpacked = (bytes: Uint8Array) => unpackTable(new Uint8Array(bytes))

test('a table comes back from a file as it was, and takes more', t => {
  const table = filledTable()
  const right = answersOf(table)
  t.is(right.filter(frames => frames !== null).length, 40 * 16)
  const again = new AnswerTable(BASE, unpacked(bytesOf(table)))
  t.deepEqual(answersOf(again), right)
  const extent = new Extent()
  extent.narrow(BASE + 900, BASE + 901)
  again.add(extent, {stack: {frames: [frame('new', 1, BASE)]}, position: {file: 'a.cc', line: 9, column: 2}})
  again.settle()
  const third = new AnswerTable(BASE, unpacked(bytesOf(again)))
  t.deepEqual(answersOf(third), right)
  t.true(third.seek(BASE + 900))
  t.deepEqual(third.frames, [{...frame('new', 1, BASE), line: 9, column: 2}])
})

test('what is no table is none, and a table that lies gives some answer and no error', t => {
  const whole = bytesOf(filledTable())
  for (const length of [0, 3, 23, 24, whole.length - 1]) t.is(unpacked(whole.subarray(0, length)), undefined)
  t.is(unpacked(Buffer.concat([whole, Buffer.alloc(4)])), undefined)
  const random = new Random(11)
  let taken = 0
  for (let round = 0; round < 150; round++) {
    const bytes = Buffer.from(whole)
    for (let count = 1 + random.below(3); count > 0; count--) {
      const value = [random.next(), random.below(300), 0, 0xffffffff][random.below(4)] as number
      bytes.writeUInt32LE(value, random.below(Math.floor(bytes.length / 4)) * 4)
    }
    const parts = unpacked(bytes)
    if (!parts) continue
    taken++
    const table = new AnswerTable(BASE, parts)
    t.is(answersOf(table).length, 820)
    t.true(bytesOf(table).length > 0)
  }
  t.true(taken > 30)
})
