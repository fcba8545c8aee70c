import type {Address} from '../base/address.ts'
import type {Disassembler, Iced, Instruction} from './disassembler.ts'

/** What an instruction names: registers by the number that instructions have for them (rax 0, rcx 1, … r15 15). */
export type Operand = GeneralOperand | VectorOperand | MaskOperand | MemoryOperand | ImmediateOperand | OtherOperand

export interface GeneralOperand {
  readonly kind: 'general'
  readonly register: number
  /** Bytes. */
  readonly size: 1 | 2 | 4 | 8
  /** ah, ch, dh, bh: the second byte of the register. */
  readonly isHigh: boolean
}

export interface VectorOperand {
  readonly kind: 'vector'
  readonly register: number
  /** Bytes: 16, 32 or 64. */
  readonly size: number
}

/** k0 to k7. */
export interface MaskOperand {
  readonly kind: 'mask'
  readonly register: number
  readonly size: 8
}

export interface MemoryOperand {
  readonly kind: 'memory'
  readonly base: number | undefined
  readonly index: number | undefined
  readonly scale: number
  /** With the pc in it where the place is told from there. */
  readonly displacement: bigint
  readonly segment: 'fs' | 'gs' | undefined
  /** Addresses are cut to 32 bits. */
  readonly isShort: boolean
  /** Bytes; 0: none are read (lea, prefetch). One element where the value is repeated for all. */
  readonly size: number
}

export interface ImmediateOperand {
  readonly kind: 'immediate'
  /** As wide as the operation, with its sign carried on. */
  readonly value: bigint
  readonly size: 0
}

/** Segment registers, far pointers, vectors of addresses. */
export interface OtherOperand {
  readonly kind: 'other'
  readonly size: 0
}

export type Condition =
  | 'o' | 'no' | 'b' | 'ae' | 'e' | 'ne' | 'be' | 'a' | 's' | 'ns' | 'p' | 'np' | 'l' | 'ge' | 'le' | 'g' // biome-ignore format: in the order of their codes

export interface DecodedInstruction {
  readonly pc: Address
  /** Where the one behind it begins. */
  readonly next: Address
  /** Lower case, as the manuals write it; with a condition `jcc`, `setcc`, `cmovcc`. */
  readonly mnemonic: string
  readonly condition: Condition | undefined
  readonly operands: readonly Operand[]
  readonly encoding: 'legacy' | 'vex' | 'evex' | 'other'
  /** Of near jumps and calls that name it. */
  readonly target: Address | undefined
  readonly repeat: 'none' | 'rep' | 'repne'
  /** Opmask register that says which elements are written; 0: all. */
  readonly mask: number
  /** Elements that are not written become zero. */
  readonly zeroing: boolean
  /** The operand in memory is one element, for all. */
  readonly isBroadcast: boolean
  /** Bytes that implied memory operands have (movs, stos, …). */
  readonly memorySize: number
  /** As a disassembler writes it. */
  readonly text: string
}

const CONDITIONS: readonly Condition[] = [
  'o',
  'no',
  'b',
  'ae',
  'e',
  'ne',
  'be',
  'a',
  's',
  'ns',
  'p',
  'np',
  'l',
  'ge',
  'le',
  'g', // biome-ignore format: in the order of their codes
]

/** One instruction in words of our own; undefined where there is none. */
export function decodeWhole(
  disassembler: Disassembler,
  bytes: Uint8Array,
  pc: Address,
): DecodedInstruction | undefined {
  return disassembler.decode(bytes, pc, (instruction, iced) => new Translation(instruction, iced, pc).whole())
}

class Translation {
  readonly #instruction: Instruction
  readonly #iced: Iced
  readonly #pc: Address

  constructor(instruction: Instruction, iced: Iced, pc: Address) {
    this.#instruction = instruction
    this.#iced = iced
    this.#pc = pc
  }

  whole(): DecodedInstruction {
    const instruction = this.#instruction
    const {MemorySizeExt, Register} = this.#iced
    const condition = this.#condition()
    const isBranch = instruction.isJccShortOrNear || instruction.isJmpShortOrNear || instruction.isCallNear
    return {
      pc: this.#pc,
      next: (this.#pc + instruction.length) as Address,
      mnemonic: this.#mnemonic(condition),
      condition,
      operands: Array.from({length: instruction.opCount}, (_, index) => this.#operand(index)),
      encoding: this.#encoding(),
      target: isBranch ? (Number(instruction.nearBranchTarget) as Address) : undefined,
      repeat: instruction.hasRepnePrefix ? 'repne' : instruction.hasRepPrefix ? 'rep' : 'none',
      mask: instruction.opMask === Register.None ? 0 : instruction.opMask - Register.K0,
      zeroing: instruction.zeroingMasking,
      isBroadcast: instruction.isBroadcast,
      memorySize: MemorySizeExt.size(instruction.memorySize),
      text: instruction.toString(),
    }
  }

  #condition(): Condition | undefined {
    const {conditionCode} = this.#instruction
    return conditionCode === this.#iced.ConditionCode.None ? undefined : CONDITIONS[conditionCode - 1]
  }

  #mnemonic(condition: Condition | undefined): string {
    const name = (this.#iced.Mnemonic[this.#instruction.mnemonic] ?? '').toLowerCase()
    return condition === undefined ? name : name.replace(/^(j|set|cmov).*$/, '$1cc')
  }

  #encoding(): DecodedInstruction['encoding'] {
    const {EncodingKind} = this.#iced
    const {encoding} = this.#instruction
    if (encoding === EncodingKind.Legacy) return 'legacy'
    if (encoding === EncodingKind.VEX) return 'vex'
    return encoding === EncodingKind.EVEX ? 'evex' : 'other'
  }

  #operand(index: number): Operand {
    const {OpKind} = this.#iced
    const kind = this.#instruction.opKind(index)
    if (kind === OpKind.Register) return this.#register(this.#instruction.opRegister(index))
    if (kind === OpKind.Memory) return this.#memory()
    if (kind >= OpKind.Immediate8 && kind <= OpKind.Immediate32to64) {
      return {kind: 'immediate', value: this.#instruction.immediate(index), size: 0}
    }
    return {kind: 'other', size: 0}
  }

  #register(register: number): Operand {
    const {Register, RegisterExt} = this.#iced
    if (RegisterExt.isGPR(register)) {
      const size = RegisterExt.size(register) as 1 | 2 | 4 | 8
      const isHigh = register >= Register.AH && register <= Register.BH
      return {kind: 'general', register: RegisterExt.number(RegisterExt.fullRegister(register)), size, isHigh}
    }
    if (RegisterExt.isVectorRegister(register)) {
      return {kind: 'vector', register: RegisterExt.number(register), size: RegisterExt.size(register)}
    }
    if (register >= Register.K0 && register <= Register.K7) {
      return {kind: 'mask', register: register - Register.K0, size: 8}
    }
    return {kind: 'other', size: 0}
  }

  #memory(): Operand {
    const instruction = this.#instruction
    const {Register, RegisterExt, MemorySizeExt} = this.#iced
    const {memoryBase, memoryIndex, memorySegment} = instruction
    if (RegisterExt.isVectorRegister(memoryIndex)) return {kind: 'other', size: 0}
    const isRelative = memoryBase === Register.RIP || memoryBase === Register.EIP
    const numberOf = (register: number) => (register === Register.None ? undefined : RegisterExt.number(register))
    const isShort = [memoryBase, memoryIndex].some(each => each !== Register.None && RegisterExt.size(each) === 4)
    return {
      kind: 'memory',
      base: isRelative ? undefined : numberOf(memoryBase),
      index: numberOf(memoryIndex),
      scale: instruction.memoryIndexScale,
      displacement: BigInt.asIntN(64, instruction.memoryDisplacement),
      segment: memorySegment === Register.FS ? 'fs' : memorySegment === Register.GS ? 'gs' : undefined,
      isShort,
      size: MemorySizeExt.size(instruction.memorySize),
    }
  }
}
