import type {VectorOperation} from './vector-operands.ts'

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
const NARROW = {b: ['u8', 'i8'], w: ['u16', 'i16'], d: ['u32', 'i32']} as const

/** An operation on each element; masks and broadcasts count by the element's size. */
export interface NamedOperation {
  readonly name: string
  readonly element: number
  readonly operation: VectorOperation
}

function named(name: string, kind: Kind | WideKind, operation: VectorOperation): NamedOperation {
  return {name, element: SIZES[kind], operation}
}

/** Of two sources. Names are without the `v`, and without the width that EVEX adds to those of bits. */
export function* binaryOperations(): Generator<NamedOperation> {
  for (const [suffix, [plain, signed]] of Object.entries(NARROW)) {
    yield named(
      `padd${suffix}`,
      plain,
      each(plain, (a, b) => a + b),
    )
    yield named(
      `psub${suffix}`,
      plain,
      each(plain, (a, b) => a - b),
    )
    yield named(
      `pcmpeq${suffix}`,
      plain,
      each(plain, (a, b) => (a === b ? -1 : 0)),
    )
    yield named(
      `pcmpgt${suffix}`,
      plain,
      each(signed, (a, b) => (a > b ? -1 : 0)),
    )
    yield named(`pminu${suffix}`, plain, each(plain, Math.min))
    yield named(`pmaxu${suffix}`, plain, each(plain, Math.max))
    yield named(`pmins${suffix}`, plain, each(signed, Math.min))
    yield named(`pmaxs${suffix}`, plain, each(signed, Math.max))
    yield named(
      `psign${suffix}`,
      plain,
      each(signed, (a, b) => (b < 0 ? -a : b === 0 ? 0 : a)),
    )
  }
  yield named(
    'paddq',
    'u64',
    each64('u64', (a, b) => a + b),
  )
  yield named(
    'psubq',
    'u64',
    each64('u64', (a, b) => a - b),
  )
  yield named(
    'pcmpeqq',
    'u64',
    each64('i64', (a, b) => (a === b ? -1n : 0n)),
  )
  yield named(
    'pcmpgtq',
    'u64',
    each64('i64', (a, b) => (a > b ? -1n : 0n)),
  )
  yield named(
    'pminuq',
    'u64',
    each64('u64', (a, b) => (a < b ? a : b)),
  )
  yield named(
    'pmaxuq',
    'u64',
    each64('u64', (a, b) => (a > b ? a : b)),
  )
  yield named(
    'pminsq',
    'u64',
    each64('i64', (a, b) => (a < b ? a : b)),
  )
  yield named(
    'pmaxsq',
    'u64',
    each64('i64', (a, b) => (a > b ? a : b)),
  )
  yield named(
    'paddsb',
    'u8',
    each('i8', (a, b) => saturate.i8(a + b)),
  )
  yield named(
    'paddsw',
    'u16',
    each('i16', (a, b) => saturate.i16(a + b)),
  )
  yield named(
    'paddusb',
    'u8',
    each('u8', (a, b) => saturate.u8(a + b)),
  )
  yield named(
    'paddusw',
    'u16',
    each('u16', (a, b) => saturate.u16(a + b)),
  )
  yield named(
    'psubsb',
    'u8',
    each('i8', (a, b) => saturate.i8(a - b)),
  )
  yield named(
    'psubsw',
    'u16',
    each('i16', (a, b) => saturate.i16(a - b)),
  )
  yield named(
    'psubusb',
    'u8',
    each('u8', (a, b) => saturate.u8(a - b)),
  )
  yield named(
    'psubusw',
    'u16',
    each('u16', (a, b) => saturate.u16(a - b)),
  )
  yield named(
    'pavgb',
    'u8',
    each('u8', (a, b) => (a + b + 1) >> 1),
  )
  yield named(
    'pavgw',
    'u16',
    each('u16', (a, b) => (a + b + 1) >> 1),
  )
  yield named(
    'pmullw',
    'u16',
    each('i16', (a, b) => a * b),
  )
  yield named(
    'pmulhw',
    'u16',
    each('i16', (a, b) => (a * b) >> 16),
  )
  yield named(
    'pmulhuw',
    'u16',
    each('u16', (a, b) => (a * b) >>> 16),
  )
  yield named(
    'pmulhrsw',
    'u16',
    each('i16', (a, b) => (((a * b) >> 14) + 1) >> 1),
  )
  yield named('pmulld', 'u32', each('i32', Math.imul))

  for (const [name, operation] of Object.entries({
    pand: (a: bigint, b: bigint) => a & b,
    pandn: (a: bigint, b: bigint) => ~a & b,
    por: (a: bigint, b: bigint) => a | b,
    pxor: (a: bigint, b: bigint) => a ^ b,
  })) {
    yield named(name, 'u64', each64('u64', operation))
    yield named(`${name}q`, 'u64', each64('u64', operation))
    yield named(`${name}d`, 'u32', each64('u64', operation))
    for (const [suffix, kind] of [
      ['ps', 'u32'],
      ['pd', 'u64'],
    ] as const) {
      yield named(`${name.slice(1)}${suffix}`, kind, each64('u64', operation))
    }
  }

  /** The lower halves of 64-bit elements. */
  yield named(
    'pmuludq',
    'u64',
    each64('u64', (a, b) => (a & 0xffffffffn) * (b & 0xffffffffn)),
  )
  yield named(
    'pmuldq',
    'u64',
    each64('i64', (a, b) => BigInt.asIntN(32, a) * BigInt.asIntN(32, b)),
  )

  yield named('pmaddwd', 'u32', (out, [left, right], width) => {
    if (!left || !right) return
    const product = (at: number) => (left.i16[at] as number) * (right.i16[at] as number)
    for (let index = 0; index < width / 4; index++) out.i32[index] = product(index * 2) + product(index * 2 + 1)
  })

  yield named('pmaddubsw', 'u16', (out, [left, right], width) => {
    if (!left || !right) return
    const product = (at: number) => (left.u8[at] as number) * (right.i8[at] as number)
    for (let index = 0; index < width / 2; index++) {
      out.i16[index] = saturate.i16(product(index * 2) + product(index * 2 + 1))
    }
  })

  yield named('psadbw', 'u64', (out, [left, right], width) => {
    if (!left || !right) return
    for (let index = 0; index < width / 8; index++) {
      let sum = 0
      for (let at = index * 8; at < index * 8 + 8; at++)
        sum += Math.abs((left.u8[at] as number) - (right.u8[at] as number))
      out.u64[index] = BigInt(sum)
    }
  })

  yield named(
    'phaddw',
    'u16',
    horizontal('i16', (a, b) => a + b),
  )
  yield named(
    'phaddd',
    'u32',
    horizontal('i32', (a, b) => a + b),
  )
  yield named(
    'phsubw',
    'u16',
    horizontal('i16', (a, b) => a - b),
  )
  yield named(
    'phsubd',
    'u32',
    horizontal('i32', (a, b) => a - b),
  )
  yield named(
    'phaddsw',
    'u16',
    horizontal('i16', (a, b) => saturate.i16(a + b)),
  )

  yield named('packsswb', 'u8', pack('i16', 'i8'))
  yield named('packuswb', 'u8', pack('i16', 'u8'))
  yield named('packssdw', 'u16', pack('i32', 'i16'))
  yield named('packusdw', 'u16', pack('i32', 'u16'))
}
