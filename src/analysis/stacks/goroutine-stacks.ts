import {MemoryWindow} from '../../base/memory-window.ts'
import type {GoTables} from '../../gosym/func-table.ts'
import type {LogicalFrame} from '../../gosym/go-function.ts'
import type {FrameReport, GoroutineReport} from '../../report/core-report.ts'
import type {MissingReason} from '../../report/vocabulary.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {GoSites} from '../../unwind/go-site.ts'
import {type GoFrame, GoStackWalk} from '../../unwind/goroutine-walk.ts'
import type {StopReason, UnwindFrame} from '../../unwind/unwind-frame.ts'
import {reportNativeFrame, reportSavedPcs, reportSwitch} from '../frames/c-frames.ts'
import {Creation} from '../frames/creation.ts'
import {ForeignFrames, foreignImage} from '../frames/foreign-frames.ts'
import {FrameWindow, GO_FRAMES} from '../frames/frame-window.ts'
import {FrameFilter, GoFrameReports, type Visibility} from '../frames/go-frames.ts'
import {describeUnknownPc} from '../frames/unknown-pc.ts'
import {type DeadProcess, holds} from '../process/dead-process.ts'
import type {CSegment} from './c-segments.ts'
import {reportBareFrame, walkBareStack} from './frame-pointer-stack.ts'
import {type FoundStart, findStart, WALK_LIMIT} from './goroutine-start.ts'
import {checkSavedCallers} from './saved-callers-check.ts'
import {endsProcess} from './signals.ts'
import {
  firstStop,
  type Seam,
  type StitchedFrame,
  stitchBareStack,
  stitchStack,
  stitchSystemStack,
} from './stitched-stack.ts'
import type {ThreadStacks} from './thread-stacks.ts'

export type CgoFrames = 'auto' | 'saved' | 'none'

/** Physical frames that releases up to 1.20 walk (_TracebackMaxFrames). */
const OLD_FRAME_LIMIT = 100

export interface StackRequest {
  goroutine: Goroutine
  visibility: Visibility
  cgoFrames: CgoFrames
  /** The crashing goroutine: frames of dying above this position are left out. */
  start?: FoundStart
}

export type StackParts = Pick<
  GoroutineReport,
  'remarks' | 'frames' | 'elided' | 'missing' | 'stop' | 'createdBy' | 'ancestors'
>

/** Of Go frames the report is made when the window has closed: of a deep stack it keeps few. */
type ShownFrame =
  | {isGo: boolean; report: FrameReport}
  | {isGo: true; frame: GoFrame; logical: LogicalFrame; foundBy: FrameReport['foundBy']}

type Printed = Pick<StackParts, 'frames' | 'elided' | 'missing' | 'stop'>

/** Makes the report of a goroutine's stack: Go frames as the runtime prints them, C frames where they were called. */
export class GoroutineStacks {
  readonly #process: DeadProcess
  readonly threads: ThreadStacks
  readonly #window: MemoryWindow
  readonly #goFrames: GoFrameReports
  readonly #creation: Creation
  #sites: GoSites | undefined

  constructor(process: DeadProcess, threads: ThreadStacks) {
    this.#process = process
    this.threads = threads
    this.#window = new MemoryWindow(process.memory)
    this.#goFrames = new GoFrameReports(process, this.#window)
    this.#creation = new Creation(process)
  }

  assemble(request: StackRequest): StackParts {
    const {goroutine, visibility, cgoFrames} = request
    // Of a g0 that died in C the runtime shows nothing: what is its own there is what tells who called C.
    const isHidden = this.#systemStackOf(goroutine, cgoFrames) !== undefined
    const filter = new FrameFilter(visibility, isHidden)
    let printed = this.#print(request, filter)
    const remarks = this.#remarks(request)
    const isRepeated = isHidden || filter.shown === 0
    // Nothing to show: the runtime then walks again and shows everything, its remarks too.
    if (filter.shown === 0) printed = this.#print(request, new FrameFilter(visibility, true))
    return {
      remarks: isRepeated ? [...remarks, ...remarks] : remarks,
      ...printed,
      createdBy: this.#creation.report(goroutine.gopc, goroutine.id, goroutine.parentGoid, visibility),
      ancestors: this.#creation.reportAncestors(goroutine, visibility),
    }
  }

  #remarks({goroutine, start}: StackRequest): string[] {
    const {tables} = this.#process
    const {pc, sp} = start ?? findStart(this.#process, this.threads, goroutine)
    return !tables || tables.functionAt(pc) ? [] : describeUnknownPc(this.#process, goroutine, pc, sp)
  }

  #print(request: StackRequest, filter: FrameFilter): Printed {
    const {maxFrames, version} = this.#process
    const isOld = !version.atLeast(21)
    const window = new FrameWindow<ShownFrame>(isOld ? Number.POSITIVE_INFINITY : GO_FRAMES, maxFrames)
    const foreign = new ForeignFrames(this.#process, request.visibility)
    for (const report of this.#savedFrames(request)) window.add({isGo: false, report})
    const steps = this.#stitch(request)
    let count = 0
    let isBelowCallback = false
    let step = steps.next()
    for (; !step.done; step = steps.next()) {
      const item = step.value
      if (item.kind === 'seam') {
        if (item.missing && !standsElsewhere(request.goroutine, item)) window.mark(item.missing)
        isBelowCallback = item.into === 'c'
        continue
      }
      // Up to 1.16 the walk of Go frames meets this asmcgocall too.
      if (isBelowCallback && !version.atLeast(17) && item.kind === 'native' && item.frame.go?.funcID === 'asmcgocall') {
        continue
      }
      count += item.kind === 'left-out' ? item.count : 1
      this.#addTo(window, item, filter, foreign)
    }
    const {frames, elided, missing, isLimited} = window.take(count > maxFrames)
    const isCut = isOld && filter.shown === OLD_FRAME_LIMIT
    return {
      frames: frames.map(frame => this.#report(frame)),
      elided: isCut ? {after: frames.length, count: null} : elided,
      // The text without C frames is what Go alone prints.
      missing: request.cgoFrames === 'none' ? [] : missing,
      stop: isLimited ? firstStop(step.value, 'frame-limit') : step.value,
    }
  }

  #addTo(
    window: FrameWindow<ShownFrame>,
    item: Exclude<StitchedFrame, Seam>,
    filter: FrameFilter,
    foreign: ForeignFrames,
  ): void {
    if (item.kind === 'left-out') window.skip(item.count)
    else if (item.kind === 'go') {
      const visible = filter.visible(item.frame)
      // The walk uses its frame again.
      const frame = visible.length > 0 ? {...item.frame} : item.frame
      for (const logical of visible) window.add({isGo: true, frame, logical, foundBy: item.foundBy})
    } else if (item.kind === 'bare') {
      // Without function tables nothing tells which frames the runtime would hide.
      filter.shown++
      for (const report of reportBareFrame(this.#process, item.frame)) window.add({isGo: true, report})
    } else {
      const reports = foreign.report(item.frame) ?? this.#reportC(item.frame)
      for (const report of reports) window.add({isGo: false, report})
    }
  }

  #report(shown: ShownFrame): FrameReport {
    return 'report' in shown ? shown.report : this.#goFrames.report(shown.frame, shown.logical, shown.foundBy)
  }

  #reportC(frame: UnwindFrame): FrameReport[] {
    return frame.kind === 'go' ? [reportSwitch(this.#process, frame)] : reportNativeFrame(this.#process, frame)
  }

  /** The stack from where the runtime begins to print it. */
  #stitch({goroutine, cgoFrames, ...request}: StackRequest): Generator<StitchedFrame, StopReason> {
    const {version, tables, deadline} = this.#process
    const start = request.start ?? findStart(this.#process, this.threads, goroutine)
    const systemStack = this.#systemStackOf(goroutine, cgoFrames)
    if (systemStack) return stitchSystemStack(systemStack)
    const leaf = cgoFrames === 'auto' ? this.#leafOf(goroutine, start) : undefined
    if (!tables) {
      const bare = walkBareStack(this.#process, this.threads, goroutine)
      return stitchBareStack(leaf, bare, sp => holds(goroutine.stack, sp))
    }
    const callbacks = cgoFrames === 'auto' ? this.threads.callbacksOf(goroutine) : undefined
    const maxFrames = version.atLeast(21) ? WALK_LIMIT : OLD_FRAME_LIMIT
    this.#window.moveTo(start.sp, goroutine.stack.hi)
    const sites = this.#sitesOf(tables, goroutine)
    const go = new GoStackWalk(start, {memory: this.#window, sites, maxFrames, deadline})
    const rejoin = cgoFrames === 'auto' ? this.threads.rejoinOf(goroutine, start) : undefined
    return stitchStack({leaf, go, foundBy: start.foundBy, callbacks, rejoin})
  }

  #systemStackOf(goroutine: Goroutine, cgoFrames: CgoFrames): CSegment | undefined {
    return goroutine.id === 0 && cgoFrames === 'auto' ? this.threads.systemStackOf(goroutine) : undefined
  }

  #leafOf(goroutine: Goroutine, start: FoundStart): CSegment | undefined {
    const leaf = this.threads.leafOf(goroutine, start)
    return leaf?.frames.some(({go}) => go && endsProcess(go) && !foreignImage(this.#process, go)) ? undefined : leaf
  }

  #sitesOf(tables: GoTables, goroutine: Goroutine): GoSites {
    if (goroutine.id === 0) return new GoSites(tables, true)
    this.#sites ??= new GoSites(tables, false)
    return this.#sites
  }

  /**
   * What the signal handler had collected in the cgo call that is in progress; what runtime.traceback1 would print
   * first.
   */
  #savedFrames({goroutine, cgoFrames}: StackRequest): FrameReport[] {
    const {runtime} = this.#process
    const machine = goroutine.m === 0 ? undefined : runtime?.machineAt(goroutine.m)
    if (cgoFrames !== 'saved' || !runtime || !machine || machine.ncgo <= 0 || goroutine.syscall.sp === 0) return []
    return reportSavedPcs(this.#process, checkSavedCallers(this.#process, this.threads, machine))
  }
}

/** A g0 that died in C has no frames of Go; those of C stand with the goroutine that called it. */
function standsElsewhere({id}: Goroutine, {into}: Seam): boolean {
  return id === 0 && into === 'nothing'
}

/** The frames without those that C has left by longjmp. */
export function liveFrames({frames, missing}: Pick<StackParts, 'frames' | 'missing'>): readonly FrameReport[] {
  const place = (reason: MissingReason) => missing.find(each => each.reason === reason)?.after
  const [start, end] = [place('left'), place('rejoined')]
  return start === undefined ? frames : [...frames.slice(0, start), ...frames.slice(end ?? frames.length)]
}
