import type {Condition} from '../amd64/decoded-instruction.ts'
import {GENERAL} from '../amd64/registers.ts'
import {type Address, TWO_32} from '../base/address.ts'
import {CallEnd} from './call-end.ts'
import type {EmulatedMemory} from './emulated-memory.ts'

export const VECTOR_COUNT = 32
/** Bytes of a zmm register. */
export const VECTOR_SIZE = 64

/** Bits of rflags (Intel SDM 1, 3.4.3). */
const CARRY = 0x1
const ALWAYS = 0x2
const PARITY = 0x4
const ADJUST = 0x10
const ZERO = 0x40
const SIGN = 0x80
const INTERRUPT = 0x200
const DIRECTION = 0x400
const OVERFLOW = 0x800

const EXACT = 2 ** 52

/** 1: an even number of bits is set in the byte. */
const PARITY_OF = Uint8Array.from({length: 256}, (_, byte) => {
  let bits = byte
  bits ^= bits >> 4
  bits ^= bits >> 2
  bits ^= bits >> 1
  return (bits & 1) ^ 1
})

/** Registers and flags, and the memory that instructions read and write. */
export class Processor {
  readonly memory: EmulatedMemory
  /** By the number that instructions have for them. */
  readonly general = new BigUint64Array(16)
  /** The same, in halves: the lower one of register n at 2n. */
  readonly halves = new Uint32Array(this.general.buffer)
  readonly words = new Uint16Array(this.general.buffer)
  readonly bytes = new Uint8Array(this.general.buffer)
  readonly vectors = new Uint8Array(VECTOR_COUNT * VECTOR_SIZE)
  readonly lanes = new DataView(this.vectors.buffer)
  readonly masks = new BigUint64Array(8)
  /** Floating-point control and status (Intel SDM 1, 10.2.3); as a process begins with it. */
  mxcsr = 0x1f80
  carry = 0
  parity = 0
  adjust = 0
  zero = 0
  sign = 0
  overflow = 0
  direction = 0
  pc = 0
  fsBase = 0
  gsBase = 0

  constructor(memory: EmulatedMemory) {
    this.memory = memory
  }

  get flags(): number {
    let flags = ALWAYS + INTERRUPT
    if (this.carry) flags += CARRY
    if (this.parity) flags += PARITY
    if (this.adjust) flags += ADJUST
    if (this.zero) flags += ZERO
    if (this.sign) flags += SIGN
    if (this.direction) flags += DIRECTION
    if (this.overflow) flags += OVERFLOW
    return flags
  }

  set flags(flags: number) {
    this.carry = flags & CARRY ? 1 : 0
    this.parity = flags & PARITY ? 1 : 0
    this.adjust = flags & ADJUST ? 1 : 0
    this.zero = flags & ZERO ? 1 : 0
    this.sign = flags & SIGN ? 1 : 0
    this.direction = flags & DIRECTION ? 1 : 0
    this.overflow = flags & OVERFLOW ? 1 : 0
  }

  /** Zero, sign and parity of a result of 8, 16 or 32 bits. */
  setResult(result: number, bits: number): void {
    this.zero = result === 0 ? 1 : 0
    this.sign = (result >>> (bits - 1)) & 1
    this.parity = PARITY_OF[result & 0xff] as number
  }

  setResult64(result: bigint): void {
    this.zero = result === 0n ? 1 : 0
    this.sign = result >= 0x8000000000000000n ? 1 : 0
    this.parity = PARITY_OF[Number(result & 0xffn)] as number
  }

  meets(condition: Condition): boolean {
    switch (condition) {
      case 'o':
        return this.overflow === 1
      case 'no':
        return this.overflow === 0
      case 'b':
        return this.carry === 1
      case 'ae':
        return this.carry === 0
      case 'e':
        return this.zero === 1
      case 'ne':
        return this.zero === 0
      case 'be':
        return this.carry === 1 || this.zero === 1
      case 'a':
        return this.carry === 0 && this.zero === 0
      case 's':
        return this.sign === 1
      case 'ns':
        return this.sign === 0
      default:
        return this.#meetsSigned(condition)
    }
  }

  #meetsSigned(condition: Condition): boolean {
    const isLess = this.sign !== this.overflow
    switch (condition) {
      case 'p':
        return this.parity === 1
      case 'np':
        return this.parity === 0
      case 'l':
        return isLess
      case 'ge':
        return !isLess
      case 'le':
        return isLess || this.zero === 1
      default:
        return !isLess && this.zero === 0
    }
  }

  /** A register as a number with sign; rounded past 2^53, so callers look at its size. */
  signed(register: number): number {
    return ((this.halves[register * 2 + 1] as number) | 0) * TWO_32 + (this.halves[register * 2] as number)
  }

  /** A register that holds an address; what cannot be one is nowhere mapped. */
  address(register: number): number {
    return (this.halves[register * 2 + 1] as number) * TWO_32 + (this.halves[register * 2] as number)
  }

  setAddress(register: number, value: number): void {
    this.halves[register * 2] = value % TWO_32
    this.halves[register * 2 + 1] = Math.floor(value / TWO_32)
  }

  /** base + index * scale + displacement, in 64 bits. */
  effective(base: number | undefined, index: number | undefined, scale: number, displacement: number): number {
    const first = base === undefined ? 0 : this.signed(base)
    const second = index === undefined ? 0 : this.signed(index)
    if (Math.abs(first) < EXACT && Math.abs(second) < EXACT / 16) return first + second * scale + displacement
    const one = base === undefined ? 0n : (this.general[base] as bigint)
    const other = index === undefined ? 0n : (this.general[index] as bigint)
    return Number(BigInt.asIntN(64, one + other * BigInt(scale) + BigInt(displacement)))
  }

  push(value: bigint): void {
    const sp = this.address(GENERAL.rsp) - 8
    this.memory.setU64(sp, value)
    this.setAddress(GENERAL.rsp, sp)
  }

  pop(): bigint {
    const sp = this.address(GENERAL.rsp)
    const value = this.memory.u64(sp)
    this.setAddress(GENERAL.rsp, sp + 8)
    return value
  }

  /** @throws CallEnd unmapped where the word is no address */
  jump(target: bigint): void {
    const pc = Number(target)
    if (!(pc < 2 ** 47)) throw new CallEnd('unmapped', `it jumped to 0x${target.toString(16)}`)
    this.pc = pc as Address
  }
}
