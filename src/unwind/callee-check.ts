import {directCallTarget} from '../amd64/call-encoding.ts'
import {type DecodedInstruction, nextAddress} from '../amd64/instruction.ts'
import {type Address, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import type {CodePlace} from './prologue-rows.ts'

/** Instructions of one function, tail calls included, that are looked at. */
const INSTRUCTION_LIMIT = 10_000
const FUNCTION_CACHE_LIMIT = 256

/** The code that can run between a function's entry and its return. */
interface Reach {
  readonly starts: ReadonlySet<Address>
  /** Where calls end: the return addresses that a frame of this function can show. */
  readonly callEnds: ReadonlySet<Address>
  /** No indirect jump and no limit hid a part of it. */
  readonly complete: boolean
}

/**
 * Whether the call before a return address leads to the frame that is said to have been called. Follows a direct call
 * to its target, through a PLT stub to the function that it jumps to, and that function's code.
 */
export class CalleeCheck {
  readonly #memory: MemoryReader
  readonly #decode: (pc: Address) => DecodedInstruction | undefined
  readonly #reaches = new Map<Address, Reach>()

  constructor(memory: MemoryReader, decode: (pc: Address) => DecodedInstruction | undefined) {
    this.#memory = memory
    this.#decode = decode
  }

  /** 'unknown' for an indirect call, and where an indirect jump hides a part of the callee. */
  callLeadsTo(returnAddress: Address, callee: CodePlace): boolean | 'unknown' {
    const target = directCallTarget(this.#memory, returnAddress)
    if (target === undefined) return 'unknown'
    const reach = this.#reachOf(target)
    if ((callee.exactPc ? reach.starts : reach.callEnds).has(callee.pc)) return true
    return reach.complete ? false : 'unknown'
  }

  #reachOf(entry: Address): Reach {
    let reach = this.#reaches.get(entry)
    if (!reach) {
      reach = this.#walk(entry)
      if (this.#reaches.size >= FUNCTION_CACHE_LIMIT) this.#reaches.clear()
      this.#reaches.set(entry, reach)
    }
    return reach
  }

  #walk(entry: Address): Reach {
    const starts = new Set<Address>()
    const callEnds = new Set<Address>()
    const pending: Address[] = [entry]
    let complete = true
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      if (starts.has(at)) continue
      if (starts.size >= INSTRUCTION_LIMIT) return {starts, callEnds, complete: false}
      const instruction = this.#decode(at)
      if (!instruction) {
        complete = false
        continue
      }
      starts.add(at)
      if (instruction.isCall) callEnds.add(nextAddress(instruction))
      const followed = this.#successors(instruction)
      if (followed) pending.push(...followed)
      else complete = false
    }
    return {starts, callEnds, complete}
  }

  /** undefined where control goes on to a place that is not known. */
  #successors(instruction: DecodedInstruction): readonly Address[] | undefined {
    switch (instruction.flow) {
      case 'next':
        return [nextAddress(instruction)]
      case 'jump':
        return instruction.target === undefined ? undefined : [instruction.target]
      case 'branch':
        return instruction.target === undefined ? undefined : [instruction.target, nextAddress(instruction)]
      case 'tail-jump': {
        const target = instruction.slot === undefined ? undefined : readAddress(this.#memory, instruction.slot)
        return target === undefined ? undefined : [toAddress(target)]
      }
      case 'indirect-jump':
        return undefined
      default:
        return []
    }
  }
}
