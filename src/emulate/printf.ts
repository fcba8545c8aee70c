import type {Word} from '../base/address.ts'
import type {EmulatedMemory} from './emulated-memory.ts'

/** Where the values of a variable argument list come from, one after the other. */
export interface ArgumentList {
  word(): Word
  /** An argument of floating point. */
  double(): number
}

interface Conversion {
  readonly flags: string
  readonly width: number
  readonly precision: number | undefined
  /** Bits of an integer. */
  readonly bits: 8 | 16 | 32 | 64
  readonly letter: string
}

const TEXT_MAX = 65536
const BITS = {hh: 8, h: 16, l: 64, ll: 64, j: 64, z: 64, t: 64, q: 64} as const
const PATTERN = /%([-+ #0]*)(\*|\d+)?(?:\.(\*|-?\d*))?(hh|h|ll|l|L|j|z|t|q)?([a-zA-Z%])/g

/**
 * What printf writes (ISO C 7.21.6.1), as bytes in Latin-1, so that each byte is one character.
 * @throws RangeError for a conversion that is not known
 */
export function formatPrintf(memory: EmulatedMemory, format: string, list: ArgumentList): string {
  const text = format.replace(PATTERN, (_, ...parts: (string | undefined)[]) => {
    const [flags = '', width, precision, length = '', letter = ''] = parts
    if (letter === '%') return '%'
    if (length === 'L') throw new RangeError('a long double')
    const wide = numberOf(width ?? '0', list)
    const conversion: Conversion = {
      flags: wide < 0 ? `${flags}-` : flags,
      width: Math.min(Math.abs(wide), TEXT_MAX),
      precision: precision === undefined ? undefined : precisionOf(numberOf(precision, list)),
      bits: BITS[length as keyof typeof BITS] ?? 32,
      letter,
    }
    return pad(convert(memory, conversion, list), conversion)
  })
  return text.slice(0, TEXT_MAX)
}

function numberOf(text: string, list: ArgumentList): number {
  return text === '*' ? Number(BigInt.asIntN(32, list.word())) : Number(text)
}

/** A negative one is as if there were none. */
function precisionOf(value: number): number | undefined {
  return value < 0 ? undefined : value
}

function pad(text: string, {flags, width, precision, letter}: Conversion): string {
  if (text.length >= width) return text
  if (flags.includes('-')) return text.padEnd(width)
  const isZeroed =
    flags.includes('0') && letter !== 's' && letter !== 'c' && (precision === undefined || /[feg]/i.test(letter))
  if (!isZeroed) return text.padStart(width)
  const [, sign = '', digits = ''] = /^([-+ ]|0[xX])?(.*)$/.exec(text) ?? []
  return sign + digits.padStart(width - sign.length, '0')
}

function convert(memory: EmulatedMemory, conversion: Conversion, list: ArgumentList): string {
  switch (conversion.letter) {
    case 'd':
    case 'i':
      return signed(conversion, BigInt.asIntN(conversion.bits, list.word()))
    case 'u':
    case 'x':
    case 'X':
    case 'o':
      return unsigned(conversion, BigInt.asUintN(conversion.bits, list.word()))
    case 'c':
      return String.fromCharCode(Number(list.word() & 0xffn))
    case 's':
      return textAt(memory, conversion, list.word())
    case 'p': {
      const word = list.word()
      return word === 0n ? '(nil)' : `0x${word.toString(16)}`
    }
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G':
      return floating(conversion, list.double())
    default:
      throw new RangeError(`the conversion %${conversion.letter}`)
  }
}

function signed({flags, precision}: Conversion, value: bigint): string {
  const digits = (value < 0n ? -value : value).toString().padStart(Math.min(precision ?? 0, TEXT_MAX), '0')
  const sign = value < 0n ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''
  return sign + (precision === 0 && value === 0n ? '' : digits)
}

function unsigned({flags, precision, letter}: Conversion, value: bigint): string {
  const base = letter === 'u' ? 10 : letter === 'o' ? 8 : 16
  const digits =
    precision === 0 && value === 0n ? '' : value.toString(base).padStart(Math.min(precision ?? 0, TEXT_MAX), '0')
  const mark = flags.includes('#') && value !== 0n ? (base === 16 ? '0x' : base === 8 ? '0' : '') : ''
  return letter === 'X' ? (mark + digits).toUpperCase() : mark + digits
}

function textAt(memory: EmulatedMemory, {precision}: Conversion, word: Word): string {
  if (word === 0n) return '(null)'.slice(0, precision ?? TEXT_MAX)
  return latin(memory.cString(Number(word), Math.min(precision ?? TEXT_MAX, TEXT_MAX)))
}

function floating({flags, precision = 6, letter}: Conversion, value: number): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''
  const magnitude = Math.abs(value)
  const kind = letter.toLowerCase()
  const digits = Number.isFinite(magnitude)
    ? finite(kind, magnitude, Math.min(precision, 100))
    : Number.isNaN(value)
      ? 'nan'
      : 'inf'
  return letter === kind ? sign + digits : (sign + digits).toUpperCase()
}

function finite(kind: string, value: number, precision: number): string {
  if (kind === 'f' && value < 2 ** 52) return fixed(value, precision)
  if (kind === 'f')
    return value < 1e21
      ? value.toFixed(precision)
      : `${BigInt(value)}${precision > 0 ? `.${'0'.repeat(precision)}` : ''}`
  if (kind === 'e') return exponent(value.toExponential(precision))
  const digits = precision || 1
  const power = value === 0 ? 0 : Number(value.toExponential(digits - 1).split('e')[1])
  const text = power < -4 || power >= digits ? value.toExponential(digits - 1) : value.toFixed(digits - 1 - power)
  const [mantissa = '', rest] = text.split('e')
  const short = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa
  return rest === undefined ? short : exponent(`${short}e${rest}`)
}

/** To so many places; of two equally near the even one, where toFixed takes the larger. */
function fixed(value: number, precision: number): string {
  const scale = 10n ** BigInt(precision)
  let [numerator, denominator] = [value, 1n]
  while (!Number.isInteger(numerator)) {
    numerator *= 2
    denominator *= 2n
  }
  const scaled = BigInt(numerator) * scale
  let digits = scaled / denominator
  const twice = (scaled % denominator) * 2n
  if (twice > denominator || (twice === denominator && digits % 2n === 1n)) digits++
  const text = digits.toString().padStart(precision + 1, '0')
  return precision === 0 ? text : `${text.slice(0, -precision)}.${text.slice(-precision)}`
}

/** At least two digits. */
function exponent(text: string): string {
  return text.replace(/e([-+])(\d)$/, 'e$10$2')
}

export function latin(bytes: Uint8Array): string {
  return Array.from(bytes, byte => String.fromCharCode(byte)).join('')
}
