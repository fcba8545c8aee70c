import {addressOfWord, type Word} from '../base/address.ts'
import {type MemoryReader, readWord} from '../base/memory-reader.ts'
import {Disassembler, generalRegister, type Iced, type Instruction, isWholeRegister} from './disassembler.ts'
import {DWARF_REGISTER} from './registers.ts'

/** Instructions that are followed; accessors take a handful, with a call or two of others. */
const STEP_LIMIT = 64
const RETURN = 0xfffffffffffffff0n
const SCRATCH_STACK = 0xffffffffff000000n
const TWO_64 = 2n ** 64n
const {rax, rdi, rsp, rbp} = DWARF_REGISTER

/**
 * What a function of the dead process returns for its first argument (System V ABI: rdi), where its code only computes addresses and
 * reads memory: no condition, and no write but to its own stack. undefined for all others.
 */
export function resultOfStraightCode(memory: MemoryReader, entry: Word, argument: Word): Word | undefined {
  const disassembler = new Disassembler(memory)
  const state = new State(memory, argument)
  let pc: Word | undefined = entry
  for (let step = 0; step < STEP_LIMIT && pc !== undefined; step++) {
    if (pc === RETURN) return state.register(rax)
    const address = addressOfWord(pc)
    pc =
      address === undefined
        ? undefined
        : disassembler.decodeAt(address, (instruction, iced) => new Step(state, instruction, iced).next())
  }
  return undefined
}

/** What is known of registers and memory between two instructions. */
class State {
  readonly #memory: MemoryReader
  /** By DWARF number. */
  readonly #registers = new Map<number, Word>()
  readonly #stack = new Map<Word, Word>()

  constructor(memory: MemoryReader, argument: Word) {
    this.#memory = memory
    this.#registers.set(rdi, argument)
    this.#registers.set(rsp, SCRATCH_STACK)
    this.push(RETURN)
  }

  register(number: number | undefined): Word | undefined {
    return number === undefined ? undefined : this.#registers.get(number)
  }

  /** A register that is not known may be copied, not used. */
  assign(number: number, value: Word | undefined): boolean {
    if (value === undefined) this.#registers.delete(number)
    else this.#registers.set(number, value)
    return true
  }

  load(address: Word): Word | undefined {
    if (this.#stack.has(address)) return this.#stack.get(address)
    const at = addressOfWord(address)
    return at === undefined ? undefined : readWord(this.#memory, at)
  }

  /** Only its own stack is written to. */
  store(address: Word, value: Word | undefined): boolean {
    if (address < SCRATCH_STACK - 0x10000n || address >= SCRATCH_STACK + 0x100n) return false
    this.#put(address, value)
    return true
  }

  #put(address: Word, value: Word | undefined): void {
    if (value === undefined) this.#stack.delete(address)
    else this.#stack.set(address, value)
  }

  push(value: Word | undefined): boolean {
    const sp = this.#registers.get(rsp)
    if (sp === undefined) return false
    const below = (sp - 8n + TWO_64) % TWO_64
    this.#put(below, value)
    this.#registers.set(rsp, below)
    return true
  }

  pop(): Word | undefined {
    const sp = this.#registers.get(rsp)
    if (sp === undefined) return undefined
    this.#registers.set(rsp, (sp + 8n) % TWO_64)
    return this.#stack.get(sp)
  }
}

/** One instruction, carried out on a state. */
class Step {
  readonly #state: State
  readonly #instruction: Instruction
  readonly #iced: Iced

  constructor(state: State, instruction: Instruction, iced: Iced) {
    this.#state = state
    this.#instruction = instruction
    this.#iced = iced
  }

  /** Where it goes on; undefined where it does something that is not followed. */
  next(): Word | undefined {
    const {Mnemonic} = this.#iced
    const state = this.#state
    const {mnemonic, nextIP: next} = this.#instruction
    switch (mnemonic) {
      case Mnemonic.Nop:
      case Mnemonic.Endbr64:
        return next
      case Mnemonic.Push:
        return state.push(this.#value(0)) ? next : undefined
      case Mnemonic.Pop:
        return this.#set(0, state.pop()) ? next : undefined
      case Mnemonic.Leave:
        state.assign(rsp, state.register(rbp))
        return state.assign(rbp, state.pop()) ? next : undefined
      case Mnemonic.Mov:
        return this.#set(0, this.#value(1)) ? next : undefined
      case Mnemonic.Lea:
        return this.#set(0, this.#address()) ? next : undefined
      case Mnemonic.Add:
      case Mnemonic.Sub:
        return this.#set(0, this.#sum(mnemonic === Mnemonic.Add ? 1n : -1n)) ? next : undefined
      case Mnemonic.Call:
        return state.push(next) ? this.#target() : undefined
      case Mnemonic.Jmp:
        return this.#target()
      case Mnemonic.Ret:
        return state.pop()
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
      return this.#whole(operand === 0 ? this.#instruction.op0Register : this.#instruction.op1Register)
    }
    const address = kind === OpKind.Memory && this.#isWhole() ? this.#address() : undefined
    return address === undefined ? undefined : this.#state.load(address)
  }

  #whole(register: number): Word | undefined {
    if (!isWholeRegister(register, this.#iced)) return undefined
    return this.#state.register(generalRegister(register, this.#iced))
  }

  #isWhole(): boolean {
    return this.#iced.MemorySizeExt.size(this.#instruction.memorySize) === 8
  }

  #address(): Word | undefined {
    const {Register} = this.#iced
    const {memoryBase, memoryIndex, memoryIndexScale, memoryDisplacement, memorySegment} = this.#instruction
    if (memorySegment === Register.FS || memorySegment === Register.GS) return undefined
    if (this.#instruction.isIpRelMemoryOperand) return this.#instruction.ipRelMemoryAddress
    const base = memoryBase === Register.None ? 0n : this.#whole(memoryBase)
    const index = memoryIndex === Register.None ? 0n : this.#whole(memoryIndex)
    if (base === undefined || index === undefined) return undefined
    return BigInt.asUintN(64, base + index * BigInt(memoryIndexScale) + memoryDisplacement)
  }

  #set(operand: number, value: Word | undefined): boolean {
    const {OpKind, RegisterExt} = this.#iced
    const kind = this.#kind(operand)
    if (kind === OpKind.Register) {
      const register = this.#instruction.op0Register
      const number = generalRegister(register, this.#iced)
      const isHalf = RegisterExt.size(register) === 4
      if (number === undefined || !(isHalf || isWholeRegister(register, this.#iced))) return false
      return this.#state.assign(number, isHalf && value !== undefined ? BigInt.asUintN(32, value) : value)
    }
    const address = kind === OpKind.Memory && this.#isWhole() ? this.#address() : undefined
    return address !== undefined && this.#state.store(address, value)
  }
}
