import {type Address, addressOfWord, toAddress} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {Disassembler, type Iced, type Instruction} from './disassembler.ts'
import type {KnownAccesses} from './known-accesses.ts'

/** One instruction that names memory, cut down to what tells a global variable or a field offset. */
export interface CodeAccess {
  /** `address`: lea. `update`: an atomic or in-place read and write. */
  readonly kind: 'load' | 'store' | 'compare' | 'address' | 'update'
  /** Bytes that are touched; 0 for lea. */
  readonly width: number
  /** The RIP-relative address. */
  readonly target: Address | undefined
  /** iced's number of the base register of any other operand; 0 when it has none. */
  readonly base: number
  readonly displacement: number
  /** Relative to the thread pointer. */
  readonly threadLocal: boolean
  /** A lock prefix, which xchg does not need: the operation is atomic. */
  readonly locked: boolean
  /** The register that is loaded, stored or given the address; 0 when an immediate or nothing is. */
  readonly register: number
}

/** Longest piece of one function that is decoded; the largest that we look into (procresize) has about 2 kB. */
const MAX_CODE = 8192
const CODE_CHUNK = 512

/** The memory operands of a function, in code order. */
export function readCodeAccesses(
  memory: MemoryReader,
  {entry, end}: {readonly entry: Address; readonly end: Address},
  known?: KnownAccesses,
): CodeAccess[] {
  const code = readCode(memory, entry, Math.min(end - entry, MAX_CODE))
  const decode = (): CodeAccess[] => {
    const accesses: CodeAccess[] = []
    new Disassembler(memory).decodeAll(code, entry, (instruction, iced) => {
      const access = accessOf(iced, instruction)
      if (access) accesses.push(access)
    })
    return accesses
  }
  return known ? known.of(code, entry, decode) : decode()
}

/** A copy of so many bytes of it, or of as many as can be read. */
function readCode(memory: MemoryReader, entry: Address, size: number): Uint8Array {
  const code = new Uint8Array(Math.max(0, size))
  for (let done = 0; done < size; done += CODE_CHUNK) {
    const chunk = memory.read(toAddress(entry + done), Math.min(CODE_CHUNK, size - done))
    if (!chunk) return code.subarray(0, done)
    code.set(chunk, done)
  }
  return code
}

function accessOf(iced: Iced, instruction: Instruction): CodeAccess | undefined {
  const {OpKind, Mnemonic} = iced
  const memoryIsFirst = instruction.op0Kind === OpKind.Memory
  if (!memoryIsFirst && instruction.op1Kind !== OpKind.Memory) return undefined
  if (instruction.flowControl !== iced.FlowControl.Next) return undefined
  const target = instruction.isIpRelMemoryOperand ? addressOfWord(instruction.ipRelMemoryAddress) : undefined
  const other = memoryIsFirst ? 1 : 0
  const isRegister = instruction.opCount > other && instruction.opKind(other) === OpKind.Register
  return {
    kind: kindOf(Mnemonic, instruction.mnemonic, memoryIsFirst),
    width: instruction.mnemonic === Mnemonic.Lea ? 0 : iced.MemorySizeExt.size(instruction.memorySize),
    target,
    base: target === undefined ? instruction.memoryBase : 0,
    displacement: Number(BigInt.asIntN(64, instruction.memoryDisplacementU64)),
    threadLocal: instruction.memorySegment === iced.Register.FS,
    locked: instruction.hasLockPrefix || instruction.mnemonic === Mnemonic.Xchg,
    register: isRegister ? instruction.opRegister(other) : 0,
  }
}

function kindOf(mnemonics: Iced['Mnemonic'], mnemonic: number, memoryIsFirst: boolean): CodeAccess['kind'] {
  switch (mnemonic) {
    case mnemonics.Lea:
      return 'address'
    case mnemonics.Cmp:
    case mnemonics.Test:
      return 'compare'
    case mnemonics.Mov:
    case mnemonics.Movzx:
    case mnemonics.Movsx:
    case mnemonics.Movsxd:
      return memoryIsFirst ? 'store' : 'load'
    default:
      return memoryIsFirst ? 'update' : 'load'
  }
}
