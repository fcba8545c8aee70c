import type {RegisterSet} from '../amd64/register-set.ts'
import {DWARF_REGISTER} from '../amd64/registers.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {makeRow, RETURN_ADDRESS, type UnwindRow} from '../dwarf/unwind-row.ts'
import {type AppliedRow, applyRow} from './apply-row.ts'
import type {CodeMap} from './code-map.ts'

/** After `push %rbp; mov %rsp,%rbp` (System V ABI, AMD64 supplement, 3.2.2). */
export const FRAME_POINTER_ROW: UnwindRow = makeRow(
  {kind: 'register', register: DWARF_REGISTER.rbp, offset: 16},
  {[DWARF_REGISTER.rbp]: {kind: 'at-cfa', offset: -16}, ...RETURN_ADDRESS},
  'unknown',
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
