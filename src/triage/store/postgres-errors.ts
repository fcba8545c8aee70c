import {type GotraceError, InputError, messageOf} from '../../base/errors.ts'
import type {Access} from './engine.ts'

/** SQLSTATE (PostgreSQL manual, appendix A) or the code of a system error; undefined for what is neither. */
export function postgresCode(error: unknown): string | undefined {
  const {code} = error as {code?: unknown}
  return typeof code === 'string' ? code : undefined
}

/** Of the network, or of a server that starts, ends or has no room: the same may do later. */
const PASSING = [
  /^08/, // connection exceptions
  /^40(001|P01)$/, // serialization failure, deadlock
  /^53/, // insufficient resources: disk full, out of memory, too many connections
  /^55P03$/, // lock not available
  /^57(014|P0[1-5])$/, // canceled, admin shutdown, crash shutdown, cannot connect now
  /^58030$/, // I/O error
  /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)/,
]
/** What the driver says in words alone. */
const PASSING_TEXT =
  /Connection terminated|timeout exceeded when trying to connect|not queryable|Client was closed|Query read timeout/i

/** Whether the same may be tried again later, with a chance. */
export function isPassing(error: unknown): boolean {
  const cause = (error as {cause?: unknown}).cause
  const code = postgresCode(error)
  if (code !== undefined && PASSING.some(pattern => pattern.test(code))) return true
  // Of a host with several addresses there is an error for each.
  const causes = error instanceof AggregateError ? error.errors : [cause]
  return PASSING_TEXT.test(messageOf(error)) || causes.some(each => each instanceof Error && isPassing(each))
}

type Explain = (path: string, cause: unknown, access: Access) => GotraceError

const said = (path: string, cause: unknown): string => `${path}: ${messageOf(cause) || postgresCode(cause)}`

const CREDENTIALS =
  'name the user in the address, and give the password with PGPASSWORD or in ~/.pgpass; pg_hba.conf of the server says who may'
const refused: Explain = (path, cause) => new InputError('unreadable', said(path, cause), CREDENTIALS, {cause})
const forbidden: Explain = (path, cause, access) =>
  new InputError(
    access === 'read' ? 'unreadable' : 'not-writable',
    said(path, cause),
    'use a user who owns the schemas, or grant this one what is missing (docs/scaling.md)',
    {cause},
  )
const full: Explain = (path, cause) =>
  new InputError('not-writable', said(path, cause), 'make room on the disk of the server', {cause})
const unreachable: Explain = (path, cause) =>
  new InputError(
    'unreachable',
    said(path, cause),
    'check host and port, and that the server runs: pg_isready -h HOST -p PORT',
    {cause},
  )
const noDatabase: Explain = (path, cause) =>
  new InputError('not-found', said(path, cause), 'make it: createdb -h HOST -p PORT NAME', {cause})

const failed: Explain = (path, cause) =>
  new InputError('unreadable', said(path, cause), 'the log of the server says more', {cause})

const EXPLANATIONS: readonly [RegExp, Explain][] = [
  [/^28/, refused],
  [/^3D000$/, noDatabase],
  [/^(42501|25006)$/, forbidden],
  [/^53100$/, full],
]
/** Of statements and of their values, which are ours: what the server says of them is a bug. */
const OF_STATEMENTS = /^(2[0-7]|42)...$/
const SQLSTATE = /^[0-9A-Z]{5}$/

/** What went wrong with a database, for a person; what is a mistake of ours is given back as it is. */
export function explainPostgres(path: string, error: unknown, access: Access = 'write'): unknown {
  if (error instanceof InputError) return error
  const code = postgresCode(error)
  const explain = EXPLANATIONS.find(([pattern]) => code !== undefined && pattern.test(code))?.[1]
  if (explain) return explain(path, error, access)
  if (isPassing(error)) return unreachable(path, error, access)
  if (code === undefined || !SQLSTATE.test(code)) return notPostgres(path, error)
  return OF_STATEMENTS.test(code) ? error : failed(path, error, access)
}

/** Of a server that does not speak as PostgreSQL does, or with which TLS or the log-in fail. */
export function notPostgres(path: string, cause: unknown): InputError {
  const hint = 'check that a server of PostgreSQL listens there, and what sslmode in the address asks for'
  const message = `${path}: not understood as PostgreSQL: ${messageOf(cause) || postgresCode(cause)}`
  return new InputError('unreadable', message, hint, {cause})
}
