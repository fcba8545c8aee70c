// Numbers of a base type in expressions (DWARF 5, 2.5.1): as C has them.
import test from 'ava'
import {DW_ATE} from '../../src/dwarf/constants.ts'
import {DW_OP, type ValueType} from '../../src/dwarf/expression.ts'
import {convert, operate, reinterpret} from '../../src/dwarf/typed-arithmetic.ts'

const type = (size: number, encoding: number): ValueType => ({size, encoding})
const DOUBLE = type(8, DW_ATE.float)
const FLOAT = type(4, DW_ATE.float)
const INT = type(4, DW_ATE.signed)
const UCHAR = type(1, DW_ATE.unsigned)
const ULONG = type(8, DW_ATE.unsigned)

const double = (value: number): bigint => new BigUint64Array(Float64Array.of(value).buffer)[0] as bigint
const float = (value: number): bigint => BigInt(new Uint32Array(Float32Array.of(value).buffer)[0] as number)
const ALL = 2n ** 64n

test('a number becomes one of another type', t => {
  t.is(convert(double(2.9), DOUBLE, INT), 2n)
  t.is(convert(double(-2.9), DOUBLE, INT), ALL - 2n)
  t.is(convert(double(1.1), DOUBLE, FLOAT), float(1.1))
  t.is(convert(float(0.5), FLOAT, DOUBLE), double(0.5))
  t.is(convert(ALL - 1n, INT, DOUBLE), double(-1))
  t.is(convert(ALL - 1n, undefined, DOUBLE), double(2 ** 64), 'the generic type has no sign')
  t.is(convert(300n, INT, UCHAR), 44n)
  t.is(convert(double(Number.NaN), DOUBLE, INT), undefined)
  t.is(convert(1n, type(16, DW_ATE.float), DOUBLE), undefined)
  t.is(reinterpret(float(1.5), INT), 0x3fc00000n)
  t.is(reinterpret(0xffffffffn, INT), ALL - 1n)
})

test('arithmetic goes by the type: rounding, signs, width', t => {
  const word = (opcode: number, operands: readonly bigint[], of: ValueType) => operate(opcode, operands, of)?.word
  t.is(word(DW_OP.plus, [double(0.1), double(0.2)], DOUBLE), double(0.1 + 0.2))
  t.is(word(DW_OP.div, [float(1), float(3)], FLOAT), float(1 / 3))
  t.is(word(DW_OP.div, [double(1), double(0)], DOUBLE), double(Number.POSITIVE_INFINITY))
  t.is(word(DW_OP.neg, [double(2.5)], DOUBLE), double(-2.5))
  t.is(word(DW_OP.abs, [ALL - 7n], INT), 7n)
  t.is(word(DW_OP.div, [ALL - 7n, 2n], INT), ALL - 3n)
  t.is(word(DW_OP.div, [ALL - 7n, 2n], ULONG), (ALL - 7n) / 2n)
  t.is(word(DW_OP.plus, [255n, 2n], UCHAR), 1n)
  t.is(word(DW_OP.mod, [7n, 0n], INT), undefined)
})

test('a comparison is a number of no type', t => {
  t.deepEqual(operate(DW_OP.lt, [double(-1), double(2)], DOUBLE), {word: 1n, type: undefined})
  t.deepEqual(operate(DW_OP.lt, [ALL - 1n, 2n], ULONG), {word: 0n, type: undefined})
  t.deepEqual(operate(DW_OP.eq, [double(Number.NaN), double(Number.NaN)], DOUBLE), {word: 0n, type: undefined})
})
