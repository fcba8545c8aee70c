import {createHash} from 'node:crypto'

/** To load node:crypto takes as long as to digest so many bytes here. */
const SHORT = 4096
const BLOCK = 64
const ROUNDS = 64
/** The first 64 primes; FIPS 180-4, 4.2.2 and 5.3.3: bits of their roots. */
const PRIMES = primesBelow(312)
const FACTORS = PRIMES.map(prime => bitsOf(Math.cbrt(prime)))
const START = PRIMES.slice(0, 8).map(prime => bitsOf(Math.sqrt(prime)))

/** SHA-256 (FIPS 180-4) of bytes, or of a text in UTF-8; 64 lower-case hex digits. */
export function sha256(data: string | Uint8Array): string {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
  if (bytes.length > SHORT) return createHash('sha256').update(bytes).digest('hex')
  const padded = new DataView(new ArrayBuffer(Math.ceil((bytes.length + 9) / BLOCK) * BLOCK))
  new Uint8Array(padded.buffer).set(bytes)
  padded.setUint8(bytes.length, 0x80)
  padded.setUint32(padded.byteLength - 4, bytes.length * 8)
  const state = Int32Array.from(START)
  const words = new Int32Array(ROUNDS)
  for (let at = 0; at < padded.byteLength; at += BLOCK) digestBlock(state, words, padded, at)
  return Array.from(state, word => (word >>> 0).toString(16).padStart(8, '0')).join('')
}

/** FIPS 180-4, 6.2.2. */
function digestBlock(state: Int32Array, words: Int32Array, data: DataView, start: number): void {
  for (let index = 0; index < ROUNDS; index++) {
    words[index] = index < 16 ? data.getInt32(start + index * 4) : nextWord(words, index)
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state
  for (let index = 0; index < ROUNDS; index++) {
    const mixed = (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g))
    const first = (h + mixed + (FACTORS[index] as number) + (words[index] as number)) | 0
    const second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  for (const [index, word] of [a, b, c, d, e, f, g, h].entries()) state[index] = (state[index] as number) + word
}

function nextWord(words: Int32Array, index: number): number {
  const [near, far] = [words[index - 2] as number, words[index - 15] as number]
  const mixed = (turned(near, 17) ^ turned(near, 19) ^ (near >>> 10)) + (turned(far, 7) ^ turned(far, 18) ^ (far >>> 3))
  return (words[index - 16] as number) + (words[index - 7] as number) + mixed
}

function turned(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits))
}

function primesBelow(end: number): number[] {
  const isComposite = new Uint8Array(end)
  const primes: number[] = []
  for (let number = 2; number < end; number++) {
    if (isComposite[number] === 1) continue
    primes.push(number)
    for (let multiple = number * number; multiple < end; multiple += number) isComposite[multiple] = 1
  }
  return primes
}

/** The first 32 bits behind the point. */
function bitsOf(root: number): number {
  return ((root % 1) * 2 ** 32) | 0
}
