import type {DecodedInstruction, Operand} from '../amd64/decoded-instruction.ts'
import {CallEnd} from './call-end.ts'
import {type Execute, placeOf, readAny, writeAny} from './operands.ts'
import {type Processor, VECTOR_COUNT, VECTOR_SIZE} from './processor.ts'
import {loadOperand, maskingOf, storeOperand, Vector, vectorWidth} from './vector-operands.ts'

type Compile = (instruction: DecodedInstruction) => Execute

/** What must lie at a multiple of its size. */
function requireAligned(operand: Operand, width: number): Execute {
  if (operand.kind !== 'memory') return () => {}
  const place = placeOf(operand)
  return cpu => {
    if (place(cpu) % width !== 0) throw new CallEnd('fault', 'an access that is not aligned')
  }
}

/** Whole registers, or those of an opmask. */
function move(element: number, isAligned: boolean): Compile {
  return instruction => {
    const [to, from] = instruction.operands
    if (!to || !from) throw new TypeError('two operands are needed')
    const width = vectorWidth(instruction.operands)
    const value = new Vector()
    const masking = maskingOf(instruction, element)
    const load = masking && from.kind === 'memory' ? loadMasked(from, width, masking) : loadOperand(from, width)
    const store = storeOperand(to, width, instruction.encoding, masking)
    const checks = isAligned ? [requireAligned(to, width), requireAligned(from, width)] : []
    return cpu => {
      for (const check of checks) check(cpu)
      load(cpu, value)
      store(cpu, value)
    }
  }
}

/** Elements that are masked are not read: they may lie where nothing is mapped. */
function loadMasked(
  operand: Operand & {kind: 'memory'},
  width: number,
  {register, element}: {register: number; element: number},
): (cpu: Processor, into: Vector) => void {
  const place = placeOf(operand)
  return (cpu, into) => {
    const mask = cpu.masks[register] as bigint
    const start = place(cpu)
    for (let at = 0, index = 0n; at < width; at += element, index++) {
      if ((mask >> index) & 1n) into.u8.set(cpu.memory.read(start + at, element), at)
    }
  }
}

/** movd, movq: between a general register or memory and the lowest element; the rest becomes zero. */
function moveElement(size: 4 | 8): Compile {
  return instruction => {
    const [to, from] = instruction.operands
    if (!to || !from) throw new TypeError('two operands are needed')
    if (to.kind === 'vector') {
      const load = loadOperand(from, size)
      const value = new Vector()
      const store = storeOperand(to, 16, instruction.encoding)
      return cpu => {
        value.u8.fill(0, 0, 16)
        load(cpu, value)
        value.u8.fill(0, size, 16)
        store(cpu, value)
      }
    }
    const [load, value, write] = [loadOperand(from, size), new Vector(), writeAny(to, size)]
    return cpu => {
      load(cpu, value)
      write(cpu, size === 8 ? (value.u64[0] as bigint) : BigInt(value.u32[0] as number))
    }
  }
}

/** movss, movsd: from memory the rest becomes zero; between registers it stays, or comes from the second operand. */
function moveScalar(size: 4 | 8): Compile {
  return instruction => {
    const [to, from, last] = instruction.operands
    if (!to || !from) throw new TypeError('two operands are needed')
    if (to.kind === 'memory') {
      const [load, value, store] = [loadOperand(from, size), new Vector(), storeOperand(to, size, instruction.encoding)]
      return cpu => {
        load(cpu, value)
        store(cpu, value)
      }
    }
    if (from.kind === 'memory') return moveElement(size)(instruction)
    return mergeLowest(instruction, last ? from : to, last ?? from, size)
  }
}

function mergeLowest(
  {operands: [to], encoding}: DecodedInstruction,
  rest: Operand,
  from: Operand,
  size: number,
): Execute {
  if (!to) throw new TypeError('an operand is needed')
  const [loadRest, load, store] = [loadOperand(rest, 16), loadOperand(from, size), storeOperand(to, 16, encoding)]
  const value = new Vector()
  return cpu => {
    loadRest(cpu, value)
    load(cpu, value)
    store(cpu, value)
  }
}

/** movlps, movhps, movlpd, movhpd: one half to or from memory; movhlps, movlhps: between registers. */
function moveHalf(target: 0 | 8, source: 0 | 8): Compile {
  return ({operands, encoding}) => {
    const [to, from, last] = operands
    if (!to || !from) throw new TypeError('two operands are needed')
    const value = new Vector()
    const half = new Vector()
    if (to.kind === 'memory') {
      const [load, store] = [loadOperand(from, 16), storeOperand(to, 8, encoding)]
      return cpu => {
        load(cpu, value)
        half.u8.set(value.u8.subarray(target, target + 8))
        store(cpu, half)
      }
    }
    const part = last ?? from
    const loadPart = loadOperand(part, part.kind === 'memory' ? 8 : 16)
    const start = part.kind === 'memory' ? 0 : source
    const [loadRest, store] = [loadOperand(last ? from : to, 16), storeOperand(to, 16, encoding)]
    return cpu => {
      loadRest(cpu, value)
      loadPart(cpu, half)
      value.u8.set(half.u8.subarray(start, start + 8), target)
      store(cpu, value)
    }
  }
}

/** Upper parts of the first 16 registers become zero. */
function clearUpper(kept: number): Execute {
  return cpu => {
    for (let register = 0; register < VECTOR_COUNT / 2; register++) {
      cpu.vectors.fill(0, register * VECTOR_SIZE + kept, (register + 1) * VECTOR_SIZE)
    }
  }
}

/** Rounding to nearest, no flush to zero, all exceptions masked: what alone is emulated. */
const ROUNDING_AND_MASKS = 0xffc0
const USUAL = 0x1f80

function loadControl({operands: [from]}: DecodedInstruction): Execute {
  if (!from) throw new TypeError('an operand is needed')
  const read = readAny(from, 4)
  return cpu => {
    const value = Number(read(cpu))
    if ((value & ROUNDING_AND_MASKS) !== USUAL) throw new CallEnd('instruction', `ldmxcsr of 0x${value.toString(16)}`)
    cpu.mxcsr = value
  }
}

function storeControl({operands: [to]}: DecodedInstruction): Execute {
  if (!to) throw new TypeError('an operand is needed')
  const write = writeAny(to, 4)
  return cpu => write(cpu, BigInt(cpu.mxcsr))
}

const WHOLE_MOVES = {
  movaps: [4, true],
  movapd: [8, true],
  movups: [4, false],
  movupd: [8, false],
  movdqa: [8, true],
  movdqu: [8, false],
  lddqu: [8, false],
  movntdq: [8, true],
  movntdqa: [8, true],
  movntps: [4, true],
  movntpd: [8, true],
  movdqa32: [4, true],
  movdqa64: [8, true],
  movdqu8: [1, false],
  movdqu16: [2, false],
  movdqu32: [4, false],
  movdqu64: [8, false],
} as const

/** The elements that a mask chooses, together at the beginning (VPCOMPRESS). */
function compress(size: number): Compile {
  return instruction => {
    const [to, from] = instruction.operands
    if (!to || !from) throw new TypeError('two operands are needed')
    const {mask, zeroing} = instruction
    const [load, loadOld] = [
      loadOperand(from, from.size),
      to.kind === 'vector' ? loadOperand(to, from.size) : undefined,
    ]
    const [value, out] = [new Vector(), new Vector()]
    return cpu => {
      load(cpu, value)
      loadOld?.(cpu, out)
      let end = 0
      for (let at = 0; at < from.size; at += size) {
        if (mask !== 0 && !(((cpu.masks[mask] as bigint) >> BigInt(at / size)) & 1n)) continue
        out.u8.set(value.u8.subarray(at, at + size), end)
        end += size
      }
      if (zeroing) out.u8.fill(0, end, from.size)
      if (to.kind === 'memory') cpu.memory.write(placeOf(to)(cpu), out.u8.subarray(0, end))
      else storeOperand(to, from.size, 'evex')(cpu, out)
    }
  }
}

export function vectorMoves(): Readonly<Record<string, Compile>> {
  return {
    ...Object.fromEntries(
      Object.entries(WHOLE_MOVES).map(([name, [element, isAligned]]) => [name, move(element, isAligned)]),
    ),
    movd: moveElement(4),
    movq: moveElement(8),
    movss: moveScalar(4),
    movsd: moveScalar(8),
    movlps: moveHalf(0, 8),
    movlpd: moveHalf(0, 8),
    movhps: moveHalf(8, 0),
    movhpd: moveHalf(8, 0),
    movhlps: moveHalf(0, 8),
    movlhps: moveHalf(8, 0),
    zeroupper: () => clearUpper(16),
    zeroall: () => clearUpper(0),
    ldmxcsr: loadControl,
    stmxcsr: storeControl,
    pcompressb: compress(1),
    pcompressw: compress(2),
    pcompressd: compress(4),
    pcompressq: compress(8),
  }
}
