import type {DecodedInstruction} from '../amd64/decoded-instruction.ts'
import {type Execute, readAny, writeAny} from './operands.ts'
import {getElement, setElement} from './vector-integers.ts'
import {
  loadOperand,
  maskingOf,
  splitImmediate,
  storeOperand,
  Vector,
  type VectorOperation,
  vectorWidth,
  wholeVectors,
} from './vector-operands.ts'

type Compile = (instruction: DecodedInstruction) => Execute

/** Bytes by the bytes of another, in each 128 bits; those above 127 mean zero. */
const shuffleBytes: VectorOperation = (out, [value, control], width) => {
  if (!value || !control) return
  for (let at = 0; at < width; at++) {
    const index = control.u8[at] as number
    out.u8[at] = index & 0x80 ? 0 : (value.u8[(at & ~15) + (index & 15)] as number)
  }
}

const shuffleWords32: VectorOperation = (out, [value], width, control) => {
  if (!value) return
  for (let at = 0; at < width / 4; at++)
    out.u32[at] = value.u32[(at & ~3) + ((control >> ((at & 3) * 2)) & 3)] as number
}

/** pshuflw, pshufhw: four words of the lower or upper half of each 128 bits. */
function shuffleWords16(half: 0 | 4): VectorOperation {
  return (out, [value], width, control) => {
    if (!value) return
    out.u8.set(value.u8.subarray(0, width))
    for (let lane = 0; lane < width / 2; lane += 8) {
      for (let at = 0; at < 4; at++) {
        out.u16[lane + half + at] = value.u16[lane + half + ((control >> (at * 2)) & 3)] as number
      }
    }
  }
}

const shuffleSingles: VectorOperation = (out, [left, right], width, control) => {
  if (!left || !right) return
  for (let at = 0; at < width / 4; at++) {
    const source = (at & 3) < 2 ? left : right
    out.u32[at] = source.u32[(at & ~3) + ((control >> ((at & 3) * 2)) & 3)] as number
  }
}

const shuffleDoubles: VectorOperation = (out, [left, right], width, control) => {
  if (!left || !right) return
  for (let at = 0; at < width / 8; at++) {
    out.u64[at] = (at & 1 ? right : left).u64[(at & ~1) + ((control >> at) & 1)] as bigint
  }
}

/** punpckl, punpckh: elements of both sources in turn, from the lower or upper half of each 128 bits. */
function interleave(size: number, isHigh: boolean): Compile {
  const count = 16 / size
  const start = isHigh ? count / 2 : 0
  return wholeVectors(
    (out, [left, right], width) => {
      if (!left || !right) return
      for (let at = 0; at < width / size; at++) {
        const lane = at - (at % count)
        setElement(out, size, at, getElement(at % 2 ? right : left, size, lane + start + ((at % count) >> 1)))
      }
    },
    size,
    2,
  )
}

/** Bytes of two sources side by side, in each 128 bits. */
const alignRight: VectorOperation = (out, [left, right], width, count) => {
  if (!left || !right) return
  for (let lane = 0; lane < width; lane += 16) {
    for (let at = 0; at < 16; at++) {
      const index = at + count
      out.u8[lane + at] = (index < 16 ? right.u8[lane + index] : index < 32 ? left.u8[lane + index - 16] : 0) as number
    }
  }
}

/** valignd, valignq: across the whole. */
function alignElements(size: number): Compile {
  return wholeVectors(
    (out, [left, right], width, count) => {
      if (!left || !right) return
      const elements = width / size
      const shift = count & (elements - 1)
      for (let at = 0; at < elements; at++) {
        const index = at + shift
        setElement(
          out,
          size,
          at,
          index < elements ? getElement(right, size, index) : getElement(left, size, index - elements),
        )
      }
    },
    size,
    2,
  )
}

/** By an immediate of a bit for each element; that of 16 bits has 8, for each 128 bits the same. */
function blend(size: number): Compile {
  return wholeVectors(
    (out, [left, right], width, control) => {
      if (!left || !right) return
      for (let at = 0; at < width / size; at++) {
        const bit = (control >> (size === 2 ? at & 7 : at)) & 1
        setElement(out, size, at, getElement(bit ? right : left, size, at))
      }
    },
    size,
    2,
  )
}

/** xmm0. */
const IMPLIED_REGISTER = 0
const IMPLIED = {kind: 'vector', register: IMPLIED_REGISTER, size: 16} as const

/** By the highest bit of each element of a third operand: xmm0 in the old encoding. */
function blendVariable(size: number): Compile {
  return instruction => {
    const {encoding, operands} = instruction
    const [to, from, by, selector] = operands
    if (!to || !from) throw new TypeError('two operands are needed')
    const isOld = encoding === 'legacy'
    const width = vectorWidth(operands)
    const second = isOld ? from : by
    const chosen = isOld ? IMPLIED : selector
    if (!second || !chosen) throw new TypeError('four operands are needed')
    const loads = [isOld ? to : from, second, chosen].map(operand => loadOperand(operand, width))
    const [left, right, control, out] = [new Vector(), new Vector(), new Vector(), new Vector()]
    const store = storeOperand(to, width, encoding)
    return cpu => {
      loads[0]?.(cpu, left)
      loads[1]?.(cpu, right)
      loads[2]?.(cpu, control)
      for (let at = 0; at < width / size; at++) {
        const isSet = (control.u8[at * size + size - 1] as number) & 0x80
        setElement(out, size, at, getElement(isSet ? right : left, size, at))
      }
      store(cpu, out)
    }
  }
}

/** One element, from a vector, memory or a general register, to all. */
function broadcast(size: number): Compile {
  return instruction => {
    const [to, from] = instruction.operands
    if (!to || !from) throw new TypeError('two operands are needed')
    const load = loadOperand(from, size)
    const [value, out] = [new Vector(), new Vector()]
    const store = storeOperand(to, to.size, instruction.encoding, maskingOf(instruction, Math.min(size, 8)))
    return cpu => {
      load(cpu, value)
      for (let at = 0; at < to.size; at += size) out.u8.set(value.u8.subarray(0, size), at)
      store(cpu, out)
    }
  }
}

/** vpermq, vpermpd by an immediate: in each 256 bits. */
const permuteQuads: VectorOperation = (out, [value], width, control) => {
  if (!value) return
  for (let at = 0; at < width / 8; at++)
    out.u64[at] = value.u64[(at & ~3) + ((control >> ((at & 3) * 2)) & 3)] as bigint
}

/** vpermd, vpermb, vpermw: elements of the second source by the first one. */
function permute(size: number): Compile {
  return wholeVectors(
    (out, [control, value], width) => {
      if (!value || !control) return
      const elements = width / size
      for (let at = 0; at < elements; at++) {
        const index = Number(getElement(control, size, at) & BigInt(elements - 1))
        setElement(out, size, at, getElement(value, size, index))
      }
    },
    size,
    2,
  )
}

const permuteLanes: VectorOperation = (out, [left, right], _, control) => {
  if (!left || !right) return
  for (const half of [0, 1]) {
    const selector = (control >> (half * 4)) & 15
    const source = selector & 2 ? right : left
    const start = selector & 1 ? 16 : 0
    if (selector & 8) out.u8.fill(0, half * 16, half * 16 + 16)
    else out.u8.set(source.u8.subarray(start, start + 16), half * 16)
  }
}

/** vinserti128 and its kin: a part of `size` bytes of a vector is replaced. */
function insertPart(size: number): Compile {
  return instruction => {
    const {places, immediate} = splitImmediate(instruction.operands)
    const [to, from, part] = places
    if (!to || !from || !part) throw new TypeError('three operands are needed')
    const [loadWhole, loadPart] = [loadOperand(from, to.size), loadOperand(part, size)]
    const [out, piece] = [new Vector(), new Vector()]
    const store = storeOperand(to, to.size, instruction.encoding, maskingOf(instruction, 4))
    const start = (immediate & (to.size / size - 1)) * size
    return cpu => {
      loadWhole(cpu, out)
      loadPart(cpu, piece)
      out.u8.set(piece.u8.subarray(0, size), start)
      store(cpu, out)
    }
  }
}

function extractPart(size: number): Compile {
  return instruction => {
    const {places, immediate} = splitImmediate(instruction.operands)
    const [to, from] = places
    if (!to || !from) throw new TypeError('two operands are needed')
    const load = loadOperand(from, from.size)
    const [value, out] = [new Vector(), new Vector()]
    const store = storeOperand(to, size, instruction.encoding, maskingOf(instruction, 4))
    const start = (immediate & (from.size / size - 1)) * size
    return cpu => {
      load(cpu, value)
      out.u8.set(value.u8.subarray(start, start + size))
      store(cpu, out)
    }
  }
}

/** pinsr: from a general register or memory. */
function insertElement(size: 1 | 2 | 4 | 8): Compile {
  return instruction => {
    const {places, immediate} = splitImmediate(instruction.operands)
    const [to] = places
    const from = places.at(-1)
    const whole = places.length > 2 ? places[1] : to
    if (!to || !from || !whole) throw new TypeError('two operands are needed')
    const load = loadOperand(whole, 16)
    const read = readAny(from, from.kind === 'memory' ? size : Math.max(size, 4))
    const out = new Vector()
    const store = storeOperand(to, 16, instruction.encoding)
    const index = immediate & (16 / size - 1)
    return cpu => {
      load(cpu, out)
      setElement(out, size, index, read(cpu))
      store(cpu, out)
    }
  }
}

function extractElement(size: 1 | 2 | 4 | 8): Compile {
  return instruction => {
    const {places, immediate} = splitImmediate(instruction.operands)
    const [to, from] = places
    if (!to || !from) throw new TypeError('two operands are needed')
    const load = loadOperand(from, 16)
    const value = new Vector()
    const write = writeAny(to, to.kind === 'memory' ? size : to.size)
    const index = immediate & (16 / size - 1)
    return cpu => {
      load(cpu, value)
      write(cpu, getElement(value, size, index))
    }
  }
}

/** A bit of the top of each element. */
function moveMask(size: number): Compile {
  return ({operands: [to, from]}) => {
    if (!to || !from) throw new TypeError('two operands are needed')
    const load = loadOperand(from, from.size)
    const value = new Vector()
    const write = writeAny(to, to.size)
    return cpu => {
      load(cpu, value)
      let mask = 0
      for (let at = 0; at < from.size / size; at++) {
        if ((value.u8[at * size + size - 1] as number) & 0x80) mask |= 1 << at
      }
      write(cpu, BigInt(mask >>> 0))
    }
  }
}

/** pmovzx, pmovsx: elements become wider. */
function extend(isSigned: boolean, size: number, wide: number): Compile {
  return instruction => {
    const [to, from] = instruction.operands
    if (!to || !from) throw new TypeError('two operands are needed')
    const count = to.size / wide
    const load = loadOperand(from, count * size)
    const [value, out] = [new Vector(), new Vector()]
    const store = storeOperand(to, to.size, instruction.encoding, maskingOf(instruction, wide))
    return cpu => {
      load(cpu, value)
      for (let at = 0; at < count; at++) {
        const element = getElement(value, size, at)
        setElement(out, wide, at, isSigned ? BigInt.asIntN(size * 8, element) : element)
      }
      store(cpu, out)
    }
  }
}

/** ptest: zero where no bit of the second is in the first, carry where all are. */
function testBits({operands: [left, right]}: DecodedInstruction): Execute {
  if (!left || !right) throw new TypeError('two operands are needed')
  const loads = [loadOperand(left, left.size), loadOperand(right, left.size)]
  const [a, b] = [new Vector(), new Vector()]
  return cpu => {
    loads[0]?.(cpu, a)
    loads[1]?.(cpu, b)
    cpu.flags = 0
    cpu.zero = 1
    cpu.carry = 1
    for (let at = 0; at < left.size / 8; at++) {
      if ((a.u64[at] as bigint) & (b.u64[at] as bigint)) cpu.zero = 0
      if (~(a.u64[at] as bigint) & (b.u64[at] as bigint)) cpu.carry = 0
    }
  }
}

/** movddup, movshdup, movsldup: elements twice. */
function duplicate(size: number, odd: number): Compile {
  return wholeVectors(
    (out, [value], width) => {
      if (!value) return
      for (let at = 0; at < width / size; at++) setElement(out, size, at, getElement(value, size, (at & ~1) + odd))
    },
    size,
    1,
  )
}

const WIDTHS = {b: 1, w: 2, d: 4, q: 8} as const
const EXTENSIONS = ['bw', 'bd', 'bq', 'wd', 'wq', 'dq'] as const

function* extensions(): Generator<[string, Compile]> {
  for (const pair of EXTENSIONS) {
    const [from, to] = [WIDTHS[pair[0] as 'b'], WIDTHS[pair[1] as 'w']]
    yield [`pmovzx${pair}`, extend(false, from, to)]
    yield [`pmovsx${pair}`, extend(true, from, to)]
  }
}

function* elements(): Generator<[string, Compile]> {
  for (const [suffix, size] of Object.entries(WIDTHS)) {
    yield [`pinsr${suffix}`, insertElement(size)]
    yield [`pextr${suffix}`, extractElement(size)]
    yield [`pbroadcast${suffix}`, broadcast(size)]
    yield [`perm${suffix}`, permute(size)]
  }
  for (const [suffix, size] of [
    ['bw', 1],
    ['wd', 2],
    ['dq', 4],
    ['qdq', 8],
  ] as const) {
    yield [`punpckl${suffix}`, interleave(size, false)]
    yield [`punpckh${suffix}`, interleave(size, true)]
  }
  for (const kind of ['i', 'f']) {
    for (const [suffix, size] of [
      ['128', 16],
      ['32x4', 16],
      ['64x2', 16],
      ['32x8', 32],
      ['64x4', 32],
    ] as const) {
      yield [`insert${kind}${suffix}`, insertPart(size)]
      yield [`extract${kind}${suffix}`, extractPart(size)]
      yield [`broadcast${kind}${suffix}`, broadcast(size)]
    }
    yield [`perm2${kind}128`, wholeVectors(permuteLanes, 16, 2)]
  }
}

function permuteQ(instruction: DecodedInstruction): Execute {
  const isByImmediate = instruction.operands.at(-1)?.kind === 'immediate'
  return (isByImmediate ? wholeVectors(permuteQuads, 8, 1) : permute(8))(instruction)
}

export function vectorShuffles(): Readonly<Record<string, Compile>> {
  return {
    ...Object.fromEntries(extensions()),
    ...Object.fromEntries(elements()),
    permq: permuteQ,
    permpd: permuteQ,
    permps: permute(4),
    pshufb: wholeVectors(shuffleBytes, 1, 2),
    pshufd: wholeVectors(shuffleWords32, 4, 1),
    pshuflw: wholeVectors(shuffleWords16(0), 2, 1),
    pshufhw: wholeVectors(shuffleWords16(4), 2, 1),
    shufps: wholeVectors(shuffleSingles, 4, 2),
    shufpd: wholeVectors(shuffleDoubles, 8, 2),
    unpcklps: interleave(4, false),
    unpckhps: interleave(4, true),
    unpcklpd: interleave(8, false),
    unpckhpd: interleave(8, true),
    palignr: wholeVectors(alignRight, 1, 2),
    alignd: alignElements(4),
    alignq: alignElements(8),
    pblendw: blend(2),
    pblendd: blend(4),
    blendps: blend(4),
    blendpd: blend(8),
    pblendvb: blendVariable(1),
    blendvps: blendVariable(4),
    blendvpd: blendVariable(8),
    broadcastss: broadcast(4),
    broadcastsd: broadcast(8),
    pmovmskb: moveMask(1),
    movmskps: moveMask(4),
    movmskpd: moveMask(8),
    ptest: testBits,
    movddup: duplicate(8, 0),
    movsldup: duplicate(4, 0),
    movshdup: duplicate(4, 1),
  }
}
