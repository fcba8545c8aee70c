import {zeroesFramePointer} from '../amd64/call-encoding.ts'
import {type DecodedInstruction, nextAddress} from '../amd64/instruction.ts'
import {type RegisterSet, RegisterSetBuilder} from '../amd64/register-set.ts'
import {DWARF_REGISTER} from '../amd64/registers.ts'
import {ADDRESS_LIMIT, type Address, toAddress} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {MemoryWindow} from '../base/memory-window.ts'
import {makeRow, RETURN_ADDRESS, type UnwindRow} from '../dwarf/unwind-row.ts'
import {type AppliedRow, applyRow} from './apply-row.ts'
import type {CodeMap} from './code-map.ts'

/** After `push %rbp; mov %rsp,%rbp` (System V ABI, AMD64 supplement, 3.2.2). */
const FRAME_POINTER_ROW: UnwindRow = makeRow(
  {kind: 'register', register: DWARF_REGISTER.rbp, offset: 16},
  {[DWARF_REGISTER.rbp]: {kind: 'at-cfa', offset: -16}, ...RETURN_ADDRESS},
  'unknown',
)

/** Nothing is on the stack yet but the return address: right after a call. */
export const JUST_CALLED_ROW: UnwindRow = makeRow(
  {kind: 'register', register: DWARF_REGISTER.rsp, offset: 8},
  RETURN_ADDRESS,
)

/** Frames are smaller than this; a larger distance is a register that holds something else. */
const FRAME_SIZE_MAX = 16 * 1024 * 1024

/**
 * The caller by rbp, if rbp looks like a frame pointer: aligned, above sp and near, with a return address above the
 * saved rbp.
 */
export function findFramePointerCaller(
  registers: RegisterSet,
  memory: MemoryReader,
  code: CodeMap,
): AppliedRow | undefined {
  const {bp, sp} = registers
  if (bp === undefined || sp === undefined) return undefined
  if (bp % 8 !== 0 || bp < sp || bp - sp > FRAME_SIZE_MAX) return undefined
  const applied = applyRow(FRAME_POINTER_ROW, registers, memory)
  const pc = applied?.caller.pc
  return applied && pc !== undefined && code.isReturnAddress(pc, applied.cfa) !== false ? applied : undefined
}

/** Of SYSCALL; a call that a signal has interrupted is begun anew there (Linux, handle_signal). */
const SYSCALL_SIZE = 2

/** Whether the thread is in a system call or has just left one: SYSCALL keeps its return address in rcx. */
export function isAtSystemCall(registers: RegisterSet): boolean {
  const pc = registers.place(DWARF_REGISTER.rip)
  const returnPc = registers.place(DWARF_REGISTER.rcx)
  return pc !== undefined && (returnPc === pc || returnPc === pc + SYSCALL_SIZE)
}

/**
 * In a wrapper of a system call that is not at hand: the word on top of the stack, if it can be a return address. Such
 * functions of Go have no frame, and leave rbp to their caller, over which rbp then leads. Of other code that was
 * interrupted the word may as well be a leftover.
 */
export function findFramelessCaller(
  registers: RegisterSet,
  memory: MemoryReader,
  code: CodeMap,
): AppliedRow | undefined {
  if (!isAtSystemCall(registers)) return undefined
  const applied = applyRow(JUST_CALLED_ROW, registers, memory)
  const pc = registers.pc
  const returnPc = applied?.caller.pc
  if (!applied || pc === undefined || returnPc === undefined) return undefined
  const isReturn = code.isReturnAddress(returnPc, applied.cfa)
  return isReturn === true || (isReturn === 'unknown' && code.isSameModule(pc, returnPc)) ? applied : undefined
}

/** Words that are looked at: a local buffer above this ends the walk rather than adding a stale frame. */
const SCAN_WORDS = 512
/** The first page is never mapped. */
const LOWEST_CODE = 4096
/** With rbp 0 this may be the root of the stack, above which lies nothing that was called. */
const ROOT_SCAN_WORDS = 32

/**
 * The nearest word above sp that is a return address: in executable memory, right behind a call instruction. The last
 * resort; its frame is marked `scan`, for the word may be a leftover of an earlier call. `end`: of the words that are
 * looked at.
 */
export function scanForCaller(
  registers: RegisterSet,
  memory: MemoryWindow,
  isCaller: (returnAddress: Address, cfa: Address) => boolean,
  end = Number.POSITIVE_INFINITY,
): {cfa: Address; caller: RegisterSet} | undefined {
  const {sp, bp} = registers
  if (sp === undefined) return undefined
  const start = Math.ceil(sp / 8) * 8
  const limit = Math.min(start + (bp === 0 ? ROOT_SCAN_WORDS : SCAN_WORDS) * 8, end)
  memory.moveTo(toAddress(start), toAddress(limit))
  for (let slot = toAddress(start); slot < limit; slot = toAddress(slot + 8)) {
    const word = memory.number64(slot)
    if (word === undefined) return undefined
    // Most words of a stack are small numbers, and no code is there.
    if (word < LOWEST_CODE || word >= ADDRESS_LIMIT) continue
    const cfa = toAddress(slot + 8)
    if (!isCaller(toAddress(word), cfa)) continue
    const caller = new RegisterSetBuilder()
    caller.setAddress(DWARF_REGISTER.rip, toAddress(word)).setAddress(DWARF_REGISTER.rsp, cfa)
    if (bp !== undefined && bp >= cfa) caller.setAddress(DWARF_REGISTER.rbp, bp)
    return {cfa, caller: caller.build()}
  }
  return undefined
}

/** From there to the call in what libcs start processes and threads with. */
const ROOT_REACH = 64

/**
 * Whether the code before a return address marked the outermost frame: rbp was zeroed and the call made straight from
 * there (System V ABI, AMD64 supplement, 3.4.1; _start and clone in musl). For frames above which nothing was found.
 */
export function startsStack(
  returnPc: Address,
  memory: MemoryReader,
  decode: (pc: Address) => DecodedInstruction | undefined,
): boolean {
  for (let back = 2; back <= Math.min(ROOT_REACH, returnPc); back++) {
    const start = toAddress(returnPc - back)
    if (!zeroesFramePointer(memory, start)) continue
    if (leadsStraightTo(start, returnPc, decode)) return true
  }
  return false
}

function leadsStraightTo(
  start: Address,
  returnPc: Address,
  decode: (pc: Address) => DecodedInstruction | undefined,
): boolean {
  let first = true
  for (let at = start; at < returnPc; first = false) {
    const instruction = decode(at)
    if (instruction?.flow !== 'next') return false
    const {effect} = instruction
    const setsRbp = 'register' in effect && effect.register === DWARF_REGISTER.rbp && effect.kind !== 'push'
    if ((setsRbp && !first) || effect.kind === 'leave') return false
    at = nextAddress(instruction)
    if (instruction.isCall) return at === returnPc
  }
  return false
}
