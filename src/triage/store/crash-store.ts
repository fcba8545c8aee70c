import {createHash} from 'node:crypto'
import {basename} from 'node:path'
import type {BatchLine, BuildReport} from '../../report/core-report.ts'
import {parseStoredLine, type StoredLine} from '../stored-line.ts'
import type {Database, Row, Statement, Value} from './sqlite.ts'
import {explainSqlite} from './sqlite-errors.ts'
import {type Access, closeLog, openStore} from './store-file.ts'

/** Of SHA-256, in hexadecimal, as the keys of processes. */
const KEY_LENGTH = 32

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

/** A file of crashes that many runs write to and read, at once too: each line is a transaction. */
export class CrashStore {
  readonly path: string
  readonly #access: Access
  readonly #database: Database
  readonly #now: () => string
  readonly #statements = new Map<string, Statement>()

  private constructor(path: string, access: Access, database: Database, now: () => string) {
    this.path = path
    this.#access = access
    this.#database = database
    this.#now = now
  }

  /** @throws InputError · @param now the time of what comes in */
  static open(path: string, access: Access, now: () => string = () => new Date().toISOString()): CrashStore {
    return new CrashStore(path, access, openStore(path, access), now)
  }

  /** Runs a query. @throws InputError where the file is damaged or the like */
  all(sql: string, ...values: readonly Value[]): ReturnType<Statement['all']> {
    return this.#explained(() => this.#statement(sql).all(...values))
  }

  /** A core with its signature and its build; in the place of what was there of the same process. */
  add(line: BatchLine): void {
    this.#inTransaction(() => {
      if (line.error && this.#isAnalysed(line)) return
      const now = this.#now()
      const exact = this.#addSignature(line, now)
      const {path, size, mtime, attempt} = line
      const error = line.error?.code ?? null
      const time = mtime ?? now
      const key = line.key ?? keyOfFile(line)
      const build = line.error ? null : this.#buildOf(line)
      const whole = this.#withKnown(line, key)
      const labels = JSON.stringify(whole.labels)
      this.#run(
        INSERT_CORE,
        key,
        path,
        size,
        mtime,
        attempt,
        time,
        now,
        exact,
        error,
        build,
        labels,
        JSON.stringify(whole),
      )
      this.#run(INSERT_PLACE, path, size, mtime, key)
      // What could not be analysed at first may have had an answer now.
      this.#run('DELETE FROM core WHERE error IS NOT NULL AND key = ? AND key <> ?', keyOfFile(line), key)
    })
  }

  #addSignature({signature, crash}: BatchLine, now: string): string | null {
    if (!signature || signature.exact === null) return null
    const {exact, version, family, frames} = signature
    const message = crash?.message ?? crash?.cause?.text ?? null
    const facts = [crash?.kind ?? null, crash?.signal ?? null, message]
    this.#run(INSERT_SIGNATURE, exact, version, family, JSON.stringify(frames), ...facts, now)
    return exact
  }

  /** A later run may have had less time, or no longer the program. */
  #isAnalysed({path, size, mtime}: BatchLine): boolean {
    const sql = `
      SELECT 1 FROM place JOIN core USING (key)
      WHERE place.path = ? AND place.size IS ? AND place.mtime IS ? AND error IS NULL`
    return this.#statement(sql).get(path, size, mtime) !== undefined
  }

  /** A later run may have written no report, and may have said nothing of where the core is from. */
  #withKnown(line: BatchLine, key: string): BatchLine {
    const row = this.#statement("SELECT json_extract(line, '$.report') AS report, labels FROM core WHERE key = ?").get(
      key,
    )
    if (!row) return line
    const labels: BatchLine['labels'] = {...JSON.parse(String(row.labels)), ...line.labels}
    return {...line, labels, report: line.report ?? (typeof row.report === 'string' ? row.report : null)}
  }

  #buildOf(line: BatchLine): number {
    const program = line.executable?.path ?? null
    const buildId = line.executable?.buildId ?? null
    const {main, version, revision, time, modified}: BuildReport = line.build ?? NO_BUILD
    const name = program === null ? null : basename(program)
    const identity = JSON.stringify([name, main, version, revision, time, modified, buildId, line.goVersion])
    const isModified = modified === null ? null : Number(modified)
    const values = [identity, program, main, version, revision, time, isModified, buildId, line.goVersion]
    this.#run(INSERT_BUILD, ...values)
    return Number(this.#statement('SELECT id FROM build WHERE identity = ?').get(identity)?.id)
  }

  /** The line of each file that was analysed, under its own path: copies of a core have one each. */
  *lines(): Generator<StoredLine> {
    const sql = `
      SELECT place.rowid AS id, place.path, place.size, place.mtime, line FROM place JOIN core USING (key)
      WHERE place.rowid > ? ORDER BY place.rowid LIMIT ${PAGE}`
    for (const {path, size, mtime, line} of this.#pages(sql)) {
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
  *texts(): Generator<string> {
    const sql = `SELECT rowid AS id, line FROM core WHERE rowid > ? ORDER BY rowid LIMIT ${PAGE}`
    for (const {line} of this.#pages(sql)) yield String(line)
  }

  /** Some rows at a time, the next ones behind the last `id`: a store of years does not fit into memory. */
  *#pages(sql: string): Generator<Row> {
    for (let last = 0; ; ) {
      const rows = this.all(sql, last)
      yield* rows
      if (rows.length < PAGE) return
      last = Number(rows.at(-1)?.id)
    }
  }

  mark({exact, state, build, buildTime, note, author}: NewMark): void {
    this.#inTransaction(() => this.#run(INSERT_MARK, exact, state, build, buildTime, note, author, this.#now()))
  }

  close(): void {
    if (this.#access === 'write') closeLog(this.#database)
    this.#database.close()
  }

  #inTransaction(work: () => void): void {
    this.#explained(() => {
      this.#database.exec('BEGIN IMMEDIATE')
      try {
        work()
        this.#database.exec('COMMIT')
      } catch (error) {
        this.#rollBack()
        throw error
      }
    })
  }

  /** A disk that is full has ended the transaction already. */
  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK')
    } catch {
      // What went wrong first is what is told.
    }
  }

  #run(sql: string, ...values: readonly Value[]): void {
    this.#statement(sql).run(...values)
  }

  #statement(sql: string): Statement {
    const known = this.#statements.get(sql) ?? this.#database.prepare(sql)
    this.#statements.set(sql, known)
    return known
  }

  #explained<Result>(work: () => Result): Result {
    try {
      return work()
    } catch (error) {
      throw explainSqlite(this.path, error)
    }
  }
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
  attempt = excluded.attempt, time = min(time, excluded.time), exact = excluded.exact, error = excluded.error,
  build = excluded.build, labels = excluded.labels, line = excluded.line`

/** A file that could not even be looked at has no size: without ifnull it would be another one each time. */
const INSERT_PLACE = `
INSERT INTO place (path, size, mtime, key) VALUES (?, ?, ?, ?)
ON CONFLICT (path, ifnull(size, -1), ifnull(mtime, '')) DO UPDATE SET key = excluded.key`

const INSERT_BUILD = `
INSERT INTO build (identity, program, main, version, revision, revision_time, modified, build_id, go_version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (identity) DO NOTHING`

const INSERT_MARK = `
INSERT INTO mark (exact, state, build, build_time, note, author, time) VALUES (?, ?, ?, ?, ?, ?, ?)`

/** Of what could not be analysed there is no process to know it by. */
function keyOfFile({path, size, mtime}: BatchLine): string {
  const text = `${path}\0${size}\0${mtime}`
  return `file:${createHash('sha256').update(text).digest('hex').slice(0, KEY_LENGTH)}`
}
