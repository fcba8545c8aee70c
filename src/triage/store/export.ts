import type {CoreRow} from '../../render/triage-csv.ts'
import type {CrashStore} from './crash-store.ts'
import type {Row, Value} from './engine.ts'

/** Rows that are read at once. */
const PAGE = 500

/** Every core of a store as a row of a table, in the order in which they came. */
export async function* listCoreRows(store: CrashStore): AsyncGenerator<CoreRow> {
  const sql = `
    SELECT core.rowid AS id, key, time, path, exact, family, kind, signal, message, program, build.version AS version,
      revision, revision_time, build_id, go_version, labels, error
    FROM core LEFT JOIN signature USING (exact) LEFT JOIN build ON build.id = core.build
    WHERE core.rowid > ? ORDER BY core.rowid LIMIT ${PAGE}`
  for (let last = 0; ; ) {
    const rows = await store.all(sql, last)
    for (const row of rows) yield coreRow(row)
    if (rows.length < PAGE) return
    last = Number(rows.at(-1)?.id)
  }
}

function coreRow(row: Row): CoreRow {
  const text = (value: Value | undefined): string | null =>
    value === null || value === undefined ? null : String(value)
  return {
    key: text(row.key),
    time: text(row.time),
    path: text(row.path),
    signature: text(row.exact),
    family: text(row.family),
    kind: text(row.kind),
    signal: text(row.signal),
    message: text(row.message),
    program: text(row.program),
    version: text(row.version),
    revision: text(row.revision),
    buildTime: text(row.revision_time),
    buildId: text(row.build_id),
    goVersion: text(row.go_version),
    labels: text(row.labels),
    error: text(row.error),
  }
}
