import {USER_REGS} from '../amd64/user-regs.ts'
import {hex} from '../base/address.ts'
import type {CoreThread} from '../elf/core-file.ts'
import type {FrameReport, ThreadReport} from '../report/core-report.ts'
import {isOnStack} from '../runtime-model/goroutine.ts'
import type {Machine} from '../runtime-model/machine.ts'
import {beginsThread} from '../unwind/thread-start.ts'
import type {UnwindFrame} from '../unwind/unwind-frame.ts'
import {imageOnThread} from './crash/crashed-image.ts'
import {reportNativeFrame} from './frames/c-frames.ts'
import {ForeignFrames} from './frames/foreign-frames.ts'
import {FrameFilter, GoFrameReports} from './frames/go-frames.ts'
import {cPlumbing, goPlumbing} from './frames/irrelevant-frames.ts'
import type {DeadProcess} from './process/dead-process.ts'
import {imageName} from './process/process-facts.ts'
import {reportBareFrame} from './stacks/frame-pointer-stack.ts'
import type {ThreadStacks} from './stacks/thread-stacks.ts'
import type {ThreadStack} from './stacks/thread-walk.ts'
import {type FrameValues, gapsOf, threadOf} from './values/frame-values.ts'
import type {Blocking} from './waits/blocking.ts'

/** As a deadline names them. */
const STACKS_OF_THREADS = 'the list of threads with their stacks'

/**
 * Every thread with its whole stack: Go frames and C frames stitched, from the registers out. `images`: the threads as
 * each Go runtime sees them, here and below.
 */
export function reportThreads(
  images: readonly ThreadStacks[],
  blocking: Blocking,
  values?: FrameValues,
): ThreadReport[] {
  return (images[0]?.process.core.threads ?? []).map(thread => reportThreadInTime(images, thread, blocking, values))
}

/** One of many: without its stack where the time is over. */
export function reportThreadInTime(
  images: readonly ThreadStacks[],
  thread: CoreThread,
  blocking: Blocking,
  values?: FrameValues,
): ThreadReport {
  const isLate = images[0]?.process.deadline.isOver(STACKS_OF_THREADS) === true
  return isLate ? reportUnwalked(images, thread) : reportThread(images, thread, blocking, values)
}

/**
 * Those that no living goroutine was on, walked as they are asked for, without the frames of the runtime's own signal
 * handlers. `idle`: whether Ms that only wait for work are wanted too.
 */
export function* reportThreadsWithoutGoroutine(
  images: readonly ThreadStacks[],
  blocking: Blocking,
  idle: boolean,
  values?: FrameValues,
): Generator<ThreadReport> {
  for (const thread of images[0]?.process.core.threads ?? []) {
    const threads = imageOnThread(images, thread.tid)
    if (threads.isOnGoroutine(thread.tid)) continue
    if (threads.process.deadline.isOver(STACKS_OF_THREADS)) return
    const stack = threads.ofThread(thread.tid)
    if (!idle && stack && waitsInGo(threads.process, stack)) continue
    const report = reportFrames(images, thread, blocking, {from: stack?.base ?? 0, values})
    if (idle || !report.idle) yield report
  }
}

/** One thread with its whole stack. */
export function reportThread(
  images: readonly ThreadStacks[],
  thread: CoreThread,
  blocking: Blocking,
  values?: FrameValues,
): ThreadReport {
  return reportFrames(images, thread, blocking, {from: 0, values})
}

function reportFrames(
  images: readonly ThreadStacks[],
  thread: CoreThread,
  blocking: Blocking,
  {from, values}: {from: number; values: FrameValues | undefined},
): ThreadReport {
  const threads = imageOnThread(images, thread.tid)
  const {process} = threads
  const stack = threads.ofThread(thread.tid)
  const goFrames = new GoFrameReports(process)
  const foreign = new ForeignFrames(process, EVERYTHING)
  const frames = stack?.frames ?? []
  const goroutine = stack?.goroutine ?? stack?.parked
  const known = {goroutine, goFrames, names: threads.namesOnThread(thread.tid)}
  const report = (frame: UnwindFrame) => foreign.report(frame) ?? reportPhysical(process, frame, known)
  const physical = frames.slice(from).map(report)
  const inner = physical.slice(0, Math.max(0, innerCount(frames) - from))
  const base = (stack?.base ?? 0) - from
  /** Where a place between physical frames is between the logical ones. */
  const place = (after: number) => physical.slice(0, Math.max(0, after - from)).flat().length
  const machine = stack?.machine
  const elided = stack?.elided ? {...stack.elided, after: place(stack.elided.after)} : null
  const missing = (stack?.missing ?? []).flatMap(({after, reason}) =>
    after < from ? [] : {after: place(after), reason},
  )
  return {
    id: thread.tid,
    name: thread.name ?? null,
    image: machine ? imageName(process) : null,
    m: machine?.id ?? null,
    goroutine: (machine && threads.goroutineOf(machine)?.id) ?? null,
    goroutineKnown: threads.knowsGoroutine(thread.tid, machine),
    alsoRuns: images.flatMap(other => (other === threads ? [] : (runsOn(other, thread) ?? []))),
    signal: stack?.interruptions[0]?.signal?.signal ?? null,
    idle: isIdle(threads, thread, inner.slice(base).flat()),
    waitingFor: blocking.waitOfThread(thread.tid),
    handlerFrames: physical.slice(0, base).flat().length,
    frames: values
      ? values.describe(physical.flat(), gapsOf(elided, missing), stack && threadOf(process, stack))
      : physical.flat(),
    stop: stack?.stop ?? null,
    elided,
    missing,
    // Of many threads nobody asks.
    get registers() {
      return reportUserRegisters(thread)
    },
  }
}

/** What is known of a thread without a look at its stack. */
function reportUnwalked(images: readonly ThreadStacks[], thread: CoreThread): ThreadReport {
  const threads = imageOnThread(images, thread.tid)
  const machine = threads.machineOf(thread.tid)
  return {
    id: thread.tid,
    name: thread.name ?? null,
    image: machine ? imageName(threads.process) : null,
    m: machine?.id ?? null,
    goroutine: (machine && threads.goroutineOf(machine)?.id) ?? null,
    goroutineKnown: threads.knowsGoroutine(thread.tid, machine),
    alsoRuns: images.flatMap(other => (other === threads ? [] : (runsOn(other, thread) ?? []))),
    signal: null,
    idle: null,
    waitingFor: null,
    handlerFrames: 0,
    frames: [],
    stop: 'timeout',
    elided: null,
    missing: [{after: 0, reason: 'timeout'}],
    get registers() {
      return reportUserRegisters(thread)
    },
  }
}

/** What a runtime has on a thread that is told by another one. */
function runsOn(threads: ThreadStacks, {tid}: CoreThread): ThreadReport['alsoRuns'][number] | undefined {
  const image = imageName(threads.process)
  const machine = threads.machineOf(tid)
  if (!machine || image === null) return undefined
  return {image, m: machine.id, goroutine: threads.goroutineOf(machine)?.id ?? null}
}

/**
 * Whether a thread only waits for work: by its inner frames, without those of handlers, else by what its M runs and by
 * the scheduler's list; null where none of them tells.
 */
function isIdle(threads: ThreadStacks, {tid}: CoreThread, frames: readonly FrameReport[]): boolean | null {
  const {process} = threads
  const stack = threads.ofThread(tid)
  const machine = threads.machineOf(tid)
  if (!machine) return threads.knowsGoroutine(tid, machine) ? false : null
  if (stack && frames.every(isSchedulerFrame) && isKnownIdle(process, stack)) return true
  if (isThrowing(machine)) return false
  if (process.runtime?.isListedIdle(machine)) return true
  const isAtWork =
    stack?.goroutine ?? stack?.parked ?? frames.find(frame => frame.function !== null && !isSchedulerFrame(frame))
  return isAtWork ? false : null
}

/**
 * Behind frames that are lost the M's goroutine may have called, or C on a thread of its own: an M of Go that has none
 * is idle all the same, unless it dies in the scheduler.
 */
function isKnownIdle({runtime}: DeadProcess, {machine, goroutine, parked, stop, frames}: ThreadStack): boolean {
  if (machine === undefined || isThrowing(machine)) return false
  if (stop === 'end-of-stack' || frames.some(({go}) => go && beginsThread(go))) return true
  return (goroutine ?? parked) === undefined && runtime?.isExtraMachine(machine) !== true
}

/** An M that a signal found idle dies too, but its own frames are the scheduler's all the same. */
function isThrowing({dying, caughtsig}: Machine): boolean {
  return dying !== 0 && caughtsig === 0
}

/** Whether an M is idle, told without a look at any symbol: most of a program's threads are. */
function waitsInGo(process: DeadProcess, stack: ThreadStack): boolean {
  const inner = stack.frames.slice(stack.base, innerCount(stack.frames))
  if (stack.machine && !isThrowing(stack.machine) && process.runtime?.isListedIdle(stack.machine)) return true
  return isKnownIdle(process, stack) && inner.every(({go}) => go && goPlumbing(go.name) === 'runtime')
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

const EVERYTHING = {level: 2, whole: true} as const

/** What is known of a thread when its frames are reported. */
interface KnownOfThread extends Pick<ThreadStack, 'goroutine' | 'names'> {
  readonly goFrames: GoFrameReports
}

/** One physical frame: inlined calls first. */
function reportPhysical(
  process: DeadProcess,
  frame: UnwindFrame,
  {goroutine, goFrames, names}: KnownOfThread,
): FrameReport[] {
  const {version, tables} = process
  const {go, pc, sp, lookupPc, foundBy, cfa} = frame
  const isOwn = !tables && goroutine && isOnStack(goroutine.stack, sp)
  if (!go && (isOwn || names.has(sp))) return reportBareFrame(process, frame, names)
  if (!go) return reportNativeFrame(process, frame)
  const physical = {fn: go, pc, symPc: lookupPc, sp, fp: cfa ?? sp}
  const everything = new FrameFilter({version, ...EVERYTHING}, true)
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
