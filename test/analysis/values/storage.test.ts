// A value in several places, whose pieces need not begin or end with bytes.
import test from 'ava'
import {type PlaceContext, storageOf} from '../../../src/analysis/values/storage.ts'
import type {Piece} from '../../../src/dwarf/location.ts'
import {BytesBuilder} from '../../support/bytes-builder.ts'
import {memoryOf} from '../../support/memory-of.ts'

const context: PlaceContext = {
  memory: memoryOf(new BytesBuilder(0x1000).u8(0xf0).u8(0x12)),
  register: number => (number === 3 ? 0b1011_0110n : undefined),
  vector: () => undefined,
}
const value = (word: bigint, bits: number, bitOffset = 0): Piece => ({place: {kind: 'value', word}, bits, bitOffset})

function read(pieces: readonly Piece[], offset: number, length: number): string {
  const storage = storageOf(pieces, context)
  const bytes = typeof storage === 'string' ? storage : storage.read(offset, length)
  return typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('hex')
}

test('pieces of bits stand one behind the other, from the least significant on', t => {
  const register: Piece = {place: {kind: 'register', register: 3}, bits: 4, bitOffset: 2}
  t.is(read([value(0b101n, 3), value(0b11n, 2), value(0b1n, 3)], 0, 1), '3d')
  t.is(read([register, value(0xfn, 4)], 0, 1), 'fd')
  const memory: Piece = {place: {kind: 'memory', address: 0x1000n}, bits: 8, bitOffset: 4}
  t.is(read([memory], 0, 1), '2f')
})

test('whole bytes around pieces of bits; a piece that is lost costs what it is a part of', t => {
  const lost: Piece = {place: {kind: 'register', register: 5}, bits: 4, bitOffset: 0}
  const pieces = [value(0x1234n, 16), value(0x5n, 4), lost, value(0xabn, 8)]
  t.is(read(pieces, 0, 2), '3412')
  t.is(read(pieces, 2, 1), 'not-saved')
  t.is(read(pieces, 3, 1), 'ab')
  t.is(read(pieces, 3, 2), 'optimized-out')
})
