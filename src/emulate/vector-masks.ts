import type {DecodedInstruction, Operand} from '../amd64/decoded-instruction.ts'
import {type Execute, readAny, writeAny} from './operands.ts'
import type {Processor} from './processor.ts'
import {relationOf} from './relations.ts'
import {getElement, setElement} from './vector-integers.ts'
import {loadOperand, maskingOf, splitImmediate, storeOperand, Vector} from './vector-operands.ts'

type Compile = (instruction: DecodedInstruction) => Execute
const WIDTHS = {b: 1, w: 2, d: 4, q: 8} as const

/** Element by element into an opmask register; where there is a mask, other elements give 0. */
function toMask(
  instruction: DecodedInstruction,
  size: number,
  holds: (left: bigint, right: bigint) => boolean,
  isSigned: boolean,
): Execute {
  const {places} = splitImmediate(instruction.operands)
  const [to, left, right] = places
  if (to?.kind !== 'mask' || !left || !right) throw new TypeError('three operands are needed')
  const width = left.size
  const loads = [loadOperand(left, width), loadOperand(right, width, instruction.isBroadcast)]
  const [a, b] = [new Vector(), new Vector()]
  const asNumber = (value: bigint) => (isSigned ? BigInt.asIntN(size * 8, value) : value)
  const {mask} = instruction
  return cpu => {
    loads[0]?.(cpu, a)
    loads[1]?.(cpu, b)
    const allowed = mask === 0 ? -1n : (cpu.masks[mask] as bigint)
    let result = 0n
    for (let at = 0; at < width / size; at++) {
      if (holds(asNumber(getElement(a, size, at)), asNumber(getElement(b, size, at)))) result |= 1n << BigInt(at)
    }
    cpu.masks[to.register] = result & allowed
  }
}

function compare(size: number, isSigned: boolean): Compile {
  return instruction => {
    const {immediate} = splitImmediate(instruction.operands)
    return toMask(instruction, size, relationOf<bigint>(immediate), isSigned)
  }
}

/** k registers have as many bits as the instruction's letter says. */
function readMask(operand: Operand, size: number): (cpu: Processor) => bigint {
  if (operand.kind !== 'mask') return readAny(operand, size)
  const {register} = operand
  return cpu => BigInt.asUintN(size * 8, cpu.masks[register] as bigint)
}

function writeMask(operand: Operand, size: number): (cpu: Processor, value: bigint) => void {
  if (operand.kind !== 'mask') return writeAny(operand, operand.kind === 'memory' ? size : operand.size)
  const {register} = operand
  return (cpu, value) => {
    cpu.masks[register] = BigInt.asUintN(size * 8, value)
  }
}

function moveMask(size: number): Compile {
  return ({operands: [to, from]}) => {
    if (!to || !from) throw new TypeError('two operands are needed')
    const [read, write] = [readMask(from, size), writeMask(to, size)]
    return cpu => write(cpu, read(cpu))
  }
}

function combine(size: number, operation: (left: bigint, right: bigint) => bigint): Compile {
  return ({operands: [to, left, right]}) => {
    if (!to || !left || !right) throw new TypeError('three operands are needed')
    const [a, b, write] = [readMask(left, size), readMask(right, size), writeMask(to, size)]
    return cpu => write(cpu, operation(a(cpu), b(cpu)))
  }
}

function invert(size: number): Compile {
  return ({operands: [to, from]}) => {
    if (!to || !from) throw new TypeError('two operands are needed')
    const [read, write] = [readMask(from, size), writeMask(to, size)]
    return cpu => write(cpu, ~read(cpu))
  }
}

function shift(size: number, isLeft: boolean): Compile {
  return ({operands: [to, from, by]}) => {
    if (!to || !from || by?.kind !== 'immediate') throw new TypeError('three operands are needed')
    const [read, write] = [readMask(from, size), writeMask(to, size)]
    const count = BigInt.asUintN(8, by.value)
    return cpu => write(cpu, isLeft ? read(cpu) << count : read(cpu) >> count)
  }
}

/** kortest: zero where all bits are 0, carry where all are 1. ktest: of and, and of and-not. */
function test(size: number, isOr: boolean): Compile {
  return ({operands: [left, right]}) => {
    if (!left || !right) throw new TypeError('two operands are needed')
    const [a, b] = [readMask(left, size), readMask(right, size)]
    const all = BigInt.asUintN(size * 8, -1n)
    return cpu => {
      const [one, other] = [a(cpu), b(cpu)]
      cpu.flags = 0
      cpu.zero = (isOr ? one | other : one & other) === 0n ? 1 : 0
      cpu.carry = (isOr ? (one | other) === all : (~one & other) === 0n) ? 1 : 0
    }
  }
}

/** vpmovb2m: the highest bit of each element. vpmovm2b: all bits of each. */
function fromVector(size: number): Compile {
  return ({operands: [to, from]}) => {
    if (to?.kind !== 'mask' || !from) throw new TypeError('two operands are needed')
    const [load, value] = [loadOperand(from, from.size), new Vector()]
    return cpu => {
      load(cpu, value)
      let mask = 0n
      for (let at = 0; at < from.size / size; at++) {
        if ((value.u8[at * size + size - 1] as number) & 0x80) mask |= 1n << BigInt(at)
      }
      cpu.masks[to.register] = mask
    }
  }
}

function toVector(size: number): Compile {
  return ({operands: [to, from], encoding}) => {
    if (!to || from?.kind !== 'mask') throw new TypeError('two operands are needed')
    const [out, store] = [new Vector(), storeOperand(to, to.size, encoding)]
    return cpu => {
      const mask = cpu.masks[from.register] as bigint
      for (let at = 0; at < to.size / size; at++) setElement(out, size, at, (mask >> BigInt(at)) & 1n ? -1n : 0n)
      store(cpu, out)
    }
  }
}

/** vpblendm: elements of the second source where the mask says so, else of the first, or zero. */
function blendByMask(size: number): Compile {
  return instruction => {
    const [to, left, right] = instruction.operands
    if (!to || !left || !right) throw new TypeError('three operands are needed')
    const loads = [loadOperand(left, to.size), loadOperand(right, to.size, instruction.isBroadcast)]
    const [value, other] = [new Vector(), new Vector()]
    const whole = storeOperand(to, to.size, 'evex')
    const {mask, zeroing} = instruction
    const masking = maskingOf(instruction, size)
    return cpu => {
      loads[0]?.(cpu, value)
      loads[1]?.(cpu, other)
      const bits = masking ? (cpu.masks[mask] as bigint) : -1n
      for (let at = 0; at < to.size / size; at++) {
        if ((bits >> BigInt(at)) & 1n) setElement(value, size, at, getElement(other, size, at))
        else if (zeroing) setElement(value, size, at, 0n)
      }
      whole(cpu, value)
    }
  }
}

function* maskRegisters(): Generator<[string, Compile]> {
  for (const [suffix, size] of Object.entries(WIDTHS)) {
    yield [`kmov${suffix}`, moveMask(size)]
    yield [`kand${suffix}`, combine(size, (a, b) => a & b)]
    yield [`kandn${suffix}`, combine(size, (a, b) => ~a & b)]
    yield [`kor${suffix}`, combine(size, (a, b) => a | b)]
    yield [`kxor${suffix}`, combine(size, (a, b) => a ^ b)]
    yield [`kxnor${suffix}`, combine(size, (a, b) => ~(a ^ b))]
    yield [`kadd${suffix}`, combine(size, (a, b) => a + b)]
    yield [`knot${suffix}`, invert(size)]
    yield [`kshiftl${suffix}`, shift(size, true)]
    yield [`kshiftr${suffix}`, shift(size, false)]
    yield [`kortest${suffix}`, test(size, true)]
    yield [`ktest${suffix}`, test(size, false)]
  }
  for (const [suffix, size] of [
    ['bw', 1],
    ['wd', 2],
    ['dq', 4],
  ] as const) {
    const bits = BigInt(size * 8)
    yield [`kunpck${suffix}`, combine(size * 2, (a, b) => (a << bits) | BigInt.asUintN(size * 8, b))]
  }
}

function* comparisons(): Generator<[string, Compile]> {
  for (const [suffix, size] of Object.entries(WIDTHS)) {
    yield [`pcmp${suffix}`, compare(size, true)]
    yield [`pcmpu${suffix}`, compare(size, false)]
    yield [`pcmpeq${suffix}`, instruction => toMask(instruction, size, (a, b) => a === b, true)]
    yield [`pcmpgt${suffix}`, instruction => toMask(instruction, size, (a, b) => a > b, true)]
    yield [`ptestm${suffix}`, instruction => toMask(instruction, size, (a, b) => (a & b) !== 0n, false)]
    yield [`ptestnm${suffix}`, instruction => toMask(instruction, size, (a, b) => (a & b) === 0n, false)]
    yield [`pmov${suffix}2m`, fromVector(size)]
  }
}

/** Instructions whose first operand is an opmask register, without the `v`. */
export function maskResults(): Readonly<Record<string, Compile>> {
  return Object.fromEntries(comparisons())
}

export function vectorMasks(): Readonly<Record<string, Compile>> {
  return {
    ...Object.fromEntries(maskRegisters()),
    ...Object.fromEntries(Object.entries(WIDTHS).map(([suffix, size]) => [`pmovm2${suffix}`, toVector(size)])),
    ...Object.fromEntries(Object.entries(WIDTHS).map(([suffix, size]) => [`pblendm${suffix}`, blendByMask(size)])),
  }
}
