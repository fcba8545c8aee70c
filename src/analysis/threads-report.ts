import {USER_REGS} from '../amd64/user-regs.ts'
import {hex} from '../base/address.ts'
import type {CoreThread} from '../elf/core-file.ts'
import type {FrameReport, ThreadReport} from '../report/core-report.ts'
import {beginsThread} from '../unwind/thread-start.ts'
import type {UnwindFrame} from '../unwind/unwind-frame.ts'
import {reportNativeFrame} from './frames/c-frames.ts'
import {FrameFilter, GoFrameReports} from './frames/go-frames.ts'
import {cPlumbing, goPlumbing} from './frames/irrelevant-frames.ts'
import type {DeadProcess} from './process/dead-process.ts'
import type {ThreadStacks} from './stacks/thread-stacks.ts'
import type {ThreadStack} from './stacks/thread-walk.ts'
import type {Blocking} from './waits/blocking.ts'

/** Every thread with its whole stack: Go frames and C frames stitched, from the registers out. */
export function reportThreads(process: DeadProcess, threads: ThreadStacks, blocking: Blocking): ThreadReport[] {
  return process.core.threads.map(thread => reportThread(process, threads, thread, blocking))
}

/**
 * Those that no living goroutine was on, walked as they are asked for, without the frames of the runtime's own signal
 * handlers. `idle`: whether Ms that only wait for work are wanted too.
 */
export function* reportThreadsWithoutGoroutine(
  process: DeadProcess,
  threads: ThreadStacks,
  blocking: Blocking,
  idle: boolean,
): Generator<ThreadReport> {
  for (const thread of process.core.threads) {
    if (threads.isOnGoroutine(thread.tid)) continue
    const stack = threads.ofThread(thread.tid)
    if (!idle && stack && waitsInGo(stack)) continue
    const report = reportFrames(process, thread, stack, blocking, stack?.base ?? 0)
    if (idle || !report.idle) yield report
  }
}

/** One thread with its whole stack. */
export function reportThread(
  process: DeadProcess,
  threads: ThreadStacks,
  thread: CoreThread,
  blocking: Blocking,
): ThreadReport {
  return reportFrames(process, thread, threads.ofThread(thread.tid), blocking, 0)
}

function reportFrames(
  process: DeadProcess,
  thread: CoreThread,
  stack: ThreadStack | undefined,
  blocking: Blocking,
  from: number,
): ThreadReport {
  const goFrames = new GoFrameReports(process)
  const frames = stack?.frames ?? []
  const physical = frames.slice(from).map(frame => reportPhysical(process, frame, goFrames))
  const inner = physical.slice(0, Math.max(0, innerCount(frames) - from))
  const base = (stack?.base ?? 0) - from
  /** Where a place between physical frames is between the logical ones. */
  const place = (after: number) => physical.slice(0, Math.max(0, after - from)).flat().length
  const {machine, goroutine, parked} = stack ?? {}
  const current = goroutine ?? parked
  return {
    id: thread.tid,
    name: thread.name ?? null,
    m: machine?.id ?? null,
    goroutine: current && !current.isDead ? current.id : null,
    signal: stack?.interruptions[0]?.signal?.signal ?? null,
    idle: machine !== undefined && inner.slice(base).flat().every(isSchedulerFrame),
    waitingFor: blocking.waitOfThread(thread.tid),
    handlerFrames: physical.slice(0, base).flat().length,
    frames: physical.flat(),
    stop: stack?.stop ?? null,
    elided: stack?.elided ? {...stack.elided, after: place(stack.elided.after)} : null,
    missing: (stack?.missing ?? []).map(({after, reason}) => ({after: place(after), reason})),
    registers: reportUserRegisters(thread),
  }
}

/** Whether an M is idle, told without a look at any symbol: most of a program's threads are. */
function waitsInGo({machine, frames, base}: ThreadStack): boolean {
  const inner = frames.slice(base, innerCount(frames))
  return machine !== undefined && inner.every(({go}) => go && goPlumbing(go.name) === 'runtime')
}

/** Frames up to the one that began the Go part of the thread: those of C below it tell nothing of what it does. */
function innerCount(frames: readonly UnwindFrame[]): number {
  const start = frames.findIndex(({go}) => go && beginsThread(go))
  return start < 0 ? frames.length : start + 1
}

/** An M without work shows the scheduler's frames, and below them those that began the thread. */
function isSchedulerFrame(frame: FrameReport): boolean {
  if (frame.function === null) return false
  return frame.kind === 'go' ? goPlumbing(frame.function) === 'runtime' : cPlumbing(frame.function) !== undefined
}

/** One physical frame: inlined calls first. */
function reportPhysical(process: DeadProcess, frame: UnwindFrame, goFrames: GoFrameReports): FrameReport[] {
  const {version} = process
  const {go, pc, sp, lookupPc, foundBy, cfa} = frame
  if (!go) return reportNativeFrame(process, frame)
  const physical = {fn: go, pc, symPc: lookupPc, sp, fp: cfa ?? sp}
  const everything = new FrameFilter({version, level: 2, whole: true}, true)
  return everything.visible(physical).map(logical => goFrames.report(physical, logical, foundBy))
}

function reportUserRegisters({registers}: CoreThread): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, index] of Object.entries(USER_REGS)) {
    const word = registers[index]
    if (word !== undefined) out[name] = hex(word)
  }
  return out
}
