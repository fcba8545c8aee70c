import {type GoVersion, NEWEST, OLDEST} from '../gosym/version.ts'
import {
  ANCESTOR_TABLE,
  BUBBLE_TABLE,
  G_TABLE,
  HMAP_TABLE,
  type LayoutTable,
  M_TABLE,
  P_TABLE,
  PANIC_TABLE,
  RANKED_BUBBLE_TABLE,
  RANKED_SCHEDT_TABLE,
  SCHEDT_TABLE,
  SUDOG_TABLE,
  TYPE_TABLE,
} from './layout-tables.ts'
import {type LayoutSet, StructLayout, type StructName} from './struct-layout.ts'

const TABLES: {readonly [S in StructName]: LayoutTable} = {
  g: G_TABLE,
  m: M_TABLE,
  p: P_TABLE,
  schedt: SCHEDT_TABLE,
  _panic: PANIC_TABLE,
  sudog: SUDOG_TABLE,
  ancestorInfo: ANCESTOR_TABLE,
  bubble: BUBBLE_TABLE,
  _type: TYPE_TABLE,
  hmap: HMAP_TABLE,
}

/** A program says in its version which experiments it was built with: `go1.27.4-X:staticlockranking`. */
const LOCK_RANKING = /\bstaticlockranking\b/
const RANKED_TABLES: {readonly [S in StructName]?: LayoutTable} = {
  schedt: RANKED_SCHEDT_TABLE,
  bubble: RANKED_BUBBLE_TABLE,
}

/** Whether the tables were made for this release, not only for a neighbour. */
export function isTabulated(release: GoVersion): boolean {
  return release.major === 1 && release.minor >= OLDEST.minor && release.minor <= NEWEST.minor
}

/**
 * Whether a program says that it is of a tabulated release as it was published: no pre-release, no vendor's, and no
 * experiment that may have moved fields.
 */
export function isAsReleased(release: GoVersion): boolean {
  return isTabulated(release) && /^go1\.\d+(?:\.\d+)?$/.test(release.text)
}

/** Index of the column that holds for the release: the last that begins at or before it, else the first. */
function columnOf(table: LayoutTable, release: GoVersion): number {
  let found = 0
  for (const [index, [minor, patch]] of table.columns.entries()) {
    if (release.atLeast(minor, patch)) found = index
  }
  return found
}

function layoutFromTable<S extends StructName>(name: S, release: GoVersion): StructLayout<S> {
  const table = (LOCK_RANKING.test(release.text) && RANKED_TABLES[name]) || TABLES[name]
  const column = columnOf(table, release)
  const offsets: [string, number][] = []
  for (const [field, row] of Object.entries(table.rows)) {
    const offset = row[column]
    if (offset !== null && offset !== undefined) offsets.push([field, offset])
  }
  return StructLayout.of(name, 'table', offsets)
}

/** The layouts of a release; for a release outside the tables those of the nearest one. */
export function layoutsFromTables(release: GoVersion): LayoutSet {
  return {
    g: layoutFromTable('g', release),
    m: layoutFromTable('m', release),
    p: layoutFromTable('p', release),
    schedt: layoutFromTable('schedt', release),
    _panic: layoutFromTable('_panic', release),
    sudog: layoutFromTable('sudog', release),
    ancestorInfo: layoutFromTable('ancestorInfo', release),
    bubble: layoutFromTable('bubble', release),
    _type: layoutFromTable('_type', release),
    hmap: layoutFromTable('hmap', release),
  }
}

/**
 * Patch releases of a minor release from which on some structure is another, the newest first; 0 for the first release.
 */
export function layoutPatches(minor: number): number[] {
  const columns = Object.values(TABLES).flatMap(table => table.columns)
  const patches = columns.filter(([first]) => first === minor).map(([, patch]) => patch)
  return [...new Set([0, ...patches])].sort((a, b) => b - a)
}

/** What all of the layouts have in common: a field that one of them has elsewhere, or not at all, is left out. */
export function commonLayouts(sets: readonly LayoutSet[]): LayoutSet {
  const names = Object.keys(TABLES) as StructName[]
  return Object.fromEntries(names.map(name => [name, commonLayout(name, sets)])) as unknown as LayoutSet
}

function commonLayout(name: StructName, sets: readonly LayoutSet[]): StructLayout<StructName> {
  const [first, ...others] = sets.map(set => new Map(set[name].fields()))
  const shared = [...(first ?? [])].filter(([field, offset]) => others.every(other => other.get(field) === offset))
  return StructLayout.of(name, sets[0]?.[name].origin ?? 'table', shared)
}

/** Where m.alllink may be: at one place in a release that is known, else at any that the tables have. */
export function alllinksOf(release: GoVersion | undefined): number[] {
  const {alllink} = M_TABLE.rows
  if (release && isTabulated(release)) return [alllink[columnOf(M_TABLE, release)] as number]
  return [...new Set<number>(alllink)]
}
