import {createHash} from 'node:crypto'
import {MemoryWindow} from '../../base/memory-window.ts'
import type {FrameReport, GoroutineGroupReport, GoroutineReport} from '../../report/core-report.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {GoSites} from '../../unwind/go-site.ts'
import {GoStackWalk} from '../../unwind/goroutine-walk.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {findStart} from '../stacks/goroutine-start.ts'
import type {ThreadStacks} from '../stacks/thread-stacks.ts'

/** Pcs that are hashed at once, so that a stack of a million frames needs no more memory than one of a thousand. */
const HASH_CHUNK = 1024
const WALK_LIMIT = 32_000_000

interface Group {
  report: GoroutineGroupReport
}

/**
 * Goroutines with the same state and the same stack. One stack is kept for each group: goroutines are told apart by a
 * hash of their pcs, and only the first with a new hash is put together and named.
 */
export class GoroutineGroups {
  readonly #process: DeadProcess
  readonly #threads: ThreadStacks
  readonly #window: MemoryWindow
  #sites: GoSites | undefined
  /** undefined for stacks that are not wanted. */
  readonly #byPcs = new Map<string, Group | undefined>()
  readonly #byFrames = new Map<string, Group>()
  matched = 0

  constructor(process: DeadProcess, threads: ThreadStacks) {
    this.#process = process
    this.#threads = threads
    this.#window = new MemoryWindow(process.memory)
  }

  /** `makeReport` is asked for stacks not seen before, and gives undefined for those that are not wanted. */
  add(goroutine: Goroutine, makeReport: () => GoroutineReport | undefined): void {
    const key = this.#keyOf(goroutine)
    let group = key === undefined ? undefined : this.#byPcs.get(key)
    if (!group) {
      if (key !== undefined && this.#byPcs.has(key)) return
      const report = makeReport()
      group = report && this.#groupOf(goroutine, report)
      if (key !== undefined) this.#byPcs.set(key, group)
      if (!group) return
    }
    this.matched++
    count(group.report, goroutine, this.#process)
  }

  /** The biggest first. */
  list(): GoroutineGroupReport[] {
    const reports = Array.from(this.#byFrames.values(), ({report}) => report)
    return reports.sort((a, b) => b.count - a.count || (a.goroutines[0] ?? 0) - (b.goroutines[0] ?? 0))
  }

  /** undefined where the stack is not on the goroutine's own alone: on a thread, in C. */
  #keyOf(goroutine: Goroutine): string | undefined {
    const {tables} = this.#process
    if (!tables || goroutine.m !== 0 || goroutine.lockedToThread) return undefined
    const start = findStart(this.#process, this.#threads, goroutine)
    const hash = createHash('sha256').update(`${goroutine.state}\n${goroutine.gopc}\n`)
    let pcs: number[] = []
    this.#sites ??= new GoSites(tables, false)
    this.#window.moveTo(start.sp, goroutine.stack.hi)
    const {deadline} = this.#process
    const walk = new GoStackWalk(start, {memory: this.#window, sites: this.#sites, maxFrames: WALK_LIMIT, deadline})
    for (let frame = walk.next(); frame; frame = walk.next()) {
      if (pcs.push(frame.pc) < HASH_CHUNK) continue
      hash.update(Float64Array.from(pcs))
      pcs = []
    }
    return hash.update(Float64Array.from(pcs)).digest('base64')
  }

  /** Stacks that differ in frames of the runtime alone, which are not shown, are one. */
  #groupOf(goroutine: Goroutine, report: GoroutineReport): Group {
    const hash = createHash('sha256').update(`${goroutine.state}\n${JSON.stringify(report.elided)}\n`)
    for (const {function: name, file, line, offset} of report.frames) hash.update(`${name} ${file} ${line} ${offset}\n`)
    const {createdBy} = report
    hash.update(`${createdBy?.function} ${createdBy?.file} ${createdBy?.line}`)
    const key = hash.digest('base64')
    let group = this.#byFrames.get(key)
    if (!group) {
      group = {report: startGroup(goroutine, report)}
      this.#byFrames.set(key, group)
    }
    return group
  }
}

function startGroup(goroutine: Goroutine, report: GoroutineReport): GoroutineGroupReport {
  return {
    image: report.image,
    count: 0,
    state: goroutine.state,
    goroutines: [],
    minWaitMinutes: null,
    maxWaitMinutes: null,
    frames: report.frames,
    createdBy: report.createdBy,
    stop: report.stop,
    elided: report.elided,
    missing: report.missing,
  }
}

function count(group: GoroutineGroupReport, goroutine: Goroutine, {runtime}: DeadProcess): void {
  group.count++
  group.goroutines.push(goroutine.id)
  if (group.count === 2) {
    group.frames = group.frames.map(withoutOwnPlace)
    if (group.createdBy) group.createdBy = {...group.createdBy, goroutine: null}
  }
  const minutes = runtime && goroutine.waitSince > 0n ? (goroutine.waitMinutes(runtime.nowLowerBound()) ?? 0) : null
  if (minutes === null) return
  group.minWaitMinutes = Math.min(group.minWaitMinutes ?? minutes, minutes)
  group.maxWaitMinutes = Math.max(group.maxWaitMinutes ?? minutes, minutes)
}

/** Arguments and stack addresses are of one goroutine, not of all. */
function withoutOwnPlace(frame: FrameReport): FrameReport {
  return {...frame, args: null, sp: null, fp: null}
}
