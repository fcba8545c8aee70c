import type {DecodedInstruction} from '../amd64/decoded-instruction.ts'
import {binaryOperations} from './integer-elements.ts'
import type {Execute} from './operands.ts'
import {loadOperand, Vector, type VectorOperation, wholeVectors} from './vector-operands.ts'

/** Absolute values: one source. */
function absolute(kind: 'i8' | 'i16' | 'i32'): VectorOperation {
  return (out, [from], width) => {
    if (!from) return
    const count = width / out[kind].BYTES_PER_ELEMENT
    for (let index = 0; index < count; index++) out[kind][index] = Math.abs(from[kind][index] as number)
  }
}

type ShiftName = 'll' | 'rl' | 'ra'

/** Counts of the width and more leave nothing, or the sign. */
function shiftElement(name: ShiftName, value: bigint, count: bigint, bits: number): bigint {
  const width = BigInt(bits)
  if (name === 'ra') return BigInt.asIntN(bits, value) >> (count < width ? count : width - 1n)
  if (count >= width) return 0n
  return name === 'll' ? value << count : value >> count
}

function shiftAll(name: ShiftName, value: Vector, out: Vector, size: number, width: number, count: bigint): void {
  for (let index = 0; index < width / size; index++)
    setElement(out, size, index, shiftElement(name, getElement(value, size, index), count, size * 8))
}

export function getElement(value: Vector, size: number, index: number): bigint {
  if (size === 8) return value.u64[index] as bigint
  if (size === 4) return BigInt(value.u32[index] as number)
  return BigInt((size === 2 ? value.u16[index] : value.u8[index]) as number)
}

export function setElement(out: Vector, size: number, index: number, value: bigint): void {
  if (size === 8) out.u64[index] = BigInt.asUintN(64, value)
  else if (size === 4) out.u32[index] = Number(BigInt.asUintN(32, value))
  else if (size === 2) out.u16[index] = Number(BigInt.asUintN(16, value))
  else out.u8[index] = Number(BigInt.asUintN(8, value))
}

/** psll, psrl, psra: by an immediate, or by the lowest 64 bits of the last source. */
function shift(name: ShiftName, size: number) {
  const byVector = wholeVectors(
    (out, [value, count], width) => {
      if (value && count) shiftAll(name, value, out, size, width, count.u64[0] as bigint)
    },
    size,
    2,
  )
  const byImmediate = wholeVectors(
    (out, [value], width, immediate) => {
      if (value) shiftAll(name, value, out, size, width, BigInt(immediate))
    },
    size,
    1,
  )
  return (instruction: DecodedInstruction): Execute =>
    instruction.operands.at(-1)?.kind === 'immediate' ? byImmediate(instruction) : byVector(instruction)
}

function shiftEach(name: ShiftName, size: number) {
  return wholeVectors(
    (out, [value, count], width) => {
      if (!value || !count) return
      for (let index = 0; index < width / size; index++) {
        const by = getElement(count, size, index)
        setElement(out, size, index, shiftElement(name, getElement(value, size, index), by, size * 8))
      }
    },
    size,
    2,
  )
}

/** Whole bytes, in each 128 bits. */
function shiftBytes(isLeft: boolean) {
  return wholeVectors(
    (out, [value], width, immediate) => {
      if (!value) return
      const count = Math.min(16, immediate)
      out.u8.fill(0, 0, width)
      for (let lane = 0; lane < width; lane += 16) {
        const kept = isLeft ? value.u8.subarray(lane, lane + 16 - count) : value.u8.subarray(lane + count, lane + 16)
        out.u8.set(kept, isLeft ? lane + count : lane)
      }
    },
    1,
    1,
  )
}

/** Each bit by a table of the bits of three operands (AVX-512, VPTERNLOG). */
function ternary(element: number) {
  return (instruction: DecodedInstruction): Execute => {
    const {operands} = instruction
    const [to] = operands
    if (!to) throw new TypeError('an operand is needed')
    const width = to.size
    const [old, load] = [new Vector(), loadOperand(to, width)]
    const execute = wholeVectors(
      (out, [left, right], _, table) => {
        if (!left || !right) return
        for (let index = 0; index < width / 8; index++) {
          out.u64[index] = tabled(
            old.u64[index] as bigint,
            left.u64[index] as bigint,
            right.u64[index] as bigint,
            table,
          )
        }
      },
      element,
      2,
    )(instruction)
    return cpu => {
      load(cpu, old)
      execute(cpu)
    }
  }
}

function tabled(a: bigint, b: bigint, c: bigint, table: number): bigint {
  let result = 0n
  for (let row = 0; row < 8; row++) {
    if (!((table >> row) & 1)) continue
    result |= (row & 4 ? a : ~a) & (row & 2 ? b : ~b) & (row & 1 ? c : ~c)
  }
  return BigInt.asUintN(64, result)
}

type Compile = (instruction: DecodedInstruction) => Execute

const SHIFT_WIDTHS = {w: 2, d: 4, q: 8} as const

function* shiftNames(): Generator<[string, Compile]> {
  for (const name of ['ll', 'rl', 'ra'] as const) {
    for (const [suffix, size] of Object.entries(SHIFT_WIDTHS)) {
      yield [`ps${name}${suffix}`, shift(name, size)]
      yield [`ps${name}v${suffix}`, shiftEach(name, size)]
    }
  }
}

export function vectorIntegers(): Readonly<Record<string, Compile>> {
  return {
    ...Object.fromEntries(
      Array.from(binaryOperations(), ({name, element, operation}) => [name, wholeVectors(operation, element, 2)]),
    ),
    ...Object.fromEntries(shiftNames()),
    pslldq: shiftBytes(true),
    psrldq: shiftBytes(false),
    pabsb: wholeVectors(absolute('i8'), 1, 1),
    pabsw: wholeVectors(absolute('i16'), 2, 1),
    pabsd: wholeVectors(absolute('i32'), 4, 1),
    pternlogd: ternary(4),
    pternlogq: ternary(8),
  }
}
