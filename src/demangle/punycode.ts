/** The digits of RFC 3492, section 5. */
const DIGITS = 'abcdefghijklmnopqrstuvwxyz0123456789'
const LAST_POINT = 0x10ffff

/** RFC 3492 with `_` as the delimiter. What is none is given back. */
export function decodePunycode(name: string): string {
  const split = name.lastIndexOf('_')
  const output = [...name.slice(0, Math.max(split, 0))].map(character => character.codePointAt(0) as number)
  let [point, index, bias] = [128, 0, 72]
  for (let at = split + 1; at < name.length; ) {
    const delta = readDelta(name, at, bias)
    if (!delta) return name
    at = delta.next
    const length = output.length + 1
    bias = adaptBias(delta.value, length, index === 0)
    index += delta.value
    point += Math.floor(index / length)
    index %= length
    if (point > LAST_POINT) return name
    output.splice(index++, 0, point)
  }
  return output.map(each => String.fromCodePoint(each)).join('')
}

/** A generalized variable-length integer (section 3.3). */
function readDelta(name: string, start: number, bias: number): {value: number; next: number} | undefined {
  let value = 0
  let weight = 1
  let at = start
  for (let k = 36; ; k += 36) {
    const digit = DIGITS.indexOf(name[at++] ?? '-')
    if (digit < 0) return undefined
    value += digit * weight
    const threshold = Math.min(Math.max(k - bias, 1), 26)
    if (digit < threshold) return {value, next: at}
    weight *= 36 - threshold
  }
}

function adaptBias(delta: number, length: number, first: boolean): number {
  let value = first ? Math.floor(delta / 700) : Math.floor(delta / 2)
  value += Math.floor(value / length)
  let bias = 0
  for (; value > 455; bias += 36) value = Math.floor(value / 35)
  return bias + Math.floor((36 * value) / (value + 38))
}
