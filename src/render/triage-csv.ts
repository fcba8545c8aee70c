import {printableLines} from '../base/printable.ts'
import type {StoredSignature} from '../report/core-report.ts'

/** A cell of RFC 4180. Spreadsheets take what begins with these for a formula, which may do anything. */
const FORMULA = /^[=+\-@\t\r]/
const QUOTED = /[",\n\r]/

const CORE_COLUMNS = [
  'key',
  'time',
  'path',
  'signature',
  'family',
  'kind',
  'signal',
  'message',
  'program',
  'version',
  'revision',
  'buildTime',
  'buildId',
  'goVersion',
  'labels',
  'error',
] as const

/** A core as a line of the table. */
export type CoreRow = Readonly<Record<(typeof CORE_COLUMNS)[number], string | null>>

export async function* renderCoresCsv(cores: AsyncIterable<CoreRow>): AsyncGenerator<string> {
  yield rowOf(CORE_COLUMNS)
  for await (const core of cores) yield rowOf(CORE_COLUMNS.map(column => core[column]))
}

const SIGNATURE_COLUMNS = [
  'exact',
  'version',
  'family',
  'state',
  'kind',
  'signal',
  'message',
  'count',
  'first',
  'last',
  'example',
] as const satisfies readonly (keyof StoredSignature)[]

export function* renderSignaturesCsv(signatures: Iterable<StoredSignature>): Generator<string> {
  yield rowOf([...SIGNATURE_COLUMNS, 'programs', 'versions', 'fixedIn', 'note'])
  for (const signature of signatures) {
    const names = (list: StoredSignature['programs']): string => list.map(({name}) => name).join(' ')
    const {programs, versions, mark} = signature
    const cells = SIGNATURE_COLUMNS.map(column => signature[column])
    yield rowOf([...cells, names(programs), names(versions), mark?.build ?? null, mark?.note ?? null])
  }
}

function rowOf(cells: readonly (string | number | null)[]): string {
  return `${cells.map(cellOf).join(',')}\r\n`
}

function cellOf(value: string | number | null): string {
  // A table is looked at on terminals too.
  const text = printableLines(String(value ?? ''))
  const safe = typeof value === 'string' && FORMULA.test(text) ? `'${text}` : text
  return QUOTED.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
