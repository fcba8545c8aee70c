import {basename} from 'node:path'
import type {StoredSignature, TriageList} from '../../report/core-report.ts'
import type {SignatureState} from '../../report/vocabulary.ts'
import {parseJson} from '../stored-line.ts'
import {type Build, nameOfBuild, readBuilds} from './builds.ts'
import type {CrashStore} from './crash-store.ts'
import type {Row, Value} from './engine.ts'
import {judge, readLatestMarks, readSightings} from './marks.ts'

export const LIST_ORDERS = ['count', 'last', 'first'] as const

/** Which signatures are listed; all conditions hold together. Times are ISO 8601 in UTC. */
export interface SignatureQuery {
  /** Only this one. */
  readonly exact: string | undefined
  /** Only cores written from then on. */
  readonly since: string | undefined
  /** Only cores written before. */
  readonly until: string | undefined
  /** Only signatures none of whose cores is older. */
  readonly newSince: string | undefined
  readonly states: readonly SignatureState[] | undefined
  /** Name or path of a program, or path of its main module. */
  readonly program: string | undefined
  /** A part of it, in any case. */
  readonly family: string | undefined
  readonly labels: readonly {readonly key: string; readonly value: string}[]
  readonly sort: (typeof LIST_ORDERS)[number]
  readonly limit: number | undefined
  /** Of the trend. */
  readonly days: number
  /** What day it is, where `until` does not end the trend. */
  readonly now: string
}

/** No condition; what is left to say is the trend. */
export const EVERYTHING: Omit<SignatureQuery, 'days' | 'now'> = {
  exact: undefined,
  since: undefined,
  until: undefined,
  newSince: undefined,
  states: undefined,
  program: undefined,
  family: undefined,
  labels: [],
  sort: 'count',
  limit: undefined,
}

/** Names kept for each signature. */
const NAMES_MAX = 10
const DAY_MS = 24 * 3600 * 1000
const DAY_LENGTH = 'YYYY-MM-DD'.length

/** What the store holds. */
export async function describeStore(store: CrashStore): Promise<TriageList['store']> {
  const [row = {}] = await store.all(`
    SELECT count(*) FILTER (WHERE error IS NULL) AS cores,
      count(*) FILTER (WHERE error IS NULL AND exact IS NULL) AS "notCrashed",
      count(*) FILTER (WHERE error IS NOT NULL) AS errors, count(DISTINCT exact) AS signatures,
      min(time) FILTER (WHERE error IS NULL) AS first, max(time) FILTER (WHERE error IS NULL) AS last FROM core`)
  return {
    path: store.path,
    cores: Number(row.cores),
    notCrashed: Number(row.notCrashed),
    errors: Number(row.errors),
    signatures: Number(row.signatures),
    first: textOf(row.first),
    last: textOf(row.last),
  }
}

export interface SignatureList extends Pick<TriageList, 'matched' | 'signatures'> {
  /** Of all that match, those beyond the limit too. */
  readonly states: ReadonlySet<SignatureState>
}

/** The signatures for which all conditions hold, and how many there are beyond the limit. */
export async function listSignatures(store: CrashStore, query: SignatureQuery): Promise<SignatureList> {
  const builds = await readBuilds(store)
  const chosen = choose(store, query, builds)
  const found = await findSignatures(store, query, chosen, builds)
  found.sort(orderOf(query.sort))
  const names = await countBuilds(store, chosen, builds)
  const days = daysOf(query)
  const trends = days[0] === undefined ? new Map() : await countDays(store, chosen, days[0])
  const signatures = found.slice(0, query.limit).map(each => {
    const exact = String(each.row.exact)
    return {
      ...reportSignature(each, names.get(exact)),
      trend: days.map(day => ({day, count: trends.get(`${exact} ${day}`) ?? 0})),
    }
  })
  return {matched: found.length, signatures, states: new Set(found.map(({standing}) => standing.state))}
}

/** A signature with what is asked of it before it is shown. */
interface Found {
  readonly row: Row
  readonly first: string
  readonly standing: Pick<StoredSignature, 'state' | 'regression' | 'mark'>
}

async function findSignatures(
  store: CrashStore,
  query: SignatureQuery,
  {where, values}: Condition,
  builds: ReadonlyMap<number, Build>,
): Promise<Found[]> {
  // For each a look into the index, not a walk over all cores.
  const whole = 'SELECT exact, (SELECT min(time) FROM core WHERE core.exact = signature.exact) AS first FROM signature'
  const firsts = new Map((await store.all(whole)).map(row => [String(row.exact), String(row.first)]))
  const marks = await readLatestMarks(store)
  const sql = `
    SELECT exact, count, last, (${latest(where)}) AS path, version, family, frames, kind, signal, message
    FROM (SELECT exact, count(*) AS count, max(time) AS last FROM core WHERE ${where} GROUP BY exact) AS listed
    JOIN signature USING (exact)`
  const found: Found[] = []
  for (const row of await store.all(sql, ...values, ...values)) {
    const exact = String(row.exact)
    const first = firsts.get(exact) ?? ''
    if (query.newSince !== undefined && first < query.newSince) continue
    if (query.family !== undefined && !includes(row.family, query.family)) continue
    const standing = await judge(marks.get(exact), () => readSightings(store, exact, builds), builds)
    if (!query.states || query.states.includes(standing.state)) found.push({row, first, standing})
  }
  return found
}

/** The path of the core of a listed signature that was written last. */
function latest(where: string): string {
  return `SELECT core.path FROM core WHERE core.exact = listed.exact AND ${where} ORDER BY core.time DESC, core.key LIMIT 1`
}

/** Which cores count. */
interface Condition {
  readonly where: string
  readonly values: readonly Value[]
}

function choose(
  store: CrashStore,
  {exact, since, until, program, labels}: SignatureQuery,
  builds: ReadonlyMap<number, Build>,
): Condition {
  const pairs = `${store.pairsOf('core.labels')} AS pair`
  const conditions: string[] = ['core.exact IS NOT NULL']
  const values: Value[] = []
  const add = (condition: string, ...given: readonly Value[]): void => {
    conditions.push(condition)
    values.push(...given)
  }
  if (exact !== undefined) add('core.exact = ?', exact)
  if (since !== undefined) add('core.time >= ?', since)
  if (until !== undefined) add('core.time < ?', until)
  if (program !== undefined) {
    const ids = [...builds.values()].filter(build => isProgram(build, program)).map(({id}) => id)
    add(`core.build IN (${ids.join(', ') || 'NULL'})`)
  }
  for (const {key, value} of labels) {
    add(`EXISTS (SELECT 1 FROM ${pairs} WHERE pair.key = ? AND pair.value = ?)`, key, value)
  }
  return {where: conditions.join(' AND '), values}
}

function isProgram({program, main}: Build, name: string): boolean {
  return [program, main].some(path => path !== null && (path === name || path.endsWith(`/${name}`)))
}

function includes(text: Value | undefined, part: string): boolean {
  return String(text).toLowerCase().includes(part.toLowerCase())
}

function orderOf(sort: SignatureQuery['sort']): (a: Found, b: Found) => number {
  const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
  const keys = {
    count: (a: Found, b: Found) => Number(b.row.count) - Number(a.row.count),
    last: (a: Found, b: Found) => compare(String(b.row.last), String(a.row.last)),
    first: (a: Found, b: Found) => compare(b.first, a.first),
  }
  return (a, b) => keys[sort](a, b) || keys.last(a, b) || compare(String(a.row.exact), String(b.row.exact))
}

type Names = Pick<StoredSignature, 'programs' | 'versions'>

/** By signature, the programs and the builds that its cores are of. */
async function countBuilds(
  store: CrashStore,
  {where, values}: Condition,
  builds: ReadonlyMap<number, Build>,
): Promise<Map<string, Names>> {
  const counts = new Map<string, {programs: Map<string, number>; versions: Map<string, number>}>()
  const sql = `SELECT exact, build, count(*) AS count FROM core WHERE ${where} GROUP BY exact, build`
  for (const row of await store.all(sql, ...values)) {
    const exact = String(row.exact)
    const build = builds.get(Number(row.build))
    if (!build) continue
    const ofSignature = counts.get(exact) ?? {programs: new Map(), versions: new Map()}
    counts.set(exact, ofSignature)
    count(ofSignature.programs, basename(build.program ?? '?'), Number(row.count))
    count(ofSignature.versions, nameOfBuild(build), Number(row.count))
  }
  return new Map(
    Array.from(counts, ([exact, {programs, versions}]) => [
      exact,
      {programs: commonest(programs), versions: commonest(versions)},
    ]),
  )
}

function count(counts: Map<string, number>, name: string, more: number): void {
  counts.set(name, (counts.get(name) ?? 0) + more)
}

function commonest(counts: ReadonlyMap<string, number>): Names['programs'] {
  const list = Array.from(counts, ([name, times]) => ({name, count: times}))
  return list.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)).slice(0, NAMES_MAX)
}

/** The days of the trend, the oldest first; the last one is today, or the one that `until` ends. */
function daysOf({days, until, now}: SignatureQuery): string[] {
  const end = until === undefined ? Date.parse(now) : Date.parse(until) - 1
  return Array.from({length: days}, (_, index) =>
    new Date(end - (days - 1 - index) * DAY_MS).toISOString().slice(0, DAY_LENGTH),
  )
}

async function countDays(store: CrashStore, {where, values}: Condition, from: string): Promise<Map<string, number>> {
  const sql = `
    SELECT exact, substr(time, 1, ${DAY_LENGTH}) AS day, count(*) AS count FROM core
    WHERE ${where} AND core.time >= ? GROUP BY exact, day`
  const rows = await store.all(sql, ...values, from)
  return new Map(rows.map(row => [`${row.exact} ${row.day}`, Number(row.count)]))
}

function reportSignature(
  {row, first, standing: {state, regression, mark}}: Found,
  names: Names | undefined,
): Omit<StoredSignature, 'trend'> {
  return {
    exact: String(row.exact),
    version: String(row.version),
    family: textOf(row.family),
    state,
    regression,
    mark,
    kind: textOf(row.kind),
    signal: textOf(row.signal),
    message: textOf(row.message),
    frames: parseNames(row.frames),
    count: Number(row.count),
    first,
    last: String(row.last),
    programs: names?.programs ?? [],
    versions: names?.versions ?? [],
    example: String(row.path),
  }
}

function parseNames(text: Value | undefined): string[] {
  const names = parseJson(String(text))
  return Array.isArray(names) ? names.filter(name => typeof name === 'string') : []
}

function textOf(value: Value | undefined): string | null {
  return value === null || value === undefined ? null : String(value)
}
