import {fstatSync, readSync} from 'node:fs'
import {isatty} from 'node:tty'
import {FileSource} from '../base/byte-source.ts'
import {InputError} from '../base/errors.ts'
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
export function openStandardInput(): FileSource | InputStream {
  if (isatty(DESCRIPTOR)) {
    throw new InputError('bad-argument', `${NAME} is a terminal`, 'give it a core: `gotrace-core analyze - < CORE`')
  }
  try {
    const stat = fstatSync(DESCRIPTOR)
    if (stat.isDirectory()) requireRegular(stat, NAME)
    if (stat.isFile()) return FileSource.ofDescriptor(DESCRIPTOR, NAME)
    return new InputStream()
  } catch (error) {
    throw error instanceof InputError ? error : openFailed(NAME, error)
  }
}

/** Bytes that come through a pipe: each is read once, synchronously as a file's are. */
export class InputStream {
  readonly name = NAME
  /** Nobody knows how much will come. */
  readonly size = undefined
  #head = new Uint8Array(0)

  /** The first bytes, fewer where the stream ends before; `chunks` gives them again. */
  head(length: number): Uint8Array {
    while (this.#head.length < length) {
      const chunk = readChunk(length - this.#head.length)
      if (chunk.length === 0) break
      this.#head = Uint8Array.of(...this.#head, ...chunk)
    }
    return this.#head
  }

  *chunks(length: number): Generator<Uint8Array> {
    if (this.#head.length > 0) yield this.#head
    for (let chunk = readChunk(length); chunk.length > 0; chunk = readChunk(length)) yield chunk
  }

  close(): void {}
}

/** Waits until there is something; nothing at the end. @throws InputError */
function readChunk(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (;;) {
    try {
      return bytes.subarray(0, readSync(DESCRIPTOR, bytes, 0, length, null))
    } catch (error) {
      const {code} = error as NodeJS.ErrnoException
      if (code === 'EOF') return bytes.subarray(0, 0)
      if (code !== 'EAGAIN') throw openFailed(NAME, error)
      // Another process that shares the pipe made it so that a read does not wait (O_NONBLOCK).
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
    }
  }
}
