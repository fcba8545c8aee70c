import {type Address, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import type {GoCode} from './pcsp-rows.ts'
import {RegisterSet} from './register-set.ts'
import {asmcgocallBase, enterCallback, leaveAsmcgocall, type ReleaseTest} from './stack-switch.ts'
import type {StackKind, StackSwitches} from './unwind-frame.ts'
import type {Departure, Position} from './unwinder.ts'

/** Follows one thread's calls across its stacks during one walk; knows how far down the chain of callbacks the walk is. */
export class StackSwitcher {
  readonly #memory: MemoryReader
  readonly #version: ReleaseTest
  readonly #switches: StackSwitches | undefined
  readonly #functionAt: (pc: Address) => GoCode | undefined
  /** g0.sched.sp as it was inside of the callback that the walk meets next. */
  #callbackSp: Address | undefined
  #afterCallback = false

  constructor(
    memory: MemoryReader,
    version: ReleaseTest,
    switches: StackSwitches | undefined,
    functionAt: (pc: Address) => GoCode | undefined,
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
  isSignalTrampoline(code: GoCode): boolean {
    return code.name === 'runtime.sigtramp' || code.name === 'runtime.cgoSigtramp'
  }

  /** Leaves a function that switches stacks; undefined where it is to be left by its row. */
  leave(code: GoCode, cfa: Address, position: Position): Departure | undefined {
    const afterCallback = this.#afterCallback
    this.#afterCallback = code.funcID === 'cgocallback'
    const {sp} = position.registers
    if (sp === undefined) return undefined
    if (code.funcID === 'asmcgocall') {
      // Up to 1.16 the runtime plants asmcgocall as cgocallback's caller: there it is left by its row.
      return afterCallback || position.foundBy === 'gobuf' ? undefined : this.#leaveAsmcgocall(sp, cfa)
    }
    if (!this.#switches) return undefined
    if (code.funcID === 'cgocallback') return this.#leaveCallback(cfa)
    const onGoroutine = this.#isOn(this.#switches.g, sp)
    if (code.funcID === 'systemstack' && !onGoroutine) return this.#leaveSystemstack(code, position, cfa)
    if ((code.funcID === 'morestack' || code.funcID === 'mcall') && !onGoroutine) return this.#resume(cfa)
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
    const schedSp = this.#callbackSp
    if (schedSp === undefined) return undefined
    const side = enterCallback({memory: this.#memory, version: this.#version, schedSp})
    const callerPc = side?.caller.pc
    if (!side || callerPc === undefined || !this.#isCallbackGlue(callerPc)) return undefined
    // On a thread that C created nothing is further out: there the slot holds its own address.
    const outer = side.outerSchedSp > schedSp ? side.outerSchedSp : undefined
    const calledAt = outer === undefined ? undefined : this.#goroutineSpBefore(outer)
    if (calledAt !== undefined && calledAt !== cfa) return undefined
    this.#callbackSp = outer
    return {cfa, next: {registers: side.caller, foundBy: 'stack-switch', exactPc: false}}
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

  /** The goroutine called systemstack at its saved SP, where systemstack's own frame lies too (none up to 1.20, rbp from 1.21). */
  #leaveSystemstack(code: GoCode, position: Position, cfa: Address): Departure | undefined {
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

  /** nanotime1 and walltime call the vDSO on g0 with their own SP in a register; m.vdsoPC/SP is their caller. */
  #leaveVdso(position: Position, cfa: Address): Departure | undefined {
    const vdso = this.#switches?.vdso
    if (!vdso || vdso.sp === 0 || position.foundBy !== 'cfi') return undefined
    const registers = RegisterSet.ofPosition(vdso.pc, vdso.sp)
    return {cfa, next: {registers, foundBy: 'stack-switch', exactPc: false}}
  }
}
