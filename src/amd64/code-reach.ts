import {type Address, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import {type DecodedInstruction, nextAddress} from './instruction.ts'

/** Instructions of one function, tail calls included, that are looked at. */
const INSTRUCTION_LIMIT = 10_000
const LONGEST_INSTRUCTION = 15

/** The code that can run between a function's entry and its return. */
export class CodeReach {
  /** Where instructions start. */
  readonly starts = new Map<Address, DecodedInstruction>()
  /** Where calls end: the return addresses that a frame of this function can show. */
  readonly callEnds = new Set<Address>()
  /** No indirect jump and no limit hid a part of it. */
  readonly isComplete: boolean

  constructor(entry: Address, memory: MemoryReader, decode: (pc: Address) => DecodedInstruction | undefined) {
    const pending: Address[] = [entry]
    let isComplete = true
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      if (this.starts.has(at)) continue
      const instruction = this.starts.size < INSTRUCTION_LIMIT ? decode(at) : undefined
      if (!instruction) {
        isComplete = false
        if (this.starts.size >= INSTRUCTION_LIMIT) break
        continue
      }
      this.starts.set(at, instruction)
      if (instruction.isCall) this.callEnds.add(nextAddress(instruction))
      const followed = successors(instruction, memory)
      if (followed) pending.push(...followed)
      else isComplete = false
    }
    this.isComplete = isComplete
  }

  /** Whether an instruction of the function holds the address. */
  covers(address: Address): boolean {
    for (let back = 0; back < LONGEST_INSTRUCTION && back <= address; back++) {
      const instruction = this.starts.get(toAddress(address - back))
      if (instruction && instruction.length > back) return true
    }
    return false
  }
}

/** undefined where control goes on to a place that is not known. */
function successors(instruction: DecodedInstruction, memory: MemoryReader): readonly Address[] | undefined {
  switch (instruction.flow) {
    case 'next':
      return [nextAddress(instruction)]
    case 'jump':
      return instruction.target === undefined ? undefined : [instruction.target]
    case 'branch':
      return instruction.target === undefined ? undefined : [instruction.target, nextAddress(instruction)]
    case 'tail-jump': {
      const target = instruction.slot === undefined ? undefined : readAddress(memory, instruction.slot)
      return target === undefined ? undefined : [toAddress(target)]
    }
    case 'indirect-jump':
      return undefined
    case 'return':
      return jumpsByReturn(memory, instruction.address) ? undefined : []
    default:
      return []
  }
}

/** `mov %reg,(%rsp)`: REX.W 89 /r, with rsp alone as its base. */
const MOV_TO_RSP_LENGTH = 4

/**
 * A return to what was just put on the stack is an indirect jump: of thunks against speculation (retpolines), of
 * dispatchers that push their target (50 + register).
 */
function jumpsByReturn(memory: MemoryReader, ret: Address): boolean {
  const code = ret < MOV_TO_RSP_LENGTH ? undefined : memory.read(toAddress(ret - MOV_TO_RSP_LENGTH), MOV_TO_RSP_LENGTH)
  if (!code) return false
  const [rex = 0, opcode, modRm = 0, last = 0] = code
  const isMov = (rex === 0x48 || rex === 0x4c) && opcode === 0x89 && modRm < 0x40 && modRm % 8 === 4 && last === 0x24
  return isMov || (last >= 0x50 && last < 0x58)
}
