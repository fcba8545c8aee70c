import {type Address, addressOfWord, toAddress} from '../base/address.ts'
import {type Disassembler, generalRegister, type Iced, type Instruction, isWholeRegister} from './disassembler.ts'
import {DWARF_REGISTER} from './registers.ts'

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
 * How control goes on. `tail-jump`: through a fixed slot (PLT, GOT) out of the function. `indirect-jump`: through a
 * register or a table, perhaps into the function itself. `stop`: nothing follows (ud2, hlt, int3).
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

/** The instruction at `pc`, as far as walking code needs it. */
export function decodeInstruction(disassembler: Disassembler, pc: Address): DecodedInstruction | undefined {
  return disassembler.decodeAt(pc, (instruction, iced) => {
    const flow = flowOf(instruction, iced)
    const {flowControl} = instruction
    const direct = flow === 'jump' || flow === 'branch'
    return {
      address: pc,
      length: instruction.length,
      flow,
      isCall: flowControl === iced.FlowControl.Call || flowControl === iced.FlowControl.IndirectCall,
      target: direct ? addressOfWord(instruction.nearBranchTarget) : undefined,
      slot: flow === 'tail-jump' ? addressOfWord(instruction.ipRelMemoryAddress) : undefined,
      effect: effectOf(instruction, iced),
    }
  })
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

function effectOf(instruction: Instruction, iced: Iced): StackEffect {
  const {Mnemonic, OpKind} = iced
  const first = instruction.op0Kind === OpKind.Register ? generalRegister(instruction.op0Register, iced) : undefined
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
  const isWhole = isWholeRegister(instruction.op0Register, iced)
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
  return addressEffect(instruction, iced, DWARF_REGISTER.rsp) ?? {kind: 'clobber', register: DWARF_REGISTER.rsp}
}

/** `mov %rsp,%rbp`, `lea -0x28(%rbp),%rsp`, `mov 0x10(%rsp),%rbx`. */
function addressEffect(instruction: Instruction, iced: Iced, register: number): StackEffect | undefined {
  const {Mnemonic, OpKind, Register} = iced
  const isMove = instruction.mnemonic === Mnemonic.Mov
  if (isMove && instruction.op1Kind === OpKind.Register) {
    const base = generalRegister(instruction.op1Register, iced)
    return base === undefined ? undefined : {kind: 'address', register, base, offset: 0}
  }
  const isAddress = instruction.mnemonic === Mnemonic.Lea
  if (!(isMove || isAddress) || instruction.op1Kind !== OpKind.Memory) return undefined
  if (instruction.memoryIndex !== Register.None || instruction.memoryBase === Register.None) return undefined
  const base = generalRegister(instruction.memoryBase, iced)
  if (base === undefined) return undefined
  const offset = Number(BigInt.asIntN(64, BigInt(instruction.memoryDisplacement)))
  return {kind: isAddress ? 'address' : 'load', register, base, offset}
}

/** The address that follows an instruction. */
export function nextAddress(instruction: DecodedInstruction): Address {
  return toAddress(instruction.address + instruction.length)
}
