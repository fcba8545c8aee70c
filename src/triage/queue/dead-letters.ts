import {InputError} from '../../base/errors.ts'
import type {DeadLetter} from '../../report/core-report.ts'
import {type Connection, isDatabaseUrl, shownUrl} from '../store/postgres.ts'
import {openStorePool} from '../store/postgres-engine.ts'
import {JOBS, noQueue, QUEUE} from './boss.ts'

const CONNECTIONS = 1

export interface DeadLetters {
  /** The database, without its password. */
  readonly queue: string
  readonly total: number
  /** Those that were put back; null: none was asked for. */
  readonly retried: number | null
  /** Those that are left, the latest first. */
  readonly letters: readonly DeadLetter[]
}

/** Which of them are put in again: by the beginnings of their keys or by their paths, or all. */
export type Retry = readonly string[] | 'all'

/**
 * Cores of a queue that have used up their attempts.
 * @param retry those that are put in again first, with all their attempts
 * @throws InputError not-found where there is no queue, or no such core; and where the database cannot be reached
 */
export async function readDeadLetters(url: string, limit: number, retry?: Retry): Promise<DeadLetters> {
  if (!isDatabaseUrl(url)) throw noQueue(url)
  const pool = openStorePool(url, CONNECTIONS, retry ? 'write' : 'read')
  try {
    const [found] = await pool.query("SELECT to_regclass('dead_letters') IS NOT NULL AS found")
    if (found?.found !== true) {
      throw new InputError(
        'not-found',
        `${shownUrl(url)}: there is no queue`,
        'put cores in: batch --queue, or begin with worker --queue',
      )
    }
    const retried = retry ? await pool.transaction(connection => putBack(connection, retry)) : null
    const [count] = await pool.query('SELECT count(*) AS total FROM dead_letters')
    const rows = await pool.query('SELECT * FROM dead_letters ORDER BY ended DESC NULLS LAST, key LIMIT $1', [limit])
    return {queue: pool.name, total: Number(count?.total), retried, letters: rows.map(letterOf)}
  } finally {
    await pool.close()
  }
}

/** @throws InputError not-found, and then none is put back */
async function putBack(connection: Connection, retry: Retry): Promise<number> {
  const keys = retry === 'all' ? undefined : await Promise.all(retry.map(each => findKeys(connection, each)))
  const wanted = keys === undefined ? '' : "AND data->>'key' = ANY($1)"
  const rows = await connection.query(
    `UPDATE ${JOBS} SET state = 'created', retry_count = 0, start_after = now(), started_on = NULL,
      completed_on = NULL, output = NULL, keep_until = now() + (keep_until - created_on), created_on = now()
    WHERE name = '${QUEUE}' AND state = 'failed' ${wanted} RETURNING 1`,
    keys === undefined ? [] : [keys.flat()],
  )
  return rows.length
}

async function findKeys(connection: Connection, word: string): Promise<string[]> {
  const sql = 'SELECT key FROM dead_letters WHERE path = $1 OR left(key, length($1)) = $1'
  const rows = word === '' ? [] : await connection.query(sql, [word])
  if (rows.length > 0) return rows.map(({key}) => String(key))
  throw new InputError('not-found', `no dead letter is ${JSON.stringify(word)}`, 'list them, without --retry')
}

function letterOf(row: Readonly<Record<string, unknown>>): DeadLetter {
  const timeOf = (value: unknown): string | null => {
    const time = value instanceof Date ? value : new Date(String(value))
    return value === null || Number.isNaN(time.getTime()) ? null : time.toISOString()
  }
  const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
  return {
    key: textOf(row.key),
    path: textOf(row.path),
    priority: Number(row.priority),
    attempts: Number(row.attempts),
    code: textOf(row.code),
    message: textOf(row.message),
    queued: timeOf(row.queued),
    ended: timeOf(row.ended),
  }
}
