import {closeSync, constants, openSync, type Stats, statSync, writeSync} from 'node:fs'
import {InputError, messageOf} from './errors.ts'
import {openRegularFile, readRegularFile} from './regular-file.ts'

const ADVICE = 'name a file that can be written with --output'
/** A reader that is slower than we are is looked after so often. */
const FULL_PIPE_MS = 5

/**
 * Opens a file for writing, at once or not at all: without O_NONBLOCK the open of a FIFO waits for a reader (open(2)).
 * With `keep` what is there stays, can be read, and is added to; a pipe or a device cannot be read back.
 * @throws InputError not-writable
 */
export function openOutputFile(path: string, {keep}: {keep: boolean}): number {
  if (!keep) refuseCore(path)
  const {O_WRONLY, O_RDWR, O_APPEND, O_TRUNC, O_CREAT, O_NONBLOCK, O_NOCTTY} = constants
  try {
    const isPlain = statSync(path, {throwIfNoEntry: false})?.isFile() ?? true
    const access = keep ? (isPlain ? O_RDWR : O_WRONLY) | O_APPEND : O_WRONLY | O_TRUNC
    return openSync(path, access | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o666)
  } catch (cause) {
    throw new InputError('not-writable', `${path}: ${reasonOf(cause, path)}`, ADVICE, {cause})
  }
}

/** First bytes of ELF files, and of what cores are packed with: gzip, zstd, xz, lz4. */
const PRECIOUS = ['7f454c46', '1f8b', '28b52ffd', 'fd377a58', '04224d18']

/** A slip of the pen (`-o core`) must not cost the only core. @throws InputError not-writable */
function refuseCore(path: string): void {
  let head: string
  try {
    const {fd} = openRegularFile(path)
    try {
      const bytes = new Uint8Array(4)
      head = Buffer.from(bytes.subarray(0, readRegularFile(fd, bytes, 0, path))).toString('hex')
    } finally {
      closeSync(fd)
    }
  } catch {
    // What cannot be read holds no core of ours; whether it can be written is another question.
    return
  }
  if (!PRECIOUS.some(magic => head.startsWith(magic))) return
  throw new InputError('not-writable', `${path}: a core, a program or something packed, which would be lost`, ADVICE)
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
