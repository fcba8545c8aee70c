import {directCallTarget} from '../amd64/call-encoding.ts'
import {CodeReach} from '../amd64/code-reach.ts'
import type {DecodedInstruction} from '../amd64/instruction.ts'
import type {Address} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {CodePlace} from './prologue-rows.ts'

const FUNCTION_CACHE_LIMIT = 256

/**
 * Whether the call before a return address leads to the frame that is said to have been called. Follows a direct call
 * to its target, through a PLT stub to the function that it jumps to, and that function's code.
 */
export class CalleeCheck {
  readonly #memory: MemoryReader
  readonly #decode: (pc: Address) => DecodedInstruction | undefined
  readonly #reaches = new Map<Address, CodeReach>()

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
    return reach.isComplete ? false : 'unknown'
  }

  #reachOf(entry: Address): CodeReach {
    let reach = this.#reaches.get(entry)
    if (!reach) {
      reach = new CodeReach(entry, this.#memory, this.#decode)
      if (this.#reaches.size >= FUNCTION_CACHE_LIMIT) this.#reaches.clear()
      this.#reaches.set(entry, reach)
    }
    return reach
  }
}
