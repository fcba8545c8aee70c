import {createHash, type Hash, hash} from 'node:crypto'
import type {Address} from '../../base/address.ts'
import {growHeapSlowly, MANY} from '../../base/heap-growth.ts'
import {KeyTable} from '../../base/key-table.ts'
import {MemoryWindow} from '../../base/memory-window.ts'
import type {FrameReport, GoroutineGroupReport} from '../../report/core-report.ts'
import {type Goroutine, minutesBetween} from '../../runtime-model/goroutine.ts'
import {type GoSite, GoSites} from '../../unwind/go-site.ts'
import {GoStackWalk} from '../../unwind/goroutine-walk.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {findStart} from '../stacks/goroutine-start.ts'
import type {ThreadStacks} from '../stacks/thread-stacks.ts'
import type {GoroutineSort} from './goroutine-query.ts'
import type {StackReport} from './goroutine-reporter.ts'
import {SharedFrames, type Similarity} from './shared-frames.ts'

/** Frames that stand in a key as they are: of a deeper stack a hash stands for the others. */
const KEY_FRAMES = 64
const WALK_LIMIT = 32_000_000
/** In place of an index. */
const UNWANTED = 2 ** 32 - 2

/** Frames that are kept of groups, until they are reported: the stacks of further groups are read again then. */
const FRAMES_KEPT = 50_000

/** Groups of one place that are found without a key; goroutines of a place were mostly made at one. */
const GROUPS_OF_PLACE = 16
/** Nanoseconds; in place of the time since when those have waited that wait no more. */
const NEVER = 2n ** 63n

interface GroupOptions {
  /** Asked for a stack not seen before, and again when it is reported; undefined where it is not wanted. */
  report(goroutine: Goroutine): StackReport | undefined
  /** The same for goroutines with the same return addresses; undefined: the stack has to be walked. */
  parkedPlace?: ((goroutine: Goroutine) => object | undefined) | undefined
  framesKept?: number
  /** What may differ within a group; undefined: the arguments. */
  similar?: Similarity | undefined
}

/**
 * Goroutines with the same state and the same stack, of which one is put together and named: goroutines are told apart
 * by their pcs. A million groups of one are held as well, in some hundred bytes each.
 */
export class GoroutineGroups {
  readonly #process: DeadProcess
  readonly #threads: ThreadStacks
  readonly #options: GroupOptions
  readonly #window: MemoryWindow
  #sites: GoSites | undefined
  /** In the order in which their first ones are listed. */
  readonly list: GoroutineGroup[] = []
  /** Where in the list; `UNWANTED` for stacks that are not wanted. */
  readonly #byPcs = new KeyTable()
  readonly #byFrames = new KeyTable()
  readonly #byPlace = new Map<object, PlacedGroup[]>()
  /** Of the stack at hand; filled anew for each. */
  readonly #numbers: number[] = []
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
    const group = this.list[this.#indexByPlace(goroutine)]
    if (!group) return
    this.matched++
    count(group, goroutine)
  }

  /** When all have been added: for how long the goroutines of each group have waited. */
  conclude(): void {
    const {runtime} = this.#process
    for (const group of this.list) {
      const {earliestWait, latestWait} = group
      if (!runtime || earliestWait === null || latestWait === null) continue
      const now = runtime.nowLowerBound()
      group.minWaitMinutes = minutesBetween(latestWait, now) ?? 0
      group.maxWaitMinutes = minutesBetween(earliestWait, now) ?? 0
    }
  }

  #indexByPlace(goroutine: Goroutine): number {
    const isExact = this.#options.similar === 'exact'
    const place = isExact ? undefined : this.#options.parkedPlace?.(goroutine)
    if (!place) return this.#indexOf(goroutine, isExact ? undefined : this.#keyOf(goroutine))
    const {state, gopc} = goroutine
    const groups = this.#byPlace.get(place) ?? []
    const found = groups.find(each => each.state === state && each.gopc === gopc)
    if (found) return found.index
    const index = this.#indexOf(goroutine, this.#keyOf(goroutine))
    if (groups.length < GROUPS_OF_PLACE) groups.push({state, gopc, index})
    if (groups.length === 1) this.#byPlace.set(place, groups)
    return index
  }

  #indexOf(goroutine: Goroutine, key: string | undefined): number {
    const known = key === undefined ? undefined : this.#byPcs.get(key)
    if (known !== undefined) return known
    const report = this.#options.report(goroutine)
    const index = report ? this.#groupOf(goroutine, report) : UNWANTED
    if (key !== undefined) this.#byPcs.add(key, index)
    return index
  }

  /** undefined where the stack is not on the goroutine's own alone: on a thread, in C. */
  #keyOf(goroutine: Goroutine): string | undefined {
    const {tables} = this.#process
    if (!tables || goroutine.m !== 0 || goroutine.lockedToThread) return undefined
    const start = findStart(this.#process, this.#threads, goroutine)
    this.#sites ??= new GoSites(tables, false)
    this.#window.moveTo(start.sp, goroutine.stack.hi)
    const {deadline} = this.#process
    const walk = new GoStackWalk(start, {memory: this.#window, sites: this.#sites, maxFrames: WALK_LIMIT, deadline})
    const numbers = this.#numbers
    numbers.length = 0
    let rest: Hash | undefined
    while (walk.next()) {
      if (numbers.length === KEY_FRAMES) {
        rest ??= createHash('sha256')
        rest.update(Float64Array.from(numbers))
        numbers.length = 0
      }
      numbers.push((walk.site as GoSite).number)
    }
    // Joined: a template would be kept as the tree of its parts.
    return [goroutine.state, goroutine.gopc, rest?.digest('base64') ?? '', textOf(numbers)].join('\n')
  }

  /**
   * Where in the list the group of a stack is. Stacks that differ in frames of the runtime alone, which are not shown,
   * are one.
   */
  #groupOf(goroutine: Goroutine, report: StackReport): number {
    const {similar = 'arguments'} = this.#options
    const key = GROUP_KEYS[similar](goroutine.state, report)
    const known = this.#byFrames.get(key)
    const group = known === undefined ? undefined : this.list[known]
    if (known !== undefined && group) {
      group.shared?.add(report.frames)
      addState(group, goroutine.state)
      return known
    }
    // The goroutines of a crash, which are listed before all others, are kept and never read again.
    this.#framesLeft -= report.frames.length
    const made = startGroup(this, goroutine, this.#framesLeft >= 0 ? report : undefined)
    if (similar === 'lines' || similar === 'inner') made.shared = new SharedFrames(report.frames)
    const index = this.list.push(made) - 1
    this.#byFrames.add(key, index)
    if (index === MANY) growHeapSlowly()
    return index
  }

  /** What is told of a group of `list`. */
  report(group: GoroutineGroup): GoroutineGroupReport {
    const {kept, address, shared, count: size} = group
    const goroutine = kept ? undefined : this.#process.runtime?.goroutineAt(address)
    const report = kept ?? (goroutine && this.#options.report(goroutine)) ?? LOST
    const isOne = size === 1
    const {frames, isWhole} = shared?.of(report.frames) ?? {frames: report.frames, isWhole: true}
    const isSame = isOne || this.#options.similar === 'exact'
    return {
      image: report.image,
      count: size,
      state: statesOf(group).join(', '),
      goroutines: idsOf(group),
      minWaitMinutes: group.minWaitMinutes,
      maxWaitMinutes: group.maxWaitMinutes,
      frames: frames.map(frame => (isOne ? frame : withoutOwnPlace(frame, isSame))),
      createdBy: report.createdBy && (isOne ? report.createdBy : {...report.createdBy, goroutine: null}),
      stop: report.stop,
      elided: isWhole ? report.elided : {after: 0, count: null},
      missing: report.missing,
    }
  }
}

const byId = (a: GoroutineGroup, b: GoroutineGroup): number => a.id - b.id
const bySize = (a: GoroutineGroup, b: GoroutineGroup): number => b.count - a.count || byId(a, b)
const byState = ({state: a}: GoroutineGroup, {state: b}: GoroutineGroup): number => (a < b ? -1 : Number(a > b))

/** The order of groups; the first that is listed has no meaning there, so it is the size. */
export const GROUP_ORDER: Readonly<Record<GoroutineSort, (a: GoroutineGroup, b: GoroutineGroup) => number>> = {
  runtime: bySize,
  count: bySize,
  id: byId,
  wait: (a, b) => (b.maxWaitMinutes ?? -1) - (a.maxWaitMinutes ?? -1) || bySize(a, b),
  state: (a, b) => byState(a, b) || bySize(a, b),
}

type GroupKey = (
  state: string,
  report: Pick<StackReport, 'frames' | 'elided' | 'createdBy' | 'lockedToThread'>,
) => string

/** Goroutines with the same key are one group. */
const GROUP_KEYS: Readonly<Record<Similarity, GroupKey>> = {
  exact: (state, report) =>
    digest(state, report, ({args, ...frame}) => `${placeOf(frame)} ${args}`, report.lockedToThread),
  arguments: (state, report) => digest(state, report, placeOf),
  lines: (state, report) => digest(state, report, ({function: name, file}) => `${name} ${file}`),
  inner: (_, {frames, createdBy}) =>
    digest('', {frames: frames.slice(-1), elided: null, createdBy}, ({function: name, file}) => `${name} ${file}`),
}

function digest(
  state: string,
  {frames, elided, createdBy}: Pick<StackReport, 'frames' | 'elided' | 'createdBy'>,
  describe: (frame: FrameReport) => string,
  more?: boolean,
): string {
  const begin = `${createdBy?.function} ${createdBy?.file} ${createdBy?.line}`
  const lines = [state, `${more ?? ''}${JSON.stringify(elided)}`, ...frames.map(describe), begin]
  return shortened(lines.join('\n'))
}

/** 120 bits are enough for a key: no two of a million stacks share that many. */
function shortened(key: string): string {
  return hash('sha256', key, 'buffer').toString('latin1', 0, 15)
}

function placeOf({function: name, file, line, offset}: Omit<FrameReport, 'args'>): string {
  return `${name} ${file} ${line} ${offset}`
}

/** Of a stack that is there no more when it is read again. */
const LOST: Omit<StackReport, 'lockedToThread'> = {
  image: null,
  frames: [],
  createdBy: null,
  stop: 'unmapped',
  elided: null,
  missing: [],
}

/**
 * Goroutines with the same state and stack; of the stack the first one is enough, which has the address. There may be a
 * million groups of one: what only bigger ones have is made when it is needed.
 */
export interface GoroutineGroup {
  readonly owner: GoroutineGroups
  readonly address: Address
  readonly kept: StackReport | undefined
  count: number
  /** Of the first. */
  readonly state: string
  readonly id: number
  /** Of the others. */
  otherStates: Set<string> | undefined
  otherIds: number[] | undefined
  /** What its stacks have in common, where they may differ. */
  shared: SharedFrames | undefined
  /** Since when they have waited, of those of whom that was seen; nanoseconds, as Goroutine.waitSince. */
  earliestWait: bigint | null
  latestWait: bigint | null
  /** When all have been added. */
  minWaitMinutes: number | null
  maxWaitMinutes: number | null
}

/** Goroutines of one place. */
interface PlacedGroup {
  readonly state: string
  readonly gopc: Address
  readonly index: number
}

function startGroup(
  owner: GoroutineGroups,
  {address, id, state}: Goroutine,
  kept: StackReport | undefined,
): GoroutineGroup {
  return {
    owner,
    address,
    kept,
    count: 0,
    state,
    id,
    otherStates: undefined,
    otherIds: undefined,
    shared: undefined,
    earliestWait: null,
    latestWait: null,
    minWaitMinutes: null,
    maxWaitMinutes: null,
  }
}

function addState(group: GoroutineGroup, state: string): void {
  if (state === group.state) return
  group.otherStates ??= new Set()
  group.otherStates.add(state)
}

function statesOf({state, otherStates}: GoroutineGroup): string[] {
  return [state, ...(otherStates ?? [])].sort()
}

function idsOf({id, otherIds}: GoroutineGroup): number[] {
  return [id, ...(otherIds ?? [])]
}

function count(group: GoroutineGroup, goroutine: Goroutine): void {
  if (group.count > 0) {
    group.otherIds ??= []
    group.otherIds.push(goroutine.id)
  }
  group.count++
  if (goroutine.waitSinceNumber === 0 || goroutine.waitSince <= 0n) return
  const since = goroutine.mayWait ? goroutine.waitSince : NEVER
  if (group.earliestWait === null || since < group.earliestWait) group.earliestWait = since
  if (group.latestWait === null || since > group.latestWait) group.latestWait = since
}

/** Arguments and stack addresses are of one goroutine, not of all. */
function withoutOwnPlace(frame: FrameReport, isSame: boolean): FrameReport {
  return {...frame, args: isSame ? frame.args : null, sp: null, fp: null}
}

/** Numbers below it are one character of a key, all others two behind this one. */
const WIDE = 0xffff

/** Numbers below 2^32 as a text that no other list of them has: shorter than digits, and compared as fast. */
function textOf(numbers: number[]): string {
  if (numbers.every(number => number < WIDE)) return String.fromCharCode(...numbers)
  return String.fromCharCode(
    ...numbers.flatMap(number => (number < WIDE ? number : [WIDE, Math.floor(number / 0x10000), number % 0x10000])),
  )
}
