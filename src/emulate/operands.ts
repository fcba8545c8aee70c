import type {GeneralOperand, MemoryOperand, Operand} from '../amd64/decoded-instruction.ts'
import {TWO_32} from '../base/address.ts'
import type {Processor} from './processor.ts'

export type Execute = (cpu: Processor) => void
type Read32 = (cpu: Processor) => number
type Read64 = (cpu: Processor) => bigint
type Write32 = (cpu: Processor, value: number) => void
type Write64 = (cpu: Processor, value: bigint) => void

/** Where an operand in memory is. */
export function placeOf(operand: MemoryOperand): Read32 {
  const {base, index, scale, isShort, segment} = operand
  const displacement = Number(operand.displacement)
  const inSegment = segmentOf(segment)
  if (isShort) {
    return cpu => {
      const wide = BigInt.asUintN(32, BigInt(cpu.effective(base, index, scale, displacement)))
      return Number(wide) + inSegment(cpu)
    }
  }
  if (segment) return cpu => cpu.effective(base, index, scale, displacement) + inSegment(cpu)
  if (base !== undefined && index === undefined) {
    return cpu => {
      const high = cpu.halves[base * 2 + 1] as number
      const start = high * TWO_32 + (cpu.halves[base * 2] as number)
      return high < 0x10000 ? start + displacement : cpu.effective(base, undefined, 1, displacement)
    }
  }
  return cpu => cpu.effective(base, index, scale, displacement)
}

function segmentOf(segment: MemoryOperand['segment']): Read32 {
  if (segment === 'fs') return cpu => cpu.fsBase
  if (segment === 'gs') return cpu => cpu.gsBase
  return () => 0
}

/** lea: in 64 bits, and cut to what is written. */
export function effectiveAddress(operand: MemoryOperand): Read64 {
  const {base, index, scale, displacement, isShort} = operand
  const bits = isShort ? 32 : 64
  return cpu => {
    const one = base === undefined ? 0n : (cpu.general[base] as bigint)
    const other = index === undefined ? 0n : (cpu.general[index] as bigint)
    return BigInt.asUintN(bits, one + other * BigInt(scale) + displacement)
  }
}

/** How many bytes an operation on these operands is wide. */
export function widthOf(operands: readonly Operand[]): number {
  return operands.find(operand => operand.size > 0)?.size ?? 8
}

/** An operand of 1, 2 or 4 bytes, without sign. */
export function read32(operand: Operand, size: number): Read32 {
  switch (operand.kind) {
    case 'general':
      return readGeneral(operand, size)
    case 'memory': {
      const place = placeOf(operand)
      if (size === 1) return cpu => cpu.memory.u8(place(cpu))
      if (size === 2) return cpu => cpu.memory.u16(place(cpu))
      return cpu => cpu.memory.u32(place(cpu))
    }
    case 'immediate': {
      const value = Number(BigInt.asUintN(size * 8, operand.value))
      return () => value
    }
    default:
      throw new TypeError(`an operand without a value: ${operand.kind}`)
  }
}

function readGeneral({register, isHigh}: GeneralOperand, size: number): Read32 {
  if (size === 1) {
    const at = register * 8 + (isHigh ? 1 : 0)
    return cpu => cpu.bytes[at] as number
  }
  if (size === 2) return cpu => cpu.words[register * 4] as number
  return cpu => cpu.halves[register * 2] as number
}

/** An operand of 8 bytes, without sign. */
export function read64(operand: Operand): Read64 {
  switch (operand.kind) {
    case 'general': {
      const {register} = operand
      return cpu => cpu.general[register] as bigint
    }
    case 'memory': {
      const place = placeOf(operand)
      return cpu => cpu.memory.u64(place(cpu))
    }
    case 'immediate': {
      const value = BigInt.asUintN(64, operand.value)
      return () => value
    }
    default:
      throw new TypeError(`an operand without a value: ${operand.kind}`)
  }
}

/** An operand of any general width, as 64 bits without sign. */
export function readAny(operand: Operand, size: number): Read64 {
  if (size === 8) return read64(operand)
  const read = read32(operand, size)
  return cpu => BigInt(read(cpu))
}

/** Writes 1, 2 or 4 bytes; 4 bytes of a register make its upper half zero (Intel SDM 1, 3.4.1.1). */
export function write32(operand: Operand, size: number): Write32 {
  if (operand.kind === 'memory') {
    const place = placeOf(operand)
    if (size === 1) return (cpu, value) => cpu.memory.setU8(place(cpu), value)
    if (size === 2) return (cpu, value) => cpu.memory.setU16(place(cpu), value)
    return (cpu, value) => cpu.memory.setU32(place(cpu), value)
  }
  if (operand.kind !== 'general') throw new TypeError(`an operand that is not written to: ${operand.kind}`)
  const {register, isHigh} = operand
  if (size === 1) {
    const at = register * 8 + (isHigh ? 1 : 0)
    return (cpu, value) => {
      cpu.bytes[at] = value
    }
  }
  if (size === 2) {
    return (cpu, value) => {
      cpu.words[register * 4] = value
    }
  }
  return (cpu, value) => {
    cpu.halves[register * 2] = value
    cpu.halves[register * 2 + 1] = 0
  }
}

export function write64(operand: Operand): Write64 {
  if (operand.kind === 'memory') {
    const place = placeOf(operand)
    return (cpu, value) => cpu.memory.setU64(place(cpu), value)
  }
  if (operand.kind !== 'general') throw new TypeError(`an operand that is not written to: ${operand.kind}`)
  const {register} = operand
  return (cpu, value) => {
    cpu.general[register] = value
  }
}

export function writeAny(operand: Operand, size: number): Write64 {
  if (size === 8) return write64(operand)
  const write = write32(operand, size)
  return (cpu, value) => write(cpu, Number(value))
}
