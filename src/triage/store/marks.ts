import type {MarkReport, StoredSignature} from '../../report/core-report.ts'
import {MARK_STATES, type MarkState} from '../../report/vocabulary.ts'
import {type Build, FixOrder, nameOfBuild} from './builds.ts'
import type {CrashStore} from './crash-store.ts'
import type {Row} from './engine.ts'

/** A build that a signature was seen in. */
export interface Sighting {
  readonly build: Build
  readonly count: number
  readonly first: string
  readonly last: string
}

/** What was said of a signature, the oldest first. */
export async function readHistory(store: CrashStore, exact: string): Promise<MarkReport[]> {
  return (await store.all('SELECT * FROM mark WHERE exact = ? ORDER BY id', exact)).map(markOfRow)
}

/** What was said last of each signature of which something was said. */
export async function readLatestMarks(store: CrashStore): Promise<Map<string, MarkReport>> {
  const rows = await store.all('SELECT * FROM mark WHERE id IN (SELECT max(id) FROM mark GROUP BY exact)')
  return new Map(rows.map(row => [String(row.exact), markOfRow(row)]))
}

function markOfRow(row: Row): MarkReport {
  const text = (name: string): string | null => (row[name] === null ? null : String(row[name]))
  return {
    // A later release may have other words.
    state: (Object.keys(MARK_STATES) as MarkState[]).find(state => state === row.state) ?? 'known',
    build: text('build'),
    buildTime: text('build_time'),
    note: text('note'),
    author: text('author'),
    time: text('time') ?? '',
  }
}

/** The builds that a signature was seen in, the first seen first. */
export async function readSightings(
  store: CrashStore,
  exact: string,
  builds: ReadonlyMap<number, Build>,
): Promise<Sighting[]> {
  const sql = `
    SELECT build, count(*) AS count, min(time) AS first, max(time) AS last FROM core
    WHERE exact = ? GROUP BY build ORDER BY first, build`
  return (await store.all(sql, exact)).flatMap(row => {
    const build = builds.get(Number(row.build))
    return build ? [{build, count: Number(row.count), first: String(row.first), last: String(row.last)}] : []
  })
}

/** What tells of a build that it is not older than the fix; undefined where there is no fix. */
export function fixOrderOf(mark: MarkReport | undefined, builds: Iterable<Build>): FixOrder | undefined {
  if (mark?.state !== 'fixed' || mark.build === null) return undefined
  return new FixOrder({build: mark.build, buildTime: mark.buildTime, time: mark.time}, builds)
}

/** How a signature stands by what was said of it last, and by what was seen since. */
export async function judge(
  mark: MarkReport | undefined,
  sightings: () => Promise<readonly Sighting[]>,
  builds: ReadonlyMap<number, Build>,
): Promise<Pick<StoredSignature, 'state' | 'regression' | 'mark'>> {
  if (!mark) return {state: 'new', regression: null, mark: null}
  const order = fixOrderOf(mark, builds.values())
  for (const {build, first} of order ? await sightings() : []) {
    const proof = order?.proofOf(build)
    if (proof) return {state: 'regressed', regression: {build: nameOfBuild(build), proof, first}, mark}
  }
  return {state: mark.state, regression: null, mark}
}
