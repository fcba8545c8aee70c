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
  return groups.haveShared || !new StackGroups(before, after, byFunction).haveShared ? groups : undefined
}

function all(stacks: Iterable<DumpedStack>, holds: (stack: DumpedStack) => boolean): boolean {
  for (const stack of stacks) if (!holds(stack)) return false
  return true
}

/** Goroutines that are the same in two dumps. */
interface Group {
  before: number
  after: number
  /** Of the second where it has one, which is told. */
  stack: DumpedStack
  isPartial: boolean
  /** In the dump of `stack`; undefined: those of `stack` alone. */
  goroutines: number[] | undefined
}

/** What is compared of the stacks of two dumps, each a list of numbers, so that a million of them need little room. */
class StackGroups implements Iterable<GoroutineChange> {
  readonly common: Common
  readonly #lists = new PrefixTree()
  readonly #names = new Numbering<undefined>()
  readonly #numbers = new Map<DumpedFrame, number>()
  readonly #groups = new Map<number, Group>()

  constructor(before: GoroutineSet, after: GoroutineSet, common: Common) {
    this.common = common
    for (const stack of before.stacks) this.#add(stack, false)
    for (const stack of after.stacks) this.#add(stack, true)
  }

  /** Whether one is in both. A stack with nothing on it is no sign of one build. */
  get haveShared(): boolean {
    for (const [list, {before, after}] of this.#groups) {
      if (before > 0 && after > 0 && this.#lists.parentOf(list) !== EMPTY_LIST) return true
    }
    return false
  }

  *[Symbol.iterator](): Generator<GoroutineChange> {
    const groups = [...this.#groups.values()]
    const orders = groups.map(({before, after}, index) => ({index, ...countsOf(before, after)}))
    orders.sort((a, b) => compareCounts(a, b) || a.index - b.index)
    for (const {index, ...counts} of orders) yield reportChange(groups[index] as Group, this.common, counts)
  }

  #add(stack: DumpedStack, isAfter: boolean): void {
    const list = this.#listOf(stack)
    const group = this.#groups.get(list)
    const {count, isPartial} = stack
    if (!group) {
      const counts = isAfter ? {before: 0, after: count} : {before: count, after: 0}
      this.#groups.set(list, {...counts, stack, isPartial, goroutines: undefined})
      return
    }
    if (isAfter && group.after === 0) Object.assign(group, {stack, isPartial, goroutines: undefined})
    else {
      group.goroutines ??= [...group.stack.goroutines]
      group.goroutines.push(...stack.goroutines.slice(0, Math.max(0, IDS_SHOWN - group.goroutines.length)))
      group.isPartial ||= isPartial
    }
    group[isAfter ? 'after' : 'before'] += count
  }

  /** What is compared of a stack; in one group are those that have one list. */
  #listOf(stack: DumpedStack): number {
    const {states, creators} = this.common
    const frames = comparedFrames(stack, this.common)
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

  /** The name of a file depends on where and how a program was built; a function has one file anyhow. */
  #numberOf(frame: DumpedFrame): number {
    const known = this.#numbers.get(frame)
    if (known !== undefined) return known
    const {function: name, line} = frame
    const number = this.#names.numberOf(this.common.lines ? `${name}:${line}` : name, () => undefined)
    this.#numbers.set(frame, number)
    return number
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
  {stack, goroutines = [...stack.goroutines], isPartial}: Group,
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
