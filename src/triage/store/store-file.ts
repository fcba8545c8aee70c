import {resolve} from 'node:path'
import {InputError} from '../../base/errors.ts'
import {isThere, readFileHead} from '../../base/file-head.ts'
import {type Database, openDatabase} from './sqlite.ts'
import {explainSqlite, isBusy, sqliteCode} from './sqlite-errors.ts'

/** sqlite.org/fileformat2.html, "The Database Header". */
const MAGIC = 'SQLite format 3\0'
/** PRAGMA application_id of a store: "GTCS". */
const APPLICATION_ID = 0x47544353
/** PRAGMA user_version: of the tables below. */
const VERSION = 1
/** Another run writes for milliseconds; a machine that is busy with something else may take its time. */
const BUSY_MS = 60_000
const BUSY_STEP_MS = 20

/**
 * A core is a row, known by the key of its process, so that the same crash counts once, wherever its core was copied
 * to; one that could not be analysed by its path, size and time. `place` has every file
 * that was such a core. `time` is when the core was written (mtime), `added`
 * when it came in; all times are ISO 8601 in UTC, whose order is that of the texts.
 */
const TABLES = `
CREATE TABLE build (
  id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE, program TEXT, main TEXT, version TEXT, revision TEXT,
  revision_time TEXT, modified INTEGER, build_id TEXT, go_version TEXT);
CREATE TABLE signature (
  exact TEXT PRIMARY KEY, version TEXT NOT NULL, family TEXT, frames TEXT NOT NULL, kind TEXT, signal TEXT,
  message TEXT, added TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE core (
  key TEXT PRIMARY KEY, path TEXT NOT NULL, size INTEGER, mtime TEXT, attempt INTEGER NOT NULL, time TEXT NOT NULL,
  added TEXT NOT NULL, exact TEXT, error TEXT, build INTEGER REFERENCES build (id), labels TEXT NOT NULL,
  line TEXT NOT NULL);
CREATE INDEX core_by_signature ON core (exact, time, build);
CREATE INDEX core_by_time ON core (time);
CREATE INDEX core_by_build ON core (build, time);
CREATE TABLE place (path TEXT NOT NULL, size INTEGER, mtime TEXT, key TEXT NOT NULL);
CREATE UNIQUE INDEX place_by_path ON place (path, ifnull(size, -1), ifnull(mtime, ''));
CREATE INDEX place_by_key ON place (key);
CREATE TABLE mark (
  id INTEGER PRIMARY KEY, exact TEXT NOT NULL, state TEXT NOT NULL, build TEXT, build_time TEXT, note TEXT,
  author TEXT, time TEXT NOT NULL);
CREATE INDEX mark_by_signature ON mark (exact, id);
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${VERSION};`

/** What is done with a store: one that is read must be there, and is not changed. */
export type Access = 'read' | 'write'

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
  if (version === VERSION) return
  throw new InputError(
    'unsupported',
    `${path}: a store of version ${version}; this program knows version ${VERSION}`,
    'use the release of gotrace-core that wrote it, or a later one',
  )
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
