import type {Access, Engine, Queries, Row, Value} from './engine.ts'
import type {Database, Statement} from './sqlite.ts'
import {explainSqlite} from './sqlite-errors.ts'
import {closeLog, openStore} from './store-file.ts'

/** A store in one file. Many runs write to it at once: each transaction waits for the others. */
export class SqliteEngine implements Engine {
  readonly path: string
  readonly #access: Access
  readonly #database: Database
  readonly #statements = new Map<string, Statement>()
  /** Ends with the last transaction that was begun here: the database has one at a time. */
  #turn: Promise<void> = Promise.resolve()

  /** @throws InputError */
  constructor(path: string, access: Access) {
    this.path = path
    this.#access = access
    this.#database = openStore(path, access)
  }

  pairsOf(column: string): string {
    // Damaged text would end the whole query.
    return `json_each(CASE WHEN json_valid(${column}) THEN ${column} END)`
  }

  async all(sql: string, ...values: readonly Value[]): Promise<Row[]> {
    return this.#explained(() => this.#statement(sql).all(...values))
  }

  async run(sql: string, ...values: readonly Value[]): Promise<void> {
    this.#explained(() => this.#statement(sql).run(...values))
  }

  transaction(_locks: readonly string[], work: (queries: Queries) => Promise<void>): Promise<void> {
    const done = this.#turn.then(() => this.#transact(work))
    this.#turn = done.catch(() => {})
    return done
  }

  async #transact(work: (queries: Queries) => Promise<void>): Promise<void> {
    this.#explained(() => this.#database.exec('BEGIN IMMEDIATE'))
    try {
      await work(this)
      this.#explained(() => this.#database.exec('COMMIT'))
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  /** A disk that is full has ended the transaction already. */
  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK')
    } catch {
      // What went wrong first is what is told.
    }
  }

  async close(): Promise<void> {
    await this.#turn
    if (this.#access === 'write') closeLog(this.#database)
    this.#database.close()
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
