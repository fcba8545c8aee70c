import type {MemoryReader} from '../base/memory-reader.ts'
import type {GoVersion} from '../gosym/version.ts'
import {checkLayouts, type LayoutSample} from './layout-check.ts'
import type {SigtrampFacts} from './sigtramp-offsets.ts'
import type {FieldName, LayoutSet} from './struct-layout.ts'

/**
 * Layouts of a release that no table knows and no DWARF tells. Structures change from release to release by a few words
 * put in or taken out, so a table's fields move in groups. runtime.cgoSigtramp proves some offsets outright; each group
 * between them is then moved by the few words that make the invariants of live data hold best.
 */
export function searchLayouts(
  memory: MemoryReader,
  release: GoVersion,
  tables: LayoutSet,
  facts: SigtrampFacts | undefined,
  sample: LayoutSample,
): LayoutSet {
  let layouts = facts ? applySigtramp(tables, facts) : tables
  for (const [name, first, last] of GROUPS) {
    const [from, to] = groupBounds(tables, name, first, last)
    let best = checkLayouts(memory, release, layouts, sample)
    const start = layouts
    for (const shift of SHIFTS) {
      const moved = moveGroup(start, tables, name, from, to, shift)
      const fit = checkLayouts(memory, release, moved, sample)
      if (fit.score <= best.score) continue
      best = fit
      layouts = moved
    }
  }
  return layouts
}

/** Whether the signal handler's code agrees with the layouts in every offset that it shows. */
export function agreesWithSigtramp(layouts: LayoutSet, facts: SigtrampFacts): boolean {
  const g = Object.entries(facts.g) as [keyof SigtrampFacts['g'], number][]
  const m = Object.entries(facts.m) as [keyof SigtrampFacts['m'], number][]
  return (
    g.every(([field, offset]) => layouts.g.offset(field) === offset) &&
    m.every(([field, offset]) => layouts.m.offset(field) === offset)
  )
}

/** Words by which a group may have moved, the small moves first. */
const SHIFTS = [8, -8, 16, -16, 24, -24, 32, -32, 40, -40]

/**
 * Groups that have moved together so far: structure, first and last field of each in table order. Some are read for
 * their place alone.
 */
const GROUPS: readonly (readonly ['g' | 'm', string, string])[] = [
  ['g', 'stktopsp', 'throwsplit'],
  ['g', 'lockedm', 'sig'],
  ['g', 'sigcode0', 'bubble'],
  ['m', 'procid', 'goSigStack.stack.hi'],
  ['m', 'p', 'traceback'],
  ['m', 'alllink', 'schedlink'],
  ['m', 'lockedg', 'lockedg'],
  ['m', 'lockedExt', 'vdsoPC'],
]

function groupBounds(tables: LayoutSet, name: 'g' | 'm', first: string, last: string): [from: number, to: number] {
  const offset = (field: string): number | undefined =>
    name === 'g' ? tables.g.offset(field as FieldName<'g'>) : tables.m.offset(field as FieldName<'m'>)
  return [offset(first) ?? 0, offset(last) ?? offset(first) ?? 0]
}

function moveGroup(
  layouts: LayoutSet,
  tables: LayoutSet,
  name: 'g' | 'm',
  from: number,
  to: number,
  shift: number,
): LayoutSet {
  if (name === 'g') {
    const moved = inGroup(layouts.g.fields(), new Map(tables.g.fields()), from, to, shift)
    return {...layouts, g: layouts.g.with(moved as [FieldName<'g'>, number][])}
  }
  const moved = inGroup(layouts.m.fields(), new Map(tables.m.fields()), from, to, shift)
  return {...layouts, m: layouts.m.with(moved as [FieldName<'m'>, number][])}
}

/** Fields whose tabulated place is inside the group, moved. */
function inGroup(
  fields: Iterable<[string, number]>,
  tabulated: ReadonlyMap<string, number>,
  from: number,
  to: number,
  shift: number,
): [string, number][] {
  const moved: [string, number][] = []
  for (const [field, offset] of fields) {
    const place = tabulated.get(field) ?? 0
    if (place >= from && place <= to) moved.push([field, offset + shift])
  }
  return moved
}

/** The table with the proven offsets; what lies after a proven field moves with it. */
function applySigtramp(layouts: LayoutSet, facts: SigtrampFacts): LayoutSet {
  const g = shifted(layouts.g.fields(), [
    [layouts.g.offset('m'), facts.g.m],
    // bp has been the last word of gobuf in every release, and syscallsp stands behind the gobuf.
    [layouts.g.offset('sched.bp'), facts.g.syscallsp - 8],
    [layouts.g.offset('syscallsp'), facts.g.syscallsp],
  ])
  const ncgo = layouts.m.offset('ncgo')
  const m = shifted(layouts.m.fields(), [
    [layouts.m.offset('curg'), facts.m.curg],
    // ncgocall has stood before ncgo in every release.
    [ncgo === undefined ? undefined : ncgo - 8, facts.m.ncgo - 8],
    [layouts.m.offset('cgoCallersUse'), facts.m.cgoCallersUse],
    [layouts.m.offset('cgoCallers'), facts.m.cgoCallers],
  ])
  return {
    ...layouts,
    g: layouts.g.with(g as [FieldName<'g'>, number][]),
    m: layouts.m.with(m as [FieldName<'m'>, number][]),
  }
}

function shifted(
  fields: Iterable<[string, number]>,
  anchors: readonly (readonly [tabulated: number | undefined, proven: number])[],
): [string, number][] {
  const moved: [string, number][] = []
  for (const [field, offset] of fields) {
    let delta = 0
    for (const [tabulated, proven] of anchors) {
      if (tabulated !== undefined && offset >= tabulated) delta = proven - tabulated
    }
    moved.push([field, offset + delta])
  }
  return moved
}
