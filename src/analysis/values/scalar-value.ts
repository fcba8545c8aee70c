import {DW_ATE} from '../../dwarf/constants.ts'
import type {DataType} from '../../dwarf/data-type.ts'
import {littleEndian, type View} from './storage.ts'
import {integer, isMissing, missingValue, plainValue, type Value} from './value.ts'

/** A base type as C writes it: `5`, `97 'a'`, `true`, `1.5`. */
export function readScalar(type: DataType, view: View): Value {
  const size = type.size ?? 0
  const bytes = view.bytes(size)
  return isMissing(bytes) ? missingValue(bytes) : scalarOf(type.encoding, bytes)
}

/** @param encoding DW_ATE_* */
export function scalarOf(encoding: number, bytes: Uint8Array): Value {
  const bits = bytes.length * 8
  const word = littleEndian(bytes)
  switch (encoding) {
    case DW_ATE.boolean:
      return word < 2n ? plainValue(word === 0n ? 'false' : 'true', word === 1n) : wholeNumber(word)
    case DW_ATE.float:
      return floatOf(bytes)
    case DW_ATE.complex_float: {
      const half = bytes.length / 2
      const [real, imaginary] = [floatOf(bytes.subarray(0, half)), floatOf(bytes.subarray(half))]
      return plainValue(`${real.text} + ${imaginary.text}i`)
    }
    case DW_ATE.signed:
      return wholeNumber(BigInt.asIntN(bits, word))
    case DW_ATE.signed_char: {
      const value = BigInt.asIntN(bits, word)
      return plainValue(`${value} ${characterText(word)}`, Number(value))
    }
    case DW_ATE.unsigned_char:
      return plainValue(`${word} ${characterText(word)}`, Number(word))
    case DW_ATE.UTF:
      return plainValue(`${word} ${characterText(word, bytes.length)}`, Number(word))
    default:
      return wholeNumber(word)
  }
}

function wholeNumber(value: bigint): Value {
  return plainValue(String(value), integer(value))
}

const ESCAPES: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  27: '\\033',
  39: "\\'",
  92: '\\\\',
}

function characterText(code: bigint, size = 1): string {
  const value = Number(code)
  const isHigh = size === 1 ? value >= 0x7f : value >= 0x7f && value < 0xa0
  if (value < 0x20 || value === 39 || value === 92 || isHigh) {
    return `'${ESCAPES[value] ?? `\\${value.toString(8).padStart(3, '0')}`}'`
  }
  const isScalar = value <= 0x10ffff && !(value >= 0xd800 && value < 0xe000)
  return isScalar ? `'${String.fromCodePoint(value)}'` : `'\\U${value.toString(16)}'`
}

function floatOf(bytes: Uint8Array): Value {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  switch (bytes.length) {
    case 4:
      return floatValue(view.getFloat32(0, true), shortestFloat32)
    case 8:
      return floatValue(view.getFloat64(0, true), String)
    case 10:
    case 12:
    case 16:
      return floatValue(extendedFloat(view), String)
    case 2:
      return floatValue(halfFloat(view.getUint16(0, true)), String)
    default:
      return plainValue(`0x${littleEndian(bytes).toString(16)}`)
  }
}

/** JSON has no number for those that are none. */
function floatValue(value: number, print: (value: number) => string): Value {
  if (Number.isNaN(value)) return plainValue('nan')
  if (!Number.isFinite(value)) return plainValue(value < 0 ? '-inf' : 'inf')
  return plainValue(Object.is(value, -0) ? '-0' : print(value), Object.is(value, -0) ? 0 : Number(print(value)))
}

/** The shortest text that reads back as the same 32 bits. */
function shortestFloat32(value: number): string {
  for (let digits = 1; digits <= 9; digits++) {
    const text = value.toPrecision(digits)
    if (Math.fround(Number(text)) === value) return String(Number(text))
  }
  return String(value)
}

/** x87's 80 bits (Intel SDM 1, 4.2.2), as the nearest double. */
function extendedFloat(view: DataView): number {
  const fraction = view.getBigUint64(0, true)
  const head = view.getUint16(8, true)
  const sign = head >= 0x8000 ? -1 : 1
  const exponent = head % 0x8000
  if (exponent === 0x7fff) return fraction === 2n ** 63n ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * Number(fraction) * 2 ** (exponent - 16383 - 63)
}

/** IEEE 754 binary16. */
function halfFloat(bits: number): number {
  const sign = bits >= 0x8000 ? -1 : 1
  const exponent = Math.floor((bits % 0x8000) / 0x400)
  const fraction = bits % 0x400
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
