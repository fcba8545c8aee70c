import type {Tool} from '../../analysis/process/process-facts.ts'
import type {BatchLine} from '../../report/core-report.ts'
import {errorLine, type LineKey} from '../core-line.ts'
import {isWorthAnother} from '../known-cores.ts'
import {addLine, locksOf} from '../store/added-line.ts'
import {type Connection, isDatabaseUrl, type PostgresPool} from '../store/postgres.ts'
import {lockFor, makeStore, openStorePool, queriesOf} from '../store/postgres-engine.ts'
import {type Boss, type BossJob, databaseOf, fetchJob, JOBS, makeBoss, noQueue, QUEUE, QUEUE_SCHEMA} from './boss.ts'
import {makeQueueViews} from './queue-views.ts'
import {jobIdOf, parseQueuedCore, type QueuedCore} from './queued-core.ts'

/** The first retry comes after so many seconds, each later one after twice as many (pg-boss, retryBackoff). */
const RETRY_DELAY_SECONDS = 10
/** The longest that pg-boss allows; that a worker has died is told by its lease long before. */
const EXPIRE_SECONDS = 24 * 3600 - 60
/** A core may wait for years: nothing is dropped because workers are away. */
const RETENTION_MINUTES = 10 * 365 * 24 * 60
const CONNECTIONS = 4

export interface QueueOptions {
  readonly tool: Tool
  /** Of a worker, which looks after the tables of the queue too: cores at a time. */
  readonly slots?: number | undefined
  /** What a line is as it is kept: redacted or not. */
  readonly shown?: ((line: BatchLine) => BatchLine) | undefined
}

export interface PutOptions {
  /** Of cores that wait at once. */
  readonly depthMax: number
  /** Higher ones are taken first. */
  readonly priority: number
  /** How often a core is tried. */
  readonly attempts: number
  /** Those that could not be analysed are put in again. */
  readonly again: boolean
}

export interface PutResult {
  readonly queued: number
  /** Those that wait already, are being analysed, or have a result. */
  readonly known: number
  /** For which there was no room. */
  readonly left: readonly QueuedCore[]
}

/** A core that was taken from the queue, and is given to nobody else as long as its worker is heard of. */
export interface TakenCore {
  readonly job: string
  readonly core: QueuedCore
  readonly attempt: number
  /** There is no further attempt. */
  readonly isLast: boolean
}

/** What a core that was taken came to. */
export type Outcome = 'analysed' | 'failed' | 'retry'

export interface WorkerFacts {
  readonly id: string
  readonly host: string
  readonly pid: number
  readonly slots: number
}

/** Cores that wait, cores by state. */
export interface QueueCounts {
  readonly waiting: number
  readonly retry: number
  readonly active: number
  readonly dead: number
}

/** The queue of a database: pg-boss for who gets which core, the store beside it for what came of it. */
export class CoreQueue {
  readonly name: string
  readonly #pool: PostgresPool
  readonly #boss: Boss
  readonly #tool: Tool
  readonly #shown: NonNullable<QueueOptions['shown']>

  private constructor(pool: PostgresPool, boss: Boss, {tool, shown = line => line}: QueueOptions) {
    this.name = pool.name
    this.#pool = pool
    this.#boss = boss
    this.#tool = tool
    this.#shown = shown
  }

  /** Opens the queue of a database, or makes it. @throws InputError */
  static async open(url: string, options: QueueOptions): Promise<CoreQueue> {
    if (!isDatabaseUrl(url)) throw noQueue(url)
    const pool = openStorePool(url, CONNECTIONS + (options.slots ?? 0), 'write')
    try {
      const boss = makeBoss(pool, options.slots !== undefined)
      // What goes wrong in its own time is tried again in its own time.
      boss.on('error', () => {})
      // Two that make it at once are in each other's way.
      await pool.transaction(async connection => {
        await lockFor(connection, 'opening')
        await makeStore(pool)
        await boss.start()
        const retries = {retryBackoff: true, retryDelay: RETRY_DELAY_SECONDS, retentionMinutes: RETENTION_MINUTES}
        await boss.createQueue(QUEUE, {...retries, retryLimit: 0, expireInSeconds: EXPIRE_SECONDS})
        await makeQueueViews(pool)
      })
      return new CoreQueue(pool, boss, options)
    } catch (error) {
      await pool.close()
      throw error
    }
  }

  /** Puts cores in, in their order, as far as there is room. Two at once do not exceed it. @throws InputError */
  put(cores: readonly QueuedCore[], options: PutOptions): Promise<PutResult> {
    return this.#pool.transaction(async connection => {
      await lockFor(connection, 'queue')
      const room = options.depthMax - (await countWaiting(connection))
      const states = await readStates(connection, cores)
      const known = new Set([
        ...(await findKnown(connection, cores, options.again)),
        ...standing(states, options.again),
      ])
      const fresh = new Map(cores.filter(({key}) => !known.has(key)).map(core => [core.key, core]))
      const placed = [...fresh.values()].slice(0, Math.max(0, room))
      await this.#insert(connection, placed, states, options)
      const left = [...fresh.values()].slice(placed.length)
      return {queued: placed.length, known: cores.length - placed.length - left.length, left}
    })
  }

  async #insert(
    connection: Connection,
    cores: readonly QueuedCore[],
    states: ReadonlyMap<string, string>,
    {priority, attempts}: PutOptions,
  ): Promise<void> {
    if (cores.length === 0) return
    const db = databaseOf(connection)
    const old = cores.filter(({key}) => states.has(key)).map(({key}) => jobIdOf(key))
    if (old.length > 0) await this.#boss.deleteJob(QUEUE, old, {db})
    const jobs = cores.map(core => ({
      id: jobIdOf(core.key),
      name: QUEUE,
      data: core,
      priority,
      retryLimit: attempts - 1,
      retryDelay: RETRY_DELAY_SECONDS,
      retryBackoff: true,
      expireInSeconds: EXPIRE_SECONDS,
    }))
    await this.#boss.insert(jobs, {db})
  }

  /** A core, for a worker that has told of itself; undefined where none waits. @throws InputError */
  take(worker: string): Promise<TakenCore | undefined> {
    return this.#pool.transaction(async connection => {
      for (;;) {
        const job = await fetchJob(this.#boss, QUEUE, connection)
        if (!job) return undefined
        const core = parseQueuedCore(job.data)
        if (!core) await this.#boss.fail(QUEUE, job.id, {message: 'no core'}, {db: databaseOf(connection)})
        else if (await hasResult(connection, core)) await this.#complete(connection, job.id)
        else {
          const values = [job.id, worker, core.path]
          await connection.query(`${TAKE_LEASE} VALUES ($1, $2, $3) ${MOVE_LEASE}`, values)
          return {job: job.id, core, attempt: job.retryCount + 1, isLast: job.retryCount >= job.retryLimit}
        }
      }
    })
  }

  /** Writes what a core came to: its line and that it is done, both or neither. @throws InputError */
  finish({job, core, attempt, isLast}: TakenCore, worker: string, answer: BatchLine): Promise<Outcome> {
    const line = this.#shown(lineOf(core, {...answer, attempt}))
    const isRetry = line.error !== null && isWorthAnother(line.error.code)
    return this.#pool.transaction(async connection => {
      for (const lock of locksOf(line)) await lockFor(connection, lock)
      const isOurs = await dropLease(connection, job, worker)
      await addResult(connection, core, line)
      // Another worker has it by now, and says what becomes of it; but a result is a result.
      if (isOurs && isRetry) {
        const {code, message} = line.error ?? {}
        await this.#boss.fail(QUEUE, job, {code, message}, {db: databaseOf(connection)})
      } else if (isOurs) await this.#complete(connection, job)
      else if (!isRetry) await this.#forgetDead(connection, job)
      if (!line.error) return 'analysed'
      return isRetry && !isLast ? 'retry' : 'failed'
    })
  }

  async #complete(connection: Connection, job: string): Promise<void> {
    await this.#boss.complete(QUEUE, job, {}, {db: databaseOf(connection)})
  }

  /** One that was given up and has a result after all. */
  async #forgetDead(connection: Connection, job: string): Promise<void> {
    const sql = `SELECT 1 FROM ${JOBS} WHERE name = $1 AND id = $2 AND state = 'failed'`
    const [row] = await connection.query(sql, [QUEUE, job])
    if (row) await this.#boss.deleteJob(QUEUE, job, {db: databaseOf(connection)})
  }

  /** Puts back what was not begun or not finished, as if it had not been taken. @throws InputError */
  async giveBack({job}: TakenCore, worker: string): Promise<void> {
    await this.#pool.transaction(async connection => {
      if (!(await dropLease(connection, job, worker))) return
      const fresh = "state = CASE WHEN retry_count > 0 THEN 'retry' ELSE 'created' END::"
      await connection.query(
        `UPDATE ${JOBS} SET ${fresh}${QUEUE_SCHEMA}.job_state, retry_count = greatest(retry_count - 1, 0),
          started_on = CASE WHEN retry_count > 0 THEN started_on END, start_after = now()
        WHERE name = $1 AND id = $2 AND state = 'active'`,
        [QUEUE, job],
      )
    })
  }

  /** Tells that a worker is there. @param analysed so far @throws InputError */
  async beat({id, host, pid, slots}: WorkerFacts, analysed: number): Promise<void> {
    await this.#pool.query(
      `INSERT INTO worker (id, host, pid, version, slots, analysed) VALUES ($1, $2, $3, $4, $5, $6)
      ON CONFLICT (id) DO UPDATE SET seen = now(), analysed = excluded.analysed`,
      [id, host, pid, this.#tool.version, slots, analysed],
    )
  }

  /** A worker that has ended. @throws InputError */
  async leave(worker: string): Promise<void> {
    await this.#pool.query('DELETE FROM worker WHERE id = $1', [worker])
  }

  /**
   * Takes the cores away from workers that were not heard of for so long: each has an attempt less.
   * @returns how many cores
   */
  takeAway(silentSeconds: number): Promise<number> {
    return this.#pool.transaction(async connection => {
      const dead = await connection.query(
        `SELECT id FROM worker WHERE seen < now() - $1 * interval '1 second' FOR UPDATE SKIP LOCKED`,
        [silentSeconds],
      )
      if (dead.length === 0) return 0
      const ids = dead.map(({id}) => String(id))
      const jobs = await connection.query(
        `SELECT id, data, retry_count AS "retryCount", retry_limit AS "retryLimit" FROM ${JOBS} AS job
        JOIN lease ON lease.job = job.id
        WHERE job.name = $1 AND lease.worker = ANY($2) AND job.state = 'active'`,
        [QUEUE, ids],
      )
      for (const job of jobs as unknown as BossJob[]) await this.#lose(connection, job)
      await connection.query('DELETE FROM worker WHERE id = ANY($1)', [ids])
      return jobs.length
    })
  }

  /** A core whose worker died with it; after the last attempt it has a line that says so. */
  async #lose(connection: Connection, {id, data, retryCount, retryLimit}: BossJob): Promise<void> {
    const error = {
      code: 'analysis-died' as const,
      message: 'the worker that analysed it was not heard of any more',
      hint: 'look at it alone: gotrace-core analyze; a kill by the system often means too little memory',
    }
    await this.#boss.fail(QUEUE, id, {code: error.code, message: error.message}, {db: databaseOf(connection)})
    const core = parseQueuedCore(data)
    if (!core || retryCount < retryLimit) return
    const line = errorLine(itemOf(core, retryCount + 1), this.#tool, error)
    await addResult(connection, core, this.#shown(lineOf(core, line)))
  }

  /** @throws InputError */
  async counts(): Promise<QueueCounts> {
    const rows = await this.#pool.query(
      `SELECT state, count(*) AS count FROM ${JOBS} WHERE name = $1 AND state <> 'completed' GROUP BY state`,
      [QUEUE],
    )
    const of = (state: string): number => Number(rows.find(row => row.state === state)?.count ?? 0)
    return {waiting: of('created'), retry: of('retry'), active: of('active'), dead: of('failed')}
  }

  async close(): Promise<void> {
    await this.#boss.stop({graceful: false})
    await this.#pool.close()
  }
}

const TAKE_LEASE = 'INSERT INTO lease (job, worker, path)'
const MOVE_LEASE = 'ON CONFLICT (job) DO UPDATE SET worker = excluded.worker, path = excluded.path, since = now()'

async function countWaiting(connection: Connection): Promise<number> {
  const sql = `SELECT count(*) AS count FROM ${JOBS} WHERE name = $1 AND state < 'active'`
  const [row] = await connection.query(sql, [QUEUE])
  return Number(row?.count)
}

/** The states of the jobs that there are, by key. */
async function readStates(connection: Connection, cores: readonly QueuedCore[]): Promise<Map<string, string>> {
  const keys = new Map(cores.map(({key}) => [jobIdOf(key), key]))
  const rows = await connection.query(`SELECT id, state FROM ${JOBS} WHERE name = $1 AND id = ANY($2::uuid[])`, [
    QUEUE,
    [...keys.keys()],
  ])
  return new Map(rows.map(({id, state}) => [keys.get(String(id)) ?? '', String(state)]))
}

/** The keys of those that wait or are analysed; and of those that ended, if they are not to be tried again. */
function standing(states: ReadonlyMap<string, string>, again: boolean): string[] {
  const pending = ['created', 'retry', 'active']
  return [...states].filter(([, state]) => pending.includes(state) || !again).map(([key]) => key)
}

/** The keys of those that have a result. @param again whether one with an error counts as none */
async function findKnown(connection: Connection, cores: readonly QueuedCore[], again: boolean): Promise<Set<string>> {
  const wanted = again ? 'core.error IS NULL' : 'true'
  const places = await connection.query(
    `SELECT place.path, place.size, place.mtime FROM place JOIN core USING (key) WHERE place.path = ANY($1) AND ${wanted}`,
    [cores.map(({path}) => path)],
  )
  const results = await connection.query(`SELECT key FROM core WHERE key = ANY($1) AND ${wanted}`, [
    cores.map(({key}) => key),
  ])
  const known = new Set(results.map(({key}) => String(key)))
  const files = new Set(places.map(({path, size, mtime}) => `${path}\0${size}\0${mtime}`))
  for (const {path, size, mtime, key} of cores) if (files.has(`${path}\0${size}\0${mtime}`)) known.add(key)
  return known
}

/** Another worker may have been slower than it was believed. */
async function hasResult(connection: Connection, core: QueuedCore): Promise<boolean> {
  return (await findKnown(connection, [core], true)).size > 0
}

/** Whether the worker had it still. */
async function dropLease(connection: Connection, job: string, worker: string): Promise<boolean> {
  const rows = await connection.query('DELETE FROM lease WHERE job = $1 AND worker = $2 RETURNING 1', [job, worker])
  return rows.length > 0
}

/** A core as those who analyse it have it. */
export function itemOf({source, size, mtime}: QueuedCore, attempt: number): LineKey {
  return {path: source, size, mtime, attempt}
}

/** A line as it is kept; of what could not be analysed the queue knows the key. */
function lineOf({path, labels, key}: QueuedCore, line: BatchLine): BatchLine {
  return {...line, path, labels, key: line.key ?? key}
}

/** The one result of a core: what was told of it before its process was known goes. */
async function addResult(connection: Connection, {key}: QueuedCore, line: BatchLine): Promise<void> {
  await addLine(queriesOf(connection), line, new Date().toISOString())
  if (line.error) return
  await connection.query('DELETE FROM core WHERE key = $1 AND key <> $2 AND error IS NOT NULL', [key, line.key])
}
