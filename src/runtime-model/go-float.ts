/** Digits that print shows up to 1.25. */
const DIGITS = 7

/**
 * A float as print showed it up to Go 1.25 (printfloat, src/runtime/print.go): `+1.500000e+000`. The runtime scales and
 * rounds in float64 steps, so its last digit can differ from a correct one: the steps are the same here.
 */
export function printFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  const sign = value < 0 || Object.is(value, -0) ? '-' : '+'
  let [scaled, exponent] = value === 0 ? [0, 0] : normalize(Math.abs(value))
  let digits = ''
  for (let index = 0; index < DIGITS; index++) {
    const digit = Math.trunc(scaled)
    digits += String.fromCharCode(0x30 + digit)
    scaled = (scaled - digit) * 10
  }
  const exponentSign = exponent < 0 ? '-' : '+'
  exponent = Math.abs(exponent)
  return `${sign}${digits[0]}.${digits.slice(1)}e${exponentSign}${String(exponent).padStart(3, '0')}`
}

function normalize(magnitude: number): [scaled: number, exponent: number] {
  let scaled = magnitude
  let exponent = 0
  while (scaled >= 10) {
    exponent++
    scaled /= 10
  }
  while (scaled < 1) {
    exponent--
    scaled *= 10
  }
  let half = 5
  for (let index = 0; index < DIGITS; index++) half /= 10
  scaled += half
  if (scaled >= 10) {
    exponent++
    scaled /= 10
  }
  return [scaled, exponent]
}

/** Exponents from here on are written out. */
const SHORTEST_PRECISION = 6
/** Digits that every float32 survives a round trip with. */
const FLOAT32_DIGITS = 9

/** A float as print shows it since Go 1.26: strconv's shortest 'g' for its size, `1.5`, `1e+100`. */
export function formatShortest(value: number, bits: 32 | 64): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const [mantissa, exponentText] = shortestExponential(value, bits).split('e') as [string, string]
  const exponent = Number(exponentText)
  // strconv decides for %e as if the shortest form had been asked for with precision 6 (ftoa.go).
  if (exponent < -4 || exponent >= SHORTEST_PRECISION) return exponential(mantissa, exponent)
  return positional(mantissa, exponent)
}

function shortestExponential(value: number, bits: 32 | 64): string {
  if (bits === 64) return value.toExponential()
  for (let digits = 1; digits < FLOAT32_DIGITS; digits++) {
    const text = value.toExponential(digits - 1)
    if (Math.fround(Number(text)) === value) return text
  }
  return value.toExponential(FLOAT32_DIGITS - 1)
}

function exponential(mantissa: string, exponent: number): string {
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

function positional(mantissa: string, exponent: number): string {
  const sign = mantissa.startsWith('-') ? '-' : ''
  const digits = mantissa.replace(/[-.]/g, '')
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const fraction = digits.slice(exponent + 1)
  return fraction === '' ? sign + whole : `${sign}${whole}.${fraction}`
}

/** A complex number as print shows it in the release's way with floats. */
export function joinComplex(real: string, imaginary: string): string {
  const signed = imaginary.startsWith('+') || imaginary.startsWith('-') ? imaginary : `+${imaginary}`
  return `(${real}${signed}i)`
}
