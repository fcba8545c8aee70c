import {directCallTarget} from '../amd64/call-encoding.ts'
import {RegisterSet} from '../amd64/register-set.ts'
import {DWARF_REGISTER} from '../amd64/registers.ts'
import {type Address, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import type {GoFunction} from '../gosym/go-function.ts'
import type {GoVersion} from '../gosym/version.ts'
import {asmcgocallBase, type CallbackSide, enterCallback, leaveAsmcgocall} from './stack-switch.ts'
import type {StackKind, StackSwitches} from './unwind-frame.ts'
import type {Departure, Position} from './unwinder.ts'

/** Words that mcall (and systemstack up to 1.16) push before they call on the system stack. */
const ENTRY_WORDS = 3

/** What morestack calls where the stack is not a goroutine's (runtime·morestack, asm_amd64.s). */
const REFUSALS: ReadonlySet<string> = new Set([
  'runtime.badmorestackg0',
  'runtime.badmorestackgsignal',
  'runtime.abort',
])

/** Follows one thread's calls across its stacks during one walk; knows how far down the chain of callbacks the walk is. */
export class StackSwitcher {
  readonly #memory: MemoryReader
  readonly #version: GoVersion
  readonly #switches: StackSwitches | undefined
  readonly #functionAt: (pc: Address) => GoFunction | undefined
  /** g0.sched.sp as it was inside of the callback that the walk meets next. */
  #callbackSp: Address | undefined
  #afterCallback = false
  /** SP in the frame by which the runtime came to the system stack that the walk has left last: g0.sched.sp and a few words. */
  #enteredAt: Address | undefined

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
    this.#callbackSp = switches?.g0?.schedSp
  }

  /** Which stack holds `sp`. g0's bounds are an estimate on threads that C created; beyond them the stack is "native". */
  stackOf(sp: Address): StackKind {
    const {g, g0, gsignal} = this.#switches ?? {}
    if (gsignal && sp >= gsignal.stackLo && sp < gsignal.stackHi) return 'gsignal'
    if (this.#isOn(g, sp)) return 'goroutine'
    return this.#isOn(g0, sp) ? 'g0' : 'native'
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
    const afterCallback = this.#afterCallback
    this.#afterCallback = code.funcID === 'cgocallback'
    const {sp} = position.registers
    if (sp === undefined) return undefined
    if (code.funcID === 'asmcgocall') {
      // Up to 1.16 the runtime plants asmcgocall as cgocallback's caller: there it is left by its row.
      return afterCallback || position.foundBy === 'gobuf' ? undefined : this.#leaveAsmcgocall(sp, cfa)
    }
    if (code.name === 'runtime.switchToCrashStack0') return this.#leaveCrashStack(position, cfa)
    if (code.funcID === 'morestack' && this.#isRefused(position)) return this.#leaveRefusedMorestack(position, cfa)
    if (!this.#switches) return undefined
    if (code.funcID === 'cgocallback') return this.#leaveCallback(cfa)
    const onGoroutine = this.#isOn(this.#switches.g, sp)
    const isEntry = code.funcID === 'systemstack' || code.funcID === 'morestack' || code.funcID === 'mcall'
    if (isEntry && !onGoroutine) {
      this.#enteredAt = sp
      return code.funcID === 'systemstack' ? this.#leaveSystemstack(code, position, cfa) : this.#resume(cfa)
    }
    return this.#leaveVdso(position, cfa)
  }

  #leaveAsmcgocall(base: Address, cfa: Address): Departure {
    const g = this.#switches?.g
    const side = leaveAsmcgocall({memory: this.#memory, version: this.#version, base, g})
    if (!side) return {cfa, next: 'end-of-stack'}
    return {cfa: side.cfa, next: {registers: side.caller, foundBy: 'stack-switch', exactPc: false}}
  }

  /**
   * To the C code that called back. A panic that is recovered further out abandons the C frames of the callbacks it passed,
   * while its own Go frames stay until the deferred call returns: the chain on g0 does not know those callbacks any more,
   * and they are walked through as the runtime does.
   */
  #leaveCallback(cfa: Address): Departure | undefined {
    const [schedSp, side] = this.#callbackAt(this.#callbackSp) ?? this.#callbackBeforeEntry() ?? []
    if (schedSp === undefined || side === undefined) return undefined
    // On a thread that C created nothing is further out: there the slot holds its own address.
    const outer = side.outerSchedSp > schedSp ? side.outerSchedSp : undefined
    const calledAt = outer === undefined ? undefined : this.#goroutineSpBefore(outer)
    if (calledAt !== undefined && calledAt !== cfa) return undefined
    this.#callbackSp = outer
    return {cfa, next: {registers: side.caller, foundBy: 'stack-switch', exactPc: false}}
  }

  /** Where g0.sched was written over (a refused morestack), or g0 itself replaced (switchToCrashStack0). */
  #callbackBeforeEntry(): [Address, CallbackSide] | undefined {
    if (this.#enteredAt === undefined) return undefined
    for (let word = 0; word <= ENTRY_WORDS; word++) {
      const found = this.#callbackAt(toAddress(this.#enteredAt + word * 8))
      if (found) return found
    }
    return undefined
  }

  #callbackAt(schedSp: Address | undefined): [Address, CallbackSide] | undefined {
    const side =
      schedSp === undefined ? undefined : enterCallback({memory: this.#memory, version: this.#version, schedSp})
    const callerPc = side?.caller.pc
    if (schedSp === undefined || !side || callerPc === undefined) return undefined
    return this.#isCallbackGlue(callerPc) ? [schedSp, side] : undefined
  }

  /** crosscall2, and up to 1.15 runtime.cgocallback, is all that calls cgocallback's system-stack side. */
  #isCallbackGlue(pc: Address): boolean {
    const name = this.#functionAt(pc)?.name
    return name === 'crosscall2' || name === 'runtime.cgocallback'
  }

  /** Where the asmcgocall around a callback left the goroutine: the CFA of the callback's frame there. */
  #goroutineSpBefore(outerSchedSp: Address): Address | undefined {
    const base = asmcgocallBase(this.#version, outerSchedSp)
    const side = leaveAsmcgocall({memory: this.#memory, version: this.#version, base, g: this.#switches?.g})
    return side && !side.sameStack ? side.sp : undefined
  }

  /**
   * Where the outermost frame of a stack is C code that nothing on that stack has called, a coroutine's: asmcgocall's frame below which
   * C had switched to it. undefined where the walk has ended on the thread's own stack, for want of tables.
   */
  leaveCoroutine(sp: Address): Position | undefined {
    const {g, g0} = this.#switches ?? {}
    if (!g || this.#callbackSp === undefined) return undefined
    const base = asmcgocallBase(this.#version, this.#callbackSp)
    if (sp < base && this.#isOn(g0, sp) && this.#isOn(g0, base)) return undefined
    const pc = base < 8 ? undefined : readAddress(this.#memory, toAddress(base - 8))
    if (pc === undefined || this.#functionAt(pc)?.funcID !== 'asmcgocall') return undefined
    const side = leaveAsmcgocall({memory: this.#memory, version: this.#version, base, g})
    if (!side || side.sameStack) return undefined
    return {registers: RegisterSet.ofPosition(pc, base), foundBy: 'stack-switch', exactPc: false}
  }

  /** The goroutine called systemstack at its saved SP, where systemstack's own frame lies too (none up to 1.20, rbp from 1.21). */
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

  /** morestack and mcall leave the goroutine at its saved position. */
  #resume(cfa: Address): Departure {
    const g = this.#switches?.g
    if (!g || !this.#isOn(g, g.schedSp) || g.schedPc === 0) return {cfa, next: 'end-of-stack'}
    const registers = RegisterSet.ofPosition(g.schedPc, g.schedSp, g.schedBp)
    return {cfa, next: {registers, foundBy: 'stack-switch', exactPc: false}}
  }

  /** morestack was called on a system stack, which does not grow: it calls badmorestackg0 and its like, and has not switched. */
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

  /** switchToCrashStack0 (1.22+) has its frame record on the stack that it leaves, and takes that stack's g0 from the M. */
  #leaveCrashStack({registers}: Position, cfa: Address): Departure {
    const record = registers.address(DWARF_REGISTER.rbp)
    const pc = record === undefined ? undefined : readAddress(this.#memory, toAddress(record + 8))
    if (record === undefined || pc === undefined) return {cfa, next: 'end-of-stack'}
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
