import type {Row, Value} from './engine.ts'
import type {Database, Statement} from './sqlite.ts'

/** What libsql has besides. */
interface LibsqlStatement extends Statement {
  columns(): {readonly name: string}[]
}

interface LibsqlDatabase extends Database {
  prepare(sql: string): LibsqlStatement
}

/**
 * A database of libsql, whose native part ends the process where a text is no UTF-8, as in a damaged store: so texts
 * are asked for as bytes. The order of a query stays that of the one it is made of, which SQLite keeps where the outer
 * one has one source and no order of its own (src/select.c, "Remove any ORDER BY clause from a subquery").
 */
export function withSafeTexts(database: Database): Database {
  const libsql = database as LibsqlDatabase
  let isChecked = false
  const query = (sql: string): Statement => {
    if (!isChecked) checkNames(libsql)
    isChecked = true
    return safeQuery(libsql, sql)
  }
  return {
    exec: sql => libsql.exec(sql),
    prepare: sql => (/^\s*(?:SELECT|WITH)\b/i.test(sql) ? query(sql) : libsql.prepare(sql)),
    close: () => libsql.close(),
  }
}

/** SQLITE_CORRUPT (sqlite.org/rescode.html), as the driver gives it. */
const CORRUPT = 11

/** Names of columns end the process too. @throws Error as the driver throws it, where a table has a name in no UTF-8 */
function checkNames(database: LibsqlDatabase): void {
  const rows = database.prepare("SELECT hex(coalesce(sql, '')) AS written FROM sqlite_master").all()
  for (const {written} of rows) {
    try {
      new TextDecoder('utf-8', {fatal: true}).decode(Buffer.from(String(written), 'hex'))
    } catch (cause) {
      throw Object.assign(new Error('malformed database schema', {cause}), {rawCode: CORRUPT})
    }
  }
}

function safeQuery(database: LibsqlDatabase, sql: string): Statement {
  const names = database.prepare(sql).columns()
  const columns = names.map(({name}) => asBytes(`"${name.replaceAll('"', '""')}"`))
  const statement = database.prepare(`SELECT ${columns.join(', ')} FROM (${sql.trimEnd().replace(/;$/, '')})`)
  return {
    run: (...values) => statement.run(...values),
    get: (...values) => {
      const row = statement.get(...values)
      return row && withTexts(row)
    },
    all: (...values) => statement.all(...values).map(withTexts),
  }
}

function asBytes(column: string): string {
  return `CASE typeof(${column}) WHEN 'text' THEN CAST(${column} AS BLOB) ELSE ${column} END AS ${column}`
}

/** It gives bytes as an ArrayBuffer, and some of its own beside the columns. */
function withTexts(row: Row): Row {
  const texts = Object.entries(row).map(([name, value]): [string, Value] => {
    const bytes: unknown = value
    return [name, bytes instanceof ArrayBuffer ? new TextDecoder().decode(bytes) : value]
  })
  return Object.fromEntries(texts)
}
