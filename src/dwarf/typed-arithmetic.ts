import type {Word} from '../base/address.ts'
import {DW_ATE} from './constants.ts'
import {DW_OP, type ValueType} from './expression.ts'

/** A number of a base type: floating-point ones as doubles, all others as they count. */
type Numeric = {readonly kind: 'float'; readonly value: number} | {readonly kind: 'integer'; readonly value: bigint}

const GENERIC: ValueType = {size: 8, encoding: DW_ATE.unsigned}

function isFloat(type: ValueType | undefined): boolean {
  return type?.encoding === DW_ATE.float
}

/** Whether an operation is arithmetic that goes by the type of its operands (DWARF 5, 2.5.1.4 and 2.5.1.5). */
export function goesByType(opcode: number): boolean {
  return BINARY.has(opcode) || UNARY.has(opcode)
}

export function isUnary(opcode: number): boolean {
  return UNARY.has(opcode)
}

/** What a word is as a number of a type; undefined for a type that has none here (of 2, 10 or 16 bytes). */
function numberOf(word: Word, {size, encoding}: ValueType): Numeric | undefined {
  if (encoding === DW_ATE.float) {
    const view = new DataView(new ArrayBuffer(8))
    view.setBigUint64(0, word, true)
    if (size !== 4 && size !== 8) return undefined
    return {kind: 'float', value: size === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true)}
  }
  const isSigned = encoding === DW_ATE.signed || encoding === DW_ATE.signed_char
  const bits = size * 8
  return {kind: 'integer', value: isSigned ? BigInt.asIntN(bits, word) : BigInt.asUintN(bits, word)}
}

/** The word that holds a number of a type, integers extended to all of it; undefined where the type cannot hold it. */
function wordOf(number: Numeric, type: ValueType): Word | undefined {
  const {size, encoding} = type
  if (encoding === DW_ATE.float) {
    const value = Number(number.value)
    const view = new DataView(new ArrayBuffer(8))
    if (size === 4) view.setFloat32(0, value, true)
    else if (size === 8) view.setFloat64(0, value, true)
    else return undefined
    return view.getBigUint64(0, true)
  }
  const {value} = number
  if (typeof value === 'number' && !Number.isFinite(value)) return undefined
  const whole = typeof value === 'number' ? BigInt(Math.trunc(value)) : value
  const isSigned = encoding === DW_ATE.signed || encoding === DW_ATE.signed_char
  const bits = size * 8
  return BigInt.asUintN(64, isSigned ? BigInt.asIntN(bits, whole) : BigInt.asUintN(bits, whole))
}

/** DW_OP_convert: the same number in another type. */
export function convert(word: Word, from: ValueType | undefined, to: ValueType): Word | undefined {
  const number = numberOf(word, from ?? GENERIC)
  return number && wordOf(number, to)
}

/** DW_OP_reinterpret: the same bits, and as a typed word is kept. */
export function reinterpret(word: Word, to: ValueType): Word | undefined {
  return isFloat(to) ? BigInt.asUintN(to.size * 8, word) : wordOf({kind: 'integer', value: word}, to)
}

/** An operation on numbers of one type; undefined where there is no result. Comparisons give a generic number. */
export function operate(
  opcode: number,
  operands: readonly Word[],
  type: ValueType,
): {word: Word; type: ValueType | undefined} | undefined {
  const [left, right] = operands.map(word => numberOf(word, type))
  if (!left || (operands.length > 1 && !right)) return undefined
  const comparison = COMPARISONS.get(opcode)
  if (comparison && right) return {word: BigInt(comparison(left.value, right.value)), type: undefined}
  const result = isFloat(type)
    ? floatResult(opcode, Number(left.value), Number(right?.value))
    : integerResult(opcode, left.value as bigint, right?.value as bigint | undefined)
  const word = result && wordOf(result, type)
  return word === undefined ? undefined : {word, type}
}

function floatResult(opcode: number, left: number, right: number): Numeric | undefined {
  const value = FLOAT_RESULTS.get(opcode)?.(left, right)
  return value === undefined ? undefined : {kind: 'float', value}
}

function integerResult(opcode: number, left: bigint, right = 0n): Numeric | undefined {
  const value = INTEGER_RESULTS.get(opcode)?.(left, right)
  return value === undefined ? undefined : {kind: 'integer', value}
}

const COMPARISONS = new Map<number, (a: number | bigint, b: number | bigint) => boolean>([
  [DW_OP.eq, (a, b) => a === b],
  [DW_OP.ne, (a, b) => a !== b],
  [DW_OP.lt, (a, b) => a < b],
  [DW_OP.le, (a, b) => a <= b],
  [DW_OP.gt, (a, b) => a > b],
  [DW_OP.ge, (a, b) => a >= b],
])

const FLOAT_RESULTS = new Map<number, (a: number, b: number) => number | undefined>([
  [DW_OP.plus, (a, b) => a + b],
  [DW_OP.minus, (a, b) => a - b],
  [DW_OP.mul, (a, b) => a * b],
  [DW_OP.div, (a, b) => a / b],
  [DW_OP.neg, a => -a],
  [DW_OP.abs, a => Math.abs(a)],
])

const INTEGER_RESULTS = new Map<number, (a: bigint, b: bigint) => bigint | undefined>([
  [DW_OP.plus, (a, b) => a + b],
  [DW_OP.minus, (a, b) => a - b],
  [DW_OP.mul, (a, b) => a * b],
  [DW_OP.div, (a, b) => (b === 0n ? undefined : a / b)],
  [DW_OP.mod, (a, b) => (b === 0n ? undefined : a % b)],
  [DW_OP.neg, a => -a],
  [DW_OP.abs, a => (a < 0n ? -a : a)],
])

const UNARY: ReadonlySet<number> = new Set([DW_OP.neg, DW_OP.abs])
const BINARY: ReadonlySet<number> = new Set(
  [...FLOAT_RESULTS.keys(), ...INTEGER_RESULTS.keys(), ...COMPARISONS.keys()].filter(opcode => !UNARY.has(opcode)),
)
