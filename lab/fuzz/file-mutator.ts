import type {Random} from './random.ts'

/** A change of a file: so many bytes at an offset become others (hexadecimal), more or fewer. */
export interface Edit {
  readonly at: number
  readonly length: number
  readonly bytes: string
}

/** What is done to a file: its bytes, or the document of JSON that it begins with. */
export interface FileDamage {
  readonly edits: readonly Edit[]
  /** In place of the document; undefined: as it is. */
  readonly document?: string | undefined
}

/** In texts of Go, in addresses and lists; and what a terminal obeys or a parser gives up on. */
const WORDS = [
  '\n\n',
  '\n',
  '\t',
  ':',
  '(',
  ')',
  'goroutine 1 [running]:\n',
  'goroutine 99999999999999999999 [select, 5 minutes]:\n',
  'created by ',
  '...additional frames elided...\n',
  'goroutine profile: total 3\n',
  '1 @ 0x1 0x2\n',
  '#\t0x1\ta+0x1\t\t/a:1\n',
  '{"schemaVersion":"1","path":"/x","signature":{"exact":"a","family":"b","frames":["c"]}}\n',
  '__proto__',
  'constructor',
  '\u001b[2J',
  '\u202e',
  '\ufeff',
  '\0',
  '../../../../etc/passwd',
  '-1',
  '1e999',
  '9007199254740993',
  'null',
  '{',
  '[',
  '"',
]

const NUMBERS: readonly bigint[] = [
  ...[0, 1, 7, 8, 15, 16, 31, 32, 53, 63].flatMap(bits => [2n ** BigInt(bits) - 1n, 2n ** BigInt(bits)]),
  0xffffffffffffffffn,
]

/** Values in place of any part of a document of JSON. */
const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  1e308,
  '',
  '/',
  '..',
  '../../../../../../etc/passwd',
  '/dev/zero',
  '/proc/self/mem',
  'x'.repeat(100_000),
  '\u001b[31m\n\u202e',
  [],
  {},
  [[[[[[]]]]]],
  {__proto__: null, length: 2 ** 32, name: 7},
]

/** Changes of bytes, the same from the same seed. */
export function editBytes(size: number, random: Random): Edit[] {
  if (random.once(10)) return [{at: random.below(size + 1), length: size, bytes: ''}]
  const count = random.pick([1, 1, 1, 2, 3, 8, 30])
  return Array.from({length: count}, () => editOnce(size, random)).sort((a, b) => b.at - a.at)
}

function editOnce(size: number, random: Random): Edit {
  // What a format is known by, and its counts, stand at the beginning.
  const at = random.once(3) ? random.below(Math.min(size, 512) + 1) : random.below(size + 1)
  switch (random.below(5)) {
    case 0:
      return {at, length: 1, bytes: hex(Uint8Array.of(random.below(256)))}
    case 1: {
      const width = random.pick([2, 4, 8])
      const bytes = Buffer.alloc(8)
      bytes.writeBigUInt64LE(random.pick(NUMBERS))
      return {
        at,
        length: width,
        bytes: hex(random.once(2) ? bytes.subarray(0, width) : bytes.subarray(0, width).reverse()),
      }
    }
    case 2:
      return {at, length: random.below(random.pick([2, 64, 4096])), bytes: ''}
    case 3:
      return {at, length: 0, bytes: hex(Buffer.alloc(random.below(random.pick([2, 64, 4096])), random.below(256)))}
    default:
      return {at, length: random.once(2) ? 0 : 4, bytes: hex(Buffer.from(random.pick(WORDS)))}
  }
}

/** A document of JSON in which some parts are others, are gone, or stand there twice. */
export function editDocument(text: string, random: Random): string {
  const whole = JSON.parse(text)
  const count = random.pick([1, 1, 1, 2, 4])
  for (let round = 0; round < count; round++) editPart(whole, random)
  return JSON.stringify(whole)
}

function editPart(whole: object, random: Random): void {
  let part: Record<string, unknown> = whole as Record<string, unknown>
  for (;;) {
    const keys = Object.keys(part)
    if (keys.length === 0) return
    const key = random.pick(keys)
    const inner = part[key]
    if (typeof inner === 'object' && inner !== null && !random.once(4)) {
      part = inner as Record<string, unknown>
      continue
    }
    if (random.once(6)) delete part[key]
    else if (random.once(5)) part[random.pick(keys)] = inner
    else part[key] = random.pick(VALUES)
    return
  }
}

export function applyEdits(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  return edits.reduce((rest, {at, length, bytes: others}) => {
    return Buffer.concat([rest.subarray(0, at), Buffer.from(others, 'hex'), rest.subarray(at + length)])
  }, bytes)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
