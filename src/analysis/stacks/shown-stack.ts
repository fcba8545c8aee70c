import type {Address, Word} from '../../base/address.ts'
import type {LogicalFrame} from '../../gosym/go-function.ts'
import type {FrameReport, GoroutineReport} from '../../report/core-report.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {GoFrame} from '../../unwind/goroutine-walk.ts'
import type {StopReason, UnwindFrame} from '../../unwind/unwind-frame.ts'
import {reportByHook, reportNativeFrame, reportSwitch} from '../frames/c-frames.ts'
import {ForeignFrames} from '../frames/foreign-frames.ts'
import {FrameWindow, GO_FRAMES} from '../frames/frame-window.ts'
import type {FrameFilter, GoFrameReports, Visibility} from '../frames/go-frames.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {type BareFrame, reportBareFrame} from './frame-pointer-stack.ts'
import {HookLimits} from './hook-limits.ts'
import {firstStop, type Seam, type StitchedFrame, type StitchedGo} from './stitched-stack.ts'
import {NO_NAMES} from './thread-walk.ts'

/** Physical frames that releases up to 1.20 walk (_TracebackMaxFrames). */
export const OLD_FRAME_LIMIT = 100

export type CgoFrames = 'auto' | 'saved' | 'hooks' | 'none'

export type PrintedStack = Pick<GoroutineReport, 'frames' | 'elided' | 'missing' | 'stop'>

/** Of Go frames the report is made when the window has closed: of a deep stack it keeps few. */
type ShownFrame =
  | {isGo: boolean; report: FrameReport}
  | {isGo: true; frame: GoFrame; logical: LogicalFrame; foundBy: FrameReport['foundBy']}

interface ShownRequest {
  readonly goroutine: Goroutine
  readonly visibility: Visibility
  readonly cgoFrames: CgoFrames
  readonly bothEnds?: true
  /** Functions that are known without function tables, by the stack pointer of their frames. */
  readonly names?: ReadonlyMap<Address, string>
}

/** Takes a goroutine's stitched stack and keeps of it what the runtime would print, and the C frames between. */
export class ShownStack {
  readonly #process: DeadProcess
  readonly #goroutine: Goroutine
  readonly #cgoFrames: CgoFrames
  readonly #filter: FrameFilter
  readonly #foreign: ForeignFrames
  readonly #window: FrameWindow<ShownFrame>
  readonly #isOld: boolean
  readonly #names: ReadonlyMap<Address, string>
  #count = 0
  #isBelowCallback = false
  /** Of the callbacks whose frames are still to come, the newest last; undefined: they are not asked. */
  readonly #contexts: Word[] | undefined
  #callers: Word[] = []
  readonly #limits: HookLimits | undefined

  constructor(process: DeadProcess, request: ShownRequest, filter: FrameFilter) {
    this.#process = process
    this.#goroutine = request.goroutine
    this.#cgoFrames = request.cgoFrames
    this.#filter = filter
    this.#foreign = new ForeignFrames(process, request.visibility)
    this.#names = request.names ?? NO_NAMES
    this.#isOld = !request.bothEnds && !process.version.atLeast(21)
    this.#contexts = request.cgoFrames === 'hooks' ? [...request.goroutine.cgoCtxt] : undefined
    const walkMax = this.#isOld ? OLD_FRAME_LIMIT : undefined
    this.#limits = this.#contexts && new HookLimits(walkMax, !process.hooks.isWithoutSymbolizer)
    this.#window = new FrameWindow(this.#isOld ? Number.POSITIVE_INFINITY : GO_FRAMES, process.maxFrames)
  }

  /** What the runtime would print first: the C frames that a signal handler of it had collected. */
  addSaved(reports: readonly FrameReport[]): void {
    for (const report of reports) this.#window.add({isGo: false, report})
  }

  add(item: StitchedFrame): void {
    if (item.kind === 'seam') this.#cross(item)
    else if (item.kind === 'left-out') {
      this.#count += item.count
      this.#window.skip(item.count)
    } else if (item.kind === 'native') this.#addNative(item.frame)
    else if (item.kind === 'go') this.#addGo(item)
    else this.#addBare(item.frame)
  }

  #cross(seam: Seam): void {
    if (seam.missing && !standsElsewhere(this.#goroutine, seam)) this.#window.mark(seam.missing)
    this.#isBelowCallback = seam.into === 'c'
  }

  #addNative(frame: UnwindFrame): void {
    // Up to 1.16 the walk of Go frames meets this asmcgocall too.
    const isMetAgain = this.#isBelowCallback && frame.go?.funcID === 'asmcgocall'
    if (isMetAgain && !this.#process.version.atLeast(17)) return
    this.#count++
    for (const report of this.#foreign.report(frame) ?? this.#reportNative(frame)) {
      this.#window.add({isGo: false, report})
    }
  }

  #reportNative(frame: UnwindFrame): FrameReport[] {
    if (this.#names.has(frame.sp)) return reportBareFrame(this.#process, frame, this.#names)
    return frame.kind === 'go' ? [reportSwitch(this.#process, frame)] : reportNativeFrame(this.#process, frame)
  }

  #addGo({frame, foundBy}: StitchedGo): void {
    if (this.#limits?.beginFrame() === false) return
    this.#count++
    const visible = this.#filter.visible(frame)
    if (visible.length > 0) {
      // The walk uses its frame again.
      const kept = {...frame}
      for (const logical of visible) this.#commit({isGo: true, frame: kept, logical, foundBy}, false)
    }
    if (frame.fn.funcID === 'cgocallback') this.#addContext()
  }

  /** What the program's traceback function says of the callback that the frame belongs to (traceback2, cgoCallers). */
  #addContext(): void {
    const context = this.#contexts?.pop()
    if (context === undefined) return
    // Since 1.21 one buffer serves all contexts of a stack: what a function leaves in it is printed again.
    const found = this.#process.hooks.callers({context}, this.#isOld ? [] : this.#callers)
    if (!found) return
    this.#callers = found
    for (const report of reportByHook(this.#process, untilZero(found), 'hook')) this.#commit({isGo: true, report}, true)
    if (this.#limits?.takeLost()) this.#addContext()
  }

  #commit(frame: ShownFrame, isContext: boolean): void {
    const place = this.#limits?.take(isContext) ?? 'kept'
    if (place === 'resumed') this.#window.leaveOuter()
    if (place !== 'dropped') this.#window.add(frame)
  }

  /** Without function tables nothing tells which frames the runtime would hide. */
  #addBare(frame: BareFrame): void {
    this.#count++
    this.#filter.shown++
    for (const report of reportBareFrame(this.#process, frame, this.#names)) this.#window.add({isGo: true, report})
  }

  take(stop: StopReason, goFrames: GoFrameReports): PrintedStack {
    const {frames, elided, missing, isLimited} = this.#window.take(this.#count > this.#process.maxFrames)
    const isCut = this.#isOld && this.#filter.shown === OLD_FRAME_LIMIT
    return {
      frames: frames.map(shown =>
        'report' in shown ? shown.report : goFrames.report(shown.frame, shown.logical, shown.foundBy),
      ),
      elided: isCut ? {after: frames.length, count: null} : this.#elidedByHooks(frames.length, elided),
      // What Go alone prints, and with the hooks of the program, has no such notes.
      missing: this.#cgoFrames === 'none' || this.#cgoFrames === 'hooks' ? [] : missing,
      stop: isLimited ? firstStop(stop, 'frame-limit') : stop,
    }
  }

  #elidedByHooks(frames: number, elided: PrintedStack['elided']): PrintedStack['elided'] {
    const resumed = this.#limits?.resumed
    return resumed ? {after: frames - resumed.behind, count: resumed.count} : elided
  }
}

/** The pcs of a list that a traceback function filled. */
export function untilZero(pcs: readonly Word[]): Word[] {
  const end = pcs.indexOf(0n)
  return end < 0 ? [...pcs] : pcs.slice(0, end)
}

/** A g0 that died in C has no frames of Go; those of C stand with the goroutine that called it. */
function standsElsewhere({id}: Goroutine, {into}: Seam): boolean {
  return id === 0 && into === 'nothing'
}
