import {createHash} from 'node:crypto'
import type {Address} from '../../base/address.ts'
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

/** Frames that are kept of groups, until they are reported: the stacks of further groups are read again then. */
const FRAMES_KEPT = 200_000

interface GroupOptions {
  /** Asked for a stack not seen before, and again when it is reported; undefined where it is not wanted. */
  report(goroutine: Goroutine): GoroutineReport | undefined
  framesKept?: number
}

/**
 * Goroutines with the same state and the same stack, of which one is put together and named: goroutines are told apart
 * by a hash of their pcs. A million groups of one are held as well, in some hundred bytes each.
 */
export class GoroutineGroups {
  readonly #process: DeadProcess
  readonly #threads: ThreadStacks
  readonly #options: GroupOptions
  readonly #window: MemoryWindow
  #sites: GoSites | undefined
  /** undefined for stacks that are not wanted. */
  readonly #byPcs = new Map<string, GoroutineGroup | undefined>()
  readonly #byFrames = new Map<string, GoroutineGroup>()
  #framesLeft: number
  matched = 0

  constructor(process: DeadProcess, threads: ThreadStacks, options: GroupOptions) {
    this.#process = process
    this.#threads = threads
    this.#options = options
    this.#framesLeft = options.framesKept ?? FRAMES_KEPT
    this.#window = new MemoryWindow(process.memory)
  }

  add(goroutine: Goroutine): void {
    const key = this.#keyOf(goroutine)
    let group = key === undefined ? undefined : this.#byPcs.get(key)
    if (!group) {
      if (key !== undefined && this.#byPcs.has(key)) return
      const report = this.#options.report(goroutine)
      group = report && this.#groupOf(goroutine, report)
      if (key !== undefined) this.#byPcs.set(key, group)
      if (!group) return
    }
    this.matched++
    count(group, goroutine, this.#process)
  }

  /** The biggest first. */
  list(): GoroutineGroup[] {
    return [...this.#byFrames.values()].sort(bySize)
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
  #groupOf(goroutine: Goroutine, report: GoroutineReport): GoroutineGroup {
    const hash = createHash('sha256').update(`${goroutine.state}\n${JSON.stringify(report.elided)}\n`)
    for (const {function: name, file, line, offset} of report.frames) hash.update(`${name} ${file} ${line} ${offset}\n`)
    const {createdBy} = report
    hash.update(`${createdBy?.function} ${createdBy?.file} ${createdBy?.line}`)
    const key = hash.digest('base64')
    let group = this.#byFrames.get(key)
    if (!group) {
      // The goroutines of a crash, which are listed before all others, are kept and never read again.
      this.#framesLeft -= report.frames.length
      group = startGroup(goroutine, this.#framesLeft >= 0 ? report : undefined)
      this.#byFrames.set(key, group)
    }
    return group
  }

  /** What is told of a group of `list`. */
  report({kept, address, ...facts}: GoroutineGroup): GoroutineGroupReport {
    const goroutine = kept ? undefined : this.#process.runtime?.goroutineAt(address)
    const report = kept ?? (goroutine && this.#options.report(goroutine)) ?? LOST
    const isOne = facts.count === 1
    return {
      image: report.image,
      ...facts,
      frames: isOne ? report.frames : report.frames.map(withoutOwnPlace),
      createdBy: report.createdBy && (isOne ? report.createdBy : {...report.createdBy, goroutine: null}),
      stop: report.stop,
      elided: report.elided,
      missing: report.missing,
    }
  }
}

/** The biggest first. */
export function bySize(a: GoroutineGroup, b: GoroutineGroup): number {
  return b.count - a.count || (a.goroutines[0] ?? 0) - (b.goroutines[0] ?? 0)
}

/** Of a stack that is there no more when it is read again. */
const LOST: Pick<GoroutineReport, 'image' | 'frames' | 'createdBy' | 'stop' | 'elided' | 'missing'> = {
  image: null,
  frames: [],
  createdBy: null,
  stop: 'unmapped',
  elided: null,
  missing: [],
}

/** Goroutines with the same state and stack; of the stack the first one is enough, which has the address. */
export interface GoroutineGroup {
  readonly address: Address
  readonly kept: GoroutineReport | undefined
  count: number
  readonly state: string
  readonly goroutines: number[]
  minWaitMinutes: number | null
  maxWaitMinutes: number | null
}

function startGroup({address, state}: Goroutine, kept: GoroutineReport | undefined): GoroutineGroup {
  return {address, kept, count: 0, state, goroutines: [], minWaitMinutes: null, maxWaitMinutes: null}
}

function count(group: GoroutineGroup, goroutine: Goroutine, {runtime}: DeadProcess): void {
  group.count++
  group.goroutines.push(goroutine.id)
  const minutes = runtime && goroutine.waitSince > 0n ? (goroutine.waitMinutes(runtime.nowLowerBound()) ?? 0) : null
  if (minutes === null) return
  group.minWaitMinutes = Math.min(group.minWaitMinutes ?? minutes, minutes)
  group.maxWaitMinutes = Math.max(group.maxWaitMinutes ?? minutes, minutes)
}

/** Arguments and stack addresses are of one goroutine, not of all. */
function withoutOwnPlace(frame: FrameReport): FrameReport {
  return {...frame, args: null, sp: null, fp: null}
}
