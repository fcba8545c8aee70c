import type {DiffReport, GoroutineChange} from '../../report/core-report.ts'
import type {DumpedFrame, DumpedStack} from '../../traceback/dumped-stack.ts'
import {compareCounts, countsOf} from './changes.ts'

/** The goroutines of one dump. */
export interface GoroutineSet {
  readonly compared: DiffReport['before']
  /** Of the program, where that is known: two builds have one function on different lines. */
  readonly buildId: string | null
  readonly stacks: readonly DumpedStack[]
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

interface Group {
  count: number
  isPartial: boolean
  readonly goroutines: number[]
  readonly stack: DumpedStack
}

export interface GoroutineDiff {
  readonly by: 'line' | 'function'
  readonly goroutines: GoroutineChange[]
}

/**
 * What became of the goroutines with one stack. Those are the same that have the same functions on the same lines; of
 * two builds, whose lines differ, the same functions.
 */
export function diffGoroutines(before: GoroutineSet, after: GoroutineSet): GoroutineDiff {
  const both = [before, after]
  const common = {
    isWhole: both.every(({compared, stacks}) => compared.kind === 'core' && !stacks.some(({isPartial}) => isPartial)),
    states: both.every(({stacks}) => stacks.every(({state}) => state !== null)),
    creators: both.every(({compared}) => compared.kind !== 'profile'),
  }
  const whole = {...common, lines: true, depth: Number.POSITIVE_INFINITY}
  const byLine = {...whole, depth: Math.min(...both.map(({stacks}) => shortestCut(stacks, whole)))}
  const byFunction = {...byLine, lines: false}
  const isOtherBuild = before.buildId !== null && after.buildId !== null && before.buildId !== after.buildId
  const isByLine =
    !isOtherBuild && (countShared(before, after, byLine) > 0 || countShared(before, after, byFunction) === 0)
  const chosen = isByLine ? byLine : byFunction
  const [old, young] = [groupStacks(before.stacks, chosen), groupStacks(after.stacks, chosen)]
  const changes = [...new Set([...old.keys(), ...young.keys()])].flatMap(key => {
    const group = young.get(key) ?? old.get(key)
    if (!group) return []
    return [{key, ...reportChange(group, chosen, countsOf(old.get(key)?.count ?? 0, young.get(key)?.count ?? 0))}]
  })
  changes.sort((a, b) => compareCounts(a, b) || (a.key < b.key ? -1 : 1))
  return {by: isByLine ? 'line' : 'function', goroutines: changes.map(({key: _, ...change}) => change)}
}

/** Groups that both have. A stack with nothing on it is no sign of one build. */
function countShared(before: GoroutineSet, after: GoroutineSet, common: Common): number {
  const old = groupStacks(before.stacks, common)
  const young = groupStacks(after.stacks, common)
  return [...young].filter(([key, {stack}]) => old.has(key) && comparedFrames(stack, common).length > 0).length
}

function groupStacks(stacks: readonly DumpedStack[], common: Common): Map<string, Group> {
  const groups = new Map<string, Group>()
  for (const stack of stacks) {
    const key = keyOf(stack, common)
    const group = groups.get(key) ?? {count: 0, isPartial: false, goroutines: [], stack}
    groups.set(key, group)
    group.count += stack.count
    group.isPartial ||= stack.isPartial
    group.goroutines.push(...stack.goroutines.slice(0, IDS_SHOWN - group.goroutines.length))
  }
  return groups
}

/** The name of a file depends on where and how a program was built; a function has one file anyhow. */
function keyOf(stack: DumpedStack, common: Common): string {
  const {states, creators, lines} = common
  const frames = comparedFrames(stack, common).map(({function: name, line}) => (lines ? `${name}:${line}` : name))
  return [states ? stack.state : '', creators ? stack.createdBy : '', ...frames].join('\n')
}

/** Go shows frames of its runtime and wrappers in some dumps and not in others; those of C hardly anywhere. */
function comparedFrames({frames}: DumpedStack, {isWhole, depth}: Common): readonly DumpedFrame[] {
  const compared = isWhole ? frames : frames.filter(({function: name, isC}) => !isC && !isOfRuntime(name))
  return compared.length > depth ? compared.slice(0, depth) : compared
}

/** How many frames of each stack are there before any of them is cut. */
function shortestCut(stacks: readonly DumpedStack[], common: Common): number {
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
    goroutines,
    partial: isPartial,
  }
}
