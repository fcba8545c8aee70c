import test from 'ava'
import {type Address, toAddress} from '../../src/base/address.ts'
import {ByteSlab} from '../../src/base/byte-slab.ts'
import {FormatError} from '../../src/base/errors.ts'
import {type MemoryReader, readCString, readString} from '../../src/base/memory-reader.ts'
import {MemoryWindow} from '../../src/base/memory-window.ts'

/** Words that say where they stand, from `start` up to `end`; each read is counted. */
class Words implements MemoryReader {
  reads = 0
  readonly #start: number
  readonly #end: number

  constructor(start: number, end: number) {
    this.#start = start
    this.#end = end
  }

  read(address: Address, length: number): Uint8Array | undefined {
    this.reads++
    if (address < this.#start || address + length > this.#end) return undefined
    const bytes = new Uint8Array(length)
    const view = new DataView(bytes.buffer)
    for (let at = 0; at + 8 <= length; at += 8) view.setBigUint64(at, BigInt(address + at), true)
    return bytes
  }
}

const START = 0x7f0000001000

test('the words of a window are read at once, those around it one by one', t => {
  const words = new Words(START, START + 0x4000)
  const window = new MemoryWindow(words)
  window.moveTo(toAddress(START + 0x100), toAddress(START + 0x200))
  for (const at of [0x100, 0x180, 0x1f8]) t.is(window.number64(toAddress(START + at)), START + at)
  t.is(words.reads, 1)
  for (const at of [0, 0xf8, 0x200, 0x3ff8]) t.is(window.number64(toAddress(START + at)), START + at)
  t.is(words.reads, 5)
})

test('a window over missing memory, or without any, is none', t => {
  const window = new MemoryWindow(new Words(START, START + 0x100))
  for (const [start, end] of [
    [START, START + 0x108],
    [START + 0x80, START],
    [START, START + 7],
    [START, Number.MAX_SAFE_INTEGER],
  ] as const) {
    window.moveTo(toAddress(start), toAddress(end))
    t.is(window.number64(toAddress(START + 8)), START + 8)
    t.is(window.number64(toAddress(START + 0x100)), undefined)
  }
})

test('a copy in a slab stays when others follow', t => {
  const slab = new ByteSlab()
  const copies = Array.from({length: 400}, (_, index) => slab.copy(new Uint8Array(index * 20).fill(index % 256)))
  for (const [index, copy] of copies.entries()) {
    t.is(copy.length, index * 20)
    for (let at = 0; at < copy.length; at++) if (copy.u8(at) !== index % 256) t.fail(`byte ${at} of copy ${index}`)
  }
})

test('a copy in a slab is read as memory is, and never past its end', t => {
  const slab = new ByteSlab()
  const bytes = Uint8Array.of(1, 2, 3, 0x84, 5, 6, 7, 0x88, 9)
  const [copy] = [slab.copy(bytes), slab.copy(new Uint8Array(64).fill(0xff))]
  t.is(copy?.u32(0), 0x84030201)
  t.is(copy?.i32(0), 0x84030201 - 2 ** 32)
  t.is(copy?.word(1), 0x0988070605840302n)
  t.is(copy?.i64(0), BigInt.asIntN(64, 0x8807060584030201n))
  t.is(copy?.number64(1), Number(0x0988070605840302n))
  for (const read of [() => copy?.u8(9), () => copy?.u32(6), () => copy?.number64(2), () => copy?.word(-1)]) {
    t.throws(read, {instanceOf: FormatError, message: /need \d bytes/})
  }
  const large = slab.copy(new Uint8Array(5000).fill(7))
  t.is(large.u8(4999), 7)
  t.throws(() => large.u8(5000), {instanceOf: FormatError})
})

/** The bytes of a text at START, and nothing behind them. */
function textAt(text: string): MemoryReader {
  const bytes = new TextEncoder().encode(text)
  const read = (address: Address, length: number): Uint8Array | undefined =>
    address < START || address + length > START + bytes.length
      ? undefined
      : bytes.slice(address - START, address - START + length)
  return {read}
}

test('a text that is longer than what is kept says so, wherever its end is, and ends with a whole character', t => {
  const start = toAddress(START)
  for (const [text, limit, kept] of [
    ['four', 4, 'four'],
    ['fours', 4, 'four…[cut after 4 bytes]'],
    ['né', 2, 'n…[cut after 2 bytes]'],
  ] as const) {
    const length = new TextEncoder().encode(text).length
    t.is(readString(textAt(text), start, length, limit), kept)
    t.is(readCString(textAt(`${text}\0`), start, limit), kept)
    t.is(
      readCString(textAt(`${text}${'x'.repeat(200)}\0`), start, limit)?.endsWith(`…[cut after ${limit} bytes]`),
      true,
    )
  }
  t.is(readString(textAt('a'), start, 2 ** 40, 1), 'a…[cut after 1 bytes]')
  t.is(readCString(textAt('no end'), start, 100), undefined)
})
