import {DWARF_REGISTER} from '../../amd64/registers.ts'
import {USER_REGS} from '../../amd64/user-regs.ts'
import {vectorIn, vectorOfDwarf} from '../../amd64/vector-registers.ts'
import {type Address, addressOfWord, toAddress, type Word} from '../../base/address.ts'
import {GotraceError} from '../../base/errors.ts'
import type {MemoryReader} from '../../base/memory-reader.ts'
import type {CallSite} from '../../dwarf/call-sites.ts'
import {evaluateWord, type LocationContext, registerOfExpression} from '../../dwarf/location.ts'
import {findExpression} from '../../dwarf/location-list.ts'
import type {FunctionScopes} from '../../dwarf/scope-variables.ts'
import type {Unit} from '../../dwarf/unit.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {FrameOrigin} from '../process/frame-origins.ts'
import type {PlaceContext} from './storage.ts'
import type {ThreadLocalBlocks} from './thread-local-blocks.ts'

type Debug = NonNullable<ReturnType<DeadProcess['symbolizer']['debugAt']>>

/** Calls outward that an entry value may be looked for in: `f(x)` in `g` may be what `g` was given. */
const ENTRY_DEPTH_MAX = 16

/** What one frame's variables are found by: its registers as far as they are known, its CFA, its function's DWARF. */
export class FrameContext implements LocationContext, PlaceContext {
  readonly origin: FrameOrigin
  readonly memory: MemoryReader
  readonly loadBias: number
  readonly unit: Unit
  readonly scopes: FunctionScopes
  readonly dwarf: Debug['dwarf']
  readonly #link: Address
  readonly #around: FrameSurroundings
  readonly #depth: number
  readonly #modulePath: string

  private constructor(
    process: DeadProcess,
    origin: FrameOrigin,
    found: Debug & {scopes: FunctionScopes; link: Address},
    around: FrameSurroundings,
  ) {
    this.origin = origin
    this.memory = process.memory
    this.loadBias = origin.lookupPc - found.link
    this.unit = found.scopes.unit
    this.scopes = found.scopes
    this.dwarf = found.dwarf
    this.#link = found.link
    this.#around = around
    this.#modulePath = found.module.path
    this.#depth = around.caller ? around.caller.#depth + 1 : 1
  }

  /** undefined where no DWARF covers the code. */
  static of(process: DeadProcess, origin: FrameOrigin, around: FrameSurroundings): FrameContext | undefined {
    const debug = process.symbolizer.debugAt(origin.lookupPc)
    const link = debug?.module.linkAddress(origin.lookupPc)
    const scopes = debug && link !== undefined ? debug.dwarf.scopesAt(link) : undefined
    if (!debug || link === undefined || !scopes) return undefined
    return new FrameContext(process, origin, {...debug, scopes, link}, around)
  }

  /** Where variables are looked up, as the linker knows it. */
  get linkAddress(): Address {
    return this.#link
  }

  get cfa(): Word | undefined {
    const {cfa} = this.origin
    return cfa === undefined ? undefined : BigInt(cfa)
  }

  register(number: number): Word | undefined {
    const {registers, sp, pc} = this.origin
    if (number === DWARF_REGISTER.rsp) return BigInt(sp)
    if (number === DWARF_REGISTER.rip) return BigInt(pc)
    return registers?.word(number)
  }

  vector(number: number): Uint8Array | undefined {
    const area = this.#around.vectors()
    return area && vectorIn(area, number)
  }

  vectorRegister(number: number): Uint8Array | undefined {
    const vector = vectorOfDwarf(number)
    return vector === undefined ? undefined : this.vector(vector)
  }

  frameBase(): Word | undefined {
    const {frameBase} = this.scopes
    const expression = frameBase && findExpression(frameBase, this.#link)
    // A frame base that is given by itself has no end.
    return expression && evaluateWord(expression, {...this.#bare(), frameBase: () => undefined})
  }

  /** The parts of a context that an expression needs, for one that is a little different. */
  #bare(): LocationContext {
    return {
      unit: this.unit,
      memory: this.memory,
      loadBias: this.loadBias,
      cfa: this.cfa,
      register: number => this.register(number),
      vectorRegister: number => this.vectorRegister(number),
      frameBase: () => this.frameBase(),
      entryValue: expression => this.entryValue(expression),
      threadLocal: offset => this.threadLocal(offset),
    }
  }

  /** What the caller has passed, if its call site says so and the call leads to this function. */
  entryValue(expression: Uint8Array): Word | undefined {
    const {caller} = this.#around
    if (!caller || this.#depth > ENTRY_DEPTH_MAX || caller.origin.sp !== this.origin.cfa) return undefined
    try {
      const site = caller.dwarf.callSiteAt(toAddress(caller.origin.pc - caller.loadBias))
      if (!site || !this.#isCallee(site, caller)) return undefined
      const register = registerOfExpression(expression)
      if (register === undefined) return undefined
      const parameter = site.parameters.find(({location}) => registerOfExpression(location) === register)
      return parameter && evaluateWord(parameter.value, caller)
    } catch (error) {
      if (error instanceof GotraceError) return undefined
      throw error
    }
  }

  /**
   * Whether the call leads here, and not to a function that has left by a jump. What it was given may be anything
   * then.
   */
  #isCallee({callee, target}: CallSite, caller: FrameContext): boolean {
    const own = this.dwarf.functionAt(this.#link)
    if (!own) return false
    if (!callee) {
      const entry = target && evaluateWord(target, caller)
      return entry === BigInt(own.entry + this.loadBias)
    }
    if (callee.linkageName !== undefined && own.linkageName !== undefined) return callee.linkageName === own.linkageName
    return callee.name === own.name
  }

  /** In the block of the module that the function is in. */
  threadLocal(offset: Word): Word | undefined {
    const base = this.#around.thread?.[USER_REGS.fs_base]
    const control = base === undefined ? undefined : addressOfWord(base)
    const block = control === undefined ? undefined : this.#around.blocks.blockOf(this.#modulePath, control)
    return block === undefined ? undefined : BigInt(block) + offset
  }
}

/** What is known around a frame. */
export interface FrameSurroundings {
  /** The frame that called this one; undefined where it is not known to be the one. */
  readonly caller: FrameContext | undefined
  readonly blocks: ThreadLocalBlocks
  /** Registers of the thread that it is on, in the order of user_regs_struct. */
  readonly thread: BigUint64Array | undefined
  /** The area of the vector registers as they were in this frame; undefined where they are not known. */
  readonly vectors: () => Uint8Array | undefined
}
