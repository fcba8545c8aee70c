import {closeSync} from 'node:fs'
import {emptyOutput, isSocket, openOutputFile, openStandardStream, sendOutput, writeOutput} from './output-file.ts'

/** Text is gathered to this length before it is written. */
const BUFFER_LENGTH = 64 * 1024
const LEAVING_MS = 1000
/** Bytes that a unit of UTF-16 becomes at most. */
const UTF8_MAX = 3

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
  readonly #encoder = new TextEncoder()
  #bytes: Uint8Array | undefined
  /** The reader has gone. */
  #closed = false
  #unblock: (() => void) | undefined
  #isEnded = false

  private constructor(fd: number, name: string, isFile: boolean) {
    this.#fd = fd
    this.#name = name
    this.#isFile = isFile
  }

  /**
   * @param unblock lets writes to standard output return at once where it is a socket; called before more is written
   * than any socket takes
   * @throws InputError not-writable
   */
  static open(path: string | undefined, unblock?: () => void): TextSink {
    if (path === undefined || path === '-') {
      const sink = new TextSink(openStandardStream(1), 'standard output', false)
      if (isSocket(1)) sink.#unblock = unblock
      return sink
    }
    return new TextSink(openOutputFile(path, {keep: false}), path, true)
  }

  /** False once the reader of a pipe has gone away: nothing more needs to be made. */
  write(piece: string | Uint8Array): boolean {
    if (this.#closed) return false
    if (typeof piece !== 'string') return this.#writeBytes(piece)
    this.#pending += piece
    if (this.#pending.length >= BUFFER_LENGTH) this.flush()
    return !this.#closed
  }

  /** @throws InputError not-writable when the disk is full or the like */
  flush(patienceMs?: number): void {
    if (this.#pending === '' || this.#closed) return
    const text = this.#pending
    this.#pending = ''
    this.#put(this.#encode(text), patienceMs)
  }

  /** In place, until the next one: memory for each piece of a long report takes as long as to encode it. */
  #encode(text: string): Uint8Array {
    if (text.length > BUFFER_LENGTH * 2) return this.#encoder.encode(text)
    this.#bytes ??= new Uint8Array(BUFFER_LENGTH * 2 * UTF8_MAX)
    return this.#bytes.subarray(0, this.#encoder.encodeInto(text, this.#bytes).written)
  }

  /** A piece that goes out at once, as far as no signal comes. False as of `write`. */
  async send(piece: string, signal: AbortSignal): Promise<boolean> {
    if (this.#closed) return false
    this.#hasWritten = true
    if (!(await sendOutput(this.#fd, this.#encoder.encode(piece), this.#name, signal))) this.#closed = true
    return !this.#closed
  }

  #writeBytes(bytes: Uint8Array): boolean {
    this.flush()
    if (!this.#closed) this.#put(bytes)
    return !this.#closed
  }

  #put(bytes: Uint8Array, patienceMs?: number): void {
    if (this.#unblock && (this.#hasWritten || bytes.length > BUFFER_LENGTH * 2)) {
      this.#unblock()
      this.#unblock = undefined
    }
    this.#hasWritten = true
    if (!writeOutput(this.#fd, bytes, this.#name, patienceMs)) this.#closed = true
  }

  /** Something has gone to standard output that cannot be taken back. */
  get hasBegun(): boolean {
    return this.#hasWritten && !this.#isFile
  }

  /** What is gathered will not be written, and no half of a document stays in a file. */
  discard(): void {
    this.#pending = ''
    if (this.#isFile && this.#hasWritten && !this.#isEnded) emptyOutput(this.#fd)
  }

  /** What is gathered goes out as far as it is taken at once: the one who writes has been broken off. */
  leave(): void {
    if (!this.#isEnded) this.flush(LEAVING_MS)
  }

  close(): void {
    this.flush()
    this.#isEnded = true
    if (this.#fd !== 1) closeSync(this.#fd)
  }
}
