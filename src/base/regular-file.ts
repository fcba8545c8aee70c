import {closeSync, constants, fstatSync, openSync, readSync, readvSync, type Stats, statSync} from 'node:fs'
import {adviceOnFiles, InputError, messageOf} from './errors.ts'

/** An open file that is one: no FIFO, no socket, no device, no directory. */
export interface RegularFile {
  readonly fd: number
  readonly size: number
  /** When it was last written to, in milliseconds since the epoch with a fraction. */
  readonly modified: number
}

/**
 * Opens a file for reading, at once or not at all. Without O_NONBLOCK the open of a FIFO waits for a writer, for ever
 * (open(2)). What is at the path is looked at before, for the mere open of a device can do something, and again on the
 * descriptor, for it may have been replaced in between.
 * @throws InputError not-found, unreadable
 */
export function openRegularFile(path: string): RegularFile {
  try {
    requireRegular(statSync(path), path)
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    try {
      return describeRegular(fd, path)
    } catch (error) {
      closeSync(fd)
      throw error
    }
  } catch (error) {
    throw error instanceof InputError ? error : openFailed(path, error)
  }
}

/** @throws InputError that says what is open instead of a regular file */
export function describeRegular(fd: number, path: string): RegularFile {
  const stat = fstatSync(fd)
  requireRegular(stat, path)
  return {fd, size: stat.size, modified: stat.mtimeMs}
}

/** One read takes less than 2 GiB (read(2)). */
const READ_MAX = 1024 ** 3

/**
 * The bytes that were read: fewer at the file's end, and of very many.
 * @throws InputError where the disk or the network fails
 */
export function readRegularFile(fd: number, into: Uint8Array, offset: number, name: string): number {
  try {
    return readSync(fd, into, 0, Math.min(into.length, READ_MAX), offset)
  } catch (cause) {
    throw new InputError('unreadable', `${name}: ${messageOf(cause)}`, 'copy the file to another disk and try again', {
      cause,
    })
  }
}

/** Into one piece after the other; the number of bytes that came, 0 where the disk or the network fails. */
export function readAhead(fd: number, into: readonly Uint8Array[], offset: number): number {
  try {
    return readvSync(fd, into, offset)
  } catch {
    return 0
  }
}

/** @throws InputError that says what is there instead of a regular file */
export function requireRegular(stat: Stats, path: string): void {
  if (stat.isFile()) return
  throw new InputError('unreadable', `${path}: ${kindOf(stat)}, not a regular file`, adviceFor(stat))
}

function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return 'a directory'
  if (stat.isFIFO()) return 'a FIFO'
  if (stat.isSocket()) return 'a socket'
  return 'a device'
}

function adviceFor(stat: Stats): string {
  if (stat.isDirectory()) return 'name a file; `gotrace-core batch` takes directories'
  return 'name a regular file; what comes through a pipe must be written to one first'
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'check the path',
  ENOTDIR: 'check the path',
  ELOOP: 'check where the symbolic links lead: `namei -l PATH`',
  ENAMETOOLONG: 'check the path',
}

/** What the system said of a path, for a person. */
export function openFailed(path: string, cause: unknown): InputError {
  if (path === '') return new InputError('bad-argument', 'the name of a file is empty', 'name a file', {cause})
  const {code = ''} = cause as NodeJS.ErrnoException
  const missing = code === 'ENOENT' || code === 'ENOTDIR'
  return new InputError(
    missing ? 'not-found' : 'unreadable',
    missing ? `${path}: no such file` : `${path}: ${messageOf(cause)}`,
    ADVICE[code] ?? adviceOnFiles(cause) ?? 'check the permissions of the file',
    {cause},
  )
}
