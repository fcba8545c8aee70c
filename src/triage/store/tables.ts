import {InputError} from '../../base/errors.ts'

/** What the engines call differently. */
export interface Dialect {
  /** A text that is compared by its bytes. */
  readonly text: string
  /** The key of a table, a number that counts up by itself. */
  readonly id: string
  /** The column `rowid`, in which order rows came, of a table whose key is another; empty where it is there anyhow. */
  readonly rowid: string
  /** Of a table that needs no such column. */
  readonly withoutRowid: string
}

/** Of the tables below; a store of another version is refused. */
export const TABLES_VERSION = 1

/**
 * The tables of a store, in either engine. A core is a row, known by the key of its process, so that the same crash
 * counts once, wherever its core was copied to; one that could not be analysed by its path, size and time. `place` has
 * every file that was such a core. `time` is when the core was written (mtime), `added` when it came in; all times are
 * ISO 8601 in UTC, whose order is that of the texts.
 */
export function describeTables({text, id, rowid, withoutRowid}: Dialect): string {
  return `
CREATE TABLE build (
  id ${id}, identity ${text} NOT NULL UNIQUE, program ${text}, main ${text}, version ${text}, revision ${text},
  revision_time ${text}, modified INTEGER, build_id ${text}, go_version ${text});
CREATE TABLE signature (
  exact ${text} PRIMARY KEY, version ${text} NOT NULL, family ${text}, frames ${text} NOT NULL, kind ${text},
  signal ${text}, message ${text}, added ${text} NOT NULL)${withoutRowid};
CREATE TABLE core (
  ${rowid}key ${text} PRIMARY KEY, path ${text} NOT NULL, size BIGINT, mtime ${text}, attempt INTEGER NOT NULL,
  time ${text} NOT NULL, added ${text} NOT NULL, exact ${text}, error ${text}, build BIGINT REFERENCES build (id),
  labels ${text} NOT NULL, line ${text} NOT NULL);
CREATE INDEX core_by_signature ON core (exact, time, build);
CREATE INDEX core_by_time ON core (time);
CREATE INDEX core_by_build ON core (build, time);
CREATE TABLE place (${rowid}path ${text} NOT NULL, size BIGINT, mtime ${text}, key ${text} NOT NULL);
CREATE UNIQUE INDEX place_by_path ON place (path, coalesce(size, -1), coalesce(mtime, ''));
CREATE INDEX place_by_key ON place (key);
CREATE TABLE mark (
  id ${id}, exact ${text} NOT NULL, state ${text} NOT NULL, build ${text}, build_time ${text}, note ${text},
  author ${text}, time ${text} NOT NULL);
CREATE INDEX mark_by_signature ON mark (exact, id);`
}

export function otherVersion(path: string, version: number): InputError {
  return new InputError(
    'unsupported',
    `${path}: a store of version ${version}; this program knows version ${TABLES_VERSION}`,
    'use the release of gotrace-core that wrote it, or a later one',
  )
}

/**
 * Beside them, in PostgreSQL alone: who takes cores from the queue and when each was last heard of, and which core each
 * has. A worker that is not heard of any more has its cores taken away.
 */
export const FLEET_TABLES = `
CREATE TABLE worker (
  id text PRIMARY KEY, host text NOT NULL, pid integer NOT NULL, version text NOT NULL, slots integer NOT NULL,
  started timestamptz NOT NULL DEFAULT now(), seen timestamptz NOT NULL DEFAULT now(),
  analysed bigint NOT NULL DEFAULT 0);
CREATE TABLE lease (
  job uuid PRIMARY KEY, worker text NOT NULL REFERENCES worker (id) ON DELETE CASCADE, path text NOT NULL,
  since timestamptz NOT NULL DEFAULT now());
CREATE INDEX lease_by_worker ON lease (worker);`
