import {InputError} from '../../base/errors.ts'
import {loadPeer} from '../../base/optional-peer.ts'
import {type Connection, type PostgresPool, shownUrl} from '../store/postgres.ts'

/** The schema of PostgreSQL that pg-boss has its tables in. */
export const QUEUE_SCHEMA = 'gotrace_queue'
/** Its table of jobs. */
export const JOBS = `${QUEUE_SCHEMA}.job`
/** The one queue there is. */
export const QUEUE = 'cores'

/** What a job does its SQL with: the pool, or a transaction of ours. */
interface BossDatabase {
  executeSql(sql: string, values?: unknown[]): Promise<{rows: Record<string, unknown>[]}>
}

/** A job as it is taken, of `fetch` with `includeMetadata`. */
export interface BossJob {
  readonly id: string
  readonly data: unknown
  readonly retryCount: number
  readonly retryLimit: number
}

export interface NewJob {
  readonly id: string
  readonly name: string
  readonly data: object
  readonly priority: number
  readonly retryLimit: number
  readonly retryDelay: number
  readonly retryBackoff: boolean
  readonly expireInSeconds: number
}

/** The part of pg-boss 10 that is used. */
export interface Boss {
  start(): Promise<unknown>
  stop(options: {graceful: boolean}): Promise<void>
  on(event: 'error', listener: (error: Error) => void): void
  createQueue(name: string, options: Record<string, unknown>): Promise<void>
  insert(jobs: readonly NewJob[], options: {db: BossDatabase}): Promise<unknown>
  fetch(name: string, options: {batchSize: number; includeMetadata: true; db: BossDatabase}): Promise<BossJob[]>
  complete(name: string, id: string, data: object, options: {db: BossDatabase}): Promise<unknown>
  fail(name: string, ids: string | string[], data: object, options: {db: BossDatabase}): Promise<unknown>
  deleteJob(name: string, ids: string | string[], options: {db: BossDatabase}): Promise<unknown>
}

const INSTALL = 'pg-boss@10.4.2 pg@8.23.1'
/** How often one of the workers looks after jobs that are done, and expires those that were forgotten. */
const MAINTENANCE_SECONDS = 60
/** Jobs that are done are of no more use: results tell which cores are known. */
const DONE_KEPT_SECONDS = 3600
const ARCHIVED_KEPT_HOURS = 24
/** What could not be analysed stays in the list for so long. */
const FAILED_KEPT_SECONDS = 10 * 365 * 24 * 3600

/** @param maintains whether this process looks after the tables of the queue · @throws InputError unsupported */
export function makeBoss(pool: PostgresPool, maintains: boolean): Boss {
  const PgBoss = loadPeer<new (options: Record<string, unknown>) => Boss>('pg-boss', 'a queue', INSTALL)
  return new PgBoss({
    db: databaseOf(pool),
    schema: QUEUE_SCHEMA,
    schedule: false,
    supervise: maintains,
    maintenanceIntervalSeconds: MAINTENANCE_SECONDS,
    archiveCompletedAfterSeconds: DONE_KEPT_SECONDS,
    archiveFailedAfterSeconds: FAILED_KEPT_SECONDS,
    deleteAfterHours: ARCHIVED_KEPT_HOURS,
  })
}

/** pg-boss on a connection of ours, so that what it does is part of our transaction. */
export function databaseOf(connection: Connection): BossDatabase {
  return {executeSql: async (sql, values) => ({rows: await connection.query(sql, values)})}
}

/** A job from the queue. @throws what the database says, which pg-boss keeps to itself */
export async function fetchJob(boss: Boss, name: string, connection: Connection): Promise<BossJob | undefined> {
  let failure: unknown
  const db: BossDatabase = {
    executeSql: async (sql, values) => {
      try {
        return {rows: await connection.query(sql, values)}
      } catch (error) {
        failure = error
        throw error
      }
    },
  }
  const [job] = await boss.fetch(name, {batchSize: 1, includeMetadata: true, db})
  if (failure !== undefined) throw failure
  return job
}

/** What is said of an address that is none of PostgreSQL. */
export function noQueue(url: string): InputError {
  const shown = url.includes('://') ? shownUrl(url) : url
  return new InputError(
    'bad-argument',
    `--queue ${shown}: no address of PostgreSQL`,
    'write postgres://USER@HOST/DATABASE',
  )
}
