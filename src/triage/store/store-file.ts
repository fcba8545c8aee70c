import {resolve} from 'node:path'
import {InputError} from '../../base/errors.ts'
import {isThere, readFileHead} from '../../base/file-head.ts'
import type {Access} from './engine.ts'
import {type Database, openDatabase} from './sqlite.ts'
import {explainSqlite, isBusy, sqliteCode} from './sqlite-errors.ts'
import {describeTables, otherVersion, TABLES_VERSION} from './tables.ts'

/** sqlite.org/fileformat2.html, "The Database Header". */
const MAGIC = 'SQLite format 3\0'
/** PRAGMA application_id of a store: "GTCS". */
const APPLICATION_ID = 0x47544353
/** Another run writes for milliseconds; a machine that is busy with something else may take its time. */
const BUSY_MS = 60_000
const BUSY_STEP_MS = 20

const TABLES = `${describeTables({text: 'TEXT', id: 'INTEGER PRIMARY KEY', rowid: '', withoutRowid: ' WITHOUT ROWID'})}
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${TABLES_VERSION};`

/** Whether a file begins as a database does. */
export function isDatabaseHead(head: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(head.subarray(0, MAGIC.length)) === MAGIC
}

/**
 * Opens a store, or makes it where it is to be written and there is none.
 * @throws InputError where it cannot be opened, is damaged, of a later release, or something else
 */
export function openStore(path: string, access: Access): Database {
  checkFile(path, access)
  try {
    const database = openDatabase(resolve(path))
    try {
      // First of all: each of the others may have to wait.
      database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`)
      if (access === 'write') makeReady(database, path)
      checkIdentity(database, path)
      if (access === 'read') database.exec('PRAGMA query_only = 1')
      return database
    } catch (error) {
      database.close()
      throw error
    }
  } catch (error) {
    throw explainSqlite(path, error)
  }
}

/** What is not a database is told before it is opened as one. */
function checkFile(path: string, access: Access): void {
  if (isThere(path)) {
    const head = readHead(path)
    if (!isDatabaseHead(head) && (head.length > 0 || access === 'read')) throw notAStore(path)
  } else if (access === 'read') {
    throw new InputError('not-found', `${path}: no such store`, `make it: gotrace-core batch --store ${path} PATH…`)
  }
}

function readHead(path: string): Uint8Array {
  try {
    return readFileHead(path, MAGIC.length)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    throw new InputError(error.code, error.message, 'name a store, or a new file to make one', {cause: error})
  }
}

/**
 * With a write-ahead log readers are not in the way of a writer, and of a run that is killed what was committed stays.
 * What cannot be written is told here, before any core is analysed.
 */
function makeReady(database: Database, path: string): void {
  // The log would be kept of somebody else's database too.
  if (!isFresh(database)) checkIdentity(database, path)
  whenFree(() => database.exec('PRAGMA journal_mode = WAL'))
  database.exec('PRAGMA synchronous = NORMAL')
  database.exec('BEGIN IMMEDIATE')
  // Two runs may make it at once.
  if (isFresh(database)) database.exec(TABLES)
  database.exec('COMMIT')
}

/**
 * Before the last run that writes ends: with a log a store could not even be read where nothing can be written, as on a
 * disk that is mounted read-only. While others have it open it stays as it is.
 */
export function closeLog(database: Database): void {
  try {
    database.exec('PRAGMA busy_timeout = 0')
    database.exec('PRAGMA journal_mode = DELETE')
  } catch (error) {
    // A disk that is full, or a damaged file: what went wrong was told when it did.
    if (sqliteCode(error) === undefined) throw error
  }
}

/** SQLite waits for other runs itself, but not where the journal is changed (sqlite3_busy_handler). */
function whenFree(work: () => void): void {
  for (let waitedMs = 0; ; waitedMs += BUSY_STEP_MS) {
    try {
      work()
      return
    } catch (error) {
      if (!isBusy(error) || waitedMs >= BUSY_MS) throw error
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_STEP_MS)
  }
}

function isFresh(database: Database): boolean {
  return readPragma(database, 'application_id') === 0 && !hasTables(database)
}

function hasTables(database: Database): boolean {
  return database.prepare('SELECT 1 FROM sqlite_master').get() !== undefined
}

function readPragma(database: Database, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0)
}

function checkIdentity(database: Database, path: string): void {
  if (isFresh(database)) throw emptyStore(path)
  if (readPragma(database, 'application_id') !== APPLICATION_ID) throw notAStore(path)
  const version = readPragma(database, 'user_version')
  if (version !== TABLES_VERSION) throw otherVersion(path, version)
}

function notAStore(path: string): InputError {
  return new InputError(
    'bad-argument',
    `${path}: holds something else than a store`,
    'name a new file, or one that batch --store has written',
  )
}

function emptyStore(path: string): InputError {
  return new InputError(
    'bad-argument',
    `${path}: an empty database`,
    `fill it: gotrace-core batch --store ${path} PATH…`,
  )
}
