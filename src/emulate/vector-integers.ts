import type {DecodedInstruction} from '../amd64/decoded-instruction.ts'
import type {Execute} from './operands.ts'
import {loadOperand, Vector, type VectorOperation, wholeVectors} from './vector-operands.ts'

type Kind = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32'
type WideKind = 'u64' | 'i64'
const SIZES = {u8: 1, i8: 1, u16: 2, i16: 2, u32: 4, i32: 4, u64: 8, i64: 8} as const

/** Element by element: what does not fit is cut by the element's own array. */
function each(kind: Kind, operation: (left: number, right: number) => number): VectorOperation {
  const size = SIZES[kind]
  return (out, [left, right], width) => {
    const [a, b, to] = [left?.[kind], right?.[kind], out[kind]]
    if (!a || !b) return
    for (let index = 0; index < width / size; index++) to[index] = operation(a[index] as number, b[index] as number)
  }
}

function each64(kind: WideKind, operation: (left: bigint, right: bigint) => bigint): VectorOperation {
  return (out, [left, right], width) => {
    const [a, b, to] = [left?.[kind], right?.[kind], out[kind]]
    if (!a || !b) return
    for (let index = 0; index < width / 8; index++) to[index] = operation(a[index] as bigint, b[index] as bigint)
  }
}

function clamp(low: number, high: number): (value: number) => number {
  return value => Math.min(high, Math.max(low, value))
}

const saturate = {
  i8: clamp(-128, 127),
  u8: clamp(0, 255),
  i16: clamp(-32768, 32767),
  u16: clamp(0, 65535),
} as const

/** Names without the `v`, and without the width that EVEX adds to those of bits. */
const BINARY: Record<string, {element: number; operation: VectorOperation}> = {}

function define(name: string, kind: Kind | WideKind, operation: VectorOperation): void {
  BINARY[name] = {element: SIZES[kind], operation}
}

const NARROW = {b: ['u8', 'i8'], w: ['u16', 'i16'], d: ['u32', 'i32']} as const
for (const [suffix, [plain, signed]] of Object.entries(NARROW)) {
  define(
    `padd${suffix}`,
    plain,
    each(plain, (a, b) => a + b),
  )
  define(
    `psub${suffix}`,
    plain,
    each(plain, (a, b) => a - b),
  )
  define(
    `pcmpeq${suffix}`,
    plain,
    each(plain, (a, b) => (a === b ? -1 : 0)),
  )
  define(
    `pcmpgt${suffix}`,
    plain,
    each(signed, (a, b) => (a > b ? -1 : 0)),
  )
  define(`pminu${suffix}`, plain, each(plain, Math.min))
  define(`pmaxu${suffix}`, plain, each(plain, Math.max))
  define(`pmins${suffix}`, plain, each(signed, Math.min))
  define(`pmaxs${suffix}`, plain, each(signed, Math.max))
  define(
    `psign${suffix}`,
    plain,
    each(signed, (a, b) => (b < 0 ? -a : b === 0 ? 0 : a)),
  )
}
define(
  'paddq',
  'u64',
  each64('u64', (a, b) => a + b),
)
define(
  'psubq',
  'u64',
  each64('u64', (a, b) => a - b),
)
define(
  'pcmpeqq',
  'u64',
  each64('i64', (a, b) => (a === b ? -1n : 0n)),
)
define(
  'pcmpgtq',
  'u64',
  each64('i64', (a, b) => (a > b ? -1n : 0n)),
)
define(
  'pminuq',
  'u64',
  each64('u64', (a, b) => (a < b ? a : b)),
)
define(
  'pmaxuq',
  'u64',
  each64('u64', (a, b) => (a > b ? a : b)),
)
define(
  'pminsq',
  'u64',
  each64('i64', (a, b) => (a < b ? a : b)),
)
define(
  'pmaxsq',
  'u64',
  each64('i64', (a, b) => (a > b ? a : b)),
)
define(
  'paddsb',
  'u8',
  each('i8', (a, b) => saturate.i8(a + b)),
)
define(
  'paddsw',
  'u16',
  each('i16', (a, b) => saturate.i16(a + b)),
)
define(
  'paddusb',
  'u8',
  each('u8', (a, b) => saturate.u8(a + b)),
)
define(
  'paddusw',
  'u16',
  each('u16', (a, b) => saturate.u16(a + b)),
)
define(
  'psubsb',
  'u8',
  each('i8', (a, b) => saturate.i8(a - b)),
)
define(
  'psubsw',
  'u16',
  each('i16', (a, b) => saturate.i16(a - b)),
)
define(
  'psubusb',
  'u8',
  each('u8', (a, b) => saturate.u8(a - b)),
)
define(
  'psubusw',
  'u16',
  each('u16', (a, b) => saturate.u16(a - b)),
)
define(
  'pavgb',
  'u8',
  each('u8', (a, b) => (a + b + 1) >> 1),
)
define(
  'pavgw',
  'u16',
  each('u16', (a, b) => (a + b + 1) >> 1),
)
define(
  'pmullw',
  'u16',
  each('i16', (a, b) => a * b),
)
define(
  'pmulhw',
  'u16',
  each('i16', (a, b) => (a * b) >> 16),
)
define(
  'pmulhuw',
  'u16',
  each('u16', (a, b) => (a * b) >>> 16),
)
define(
  'pmulhrsw',
  'u16',
  each('i16', (a, b) => (((a * b) >> 14) + 1) >> 1),
)
define('pmulld', 'u32', each('i32', Math.imul))

for (const [name, operation] of Object.entries({
  pand: (a: bigint, b: bigint) => a & b,
  pandn: (a: bigint, b: bigint) => ~a & b,
  por: (a: bigint, b: bigint) => a | b,
  pxor: (a: bigint, b: bigint) => a ^ b,
})) {
  define(name, 'u64', each64('u64', operation))
  define(`${name}q`, 'u64', each64('u64', operation))
  define(`${name}d`, 'u32', each64('u64', operation))
  for (const [suffix, kind] of [
    ['ps', 'u32'],
    ['pd', 'u64'],
  ] as const) {
    define(`${name.slice(1)}${suffix}`, kind, each64('u64', operation))
  }
}

/** The lower halves of 64-bit elements. */
define(
  'pmuludq',
  'u64',
  each64('u64', (a, b) => (a & 0xffffffffn) * (b & 0xffffffffn)),
)
define(
  'pmuldq',
  'u64',
  each64('i64', (a, b) => BigInt.asIntN(32, a) * BigInt.asIntN(32, b)),
)

define('pmaddwd', 'u32', (out, [left, right], width) => {
  if (!left || !right) return
  const product = (at: number) => (left.i16[at] as number) * (right.i16[at] as number)
  for (let index = 0; index < width / 4; index++) out.i32[index] = product(index * 2) + product(index * 2 + 1)
})

define('pmaddubsw', 'u16', (out, [left, right], width) => {
  if (!left || !right) return
  const product = (at: number) => (left.u8[at] as number) * (right.i8[at] as number)
  for (let index = 0; index < width / 2; index++) {
    out.i16[index] = saturate.i16(product(index * 2) + product(index * 2 + 1))
  }
})

define('psadbw', 'u64', (out, [left, right], width) => {
  if (!left || !right) return
  for (let index = 0; index < width / 8; index++) {
    let sum = 0
    for (let at = index * 8; at < index * 8 + 8; at++)
      sum += Math.abs((left.u8[at] as number) - (right.u8[at] as number))
    out.u64[index] = BigInt(sum)
  }
})

/** Pairs of neighbours, of both sources, in each 128 bits. */
function horizontal(kind: 'i16' | 'i32', operation: (first: number, second: number) => number): VectorOperation {
  const count = 16 / SIZES[kind]
  return (out, [left, right], width) => {
    if (!left || !right) return
    for (let lane = 0; lane < width / 16; lane++) {
      for (let index = 0; index < count; index++) {
        const source = index < count / 2 ? left[kind] : right[kind]
        const at = lane * count + (index % (count / 2)) * 2
        out[kind][lane * count + index] = operation(source[at] as number, source[at + 1] as number)
      }
    }
  }
}
define(
  'phaddw',
  'u16',
  horizontal('i16', (a, b) => a + b),
)
define(
  'phaddd',
  'u32',
  horizontal('i32', (a, b) => a + b),
)
define(
  'phsubw',
  'u16',
  horizontal('i16', (a, b) => a - b),
)
define(
  'phsubd',
  'u32',
  horizontal('i32', (a, b) => a - b),
)
define(
  'phaddsw',
  'u16',
  horizontal('i16', (a, b) => saturate.i16(a + b)),
)

/** Elements of both sources, half as wide, in each 128 bits. */
function pack(from: 'i16' | 'i32', to: 'i8' | 'u8' | 'i16' | 'u16'): VectorOperation {
  const count = 16 / SIZES[to]
  return (out, [left, right], width) => {
    if (!left || !right) return
    for (let lane = 0; lane < width / 16; lane++) {
      for (let index = 0; index < count; index++) {
        const source = index < count / 2 ? left[from] : right[from]
        out[to][lane * count + index] = saturate[to](source[(lane * count) / 2 + (index % (count / 2))] as number)
      }
    }
  }
}
define('packsswb', 'u8', pack('i16', 'i8'))
define('packuswb', 'u8', pack('i16', 'u8'))
define('packssdw', 'u16', pack('i32', 'i16'))
define('packusdw', 'u16', pack('i32', 'u16'))

/** Absolute values: one source. */
function absolute(kind: 'i8' | 'i16' | 'i32'): VectorOperation {
  return (out, [from], width) => {
    if (!from) return
    for (let index = 0; index < width / SIZES[kind]; index++) out[kind][index] = Math.abs(from[kind][index] as number)
  }
}

type ShiftName = 'll' | 'rl' | 'ra'

/** Counts of the width and more leave nothing, or the sign. */
function shiftElement(name: ShiftName, value: bigint, count: bigint, bits: number): bigint {
  const width = BigInt(bits)
  if (name === 'ra') return BigInt.asIntN(bits, value) >> (count < width ? count : width - 1n)
  if (count >= width) return 0n
  return name === 'll' ? value << count : value >> count
}

function shiftAll(name: ShiftName, value: Vector, out: Vector, size: number, width: number, count: bigint): void {
  for (let index = 0; index < width / size; index++)
    setElement(out, size, index, shiftElement(name, getElement(value, size, index), count, size * 8))
}

export function getElement(value: Vector, size: number, index: number): bigint {
  if (size === 8) return value.u64[index] as bigint
  if (size === 4) return BigInt(value.u32[index] as number)
  return BigInt((size === 2 ? value.u16[index] : value.u8[index]) as number)
}

export function setElement(out: Vector, size: number, index: number, value: bigint): void {
  if (size === 8) out.u64[index] = BigInt.asUintN(64, value)
  else if (size === 4) out.u32[index] = Number(BigInt.asUintN(32, value))
  else if (size === 2) out.u16[index] = Number(BigInt.asUintN(16, value))
  else out.u8[index] = Number(BigInt.asUintN(8, value))
}

/** psll, psrl, psra: by an immediate, or by the lowest 64 bits of the last source. */
function shift(name: ShiftName, size: number) {
  const byVector = wholeVectors(
    (out, [value, count], width) => {
      if (value && count) shiftAll(name, value, out, size, width, count.u64[0] as bigint)
    },
    size,
    2,
  )
  const byImmediate = wholeVectors(
    (out, [value], width, immediate) => {
      if (value) shiftAll(name, value, out, size, width, BigInt(immediate))
    },
    size,
    1,
  )
  return (instruction: DecodedInstruction): Execute =>
    instruction.operands.at(-1)?.kind === 'immediate' ? byImmediate(instruction) : byVector(instruction)
}

function shiftEach(name: ShiftName, size: number) {
  return wholeVectors(
    (out, [value, count], width) => {
      if (!value || !count) return
      for (let index = 0; index < width / size; index++) {
        const by = getElement(count, size, index)
        setElement(out, size, index, shiftElement(name, getElement(value, size, index), by, size * 8))
      }
    },
    size,
    2,
  )
}

/** Whole bytes, in each 128 bits. */
function shiftBytes(isLeft: boolean) {
  return wholeVectors(
    (out, [value], width, immediate) => {
      if (!value) return
      const count = Math.min(16, immediate)
      out.u8.fill(0, 0, width)
      for (let lane = 0; lane < width; lane += 16) {
        const kept = isLeft ? value.u8.subarray(lane, lane + 16 - count) : value.u8.subarray(lane + count, lane + 16)
        out.u8.set(kept, isLeft ? lane + count : lane)
      }
    },
    1,
    1,
  )
}

/** Each bit by a table of the bits of three operands (AVX-512, VPTERNLOG). */
function ternary(element: number) {
  return (instruction: DecodedInstruction): Execute => {
    const {operands} = instruction
    const [to] = operands
    if (!to) throw new TypeError('an operand is needed')
    const width = to.size
    const [old, load] = [new Vector(), loadOperand(to, width)]
    const execute = wholeVectors(
      (out, [left, right], _, table) => {
        if (!left || !right) return
        for (let index = 0; index < width / 8; index++) {
          out.u64[index] = tabled(
            old.u64[index] as bigint,
            left.u64[index] as bigint,
            right.u64[index] as bigint,
            table,
          )
        }
      },
      element,
      2,
    )(instruction)
    return cpu => {
      load(cpu, old)
      execute(cpu)
    }
  }
}

function tabled(a: bigint, b: bigint, c: bigint, table: number): bigint {
  let result = 0n
  for (let row = 0; row < 8; row++) {
    if (!((table >> row) & 1)) continue
    result |= (row & 4 ? a : ~a) & (row & 2 ? b : ~b) & (row & 1 ? c : ~c)
  }
  return BigInt.asUintN(64, result)
}

type Compile = (instruction: DecodedInstruction) => Execute

const SHIFT_WIDTHS = {w: 2, d: 4, q: 8} as const

function* shiftNames(): Generator<[string, Compile]> {
  for (const name of ['ll', 'rl', 'ra'] as const) {
    for (const [suffix, size] of Object.entries(SHIFT_WIDTHS)) {
      yield [`ps${name}${suffix}`, shift(name, size)]
      yield [`ps${name}v${suffix}`, shiftEach(name, size)]
    }
  }
}

export const VECTOR_INTEGERS: Readonly<Record<string, Compile>> = {
  ...Object.fromEntries(
    Object.entries(BINARY).map(([name, {element, operation}]) => [name, wholeVectors(operation, element, 2)]),
  ),
  ...Object.fromEntries(shiftNames()),
  pslldq: shiftBytes(true),
  psrldq: shiftBytes(false),
  pabsb: wholeVectors(absolute('i8'), 1, 1),
  pabsw: wholeVectors(absolute('i16'), 2, 1),
  pabsd: wholeVectors(absolute('i32'), 4, 1),
  pternlogd: ternary(4),
  pternlogq: ternary(8),
}
