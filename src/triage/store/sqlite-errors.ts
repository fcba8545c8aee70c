import {type GotraceError, InputError, messageOf} from '../../base/errors.ts'

/** Result codes of SQLite (sqlite.org/rescode.html) that are of the file, the disk or other runs. */
const SQLITE = {
  ERROR: 1,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  TOOBIG: 18,
  CONSTRAINT: 19,
  MISMATCH: 20,
  NOTADB: 26,
} as const
/** Extended codes carry the primary one in their low byte. */
const PRIMARY = 256

/** What an error of either driver says. */
interface SqliteError {
  /** Of node:sqlite. */
  errcode?: unknown
  /** Of libsql. */
  rawCode?: unknown
}

/** The primary result code of SQLite; undefined for an error that is not of SQLite. */
export function sqliteCode(error: unknown): number | undefined {
  const {errcode, rawCode} = error as SqliteError
  const code = errcode ?? rawCode ?? /^ConnectionFailed\(.*: (\d+)"\)$/.exec(messageOf(error))?.[1]
  return code === undefined ? undefined : Number(code) % PRIMARY
}

export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === SQLITE.BUSY || code === SQLITE.LOCKED
}

const ANOTHER_PLACE = 'name a store that can be written with --store; to read one that cannot, copy it first'

/** What went wrong with a store, for a person; what is not of the store is given back as it is. */
export function explainSqlite(path: string, error: unknown): unknown {
  const code = sqliteCode(error) ?? 0
  if (code === SQLITE.ERROR && !OTHER_CONTENT.test(messageOf(error))) return error
  const explain = EXPLANATIONS[code]
  return explain ? explain(path, error) : error
}

/** What our queries say over tables that are not as we made them; anything else is wrong with the queries. */
const OTHER_CONTENT = /no such (?:table|column|index)|has no column|malformed|corrupt|unsupported file format/i

type Explain = (path: string, cause: unknown) => GotraceError

const busy: Explain = (path, cause) =>
  new InputError('not-writable', `${path}: another run has been writing to it for too long`, 'let that run end', {
    cause,
  })
const damaged: Explain = (path, cause) =>
  new InputError(
    'format',
    `${path}: a damaged store: ${messageOf(cause)}`,
    `save what can be read: sqlite3 ${path} .recover | sqlite3 NEW; or begin a new one: batch --store NEW PATH…`,
    {cause},
  )
const notWritable: Explain = (path, cause) =>
  new InputError('not-writable', `${path}: ${messageOf(cause)}`, ANOTHER_PLACE, {cause})

const EXPLANATIONS: Readonly<Record<number, Explain>> = {
  [SQLITE.BUSY]: busy,
  [SQLITE.LOCKED]: busy,
  [SQLITE.READONLY]: notWritable,
  // One of the drivers puts it in words of its own.
  [SQLITE.CANTOPEN]: (path, cause) =>
    new InputError('not-writable', `${path}: the store cannot be opened`, ANOTHER_PLACE, {cause}),
  [SQLITE.IOERR]: (path, cause) =>
    new InputError('not-writable', `${path}: ${messageOf(cause)}`, 'check the disk, and that it has room', {cause}),
  [SQLITE.FULL]: (path, cause) =>
    new InputError('not-writable', `${path}: ${messageOf(cause)}`, 'make room, or name a store on another disk', {
      cause,
    }),
  [SQLITE.ERROR]: damaged,
  [SQLITE.CORRUPT]: damaged,
  [SQLITE.TOOBIG]: damaged,
  [SQLITE.CONSTRAINT]: damaged,
  [SQLITE.MISMATCH]: damaged,
  [SQLITE.NOTADB]: damaged,
}
