import {createRequire} from 'node:module'
import {InputError} from '../../base/errors.ts'
import {requireDescriptors} from '../../base/required-descriptors.ts'
import type {Row, Value} from './engine.ts'
import {withSafeTexts} from './libsql.ts'

export interface Statement {
  run(...values: readonly Value[]): void
  get(...values: readonly Value[]): Row | undefined
  all(...values: readonly Value[]): Row[]
}

/** A database in a file, synchronously: the part that node:sqlite and libsql have in common. */
export interface Database {
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}

/** An optional peer: few have a store, and a Node without SQLite. */
const INSTALL = 'run it with Node 22.13 or later, or install a driver beside it: npm install libsql@0.5.29'

type Open = (path: string) => Database

/**
 * Opens a database with what this Node has: its own SQLite, else the package libsql, an optional peer.
 * @param path absolute: libsql takes other things for addresses
 * @throws InputError unsupported, where there is neither
 */
export function openDatabase(path: string): Database {
  const require = createRequire(import.meta.url)
  const open = ofNode(require) ?? ofLibsql(require)
  if (open) return open(path)
  throw new InputError('unsupported', `this Node (${process.version}) has no SQLite, which a store needs`, INSTALL)
}

function ofNode(require: NodeJS.Require): Open | undefined {
  const sqlite = quietly(() => load<{DatabaseSync: new (path: string) => Database}>(require, 'node:sqlite'))
  return sqlite && (path => new sqlite.DatabaseSync(path))
}

/** Of libsql and the loop of its own that it starts (tokio), with the files of a database: 8 at most, and some more. */
const LIBSQL_DESCRIPTORS = 12

function ofLibsql(require: NodeJS.Require): Open | undefined {
  requireDescriptors(LIBSQL_DESCRIPTORS)
  const Driver = load<new (path: string) => Database>(require, 'libsql')
  return Driver && (path => withSafeTexts(new Driver(path)))
}

function load<Exports>(require: NodeJS.Require, name: string): Exports | undefined {
  try {
    return require(name) as Exports
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    // A package whose part for this machine is missing says so with the first of them.
    if (code === 'MODULE_NOT_FOUND' || code === 'ERR_UNKNOWN_BUILTIN_MODULE') return undefined
    throw error
  }
}

/** Some releases warn, when it is loaded, that their SQLite is an experiment: that is no news of the user's cores. */
function quietly<Result>(work: () => Result): Result {
  const {emitWarning} = process
  process.emitWarning = () => {}
  try {
    return work()
  } finally {
    process.emitWarning = emitWarning
  }
}
