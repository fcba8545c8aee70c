import {readAddress} from '../../base/memory-reader.ts'
import {isAtSystemCall} from '../../unwind/guessed-caller.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'

type Code = Pick<DeadProcess, 'memory' | 'isExecutable'>

/**
 * Whether the caller of a frame may be hidden: code that is not at hand was interrupted, and what is on top of the
 * stack may return from it. If its function has a frame that word is a leftover, and rbp leads to the caller; if it has
 * none, rbp is the caller's own and leads over it.
 */
export function mayHideCaller(code: Code, frame: UnwindFrame): boolean {
  if (!frame.interrupted || frame.kind === 'signal') return false
  if (code.memory.read(frame.pc, 1) !== undefined || isAtSystemCall(frame.registers)) return false
  return holdsReturn(code, frame)
}

/** Whether on top of a frame stands what may be a return address, of the same program or library. */
export function holdsReturn({memory, isExecutable}: Code, {pc, sp}: Pick<UnwindFrame, 'pc' | 'sp'>): boolean {
  const word = readAddress(memory, sp)
  return word !== undefined && isExecutable(word) && memory.moduleAt(word) === memory.moduleAt(pc)
}
