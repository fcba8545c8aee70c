import {closeSync, constants, fstatSync, ftruncateSync, openSync, writeSync} from 'node:fs'
import {setTimeout as sleep} from 'node:timers/promises'
import {gunzipSync, constants as zlib} from 'node:zlib'
import {InputError, messageOf} from './errors.ts'
import {pathStats} from './path-stats.ts'
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
    const isPlain = pathStats(path)?.isFile() ?? true
    const access = keep ? (isPlain ? O_RDWR : O_WRONLY) | O_APPEND : O_WRONLY | O_TRUNC
    return openSync(path, access | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o666)
  } catch (cause) {
    throw new InputError('not-writable', `${path}: ${reasonOf(cause, path)}`, ADVICE, {cause})
  }
}

/** First bytes of ELF files, and of what cores are packed with: gzip, zstd, xz, lz4. */
const PRECIOUS = ['7f454c46', '1f8b', '28b52ffd', 'fd377a58', '04224d18']

const HEAD_SIZE = 512
/** Of sample_type and of sample, in bytes that are counted (protobuf.dev, "Encoding"): ours begins with samples. */
const PROFILE_FIRST_TAGS = [0x0a, 0x12]

/** A slip of the pen (`-o core`) must not cost the only core. @throws InputError not-writable */
function refuseCore(path: string): void {
  let head: Uint8Array
  try {
    const {fd} = openRegularFile(path)
    try {
      const bytes = new Uint8Array(HEAD_SIZE)
      head = bytes.subarray(0, readRegularFile(fd, bytes, 0, path))
    } finally {
      closeSync(fd)
    }
  } catch {
    // What cannot be read holds no core of ours; whether it can be written is another question.
    return
  }
  const magic = Buffer.from(head.subarray(0, 4)).toString('hex')
  if (!PRECIOUS.some(each => magic.startsWith(each)) || isProfile(head)) return
  throw new InputError('not-writable', `${path}: a core, a program or something packed, which would be lost`, ADVICE)
}

/** What `goroutines -o FILE.pb.gz` wrote may be written anew: a profile.proto. */
function isProfile(head: Uint8Array): boolean {
  try {
    return PROFILE_FIRST_TAGS.includes(gunzipSync(head, {finishFlush: zlib.Z_SYNC_FLUSH})[0] ?? 0)
  } catch {
    return false
  }
}

function reasonOf(cause: unknown, path: string): string {
  const {code} = cause as NodeJS.ErrnoException
  if (code === 'ENXIO' && pathStats(path)?.isFIFO()) return 'a FIFO that nobody reads'
  if (code === 'ENXIO' && pathStats(path)?.isSocket()) return 'a socket'
  if (code === 'EISDIR') return 'a directory'
  return messageOf(cause)
}

/**
 * A standard stream by its descriptor. A write to a full pipe and a read from an empty one wait in the kernel, where no
 * limit of time reaches them; so a pipe is opened anew (proc(5), /proc/PID/fd), with a descriptor that does not wait
 * and that no other process shares. Whoever gets another number than the stream's closes it.
 */
export function openStandardStream(stream: 0 | 1 | 2): number {
  const {O_RDONLY, O_WRONLY, O_NONBLOCK} = constants
  const access = stream === 0 ? O_RDONLY : O_WRONLY
  try {
    return fstatSync(stream).isFIFO() ? openSync(`/proc/self/fd/${stream}`, access | O_NONBLOCK) : stream
  } catch {
    // Closed, without a reader, or of another user: as it is.
    return stream
  }
}

/** Whether a standard stream is one: it cannot be opened anew, and writes to it may wait in the kernel. */
export function isSocket(stream: 1 | 2): boolean {
  try {
    return fstatSync(stream).isSocket()
  } catch {
    return false
  }
}

/** A few lines for standard output or error, which are not waited for longer than `patienceMs`. */
export function writeStandardStream(stream: 1 | 2, text: string, patienceMs: number): void {
  const fd = openStandardStream(stream)
  try {
    writeOutput(fd, new TextEncoder().encode(text), stream === 1 ? 'standard output' : 'standard error', patienceMs)
  } finally {
    if (fd !== stream) closeSync(fd)
  }
}

/** Takes back what was written, where that can be taken back. */
export function emptyOutput(fd: number): void {
  if (fstatSync(fd).isFile()) ftruncateSync(fd)
}

/**
 * Writes all bytes; a pipe that is full is waited for. False where its reader has gone, or has taken nothing for
 * `patienceMs`.
 * @throws InputError not-writable when the disk is full or the like
 */
export function writeOutput(
  fd: number,
  bytes: Uint8Array,
  name: string,
  patienceMs: number = Number.POSITIVE_INFINITY,
): boolean {
  let waitedMs = 0
  for (let rest = bytes; rest.length > 0; ) {
    const taken = writeSome(fd, rest, name)
    if (taken === undefined || waitedMs >= patienceMs) return false
    waitedMs = taken > 0 ? 0 : waitedMs + FULL_PIPE_MS
    if (taken === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_MS)
    rest = rest.subarray(taken)
  }
  return true
}

/**
 * As `writeOutput`, for a run of hours: while a full pipe is waited for, signals are heard. False where its reader has
 * gone, or `signal` has come.
 */
export async function sendOutput(fd: number, bytes: Uint8Array, name: string, signal: AbortSignal): Promise<boolean> {
  for (let rest = bytes; rest.length > 0; ) {
    const taken = writeSome(fd, rest, name)
    if (taken === undefined || signal.aborted) return false
    if (taken === 0) await sleep(FULL_PIPE_MS)
    rest = rest.subarray(taken)
  }
  return true
}

/** How many bytes were taken at once; undefined where the reader has gone. */
function writeSome(fd: number, bytes: Uint8Array, name: string): number | undefined {
  try {
    return writeSync(fd, bytes)
  } catch (cause) {
    const {code} = cause as NodeJS.ErrnoException
    if (code === 'EAGAIN') return 0
    if (code === 'EPIPE') return undefined
    const hint = code === 'ENOSPC' || code === 'EDQUOT' ? 'make room, or name a file on another disk' : ADVICE
    throw new InputError('not-writable', `${name}: ${messageOf(cause)}`, hint, {cause})
  }
}
