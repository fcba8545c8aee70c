import {createRequire} from 'node:module'
import type {Decoder, Instruction} from 'iced-x86'
import {type Address, addressOfWord, toAddress} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'

type Iced = typeof import('iced-x86')

/** What an instruction does to the registers that say where a frame is. Registers are DWARF numbers. */
export type StackEffect =
  | {readonly kind: 'none'}
  | {readonly kind: 'push'; readonly register: number | undefined}
  | {readonly kind: 'pop'; readonly register: number | undefined}
  /** rsp changes by a constant. */
  | {readonly kind: 'adjust'; readonly delta: number}
  /** register = base + offset, where one of the two is rsp or rbp (mov, lea). */
  | {readonly kind: 'address'; readonly register: number; readonly base: number; readonly offset: number}
  | {readonly kind: 'load'; readonly register: number; readonly base: number; readonly offset: number}
  | {readonly kind: 'leave'}
  /** The register holds something else afterwards. */
  | {readonly kind: 'clobber'; readonly register: number}

/**
 * How control goes on. `tail-jump`: through a fixed slot (PLT, GOT) out of the function. `indirect-jump`: through a register or
 * a table, perhaps into the function itself. `stop`: nothing follows (ud2, hlt, int3).
 */
export type Flow = 'next' | 'return' | 'jump' | 'branch' | 'tail-jump' | 'indirect-jump' | 'stop'

export interface DecodedInstruction {
  readonly address: Address
  readonly length: number
  readonly flow: Flow
  readonly isCall: boolean
  /** Of direct jumps and branches. */
  readonly target: Address | undefined
  /** Of tail jumps: where the target's address is kept. */
  readonly slot: Address | undefined
  readonly effect: StackEffect
}

/** Longest x86 instruction (Intel SDM 2, 2.3.11). */
const LONGEST_INSTRUCTION = 15

/** iced's general registers run in encoding order; DWARF numbers differ in the first eight. */
const ENCODING_TO_DWARF = [0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15] as const

/** Decodes x86-64 by iced-x86, which is loaded at the first question (50 ms): most reports never ask. */
export class Disassembler {
  readonly #memory: MemoryReader
  #iced: Iced | undefined

  constructor(memory: MemoryReader) {
    this.#memory = memory
  }

  #load(): Iced {
    // createRequire reads the CommonJS build: import() would lex a megabyte first.
    this.#iced ??= createRequire(import.meta.url)('iced-x86') as Iced
    return this.#iced
  }

  /** Up to fifteen bytes at `pc`; fewer where memory ends. */
  #bytesAt(pc: Address): Uint8Array | undefined {
    for (let length = LONGEST_INSTRUCTION; length > 0; length--) {
      const bytes = this.#memory.read(pc, length)
      if (bytes) return bytes
    }
    return undefined
  }

  /** Runs `use` on the instruction at `pc`; undefined where there is none. iced's objects live in wasm memory: freed here. */
  #withInstruction<T>(pc: Address, use: (instruction: Instruction, iced: Iced) => T): T | undefined {
    const bytes = this.#bytesAt(pc)
    if (!bytes) return undefined
    const iced = this.#load()
    let decoder: Decoder | undefined
    const instruction = new iced.Instruction()
    try {
      decoder = new iced.Decoder(64, bytes, iced.DecoderOptions.None)
      decoder.ip = BigInt(pc)
      decoder.decodeOut(instruction)
      return instruction.code === iced.Code.INVALID ? undefined : use(instruction, iced)
    } finally {
      instruction.free()
      decoder?.free()
    }
  }

  /** The instruction at `pc`, as far as walking code needs it. */
  decode(pc: Address): DecodedInstruction | undefined {
    return this.#withInstruction(pc, (instruction, iced) => {
      const flow = flowOf(instruction, iced)
      const direct = flow === 'jump' || flow === 'branch'
      return {
        address: pc,
        length: instruction.length,
        flow,
        isCall:
          instruction.flowControl === iced.FlowControl.Call ||
          instruction.flowControl === iced.FlowControl.IndirectCall,
        target: direct ? addressOfWord(instruction.nearBranchTarget) : undefined,
        slot: flow === 'tail-jump' ? addressOfWord(instruction.ipRelMemoryAddress) : undefined,
        effect: effectOf(instruction, iced),
      }
    })
  }
}

function flowOf(instruction: Instruction, iced: Iced): Flow {
  const {FlowControl} = iced
  switch (instruction.flowControl) {
    case FlowControl.Return:
      return 'return'
    case FlowControl.UnconditionalBranch:
      return 'jump'
    case FlowControl.ConditionalBranch:
      return 'branch'
    case FlowControl.IndirectBranch:
      return instruction.isIpRelMemoryOperand ? 'tail-jump' : 'indirect-jump'
    case FlowControl.Interrupt:
    case FlowControl.Exception:
      return 'stop'
    default:
      return 'next'
  }
}

/** DWARF number of a 64-bit general register, or of the one that a narrower name is part of. */
function dwarfRegister(register: number, iced: Iced): number | undefined {
  const full = iced.RegisterExt.fullRegister(register)
  const encoding = full - iced.Register.RAX
  return encoding >= 0 && encoding < ENCODING_TO_DWARF.length ? ENCODING_TO_DWARF[encoding] : undefined
}

function effectOf(instruction: Instruction, iced: Iced): StackEffect {
  const {Mnemonic, OpKind} = iced
  const first = instruction.op0Kind === OpKind.Register ? dwarfRegister(instruction.op0Register, iced) : undefined
  switch (instruction.mnemonic) {
    case Mnemonic.Push:
      return {kind: 'push', register: first}
    case Mnemonic.Pop:
      return {kind: 'pop', register: first}
    case Mnemonic.Leave:
      return {kind: 'leave'}
    case Mnemonic.Call:
      return {kind: 'none'}
    default:
  }
  if (isStackPointer(instruction, iced)) return stackPointerEffect(instruction, iced)
  if (first === undefined) return implicitStackEffect(instruction)
  if (instruction.mnemonic === Mnemonic.Cmp || instruction.mnemonic === Mnemonic.Test) return {kind: 'none'}
  const isWhole = iced.RegisterExt.fullRegister(instruction.op0Register) === instruction.op0Register
  return (isWhole ? addressEffect(instruction, iced, first) : undefined) ?? {kind: 'clobber', register: first}
}

function isStackPointer(instruction: Instruction, iced: Iced): boolean {
  return instruction.op0Kind === iced.OpKind.Register && instruction.op0Register === iced.Register.RSP
}

function implicitStackEffect(instruction: Instruction): StackEffect {
  const delta = instruction.stackPointerIncrement
  return delta === 0 ? {kind: 'none'} : {kind: 'adjust', delta}
}

function stackPointerEffect(instruction: Instruction, iced: Iced): StackEffect {
  const {Mnemonic, OpKind} = iced
  const isImmediate = instruction.op1Kind >= OpKind.Immediate8 && instruction.op1Kind <= OpKind.Immediate32to64
  if (isImmediate && (instruction.mnemonic === Mnemonic.Add || instruction.mnemonic === Mnemonic.Sub)) {
    const amount = Number(BigInt.asIntN(64, BigInt(instruction.immediate(1))))
    return {kind: 'adjust', delta: instruction.mnemonic === Mnemonic.Add ? amount : -amount}
  }
  if (instruction.mnemonic === Mnemonic.Cmp || instruction.mnemonic === Mnemonic.Test) return {kind: 'none'}
  return addressEffect(instruction, iced, 7) ?? {kind: 'clobber', register: 7}
}

/** `mov %rsp,%rbp`, `lea -0x28(%rbp),%rsp`, `mov 0x10(%rsp),%rbx`. */
function addressEffect(instruction: Instruction, iced: Iced, register: number): StackEffect | undefined {
  const {Mnemonic, OpKind, Register} = iced
  const isMove = instruction.mnemonic === Mnemonic.Mov
  if (isMove && instruction.op1Kind === OpKind.Register) {
    const base = dwarfRegister(instruction.op1Register, iced)
    return base === undefined ? undefined : {kind: 'address', register, base, offset: 0}
  }
  const isAddress = instruction.mnemonic === Mnemonic.Lea
  if (!(isMove || isAddress) || instruction.op1Kind !== OpKind.Memory) return undefined
  if (instruction.memoryIndex !== Register.None || instruction.memoryBase === Register.None) return undefined
  const base = dwarfRegister(instruction.memoryBase, iced)
  if (base === undefined) return undefined
  const offset = Number(BigInt.asIntN(64, BigInt(instruction.memoryDisplacement)))
  return {kind: isAddress ? 'address' : 'load', register, base, offset}
}

/** The address that follows an instruction. */
export function nextAddress(instruction: DecodedInstruction): Address {
  return toAddress(instruction.address + instruction.length)
}
