// Ranges that headers claim are walked by what can be read of them.
import test from 'ava'
import {type Address, toAddress} from '../../src/base/address.ts'
import type {MemoryReader} from '../../src/base/memory-reader.ts'
import {readablePieces} from '../../src/gosym/memory-scan.ts'

const PAGE = 0x1000

/** Pages that are there, and how often the reader was asked. */
function pagesAt(...starts: number[]) {
  let asked = 0
  const held = (address: number) => starts.find(start => address >= start && address < start + PAGE)
  const memory: MemoryReader = {
    read(address, length) {
      asked++
      for (let at: number = address; at < address + length; at += PAGE) if (held(at) === undefined) return undefined
      return held(address + length - 1) === undefined ? undefined : new Uint8Array(length)
    },
    nextReadable(address) {
      asked++
      const next = starts.filter(start => start + PAGE > address).map(start => Math.max(start, address))
      return next.length === 0 ? undefined : (Math.min(...next) as Address)
    },
  }
  return {memory, asked: () => asked}
}

test('a range as wide as the address space costs no more than the pages that are in it', t => {
  const {memory, asked} = pagesAt(0x1000, 0x7f00_0000_0000)
  const pieces = [...readablePieces(memory, {start: toAddress(0), end: toAddress(2 ** 47)}, 8)]
  t.deepEqual(
    pieces.map(({start, bytes}) => [start, bytes.length]),
    [
      [0x1000, PAGE],
      [0x7f00_0000_0000, PAGE],
    ],
  )
  t.true(asked() < 100, `${asked()} questions`)
})

test('a gap between two pages loses neither', t => {
  const {memory} = pagesAt(0x1000, 0x3000, 0x4000)
  const pieces = [...readablePieces(memory, {start: toAddress(0x1008), end: toAddress(0x5000)}, 8)]
  t.deepEqual(
    pieces.map(({start, bytes}) => [start, bytes.length]),
    [
      [0x1008, PAGE - 8],
      [0x3000, 2 * PAGE],
    ],
  )
})
