import {MemoryWindow} from '../../base/memory-window.ts'
import type {GoTables} from '../../gosym/func-table.ts'
import type {LogicalFrame} from '../../gosym/go-function.ts'
import type {FrameReport, GoroutineReport} from '../../report/core-report.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {GoSites} from '../../unwind/go-site.ts'
import {GoStackWalk, type GoStart, type GoWalkEnd} from '../../unwind/goroutine-walk.ts'
import {reportNativeFrame, reportSavedPcs, reportSwitch} from '../frames/c-frames.ts'
import {Creation} from '../frames/creation.ts'
import {FrameWindow} from '../frames/frame-window.ts'
import {FrameFilter, GoFrameReports, type Visibility} from '../frames/go-frames.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {type CSegments, findCSegments} from './c-segments.ts'
import {walkBareStack} from './frame-pointer-stack.ts'
import {type FoundStart, findStart} from './goroutine-start.ts'
import {checkSavedCallers} from './saved-callers-check.ts'
import type {ThreadStacks} from './thread-stacks.ts'

export type CgoFrames = 'auto' | 'saved' | 'none'

/** Physical frames that releases up to 1.20 walk (_TracebackMaxFrames). */
const OLD_FRAME_LIMIT = 100
/** A stack of 1 GB holds fewer frames. */
const WALK_LIMIT = 32_000_000

export interface StackRequest {
  goroutine: Goroutine
  visibility: Visibility
  cgoFrames: CgoFrames
  /** The crashing goroutine: frames of dying above this position are left out. */
  start?: FoundStart
}

export type StackParts = Pick<GoroutineReport, 'frames' | 'elided' | 'stop' | 'createdBy' | 'ancestors'>

/** Puts a goroutine's frames together: Go frames as the runtime walks them, C frames where they were called. */
export class GoroutineStacks {
  readonly #process: DeadProcess
  readonly threads: ThreadStacks
  readonly #window: MemoryWindow
  readonly #goFrames: GoFrameReports
  #sites: GoSites | undefined
  readonly #creation: Creation

  constructor(process: DeadProcess, threads: ThreadStacks) {
    this.#process = process
    this.threads = threads
    this.#window = new MemoryWindow(process.memory)
    this.#goFrames = new GoFrameReports(process, this.#window)
    this.#creation = new Creation(process)
  }

  assemble(request: StackRequest): StackParts {
    const {goroutine, visibility} = request
    const start = request.start ?? findStart(this.#process, this.threads, goroutine)
    const segments = this.#cFrames(request)
    const first = this.#print(request, start, segments, false)
    const printed = first.goFrames > 0 ? first : this.#print(request, start, segments, true)
    return {
      frames: printed.frames,
      elided: printed.elided,
      stop: printed.stop,
      createdBy: this.#creation.report(goroutine.gopc, goroutine.id, goroutine.parentGoid, visibility),
      ancestors: this.#creation.reportAncestors(goroutine, visibility),
    }
  }

  #print(
    request: StackRequest,
    start: GoStart & {foundBy: FoundStart['foundBy']},
    segments: ReportedSegments,
    everything: boolean,
  ) {
    const {version} = this.#process
    const isOld = !version.atLeast(21)
    const filter = new FrameFilter(request.visibility, everything)
    const window = new FrameWindow<FrameReport>(isOld)
    const end = this.#walk(request, start, segments, filter, window)
    const {frames, elided} = window.take()
    const isCut = isOld && filter.shown === OLD_FRAME_LIMIT
    return {
      frames,
      elided: isCut ? {after: frames.length, count: null} : elided,
      goFrames: filter.shown,
      stop: this.#stop(end, segments),
    }
  }

  /** Adds all frames in printing order. Go frames count against the limits; C frames do not. */
  #walk(
    request: StackRequest,
    start: GoStart & {foundBy: FoundStart['foundBy']},
    segments: ReportedSegments,
    filter: FrameFilter,
    window: FrameWindow<FrameReport>,
  ): GoWalkEnd | undefined {
    const {version, tables} = this.#process
    for (const frame of segments.leaf) window.add(frame, false)
    if (!tables) return this.#walkBare(request.goroutine, filter, window)
    const maxFrames = version.atLeast(21) ? WALK_LIMIT : OLD_FRAME_LIMIT
    this.#window.moveTo(start.sp, request.goroutine.stack.hi)
    const memory = this.#window
    const walk = new GoStackWalk(start, {memory, sites: this.#sitesOf(tables, request.goroutine), maxFrames})
    let foundBy: FrameReport['foundBy'] = start.foundBy
    let callbacks = 0
    let pending: readonly FrameReport[] = []
    for (let physical = walk.next(); physical; physical = walk.next()) {
      if (pending.length > 0) {
        // Up to 1.16 the Go walk passes through asmcgocall, whose frame on the thread's stack is the same call.
        const isSeen = physical.fn.funcID === 'asmcgocall' && pending.at(-1)?.function === physical.fn.name
        for (const frame of isSeen ? pending.slice(0, -1) : pending) window.add(frame, false)
        pending = []
      }
      const visible = filter.visible(physical)
      for (let index = 0; index < visible.length; index++) {
        window.add(this.#goFrames.report(physical, visible[index] as LogicalFrame, foundBy), true)
      }
      foundBy = 'pcsp'
      if (physical.fn.funcID === 'cgocallback') pending = segments.callbacks[callbacks++] ?? []
    }
    for (const frame of pending) window.add(frame, false)
    return walk.end
  }

  #sitesOf(tables: GoTables, goroutine: Goroutine): GoSites {
    if (goroutine.id === 0) return new GoSites(tables, true)
    this.#sites ??= new GoSites(tables, false)
    return this.#sites
  }

  /** Without function tables nothing tells which frames the runtime would hide. */
  #walkBare(goroutine: Goroutine, filter: FrameFilter, window: FrameWindow<FrameReport>): GoWalkEnd {
    const walk = walkBareStack(this.#process, this.threads, goroutine)
    let next = walk.next()
    for (; !next.done; next = walk.next()) {
      filter.shown++
      window.add(next.value, true)
    }
    return {stop: next.value, unknownPc: undefined, lastSp: goroutine.stack.lo}
  }

  #stop(end: GoWalkEnd | undefined, segments: ReportedSegments): GoroutineReport['stop'] {
    if (!end) return segments.stop ?? 'no-unwind-info'
    return end.stop
  }

  #cFrames({goroutine, cgoFrames}: StackRequest): ReportedSegments {
    if (cgoFrames === 'none') return {leaf: [], callbacks: [], stop: undefined}
    if (cgoFrames === 'saved') {
      return {leaf: this.#savedFrames(goroutine), callbacks: [], stop: undefined}
    }
    const segments = findCSegments(this.#process, this.threads, goroutine)
    if (segments.leaf.length + segments.callbacks.length === 0) return {leaf: [], callbacks: [], stop: segments.stop}
    const report = (frames: CSegments['leaf']): FrameReport[] =>
      frames.flatMap(frame => {
        if (frame.kind !== 'go') return reportNativeFrame(this.#process, frame)
        return [reportSwitch(this.#process, frame)]
      })
    const leaf = segments.leaf.some(endsProcess) ? [] : report(segments.leaf)
    return {leaf, callbacks: segments.callbacks.map(report), stop: segments.stop}
  }

  /** What the signal handler had collected in the cgo call that is in progress; what runtime.traceback1 would print first. */
  #savedFrames(goroutine: Goroutine): FrameReport[] {
    const {runtime} = this.#process
    const machine = goroutine.m === 0 ? undefined : runtime?.machineAt(goroutine.m)
    if (!runtime || !machine || machine.ncgo <= 0 || goroutine.syscall.sp === 0) return []
    return reportSavedPcs(this.#process, checkSavedCallers(this.#process, this.threads, machine))
  }
}

interface ReportedSegments {
  leaf: readonly FrameReport[]
  callbacks: readonly (readonly FrameReport[])[]
  stop: GoroutineReport['stop'] | undefined
}

/** Above a throw the system stack holds nothing but what the runtime did to end the process. */
function endsProcess({go}: CSegments['leaf'][number]): boolean {
  return go !== undefined && /^runtime\.(fatalthrow|fatalpanic|dopanic|dieFromSignal)/.test(go.name)
}
