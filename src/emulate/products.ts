import type {DecodedInstruction, Operand} from '../amd64/decoded-instruction.ts'
import {GENERAL} from '../amd64/registers.ts'
import {CallEnd} from './call-end.ts'
import {type Execute, readAny, writeAny} from './operands.ts'
import type {Processor} from './processor.ts'

/** rax or rdx, or its part of a width; of one byte the pair is ax: its lower and its upper half. */
function half(size: number, isUpper: boolean): Operand {
  if (size === 1) return {kind: 'general', register: GENERAL.rax, size: 1, isHigh: isUpper}
  const register = isUpper ? GENERAL.rdx : GENERAL.rax
  return {kind: 'general', register, size: size as 2 | 4 | 8, isHigh: false}
}

function setOverflow(cpu: Processor, isOver: boolean): void {
  cpu.carry = isOver ? 1 : 0
  cpu.overflow = cpu.carry
}

/** mul and imul of one operand: the product is twice as wide. */
function multiplyWide(isSigned: boolean, {operands: [from]}: DecodedInstruction): Execute {
  if (!from) throw new TypeError('an operand is needed')
  const {size} = from
  const bits = size * 8
  const [low, high] = [half(size, false), half(size, true)]
  const [read, other, writeLow, writeHigh] = [
    readAny(from, size),
    readAny(low, size),
    writeAny(low, size),
    writeAny(high, size),
  ]
  const asNumber = (value: bigint) => (isSigned ? BigInt.asIntN(bits, value) : value)
  return cpu => {
    const product = asNumber(read(cpu)) * asNumber(other(cpu))
    const lower = BigInt.asUintN(bits, product)
    writeLow(cpu, lower)
    writeHigh(cpu, BigInt.asUintN(bits, product >> BigInt(bits)))
    setOverflow(cpu, asNumber(lower) !== product)
  }
}

function multiply(instruction: DecodedInstruction): Execute {
  const [to, from, by] = instruction.operands
  if (!to || !from) return multiplyWide(true, instruction)
  const {size} = to
  const bits = size * 8
  const [left, right, write] = [readAny(from, size), readAny(by ?? to, size), writeAny(to, size)]
  return cpu => {
    const product = BigInt.asIntN(bits, left(cpu)) * BigInt.asIntN(bits, right(cpu))
    write(cpu, BigInt.asUintN(bits, product))
    setOverflow(cpu, BigInt.asIntN(bits, product) !== product)
  }
}

/** mulx: rdx times an operand, without flags (BMI2). The upper half is written last. */
function multiplyPlain({operands: [high, low, from]}: DecodedInstruction): Execute {
  if (!high || !low || !from) throw new TypeError('three operands are needed')
  const {size} = high
  const [read, other] = [readAny(from, size), readAny(half(size, true), size)]
  const [writeLow, writeHigh] = [writeAny(low, size), writeAny(high, size)]
  const bits = size * 8
  return cpu => {
    const product = read(cpu) * other(cpu)
    writeLow(cpu, BigInt.asUintN(bits, product))
    writeHigh(cpu, product >> BigInt(bits))
  }
}

function divide(isSigned: boolean, {operands: [by]}: DecodedInstruction): Execute {
  if (!by) throw new TypeError('an operand is needed')
  const {size} = by
  const bits = size * 8
  const [low, high] = [half(size, false), half(size, true)]
  const [read, lower, upper] = [readAny(by, size), readAny(low, size), readAny(high, size)]
  const [writeLow, writeHigh] = [writeAny(low, size), writeAny(high, size)]
  const asNumber = (value: bigint, width: number) => (isSigned ? BigInt.asIntN(width, value) : value)
  return cpu => {
    const divisor = asNumber(read(cpu), bits)
    const dividend = asNumber((upper(cpu) << BigInt(bits)) | lower(cpu), bits * 2)
    const quotient = divisor === 0n ? undefined : dividend / divisor
    if (quotient === undefined || asNumber(BigInt.asUintN(bits, quotient), bits) !== quotient) {
      throw new CallEnd('fault', 'a division by zero, or one whose quotient has no room')
    }
    writeLow(cpu, BigInt.asUintN(bits, quotient))
    writeHigh(cpu, BigInt.asUintN(bits, dividend % divisor))
  }
}

/** adcx, adox: a sum with a carry of their own, and no other flag (ADX). */
function addWith(flag: 'carry' | 'overflow', {operands: [to, from]}: DecodedInstruction): Execute {
  if (!to || !from) throw new TypeError('two operands are needed')
  const bits = BigInt(to.size * 8)
  const [left, right, write] = [readAny(to, to.size), readAny(from, to.size), writeAny(to, to.size)]
  return cpu => {
    const sum = left(cpu) + right(cpu) + BigInt(cpu[flag])
    cpu[flag] = Number(sum >> bits)
    write(cpu, BigInt.asUintN(Number(bits), sum))
  }
}

export function products(): Readonly<Record<string, (instruction: DecodedInstruction) => Execute>> {
  return {
    mul: instruction => multiplyWide(false, instruction),
    imul: multiply,
    mulx: multiplyPlain,
    div: instruction => divide(false, instruction),
    idiv: instruction => divide(true, instruction),
    adcx: instruction => addWith('carry', instruction),
    adox: instruction => addWith('overflow', instruction),
  }
}
