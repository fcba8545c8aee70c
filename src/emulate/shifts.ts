import type {DecodedInstruction, Operand} from '../amd64/decoded-instruction.ts'
import {type Execute, readAny, writeAny} from './operands.ts'
import type {Processor} from './processor.ts'

/** value, count (cut to the operation's width, not 0), width in bits. */
type Shift = (cpu: Processor, value: bigint, count: number, bits: number) => bigint

function setFlags(cpu: Processor, result: bigint, bits: number): void {
  if (bits === 64) cpu.setResult64(result)
  else cpu.setResult(Number(result), bits)
  // Undefined after a shift; the processors clear it.
  cpu.adjust = 0
}

function bit(value: bigint, index: number): number {
  return Number((value >> BigInt(index)) & 1n)
}

/**
 * Overflow is defined for a count of 1 alone (Intel SDM 2, SAL/SAR/SHL/SHR); for others the processors do the same by
 * the last bits that move.
 */
const shiftLeft: Shift = (cpu, value, count, bits) => {
  const result = BigInt.asUintN(bits, value << BigInt(count))
  cpu.carry = count <= bits ? bit(value, bits - count) : 0
  cpu.overflow = bit(result, bits - 1) ^ cpu.carry
  setFlags(cpu, result, bits)
  return result
}

const shiftRight: Shift = (cpu, value, count, bits) => {
  const result = value >> BigInt(count)
  cpu.carry = bit(value, count - 1)
  cpu.overflow = count === 1 ? bit(value, bits - 1) : 0
  setFlags(cpu, result, bits)
  return result
}

const shiftSign: Shift = (cpu, value, count, bits) => {
  const signed = BigInt.asIntN(bits, value)
  const result = BigInt.asUintN(bits, signed >> BigInt(count))
  cpu.carry = Number((signed >> BigInt(count - 1)) & 1n)
  cpu.overflow = 0
  setFlags(cpu, result, bits)
  return result
}

const rotateLeft: Shift = (cpu, value, count, bits) => {
  const by = BigInt(count % bits)
  const result = BigInt.asUintN(bits, (value << by) | (value >> (BigInt(bits) - by)))
  cpu.carry = bit(result, 0)
  cpu.overflow = bit(result, bits - 1) ^ cpu.carry
  return result
}

const rotateRight: Shift = (cpu, value, count, bits) => {
  const by = BigInt(count % bits)
  const result = BigInt.asUintN(bits, (value >> by) | (value << (BigInt(bits) - by)))
  cpu.carry = bit(result, bits - 1)
  cpu.overflow = bit(result, bits - 1) ^ bit(result, bits - 2)
  return result
}

/** With the carry as one bit more. */
const rotateCarryLeft: Shift = (cpu, value, count, bits) => {
  const whole = (BigInt(cpu.carry) << BigInt(bits)) | value
  const by = BigInt(count % (bits + 1))
  const turned = BigInt.asUintN(bits + 1, (whole << by) | (whole >> (BigInt(bits + 1) - by)))
  const result = BigInt.asUintN(bits, turned)
  cpu.carry = bit(turned, bits)
  cpu.overflow = bit(result, bits - 1) ^ cpu.carry
  return result
}

const rotateCarryRight: Shift = (cpu, value, count, bits) => {
  const whole = (BigInt(cpu.carry) << BigInt(bits)) | value
  const by = BigInt(count % (bits + 1))
  const turned = BigInt.asUintN(bits + 1, (whole >> by) | (whole << (BigInt(bits + 1) - by)))
  const result = BigInt.asUintN(bits, turned)
  cpu.carry = bit(turned, bits)
  cpu.overflow = bit(result, bits - 1) ^ bit(result, bits - 2)
  return result
}

const BY_ONE: Operand = {kind: 'immediate', value: 1n, size: 0}

function shiftBy(shift: Shift, {operands: [to, by = BY_ONE]}: DecodedInstruction): Execute {
  if (!to) throw new TypeError('an operand is needed')
  const {size} = to
  const bits = size * 8
  const mask = size === 8 ? 0x3fn : 0x1fn
  const [read, count, write] = [readAny(to, size), readAny(by, 1), writeAny(to, size)]
  return cpu => {
    const value = read(cpu)
    const times = Number(count(cpu) & mask)
    // A count of 0 changes no flag, but a register of 4 bytes is written all the same.
    write(cpu, times === 0 ? value : shift(cpu, value, times, bits))
  }
}

/** Bits of another operand move in (Intel SDM 2, SHLD, SHRD). */
function shiftDouble(isLeft: boolean, {operands: [to, from, by]}: DecodedInstruction): Execute {
  if (!to || !from || !by) throw new TypeError('three operands are needed')
  const {size} = to
  const bits = size * 8
  const mask = size === 8 ? 0x3fn : 0x1fn
  const [read, fill, count, write] = [readAny(to, size), readAny(from, size), readAny(by, 1), writeAny(to, size)]
  return cpu => {
    const value = read(cpu)
    const times = Number(count(cpu) & mask)
    if (times === 0) return write(cpu, value)
    const result = isLeft
      ? doubleLeft(cpu, value, fill(cpu), times, bits)
      : doubleRight(cpu, value, fill(cpu), times, bits)
    cpu.overflow = bit(value, bits - 1) ^ bit(result, bits - 1)
    setFlags(cpu, result, bits)
    write(cpu, result)
  }
}

function doubleLeft(cpu: Processor, value: bigint, fill: bigint, count: number, bits: number): bigint {
  const whole = ((value << BigInt(bits)) | fill) << BigInt(count)
  cpu.carry = bit(whole, bits * 2)
  return BigInt.asUintN(bits, whole >> BigInt(bits))
}

function doubleRight(cpu: Processor, value: bigint, fill: bigint, count: number, bits: number): bigint {
  const whole = (fill << BigInt(bits)) | value
  cpu.carry = bit(whole, count - 1)
  return BigInt.asUintN(bits, whole >> BigInt(count))
}

/** rorx, sarx, shlx, shrx: without flags (BMI2). */
function plain(
  change: (value: bigint, count: number, bits: number) => bigint,
  {operands: [to, from, by]}: DecodedInstruction,
): Execute {
  if (!to || !from || !by) throw new TypeError('three operands are needed')
  const bits = to.size * 8
  const [read, count, write] = [
    readAny(from, to.size),
    readAny(by, by.kind === 'immediate' ? 1 : to.size),
    writeAny(to, to.size),
  ]
  return cpu => write(cpu, BigInt.asUintN(bits, change(read(cpu), Number(count(cpu) & BigInt(bits - 1)), bits)))
}

/** sar by cl of a 32-bit register is the commonest; the others follow the same way. */
function narrowShift(kind: 'shl' | 'shr' | 'sar', instruction: DecodedInstruction, shift: Shift): Execute {
  const {
    operands: [to, by = BY_ONE],
  } = instruction
  if (to?.kind !== 'general' || to.size !== 4 || by.kind !== 'immediate') return shiftBy(shift, instruction)
  const count = Number(BigInt.asUintN(5, by.value))
  if (count === 0) return shiftBy(shift, instruction)
  const at = to.register * 2
  return cpu => {
    const value = cpu.halves[at] as number
    const result = (kind === 'shl' ? value << count : kind === 'shr' ? value >>> count : value >> count) >>> 0
    const carry = kind === 'shl' ? value >>> (32 - count) : value >>> (count - 1)
    cpu.carry = carry & 1
    cpu.overflow = kind === 'shl' ? (result >>> 31) ^ cpu.carry : kind === 'shr' && count === 1 ? value >>> 31 : 0
    cpu.adjust = 0
    cpu.setResult(result, 32)
    cpu.halves[at] = result
    cpu.halves[at + 1] = 0
  }
}

export function shifts(): Readonly<Record<string, (instruction: DecodedInstruction) => Execute>> {
  return {
    shl: instruction => narrowShift('shl', instruction, shiftLeft),
    sal: instruction => narrowShift('shl', instruction, shiftLeft),
    shr: instruction => narrowShift('shr', instruction, shiftRight),
    sar: instruction => narrowShift('sar', instruction, shiftSign),
    rol: instruction => shiftBy(rotateLeft, instruction),
    ror: instruction => shiftBy(rotateRight, instruction),
    rcl: instruction => shiftBy(rotateCarryLeft, instruction),
    rcr: instruction => shiftBy(rotateCarryRight, instruction),
    shld: instruction => shiftDouble(true, instruction),
    shrd: instruction => shiftDouble(false, instruction),
    shlx: instruction => plain((value, count) => value << BigInt(count), instruction),
    shrx: instruction => plain((value, count) => value >> BigInt(count), instruction),
    sarx: instruction => plain((value, count, bits) => BigInt.asIntN(bits, value) >> BigInt(count), instruction),
    rorx: instruction =>
      plain((value, count, bits) => (value >> BigInt(count)) | (value << BigInt(bits - count)), instruction),
  }
}
