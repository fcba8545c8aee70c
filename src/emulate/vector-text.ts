import type {DecodedInstruction} from '../amd64/decoded-instruction.ts'
import {GENERAL} from '../amd64/registers.ts'
import type {Execute} from './operands.ts'
import type {Processor} from './processor.ts'
import {getElement} from './vector-integers.ts'
import {loadOperand, splitImmediate, Vector} from './vector-operands.ts'

type Compile = (instruction: DecodedInstruction) => Execute

/** What the immediate says (Intel SDM 2, 4.1). */
interface Control {
  readonly size: 1 | 2
  readonly isSigned: boolean
  readonly aggregation: number
  readonly polarity: number
  readonly isLast: boolean
}

function controlOf(immediate: number): Control {
  return {
    size: immediate & 1 ? 2 : 1,
    isSigned: (immediate & 2) !== 0,
    aggregation: (immediate >> 2) & 3,
    polarity: (immediate >> 4) & 3,
    isLast: (immediate & 0x40) !== 0,
  }
}

function elementOf(text: Vector, index: number, {size, isSigned}: Control): number {
  const element = getElement(text, size, index)
  return Number(isSigned ? BigInt.asIntN(size * 8, element) : element)
}

/** Elements up to the first 0. */
function implicitLength(text: Vector, {size}: Control): number {
  for (let index = 0; index < 16 / size; index++) if (getElement(text, size, index) === 0n) return index
  return 16 / size
}

/** Elements that a register counts. */
function explicitLength(cpu: Processor, register: number, isWide: boolean, {size}: Control): number {
  const word = cpu.general[register] as bigint
  const value = isWide ? BigInt.asIntN(64, word) : BigInt.asIntN(32, word)
  const most = BigInt(16 / size)
  const magnitude = value < 0n ? -value : value
  return Number(magnitude < most ? magnitude : most)
}

/** Whether element `at` of `right` is of the set, the ranges, the whole text or the part of it that `left` has. */
function matches(
  left: Vector,
  leftLength: number,
  right: Vector,
  rightLength: number,
  at: number,
  control: Control,
): boolean {
  const count = 16 / control.size
  const value = (text: Vector, index: number) => elementOf(text, index, control)
  switch (control.aggregation) {
    case 0:
      return at < rightLength && range(leftLength).some(index => value(left, index) === value(right, at))
    case 1:
      return (
        at < rightLength &&
        range(leftLength >> 1).some(
          index => value(left, index * 2) <= value(right, at) && value(right, at) <= value(left, index * 2 + 1),
        )
      )
    case 2: {
      if (at >= leftLength || at >= rightLength) return at >= leftLength && at >= rightLength
      return value(left, at) === value(right, at)
    }
    default:
      return range(Math.min(leftLength, count - at)).every(
        index => at + index < rightLength && value(left, index) === value(right, at + index),
      )
  }
}

/** A bit for each element of `right`. */
function findMatches(left: Vector, leftLength: number, right: Vector, rightLength: number, control: Control): number {
  let bits = 0
  for (let at = 0; at < 16 / control.size; at++) {
    if (matches(left, leftLength, right, rightLength, at, control)) bits |= 1 << at
  }
  return bits
}

function range(count: number): number[] {
  return Array.from({length: count}, (_, index) => index)
}

function withPolarity(bits: number, rightLength: number, {polarity, size}: Control): number {
  const all = 2 ** (16 / size) - 1
  if (polarity === 1) return bits ^ all
  if (polarity === 3) return bits ^ (2 ** rightLength - 1)
  return bits
}

function compareTexts(isExplicit: boolean, givesIndex: boolean): Compile {
  return instruction => {
    const {places, immediate} = splitImmediate(instruction.operands)
    const [first, second] = places
    if (!first || !second) throw new TypeError('two operands are needed')
    const control = controlOf(immediate)
    const loads = [loadOperand(first, 16), loadOperand(second, 16)]
    const [left, right] = [new Vector(), new Vector()]
    const isWide = instruction.mnemonic.endsWith('64')
    const count = 16 / control.size
    const lengths = (cpu: Processor, left: Vector, right: Vector): [number, number] =>
      isExplicit
        ? [explicitLength(cpu, GENERAL.rax, isWide, control), explicitLength(cpu, GENERAL.rdx, isWide, control)]
        : [implicitLength(left, control), implicitLength(right, control)]
    return cpu => {
      loads[0]?.(cpu, left)
      loads[1]?.(cpu, right)
      const [leftLength, rightLength] = lengths(cpu, left, right)
      const found = findMatches(left, leftLength, right, rightLength, control)
      const bits = withPolarity(found, rightLength, control)
      setFlags(cpu, bits, leftLength < count, rightLength < count)
      if (givesIndex) cpu.general[GENERAL.rcx] = BigInt(indexIn(bits, control, count))
      else storeMask(cpu, bits, control, instruction.encoding !== 'legacy')
    }
  }
}

function indexIn(bits: number, {isLast}: Control, count: number): number {
  if (bits === 0) return count
  return isLast ? 31 - Math.clz32(bits) : 31 - Math.clz32(bits & -bits)
}

function setFlags(cpu: Processor, bits: number, isLeftShort: boolean, isRightShort: boolean): void {
  cpu.flags = cpu.flags & 0x400
  cpu.carry = bits === 0 ? 0 : 1
  cpu.zero = isRightShort ? 1 : 0
  cpu.sign = isLeftShort ? 1 : 0
  cpu.overflow = bits & 1
}

/** Into xmm0: a bit for each element, or all bits of it. */
function storeMask(cpu: Processor, bits: number, {size, isLast}: Control, clears: boolean): void {
  cpu.vectors.fill(0, 0, clears ? 64 : 16)
  if (!isLast) {
    cpu.lanes.setUint16(0, bits, true)
    return
  }
  for (let at = 0; at < 16; at++) cpu.vectors[at] = (bits >> Math.floor(at / size)) & 1 ? 0xff : 0
}

export function vectorText(): Readonly<Record<string, Compile>> {
  return {
    pcmpistri: compareTexts(false, true),
    pcmpistrm: compareTexts(false, false),
    pcmpestri: compareTexts(true, true),
    pcmpestri64: compareTexts(true, true),
    pcmpestrm: compareTexts(true, false),
    pcmpestrm64: compareTexts(true, false),
  }
}
