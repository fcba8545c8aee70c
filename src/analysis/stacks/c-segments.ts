import {RegisterSet} from '../../amd64/register-set.ts'
import type {Address} from '../../base/address.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {StopReason, UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {findStart} from './goroutine-start.ts'
import type {ThreadStack, ThreadStacks} from './thread-stacks.ts'

type Frame = UnwindFrame

/** What a goroutine's thread was doing on other stacks than the goroutine's own, cut at the seams. */
export interface CSegments {
  /** Above the goroutine's first frame: C under cgocall, or the runtime under systemstack, mcall or morestack. */
  leaf: readonly Frame[]
  /** Below the n-th cgocallback frame, innermost first: from crosscall2 out to the next asmcgocall or the thread's start. */
  callbacks: readonly (readonly Frame[])[]
  stop: StopReason | undefined
}

const NONE: CSegments = {leaf: [], callbacks: [], stop: undefined}

/** Of a goroutine that runs on a thread, or that was parked while C code waits for its callback to return. */
export function findCSegments(process: DeadProcess, threads: ThreadStacks, goroutine: Goroutine): CSegments {
  const {runtime} = process
  if (!runtime) return NONE
  const machine = goroutine.m === 0 ? undefined : runtime.machineAt(goroutine.m)
  const start = findStart(process, threads, goroutine).sp
  if (machine && machine.curg === goroutine.address) {
    const stack = threads.goroutineOn(machine) && threads.ofMachine(machine)
    return stack ? cutAtSeams(stack.frames.slice(stack.base), stack.stop, isAwayFrom(goroutine), start) : NONE
  }
  const locked = goroutine.lockedM === 0 ? undefined : runtime.machineAt(goroutine.lockedM)
  if (locked?.curg !== 0 || locked.lockedg !== goroutine.address) return NONE
  // Parked inside of a callback: its Go frames begin at the gobuf, its C frames are on the stack of the M that is kept for it.
  const {sched} = goroutine
  const switches = threads.switchesOf(locked, goroutine)
  const seed = {
    registers: RegisterSet.ofPosition(sched.pc, sched.sp, sched.bp),
    foundBy: 'gobuf' as const,
    exactPc: false,
  }
  const frames: Frame[] = []
  const walk = process.unwinder.frames(seed, {switches, frameLimit: process.maxFrames})
  let next = walk.next()
  for (; !next.done; next = walk.next()) frames.push(next.value)
  return cutAtSeams(frames, next.value, isAwayFrom(goroutine), start)
}

/** Whether a frame is on another stack than the goroutine's. */
function isAwayFrom({stack}: Goroutine): (frame: Frame) => boolean {
  return ({sp}) => sp < stack.lo || sp > stack.hi
}

/**
 * `start` is SP where the walk of the goroutine's own stack begins. What lies further in is not shown: a callback that is entering Go or
 * leaving it (runtime.cgocallbackg around exitsyscall and reentersyscall) is still in the system call of the cgocall around it.
 */
function cutAtSeams(
  frames: readonly Frame[],
  stop: StopReason,
  isAway: (frame: Frame) => boolean,
  start: Address,
): CSegments {
  const leaf: Frame[] = []
  const callbacks: Frame[][] = []
  let current: Frame[] | undefined = leaf
  let afterCallback = false
  for (const frame of frames) {
    if (isAway(frame)) {
      if (afterCallback) {
        current = []
        callbacks.push(current)
      }
      current?.push(frame)
      afterCallback = false
      continue
    }
    if (frame.kind === 'go' && frame.sp < start) {
      leaf.length = 0
      continue
    }
    // Frames on the goroutine's own stack are the Go walk's; native ones there (a vDSO call, a wild jump) belong to the leaf.
    if (frame.kind !== 'go' && current === leaf) leaf.push(frame)
    else if (frame.kind === 'go') {
      if (current === leaf) current = undefined
      afterCallback = frame.go?.funcID === 'cgocallback'
    }
  }
  return {leaf, callbacks, stop}
}

export type {ThreadStack}
