import {NULL_ADDRESS} from '../../base/address.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import type {StopReason, UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {CSegment} from './c-segments.ts'
import {walkBareStack, walkBehind} from './frame-pointer-stack.ts'
import {type FoundStart, isElsewhere, startSaved} from './goroutine-start.ts'
import {findNamelessThrow} from './nameless-throw.ts'
import {type StitchedFrame, stitchBareStack, stitchLostBareStack} from './stitched-stack.ts'

/**
 * What a thread does, without function tables: a leaf that went on to the stack of its goroutine by frame pointers, and
 * what C that had called back hides from them; or one that did not come there or was lost there, and that stack.
 */
export function stitchNamelessThread(
  process: DeadProcess,
  goroutine: Goroutine,
  walked: CSegment,
): Generator<StitchedFrame, StopReason> {
  const leaf = upToEndOf(goroutine, walked)
  const last = leaf.frames.at(-1)
  const isOwn = last !== undefined && isOnStack(goroutine.stack, last.sp)
  if (isOwn && !isLostBeforeSyscall(process, goroutine, {stop: leaf.stop, last})) {
    const behind = walkBehind(process, goroutine, {stop: leaf.stop, last})
    return stitchBareStack({...leaf, stop: 'end-of-stack'}, behind, () => false)
  }
  const bare = walkBareStack(process, () => last, goroutine, startOfThrow(process, goroutine, last))
  return isOwn ? stitchLostBareStack(leaf, bare) : stitchBareStack(leaf, bare, at => isOnStack(goroutine.stack, at))
}

/**
 * The leaf without what frame pointers found beyond the goroutine's own stack: they are C's own below a callback, and
 * lead to where the stack was before it grew from a frame that kept the old one (reflectcall up to 1.13).
 */
function upToEndOf({stack}: Goroutine, leaf: CSegment): CSegment {
  const {frames, missing, elided} = leaf
  const own = frames.findIndex(({sp}) => isOnStack(stack, sp))
  const end = own < 0 ? -1 : frames.findIndex(({sp}, index) => index > own && !isOnStack(stack, sp))
  if (end < 0 || (elided && elided.after <= end)) return leaf
  return {
    ...leaf,
    frames: frames.slice(0, end),
    missing: missing.filter(({after}) => after < end),
    elided: null,
    stop: 'no-unwind-info',
  }
}

/**
 * Where a goroutine threw whose thread is in a handler with a lost stack: it has not come back from there. Of one that
 * the runtime takes to be in a system call, which C may have left by longjmp, where fatalthrow left for the system
 * stack.
 */
function startOfThrow(
  process: DeadProcess,
  goroutine: Goroutine,
  last: UnwindFrame | undefined,
): FoundStart | undefined {
  const throwing = process.runtime?.machineAt(goroutine.m)?.throwing ?? 0
  const thrown = throwing === 0 || !last ? undefined : findNamelessThrow(process, goroutine, goroutine.sched.sp)
  if (!thrown || isElsewhere(process, () => last, goroutine)) return thrown
  return goroutine.syscall.sp === NULL_ADDRESS ? undefined : startSaved(goroutine)
}

/**
 * Whether a walk was lost on the goroutine's own stack, further in than a system call that is no call of C: from 1.10
 * to 1.13 nanotime leaves its caller with the stack pointer in rbp (src/runtime/sys_linux_amd64.s).
 */
function isLostBeforeSyscall(
  {runtime}: DeadProcess,
  {syscall, m}: Goroutine,
  {stop, last}: {stop: StopReason; last: UnwindFrame},
): boolean {
  return stop !== 'end-of-stack' && last.sp < syscall.sp && runtime?.machineAt(m)?.ncgo === 0
}
