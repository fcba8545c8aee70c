import {type Address, toAddress} from '../../base/address.ts'
import {readAddress} from '../../base/memory-reader.ts'
import {isAtSystemCall} from '../../unwind/guessed-caller.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {CGOCALL_RECORDS} from './frame-record.ts'

type Code = Pick<DeadProcess, 'memory' | 'isExecutable'>
export type CodeOfRelease = Code & Pick<DeadProcess, 'oldestVersion' | 'goModule'>

/**
 * Whether the caller of a frame may be hidden: code that is not at hand was interrupted, and what is on top of the
 * stack may return from it. If its function has a frame that word is a leftover, and rbp leads to the caller; if it has
 * none, rbp is the caller's own and leads over it.
 */
export function mayHideCaller(code: CodeOfRelease, frame: UnwindFrame): boolean {
  if (frame.kind === 'signal' || code.memory.read(frame.pc, 1) !== undefined) return false
  if (!frame.interrupted) return mayLackRecord(code, frame)
  return !isAtSystemCall(frame.registers) && holdsReturn(code, frame)
}

/**
 * Up to 1.7 a Go function that needs no room keeps no frame pointer, whatever it calls (preprocess,
 * src/cmd/internal/obj/x86/obj6.go): that of the frame is its caller's. What a call of cgocall begins with is code,
 * too.
 */
function mayLackRecord(code: CodeOfRelease, {pc, sp}: UnwindFrame): boolean {
  const {oldestVersion, goModule} = code
  if (oldestVersion.atLeast(8) || !goModule || pc < goModule.start || pc >= goModule.end) return false
  return holdsReturn(code, {pc, sp}) && !isCallOfCgocall(code, sp)
}

/**
 * Whether the two words on top of a frame are what its function gave to cgocall, which gave them to asmcgocall further
 * in; or it is cgocall, to which they were given further out.
 */
function isCallOfCgocall({memory}: Code, sp: Address): boolean {
  const word = (at: number) => readAddress(memory, toAddress(at))
  const [fn, argument] = [word(sp), word(sp + 8)]
  return CGOCALL_RECORDS.some(words => {
    const offset = 16 + words * 8
    return [sp - offset, sp + offset].some(at => word(at) === fn && word(at + 8) === argument)
  })
}

/** Whether on top of a frame stands what may be a return address, of the same program or library. */
export function holdsReturn({memory, isExecutable}: Code, {pc, sp}: Pick<UnwindFrame, 'pc' | 'sp'>): boolean {
  const word = readAddress(memory, sp)
  return word !== undefined && isExecutable(word) && memory.moduleAt(word) === memory.moduleAt(pc)
}
