import type {DecodedInstruction} from '../amd64/decoded-instruction.ts'
import {type Execute, readAny, writeAny} from './operands.ts'
import {relationOf} from './relations.ts'
import {loadOperand, maskingOf, splitImmediate, storeOperand, Vector, wholeVectors} from './vector-operands.ts'

type Compile = (instruction: DecodedInstruction) => Execute
type Binary = (left: number, right: number) => number

/** A number in its bits: what is no number has some that JavaScript does not keep (IEEE 754, 6.2). */
interface Format {
  readonly size: 4 | 8
  get(value: Vector, index: number): number
  set(out: Vector, index: number, number: number): void
  isNaN(value: Vector, index: number): boolean
  /** The bits of one that is none, made quiet. */
  copyQuiet(from: Vector, at: number, out: Vector, index: number): void
  /** What an operation without an answer gives. */
  setIndefinite(out: Vector, index: number): void
}

const SINGLE: Format = {
  size: 4,
  get: (value, index) => value.f32[index] as number,
  set: (out, index, number) => {
    out.f32[index] = number
  },
  isNaN: (value, index) => ((value.u32[index] as number) & 0x7fffffff) > 0x7f800000,
  copyQuiet: (from, at, out, index) => {
    out.u32[index] = (from.u32[at] as number) | 0x400000
  },
  setIndefinite: (out, index) => {
    out.u32[index] = 0xffc00000
  },
}

const DOUBLE: Format = {
  size: 8,
  get: (value, index) => value.f64[index] as number,
  set: (out, index, number) => {
    out.f64[index] = number
  },
  isNaN: (value, index) => ((value.u64[index] as bigint) & 0x7fffffffffffffffn) > 0x7ff0000000000000n,
  copyQuiet: (from, at, out, index) => {
    out.u64[index] = (from.u64[at] as bigint) | 0x8000000000000n
  },
  setIndefinite: (out, index) => {
    out.u64[index] = 0xfff8000000000000n
  },
}

/** One element of a result (Intel SDM 1, table 4-7: which operand's NaN it is). */
function calculate(format: Format, operation: Binary, left: Vector, right: Vector, out: Vector, index: number): void {
  const none = format.isNaN(left, index) ? left : format.isNaN(right, index) ? right : undefined
  if (none) {
    format.copyQuiet(none, index, out, index)
    return
  }
  const result = operation(format.get(left, index), format.get(right, index))
  if (Number.isNaN(result)) format.setIndefinite(out, index)
  else format.set(out, index, result)
}

/** min and max give the second operand where either is no number, or both are zero, in all of its bits. */
function choose(format: Format, isFirst: (left: number, right: number) => boolean) {
  return (left: Vector, right: Vector, out: Vector, index: number): void => {
    const takesLeft =
      !format.isNaN(left, index) &&
      !format.isNaN(right, index) &&
      isFirst(format.get(left, index), format.get(right, index))
    copyElement(format, takesLeft ? left : right, out, index)
  }
}

function copyElement({size}: Format, from: Vector, out: Vector, index: number): void {
  if (size === 8) out.u64[index] = from.u64[index] as bigint
  else out.u32[index] = from.u32[index] as number
}

type Element = (left: Vector, right: Vector, out: Vector, index: number) => void

function packed(format: Format, element: Element): Compile {
  return wholeVectors(
    (out, [left, right], width) => {
      if (!left || !right) return
      for (let index = 0; index < width / format.size; index++) element(left, right, out, index)
    },
    format.size,
    2,
  )
}

/** The lowest element; the rest is that of the first source. */
function scalar(format: Format, element: Element): Compile {
  return instruction => {
    const {places} = splitImmediate(instruction.operands)
    const [to, second, third] = places
    if (!to || !second) throw new TypeError('two operands are needed')
    const [first, last] = third ? [second, third] : [to, second]
    const [loadLeft, loadRight] = [loadOperand(first, 16), loadOperand(last, last.kind === 'memory' ? format.size : 16)]
    const [left, right, out] = [new Vector(), new Vector(), new Vector()]
    const store = storeOperand(to, 16, instruction.encoding)
    if (instruction.mask !== 0) throw new RangeError('a masked scalar')
    return cpu => {
      loadLeft(cpu, left)
      loadRight(cpu, right)
      out.u8.set(left.u8.subarray(0, 16))
      element(left, right, out, 0)
      store(cpu, out)
    }
  }
}

/** Of one source: sqrt. */
function root(format: Format): Element {
  return (_, from, out, index) => calculate(format, Math.sqrt, from, from, out, index)
}

function packedUnary(format: Format, element: Element): Compile {
  return wholeVectors(
    (out, [from], width) => {
      if (!from) return
      for (let index = 0; index < width / format.size; index++) element(from, from, out, index)
    },
    format.size,
    1,
  )
}

const OPERATIONS: Readonly<Record<string, Binary>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
}

/** ucomis, comis: no number compares with all three flags set. */
function compareScalar(format: Format): Compile {
  return ({operands: [left, right]}) => {
    if (!left || !right) throw new TypeError('two operands are needed')
    const loads = [loadOperand(left, format.size), loadOperand(right, format.size)]
    const [a, b] = [new Vector(), new Vector()]
    return cpu => {
      loads[0]?.(cpu, a)
      loads[1]?.(cpu, b)
      const isUnordered = format.isNaN(a, 0) || format.isNaN(b, 0)
      const [one, other] = [format.get(a, 0), format.get(b, 0)]
      cpu.flags = cpu.flags & 0x400
      cpu.zero = isUnordered || one === other ? 1 : 0
      cpu.parity = isUnordered ? 1 : 0
      cpu.carry = isUnordered || one < other ? 1 : 0
    }
  }
}

/** Whether each of 16 predicates holds where one of the two is no number (Intel SDM 2, CMPPD, table 3-1). */
const UNORDERED = [3, 4, 5, 6, 8, 9, 10, 15]

function compareElement(format: Format, predicate: number): Element {
  const relation = relationOf<number>(predicate)
  const holdsUnordered = UNORDERED.includes(predicate)
  return (left, right, out, index) => {
    const isUnordered = format.isNaN(left, index) || format.isNaN(right, index)
    const isTrue = isUnordered ? holdsUnordered : relation(format.get(left, index), format.get(right, index))
    if (format.size === 8) out.i64[index] = isTrue ? -1n : 0n
    else out.i32[index] = isTrue ? -1 : 0
  }
}

function compare(format: Format, isScalar: boolean): Compile {
  return instruction => {
    if (instruction.operands[0]?.kind === 'mask') throw new RangeError('a comparison into an opmask register')
    const element = compareElement(format, splitImmediate(instruction.operands).immediate & 15)
    return (isScalar ? scalar : packed)(format, element)(instruction)
  }
}

/** The nearest integer, of two equally near the even one. */
function roundToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}

/** Integers that have no room become the lowest one. */
function toInteger(value: number, isUnordered: boolean, bits: 32 | 64, isTruncated: boolean): bigint {
  const indefinite = bits === 64 ? 0x8000000000000000n : 0x80000000n
  if (isUnordered || !Number.isFinite(value)) return indefinite
  const integer = BigInt(isTruncated ? Math.trunc(value) : roundToEven(value))
  return BigInt.asIntN(bits, integer) === integer ? BigInt.asUintN(bits, integer) : indefinite
}

/** cvtsd2si and its kin. */
function scalarToInteger(format: Format, isTruncated: boolean): Compile {
  return ({operands: [to, from]}) => {
    if (!to || !from) throw new TypeError('two operands are needed')
    const [load, value, write] = [loadOperand(from, format.size), new Vector(), writeAny(to, to.size)]
    const bits = to.size === 8 ? 64 : 32
    return cpu => {
      load(cpu, value)
      write(cpu, toInteger(format.get(value, 0), format.isNaN(value, 0), bits, isTruncated))
    }
  }
}

/** A single from 64 bits is rounded once: through a double it would be twice. */
function singleOf(value: bigint): number {
  const magnitude = value < 0n ? -value : value
  if (magnitude < 2n ** 53n) return Math.fround(Number(value))
  // What is cut off stays as one bit far below all that rounding looks at.
  const kept = (magnitude >> 12n) | (magnitude & 0xfffn ? 1n : 0n)
  return Math.fround(Number(kept) * (value < 0n ? -4096 : 4096))
}

function integerToScalar(format: Format): Compile {
  return instruction => {
    const {operands, encoding} = instruction
    const [to, second, third] = operands
    const from = third ?? second
    if (!to || !second || !from) throw new TypeError('two operands are needed')
    const size = from.size
    const [loadRest, read, store] = [
      loadOperand(third ? second : to, 16),
      readAny(from, size),
      storeOperand(to, 16, encoding),
    ]
    const out = new Vector()
    return cpu => {
      loadRest(cpu, out)
      const value = BigInt.asIntN(size * 8, read(cpu))
      format.set(out, 0, format.size === 4 ? singleOf(value) : Number(value))
      store(cpu, out)
    }
  }
}

/** cvtss2sd, cvtsd2ss: the bits of what is no number move along. */
function convertElement(from: Format, to: Format) {
  return (value: Vector, at: number, out: Vector, index: number): void => {
    if (!from.isNaN(value, at)) to.set(out, index, from.get(value, at))
    else if (to.size === 8) {
      const bits = BigInt(value.u32[at] as number)
      out.u64[index] = ((bits & 0x80000000n) << 32n) | 0x7ff8000000000000n | ((bits & 0x7fffffn) << 29n)
    } else {
      const bits = value.u64[at] as bigint
      const rest = Number((bits >> 29n) & 0x3fffffn)
      out.u32[index] = (Number(bits >> 63n) * 0x80000000 + 0x7fc00000) | rest
    }
  }
}

function convertScalar(from: Format, to: Format): Compile {
  const convert = convertElement(from, to)
  return instruction => {
    const {operands, encoding} = instruction
    const [target, second, third] = operands
    const source = third ?? second
    if (!target || !second || !source) throw new TypeError('two operands are needed')
    const [loadRest, load] = [loadOperand(third ? second : target, 16), loadOperand(source, from.size)]
    const [value, out, store] = [new Vector(), new Vector(), storeOperand(target, 16, encoding)]
    return cpu => {
      loadRest(cpu, out)
      load(cpu, value)
      convert(value, 0, out, 0)
      store(cpu, out)
    }
  }
}

/** Packed conversions; what is wider than its source has half as many elements. */
function convertPacked(
  fromSize: number,
  toSize: number,
  convert: (value: Vector, at: number, out: Vector, index: number) => void,
): Compile {
  return instruction => {
    const [to, from] = instruction.operands
    if (!to || !from) throw new TypeError('two operands are needed')
    const sourceWidth = from.kind === 'memory' ? from.size : from.size
    const width = fromSize > toSize ? Math.max(16, sourceWidth / 2) : to.size
    const count = fromSize > toSize ? sourceWidth / fromSize : to.size / toSize
    const load = loadOperand(from, count * fromSize)
    const [value, out] = [new Vector(), new Vector()]
    const store = storeOperand(to, Math.max(width, 16), instruction.encoding, maskingOf(instruction, toSize))
    return cpu => {
      load(cpu, value)
      out.u8.fill(0)
      for (let index = 0; index < count; index++) convert(value, index, out, index)
      store(cpu, out)
    }
  }
}

function packedToInteger(format: Format, isTruncated: boolean) {
  return (value: Vector, at: number, out: Vector, index: number): void => {
    out.u32[index] = Number(toInteger(format.get(value, at), format.isNaN(value, at), 32, isTruncated))
  }
}

function integersTo(format: Format) {
  return (value: Vector, at: number, out: Vector, index: number): void => {
    format.set(out, index, value.i32[at] as number)
  }
}

const ROUNDINGS: readonly ((value: number) => number)[] = [roundToEven, Math.floor, Math.ceil, Math.trunc]

/** roundss and its kin (SSE4.1); with bit 2 of the immediate by mxcsr, which means to nearest here. */
function roundElement(format: Format, immediate: number): Element {
  const rounding = immediate & 4 ? roundToEven : (ROUNDINGS[immediate & 3] as (value: number) => number)
  return (_, from, out, index) => {
    if (format.isNaN(from, index)) {
      format.copyQuiet(from, index, out, index)
      return
    }
    const value = format.get(from, index)
    const rounded = rounding(value)
    format.set(out, index, rounded === 0 && (value < 0 || Object.is(value, -0)) ? -0 : rounded)
  }
}

function round(format: Format, isScalar: boolean): Compile {
  return instruction => {
    const element = roundElement(format, splitImmediate(instruction.operands).immediate)
    return (isScalar ? scalar : packedUnary)(format, element)(instruction)
  }
}

function* arithmetic(): Generator<[string, Compile]> {
  for (const [format, letter] of [
    [SINGLE, 's'],
    [DOUBLE, 'd'],
  ] as const) {
    const elements: [string, Element][] = Object.entries(OPERATIONS).map(([name, operation]) => [
      name,
      (left, right, out, index) => calculate(format, operation, left, right, out, index),
    ])
    elements.push(['min', choose(format, (a, b) => a < b)], ['max', choose(format, (a, b) => a > b)])
    for (const [name, element] of elements) {
      yield [`${name}s${letter}`, scalar(format, element)]
      yield [`${name}p${letter}`, packed(format, element)]
    }
    yield [`sqrts${letter}`, scalar(format, root(format))]
    yield [`sqrtp${letter}`, packedUnary(format, root(format))]
    yield [`ucomis${letter}`, compareScalar(format)]
    yield [`comis${letter}`, compareScalar(format)]
    yield [`cmps${letter}`, compare(format, true)]
    yield [`cmpp${letter}`, compare(format, false)]
    yield [`rounds${letter}`, round(format, true)]
    yield [`roundp${letter}`, round(format, false)]
    yield [`cvts${letter}2si`, scalarToInteger(format, false)]
    yield [`cvtts${letter}2si`, scalarToInteger(format, true)]
    yield [`cvtsi2s${letter}`, integerToScalar(format)]
    yield [`cvtdq2p${letter}`, convertPacked(4, format.size, integersTo(format))]
    yield [`cvtp${letter}2dq`, convertPacked(format.size, 4, packedToInteger(format, false))]
    yield [`cvttp${letter}2dq`, convertPacked(format.size, 4, packedToInteger(format, true))]
  }
}

export function vectorFloats(): Readonly<Record<string, Compile>> {
  return {
    ...Object.fromEntries(arithmetic()),
    cvtss2sd: convertScalar(SINGLE, DOUBLE),
    cvtsd2ss: convertScalar(DOUBLE, SINGLE),
    cvtps2pd: convertPacked(4, 8, convertElement(SINGLE, DOUBLE)),
    cvtpd2ps: convertPacked(8, 4, convertElement(DOUBLE, SINGLE)),
  }
}
