import {InputError, messageOf} from '../../base/errors.ts'
import {loadPeer} from '../../base/optional-peer.ts'
import type {Access} from './engine.ts'
import {explainPostgres} from './postgres-errors.ts'
import {ANSWER_MAX, guardConnection, type WireConnection} from './postgres-guard.ts'

/** The part of `pg` that is used. */
interface Client {
  query(sql: string, values?: readonly unknown[]): Promise<{rows: Record<string, unknown>[]}>
  release(error?: unknown): void
  on(event: 'error', listener: (error: Error) => void): void
}
interface Pool {
  connect(): Promise<Client>
  query(sql: string, values?: readonly unknown[]): Promise<{rows: Record<string, unknown>[]}>
  on(event: 'error', listener: (error: Error) => void): void
  on(event: 'connect', listener: (client: Client) => void): void
  end(): Promise<void>
}
interface Driver {
  Pool: new (options: Record<string, unknown>) => Pool
  Client: new (options: Record<string, unknown>) => WireClient
}
interface WireClient {
  readonly connection: WireConnection & {readonly stream: {destroy(): void}}
  connect(callback: (error?: Error) => void): void
}

/** What runs statements: the pool, or one connection within a transaction. Numbers of 64 bits are texts. */
export interface Connection {
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
}

const URL_PATTERN = /^postgres(?:ql)?:\/\//i
const CONNECT_MS = 10_000
/** A statement that has no answer by then is given up: a server may take packets, and never answer. */
const ANSWER_MS = 600_000
/** A network that swallows packets is noticed by TCP. */
const IDLE_MS = 30_000
const INSTALL = 'pg@8.23.1'

/** Whether a path is the address of a database. */
export function isDatabaseUrl(path: string): boolean {
  return URL_PATTERN.test(path)
}

/** An address as it may be shown: without its password. @throws InputError bad-argument */
export function shownUrl(url: string): string {
  try {
    const parsed = new URL(url)
    if (parsed.password !== '') parsed.password = '***'
    if (parsed.searchParams.has('password')) parsed.searchParams.set('password', '***')
    return parsed.href
  } catch (cause) {
    const hint = 'write postgres://USER@HOST:PORT/DATABASE'
    throw new InputError('bad-argument', `the address of the database cannot be read: ${messageOf(cause)}`, hint, {
      cause,
    })
  }
}

interface PoolOptions {
  size: number
  access: Access
  settings: string
  answerMs?: number
  answerMax?: number
}

/** Connections to a PostgreSQL database, through the package pg, an optional peer. */
export class PostgresPool implements Connection {
  /** The address without its password. */
  readonly name: string
  readonly #pool: Pool
  readonly #access: Access

  /**
   * @param settings statements that each new connection begins with
   * @param answerMs how long an answer is waited for
   * @param answerMax how long one may be, in bytes
   * @throws InputError
   */
  constructor(url: string, {size, access, settings, answerMs = ANSWER_MS, answerMax = ANSWER_MAX}: PoolOptions) {
    this.#access = access
    this.name = shownUrl(url)
    const driver = loadPeer<Driver>('pg', 'a store or a queue in PostgreSQL', INSTALL)
    this.#pool = new driver.Pool({
      Client: guardedClient(driver, this.name, answerMax),
      connectionString: url,
      max: size,
      connectionTimeoutMillis: CONNECT_MS,
      idleTimeoutMillis: IDLE_MS,
      query_timeout: answerMs,
      keepAlive: true,
      application_name: 'gotrace-core',
      fallback_application_name: 'gotrace-core',
      onConnect: (client: Client) => client.query(settings),
    })
    // A connection that breaks while nothing uses it: the next use gets another one.
    this.#pool.on('error', () => {})
    // One that breaks within a transaction: its next statement fails, and says so.
    this.#pool.on('connect', client => client.on('error', () => {}))
  }

  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]> {
    return this.#ask(async () => rowsOf(await this.#pool.query(sql, values && [...values])))
  }

  /** All of the work or nothing of it. */
  async transaction<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    let client: Client | undefined
    let broken: unknown
    try {
      client = await this.#ask(() => this.#pool.connect())
      const connection = client
      const query: Connection['query'] = (sql, values) =>
        this.#ask(async () => rowsOf(await connection.query(sql, values && [...values])))
      await query('BEGIN')
      const result = await work({query})
      await query('COMMIT')
      return result
    } catch (error) {
      broken = error
      await client?.query('ROLLBACK').then(
        () => {
          broken = undefined
        },
        () => {},
      )
      throw error
    } finally {
      client?.release(broken)
    }
  }

  /** What the database says of a mistake, for a person; mistakes of the work between are none of its. */
  async #ask<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask()
    } catch (error) {
      throw explainPostgres(this.name, error, this.#access)
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }
}

/** Of several statements in one text the last answer counts. */
function rowsOf(
  result: {rows: Record<string, unknown>[]} | {rows: Record<string, unknown>[]}[],
): Record<string, unknown>[] {
  return (Array.isArray(result) ? result.at(-1) : result)?.rows ?? []
}

function guardedClient({Client}: Driver, name: string, answerMax: number): Driver['Client'] {
  return class extends Client {
    constructor(options: Record<string, unknown>) {
      super(options)
      guardConnection(this.connection, name, answerMax)
    }

    /** The driver leaves a connection open whose log-in failed, and with it the process. */
    override connect(callback: (error?: Error) => void): void {
      super.connect(error => {
        if (error) this.connection.stream.destroy()
        callback(error)
      })
    }
  }
}
