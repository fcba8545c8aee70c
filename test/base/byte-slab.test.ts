import test from 'ava'
import {BytePiece} from '../../src/base/byte-slab.ts'

test('a copy is one, of a part of a Buffer too', t => {
  const whole = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8])
  const piece = BytePiece.copyOf(whole.subarray(4))
  whole.fill(0)
  t.is(piece.u32(0), 0x08070605)
})
