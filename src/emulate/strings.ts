import type {DecodedInstruction} from '../amd64/decoded-instruction.ts'
import {GENERAL} from '../amd64/registers.ts'
import {subtract, subtract64} from './arithmetic.ts'
import type {Execute} from './operands.ts'
import type {Processor} from './processor.ts'

const {rax, rcx, rsi, rdi} = GENERAL
/** What an instruction with a prefix may do before it is asked again whether it may go on. */
const REPEATS_AT_ONCE = 4096

/** One element; what repne and repe look at is the zero flag. */
type Element = (cpu: Processor, step: number) => void

function load(cpu: Processor, address: number, size: number): bigint {
  if (size === 8) return cpu.memory.u64(address)
  if (size === 4) return BigInt(cpu.memory.u32(address))
  return BigInt(size === 2 ? cpu.memory.u16(address) : cpu.memory.u8(address))
}

function store(cpu: Processor, address: number, size: number, value: bigint): void {
  if (size === 8) cpu.memory.setU64(address, value)
  else if (size === 4) cpu.memory.setU32(address, Number(value))
  else if (size === 2) cpu.memory.setU16(address, Number(value))
  else cpu.memory.setU8(address, Number(value))
}

function advance(cpu: Processor, register: number, step: number): void {
  cpu.general[register] = BigInt.asUintN(64, (cpu.general[register] as bigint) + BigInt(step))
}

function compare(cpu: Processor, left: bigint, right: bigint, size: number): void {
  if (size === 8) subtract64(cpu, left, right, 0)
  else subtract(cpu, Number(left), Number(right), size * 8, 0)
}

function accumulator(cpu: Processor, size: number): bigint {
  return BigInt.asUintN(size * 8, cpu.general[rax] as bigint)
}

const ELEMENTS: Readonly<Record<string, (size: number) => Element>> = {
  movs: size => (cpu, step) => {
    store(cpu, cpu.address(rdi), size, load(cpu, cpu.address(rsi), size))
    advance(cpu, rsi, step)
    advance(cpu, rdi, step)
  },
  stos: size => (cpu, step) => {
    store(cpu, cpu.address(rdi), size, accumulator(cpu, size))
    advance(cpu, rdi, step)
  },
  lods: size => (cpu, step) => {
    const value = load(cpu, cpu.address(rsi), size)
    if (size === 8) cpu.general[rax] = value
    else if (size === 4) cpu.general[rax] = value
    else if (size === 2) cpu.words[0] = Number(value)
    else cpu.bytes[0] = Number(value)
    advance(cpu, rsi, step)
  },
  scas: size => (cpu, step) => {
    compare(cpu, accumulator(cpu, size), load(cpu, cpu.address(rdi), size), size)
    advance(cpu, rdi, step)
  },
  cmps: size => (cpu, step) => {
    compare(cpu, load(cpu, cpu.address(rsi), size), load(cpu, cpu.address(rdi), size), size)
    advance(cpu, rsi, step)
    advance(cpu, rdi, step)
  },
}

/** The count is in rcx; a part of them is done, and the same instruction comes again for the rest. */
function repeat(element: Element, step: number, {pc, repeat: prefix}: DecodedInstruction, compares: boolean): Execute {
  const last = prefix === 'repne' ? 1 : 0
  return cpu => {
    for (let done = 0; done < REPEATS_AT_ONCE; done++) {
      if (cpu.general[rcx] === 0n) return
      element(cpu, cpu.direction ? -step : step)
      cpu.general[rcx] = (cpu.general[rcx] as bigint) - 1n
      if (compares && cpu.zero === last) return
    }
    cpu.pc = pc
  }
}

function stringOperation(name: string, instruction: DecodedInstruction): Execute {
  const size = instruction.memorySize
  const element = (ELEMENTS[name] as (size: number) => Element)(size)
  if (instruction.repeat === 'none') return cpu => element(cpu, cpu.direction ? -size : size)
  return repeat(element, size, instruction, name === 'scas' || name === 'cmps')
}

export function stringOperations(): Readonly<Record<string, (instruction: DecodedInstruction) => Execute>> {
  return Object.fromEntries(
    Object.keys(ELEMENTS).flatMap(name =>
      ['b', 'w', 'd', 'q'].map(width => [
        `${name}${width}`,
        (instruction: DecodedInstruction) => stringOperation(name, instruction),
      ]),
    ),
  )
}
