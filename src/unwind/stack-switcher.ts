import {directCallTarget} from '../amd64/call-encoding.ts'
import {RegisterSet} from '../amd64/register-set.ts'
import {DWARF_REGISTER} from '../amd64/registers.ts'
import {type Address, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import type {GoFunction} from '../gosym/go-function.ts'
import type {GoVersion} from '../gosym/version.ts'
import {type Callback, isPlantedCaller, readCallbacks, STACK_ENTRIES} from './callback-chain.ts'
import {asmcgocallBase, leaveAsmcgocall} from './stack-switch.ts'
import {findCallerOfScheduler} from './thread-start.ts'
import type {ForeignStacks, StackKind, StackSwitches} from './unwind-frame.ts'
import type {Departure, Position} from './unwinder.ts'

/** What morestack calls where the stack is not a goroutine's (runtime·morestack, asm_amd64.s). */
const REFUSALS: ReadonlySet<string> = new Set([
  'runtime.badmorestackg0',
  'runtime.badmorestackgsignal',
  'runtime.abort',
])

/** Follows calls from a system stack to the goroutine, and between system stacks, during one walk. */
export class StackSwitcher {
  readonly #memory: MemoryReader
  readonly #version: GoVersion
  readonly #switches: StackSwitches | undefined
  readonly #functionAt: (pc: Address) => GoFunction | undefined
  readonly #others: readonly ForeignSwitcher[]

  constructor(
    memory: MemoryReader,
    version: GoVersion,
    switches: StackSwitches | undefined,
    functionAt: (pc: Address) => GoFunction | undefined,
  ) {
    this.#functionAt = functionAt
    this.#memory = memory
    this.#version = version
    this.#switches = switches
    this.#others = (switches?.others ?? []).map(other => new ForeignSwitcher(memory, other))
  }

  /**
   * Which stack holds `sp`. g0's bounds are an estimate on threads that C created; beyond them the stack is "native".
   */
  stackOf(sp: Address): StackKind {
    const {g, g0} = this.#switches ?? {}
    if (this.signalStackOf(sp) !== undefined) return 'gsignal'
    if (this.#isOn(g, sp)) return 'goroutine'
    if (this.#isOn(g0, sp)) return 'g0'
    return this.#others.length === 0 ? 'native' : this.#foreignStackOf(sp)
  }

  #foreignStackOf(sp: Address): StackKind {
    return this.#others.map(other => other.stackOf(sp)).find(kind => kind !== 'native') ?? 'native'
  }

  /** Where the signal stack begins that holds `sp`. */
  signalStackOf(sp: Address): Address | undefined {
    const {gsignal} = this.#switches ?? {}
    if (gsignal && sp >= gsignal.stackLo && sp < gsignal.stackHi) return gsignal.stackLo
    // Asked three times a frame: nothing is made for the usual process, which has one runtime.
    return this.#others.length === 0 ? undefined : this.#foreignSignalStackOf(sp)
  }

  #foreignSignalStackOf(sp: Address): Address | undefined {
    return this.#others.map(other => other.signalStackOf(sp)).find(found => found !== undefined)
  }

  #isOn(stack: {stackLo: Address; stackHi: Address} | undefined, sp: Address): boolean {
    return stack !== undefined && sp >= stack.stackLo && sp <= stack.stackHi
  }

  /** sigtramp is a top of stack for the runtime; below it is the kernel's signal frame. */
  isSignalTrampoline(code: GoFunction): boolean {
    return code.name === 'runtime.sigtramp' || code.name === 'runtime.cgoSigtramp'
  }

  /** Leaves a function that switches stacks; undefined where it is to be left by its row. */
  leave(code: GoFunction, cfa: Address, position: Position): Departure | undefined {
    const {sp} = position.registers
    if (sp === undefined) return undefined
    const other = this.#others.find(each => each.owns(code))
    if (other) return other.leave(code, cfa, position)
    if (code.funcID === 'asmcgocall') return this.#leaveAsmcgocall(sp, cfa)
    if (code.name === 'runtime.switchToCrashStack0') return this.#leaveCrashStack(position, cfa)
    if (code.funcID === 'morestack' && this.#isRefused(position)) return this.#leaveRefusedMorestack(position, cfa)
    if (!this.#switches) return undefined
    const onGoroutine = this.#isOn(this.#switches.g, sp)
    const isEntry = code.funcID === 'systemstack' || code.funcID === 'morestack' || code.funcID === 'mcall'
    if (isEntry && !onGoroutine && !this.#stayed(code, cfa)) {
      if (code.funcID === 'systemstack') return this.#leaveSystemstack(code, position, cfa)
      return this.#resume(cfa) ?? this.#leaveScheduler(sp, cfa)
    }
    return this.#leaveVdso(position, cfa)
  }

  /**
   * Up to 1.9 systemstack calls its function where it is on a system stack already, and is returned to; from a
   * goroutine it plants mstart as its caller up to 1.16 (runtime·systemstack, asm_amd64.s).
   */
  #stayed({funcID}: GoFunction, cfa: Address): boolean {
    if (funcID !== 'systemstack' || this.#version.atLeast(10)) return false
    const caller = readAddress(this.#memory, toAddress(cfa - 8))
    return caller !== undefined && this.#functionAt(caller)?.funcID !== 'mstart'
  }

  #leaveAsmcgocall(base: Address, cfa: Address): Departure {
    const g = this.#switches?.g
    const side = leaveAsmcgocall({memory: this.#memory, version: this.#version, base, g})
    if (!side) return {cfa, next: 'end-of-stack'}
    return {cfa: side.cfa, next: {registers: side.caller, foundBy: 'stack-switch', exactPc: false}}
  }

  /**
   * Where the outermost frame of a stack is C code that nothing on that stack has called, a coroutine's: asmcgocall's
   * frame below which C had switched to it. undefined where the walk has ended on the thread's own stack, for want of
   * tables.
   */
  leaveCoroutine(sp: Address): Position | undefined {
    return this.#leaveOwnCoroutine(sp) ?? this.#others.map(other => other.leaveCoroutine(sp)).find(found => found)
  }

  #leaveOwnCoroutine(sp: Address): Position | undefined {
    const {g, g0} = this.#switches ?? {}
    if (!g || !g0) return undefined
    const base = asmcgocallBase(this.#version, g0.schedSp)
    if (sp < base && this.#isOn(g0, sp) && this.#isOn(g0, base)) return undefined
    const pc = base < 8 ? undefined : readAddress(this.#memory, toAddress(base - 8))
    if (pc === undefined || this.#functionAt(pc)?.funcID !== 'asmcgocall') return undefined
    const side = leaveAsmcgocall({memory: this.#memory, version: this.#version, base, g})
    if (!side || side.sameStack) return undefined
    return {registers: RegisterSet.ofPosition(pc, base), foundBy: 'stack-switch', exactPc: false}
  }

  /**
   * The goroutine called systemstack at its saved SP, where systemstack's own frame lies too (none up to 1.20, rbp from
   * 1.21).
   */
  #leaveSystemstack(code: GoFunction, position: Position, cfa: Address): Departure | undefined {
    const g = this.#switches?.g
    const {pc} = position.registers
    if (!g || pc === undefined || !this.#isOn(g, g.schedSp)) return {cfa, next: 'end-of-stack'}
    const frameSize = code.spDelta(pc) ?? 0
    const callerPc = readAddress(this.#memory, toAddress(g.schedSp + frameSize))
    if (callerPc === undefined) return {cfa, next: 'unmapped'}
    const bp = frameSize > 0 ? readAddress(this.#memory, toAddress(g.schedSp + frameSize - 8)) : undefined
    const registers = RegisterSet.ofPosition(callerPc, toAddress(g.schedSp + frameSize + 8), bp)
    return {cfa, next: {registers, foundBy: 'stack-switch', exactPc: false}}
  }

  /** morestack and mcall leave the goroutine at its saved position; undefined where there is none any more. */
  #resume(cfa: Address): Departure | undefined {
    const g = this.#switches?.g
    if (!g || !this.#isOn(g, g.schedSp) || g.schedPc === 0) return undefined
    const registers = RegisterSet.ofPosition(g.schedPc, g.schedSp, g.schedBp)
    return {cfa, next: {registers, foundBy: 'stack-switch', exactPc: false}}
  }

  /**
   * The goroutine of mcall, or of morestack where it was preempted, is parked or gone, and this thread looks for
   * another one. Where C had called Go on its own thread, and runtime.Goexit ended that goroutine, mcall stands on what
   * that C code waits behind.
   */
  #leaveScheduler(sp: Address, cfa: Address): Departure {
    const g0 = this.#switches?.g0
    if (!g0) return {cfa, next: 'end-of-stack'}
    const input = {memory: this.#memory, functionAt: this.#functionAt}
    const registers = findCallerOfScheduler({...input, sp, g0})
    if (registers) return {cfa, next: {registers, foundBy: 'gobuf', exactPc: false}}
    const chain = {...input, version: this.#version, switches: {g: undefined, g0}, enteredAt: undefined}
    const [callback] = sp + 8 === g0.schedSp ? readCallbacks(chain) : []
    if (!callback) return {cfa, next: 'no-unwind-info'}
    return {cfa, next: {registers: callback.caller, foundBy: 'stack-switch', exactPc: false}}
  }

  /**
   * morestack was called on a system stack, which does not grow: it calls badmorestackg0 and its like, and has not
   * switched.
   */
  #isRefused({registers}: Position): boolean {
    const target = registers.pc === undefined ? undefined : directCallTarget(this.#memory, registers.pc)
    const callee = target === undefined ? undefined : this.#functionAt(target)?.name
    return callee !== undefined && REFUSALS.has(callee)
  }

  #leaveRefusedMorestack({registers}: Position, cfa: Address): Departure {
    const pc = registers.sp === undefined ? undefined : readAddress(this.#memory, registers.sp)
    if (pc === undefined) return {cfa, next: 'unmapped'}
    const caller = RegisterSet.ofPosition(pc, cfa, registers.address(DWARF_REGISTER.rbp))
    return {cfa, next: {registers: caller, foundBy: 'pcsp', exactPc: false}}
  }

  /**
   * switchToCrashStack0 (1.22+) has its frame record on the stack that it leaves, and takes that stack's g0 from the M.
   */
  #leaveCrashStack({registers}: Position, cfa: Address): Departure {
    const record = registers.address(DWARF_REGISTER.rbp)
    if (record === undefined) return {cfa, next: 'no-unwind-info'}
    const pc = readAddress(this.#memory, toAddress(record + 8))
    if (pc === undefined) return {cfa, next: 'unmapped'}
    const caller = RegisterSet.ofPosition(pc, toAddress(record + 16), readAddress(this.#memory, record))
    return {cfa, next: {registers: caller, foundBy: 'stack-switch', exactPc: false}}
  }

  /** nanotime1 and walltime call the vDSO on g0 with their own SP in a register; m.vdsoPC/SP is their caller. */
  #leaveVdso(position: Position, cfa: Address): Departure | undefined {
    const vdso = this.#switches?.vdso
    if (!vdso || vdso.sp === 0 || position.foundBy !== 'cfi') return undefined
    const registers = RegisterSet.ofPosition(vdso.pc, vdso.sp)
    return {cfa, next: {registers, foundBy: 'stack-switch', exactPc: false}}
  }
}

/** Follows another runtime's calls during a walk that began in this one: back into C too, where C had called it. */
class ForeignSwitcher {
  readonly #memory: MemoryReader
  readonly #stacks: ForeignStacks
  readonly #switcher: StackSwitcher
  #callbacks: readonly Callback[] | undefined
  /** SP where it came to its system stack: g0.sched may have been written over since. */
  #enteredAt: Address | undefined
  /** Its innermost call of C is further out: a coroutine's outermost frame leads there. */
  #isCallAhead: boolean

  constructor(memory: MemoryReader, stacks: ForeignStacks) {
    this.#memory = memory
    this.#stacks = stacks
    this.#isCallAhead = stacks.isCallBehind !== true
    this.#switcher = new StackSwitcher(memory, stacks.version, stacks, stacks.functionAt)
  }

  owns(code: GoFunction): boolean {
    return this.#stacks.functionAt(code.entry) === code
  }

  stackOf(sp: Address): StackKind {
    return this.#switcher.stackOf(sp)
  }

  signalStackOf(sp: Address): Address | undefined {
    return this.#switcher.signalStackOf(sp)
  }

  leaveCoroutine(sp: Address): Position | undefined {
    return this.#isCallAhead ? this.#switcher.leaveCoroutine(sp) : undefined
  }

  leave(code: GoFunction, cfa: Address, position: Position): Departure | undefined {
    this.#isCallAhead = false
    if (code.funcID === 'cgocallback') return this.#leaveCallback(cfa)
    if (STACK_ENTRIES.has(code.funcID)) this.#enteredAt = position.registers.sp
    return this.#switcher.leave(code, cfa, position)
  }

  #leaveCallback(cfa: Address): Departure {
    const {version, functionAt} = this.#stacks
    const memory = this.#memory
    this.#callbacks ??= readCallbacks({memory, version, switches: this.#stacks, functionAt, enteredAt: this.#enteredAt})
    const isOutermost = isPlantedCaller(memory, cfa, functionAt)
    const callback = this.#callbacks.find(each => each.cfa === cfa || (each.cfa === 'outermost' && isOutermost))
    if (!callback) return {cfa, next: 'no-unwind-info'}
    return {cfa, next: {registers: callback.caller, foundBy: 'stack-switch', exactPc: false}}
  }
}
