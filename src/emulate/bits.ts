import type {DecodedInstruction, Operand} from '../amd64/decoded-instruction.ts'
import {type Execute, placeOf, readAny, writeAny} from './operands.ts'
import type {Processor} from './processor.ts'

type Change = (value: bigint, bit: bigint) => bigint

const CHANGES: Readonly<Record<string, Change | undefined>> = {
  bt: undefined,
  bts: (value, bit) => value | bit,
  btr: (value, bit) => value & ~bit,
  btc: (value, bit) => value ^ bit,
}

/** A bit into the carry. Its number may lead far beyond an operand in memory (Intel SDM 2, BT). */
function testBit(change: Change | undefined, {operands: [to, by]}: DecodedInstruction): Execute {
  if (!to || !by) throw new TypeError('two operands are needed')
  if (to.kind === 'memory' && by.kind === 'general') return testBitFar(change, to, by)
  const {size} = to
  const [read, index, write] = [readAny(to, size), readAny(by, size), change && writeAny(to, size)]
  return cpu => {
    const value = read(cpu)
    const place = index(cpu) & BigInt(size * 8 - 1)
    cpu.carry = Number((value >> place) & 1n)
    if (change && write) write(cpu, change(value, 1n << place))
  }
}

function testBitFar(change: Change | undefined, to: Operand & {kind: 'memory'}, by: Operand): Execute {
  const [place, index] = [placeOf(to), readAny(by, by.size)]
  const bits = by.size * 8
  return cpu => {
    const number = BigInt.asIntN(bits, index(cpu))
    const at = place(cpu) + Number(number >> 3n)
    const bit = 1n << (number & 7n)
    const value = BigInt(cpu.memory.u8(at))
    cpu.carry = value & bit ? 1 : 0
    if (change) cpu.memory.setU8(at, Number(change(value, bit)))
  }
}

function trailingZeros(value: bigint, bits: number): number {
  const low = Number(value & 0xffffffffn)
  if (low !== 0) return 31 - Math.clz32(low & -low)
  const high = Number(value >> 32n)
  return high !== 0 ? 63 - Math.clz32(high & -high) : bits
}

function leadingZeros(value: bigint, bits: number): number {
  const high = Number(value >> 32n)
  return (high !== 0 ? Math.clz32(high) : 32 + Math.clz32(Number(value & 0xffffffffn))) - (64 - bits)
}

function countOnes(value: bigint): number {
  let count = 0
  for (let rest = value; rest !== 0n; rest &= rest - 1n) count++
  return count
}

/** bsf, bsr: of zero the whole destination stays as it is, as on all processors. */
function scan(find: (value: bigint, bits: number) => number, {operands: [to, from]}: DecodedInstruction): Execute {
  if (!to || !from) throw new TypeError('two operands are needed')
  const {size} = to
  const [read, write] = [readAny(from, size), writeAny(to, size)]
  return cpu => {
    const value = read(cpu)
    cpu.zero = value === 0n ? 1 : 0
    if (value !== 0n) write(cpu, BigInt(find(value, size * 8)))
  }
}

/** lzcnt, tzcnt: of zero the width. */
function count(find: (value: bigint, bits: number) => number, {operands: [to, from]}: DecodedInstruction): Execute {
  if (!to || !from) throw new TypeError('two operands are needed')
  const {size} = to
  const [read, write] = [readAny(from, size), writeAny(to, size)]
  return cpu => {
    const value = read(cpu)
    const found = find(value, size * 8)
    cpu.carry = value === 0n ? 1 : 0
    cpu.zero = found === 0 ? 1 : 0
    write(cpu, BigInt(found))
  }
}

function population({operands: [to, from]}: DecodedInstruction): Execute {
  if (!to || !from) throw new TypeError('two operands are needed')
  const [read, write] = [readAny(from, to.size), writeAny(to, to.size)]
  return cpu => {
    const ones = countOnes(read(cpu))
    clearFlags(cpu)
    cpu.zero = ones === 0 ? 1 : 0
    write(cpu, BigInt(ones))
  }
}

function clearFlags(cpu: Processor): void {
  cpu.carry = 0
  cpu.overflow = 0
  cpu.sign = 0
  cpu.parity = 0
  cpu.adjust = 0
  cpu.zero = 0
}

/** Result and carry of value and, where there is one, another operand. */
type Combine = (value: bigint, other: bigint, bits: number) => {result: bigint; carry: boolean}

/** BMI1 and BMI2: sign and zero of the result; overflow becomes 0. */
function combine(change: Combine, to: Operand | undefined, from: Operand | undefined, by?: Operand): Execute {
  if (!to || !from) throw new TypeError('two operands are needed')
  const {size} = to
  const bits = size * 8
  const [read, other, write] = [readAny(from, size), by ? readAny(by, size) : () => 0n, writeAny(to, size)]
  return cpu => {
    const {result, carry} = change(read(cpu), other(cpu), bits)
    const cut = BigInt.asUintN(bits, result)
    clearFlags(cpu)
    cpu.carry = carry ? 1 : 0
    cpu.zero = cut === 0n ? 1 : 0
    cpu.sign = Number(cut >> BigInt(bits - 1))
    write(cpu, cut)
  }
}

const andNot: Combine = (value, other) => ({result: ~value & other, carry: false})

const extractBits: Combine = (value, control) => {
  const [start, length] = [control & 0xffn, (control >> 8n) & 0xffn]
  return {result: BigInt.asUintN(Number(length), value >> start), carry: false}
}

const zeroHigh: Combine = (value, control, bits) => {
  const index = Number(control & 0xffn)
  return {result: index < bits ? BigInt.asUintN(index, value) : value, carry: index >= bits}
}

/** pdep, pext (BMI2). */
function deposit(isDeposit: boolean, {operands: [to, from, mask]}: DecodedInstruction): Execute {
  if (!to || !from || !mask) throw new TypeError('three operands are needed')
  const {size} = to
  const [read, which, write] = [readAny(from, size), readAny(mask, size), writeAny(to, size)]
  return cpu => {
    const value = read(cpu)
    let [result, place] = [0n, 0n]
    for (let rest = which(cpu); rest !== 0n; rest &= rest - 1n) {
      const at = BigInt(trailingZeros(rest, 64))
      if (isDeposit) result |= ((value >> place) & 1n) << at
      else result |= ((value >> at) & 1n) << place
      place++
    }
    write(cpu, result)
  }
}

const POLYNOMIAL = 0x82f63b78

/** crc32 of Castagnoli's polynomial (SSE4.2). */
function checksum({operands: [to, from]}: DecodedInstruction): Execute {
  if (!to || !from) throw new TypeError('two operands are needed')
  const [read, value, write] = [readAny(to, 4), readAny(from, from.size), writeAny({...to, size: 4} as Operand, 4)]
  return cpu => {
    let sum = Number(read(cpu))
    let rest = value(cpu)
    for (let index = 0; index < from.size; index++) {
      sum ^= Number(rest & 0xffn)
      rest >>= 8n
      for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1
    }
    write(cpu, BigInt(sum >>> 0))
  }
}

export function bitOperations(): Readonly<Record<string, (instruction: DecodedInstruction) => Execute>> {
  return {
    ...Object.fromEntries(
      Object.entries(CHANGES).map(([name, change]) => [
        name,
        (instruction: DecodedInstruction) => testBit(change, instruction),
      ]),
    ),
    bsf: instruction => scan(trailingZeros, instruction),
    bsr: instruction => scan((value, bits) => bits - 1 - leadingZeros(value, bits), instruction),
    tzcnt: instruction => count(trailingZeros, instruction),
    lzcnt: instruction => count(leadingZeros, instruction),
    popcnt: population,
    andn: ({operands: [to, from, by]}) => combine(andNot, to, from, by),
    bextr: ({operands: [to, from, by]}) => combine(extractBits, to, from, by),
    bzhi: ({operands: [to, from, by]}) => combine(zeroHigh, to, from, by),
    blsi: ({operands: [to, from]}) => combine(value => ({result: value & -value, carry: value !== 0n}), to, from),
    blsr: ({operands: [to, from]}) => combine(value => ({result: value & (value - 1n), carry: value === 0n}), to, from),
    blsmsk: ({operands: [to, from]}) =>
      combine(value => ({result: value ^ (value - 1n), carry: value === 0n}), to, from),
    pdep: instruction => deposit(true, instruction),
    pext: instruction => deposit(false, instruction),
    crc32: checksum,
  }
}
