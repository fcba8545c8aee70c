import {createHash} from 'node:crypto'
import {basename} from 'node:path'
import type {BatchLine, BuildReport} from '../../report/core-report.ts'
import {type Fields, parseObject} from '../stored-line.ts'
import type {Queries} from './engine.ts'

/** Of SHA-256, in hexadecimal, as the keys of processes. */
const KEY_LENGTH = 32

/**
 * Writes the rows of a line, within a transaction: a core in the place of what was there of the same process.
 * @param now ISO 8601
 */
export async function addLine(queries: Queries, line: BatchLine, now: string): Promise<void> {
  if (line.error && (await isAnalysed(queries, line))) return
  const exact = await addSignature(queries, line, now)
  const {path, size, mtime, attempt} = line
  const error = line.error?.code ?? null
  const time = mtime ?? now
  const key = line.key ?? keyOfFile(line)
  const build = line.error ? null : await buildOf(queries, line)
  const whole = await withKnown(queries, line, key)
  const [labels, text] = [JSON.stringify(whole.labels), JSON.stringify(whole)]
  await queries.run(INSERT_CORE, key, path, size, mtime, attempt, time, now, exact, error, build, labels, text)
  await queries.run(`UPDATE place SET key = ? WHERE ${SAME_PLACE}`, key, ...placeOf(line))
  await queries.run(INSERT_PLACE, path, size, mtime, key)
  // What could not be analysed at first may have had an answer now.
  await queries.run('DELETE FROM core WHERE error IS NOT NULL AND key = ? AND key <> ?', keyOfFile(line), key)
}

/** What is asked of rows before they are written must hold until they are: of the process, and of the file. */
export function locksOf({key, path}: BatchLine): string[] {
  return key === null ? [path] : [key, path]
}

async function addSignature(queries: Queries, {signature, crash}: BatchLine, now: string): Promise<string | null> {
  if (!signature || signature.exact === null) return null
  const {exact, version, family, frames} = signature
  const message = crash?.message ?? crash?.cause?.text ?? null
  const facts = [crash?.kind ?? null, crash?.signal ?? null, message]
  await queries.run(INSERT_SIGNATURE, exact, version, family, JSON.stringify(frames), ...facts, now)
  return exact
}

/** A later run may have had less time, or no longer the program. */
async function isAnalysed(queries: Queries, line: BatchLine): Promise<boolean> {
  const ofKey = 'SELECT 1 AS one FROM core WHERE key = ? AND error IS NULL'
  if (line.key !== null && (await queries.all(ofKey, line.key)).length > 0) return true
  const ofPlace = `SELECT 1 AS one FROM place JOIN core USING (key) WHERE ${SAME_PLACE} AND error IS NULL`
  return (await queries.all(ofPlace, ...placeOf(line))).length > 0
}

function placeOf({path, size, mtime}: BatchLine): [string, number, string] {
  return [path, size ?? -1, mtime ?? '']
}

/** A later run may have written no report, and may have said nothing of where the core is from. */
async function withKnown(queries: Queries, line: BatchLine, key: string): Promise<BatchLine> {
  const [row] = await queries.all('SELECT line, labels FROM core WHERE key = ?', key)
  if (!row) return line
  const labels: BatchLine['labels'] = {...textsOf(parseObject(String(row.labels))), ...line.labels}
  return {...line, labels, report: line.report ?? reportOf(String(row.line))}
}

function textsOf(fields: Fields): BatchLine['labels'] {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, String(value)]))
}

/** The path of the whole report that a line names; null where there is none. */
export function reportOf(text: string): string | null {
  const {report} = parseObject(text)
  return typeof report === 'string' ? report : null
}

async function buildOf(queries: Queries, line: BatchLine): Promise<number> {
  const program = line.executable?.path ?? null
  const buildId = line.executable?.buildId ?? null
  const {main, version, revision, time, modified}: BuildReport = line.build ?? NO_BUILD
  const name = program === null ? null : basename(program)
  const identity = JSON.stringify([name, main, version, revision, time, modified, buildId, line.goVersion])
  const isModified = modified === null ? null : Number(modified)
  const values = [identity, program, main, version, revision, time, isModified, buildId, line.goVersion]
  await queries.run(INSERT_BUILD, ...values)
  const [row] = await queries.all('SELECT id FROM build WHERE identity = ?', identity)
  return Number(row?.id)
}

const NO_BUILD: BuildReport = {main: null, version: null, revision: null, time: null, modified: null}

const INSERT_SIGNATURE = `
INSERT INTO signature (exact, version, family, frames, kind, signal, message, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (exact) DO NOTHING`

/** A copy may be younger than the core: what was seen first counts. */
const INSERT_CORE = `
INSERT INTO core (key, path, size, mtime, attempt, time, added, exact, error, build, labels, line)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET path = excluded.path, size = excluded.size, mtime = excluded.mtime,
  attempt = excluded.attempt, time = CASE WHEN core.time < excluded.time THEN core.time ELSE excluded.time END,
  exact = excluded.exact, error = excluded.error, build = excluded.build, labels = excluded.labels,
  line = excluded.line`

/** A file that could not even be looked at has no size: without coalesce it would be another one each time. */
const SAME_PLACE = "place.path = ? AND coalesce(place.size, -1) = ? AND coalesce(place.mtime, '') = ?"
const INSERT_PLACE = 'INSERT INTO place (path, size, mtime, key) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING'

const INSERT_BUILD = `
INSERT INTO build (identity, program, main, version, revision, revision_time, modified, build_id, go_version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (identity) DO NOTHING`

/** Of what could not be analysed there is no process to know it by. */
export function keyOfFile({path, size, mtime}: Pick<BatchLine, 'path' | 'size' | 'mtime'>): string {
  const text = `${path}\0${size}\0${mtime}`
  return `file:${createHash('sha256').update(text).digest('hex').slice(0, KEY_LENGTH)}`
}
