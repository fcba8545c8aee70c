import {EMPTY_LIST, Numbering, PrefixTree} from '../../base/prefix-tree.ts'
import type {DiffReport, GoroutineChange} from '../../report/core-report.ts'
import type {DumpedFrame, DumpedStack} from '../../traceback/dumped-stack.ts'
import {compareCounts, countsOf} from './changes.ts'

/** The goroutines of one dump. */
export interface GoroutineSet {
  readonly compared: DiffReport['before']
  /** Of the program, where that is known: two builds have one function on different lines. */
  readonly buildId: string | null
  readonly stacks: Iterable<DumpedStack>
}

/** IDs that a group names. */
const IDS_SHOWN = 20

/** What both dumps tell, and so what their stacks are compared by. */
interface Common {
  /** A core that is whole tells C frames and those of Go's runtime; others leave out some of that. */
  readonly isWhole: boolean
  readonly states: boolean
  readonly creators: boolean
  readonly lines: boolean
  /** Frames that are compared, from the innermost on: some dumps leave out the rest of a deep stack. */
  readonly depth: number
}

export interface GoroutineDiff {
  readonly by: 'line' | 'function'
  /** The biggest difference first; made as they are read. */
  readonly goroutines: Iterable<GoroutineChange>
}

/**
 * What became of the goroutines with one stack. Those are the same that have the same functions on the same lines; of
 * two builds, whose lines differ, the same functions.
 */
export function diffGoroutines(before: GoroutineSet, after: GoroutineSet): GoroutineDiff {
  const both = [before, after]
  const common = {
    isWhole: both.every(({compared, stacks}) => compared.kind === 'core' && all(stacks, ({isPartial}) => !isPartial)),
    states: both.every(({stacks}) => all(stacks, ({state}) => state !== null)),
    creators: both.every(({compared}) => compared.kind !== 'profile'),
  }
  const whole = {...common, lines: true, depth: Number.POSITIVE_INFINITY}
  const byLine = {...whole, depth: Math.min(...both.map(({stacks}) => shortestCut(stacks, whole)))}
  const byFunction = {...byLine, lines: false}
  const isOtherBuild = before.buildId !== null && after.buildId !== null && before.buildId !== after.buildId
  const found = isOtherBuild ? undefined : chooseLines(before, after, byLine, byFunction)
  const groups = found ?? new StackGroups(before, after, byFunction)
  return {by: groups.common.lines ? 'line' : 'function', goroutines: groups}
}

/** Lines, where a stack is the same by them, or none is the same by functions either; else undefined. */
function chooseLines(
  before: GoroutineSet,
  after: GoroutineSet,
  byLine: Common,
  byFunction: Common,
): StackGroups | undefined {
  const groups = new StackGroups(before, after, byLine)
  return groups.haveShared || !haveSharedStack(before, after, byFunction) ? groups : undefined
}

function haveSharedStack(before: GoroutineSet, after: GoroutineSet, common: Common): boolean {
  const lists = new StackLists(common)
  const known = new Set<number>()
  for (const stack of before.stacks) known.add(lists.listOf(stack))
  for (const stack of after.stacks) {
    const list = lists.listOf(stack)
    if (known.has(list) && !lists.isBare(list)) return true
  }
  return false
}

function all(stacks: Iterable<DumpedStack>, holds: (stack: DumpedStack) => boolean): boolean {
  for (const stack of stacks) if (!holds(stack)) return false
  return true
}

/** What is compared of stacks, each a list of numbers, so that a million of them need little room. */
class StackLists {
  readonly #common: Common
  readonly #lists = new PrefixTree()
  readonly #names = new Numbering<undefined>()
  readonly #numbers = new Map<DumpedFrame, number>()

  constructor(common: Common) {
    this.#common = common
  }

  /** Those that are the same have one list. */
  listOf(stack: DumpedStack): number {
    const {states, creators} = this.#common
    const frames = comparedFrames(stack, this.#common)
    let list = EMPTY_LIST
    for (let index = frames.length - 1; index >= 0; index--) {
      list = this.#lists.append(list, this.#numberOf(frames[index] as DumpedFrame))
    }
    const rest = `${states ? stack.state : ''}\n\n${creators ? stack.createdBy : ''}`
    return this.#lists.append(
      list,
      this.#names.numberOf(rest, () => undefined),
    )
  }

  /** Whether it is of a stack with nothing on it that is compared. */
  isBare(list: number): boolean {
    return this.#lists.parentOf(list) === EMPTY_LIST
  }

  /** The name of a file depends on where and how a program was built; a function has one file anyhow. */
  #numberOf(frame: DumpedFrame): number {
    const known = this.#numbers.get(frame)
    if (known !== undefined) return known
    const {function: name, line} = frame
    const number = this.#names.numberOf(this.#common.lines ? `${name}:${line}` : name, () => undefined)
    this.#numbers.set(frame, number)
    return number
  }
}

/** Goroutines that are the same in two dumps. */
interface Group {
  readonly stack: DumpedStack
  readonly isPartial: boolean
  readonly goroutines: readonly number[]
}

/** The groups of two dumps, column by column: an object for each of two million would be half a gigabyte. */
class StackGroups implements Iterable<GoroutineChange> {
  readonly common: Common
  readonly #lists: StackLists
  /** By the list of its stacks. */
  readonly #groups = new Map<number, number>()
  readonly #before: number[] = []
  readonly #after: number[] = []
  /** Of the second dump where it has one, which is told. */
  readonly #stacks: DumpedStack[] = []
  readonly #partial = new Set<number>()
  /** In the dump of the stack that is told; of a group that is not here: those of that stack alone. */
  readonly #goroutines = new Map<number, number[]>()

  constructor(before: GoroutineSet, after: GoroutineSet, common: Common) {
    this.common = common
    this.#lists = new StackLists(common)
    for (const stack of before.stacks) this.#add(stack, false)
    for (const stack of after.stacks) this.#add(stack, true)
  }

  /** Whether one is in both. A stack with nothing on it is no sign of one build. */
  get haveShared(): boolean {
    for (const [list, group] of this.#groups) {
      if (this.#before[group] !== 0 && this.#after[group] !== 0 && !this.#lists.isBare(list)) return true
    }
    return false
  }

  *[Symbol.iterator](): Generator<GoroutineChange> {
    const order = Uint32Array.from(this.#stacks, (_, group) => group)
    order.sort((a, b) => compareCounts(this.#pairOf(a), this.#pairOf(b)) || a - b)
    for (const group of order) {
      const {before, after} = this.#pairOf(group)
      yield reportChange(this.#groupAt(group), this.common, countsOf(before, after))
    }
  }

  #pairOf(group: number): {before: number; after: number} {
    return {before: this.#before[group] as number, after: this.#after[group] as number}
  }

  #groupAt(group: number): Group {
    const stack = this.#stacks[group] as DumpedStack
    const goroutines = this.#goroutines.get(group) ?? stack.goroutines
    return {stack, isPartial: this.#partial.has(group), goroutines}
  }

  #add(stack: DumpedStack, isAfter: boolean): void {
    const list = this.#lists.listOf(stack)
    let group = this.#groups.get(list)
    if (group === undefined) {
      group = this.#stacks.push(stack) - 1
      this.#groups.set(list, group)
      this.#before.push(0)
      this.#after.push(0)
      if (stack.isPartial) this.#partial.add(group)
    } else if (isAfter && this.#after[group] === 0) this.#tell(group, stack)
    else this.#join(group, stack)
    const counts = isAfter ? this.#after : this.#before
    counts[group] = (counts[group] as number) + stack.count
  }

  #tell(group: number, stack: DumpedStack): void {
    this.#stacks[group] = stack
    this.#goroutines.delete(group)
    if (stack.isPartial) this.#partial.add(group)
    else this.#partial.delete(group)
  }

  #join(group: number, stack: DumpedStack): void {
    const {goroutines} = this.#groupAt(group)
    if (goroutines.length < IDS_SHOWN)
      this.#goroutines.set(group, [...goroutines, ...stack.goroutines].slice(0, IDS_SHOWN))
    if (stack.isPartial) this.#partial.add(group)
  }
}

/** Go shows frames of its runtime and wrappers in some dumps and not in others; those of C hardly anywhere. */
function comparedFrames({frames}: DumpedStack, {isWhole, depth}: Common): readonly DumpedFrame[] {
  const compared = isWhole ? frames : frames.filter(({function: name, isC}) => !isC && !isOfRuntime(name))
  return compared.length > depth ? compared.slice(0, depth) : compared
}

/** How many frames of each stack are there before any of them is cut. */
function shortestCut(stacks: Iterable<DumpedStack>, common: Common): number {
  let shortest = Number.POSITIVE_INFINITY
  for (const stack of stacks) {
    if (stack.cutAfter === null) continue
    const before = {...stack, frames: stack.frames.slice(0, stack.cutAfter)}
    shortest = Math.min(shortest, comparedFrames(before, common).length)
  }
  return shortest
}

function isOfRuntime(name: string): boolean {
  return name === 'panic' || /^(?:runtime\.|internal\/runtime\/)|\.gowrap\d+$/.test(name)
}

function reportChange(
  {stack, goroutines, isPartial}: Group,
  common: Common,
  counts: ReturnType<typeof countsOf>,
): GoroutineChange {
  return {
    ...counts,
    state: common.states ? stack.state : null,
    frames: comparedFrames(stack, common).map(({function: name, file, line}) => ({
      function: name,
      file,
      line,
    })),
    createdBy: common.creators ? stack.createdBy : null,
    goroutines: goroutines.slice(0, IDS_SHOWN),
    partial: isPartial,
  }
}
