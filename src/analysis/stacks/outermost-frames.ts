import {type Address, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {readAddress} from '../../base/memory-reader.ts'
import {type Goroutine, isAtStart, isOnStack} from '../../runtime-model/goroutine.ts'
import type {StopReason, UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'

/** How the walk of a stack ended, and the outermost frame of it. */
export interface WalkEnd {
  readonly stop: StopReason
  readonly last: Pick<UnwindFrame, 'sp'> | undefined
}

/** A g0 is entered by mcall or systemstack, and called by nothing on its own stack; C may have 0 in rbp, too. */
export function isOutermost({version}: DeadProcess, goroutine: Goroutine, {stop, last}: WalkEnd): boolean {
  if (stop === 'frame-limit' || stop === 'timeout' || goroutine.id === 0) return true
  return stop === 'end-of-stack' && last !== undefined && isAtStart(goroutine, last.sp, version)
}

/**
 * Whether a goroutine is in no callback for sure: cgocallbackg locks it to its thread, up to where a panic has run what
 * was deferred there (unwindm; src/runtime/cgocall.go).
 */
export function isOutsideOfC({m, lockedToThread, hasPanics}: Goroutine): boolean {
  return m === NULL_ADDRESS && !lockedToThread && !hasPanics
}

type FramelessCaller = Pick<UnwindFrame, 'pc' | 'lookupPc' | 'sp' | 'cfa'> & {foundBy: 'frame-pointer'; kind: 'native'}

/** Functions without a frame that call one another: more are no program's. */
const FRAMELESS_MAX = 16

/**
 * The callers of a frame with 0 in rbp, which lies below where the goroutine begins: it has no record of its own (up to
 * 1.7 no function that needs no room has one), so that its return address is on top of the stack, and so on up to
 * goexit. None where anything else lies between.
 */
export function framelessCallers(process: DeadProcess, goroutine: Goroutine, sp: Address): FramelessCaller[] {
  const {topSp, stack} = goroutine
  const count = (topSp - sp) / 8
  if (!isOnStack(stack, topSp) || count < 1 || count > FRAMELESS_MAX) return []
  const callers: FramelessCaller[] = []
  for (let at = sp; at < topSp; at = toAddress(at + 8)) {
    const pc = readAddress(process.memory, at)
    if (pc === undefined || !process.isExecutable(pc)) return []
    const own = toAddress(at + 8)
    const cfa = own === topSp ? undefined : toAddress(own + 8)
    callers.push({pc, lookupPc: toAddress(pc - 1), sp: own, cfa, foundBy: 'frame-pointer', kind: 'native'})
  }
  return callers
}
