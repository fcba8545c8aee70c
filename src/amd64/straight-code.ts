import {createRequire} from 'node:module'
import type {Decoder, Instruction} from 'iced-x86'
import {addressOfWord, toAddress, type Word} from '../base/address.ts'
import {type MemoryReader, readWord} from '../base/memory-reader.ts'

type Iced = typeof import('iced-x86')

/** Instructions that are followed; accessors take a handful, with a call or two of others. */
const STEP_LIMIT = 64
const LONGEST_INSTRUCTION = 15
const RETURN = 0xfffffffffffffff0n
const SCRATCH_STACK = 0xffffffffff000000n
const TWO_64 = 2n ** 64n

/**
 * What a function of the dead process returns for its first argument (System V ABI: rdi), where its code only computes addresses and
 * reads memory: no condition, and no write but to its own stack. undefined for all others.
 */
export function resultOfStraightCode(memory: MemoryReader, entry: Word, argument: Word): Word | undefined {
  const iced = createRequire(import.meta.url)('iced-x86') as Iced
  const instruction = new iced.Instruction()
  try {
    return new StraightCode(memory, iced, instruction, argument).run(entry)
  } finally {
    // iced's objects live in the memory of its wasm module.
    instruction.free()
  }
}

class StraightCode {
  readonly #memory: MemoryReader
  readonly #iced: Iced
  readonly #instruction: Instruction
  /** By iced's number of the 64-bit register. */
  readonly #registers = new Map<number, Word>()
  readonly #stack = new Map<Word, Word>()

  constructor(memory: MemoryReader, iced: Iced, instruction: Instruction, argument: Word) {
    this.#memory = memory
    this.#iced = iced
    this.#instruction = instruction
    this.#registers.set(iced.Register.RDI, argument)
    this.#registers.set(iced.Register.RSP, SCRATCH_STACK)
    this.#push(RETURN)
  }

  run(entry: Word): Word | undefined {
    let pc: Word | undefined = entry
    for (let step = 0; step < STEP_LIMIT && pc !== undefined; step++) {
      if (pc === RETURN) return this.#registers.get(this.#iced.Register.RAX)
      pc = this.#decode(pc) ? this.#step() : undefined
    }
    return undefined
  }

  #decode(pc: Word): boolean {
    const address = addressOfWord(pc)
    if (address === undefined) return false
    let bytes: Uint8Array | undefined
    for (let length = LONGEST_INSTRUCTION; length > 0 && !bytes; length--) bytes = this.#memory.read(address, length)
    if (!bytes) return false
    const decoder: Decoder = new this.#iced.Decoder(64, bytes, this.#iced.DecoderOptions.None)
    decoder.ip = pc
    decoder.decodeOut(this.#instruction)
    decoder.free()
    return this.#instruction.code !== this.#iced.Code.INVALID
  }

  /** Where it goes on; undefined where it does something that is not followed. */
  #step(): Word | undefined {
    const {Mnemonic, Register} = this.#iced
    const instruction = this.#instruction
    const next = instruction.nextIP
    switch (instruction.mnemonic) {
      case Mnemonic.Nop:
      case Mnemonic.Endbr64:
        return next
      case Mnemonic.Push:
        return this.#push(this.#value(0)) ? next : undefined
      case Mnemonic.Pop:
        return this.#set(0, this.#pop()) ? next : undefined
      case Mnemonic.Leave:
        this.#assign(Register.RSP, this.#registers.get(Register.RBP))
        return this.#assign(Register.RBP, this.#pop()) ? next : undefined
      case Mnemonic.Mov:
        return this.#set(0, this.#value(1)) ? next : undefined
      case Mnemonic.Lea:
        return this.#set(0, this.#address()) ? next : undefined
      case Mnemonic.Add:
      case Mnemonic.Sub:
        return this.#set(0, this.#sum(instruction.mnemonic === Mnemonic.Add ? 1n : -1n)) ? next : undefined
      case Mnemonic.Call:
        return this.#push(next) ? this.#target() : undefined
      case Mnemonic.Jmp:
        return this.#target()
      case Mnemonic.Ret:
        return this.#pop()
      default:
        return undefined
    }
  }

  #target(): Word | undefined {
    const {OpKind} = this.#iced
    return this.#instruction.op0Kind === OpKind.NearBranch64 ? this.#instruction.nearBranchTarget : this.#value(0)
  }

  #sum(sign: bigint): Word | undefined {
    const [left, right] = [this.#value(0), this.#value(1)]
    return left === undefined || right === undefined ? undefined : BigInt.asUintN(64, left + sign * right)
  }

  #kind(operand: number): number {
    return operand === 0 ? this.#instruction.op0Kind : this.#instruction.op1Kind
  }

  /** 64 bits of an operand; a narrower one is not followed, but for immediates and what clears the upper half. */
  #value(operand: number): Word | undefined {
    const {OpKind} = this.#iced
    const kind = this.#kind(operand)
    if (kind >= OpKind.Immediate8 && kind <= OpKind.Immediate32to64) {
      return BigInt.asUintN(64, BigInt(this.#instruction.immediate(operand)))
    }
    if (kind === OpKind.Register) {
      return this.#registers.get(operand === 0 ? this.#instruction.op0Register : this.#instruction.op1Register)
    }
    const address = kind === OpKind.Memory && this.#isWhole() ? this.#address() : undefined
    return address === undefined ? undefined : this.#load(address)
  }

  #isWhole(): boolean {
    return this.#iced.MemorySizeExt.size(this.#instruction.memorySize) === 8
  }

  #load(address: Word): Word | undefined {
    if (this.#stack.has(address)) return this.#stack.get(address)
    const at = addressOfWord(address)
    return at === undefined ? undefined : readWord(this.#memory, toAddress(at))
  }

  #address(): Word | undefined {
    const {Register} = this.#iced
    const {memoryBase, memoryIndex, memoryIndexScale, memoryDisplacement, memorySegment} = this.#instruction
    if (memorySegment === Register.FS || memorySegment === Register.GS) return undefined
    if (this.#instruction.isIpRelMemoryOperand) return this.#instruction.ipRelMemoryAddress
    const base = memoryBase === Register.None ? 0n : this.#registers.get(memoryBase)
    const index = memoryIndex === Register.None ? 0n : this.#registers.get(memoryIndex)
    if (base === undefined || index === undefined) return undefined
    return BigInt.asUintN(64, base + index * BigInt(memoryIndexScale) + memoryDisplacement)
  }

  #set(operand: number, value: Word | undefined): boolean {
    const {OpKind, RegisterExt} = this.#iced
    const kind = this.#kind(operand)
    if (kind === OpKind.Register) {
      const register = this.#instruction.op0Register
      const full = RegisterExt.fullRegister(register)
      const isHalf = RegisterExt.size(register) === 4
      if (register !== full && !isHalf) return false
      return this.#assign(full, isHalf && value !== undefined ? BigInt.asUintN(32, value) : value)
    }
    const address = kind === OpKind.Memory && this.#isWhole() ? this.#address() : undefined
    // Only its own stack is written to.
    if (address === undefined || address < SCRATCH_STACK - 0x10000n || address >= SCRATCH_STACK + 0x100n) return false
    this.#put(address, value)
    return true
  }

  #put(address: Word, value: Word | undefined): void {
    if (value === undefined) this.#stack.delete(address)
    else this.#stack.set(address, value)
  }

  /** A register that is not known may be copied, not used. */
  #assign(register: number, value: Word | undefined): boolean {
    if (value === undefined) this.#registers.delete(register)
    else this.#registers.set(register, value)
    return true
  }

  #push(value: Word | undefined): boolean {
    const {RSP} = this.#iced.Register
    const sp = this.#registers.get(RSP)
    if (sp === undefined) return false
    const below = (sp - 8n + TWO_64) % TWO_64
    this.#put(below, value)
    this.#registers.set(RSP, below)
    return true
  }

  #pop(): Word | undefined {
    const {RSP} = this.#iced.Register
    const sp = this.#registers.get(RSP)
    if (sp === undefined) return undefined
    this.#registers.set(RSP, (sp + 8n) % TWO_64)
    return this.#stack.get(sp)
  }
}
