/** What a statement is given. */
export type Value = string | number | null
/** 64-bit numbers may come as text: Number() reads both. */
export type Row = Readonly<Record<string, Value>>

/** SQL that both engines know; parameters are question marks. */
export interface Queries {
  all(sql: string, ...values: readonly Value[]): Promise<Row[]>
  run(sql: string, ...values: readonly Value[]): Promise<void>
}

/** What is done with a store: one that is read must be there, and is not changed. */
export type Access = 'read' | 'write'

/** A database that has the tables of a store. */
export interface Engine extends Queries {
  /** As it is shown: a path, or an address without its password. */
  readonly path: string
  /** Pairs `key`, `value` of a column that holds a JSON object of texts, for FROM. */
  pairsOf(column: string): string
  /**
   * All of the work or nothing of it. Works that name the same lock come one after the other; locks are taken in
   * their order.
   * @throws InputError where the database cannot be reached, is full or the like
   */
  transaction(locks: readonly string[], work: (queries: Queries) => Promise<void>): Promise<void>
  close(): Promise<void>
}
