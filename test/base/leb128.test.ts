// LEB128 (DWARF 5, 7.6), for any number and any way to write it.
import {deepEqual, equal, throws} from 'node:assert/strict'
import test from 'ava'
import type {Random} from '../../lab/fuzz/random.ts'
import {Cursor} from '../../src/base/cursor.ts'
import {FormatError} from '../../src/base/errors.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {forAll} from '../support/for-all.ts'

const COUNT = 3000

/** A number of any length up to that many bits; short ones are as likely as long ones. */
function anyBits(random: Random, bits: number): bigint {
  const wide = (BigInt(random.next()) << 32n) | BigInt(random.next())
  return BigInt.asUintN(random.below(bits + 1), wide)
}

function anySigned(random: Random, bits: number): bigint {
  const value = anyBits(random, bits)
  return random.once(2) ? -value : value
}

/** The same number with bytes that add nothing, as producers write where the value comes later. */
function padded(bytes: Uint8Array, random: Random, fill: number, longest: number): Uint8Array {
  const extra = random.below(longest - bytes.length + 1)
  if (extra === 0) return bytes
  const longer = [...bytes.subarray(0, -1), (bytes.at(-1) as number) + 0x80, ...new Array(extra - 1).fill(fill + 0x80)]
  return Uint8Array.from([...longer, fill])
}

test('what is written as ULEB128 is read again, however long it is written, and nothing behind it', t => {
  forAll(t, COUNT, random => {
    const value = anyBits(random, 53)
    const bytes = padded(new BytesBuilder().uleb128(value).build(), random, 0, 9)
    const cursor = new Cursor(Uint8Array.from([...bytes, 0x55]), 'test')
    equal(cursor.uleb128(), Number(value))
    equal(cursor.u8(), 0x55)
    equal(new Cursor(bytes, 'test').uleb128Word(), value)
  })
})

test('what is written as SLEB128 is read again, however long it is written, and nothing behind it', t => {
  forAll(t, COUNT, random => {
    const value = anySigned(random, 53)
    const fill = value < 0n ? 0x7f : 0
    const bytes = padded(new BytesBuilder().sleb128(value).build(), random, fill, 10)
    const cursor = new Cursor(Uint8Array.from([...bytes, 0x55]), 'test')
    equal(cursor.sleb128(), Number(value), `${value} as ${Buffer.from(bytes).toString('hex')}`)
    equal(cursor.u8(), 0x55)
    equal(new Cursor(bytes, 'test').sleb128Word(), value)
  })
})

test('64 bits are read exactly as words, and refused where a double must hold them and cannot', t => {
  forAll(t, COUNT, random => {
    const value = anyBits(random, 64)
    const signed = BigInt.asIntN(64, value)
    const unsignedBytes = new BytesBuilder().uleb128(value).build()
    const signedBytes = new BytesBuilder().sleb128(signed).build()
    deepEqual(
      [new Cursor(unsignedBytes, 'test').uleb128Word(), new Cursor(signedBytes, 'test').sleb128Word()],
      [value, signed],
    )
    if (value >= 2n ** 53n) throws(() => new Cursor(unsignedBytes, 'test').uleb128(), FormatError)
    if (signed >= 2n ** 53n || signed <= -(2n ** 53n)) {
      throws(() => new Cursor(signedBytes, 'test').sleb128(), FormatError)
    }
  })
})

test('any bytes are a number or a FormatError', t => {
  forAll(t, COUNT, random => {
    const bytes = Uint8Array.from({length: random.below(24)}, () => random.pick([0x80, 0xff, 0, random.below(256)]))
    for (const read of ['uleb128', 'sleb128', 'uleb128Word', 'sleb128Word'] as const) {
      try {
        const value = new Cursor(bytes, 'test')[read]()
        equal(typeof value === 'bigint' || Number.isSafeInteger(value), true)
      } catch (error) {
        equal(error instanceof FormatError, true, `${error}`)
      }
    }
  })
})
