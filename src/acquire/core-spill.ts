import {closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {messageOf} from '../base/errors.ts'
import {writeAll} from '../base/write-all.ts'
import {isZero} from './zero-pages.ts'

/** As much as is read of the pipe at once. */
const CHUNK_SIZE = 1024 * 1024
/** Less of it that is all zeros takes room. */
const PAGE = 4096
/** Where the pipe was made not to block, and nothing is there yet. */
const PAUSE_MS = 2

/** A core that came through a pipe, in a file without a name: nothing is left of it however this process ends. */
export interface SpilledCore {
  /** By which it can be opened while this process lives. */
  readonly path: string
  /** Bytes that came. */
  readonly size: number
  /** Why not all of them were kept; undefined: they were. */
  readonly lost: string | undefined
  close(): void
}

/**
 * Takes all that comes, to the end, whatever becomes of it: the kernel waits for who reads a core, and the dying
 * process with it. Memory is constant; pages of zeros take no room.
 * @param fd of the pipe
 * @param sizeMax bytes of the core that are kept
 * @returns undefined where there is no place for it
 */
export function spillCore(fd: number, folder: string, sizeMax: number): SpilledCore | {readonly lost: string} {
  const chunk = new Uint8Array(CHUNK_SIZE)
  let lost: string | undefined
  let into: number | undefined
  try {
    into = openNameless(folder)
  } catch (error) {
    lost = messageOf(error)
  }
  let size = 0
  for (;;) {
    const count = readSome(fd, chunk)
    if (count === 0) break
    if (into !== undefined && lost === undefined) {
      const room = Math.max(Math.min(count, sizeMax - size), 0)
      lost = room < count ? `it is larger than ${sizeMax} bytes (--max-core)` : undefined
      lost = keep(into, chunk.subarray(0, room), size) ?? lost
    }
    size += count
  }
  if (into === undefined) return {lost: lost ?? ''}
  const kept = into
  if (lost === undefined) ftruncateSync(kept, size)
  return {path: `/proc/self/fd/${kept}`, size, lost, close: () => closeSync(kept)}
}

/** Reads of the pipe without keeping anything. @returns how much came */
export function drainPipe(fd: number): number {
  const chunk = new Uint8Array(CHUNK_SIZE)
  let size = 0
  for (let count = readSome(fd, chunk); count > 0; count = readSome(fd, chunk)) size += count
  return size
}

/**
 * Tells the kernel that its core was taken: where `core_pipe_limit` is not 0 it keeps the process until nobody has the
 * pipe open any more (fs/coredump.c, wait_for_dump_helpers). The number stays taken, so that nothing else gets it.
 */
export function closePipe(fd: number): void {
  closeSync(fd)
  openSync('/dev/null', 'r')
}

/** Waits in the kernel for what comes; 0 at the end, and where it breaks. */
function readSome(fd: number, chunk: Uint8Array): number {
  for (;;) {
    try {
      return readSync(fd, chunk, 0, chunk.length, null)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return 0
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
    }
  }
}

/** @returns why it could not be kept */
function keep(fd: number, bytes: Uint8Array, offset: number): string | undefined {
  try {
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(at + PAGE, bytes.length)
      if (isZero(bytes, at, end)) {
        at = end
        continue
      }
      let last = end
      while (last < bytes.length && !isZero(bytes, last, Math.min(last + PAGE, bytes.length))) last += PAGE
      last = Math.min(last, bytes.length)
      writeAll(fd, bytes.subarray(at, last), offset + at)
      at = last
    }
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

/** @throws what the system says */
function openNameless(folder: string): number {
  const directory = mkdtempSync(join(folder, '.spill-'))
  try {
    return openSync(join(directory, 'core'), 'wx+', 0o600)
  } finally {
    rmSync(directory, {recursive: true, force: true})
  }
}
