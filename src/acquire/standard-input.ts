import {closeSync, createReadStream, fstatSync, readSync} from 'node:fs'
import {isatty} from 'node:tty'
import {FileSource} from '../base/byte-source.ts'
import type {Deadline} from '../base/deadline.ts'
import {InputError} from '../base/errors.ts'
import {openStandardStream} from '../base/output-file.ts'
import {openFailed, requireRegular} from '../base/regular-file.ts'

/** What `-` is called in messages. */
const NAME = 'standard input'
const DESCRIPTOR = 0
/** Linux's names for it, which a shell's user may give as well (proc(5)). */
const PATHS = ['-', '/dev/stdin', '/dev/fd/0', '/proc/self/fd/0']
/** Between two looks at a pipe that does not block. */
const PAUSE_MS = 10

export function isStandardInput(path: string): boolean {
  return PATHS.includes(path)
}

/**
 * Standard input: a file where the shell opened one, else a stream that can be read once.
 * @throws InputError where nothing can come from there
 */
export function openStandardInput(deadline: Deadline | undefined): FileSource | InputStream {
  if (isatty(DESCRIPTOR)) {
    throw new InputError('bad-argument', `${NAME} is a terminal`, 'give it a core: `gotrace-core analyze - < CORE`')
  }
  try {
    const stat = fstatSync(DESCRIPTOR)
    if (stat.isDirectory()) requireRegular(stat, NAME)
    if (stat.isFile()) return FileSource.ofDescriptor(DESCRIPTOR, NAME)
    // A socket cannot be opened anew. The mere making of Node's own stream over it lets reads of it return at once.
    if (stat.isSocket()) process.stdin.pause()
    return new InputStream(deadline)
  } catch (error) {
    throw error instanceof InputError ? error : openFailed(NAME, error)
  }
}

/** Of a text in a file: what waits for nobody is read in large pieces. */
const PIECE_LENGTH = 4 * 1024 * 1024

/** Standard input as a text whose pieces come when they come. */
export function readableInput(): {
  setEncoding(encoding: 'utf8'): AsyncIterable<string>
  destroy(): void
} {
  if (!fstatSync(DESCRIPTOR).isFile()) return process.stdin
  return createReadStream('', {fd: DESCRIPTOR, autoClose: false, highWaterMark: PIECE_LENGTH})
}

/** Bytes that come through a pipe: each is read once, synchronously as a file's are, and waited for in time. */
export class InputStream {
  readonly name = NAME
  /** Nobody knows how much will come. */
  readonly size = undefined
  readonly #fd = openStandardStream(DESCRIPTOR)
  readonly #deadline: Deadline | undefined
  #head = new Uint8Array(0)

  constructor(deadline: Deadline | undefined) {
    this.#deadline = deadline
  }

  /** The first bytes, fewer where the stream ends before; `chunks` gives them again. */
  head(length: number): Uint8Array {
    while (this.#head.length < length) {
      const chunk = this.#read(length - this.#head.length)
      if (chunk.length === 0) break
      this.#head = Uint8Array.of(...this.#head, ...chunk)
    }
    return this.#head
  }

  *chunks(length: number): Generator<Uint8Array> {
    if (this.#head.length > 0) yield this.#head
    for (let chunk = this.#read(length); chunk.length > 0; chunk = this.#read(length)) yield chunk
  }

  close(): void {
    if (this.#fd !== DESCRIPTOR) closeSync(this.#fd)
  }

  /** Waits until there is something; nothing at the end, and when the time is over. @throws InputError */
  #read(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (;;) {
      try {
        return bytes.subarray(0, readSync(this.#fd, bytes, 0, length, null))
      } catch (error) {
        const {code} = error as NodeJS.ErrnoException
        if (code === 'EOF') return bytes.subarray(0, 0)
        if (code !== 'EAGAIN') throw openFailed(NAME, error)
        if (this.#deadline?.isOver(`reading ${NAME}`)) return bytes.subarray(0, 0)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
      }
    }
  }
}
