import {type Address, toAddress} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {ModuleLookup} from './cfi-rows.ts'
import {directCallTarget, isPrecededByCall} from './return-address.ts'

interface CodeMapInput {
  readonly memory: MemoryReader
  readonly modules: ModuleLookup
  readonly isExecutable?: ((address: Address) => boolean) | undefined
}

/** Which addresses are code of the process. */
export class CodeMap {
  readonly #input: CodeMapInput

  constructor(input: CodeMapInput) {
    this.#input = input
  }

  /** Whether an instruction can be at `pc`, or (for a return address) right before it: a call may end its mapping. */
  isCode(pc: Address, exactPc: boolean): boolean {
    const address = exactPc || pc === 0 ? pc : toAddress(pc - 1)
    const {isExecutable, modules} = this.#input
    return isExecutable ? isExecutable(address) : modules.moduleAt(address) !== undefined
  }

  /** Whether a call ends at `pc`: for words found without tables. 'unknown' where the code is not at hand. */
  isReturnAddress(pc: Address): boolean | 'unknown' {
    if (!this.isCode(pc, false)) return false
    const preceded = isPrecededByCall(this.#input.memory, pc)
    if (preceded !== true) return preceded
    const target = directCallTarget(this.#input.memory, pc)
    return target === undefined || this.isCode(target, true)
  }
}
