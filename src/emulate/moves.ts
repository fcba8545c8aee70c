import type {DecodedInstruction, Operand} from '../amd64/decoded-instruction.ts'
import {GENERAL} from '../amd64/registers.ts'
import {
  type Execute,
  effectiveAddress,
  placeOf,
  read32,
  read64,
  readAny,
  write32,
  write64,
  writeAny,
} from './operands.ts'
import type {Processor} from './processor.ts'

type Pair = readonly [Operand, Operand]

function pairOf({operands}: DecodedInstruction): Pair {
  const [to, from] = operands
  if (!to || !from) throw new TypeError('two operands are needed')
  return [to, from]
}

function move(instruction: DecodedInstruction): Execute {
  const [to, from] = pairOf(instruction)
  if (to.size === 8) {
    const [read, write] = [read64(from), write64(to)]
    return cpu => write(cpu, read(cpu))
  }
  const [read, write] = [read32(from, to.size), write32(to, to.size)]
  return cpu => write(cpu, read(cpu))
}

function extendWithZeros(instruction: DecodedInstruction): Execute {
  const [to, from] = pairOf(instruction)
  const read = read32(from, from.size)
  if (to.size !== 8) {
    const write = write32(to, to.size)
    return cpu => write(cpu, read(cpu))
  }
  // The upper half becomes zero by itself.
  const write = write32({...to, size: 4} as Operand, 4)
  return cpu => write(cpu, read(cpu))
}

function extendWithSign(instruction: DecodedInstruction): Execute {
  const [to, from] = pairOf(instruction)
  const bits = from.size * 8
  if (to.size === 8) {
    const [read, write] = [readAny(from, from.size), write64(to)]
    return cpu => write(cpu, BigInt.asUintN(64, BigInt.asIntN(bits, read(cpu))))
  }
  const [read, write] = [read32(from, from.size), write32(to, to.size)]
  const shift = 32 - bits
  return cpu => write(cpu, (read(cpu) << shift) >> shift)
}

function loadAddress(instruction: DecodedInstruction): Execute {
  const [to, from] = pairOf(instruction)
  if (from.kind !== 'memory') throw new TypeError('lea of no memory')
  const read = effectiveAddress(from)
  const write = writeAny(to, to.size)
  if (to.size === 8) return cpu => write(cpu, read(cpu))
  const bits = to.size * 8
  return cpu => write(cpu, BigInt.asUintN(bits, read(cpu)))
}

function exchange(instruction: DecodedInstruction): Execute {
  const [to, from] = pairOf(instruction)
  const {size} = to
  const [left, right, write, writeBack] = [
    readAny(to, size),
    readAny(from, size),
    writeAny(to, size),
    writeAny(from, size),
  ]
  return cpu => {
    const [old, other] = [left(cpu), right(cpu)]
    write(cpu, other)
    writeBack(cpu, old)
  }
}

/** cmov reads in any case, and of 4 bytes clears the upper half in any case (Intel SDM 2, CMOVcc). */
function moveIf(instruction: DecodedInstruction): Execute {
  const [to, from] = pairOf(instruction)
  const {condition} = instruction
  if (!condition) throw new TypeError('no condition')
  const [read, old, write] = [readAny(from, to.size), readAny(to, to.size), writeAny(to, to.size)]
  return cpu => {
    const value = read(cpu)
    write(cpu, cpu.meets(condition) ? value : old(cpu))
  }
}

function setIf({operands: [to], condition}: DecodedInstruction): Execute {
  if (!to || !condition) throw new TypeError('no condition')
  const write = write32(to, 1)
  return cpu => write(cpu, cpu.meets(condition) ? 1 : 0)
}

function push({operands: [from]}: DecodedInstruction): Execute {
  if (!from) throw new TypeError('an operand is needed')
  if (from.size === 2) throw new RangeError('a push of 16 bits')
  const read = read64(from)
  return cpu => cpu.push(read(cpu))
}

function pop({operands: [to]}: DecodedInstruction): Execute {
  if (!to) throw new TypeError('an operand is needed')
  if (to.size === 2) throw new RangeError('a pop of 16 bits')
  const write = write64(to)
  return cpu => write(cpu, cpu.pop())
}

function leave(cpu: Processor): void {
  cpu.general[GENERAL.rsp] = cpu.general[GENERAL.rbp] as bigint
  cpu.general[GENERAL.rbp] = cpu.pop()
}

/** The lower part of rax into the upper, or its sign into rdx (Intel SDM 2, CBW and CWD). */
function spread(size: 2 | 4 | 8): Execute {
  if (size === 8) {
    return cpu => {
      cpu.general[GENERAL.rax] = BigInt.asUintN(64, BigInt.asIntN(32, cpu.general[GENERAL.rax] as bigint))
    }
  }
  if (size === 4) {
    return cpu => {
      cpu.halves[0] = ((cpu.words[0] as number) << 16) >> 16
      cpu.halves[1] = 0
    }
  }
  return cpu => {
    cpu.words[0] = ((cpu.bytes[0] as number) << 24) >> 24
  }
}

function spreadSign(size: 2 | 4 | 8): Execute {
  if (size === 8) {
    return cpu => {
      cpu.general[GENERAL.rdx] = (cpu.general[GENERAL.rax] as bigint) >> 63n ? 0xffffffffffffffffn : 0n
    }
  }
  if (size === 4) {
    return cpu => {
      cpu.halves[GENERAL.rdx * 2] = (cpu.halves[0] as number) >>> 31 ? 0xffffffff : 0
      cpu.halves[GENERAL.rdx * 2 + 1] = 0
    }
  }
  return cpu => {
    cpu.words[GENERAL.rdx * 4] = (cpu.words[0] as number) >>> 15 ? 0xffff : 0
  }
}

function reverseBytes({operands: [to]}: DecodedInstruction): Execute {
  if (!to) throw new TypeError('an operand is needed')
  return reversed(to, to)
}

/** movbe, bswap. */
function reversed(to: Operand, from: Operand): Execute {
  const size = Math.max(to.size, from.size)
  const [read, write] = [readAny(from, size), writeAny(to, size)]
  return cpu => {
    let rest = read(cpu)
    let value = 0n
    for (let index = 0; index < size; index++) {
      value = (value << 8n) | (rest & 0xffn)
      rest >>= 8n
    }
    write(cpu, value)
  }
}

/** The control word of x87 as a process begins with it; no instruction of x87 that calculates is emulated. */
const X87_CONTROL = 0x37f
/** What fnstenv stores then (Intel SDM 1, 8.1.10). */
const X87_ENVIRONMENT = [0xffff0000 + X87_CONTROL, 0xffff0000, 0xffffffff, 0, 0, 0, 0xffff0000] as const

function storeEnvironment({operands: [to]}: DecodedInstruction): Execute {
  if (to?.kind !== 'memory') throw new TypeError('no memory')
  const place = placeOf(to)
  return cpu => {
    const start = place(cpu)
    for (const [index, word] of X87_ENVIRONMENT.entries()) cpu.memory.setU32(start + index * 4, word)
  }
}

/** What is set changes nothing that is emulated. */
function loadEnvironment(size: number, {operands: [from]}: DecodedInstruction): Execute {
  if (from?.kind !== 'memory') throw new TypeError('no memory')
  const place = placeOf(from)
  return cpu => cpu.memory.requireReadable(place(cpu), size)
}

function storeControl({operands: [to]}: DecodedInstruction): Execute {
  if (to?.kind !== 'memory') throw new TypeError('no memory')
  const write = write32(to, 2)
  return cpu => write(cpu, X87_CONTROL)
}

/** xlat: the byte at rbx + al. */
function translate(cpu: Processor): void {
  cpu.bytes[0] = cpu.memory.u8(cpu.address(GENERAL.rbx) + (cpu.bytes[0] as number))
}

const CARRY = 1
const STATUS = 0xd5

export function moves(): Readonly<Record<string, (instruction: DecodedInstruction) => Execute>> {
  return {
    mov: move,
    movnti: move,
    movzx: extendWithZeros,
    movsx: extendWithSign,
    movsxd: extendWithSign,
    lea: loadAddress,
    xchg: exchange,
    cmovcc: moveIf,
    setcc: setIf,
    push,
    pop,
    leave: () => leave,
    cbw: () => spread(2),
    cwde: () => spread(4),
    cdqe: () => spread(8),
    cwd: () => spreadSign(2),
    cdq: () => spreadSign(4),
    cqo: () => spreadSign(8),
    bswap: reverseBytes,
    movbe: instruction => reversed(...pairOf(instruction)),
    xlatb: () => translate,
    fnstenv: storeEnvironment,
    fldenv: instruction => loadEnvironment(28, instruction),
    fnstcw: storeControl,
    fldcw: instruction => loadEnvironment(2, instruction),
    pushfq: () => cpu => cpu.push(BigInt(cpu.flags)),
    popfq: () => cpu => {
      cpu.flags = Number(cpu.pop() & 0xffffn)
    },
    lahf: () => cpu => {
      cpu.bytes[1] = (cpu.flags & STATUS) | 2
    },
    sahf: () => cpu => {
      cpu.flags = (cpu.flags & ~STATUS) | ((cpu.bytes[1] as number) & STATUS)
    },
    clc: () => cpu => {
      cpu.carry = 0
    },
    stc: () => cpu => {
      cpu.carry = CARRY
    },
    cmc: () => cpu => {
      cpu.carry ^= 1
    },
    cld: () => cpu => {
      cpu.direction = 0
    },
    std: () => cpu => {
      cpu.direction = 1
    },
  }
}
