import {directCallTarget} from '../amd64/call-encoding.ts'
import {RegisterSet} from '../amd64/register-set.ts'
import {DWARF_REGISTER} from '../amd64/registers.ts'
import {type Address, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import {makeRow, RETURN_ADDRESS, type UnwindRow} from '../dwarf/unwind-row.ts'
import type {GoFunction} from '../gosym/go-function.ts'
import type {SavedStack} from './stack-switch.ts'

type FunctionAt = (pc: Address) => GoFunction | undefined

/** Words above g0.sched.sp in which mstart1 keeps its frame up to 1.9. */
const MSTART1_WORDS = 64

/**
 * Whether a function begins the Go part of a thread: for the runtime a stack ends there. What had called it is C's
 * (crosscall1, crosscall_amd64; libc's call of main), runtime.clone where the runtime makes its threads itself, or
 * nothing at all.
 */
export function beginsThread({funcID}: GoFunction): boolean {
  return funcID === 'mstart' || funcID === 'rt0_go'
}

/**
 * What the kernel starts in a thread that the runtime made without C, with nothing above it on the stack
 * (runtime·clone, sys_linux_amd64.s).
 */
export function isFirstOfThread({name}: GoFunction): boolean {
  return name === 'runtime.clone'
}

/** pop %r15, %r14, %r13, %r12, %rbp, %rbx; ret. */
const CROSSCALL1_END = [0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3] as const
const CROSSCALL1_SAVED = 6 * 8

/** The callee-saved registers of C below its return address, rbx outermost; no table says so. */
const CROSSCALL1_ROW: UnwindRow = makeRow(
  {kind: 'register', register: DWARF_REGISTER.rsp, offset: CROSSCALL1_SAVED + 8},
  {
    [DWARF_REGISTER.rbx]: {kind: 'at-cfa', offset: -16},
    [DWARF_REGISTER.rbp]: {kind: 'at-cfa', offset: -24},
    [DWARF_REGISTER.r12]: {kind: 'at-cfa', offset: -32},
    [DWARF_REGISTER.r13]: {kind: 'at-cfa', offset: -40},
    [DWARF_REGISTER.r14]: {kind: 'at-cfa', offset: -48},
    [DWARF_REGISTER.r15]: {kind: 'at-cfa', offset: -56},
    ...RETURN_ADDRESS,
  },
  'unknown',
)

/**
 * The row of crosscall1 (crosscall_amd64 up to 1.17), which calls mstart for C, at that call: known by all the code
 * behind it, for its name may be gone (runtime/cgo/gcc_amd64.S, the same in every release).
 */
export function crosscall1Row(memory: MemoryReader, pc: Address): UnwindRow | undefined {
  const code = memory.read(pc, CROSSCALL1_END.length)
  return code && CROSSCALL1_END.every((byte, index) => code[index] === byte) ? CROSSCALL1_ROW : undefined
}

/** `MOVQ DI, AX; MOVQ SI, BX; SUBQ, ANDQ` with small constants. */
const RT0_GO_PROLOGUE = 14
/**
 * rt0_go lowers SP by 40 and aligns it, which pcsp does not say (SUBQ $(4*8+7) up to 1.17, $(5*8) since; ANDQ $~15). C
 * calls with an aligned stack (System V ABI, AMD64 supplement, 3.2.2): the alignment then changes nothing.
 */
const RT0_GO_FRAME = 40

/** The row of rt0_go at a call; `size` is what it has pushed. undefined where SP is not lowered yet. */
export function rt0GoRow(offset: number, size: number): UnwindRow | undefined {
  if (offset < RT0_GO_PROLOGUE) return undefined
  const cfa = {kind: 'register', register: DWARF_REGISTER.rsp, offset: size + RT0_GO_FRAME + 8} as const
  return makeRow(cfa, RETURN_ADDRESS, 'unknown')
}

/**
 * mcall, and morestack for a goroutine that is preempted, run the scheduler from g0.sched on, over what was there when
 * the thread began: where g0 has no goroutine any more, the frames below are those of mstart (runtime·mcall,
 * runtime·morestack, asm_amd64.s; mstart1, proc.go). undefined where their frame is not there.
 */
export function findCallerOfScheduler(input: {
  memory: MemoryReader
  functionAt: FunctionAt
  /** Behind the call in mcall, which has pushed one word, or in morestack, which has pushed none. */
  sp: Address
  g0: SavedStack
}): RegisterSet | undefined {
  const {memory, functionAt, sp, g0} = input
  if (sp + 8 !== g0.schedSp && sp !== g0.schedSp) return undefined
  const name = functionAt(g0.schedPc)?.name
  if (name === 'runtime.mstart0' || name === 'runtime.mstart') return RegisterSet.ofPosition(g0.schedPc, g0.schedSp)
  return findCallOfMstart1(memory, functionAt, g0.schedSp)
}

/** Up to 1.9 g0.sched lies in mstart1's own frame, and its pc is made useless: the call of mstart1 is above it. */
function findCallOfMstart1(memory: MemoryReader, functionAt: FunctionAt, from: Address): RegisterSet | undefined {
  for (let index = 0; index < MSTART1_WORDS; index++) {
    const slot = toAddress(from + index * 8)
    const pc = readAddress(memory, slot)
    if (pc === undefined || functionAt(pc)?.funcID !== 'mstart') continue
    const target = directCallTarget(memory, pc)
    if (target !== undefined && functionAt(target)?.name === 'runtime.mstart1') {
      return RegisterSet.ofPosition(pc, toAddress(slot + 8))
    }
  }
  return undefined
}
