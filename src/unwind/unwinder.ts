import {isPrecededByCall} from '../amd64/call-encoding.ts'
import type {RegisterSet} from '../amd64/register-set.ts'
import {DWARF_REGISTER} from '../amd64/registers.ts'
import {isSignalRestorer, readSignalFrame, SIGNAL_FRAME_SIZE} from '../amd64/signal-context.ts'
import {type Address, NULL_ADDRESS, toAddress} from '../base/address.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {UnwindRow} from '../dwarf/unwind-row.ts'
import type {GoFunction} from '../gosym/go-function.ts'
import type {GoVersion} from '../gosym/version.ts'
import {type AppliedRow, applyRow} from './apply-row.ts'
import {CfiRows, type LocatedRow, type ModuleLookup} from './cfi-rows.ts'
import {CodeMap} from './code-map.ts'
import {FallbackRows} from './fallback-rows.ts'
import {type GoEntry, KnownPcs, type NativeEntry} from './known-pc.ts'
import {PcspRows} from './pcsp-rows.ts'
import {applySignalFrame} from './signal-frame.ts'
import {spBeforeAlignment, spBeforeRacecall} from './stack-switch.ts'
import {StackSwitcher} from './stack-switcher.ts'
import {beginsThread, crosscall1Row, isFirstOfThread} from './thread-start.ts'
import type {Bounds, FoundBy, Seed, StackKind, StopReason, UnwindFrame} from './unwind-frame.ts'
import {WalkProgress} from './walk-progress.ts'

export interface UnwinderInput {
  readonly memory: MemoryReader
  readonly modules: ModuleLookup
  readonly go: {functionAt(pc: Address): GoFunction | undefined} | undefined
  readonly version: GoVersion
  /** Whether a segment of the core that may be executed covers the address; without it, whether a module does. */
  readonly isExecutable?: ((address: Address) => boolean) | undefined
  readonly diagnostics: Diagnostics
}

const DEFAULT_FRAME_LIMIT = 1_000_000
/** A row for each distinct pc; dropped and begun again when a strange core has more. */
const ROW_CACHE_LIMIT = 200_000

/** Functions that call without a call instruction: their caller's pc is exact (runtime.unwinder.next, traceback.go). */
const INJECTED_CALLS: ReadonlySet<string> = new Set(['asyncPreempt', 'debugCallV2', 'sigpanic'])

/** Where a frame is, and what tells how it is left: one of the two. */
interface Place {
  readonly pc: Address
  readonly sp: Address
  readonly go: GoEntry | undefined
  readonly native: NativeEntry | undefined
}

/** The frame to come. */
export interface Position {
  readonly registers: RegisterSet
  readonly foundBy: FoundBy
  readonly exactPc: boolean
}

/**
 * So often unread code is looked at for the kernel's frame above it: a restorer always has one, but for what was
 * written over, and a runaway recursion returns to one place a million times.
 */
const UNSIGNALLED_MAX = 32

/** How a frame is left: its CFA, then the caller's position or the end. */
export interface Departure {
  readonly cfa: Address | undefined
  readonly next: Position | StopReason
}

/** Walks stacks of one process, native and Go alike. */
export class Unwinder {
  readonly #input: UnwinderInput
  readonly #code: CodeMap
  readonly #cfi: CfiRows
  readonly #pcsp: PcspRows
  readonly #fallback: FallbackRows
  readonly #known = new KnownPcs(ROW_CACHE_LIMIT)
  /** How often unread code was returned to without a kernel's frame above it. */
  readonly #unsignalled = new Map<Address, number>()

  constructor(input: UnwinderInput) {
    this.#input = input
    this.#code = new CodeMap(input)
    this.#fallback = new FallbackRows(input.memory, this.#code)
    this.#cfi = new CfiRows(input.modules, input.diagnostics)
    this.#pcsp = new PcspRows()
  }

  /** Frames from the innermost out. Always ends, and never throws for bad data; the return value says why it ended. */
  *frames(seed: Seed, bounds: Bounds = {}): Generator<UnwindFrame, StopReason> {
    const limit = bounds.frameLimit ?? DEFAULT_FRAME_LIMIT
    const {memory, version, go: tables} = this.#input
    const functionAt = (pc: Address) => tables?.functionAt(pc)
    const switcher = new StackSwitcher(memory, version, bounds.switches, functionAt)
    const progress = new WalkProgress(switcher)
    let position: Position = seed
    let isRooted = false
    for (let count = 0; count < limit; count++) {
      const place = this.#placeOf(position)
      if (!place) return position.foundBy === 'signal-frame' ? 'overwritten' : 'unmapped'
      const {pc, sp, go} = place
      const departure = this.#leave(place, position, switcher, count === 0)
      yield frameAt(place, position, departure.cfa, switcher.stackOf(sp))
      isRooted ||= go !== undefined && beginsThread(go.code)
      const next = go || isRooted ? departure.next : beyondCoroutine(departure.next, switcher, sp)
      if (typeof next === 'string') return next
      const stop = progress.stopBetween(pc, sp, next)
      if (stop) return stop
      position = next
    }
    return 'frame-limit'
  }

  #placeOf(position: Position): Place | undefined {
    const {registers, exactPc} = position
    const pc = registers.place(DWARF_REGISTER.rip)
    const sp = registers.place(DWARF_REGISTER.rsp)
    if (pc === undefined || sp === undefined) return undefined
    const go = this.#goEntry(pc)
    if (go) return {pc, sp, go, native: undefined}
    if (this.#isUnreadRestorer(pc, position)) return {pc, sp, go: undefined, native: 'signal'}
    // It has no call frame information: to look for some would read all of the program's.
    const native = this.#crosscall1Row(position) ? 'uncovered' : this.#nativeEntry(pc, exactPc)
    return {pc, sp, go: undefined, native}
  }

  #leave({go, native}: Place, position: Position, switcher: StackSwitcher, innermost: boolean): Departure {
    if (go) return this.#leaveGo(go, position, switcher, innermost)
    if (native === 'signal') return this.#leaveSignal(position)
    if (typeof native === 'object') return this.#leaveByCfi(native, position)
    return this.#leaveCrosscall1(position) ?? this.#fallback.leave(position)
  }

  #goEntry(pc: Address): GoEntry | undefined {
    const known = this.#known.at(pc)
    if (known.go === undefined) known.go = this.#findGoEntry(pc) ?? null
    return known.go ?? undefined
  }

  #findGoEntry(pc: Address): GoEntry | undefined {
    const code = this.#input.go?.functionAt(pc)
    if (!code) return undefined
    if (!isRestorer(code)) return {code, pcsp: this.#pcsp.rowAt(code, pc)}
    // Go's own restorer is a frame of the kernel's making, wherever it was linked.
    return isSignalRestorer(this.#input.memory, pc) ? undefined : {code, pcsp: undefined}
  }

  #nativeEntry(pc: Address, exactPc: boolean): NativeEntry {
    const known = this.#known.at(pc)
    if (exactPc) {
      known.exact ??= this.#findNativeEntry(pc, true)
      return known.exact
    }
    known.returned ??= this.#findNativeEntry(pc, false)
    return known.returned
  }

  #findNativeEntry(pc: Address, exactPc: boolean): NativeEntry {
    return isSignalRestorer(this.#input.memory, pc) ? 'signal' : (this.#rowAt(pc, exactPc) ?? 'uncovered')
  }

  /**
   * A return address at the start of a function was not left by a call, but planted: makecontext's, on a stack of its
   * own.
   */
  #rowAt(pc: Address, exactPc: boolean): LocatedRow | undefined {
    const row = this.#cfi.rowAt(exactPc || pc === 0 ? pc : toAddress(pc - 1))
    if (row || exactPc || isPrecededByCall(this.#input.memory, pc) === true) return row
    const planted = this.#cfi.rowAt(pc)
    return planted?.functionStart === pc ? planted : undefined
  }

  /**
   * Without the libc's file its restorer cannot be told by its code: the kernel's frame above it, by its shape, tells.
   */
  #isUnreadRestorer(pc: Address, {registers, exactPc}: Position): boolean {
    const {memory} = this.#input
    const {sp} = registers
    if (exactPc || sp === undefined) return false
    const known = this.#known.at(pc)
    known.isRead ??= this.#code.isRead(pc)
    if (known.isRead) return false
    const misses = this.#unsignalled.get(pc) ?? 0
    if (misses >= UNSIGNALLED_MAX) return false
    if ((readSignalFrame(memory, sp)?.signal ?? 0) !== 0) return true
    if (this.#unsignalled.size >= ROW_CACHE_LIMIT) this.#unsignalled.clear()
    this.#unsignalled.set(pc, misses + 1)
    return false
  }

  #leaveGo(entry: GoEntry, position: Position, switcher: StackSwitcher, innermost: boolean): Departure {
    const {code, pcsp} = entry
    if (!pcsp) return this.#fallback.leave(position)
    const realigned = this.#beforeCallOfC(code, position, switcher)
    const applied = applyRow(pcsp.row, realigned ?? position.registers, this.#input.memory)
    if (!applied) return {cfa: undefined, next: 'unmapped'}
    if (realigned) return this.#caller(applied, 'pcsp', false)
    return this.#leaveUnreturned(entry, applied, position, switcher, innermost) ?? this.#caller(applied, 'pcsp', false)
  }

  /** Out of a function that no return leaves: to another stack, or nowhere. undefined: a return leaves it. */
  #leaveUnreturned(
    {code, pcsp}: GoEntry,
    applied: AppliedRow,
    position: Position,
    switcher: StackSwitcher,
    innermost: boolean,
  ): Departure | undefined {
    if (INJECTED_CALLS.has(code.funcID) && applied.caller.isKnown(DWARF_REGISTER.rip)) {
      // Whatever was interrupted, a jump into nowhere too.
      return {cfa: applied.cfa, next: {registers: applied.caller, foundBy: 'pcsp', exactPc: true}}
    }
    const switched = switcher.leave(code, applied.cfa, position)
    if (switched) return switched
    if (isFirstOfThread(code) && position.foundBy === 'pcsp') return {cfa: applied.cfa, next: 'end-of-stack'}
    if (beginsThread(code)) return this.#leaveThreadStart(applied)
    const isTop = pcsp?.topFrame === true && !switcher.isSignalTrampoline(code)
    const isSwitched = pcsp?.writesSp === true && !innermost
    return isTop || isSwitched ? {cfa: applied.cfa, next: 'end-of-stack'} : undefined
  }

  /** The C code that had started the Go part of a thread, if any had. */
  #leaveThreadStart({cfa, caller}: AppliedRow): Departure {
    const isCalled = caller.pc !== undefined && this.#code.isReturnAddress(caller.pc, cfa)
    if (isCalled === true) return {cfa, next: {registers: caller, foundBy: 'pcsp', exactPc: false}}
    // Code that is not at hand may be C's, and have begun the thread.
    return {cfa, next: isCalled === 'unknown' ? 'no-unwind-info' : 'end-of-stack'}
  }

  /** Out of the C function that had called mstart. */
  #leaveCrosscall1(position: Position): Departure | undefined {
    const row = this.#crosscall1Row(position)
    const applied = row && applyRow(row, position.registers, this.#input.memory)
    const pc = applied?.caller.pc
    if (!applied || pc === undefined || this.#code.isReturnAddress(pc, applied.cfa) === false) return undefined
    return {cfa: applied.cfa, next: {registers: applied.caller, foundBy: 'stack-switch', exactPc: false}}
  }

  #crosscall1Row({registers, foundBy}: Position): UnwindRow | undefined {
    return foundBy === 'pcsp' && registers.pc !== undefined
      ? crosscall1Row(this.#input.memory, registers.pc)
      : undefined
  }

  /** SP as it was before a Go function aligned it, or changed stacks, for the C function that returns here. */
  #beforeCallOfC(code: GoFunction, position: Position, switcher: StackSwitcher): RegisterSet | undefined {
    const {registers} = position
    const mayReturnHere = isBehindNative(position) || callsOnlyC(code)
    const sp =
      spBeforeRacecall(code, registers, at => switcher.stackOf(at) === 'goroutine') ??
      (mayReturnHere ? spBeforeAlignment(this.#input.memory, registers) : undefined)
    if (sp === undefined) return undefined
    return registers.toBuilder().setAddress(DWARF_REGISTER.rsp, sp).build()
  }

  #leaveByCfi(entry: LocatedRow, position: Position): Departure {
    const applied = this.#applyCfi(entry, position)
    if (!applied) {
      return {cfa: undefined, next: lacksRegister(entry.row, position.registers) ? 'no-unwind-info' : 'unmapped'}
    }
    if (applied.outermost) return {cfa: applied.cfa, next: 'end-of-stack'}
    const departure = this.#caller(applied, 'cfi', entry.signalFrame)
    // Nothing called a function that was planted: above makecontext's lies what is to be resumed (uc_link).
    if (departure.next === 'unmapped' && isPlanted(entry, position)) return {...departure, next: 'end-of-stack'}
    const returnPc = entry.signalFrame || position.exactPc ? undefined : applied.caller.pc
    const {pc} = position.registers
    if (returnPc === undefined || pc === undefined || typeof departure.next === 'string') return departure
    // Go calls C from assembly alone, through a register.
    if (this.#goEntry(returnPc)) return departure
    return this.#isRefuted(returnPc, pc, entry) ? {cfa: applied.cfa, next: 'overwritten'} : departure
  }

  /** Whether the call before a return address is known not to have led to a frame that a call of its own had left. */
  #isRefuted(returnPc: Address, callee: Address, {functionStart}: LocatedRow): boolean {
    const known = this.#known.at(returnPc)
    if (known.refuted?.callee !== callee) {
      const isRefuted = this.#fallback.isRefuted(returnPc, functionStart, {pc: callee, exactPc: false})
      known.refuted = {callee, isRefuted}
    }
    return known.refuted.isRefuted
  }

  #applyCfi({row, loadBias}: LocatedRow, {registers}: Position): AppliedRow | undefined {
    try {
      return applyRow(row, registers, this.#input.memory, loadBias)
    } catch (error) {
      this.#input.diagnostics.addError('bad-cfi', error)
      return undefined
    }
  }

  #leaveSignal({registers}: Position): Departure {
    const {memory} = this.#input
    const applied = applySignalFrame(registers, memory, pc => this.#code.isCode(pc, true))
    if (!applied?.caller.isKnown(DWARF_REGISTER.rip)) {
      const isThere = registers.sp !== undefined && memory.read(registers.sp, SIGNAL_FRAME_SIZE) !== undefined
      return {cfa: applied?.cfa, next: isThere ? 'overwritten' : 'unmapped'}
    }
    return {cfa: applied.cfa, next: {registers: applied.caller, foundBy: 'signal-frame', exactPc: true}}
  }

  /** The caller that a row gave, unless its return address can be none. */
  #caller(applied: AppliedRow, foundBy: FoundBy, exactPc: boolean): Departure {
    const {cfa, caller} = applied
    const pc = caller.pc
    if (pc === NULL_ADDRESS) return {cfa, next: 'end-of-stack'}
    if (pc === undefined) return {cfa, next: 'unmapped'}
    // A restorer is returned to without a call: it may be the first thing in its mapping.
    if (!this.#isCode(pc, exactPc) && !isSignalRestorer(this.#input.memory, pc)) return {cfa, next: 'unmapped'}
    return {cfa, next: {registers: caller, foundBy, exactPc}}
  }

  #isCode(pc: Address, exactPc: boolean): boolean {
    if (exactPc) return this.#code.isCode(pc, true)
    const known = this.#known.at(pc)
    known.isCode ??= this.#code.isCode(pc, false)
    return known.isCode
  }
}

/** Behind a guess not even the register is known that the frame is told by. */
function lacksRegister({cfa}: UnwindRow, registers: RegisterSet): boolean {
  return cfa.kind === 'register' && !registers.isKnown(cfa.register)
}

const BY_NATIVE_CODE: ReadonlySet<FoundBy> = new Set(['cfi', 'frame-pointer', 'code', 'scan'])

/** Whether the frame's callee was C. */
function isBehindNative({foundBy, exactPc}: Position): boolean {
  return !exactPc && BY_NATIVE_CODE.has(foundBy)
}

/** Forwards a signal to a handler, which another Go runtime may have installed (runtime·sigfwd, sys_linux_amd64.s). */
function callsOnlyC({name}: GoFunction): boolean {
  return name === 'runtime.sigfwd'
}

/** Whether its callee is to return to the start of a function, where no call has left it. */
function isPlanted({functionStart}: LocatedRow, {registers, exactPc}: Position): boolean {
  return !exactPc && registers.pc === functionStart
}

/** A return address is looked up in the call before it, but for those that no call has left. */
function lookupPcOf({pc, go, native}: Place, exactPc: boolean): Address {
  const isPlanted = exactPc || native === 'signal' || pc === (go ? go.code.entry : startOf(native))
  return isPlanted ? pc : toAddress(pc - 1)
}

function frameAt(
  place: Place,
  {registers, foundBy, exactPc}: Position,
  cfa: Address | undefined,
  stack: StackKind,
): UnwindFrame {
  const {pc, sp, go, native} = place
  return {
    pc,
    lookupPc: lookupPcOf(place, exactPc),
    sp,
    cfa,
    foundBy,
    stack,
    kind: go ? 'go' : native === 'signal' ? 'signal' : 'native',
    go: go?.code,
    registers,
    start: startOf(native),
    interrupted: exactPc,
  }
}

/** Where a stack of C ends it may be a coroutine's, that another one had switched to. */
function beyondCoroutine(next: Departure['next'], switcher: StackSwitcher, sp: Address): Departure['next'] {
  return next === 'end-of-stack' ? (switcher.leaveCoroutine(sp) ?? next) : next
}

/** Of a function that begins at its own frame's pc. */
function startOf(entry: NativeEntry | undefined): Address | undefined {
  return typeof entry === 'object' ? entry.functionStart : undefined
}

function isRestorer(code: GoFunction): boolean {
  return code.name.startsWith('runtime.sigreturn')
}
