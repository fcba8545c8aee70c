import {closeSync} from 'node:fs'
import {openOutputFile, writeOutput} from './output-file.ts'

/** Text is gathered to this length before it is written. */
const BUFFER_LENGTH = 64 * 1024

/**
 * Where a report goes: a file or standard output, written synchronously so that a long report streams in bounded
 * memory.
 */
export class TextSink {
  readonly #fd: number
  readonly #name: string
  readonly #isFile: boolean
  #hasWritten = false
  #pending = ''
  #closed = false

  private constructor(fd: number, name: string, isFile: boolean) {
    this.#fd = fd
    this.#name = name
    this.#isFile = isFile
  }

  /** @throws InputError not-writable */
  static open(path: string | undefined): TextSink {
    if (path === undefined || path === '-') return new TextSink(1, 'standard output', false)
    return new TextSink(openOutputFile(path, {keep: false}), path, true)
  }

  /** False once the reader of a pipe has gone away: nothing more needs to be made. */
  write(text: string): boolean {
    if (this.#closed) return false
    this.#pending += text
    if (this.#pending.length >= BUFFER_LENGTH) this.flush()
    return !this.#closed
  }

  /** @throws InputError not-writable when the disk is full or the like */
  flush(): void {
    if (this.#pending === '' || this.#closed) return
    this.#hasWritten = true
    const bytes = new TextEncoder().encode(this.#pending)
    this.#pending = ''
    if (!writeOutput(this.#fd, bytes, this.#name)) this.#closed = true
  }

  /** Something has gone to standard output that cannot be taken back. */
  get hasBegun(): boolean {
    return this.#hasWritten && !this.#isFile
  }

  /** What is gathered will not be written. */
  discard(): void {
    this.#pending = ''
  }

  close(): void {
    this.flush()
    if (this.#isFile) closeSync(this.#fd)
  }
}
