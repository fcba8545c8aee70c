import {InputError} from '../../base/errors.ts'
import type {BatchFrame, TriageShow} from '../../report/core-report.ts'
import {COMPARED, findSimilarTo} from '../similarity.ts'
import {type Fields, fieldsOf, parseObject} from '../stored-line.ts'
import {nameOfBuild, readBuilds} from './builds.ts'
import type {CrashStore} from './crash-store.ts'
import {fixOrderOf, readHistory, readSightings} from './marks.ts'
import {EVERYTHING, listSignatures, type SignatureQuery} from './signature-list.ts'

/** Signatures that are named where a user wrote the beginning of several. */
const CANDIDATES_SHOWN = 5
const CORES_SHOWN = 10
const LABELS_SHOWN = 50

/**
 * The signature that a user means by its beginning.
 * @throws InputError not-found where there is none, bad-argument where there are several
 */
export async function findSignature(store: CrashStore, prefix: string): Promise<string> {
  const sql = `
    SELECT exact FROM signature WHERE substr(exact, 1, ?) = ? AND EXISTS (SELECT 1 FROM core WHERE exact = signature.exact)
    ORDER BY exact LIMIT ?`
  const rows = await store.all(sql, prefix.length, prefix, CANDIDATES_SHOWN + 1)
  const found = rows.map(row => String(row.exact))
  const [first, ...others] = found
  if (first === undefined || prefix === '') {
    const hint = `list them: gotrace-core triage list --store ${store.path}`
    throw new InputError('not-found', `${store.path}: no signature begins with ${JSON.stringify(prefix)}`, hint)
  }
  if (others.length === 0 || first === prefix) return first
  const shown = found.slice(0, CANDIDATES_SHOWN).join(', ')
  const more = found.length > CANDIDATES_SHOWN ? ', …' : ''
  throw new InputError('bad-argument', `${prefix} is the beginning of several: ${shown}${more}`, 'write more of it')
}

type Details = Omit<TriageShow, 'schemaVersion' | 'tool'>

/** All that the store has of one signature. */
export async function showSignature(
  store: CrashStore,
  exact: string,
  trend: Pick<SignatureQuery, 'days' | 'now'>,
): Promise<Details> {
  const {signatures} = await listSignatures(store, {...EVERYTHING, ...trend, exact})
  const [signature] = signatures
  if (!signature) throw new InputError('not-found', `${store.path}: no core has the signature ${exact}`, 'list them')
  const builds = await readBuilds(store)
  const order = fixOrderOf(signature.mark ?? undefined, builds.values())
  return {
    signature,
    builds: (await readSightings(store, exact, builds)).map(({build, count, first, last}) => ({
      name: nameOfBuild(build),
      program: build.program,
      main: build.main,
      version: build.version,
      revision: build.revision,
      time: build.time,
      modified: build.modified,
      buildId: build.buildId,
      goVersion: build.goVersion,
      count,
      first,
      last,
      sinceFix: order?.proofOf(build) ?? null,
    })),
    labels: await countLabels(store, exact),
    ...(await readCores(store, exact)),
    similar: await findAlike(store, signature),
    history: await readHistory(store, exact),
  }
}

/** Each with how it stands: one of them may be known, or fixed. */
async function findAlike(store: CrashStore, signature: TriageShow['signature']): Promise<Details['similar']> {
  const {signatures} = await listSignatures(store, {...EVERYTHING, days: 0, now: signature.last, limit: COMPARED})
  const others = signatures.filter(({exact}) => exact !== signature.exact)
  return findSimilarTo(signature, others).flatMap(({exact, similarity}) => {
    const other = others.find(each => each.exact === exact)
    return other ? [{exact, similarity, state: other.state, count: other.count}] : []
  })
}

async function countLabels(store: CrashStore, exact: string): Promise<Details['labels']> {
  const sql = `
    SELECT each.key, each.value, count(*) AS count FROM core, ${store.pairsOf('core.labels')} AS each WHERE core.exact = ?
    GROUP BY each.key, each.value ORDER BY count DESC, each.key, each.value LIMIT ${LABELS_SHOWN}`
  const rows = await store.all(sql, exact)
  return rows.map(row => ({key: String(row.key), value: String(row.value), count: Number(row.count)}))
}

async function readCores(store: CrashStore, exact: string): Promise<Pick<Details, 'stack' | 'cores'>> {
  const sql = `SELECT key, path, time, line FROM core WHERE exact = ? ORDER BY time DESC, key LIMIT ${CORES_SHOWN}`
  const found = await store.all(sql, exact)
  const rows = found.map(row => ({row, line: parseLine(String(row.line))}))
  return {
    stack: rows[0]?.line.frames ?? [],
    cores: rows.map(({row, line}) => ({
      path: String(row.path),
      key: String(row.key),
      time: String(row.time),
      report: line.report,
    })),
  }
}

/** What stands there may be damaged, or of a later release: only what is as it should be is told. */
function parseLine(text: string): {frames: BatchFrame[]; report: string | null} {
  const {frames, report} = parseObject(text)
  const known = Array.isArray(frames) ? frames.flatMap(each => frameOf(fieldsOf(each)) ?? []) : []
  return {frames: known, report: typeof report === 'string' ? report : null}
}

const KINDS: readonly BatchFrame['kind'][] = ['go', 'c', 'signal', 'switch']

function frameOf(fields: Fields | undefined): BatchFrame | undefined {
  if (!fields) return undefined
  const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
  return {
    kind: KINDS.find(kind => kind === fields.kind) ?? 'unknown',
    function: textOf(fields.function),
    file: textOf(fields.file),
    line: Number.isSafeInteger(fields.line) ? (fields.line as number) : null,
    inlined: fields.inlined === true,
    module: textOf(fields.module),
    moduleOffset: textOf(fields.moduleOffset),
  }
}
