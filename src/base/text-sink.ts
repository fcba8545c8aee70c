import {closeSync, openSync, writeSync} from 'node:fs'
import {InputError, messageOf} from './errors.ts'

/** Text is gathered to this length before it is written. */
const BUFFER_LENGTH = 64 * 1024

/** Where a report goes: a file or standard output, written synchronously so that a long report streams in bounded memory. */
export class TextSink {
  readonly #fd: number
  readonly #isFile: boolean
  #pending = ''
  #closed = false

  private constructor(fd: number, isFile: boolean) {
    this.#fd = fd
    this.#isFile = isFile
  }

  /** @throws InputError when the file cannot be created */
  static open(path: string | undefined): TextSink {
    if (path === undefined || path === '-') return new TextSink(1, false)
    try {
      return new TextSink(openSync(path, 'w'), true)
    } catch (cause) {
      throw new InputError(
        'unreadable',
        `${path}: ${messageOf(cause)}`,
        'name a file that can be written with --output',
        {
          cause,
        },
      )
    }
  }

  /** False once the reader of a pipe has gone away: nothing more needs to be made. */
  write(text: string): boolean {
    if (this.#closed) return false
    this.#pending += text
    if (this.#pending.length >= BUFFER_LENGTH) this.flush()
    return !this.#closed
  }

  flush(): void {
    if (this.#pending === '' || this.#closed) return
    let bytes: Uint8Array = new TextEncoder().encode(this.#pending)
    this.#pending = ''
    while (bytes.length > 0) {
      const written = this.#writeSome(bytes)
      if (written < 0) {
        this.#closed = true
        return
      }
      bytes = bytes.subarray(written)
    }
  }

  /** Bytes written; -1 when the reader is gone. A full non-blocking pipe is waited for. */
  #writeSome(bytes: Uint8Array): number {
    try {
      return writeSync(this.#fd, bytes)
    } catch (cause) {
      const {code} = cause as NodeJS.ErrnoException
      if (code === 'EPIPE') return -1
      if (code !== 'EAGAIN')
        throw new InputError('unreadable', `output: ${messageOf(cause)}`, 'check the disk', {cause})
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
      return 0
    }
  }

  close(): void {
    this.flush()
    if (this.#isFile) closeSync(this.#fd)
  }
}
