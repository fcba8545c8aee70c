import {type Address, addressOfWord, type Word} from '../base/address.ts'
import {type MemoryReader, readWord} from '../base/memory-reader.ts'
import {decodeCommonFault} from './common-fault.ts'
import {
  Disassembler,
  type Formatter,
  generalRegister,
  type Iced,
  type Instruction,
  type InstructionInfoFactory,
  type UsedMemory,
} from './disassembler.ts'
import {operandAlignment} from './operand-alignment.ts'
import type {RegisterSet} from './register-set.ts'
import {DWARF_REGISTER} from './registers.ts'

/** Memory that an instruction touches, named or not (push, ret, movs). */
export interface MemoryAccess {
  /** AT&T syntax: `0x8(%rax,%rbx,4)`. */
  readonly text: string
  /** undefined where a register that it is made of is not known. */
  readonly address: Word | undefined
  /** Bytes; 0 where the instruction does not fix them (rep movs, xsave). */
  readonly size: number
  readonly writes: boolean
  /** The address has to be a multiple of it, or the processor raises #GP; 1: of nothing. */
  readonly alignment: number
}

/** Where a call, jump or return that goes through a register or memory would have gone. */
export interface IndirectTarget {
  readonly text: string
  readonly target: Word | undefined
}

/** The instruction at a fault, with the addresses that it touched. */
export interface FaultingInstruction {
  /** AT&T syntax, as gdb prints it. */
  readonly text: string
  readonly bytes: Uint8Array
  readonly accesses: readonly MemoryAccess[]
  readonly indirect: IndirectTarget | undefined
  /** The first operand of a division, as printed; undefined for other instructions. */
  readonly divisor: string | undefined
  /** Why the processor refuses it whatever its operands are. */
  readonly refusal: 'invalid' | 'privileged' | 'interrupt' | undefined
}

/** What a thread's registers were, as far as they are known. */
export interface FaultRegisters {
  readonly general: RegisterSet | undefined
  readonly fsBase: Word | undefined
  readonly gsBase: Word | undefined
}

const INVALID_TEXT = '(bad)'

/** Decodes the instruction at `pc`; undefined where memory has no bytes of it. */
export function decodeFault(
  memory: MemoryReader,
  pc: Address,
  registers: FaultRegisters,
): FaultingInstruction | undefined {
  const disassembler = new Disassembler(memory)
  const bytes = disassembler.bytesAt(pc)
  if (!bytes) return undefined
  return decodeCommonFault(bytes, pc, registers) ?? decodeAnyFault(disassembler, bytes, {memory, pc, registers})
}

/** By iced: the same answer for every instruction, but for the time to load it. */
export function decodeAnyFault(
  disassembler: Disassembler,
  bytes: Uint8Array,
  {memory, pc, registers}: {memory: MemoryReader; pc: Address; registers: FaultRegisters},
): FaultingInstruction {
  const decoded = disassembler.decode(bytes, pc, (instruction, iced) => {
    const formatter = new iced.Formatter(iced.FormatterSyntax.Gas)
    const infos = new iced.InstructionInfoFactory()
    try {
      return new Decoding(iced, instruction, formatter, memory, registers).describe(bytes, infos)
    } finally {
      infos.free()
      formatter.free()
    }
  })
  return decoded ?? invalidInstruction(bytes)
}

function invalidInstruction(bytes: Uint8Array): FaultingInstruction {
  return {text: INVALID_TEXT, bytes, accesses: [], indirect: undefined, divisor: undefined, refusal: 'invalid'}
}

/** A scale of 1 as gdb and objdump print it; iced leaves it out. */
function withScale(text: string): string {
  return text.replace(/(\((?:%\w+)?,%\w+)\)/g, '$1,1)')
}

function signed(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`
}

class Decoding {
  readonly #iced: Iced
  readonly #instruction: Instruction
  readonly #formatter: Formatter
  readonly #memory: MemoryReader
  readonly #registers: FaultRegisters

  constructor(
    iced: Iced,
    instruction: Instruction,
    formatter: Formatter,
    memory: MemoryReader,
    registers: FaultRegisters,
  ) {
    this.#iced = iced
    this.#instruction = instruction
    this.#formatter = formatter
    this.#memory = memory
    this.#registers = registers
    formatter.hexPrefix = '0x'
    formatter.hexSuffix = ''
    formatter.uppercaseHex = false
    formatter.smallHexNumbersInDecimal = false
    formatter.spaceAfterOperandSeparator = false
    // Not the absolute address: the operand's address is told beside the text.
    formatter.ripRelativeAddresses = true
    formatter.branchLeadingZeros = false
  }

  describe(bytes: Uint8Array, infos: InstructionInfoFactory): FaultingInstruction {
    const {FlowControl, Mnemonic, OpKind} = this.#iced
    const instruction = this.#instruction
    const {flowControl, mnemonic} = instruction
    const isIndirect = flowControl === FlowControl.IndirectBranch || flowControl === FlowControl.IndirectCall
    const divides = [Mnemonic.Div, Mnemonic.Idiv].includes(mnemonic)
    return {
      text: withScale(this.#formatter.format(instruction)),
      bytes: bytes.subarray(0, instruction.length),
      accesses: this.#accesses(infos),
      indirect:
        flowControl === FlowControl.Return
          ? {text: '(%rsp)', target: this.#wordAt(this.#registers.general?.word(DWARF_REGISTER.rsp))}
          : isIndirect
            ? this.#indirect(instruction.op0Kind === OpKind.Register)
            : undefined,
      divisor: divides ? withScale(this.#formatter.formatOperand(instruction, 0)) : undefined,
      refusal: instruction.isPrivileged
        ? 'privileged'
        : flowControl === FlowControl.Interrupt
          ? 'interrupt'
          : undefined,
    }
  }

  #accesses(infos: InstructionInfoFactory): MemoryAccess[] {
    const {Mnemonic, OpAccess} = this.#iced
    const {mnemonic} = this.#instruction
    if (mnemonic === Mnemonic.Lea || mnemonic === Mnemonic.Nop) return []
    // Behind prefixes: `lock cmpxchg16b`.
    const name = this.#formatter.formatMnemonic(this.#instruction).split(' ').at(-1) ?? ''
    const info = infos.info(this.#instruction)
    try {
      return (info.usedMemory() as UsedMemory[]).map(used => {
        const writes = [OpAccess.Write, OpAccess.CondWrite, OpAccess.ReadWrite, OpAccess.ReadCondWrite].includes(
          used.access,
        )
        const size = this.#iced.MemorySizeExt.size(used.memorySize)
        const address = this.#addressOf(used)
        const access = {
          text: this.#operandText(used),
          address: address === undefined ? undefined : this.#plusBitOffset(address, size),
          size,
          writes,
          alignment: operandAlignment({mnemonic: name, size, isSse: this.#isSse()}),
        }
        used.free()
        return access
      })
    } finally {
      info.free()
    }
  }

  #isSse(): boolean {
    const {EncodingKind, OpKind, Register} = this.#iced
    const {encoding, op0Kind, op0Register, op1Kind, op1Register} = this.#instruction
    const isXmm = (kind: number, register: number): boolean =>
      kind === OpKind.Register && register >= Register.XMM0 && register <= Register.XMM31
    return encoding === EncodingKind.Legacy && (isXmm(op0Kind, op0Register) || isXmm(op1Kind, op1Register))
  }

  /** Of bt and its kin a register's bit number reaches beyond the operand, both ways (Intel SDM 2, BT). */
  #plusBitOffset(address: Word, size: number): Word | undefined {
    const {Mnemonic, OpKind} = this.#iced
    const {mnemonic, op0Kind, op1Kind, op1Register} = this.#instruction
    const tests = [Mnemonic.Bt, Mnemonic.Btc, Mnemonic.Btr, Mnemonic.Bts].includes(mnemonic)
    if (!tests || op0Kind !== OpKind.Memory || op1Kind !== OpKind.Register) return address
    const word = this.#valueOf(op1Register)
    if (word === undefined) return undefined
    const bits = BigInt(size) * 8n
    const number = BigInt.asIntN(size * 8, word)
    const units = (number - BigInt.asUintN(64, ((number % bits) + bits) % bits)) / bits
    return BigInt.asUintN(64, address + units * BigInt(size))
  }

  #operandText({base, index, scale, displacement, segment}: UsedMemory): string {
    const {Register} = this.#iced
    const name = (register: number): string => (register === Register.None ? '' : this.#name(register))
    const isSegmented = segment === Register.FS || segment === Register.GS
    const prefix = isSegmented ? `${name(segment)}:` : ''
    const offset = BigInt.asIntN(64, displacement)
    if (this.#instruction.isIpRelMemoryOperand && displacement === this.#instruction.ipRelMemoryAddress) {
      return `${prefix}${signed(BigInt.asIntN(64, displacement - this.#instruction.nextIP))}(%rip)`
    }
    if (base === Register.None && index === Register.None) return `${prefix}0x${displacement.toString(16)}`
    const shown = offset === 0n ? '' : signed(offset)
    const scaled = index === Register.None ? '' : `,${name(index)},${scale}`
    return `${prefix}${shown}(${name(base)}${scaled})`
  }

  #name(register: number): string {
    const text = this.#formatter.formatRegister(register)
    return text.startsWith('%') ? text : `%${text}`
  }

  #addressOf({base, index, scale, displacement, segment}: UsedMemory): Word | undefined {
    const {Register} = this.#iced
    let sum = displacement
    // iced gives the absolute address as displacement of a RIP-relative operand.
    if (base !== Register.None && base !== Register.RIP) {
      const value = this.#valueOf(base)
      if (value === undefined) return undefined
      sum += value
    }
    if (index !== Register.None) {
      const value = this.#valueOf(index)
      if (value === undefined) return undefined
      sum += value * BigInt(scale)
    }
    if (segment === Register.FS || segment === Register.GS) {
      const {fsBase, gsBase} = this.#registers
      const segmentBase = segment === Register.FS ? fsBase : gsBase
      if (segmentBase === undefined) return undefined
      sum += segmentBase
    }
    return BigInt.asUintN(64, sum)
  }

  /** A general register, or the part of it that a narrower name means; undefined for vectors. */
  #valueOf(register: number): Word | undefined {
    const {RegisterExt} = this.#iced
    const number = generalRegister(register, this.#iced)
    const word = number === undefined ? undefined : this.#registers.general?.word(number)
    return word === undefined ? undefined : BigInt.asUintN(RegisterExt.size(register) * 8, word)
  }

  #indirect(throughRegister: boolean): IndirectTarget {
    const text = withScale(this.#formatter.formatOperand(this.#instruction, 0))
    const {Register} = this.#iced
    if (throughRegister) return {text, target: this.#valueOf(this.#instruction.op0Register)}
    const {memoryBase, memoryIndex, memoryIndexScale, memoryDisplacement, memorySegment} = this.#instruction
    const isRip = memoryBase === Register.RIP
    const slot = this.#addressOf({
      base: memoryBase,
      index: memoryIndex,
      scale: memoryIndexScale,
      displacement: isRip ? this.#instruction.ipRelMemoryAddress : memoryDisplacement,
      segment: memorySegment,
    } as UsedMemory)
    return {text, target: this.#wordAt(slot)}
  }

  #wordAt(address: Word | undefined): Word | undefined {
    const at = address === undefined ? undefined : addressOfWord(address)
    return at === undefined ? undefined : readWord(this.#memory, at)
  }
}
