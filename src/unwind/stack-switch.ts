import {sourceOfStackPointer} from '../amd64/call-encoding.ts'
import {RegisterSet} from '../amd64/register-set.ts'
import {DWARF_REGISTER} from '../amd64/registers.ts'
import {type Address, NULL_ADDRESS, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import {makeRow, RETURN_ADDRESS, type UnwindRow} from '../dwarf/unwind-row.ts'
import type {GoFunction} from '../gosym/go-function.ts'
import type {GoVersion} from '../gosym/version.ts'

const {rbx, rbp, rsp, r12, r13, r14, r15, rip} = DWARF_REGISTER

/** A stack and the position that the runtime saved for it (`g.stack`, `g.sched`). */
export interface SavedStack {
  readonly stackLo: Address
  readonly stackHi: Address
  readonly schedSp: Address
  readonly schedPc: Address
  readonly schedBp: Address
}

/** What the goroutine side of an asmcgocall frame gives. */
export interface GoroutineSide {
  /** SP at asmcgocall's entry on the stack that it left. */
  readonly sp: Address
  /** asmcgocall's CFA there: sp of its caller after the return. */
  readonly cfa: Address
  /** The caller: runtime.cgocall on a goroutine. rbp is known from 1.21 on, where asmcgocall saves it. */
  readonly caller: RegisterSet
  /** asmcgocall was entered on a system stack already and did not switch. */
  readonly sameStack: boolean
}

/**
 * Where C's outermost frame returns to on the g0 stack: SP in asmcgocall after the call
 * (runtime·asmcgocall, asm_amd64.s: SUBQ $64 or $16 from g0.sched.sp, ANDQ $~15).
 */
export function asmcgocallBase(version: GoVersion, g0SchedSp: Address): Address {
  const lowered = g0SchedSp - (version.atLeast(22) ? 16 : 64)
  return toAddress(lowered - (lowered % 16))
}

/** From 1.21 on asmcgocall and systemstack have a frame of one word, the saved rbp, on the stack that they leave. */
export function switchFrameSize(version: GoVersion): number {
  return version.atLeast(21) ? 8 : 0
}

/** `base`: SP in the asmcgocall frame that C returns to. */
export interface AsmcgocallFrame {
  readonly memory: MemoryReader
  readonly version: GoVersion
  readonly base: Address
  readonly g: {readonly stackLo: Address; readonly stackHi: Address} | undefined
}

/**
 * Leaves asmcgocall from the system stack to the goroutine that called it. undefined where the saved words do not fit
 * the goroutine's stack, or its caller is no place in memory.
 */
export function leaveAsmcgocall(input: AsmcgocallFrame): GoroutineSide | undefined {
  const left = readLeftStack(input)
  return left && readAsmcgocallCaller(input, left)
}

/**
 * Where asmcgocall left the stack that it was called on, whatever is there by now. It saves the *depth* of the
 * goroutine's SP, for the stack may move during a callback.
 */
export function readLeftStack(input: AsmcgocallFrame): Pick<GoroutineSide, 'sp' | 'sameStack'> | undefined {
  const {memory, version, base, g} = input
  const slot = version.atLeast(22) ? 0 : 0x28
  const saved = readAddress(memory, toAddress(base + slot))
  const savedG = readAddress(memory, toAddress(base + slot + 8))
  if (saved === undefined || savedG === undefined) return undefined
  const sameStack = savedG === NULL_ADDRESS
  const sp = sameStack ? saved : g && toAddress(g.stackHi - saved)
  if (sp === undefined || sp % 8 !== 0) return undefined
  if (sameStack ? sp < base : !g || sp < g.stackLo || sp >= g.stackHi) return undefined
  return {sp, sameStack}
}

function readAsmcgocallCaller(
  {memory, version}: AsmcgocallFrame,
  {sp, sameStack}: Pick<GoroutineSide, 'sp' | 'sameStack'>,
): GoroutineSide | undefined {
  const frameSize = switchFrameSize(version)
  const pc = readAddress(memory, toAddress(sp + frameSize))
  if (pc === undefined) return undefined
  const cfa = toAddress(sp + frameSize + 8)
  const bp = frameSize === 0 ? undefined : readAddress(memory, sp)
  return {sp, cfa, caller: RegisterSet.ofPosition(pc, cfa, bp), sameStack}
}

/** What the system-stack side of a cgocallback frame gives. */
export interface CallbackSide {
  /** The caller on the system stack: crosscall2 (up to 1.15 runtime.cgocallback), to be walked from here. */
  readonly caller: RegisterSet
  /** g0.sched.sp before this callback: of the next-outer asmcgocall (asmcgocallBase) and the next-outer callback. */
  readonly outerSchedSp: Address
}

/**
 * Leaves cgocallback from the goroutine to the system stack that it was called on. `schedSp` is g0.sched.sp for the
 * innermost callback, the `outerSchedSp` of the inner one for each further (runtime·cgocallback, asm_amd64.s: the old
 * g0.sched.sp is kept at the new one).
 */
export function enterCallback(input: {
  memory: MemoryReader
  version: GoVersion
  schedSp: Address
}): CallbackSide | undefined {
  const {memory, version, schedSp} = input
  const returnSlot = version.atLeast(16) ? 32 : 24
  const outerSchedSp = readAddress(memory, schedSp)
  const pc = readAddress(memory, toAddress(schedSp + returnSlot))
  if (outerSchedSp === undefined || pc === undefined || pc === NULL_ADDRESS) return undefined
  return {caller: RegisterSet.ofPosition(pc, toAddress(schedSp + returnSlot + 8)), outerSchedSp}
}

/** rbx, r12 to r15 in the order in which crosscall2 saves them; rbp and the return address follow by release. */
const CROSSCALL2_SAVED = [rbx, r12, r13, r14, r15] as const

/**
 * The row at crosscall2's call: C's callee-saved registers from where crosscall2 keeps them (runtime/cgo/asm_amd64.s),
 * which no table says. Offsets here are from SP at the call.
 */
export function crosscall2Row(version: GoVersion): UnwindRow {
  if (!version.atLeast(10)) return crosscall2RowOf([0x18, 0x28, 0x30, 0x38, 0x40], 0x20, 0x58)
  if (!version.atLeast(17)) return crosscall2RowOf([0x18, 0x28, 0x30, 0x38, 0x40], 0x50, 0x58)
  const saved = [0x18, 0x20, 0x28, 0x30, 0x38]
  return version.atLeast(22) ? crosscall2RowOf(saved, 0x48, 0x50) : crosscall2RowOf(saved, 0x40, 0x48)
}

function crosscall2RowOf(saved: readonly number[], bp: number, returnAddress: number): UnwindRow {
  const frameSize = returnAddress + 8
  const rules = CROSSCALL2_SAVED.map((register, index) => [register, (saved[index] ?? 0) - frameSize] as const)
  const slots = [...rules, [rbp, bp - frameSize] as const, [rip, returnAddress - frameSize] as const]
  return makeRow(
    {kind: 'register', register: rsp, offset: frameSize},
    Object.fromEntries(slots.map(([register, offset]) => [register, {kind: 'at-cfa' as const, offset}])),
    'unknown',
  )
}

/**
 * Where sigtramp keeps rbx, rbp and r12 to r15 of the C code that called it, by the size of its frame; offsets from its
 * CFA.
 */
const SIGTRAMP_SAVED: Readonly<Record<number, readonly (readonly [register: number, offset: number])[]>> = {
  // MOVQ BX, bx-8(SP) and so on below a frame pointer of its own (sys_linux_amd64.s up to 1.16).
  80: [
    [rbx, -24],
    [rbp, -16],
    [r12, -40],
    [r13, -48],
    [r14, -56],
    [r15, -64],
  ],
  // PUSH_REGS_HOST_TO_ABI0 (abi_amd64.h, 1.17+).
  72: [
    [rbx, -56],
    [rbp, -16],
    [r12, -48],
    [r13, -40],
    [r14, -32],
    [r15, -24],
  ],
}

/**
 * The row of runtime.sigtramp, which no table tells: a C handler that was installed later may have called it, and its
 * frame may hang on the registers that sigtramp saved. undefined for a frame of another size.
 */
export function sigtrampRow(frameSize: number): UnwindRow | undefined {
  const saved = SIGTRAMP_SAVED[frameSize]
  if (!saved) return undefined
  const rules = saved.map(([register, offset]) => [register, {kind: 'at-cfa' as const, offset}] as const)
  const cfa = {kind: 'register', register: rsp, offset: frameSize + 8} as const
  return makeRow(cfa, {...Object.fromEntries(rules), ...RETURN_ADDRESS}, 'unknown')
}

/**
 * SP as a Go function sets it right behind its call of C: functions that align the stack for C keep the old one in a
 * register or at the new top (runtime·sigfwd, callCgoMmap, callCgoSigaction, …), which pcsp does not say. undefined
 * where the code does no such thing.
 */
export function spBeforeAlignment(memory: MemoryReader, registers: RegisterSet): Address | undefined {
  const {pc, sp} = registers
  if (pc === undefined || sp === undefined) return undefined
  const source = sourceOfStackPointer(memory, pc)
  if (source === 'top-of-stack') return readAddress(memory, sp)
  const kept = source === undefined ? undefined : registers.address(source)
  return kept !== undefined && kept >= sp ? kept : undefined
}

/**
 * SP of a goroutine in racecall, which calls the race detector on the stack of g0 and keeps SP in r12 (race_amd64.s):
 * pcsp is of that SP. undefined in other functions, and before racecall has changed stacks.
 */
export function spBeforeRacecall(
  {name}: GoFunction,
  registers: RegisterSet,
  isOnGoroutine: (sp: Address) => boolean,
): Address | undefined {
  const kept = name === 'racecall' ? registers.address(r12) : undefined
  const isLeft = registers.sp !== undefined && !isOnGoroutine(registers.sp)
  return kept !== undefined && isLeft && isOnGoroutine(kept) ? kept : undefined
}

/**
 * Up to 1.9 crosscall2 lowers SP by hand, and pcsp says 0 throughout: this far from its entry its only call returns.
 */
const CROSSCALL2_RETURN = 0x32

/** Whether the row above holds at a place of crosscall2: at its call and only there, which pcsp tells from 1.10 on. */
export function isCrosscall2Call(version: GoVersion, offset: number, frameSize: number): boolean {
  if (!version.atLeast(10)) return offset === CROSSCALL2_RETURN
  const row = crosscall2Row(version)
  return row.cfa.kind === 'register' && frameSize === row.cfa.offset - 8
}
