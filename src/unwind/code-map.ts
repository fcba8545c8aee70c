import {callTarget, directCallTarget, isPrecededByCall} from '../amd64/call-encoding.ts'
import {isSignalRestorer, readSignalFrame} from '../amd64/signal-context.ts'
import {type Address, toAddress} from '../base/address.ts'
import {BoundedCache} from '../base/bounded-cache.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {ModuleLookup} from './cfi-rows.ts'

interface CodeMapInput {
  readonly memory: MemoryReader
  readonly modules: ModuleLookup
  readonly isExecutable?: ((address: Address) => boolean) | undefined
}

/** The loader maps libraries one below the other: the next one is nearer than this, and larger than a step. */
const LIBRARY_REACH = 64 * 1024 * 1024
const LIBRARY_STEP = 64 * 1024
/** Below are numbers, and programs that were linked for a fixed place. */
const LIBRARY_START = 2 ** 32

/** Places in code of which facts are kept. */
const PLACES_KEPT = 10_000

/** Which addresses are code of the process. */
export class CodeMap {
  readonly #input: CodeMapInput
  // A stack that ran over has the same few places a million times.
  readonly #read = new BoundedCache<Address, boolean>(PLACES_KEPT)
  readonly #calls = new BoundedCache<Address, ReturnType<typeof isPrecededByCall>>(PLACES_KEPT)
  readonly #restorers = new BoundedCache<Address, boolean>(PLACES_KEPT)

  constructor(input: CodeMapInput) {
    this.#input = input
  }

  /** Whether an instruction can be at `pc`, or (for a return address) right before it: a call may end its mapping. */
  isCode(pc: Address, exactPc: boolean): boolean {
    const address = exactPc || pc === 0 ? pc : toAddress(pc - 1)
    const {isExecutable, modules} = this.#input
    return isExecutable ? isExecutable(address) : modules.moduleAt(address) !== undefined
  }

  /**
   * Whether `pc`, found right below `cfa` without tables, can be a return address: a call ends there, or it is where a
   * signal handler returns to and the kernel's frame follows. 'unknown' where the code is not at hand. `callee`: where
   * execution was, if that was no code.
   */
  isReturnAddress(pc: Address, cfa: Address, callee?: Address): boolean | 'unknown' {
    if (!this.isCode(pc, false)) return false
    const {memory} = this.#input
    const preceded = this.#calls.of(pc, () => isPrecededByCall(memory, pc))
    if (preceded === true) {
      const target = directCallTarget(memory, pc)
      if (target === undefined || target === callee || this.isCode(target, true)) return true
    }
    if (this.#isRestorer(pc)) return this.isHandlerReturn(pc, cfa)
    return preceded === 'unknown' ? 'unknown' : false
  }

  /** Whether `pc` lies where the libraries of the process do: one may have been there that was unloaded. */
  isAmongModules(pc: Address): boolean {
    const {modules} = this.#input
    if (pc < LIBRARY_START) return false
    for (let distance = 0; distance <= LIBRARY_REACH; distance += LIBRARY_STEP) {
      if (modules.moduleAt(toAddress(pc + distance))) return true
      if (pc > distance && modules.moduleAt(toAddress(pc - distance))) return true
    }
    return false
  }

  /** Whether the instruction at an address is at hand: not where the file of its module is gone. */
  isRead(pc: Address): boolean {
    return this.#read.of(pc, () => this.#input.memory.read(pc, 1) !== undefined)
  }

  #isRestorer(pc: Address): boolean {
    return this.#restorers.of(pc, () => isSignalRestorer(this.#input.memory, pc))
  }

  isSameModule(a: Address, b: Address): boolean {
    const {modules} = this.#input
    const module = modules.moduleAt(a)
    return module !== undefined && module === modules.moduleAt(toAddress(b - 1))
  }

  /** Whether a step leads from code that is not at hand, for the file of its module is gone, into another module. */
  leavesUnread(pc: Address, exactPc: boolean, callerPc: Address | undefined): boolean {
    const at = exactPc || pc === 0 ? pc : toAddress(pc - 1)
    if (callerPc === undefined || this.isRead(at)) return false
    return this.#input.modules.moduleAt(at) !== undefined && !this.isSameModule(at, callerPc)
  }

  /** Whether the call that ends at `returnPc` leads into the module of `callee`, to code that is not at hand. */
  callsUnread(returnPc: Address, callee: Address): boolean {
    const {memory, modules} = this.#input
    const target = callTarget(memory, returnPc)
    const module = target === undefined ? undefined : modules.moduleAt(target)
    if (target === undefined || module === undefined || module !== modules.moduleAt(callee)) return false
    return memory.read(target, 1) === undefined
  }

  /** Whether `pc`, found right below `cfa`, is what a signal handler returns to: the kernel's frame follows it. */
  isHandlerReturn(pc: Address, cfa: Address): boolean {
    const {memory} = this.#input
    // Told first where it costs least: a stack's words are asked for one by one.
    return this.isCode(pc, true) && this.#isRestorer(pc) && readSignalFrame(memory, cfa) !== undefined
  }
}
