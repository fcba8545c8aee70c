import type {Goroutine} from '../runtime-model/goroutine.ts'
import {type GoFrame, type GoStart, type GoWalkEnd, walkGoStack} from '../unwind/goroutine-walk.ts'
import {walkBareStack} from './bare-stack.ts'
import {reportNativeFrame, reportSavedPcs, reportSwitch} from './c-frames.ts'
import {type CSegments, findCSegments} from './c-segments.ts'
import type {FrameReport, GoroutineReport} from './core-report.ts'
import {reportAncestors, reportCreatedBy} from './creation.ts'
import type {DeadProcess} from './dead-process.ts'
import {type StackItem, takeWindow} from './frame-window.ts'
import {FrameFilter, GoFrameReports, type Visibility} from './go-frames.ts'
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
  readonly #goFrames: GoFrameReports

  constructor(process: DeadProcess, threads: ThreadStacks) {
    this.#process = process
    this.threads = threads
    this.#goFrames = new GoFrameReports(process)
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
      createdBy: reportCreatedBy(this.#process, goroutine.gopc, goroutine.id, goroutine.parentGoid, visibility),
      ancestors: reportAncestors(this.#process, goroutine, visibility),
    }
  }

  #print(
    request: StackRequest,
    start: GoStart & {foundBy: FoundStart['foundBy']},
    segments: ReportedSegments,
    everything: boolean,
  ) {
    const {version} = this.#process
    const filter = new FrameFilter(request.visibility, everything)
    const end: {value: GoWalkEnd | undefined} = {value: undefined}
    const items = this.#items(request, start, segments, filter, end)
    if (version.atLeast(21)) {
      const window = takeWindow(items)
      return {...window, goFrames: filter.shown, stop: this.#stop(end.value, segments)}
    }
    const frames = Array.from(items, item => item.frame)
    const elided = filter.shown === OLD_FRAME_LIMIT ? {after: frames.length, count: null} : null
    return {frames, elided, goFrames: filter.shown, stop: this.#stop(end.value, segments)}
  }

  /** All frames in printing order. Go frames count against the limits; C frames do not. */
  *#items(
    request: StackRequest,
    start: GoStart & {foundBy: FoundStart['foundBy']},
    segments: ReportedSegments,
    filter: FrameFilter,
    end: {value: GoWalkEnd | undefined},
  ): Generator<StackItem<FrameReport>> {
    const {version, memory, tables} = this.#process
    for (const frame of segments.leaf) yield {frame, counts: false}
    if (!tables) {
      const stop = yield* this.#bareItems(request.goroutine, filter)
      end.value = {stop, unknownPc: undefined, lastSp: request.goroutine.stack.lo}
      return
    }
    const maxFrames = version.atLeast(21) ? WALK_LIMIT : OLD_FRAME_LIMIT
    const walk = walkGoStack(start, {memory, tables, onSystemStack: request.goroutine.id === 0, maxFrames})
    let foundBy: FrameReport['foundBy'] = start.foundBy
    let callbacks = 0
    let pending: readonly FrameReport[] = []
    let next = walk.next()
    for (; !next.done; next = walk.next()) {
      const physical = next.value
      // Up to 1.16 the Go walk passes through asmcgocall, whose frame on the thread's stack is the same call.
      const isSeen = physical.fn.funcID === 'asmcgocall' && pending.at(-1)?.function === physical.fn.name
      for (const frame of isSeen ? pending.slice(0, -1) : pending) yield {frame, counts: false}
      pending = []
      for (const visible of filter.visible(physical)) {
        yield {frame: this.#goFrames.report(visible, foundBy), counts: true}
      }
      foundBy = 'pcsp'
      if (isCallback(physical)) pending = segments.callbacks[callbacks++] ?? []
    }
    for (const frame of pending) yield {frame, counts: false}
    end.value = next.value
  }

  /** Without function tables nothing tells which frames the runtime would hide. */
  *#bareItems(goroutine: Goroutine, filter: FrameFilter): Generator<StackItem<FrameReport>, GoWalkEnd['stop']> {
    const walk = walkBareStack(this.#process, this.threads, goroutine)
    let next = walk.next()
    for (; !next.done; next = walk.next()) {
      filter.shown++
      yield {frame: next.value, counts: true}
    }
    return next.value
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

function isCallback({fn}: GoFrame): boolean {
  return fn.funcID === 'cgocallback'
}
