import type {BatchLine} from '../../report/core-report.ts'
import {parseStoredLine, type StoredLine} from '../stored-line.ts'
import {addLine, locksOf} from './added-line.ts'
import type {Access, Engine, Row, Value} from './engine.ts'
import {isDatabaseUrl} from './postgres.ts'
import {PostgresEngine} from './postgres-engine.ts'
import {SqliteEngine} from './sqlite-engine.ts'

/** Lines that are read at once. */
const PAGE = 500

/** What a user said of a signature. */
export interface NewMark {
  readonly exact: string
  readonly state: string
  readonly build: string | null
  /** ISO 8601, UTC. */
  readonly buildTime: string | null
  readonly note: string | null
  readonly author: string | null
}

/** Crashes that many runs write to and read, at once too: each line is a transaction. */
export class CrashStore {
  readonly #engine: Engine
  readonly #now: () => string

  private constructor(engine: Engine, now: () => string) {
    this.#engine = engine
    this.#now = now
  }

  /**
   * @param path a file, or the address of a PostgreSQL database
   * @param now the time of what comes in
   * @throws InputError
   */
  static async open(
    path: string,
    access: Access,
    now: () => string = () => new Date().toISOString(),
  ): Promise<CrashStore> {
    const engine = isDatabaseUrl(path) ? await PostgresEngine.open(path, access) : new SqliteEngine(path, access)
    return new CrashStore(engine, now)
  }

  /** As it is shown. */
  get path(): string {
    return this.#engine.path
  }

  /** Runs a query. @throws InputError where the database is damaged, cannot be reached or the like */
  all(sql: string, ...values: readonly Value[]): Promise<Row[]> {
    return this.#engine.all(sql, ...values)
  }

  /** As `Engine.pairsOf`. */
  pairsOf(column: string): string {
    return this.#engine.pairsOf(column)
  }

  /** A core with its signature and its build; in the place of what was there of the same process. */
  async add(line: BatchLine): Promise<void> {
    await this.#engine.transaction(locksOf(line), queries => addLine(queries, line, this.#now()))
  }

  /** The line of each file that was analysed, under its own path: copies of a core have one each. */
  async *lines(): AsyncGenerator<StoredLine> {
    const sql = `
      SELECT place.rowid AS id, place.path, place.size, place.mtime, line FROM place JOIN core USING (key)
      WHERE place.rowid > ? ORDER BY place.rowid LIMIT ${PAGE}`
    for await (const {path, size, mtime, line} of this.#pages(sql)) {
      const parsed = parseStoredLine(String(line))
      if (!parsed) continue
      yield {
        ...parsed,
        path: String(path),
        size: size === null ? null : Number(size),
        mtime: mtime === null ? null : String(mtime),
      }
    }
  }

  /** The lines of all cores as they were written, in the order in which they came. */
  async *texts(): AsyncGenerator<string> {
    const sql = `SELECT rowid AS id, line FROM core WHERE rowid > ? ORDER BY rowid LIMIT ${PAGE}`
    for await (const {line} of this.#pages(sql)) yield String(line)
  }

  /** Some rows at a time, the next ones behind the last `id`: a store of years does not fit into memory. */
  async *#pages(sql: string): AsyncGenerator<Row> {
    for (let last = 0; ; ) {
      const rows = await this.all(sql, last)
      yield* rows
      if (rows.length < PAGE) return
      last = Number(rows.at(-1)?.id)
    }
  }

  async mark({exact, state, build, buildTime, note, author}: NewMark): Promise<void> {
    const values = [exact, state, build, buildTime, note, author, this.#now()]
    await this.#engine.transaction([exact], queries => queries.run(INSERT_MARK, ...values))
  }

  close(): Promise<void> {
    return this.#engine.close()
  }
}

const INSERT_MARK = `
INSERT INTO mark (exact, state, build, build_time, note, author, time) VALUES (?, ?, ?, ?, ?, ?, ?)`
