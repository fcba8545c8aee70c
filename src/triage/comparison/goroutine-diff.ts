import {Column} from '../../base/column.ts'
import {Numbering} from '../../base/prefix-tree.ts'
import type {DiffReport, GoroutineChange} from '../../report/core-report.ts'
import type {DumpedFrame, DumpedStack, StackList} from '../../traceback/dumped-stack.ts'
import {compareCounts, countsOf} from './changes.ts'

/** The goroutines of one dump. */
export interface GoroutineSet {
  readonly compared: DiffReport['before']
  /** Of the program, where that is known: two builds have one function on different lines. */
  readonly buildId: string | null
  readonly stacks: StackList
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
 * two builds, whose lines differ, the same functions; so of two that are not known, where no stack is on one line.
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
  const isKnown = before.buildId !== null && after.buildId !== null
  const isByLine = isKnown ? before.buildId === after.buildId : undefined
  const found = isByLine === undefined ? chooseLines(before, after, byLine, byFunction) : undefined
  const groups = found ?? new StackGroups(before, after, isByLine === true ? byLine : byFunction)
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
  const numbers = new StackNumbers(common)
  const known = Column.ofUint32()
  for (const stack of before.stacks) known.set(numbers.numberOf(stack), 1)
  for (const stack of after.stacks) {
    const number = numbers.numberOf(stack)
    if (known.at(number) === 1 && !numbers.isBare(number)) return true
  }
  return false
}

function all(stacks: Iterable<DumpedStack>, holds: (stack: DumpedStack) => boolean): boolean {
  for (const stack of stacks) if (!holds(stack)) return false
  return true
}

/** What is compared of stacks, by number: lists of frames take too much room where a million of them are different. */
class StackNumbers {
  readonly #common: Common
  /** Whether nothing is on it that is compared. */
  readonly #stacks = new Numbering<boolean>()
  readonly #names = new Numbering<undefined>()
  readonly #numbers = new Map<DumpedFrame, number>()

  constructor(common: Common) {
    this.#common = common
  }

  /** Those that are the same have one. */
  numberOf(stack: DumpedStack): number {
    const {states, creators} = this.#common
    const frames = comparedFrames(stack, this.#common)
    const rest = `${states ? stack.state : ''}\n\n${creators ? stack.createdBy : ''}`
    const words = new Uint32Array(frames.length + 1)
    words[0] = this.#names.numberOf(rest, () => undefined)
    for (const [index, frame] of frames.entries()) words[index + 1] = this.#numberOfFrame(frame)
    return this.#stacks.numberOf(Buffer.from(words.buffer).toString('latin1'), () => frames.length === 0)
  }

  isBare(number: number): boolean {
    return this.#stacks.values[number] === true
  }

  /** The name of a file depends on where and how a program was built; a function has one file anyhow. */
  #numberOfFrame(frame: DumpedFrame): number {
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
  readonly #sets: readonly GoroutineSet[]
  /** A group has the number of its stacks. */
  readonly #numbers: StackNumbers
  readonly #before = Column.ofNumbers()
  readonly #after = Column.ofNumbers()
  /** Which stack is told, twice its index; one more: of the second dump, where that has one. */
  readonly #told = Column.ofUint32()
  readonly #partial = Column.ofUint32()
  /** In the dump of the stack that is told; of a group that is not here: those of that stack alone. */
  readonly #goroutines = new Map<number, number[]>()

  constructor(before: GoroutineSet, after: GoroutineSet, common: Common) {
    this.common = common
    this.#sets = [before, after]
    this.#numbers = new StackNumbers(common)
    for (const [index, stack] of before.stacks.entries()) this.#add(index, stack, false)
    for (const [index, stack] of after.stacks.entries()) this.#add(index, stack, true)
  }

  /** Whether one is in both. A stack with nothing on it is no sign of one build. */
  get haveShared(): boolean {
    for (let group = 0; group < this.#told.length; group++) {
      const {before, after} = this.#pairOf(group)
      if (before !== 0 && after !== 0 && !this.#numbers.isBare(group)) return true
    }
    return false
  }

  *[Symbol.iterator](): Generator<GoroutineChange> {
    const order = Uint32Array.from({length: this.#told.length}, (_, group) => group)
    order.sort((a, b) => compareCounts(this.#pairOf(a), this.#pairOf(b)) || a - b)
    for (const group of order) {
      const {before, after} = this.#pairOf(group)
      const found = this.#groupAt(group)
      if (found) yield reportChange(found, this.common, countsOf(before, after))
    }
  }

  #pairOf(group: number): {before: number; after: number} {
    return {before: this.#before.at(group), after: this.#after.at(group)}
  }

  #groupAt(group: number): Group | undefined {
    const told = this.#told.at(group)
    const stack = this.#sets[told % 2]?.stacks.at(Math.floor(told / 2))
    if (!stack) return undefined
    const goroutines = this.#goroutines.get(group) ?? stack.goroutines
    return {stack, isPartial: this.#partial.at(group) === 1, goroutines}
  }

  #add(index: number, stack: DumpedStack, isAfter: boolean): void {
    const group = this.#numbers.numberOf(stack)
    const isNew = group === this.#told.length
    if (isNew || (isAfter && this.#told.at(group) % 2 === 0)) this.#tell(group, 2 * index + Number(isAfter), stack)
    else this.#join(group, stack)
    const counts = isAfter ? this.#after : this.#before
    counts.set(group, counts.at(group) + stack.count)
  }

  #tell(group: number, told: number, {isPartial}: DumpedStack): void {
    this.#told.set(group, told)
    this.#goroutines.delete(group)
    this.#partial.set(group, Number(isPartial))
  }

  #join(group: number, {goroutines, isPartial}: DumpedStack): void {
    const known = this.#groupAt(group)?.goroutines ?? []
    if (known.length < IDS_SHOWN) this.#goroutines.set(group, [...known, ...goroutines].slice(0, IDS_SHOWN))
    if (isPartial) this.#partial.set(group, 1)
  }
}

/** Go shows frames of its runtime and wrappers in some dumps and not in others; those of C hardly anywhere. */
function comparedFrames({frames}: Pick<DumpedStack, 'frames'>, {isWhole, depth}: Common): readonly DumpedFrame[] {
  const compared = isWhole ? frames : frames.filter(({function: name, isC}) => !isC && !isOfRuntime(name))
  return compared.length > depth ? compared.slice(0, depth) : compared
}

/** How many frames of each stack are there before any of them is cut. */
function shortestCut(stacks: Iterable<DumpedStack>, common: Common): number {
  let shortest = Number.POSITIVE_INFINITY
  for (const stack of stacks) {
    if (stack.cutAfter === null) continue
    const before = {frames: stack.frames.slice(0, stack.cutAfter)}
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
