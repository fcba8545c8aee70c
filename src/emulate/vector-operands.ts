import type {DecodedInstruction, Operand} from '../amd64/decoded-instruction.ts'
import {type Execute, placeOf} from './operands.ts'
import {type Processor, VECTOR_SIZE} from './processor.ts'

/** 64 bytes as elements of each kind. */
export class Vector {
  readonly u8 = new Uint8Array(VECTOR_SIZE)
  readonly i8 = new Int8Array(this.u8.buffer)
  readonly u16 = new Uint16Array(this.u8.buffer)
  readonly i16 = new Int16Array(this.u8.buffer)
  readonly u32 = new Uint32Array(this.u8.buffer)
  readonly i32 = new Int32Array(this.u8.buffer)
  readonly u64 = new BigUint64Array(this.u8.buffer)
  readonly i64 = new BigInt64Array(this.u8.buffer)
  readonly f32 = new Float32Array(this.u8.buffer)
  readonly f64 = new Float64Array(this.u8.buffer)
}

export type Load = (cpu: Processor, into: Vector) => void
export type Store = (cpu: Processor, value: Vector) => void
/** `width` in bytes. */
export type VectorOperation = (out: Vector, sources: readonly Vector[], width: number, immediate: number) => void

/** The operands without the immediate at the end, and that. */
export function splitImmediate(operands: readonly Operand[]): {places: readonly Operand[]; immediate: number} {
  const last = operands.at(-1)
  if (last?.kind !== 'immediate') return {places: operands, immediate: 0}
  return {places: operands.slice(0, -1), immediate: Number(BigInt.asUintN(8, last.value))}
}

/** The lowest `width` bytes of an operand; one element of memory for all where the instruction repeats it. */
export function loadOperand(operand: Operand, width: number, isBroadcast = false): Load {
  switch (operand.kind) {
    case 'vector': {
      const start = operand.register * VECTOR_SIZE
      return (cpu, into) => into.u8.set(cpu.vectors.subarray(start, start + width))
    }
    case 'memory':
      return isBroadcast ? loadRepeated(operand, width) : loadMemory(operand, width)
    case 'general': {
      const at = operand.register * 8
      return (cpu, into) => into.u8.set(cpu.bytes.subarray(at, at + operand.size))
    }
    default:
      throw new TypeError(`an operand without elements: ${operand.kind}`)
  }
}

function loadMemory(operand: Operand & {kind: 'memory'}, width: number): Load {
  const place = placeOf(operand)
  // Some instructions read less than the registers have.
  const size = operand.size > 0 ? Math.min(width, operand.size) : width
  return (cpu, into) => {
    into.u8.set(cpu.memory.read(place(cpu), size))
    if (size < width) into.u8.fill(0, size, width)
  }
}

function loadRepeated(operand: Operand & {kind: 'memory'}, width: number): Load {
  const place = placeOf(operand)
  return (cpu, into) => {
    const element = cpu.memory.read(place(cpu), operand.size)
    for (let at = 0; at < width; at += operand.size) into.u8.set(element, at)
  }
}

/** Which elements are written: those of an opmask register; undefined: all. */
interface Masking {
  readonly register: number
  readonly zeroing: boolean
  /** Bytes of an element. */
  readonly element: number
}

export function maskingOf({mask, zeroing}: DecodedInstruction, element: number): Masking | undefined {
  return mask === 0 ? undefined : {register: mask, zeroing, element}
}

/**
 * Writes `width` bytes. What lies above in a register becomes zero, but for the old encoding, which leaves it (Intel
 * SDM 1, 14.8).
 */
export function storeOperand(
  operand: Operand,
  width: number,
  encoding: DecodedInstruction['encoding'],
  masking?: Masking,
): Store {
  if (operand.kind === 'memory') return storeMemory(operand, width, masking)
  if (operand.kind !== 'vector') throw new TypeError(`an operand without elements: ${operand.kind}`)
  const start = operand.register * VECTOR_SIZE
  const clears = encoding !== 'legacy'
  if (!masking) {
    return (cpu, value) => {
      cpu.vectors.set(value.u8.subarray(0, width), start)
      if (clears) cpu.vectors.fill(0, start + width, start + VECTOR_SIZE)
    }
  }
  const {register, zeroing, element} = masking
  return (cpu, value) => {
    const mask = cpu.masks[register] as bigint
    for (let at = 0, index = 0n; at < width; at += element, index++) {
      if ((mask >> index) & 1n) cpu.vectors.set(value.u8.subarray(at, at + element), start + at)
      else if (zeroing) cpu.vectors.fill(0, start + at, start + at + element)
    }
    cpu.vectors.fill(0, start + width, start + VECTOR_SIZE)
  }
}

function storeMemory(operand: Operand & {kind: 'memory'}, width: number, masking: Masking | undefined): Store {
  const place = placeOf(operand)
  const size = operand.size > 0 ? Math.min(width, operand.size) : width
  if (!masking) return (cpu, value) => cpu.memory.write(place(cpu), value.u8.subarray(0, size))
  const {register, element} = masking
  return (cpu, value) => {
    const mask = cpu.masks[register] as bigint
    const start = place(cpu)
    for (let at = 0, index = 0n; at < size; at += element, index++) {
      if ((mask >> index) & 1n) cpu.memory.write(start + at, value.u8.subarray(at, at + element))
    }
  }
}

/** The widest vector that an instruction names; 16 where it names none. */
export function vectorWidth(operands: readonly Operand[]): number {
  return Math.max(16, ...operands.map(operand => (operand.kind === 'vector' ? operand.size : 0)))
}

/**
 * An operation on whole vectors: the old encoding has its first operand as the first source too. `element` is what
 * masks and broadcasts count by.
 */
export function wholeVectors(operation: VectorOperation, element: number, sourceCount: number) {
  return (instruction: DecodedInstruction): Execute => {
    const {places, immediate} = splitImmediate(instruction.operands)
    const [to, ...rest] = places
    if (!to) throw new TypeError('an operand is needed')
    const sources = rest.length < sourceCount ? [to, ...rest] : rest
    const width = vectorWidth(places)
    const loads = sources.map(source => loadOperand(source, width, instruction.isBroadcast))
    const store = storeOperand(to, width, instruction.encoding, maskingOf(instruction, element))
    const values = sources.map(() => new Vector())
    const out = new Vector()
    return cpu => {
      for (let index = 0; index < loads.length; index++) loads[index]?.(cpu, values[index] as Vector)
      operation(out, values, width, immediate)
      store(cpu, out)
    }
  }
}
