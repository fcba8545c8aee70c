import type {MemoryReader} from '../base/memory-reader.ts'
import {makeRow, type UnwindRow} from '../dwarf/unwind-row.ts'
import {applyRow} from './apply-row.ts'
import type {CodeMap} from './code-map.ts'
import {findFramePointerCaller} from './frame-pointer-rows.ts'
import {scanForCaller} from './scan.ts'
import type {Departure, Position} from './unwinder.ts'

/** Nothing is on the stack yet but the return address: right after a call. */
const JUST_CALLED_ROW: UnwindRow = makeRow(
  {kind: 'register', register: 7, offset: 8},
  {16: {kind: 'at-cfa', offset: -8}},
)

/** The caller of a frame that no table covers: by what kind of place it is, then frame pointer, then scan. */
export function findUncoveredCaller(position: Position, memory: MemoryReader, code: CodeMap): Departure {
  const {registers, exactPc, foundBy} = position
  const {pc, bp} = registers
  if (pc === undefined) return {cfa: undefined, next: 'unmapped'}
  if (exactPc && !code.isCode(pc, true)) return leaveWildPc(position, memory, code)
  // Threads and processes start with rbp 0 (System V ABI, 3.4.1; clone in musl): an uncovered caller with it is the root.
  const isRoot = !exactPc && bp === 0 && foundBy !== 'scan'
  if (isRoot) return {cfa: undefined, next: 'end-of-stack'}
  const framed = findFramePointerCaller(registers, memory, code)
  if (framed) return {cfa: framed.cfa, next: {registers: framed.caller, foundBy: 'frame-pointer', exactPc: false}}
  const scanned = scanForCaller(registers, memory, code)
  if (scanned) return {cfa: scanned.cfa, next: {registers: scanned.caller, foundBy: 'scan', exactPc: false}}
  return {cfa: undefined, next: 'no-unwind-info'}
}

/** A call through a null or wild pointer: the fault is at the target, the return address was just pushed. */
function leaveWildPc(position: Position, memory: MemoryReader, code: CodeMap): Departure {
  const applied = applyRow(JUST_CALLED_ROW, position.registers, memory)
  const pc = applied?.caller.pc
  if (!applied || pc === undefined || code.isReturnAddress(pc) === false) return {cfa: undefined, next: 'unmapped'}
  return {cfa: applied.cfa, next: {registers: applied.caller, foundBy: 'scan', exactPc: false}}
}
