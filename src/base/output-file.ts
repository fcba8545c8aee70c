import {constants, openSync, type Stats, statSync, writeSync} from 'node:fs'
import {InputError, messageOf} from './errors.ts'

const ADVICE = 'name a file that can be written with --output'
/** A reader that is slower than we are is looked after so often. */
const FULL_PIPE_MS = 5

/**
 * Opens a file for writing, at once or not at all: without O_NONBLOCK the open of a FIFO waits for a reader (open(2)).
 * With `keep` what is there stays, can be read, and is added to; a pipe or a device cannot be read back.
 * @throws InputError not-writable
 */
export function openOutputFile(path: string, {keep}: {keep: boolean}): number {
  const {O_WRONLY, O_RDWR, O_APPEND, O_TRUNC, O_CREAT, O_NONBLOCK, O_NOCTTY} = constants
  try {
    const isPlain = statSync(path, {throwIfNoEntry: false})?.isFile() ?? true
    const access = keep ? (isPlain ? O_RDWR : O_WRONLY) | O_APPEND : O_WRONLY | O_TRUNC
    return openSync(path, access | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o666)
  } catch (cause) {
    throw new InputError('not-writable', `${path}: ${reasonOf(cause, path)}`, ADVICE, {cause})
  }
}

function reasonOf(cause: unknown, path: string): string {
  const {code} = cause as NodeJS.ErrnoException
  if (code === 'ENXIO' && statOf(path)?.isFIFO()) return 'a FIFO that nobody reads'
  if (code === 'ENXIO' && statOf(path)?.isSocket()) return 'a socket'
  if (code === 'EISDIR') return 'a directory'
  return messageOf(cause)
}

function statOf(path: string): Stats | undefined {
  return statSync(path, {throwIfNoEntry: false})
}

/**
 * Writes all bytes; a pipe that is full is waited for. False where its reader has gone.
 * @throws InputError not-writable when the disk is full or the like
 */
export function writeOutput(fd: number, bytes: Uint8Array, name: string): boolean {
  for (let rest = bytes; rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (cause) {
      const {code} = cause as NodeJS.ErrnoException
      if (code === 'EPIPE') return false
      if (code !== 'EAGAIN') {
        const hint = code === 'ENOSPC' || code === 'EDQUOT' ? 'make room, or name a file on another disk' : ADVICE
        throw new InputError('not-writable', `${name}: ${messageOf(cause)}`, hint, {cause})
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_MS)
    }
  }
  return true
}
