import type {DecodedInstruction, Operand} from '../amd64/decoded-instruction.ts'
import {GENERAL} from '../amd64/registers.ts'
import {type Execute, read32, read64, widthOf, write32, write64} from './operands.ts'
import type {Processor} from './processor.ts'

/** Two operands and their result, with flags: of 8, 16 or 32 bits, and of 64. */
interface Operation {
  narrow(cpu: Processor, left: number, right: number, bits: number): number
  wide(cpu: Processor, left: bigint, right: bigint): bigint
  /** cmp and test keep flags alone. */
  readonly keepsResult: boolean
}

function cut(value: number, bits: number): number {
  return bits === 32 ? value >>> 0 : value & (2 ** bits - 1)
}

/** Flags of left + right + carry (Intel SDM 1, 3.4.3.1). */
function add(cpu: Processor, left: number, right: number, bits: number, carry: number): number {
  const sum = left + right + carry
  const result = cut(sum, bits)
  cpu.carry = sum >= 2 ** bits ? 1 : 0
  cpu.overflow = (((left ^ result) & (right ^ result)) >>> (bits - 1)) & 1
  cpu.adjust = ((left ^ right ^ result) >>> 4) & 1
  cpu.setResult(result, bits)
  return result
}

export function subtract(cpu: Processor, left: number, right: number, bits: number, borrow: number): number {
  const difference = left - right - borrow
  const result = cut(difference, bits)
  cpu.carry = difference < 0 ? 1 : 0
  cpu.overflow = (((left ^ right) & (left ^ result)) >>> (bits - 1)) & 1
  cpu.adjust = ((left ^ right ^ result) >>> 4) & 1
  cpu.setResult(result, bits)
  return result
}

function add64(cpu: Processor, left: bigint, right: bigint, carry: number): bigint {
  const sum = carry ? left + right + 1n : left + right
  const result = BigInt.asUintN(64, sum)
  cpu.carry = result === sum ? 0 : 1
  cpu.overflow = ((left ^ result) & (right ^ result)) >= SIGN_64 ? 1 : 0
  cpu.adjust = Number((left ^ right ^ result) & 0x10n) >> 4
  cpu.setResult64(result)
  return result
}

export function subtract64(cpu: Processor, left: bigint, right: bigint, borrow: number): bigint {
  const difference = borrow ? left - right - 1n : left - right
  const result = BigInt.asUintN(64, difference)
  cpu.carry = difference < 0n ? 1 : 0
  cpu.overflow = ((left ^ right) & (left ^ result)) >= SIGN_64 ? 1 : 0
  cpu.adjust = Number((left ^ right ^ result) & 0x10n) >> 4
  cpu.setResult64(result)
  return result
}

const SIGN_64 = 0x8000000000000000n

/** Adjust is undefined after them; the processors clear it. */
function logical(cpu: Processor, result: number, bits: number): number {
  cpu.carry = 0
  cpu.overflow = 0
  cpu.adjust = 0
  cpu.setResult(result, bits)
  return result
}

function logical64(cpu: Processor, result: bigint): bigint {
  cpu.carry = 0
  cpu.overflow = 0
  cpu.adjust = 0
  cpu.setResult64(result)
  return result
}

const and: Operation = {
  narrow: (cpu, left, right, bits) => logical(cpu, (left & right) >>> 0, bits),
  wide: (cpu, left, right) => logical64(cpu, left & right),
  keepsResult: true,
}

const sub: Operation = {
  narrow: (cpu, left, right, bits) => subtract(cpu, left, right, bits, 0),
  wide: (cpu, left, right) => subtract64(cpu, left, right, 0),
  keepsResult: true,
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  add: {
    narrow: (cpu, left, right, bits) => add(cpu, left, right, bits, 0),
    wide: (cpu, left, right) => add64(cpu, left, right, 0),
    keepsResult: true,
  },
  adc: {
    narrow: (cpu, left, right, bits) => add(cpu, left, right, bits, cpu.carry),
    wide: (cpu, left, right) => add64(cpu, left, right, cpu.carry),
    keepsResult: true,
  },
  sub,
  sbb: {
    narrow: (cpu, left, right, bits) => subtract(cpu, left, right, bits, cpu.carry),
    wide: (cpu, left, right) => subtract64(cpu, left, right, cpu.carry),
    keepsResult: true,
  },
  cmp: {...sub, keepsResult: false},
  and,
  test: {...and, keepsResult: false},
  or: {
    narrow: (cpu, left, right, bits) => logical(cpu, (left | right) >>> 0, bits),
    wide: (cpu, left, right) => logical64(cpu, left | right),
    keepsResult: true,
  },
  xor: {
    narrow: (cpu, left, right, bits) => logical(cpu, (left ^ right) >>> 0, bits),
    wide: (cpu, left, right) => logical64(cpu, left ^ right),
    keepsResult: true,
  },
}

function binary({narrow, wide, keepsResult}: Operation, [to, from]: readonly Operand[]): Execute {
  if (!to || !from) throw new TypeError('two operands are needed')
  const size = widthOf([to, from])
  if (size === 8) {
    const [left, right] = [read64(to), read64(from)]
    if (!keepsResult) {
      return cpu => {
        wide(cpu, left(cpu), right(cpu))
      }
    }
    const write = write64(to)
    // Where the write fails no flag has changed for anybody: the call is over.
    return cpu => write(cpu, wide(cpu, left(cpu), right(cpu)))
  }
  const bits = size * 8
  const [left, right] = [read32(to, size), read32(from, size)]
  if (!keepsResult) {
    return cpu => {
      narrow(cpu, left(cpu), right(cpu), bits)
    }
  }
  const write = write32(to, size)
  return cpu => write(cpu, narrow(cpu, left(cpu), right(cpu), bits))
}

/** inc, dec: as add and sub of 1, and the carry stays. */
function step(operation: 'inc' | 'dec', [to]: readonly Operand[]): Execute {
  const {narrow, wide} = OPERATIONS[operation === 'inc' ? 'add' : 'sub'] as Operation
  return unary(
    to,
    (cpu, value, bits) => {
      const {carry} = cpu
      const result = narrow(cpu, value, 1, bits)
      cpu.carry = carry
      return result
    },
    (cpu, value) => {
      const {carry} = cpu
      const result = wide(cpu, value, 1n)
      cpu.carry = carry
      return result
    },
  )
}

function unary(
  to: Operand | undefined,
  narrow: (cpu: Processor, value: number, bits: number) => number,
  wide: (cpu: Processor, value: bigint) => bigint,
): Execute {
  if (!to) throw new TypeError('an operand is needed')
  if (to.size === 8) {
    const [read, write] = [read64(to), write64(to)]
    return cpu => write(cpu, wide(cpu, read(cpu)))
  }
  const [read, write] = [read32(to, to.size), write32(to, to.size)]
  const bits = to.size * 8
  return cpu => write(cpu, narrow(cpu, read(cpu), bits))
}

function negate([to]: readonly Operand[]): Execute {
  return unary(
    to,
    (cpu, value, bits) => subtract(cpu, 0, value, bits, 0),
    (cpu, value) => subtract64(cpu, 0n, value, 0),
  )
}

function invert([to]: readonly Operand[]): Execute {
  return unary(
    to,
    (_, value, bits) => cut(~value, bits),
    (_, value) => BigInt.asUintN(64, ~value),
  )
}

function exchangeAdd([to, from]: readonly Operand[]): Execute {
  if (!to || !from) throw new TypeError('two operands are needed')
  if (to.size === 8) {
    const [left, right, write, keep] = [read64(to), read64(from), write64(to), write64(from)]
    return cpu => {
      const [old, other] = [left(cpu), right(cpu)]
      const sum = add64(cpu, old, other, 0)
      keep(cpu, old)
      write(cpu, sum)
    }
  }
  const {size} = to
  const [left, right, write, keep] = [read32(to, size), read32(from, size), write32(to, size), write32(from, size)]
  return cpu => {
    const [old, other] = [left(cpu), right(cpu)]
    const sum = add(cpu, old, other, size * 8, 0)
    keep(cpu, old)
    write(cpu, sum)
  }
}

/** Compares with the accumulator; where they differ it gets what is there (Intel SDM 2, CMPXCHG). */
function compareExchange([to, from]: readonly Operand[]): Execute {
  if (!to || !from) throw new TypeError('two operands are needed')
  const {size} = to
  const accumulator: Operand = {kind: 'general', register: GENERAL.rax, size: size as 1 | 2 | 4 | 8, isHigh: false}
  if (size === 8) {
    const [read, other, write] = [read64(to), read64(from), write64(to)]
    return cpu => {
      const [old, next] = [read(cpu), other(cpu)]
      subtract64(cpu, cpu.general[GENERAL.rax] as bigint, old, 0)
      if (cpu.zero) write(cpu, next)
      else cpu.general[GENERAL.rax] = old
    }
  }
  const [read, other, write] = [read32(to, size), read32(from, size), write32(to, size)]
  const [wanted, keep] = [read32(accumulator, size), write32(accumulator, size)]
  return cpu => {
    const [old, next] = [read(cpu), other(cpu)]
    subtract(cpu, wanted(cpu), old, size * 8, 0)
    if (cpu.zero) write(cpu, next)
    else keep(cpu, old)
  }
}

export function arithmetic(): Readonly<Record<string, (instruction: DecodedInstruction) => Execute>> {
  return {
    ...Object.fromEntries(
      Object.entries(OPERATIONS).map(([name, operation]) => [
        name,
        ({operands}: DecodedInstruction) => binary(operation, operands),
      ]),
    ),
    inc: ({operands}) => step('inc', operands),
    dec: ({operands}) => step('dec', operands),
    neg: ({operands}) => negate(operands),
    not: ({operands}) => invert(operands),
    xadd: ({operands}) => exchangeAdd(operands),
    cmpxchg: ({operands}) => compareExchange(operands),
  }
}
