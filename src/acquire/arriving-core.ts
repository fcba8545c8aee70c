import {closeSync, ftruncateSync, openSync} from 'node:fs'
import type {FileSource} from '../base/byte-source.ts'
import type {Deadline} from '../base/deadline.ts'
import {InputError, messageOf} from '../base/errors.ts'
import {NULL_DEVICE} from '../base/null-device.ts'
import {writeAll} from '../base/write-all.ts'
import {type InputStream, openStandardInput} from './standard-input.ts'
import {openUnlinked} from './unlinked-file.ts'
import {isZero} from './zero-pages.ts'

/** Standard input. */
const DESCRIPTOR = 0
/** As much as is read of the pipe at once: more than the kernel's holds (pipe(7)). */
const CHUNK_SIZE = 256 * 1024
/** Less of it that is all zeros takes room. */
const PAGE = 4096

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
 * A core on standard input. Whoever writes it is never left with a pipe that nobody reads, and whoever never ends is
 * not waited for longer than the deadline: the kernel waits for who reads a core, and the dying process with it.
 */
export class ArrivingCore {
  readonly #deadline: Deadline
  #input: FileSource | InputStream | undefined
  #isRead = false

  constructor(deadline: Deadline) {
    this.#deadline = deadline
  }

  /**
   * Takes all that comes, whatever becomes of it. Memory is constant; pages of zeros take no room.
   * @param sizeMax bytes of the core that are kept
   * @returns what is lost where there is no place for it
   * @throws InputError where nothing can come from there
   */
  spill(folder: string, sizeMax: number): SpilledCore | {readonly lost: string} {
    let lost: string | undefined
    let into: number | undefined
    try {
      into = openUnlinked(folder, '.spill-')
    } catch (error) {
      lost = messageOf(error)
    }
    let size = 0
    const broken = this.#read(chunk => {
      if (into !== undefined && lost === undefined) {
        const room = Math.max(Math.min(chunk.length, sizeMax - size), 0)
        lost = room < chunk.length ? `it is larger than ${sizeMax} bytes (--max-core)` : undefined
        lost = keep(into, chunk.subarray(0, room), size) ?? lost
      }
      size += chunk.length
    })
    lost ??= broken
    if (into === undefined) return {lost: lost ?? ''}
    const kept = into
    if (lost === undefined) ftruncateSync(kept, size)
    return {path: `/proc/self/fd/${kept}`, size, lost, close: () => closeSync(kept)}
  }

  /** Takes what has not come yet, without keeping anything. */
  drain(): void {
    if (this.#isRead) return
    try {
      this.#read(() => undefined)
    } catch (error) {
      // Nothing can come from there.
      if (!(error instanceof InputError)) throw error
    }
  }

  /**
   * Tells the kernel that its core was taken: where `core_pipe_limit` is not 0 it keeps the process until nobody has
   * the pipe open any more (fs/coredump.c, wait_for_dump_helpers). The number stays taken, so that nothing else gets
   * it.
   */
  release(): void {
    this.#input?.close()
    closeSync(DESCRIPTOR)
    openSync(NULL_DEVICE, 'r')
  }

  /** @returns why the end was not reached */
  #read(take: (chunk: Uint8Array) => void): string | undefined {
    this.#isRead = true
    this.#input = openStandardInput(this.#deadline)
    try {
      for (const chunk of this.#input.chunks(CHUNK_SIZE)) {
        take(chunk)
        if (this.#deadline.isOver('reading the core')) break
      }
      return this.#deadline.hasStruck ? 'its end did not come in time (--timeout)' : undefined
    } catch (error) {
      return messageOf(error)
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
