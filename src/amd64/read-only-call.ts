import {addressOfWord, type Word} from '../base/address.ts'
import {type MemoryReader, readWord} from '../base/memory-reader.ts'
import {Flags} from './arithmetic-flags.ts'
import {Disassembler, generalRegister, type Iced, type Instruction} from './disassembler.ts'
import {DWARF_REGISTER} from './registers.ts'

/** Instructions that are followed; accessors take a handful, with a call or two of others. */
const STEP_LIMIT = 256
const RETURN = 0xfffffffffffffff0n
const SCRATCH_STACK = 0xffffffffff000000n
const TWO_64 = 2n ** 64n
const {rax, rdi, rsp, rbp} = DWARF_REGISTER

/** What a call in the dead process begins with. */
export interface CallStart {
  /** rdi (System V ABI). */
  readonly argument?: Word
  /** Where the thread's own data is. */
  readonly fsBase?: Word | undefined
}

/**
 * What a function of the dead process would return, where on its way it only computes and reads memory that is there,
 * and writes to its own stack alone. undefined for all others.
 */
export function resultOfReadOnlyCall(memory: MemoryReader, entry: Word, start: CallStart): Word | undefined {
  const disassembler = new Disassembler(memory)
  const state = new State(memory, start)
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
  readonly fsBase: Word | undefined
  flags = Flags.UNKNOWN
  readonly #memory: MemoryReader
  /** By DWARF number. */
  readonly #registers = new Map<number, Word>()
  readonly #stack = new Map<Word, Word>()

  constructor(memory: MemoryReader, {argument, fsBase}: CallStart) {
    this.#memory = memory
    this.fsBase = fsBase
    if (argument !== undefined) this.#registers.set(rdi, argument)
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

  load(address: Word, size: number): Word | undefined {
    if (this.#isOwn(address)) return size === 8 ? this.#stack.get(address) : undefined
    const at = addressOfWord(address)
    if (at === undefined) return undefined
    if (size === 8) return readWord(this.#memory, at)
    const bytes = this.#memory.read(at, size)
    return bytes?.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n)
  }

  /** Only its own stack is written to, in whole words. */
  store(address: Word, value: Word | undefined, size: number): boolean {
    if (!this.#isOwn(address) || size !== 8) return false
    this.#put(address, value)
    return true
  }

  #isOwn(address: Word): boolean {
    return address >= SCRATCH_STACK - 0x10000n && address < SCRATCH_STACK + 0x100n
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
      case Mnemonic.Call:
        return state.push(next) ? this.#target() : undefined
      case Mnemonic.Jmp:
        return this.#target()
      case Mnemonic.Ret:
        return state.pop()
    }
    if (this.#instruction.isJccShortOrNear) {
      const isTaken = state.flags.meets(this.#instruction.conditionCode, this.#iced)
      return isTaken === undefined ? undefined : isTaken ? this.#instruction.nearBranchTarget : next
    }
    return this.#move() || this.#compute() ? next : undefined
  }

  #move(): boolean {
    const {Mnemonic} = this.#iced
    const state = this.#state
    switch (this.#instruction.mnemonic) {
      case Mnemonic.Nop:
      case Mnemonic.Endbr64:
        return true
      case Mnemonic.Push:
        return state.push(this.#value(0))
      case Mnemonic.Pop:
        return this.#set(0, state.pop())
      case Mnemonic.Leave:
        state.assign(rsp, state.register(rbp))
        return state.assign(rbp, state.pop())
      case Mnemonic.Mov:
      case Mnemonic.Movzx:
        return this.#set(0, this.#value(1))
      case Mnemonic.Movsx:
      case Mnemonic.Movsxd:
        return this.#set(0, this.#signed(1))
      case Mnemonic.Lea:
        return this.#set(0, this.#address())
      default:
        return false
    }
  }

  /** Arithmetic that sets the flags. */
  #compute(): boolean {
    const operation = arithmetic(this.#instruction.mnemonic, this.#iced)
    if (!operation) return false
    const bits = this.#size(0) * 8
    const [left, right] = [this.#value(0), this.#value(1)]
    const clears = operation.name === 'xor' && left === undefined && this.#isSameRegister()
    if (!clears && (left === undefined || right === undefined)) {
      this.#state.flags = Flags.UNKNOWN
      return !operation.keeps && this.#set(0, undefined)
    }
    const [a, b] = clears ? [0n, 0n] : [left ?? 0n, BigInt.asUintN(bits, right ?? 0n)]
    const result = BigInt.asUintN(bits, operation.of(a, b))
    this.#state.flags = Flags.of(operation.name, a, b, result, bits)
    return operation.keeps || this.#set(0, result)
  }

  #isSameRegister(): boolean {
    const {op0Kind, op1Kind, op0Register, op1Register} = this.#instruction
    const {Register: kind} = this.#iced.OpKind
    return op0Kind === kind && op1Kind === kind && op0Register === op1Register
  }

  #target(): Word | undefined {
    const {OpKind} = this.#iced
    return this.#instruction.op0Kind === OpKind.NearBranch64 ? this.#instruction.nearBranchTarget : this.#value(0)
  }

  #kind(operand: number): number {
    return operand === 0 ? this.#instruction.op0Kind : this.#instruction.op1Kind
  }

  #name(operand: number): number {
    return operand === 0 ? this.#instruction.op0Register : this.#instruction.op1Register
  }

  /** In bytes. */
  #size(operand: number): number {
    const {OpKind, RegisterExt, MemorySizeExt} = this.#iced
    const kind = this.#kind(operand)
    if (kind === OpKind.Register) return RegisterExt.size(this.#name(operand))
    return kind === OpKind.Memory ? MemorySizeExt.size(this.#instruction.memorySize) : 8
  }

  /** An operand, filled up with zeros. */
  #value(operand: number): Word | undefined {
    const {OpKind} = this.#iced
    const kind = this.#kind(operand)
    if (kind >= OpKind.Immediate8 && kind <= OpKind.Immediate32to64) {
      return BigInt.asUintN(64, BigInt(this.#instruction.immediate(operand)))
    }
    if (kind === OpKind.Register) {
      const whole = this.#whole(this.#name(operand))
      return whole === undefined ? undefined : BigInt.asUintN(this.#size(operand) * 8, whole)
    }
    const address = kind === OpKind.Memory ? this.#address() : undefined
    return address === undefined ? undefined : this.#state.load(address, this.#size(operand))
  }

  #signed(operand: number): Word | undefined {
    const value = this.#value(operand)
    return value === undefined ? undefined : BigInt.asUintN(64, BigInt.asIntN(this.#size(operand) * 8, value))
  }

  /** What the register holds that a name is the low part of; ah and its like are none. */
  #whole(register: number): Word | undefined {
    const {Register} = this.#iced
    if (register >= Register.AH && register <= Register.BH) return undefined
    return this.#state.register(generalRegister(register, this.#iced))
  }

  #address(): Word | undefined {
    const {Register} = this.#iced
    const {memoryBase, memoryIndex, memoryIndexScale, memoryDisplacement, memorySegment} = this.#instruction
    if (memorySegment === Register.GS) return undefined
    const segment = memorySegment === Register.FS ? this.#state.fsBase : 0n
    if (this.#instruction.isIpRelMemoryOperand) return this.#instruction.ipRelMemoryAddress
    const base = memoryBase === Register.None ? 0n : this.#whole(memoryBase)
    const index = memoryIndex === Register.None ? 0n : this.#whole(memoryIndex)
    if (base === undefined || index === undefined || segment === undefined) return undefined
    return BigInt.asUintN(64, segment + base + index * BigInt(memoryIndexScale) + memoryDisplacement)
  }

  #set(operand: number, value: Word | undefined): boolean {
    const {OpKind} = this.#iced
    const kind = this.#kind(operand)
    const size = this.#size(operand)
    if (kind === OpKind.Register) {
      const register = this.#name(operand)
      const number = generalRegister(register, this.#iced)
      if (number === undefined) return false
      // A half clears the other half (Intel SDM vol. 1, 3.4.1.1), what is less keeps the rest.
      if (size >= 4) return this.#state.assign(number, value === undefined ? value : BigInt.asUintN(size * 8, value))
      const whole = this.#whole(register)
      if (whole === undefined || value === undefined) return this.#state.assign(number, undefined)
      return this.#state.assign(number, whole - BigInt.asUintN(size * 8, whole) + BigInt.asUintN(size * 8, value))
    }
    const address = kind === OpKind.Memory ? this.#address() : undefined
    return address !== undefined && this.#state.store(address, value, size)
  }
}

interface Arithmetic {
  readonly name: 'add' | 'sub' | 'and' | 'or' | 'xor' | 'shift'
  of(left: Word, right: Word): Word
  /** Only the flags change. */
  readonly keeps?: boolean
}

function arithmetic(mnemonic: number, {Mnemonic}: Iced): Arithmetic | undefined {
  switch (mnemonic) {
    case Mnemonic.Add:
      return {name: 'add', of: (left, right) => left + right}
    case Mnemonic.Sub:
    case Mnemonic.Cmp:
      return {name: 'sub', of: (left, right) => left - right, keeps: mnemonic === Mnemonic.Cmp}
    case Mnemonic.And:
    case Mnemonic.Test:
      return {name: 'and', of: (left, right) => left & right, keeps: mnemonic === Mnemonic.Test}
    case Mnemonic.Or:
      return {name: 'or', of: (left, right) => left | right}
    case Mnemonic.Xor:
      return {name: 'xor', of: (left, right) => left ^ right}
    case Mnemonic.Shl:
      return {name: 'shift', of: (left, right) => left << (right % 64n)}
    case Mnemonic.Shr:
      return {name: 'shift', of: (left, right) => left >> (right % 64n)}
    default:
      return undefined
  }
}
