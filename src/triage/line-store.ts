import {closeSync, fstatSync, ftruncateSync} from 'node:fs'
import {InputError} from '../base/errors.ts'
import {openOutputFile, writeOutput} from '../base/output-file.ts'
import {readRegularFile} from '../base/regular-file.ts'
import {OutputLock} from './output-lock.ts'
import {parseJson, parseStoredLine, type StoredLine} from './stored-line.ts'

const CHUNK_SIZE = 1024 * 1024
/** No line of ours is so long: names and paths are bounded. */
const LINE_MAX = 16 * 1024 * 1024
const NEWLINE = 10
/** Keys stand in the order of the schema. */
const LINE_START = '{"schemaVersion":'

/**
 * The file that lines are appended to, by one run at a time. Each is written in one piece, so that a run that is killed
 * leaves at most one torn.
 */
export class LineStore {
  readonly path: string
  readonly #fd: number
  /** undefined where it is no regular file: nothing is read back from it then, and anybody may write to it. */
  readonly #lock: OutputLock | undefined
  /** Where the next line begins. */
  #end = 0

  private constructor(path: string, fd: number, lock: OutputLock | undefined) {
    this.path = path
    this.#fd = fd
    this.#lock = lock
  }

  /**
   * Opens or makes the file, and mends what a killed run left: a torn last line is cut off.
   * @param holder how this run is called where another one finds the file in use
   * @param onLine gets every line that is there
   * @throws InputError when the file cannot be written, is being written, or holds something else
   */
  static async open(path: string, holder: string, onLine: (line: StoredLine) => void): Promise<LineStore> {
    const fd = openOutputFile(path, {keep: true})
    let lock: OutputLock | {heldBy: string} | undefined
    try {
      if (!fstatSync(fd).isFile()) return new LineStore(path, fd, undefined)
      lock = await OutputLock.take(fstatSync(fd, {bigint: true}), holder)
      if (!(lock instanceof OutputLock)) throw inUse(path, lock.heldBy)
      const store = new LineStore(path, fd, lock)
      store.#takeUp(onLine)
      return store
    } catch (error) {
      if (lock instanceof OutputLock) lock.release()
      closeSync(fd)
      throw error
    }
  }

  #takeUp(onLine: (line: StoredLine) => void): void {
    let kept = 0
    let isEnded = true
    for (const {bytes, end, ended} of this.#rawLines()) {
      const text = bytes && new TextDecoder().decode(bytes)
      const line = text === undefined ? undefined : parseStoredLine(text)
      const isTorn = !ended && text !== undefined && isTornLine(text)
      // What is not ours must not be cut off, nor grow.
      if (kept === 0 && !line && !isTorn) throw notOurs(this.path)
      if (line) onLine(line)
      if (line || ended) kept = end
      isEnded = ended
    }
    this.#end = fstatSync(this.#fd).size
    if (kept < this.#end) this.#cutTo(kept)
    else if (!isEnded) this.append('\n')
  }

  /**
   * Each line with its end; `bytes` is undefined for one that is too long to be ours, `ended` false for a torn last
   * one.
   */
  *#rawLines(): Generator<{bytes: Uint8Array | undefined; end: number; ended: boolean}> {
    let pending: Uint8Array[] = []
    let length = 0
    let position = 0
    for (const part of this.#lineParts()) {
      length += part.length
      position += part.length
      if (length <= LINE_MAX) pending.push(part)
      else pending = []
      if (part.at(-1) !== NEWLINE) continue
      yield {bytes: length <= LINE_MAX ? Buffer.concat(pending, length) : undefined, end: position, ended: true}
      pending = []
      length = 0
    }
    if (length > 0) {
      yield {bytes: length <= LINE_MAX ? Buffer.concat(pending, length) : undefined, end: position, ended: false}
    }
  }

  /** The file in pieces that end with a newline, or with a chunk. */
  *#lineParts(): Generator<Uint8Array> {
    const {size} = fstatSync(this.#fd)
    for (let position = 0; position < size; ) {
      const buffer = new Uint8Array(Math.min(CHUNK_SIZE, size - position))
      const chunk = buffer.subarray(0, readRegularFile(this.#fd, buffer, position, this.path))
      if (chunk.length === 0) return
      position += chunk.length
      for (let start = 0; start < chunk.length; ) {
        const newline = chunk.indexOf(NEWLINE, start)
        const end = newline < 0 ? chunk.length : newline + 1
        yield chunk.subarray(start, end)
        start = end
      }
    }
  }

  /**
   * Appends a line, whole or not at all.
   * @throws InputError when the disk is full or the like, or when others write to the file
   */
  append(text: string): void {
    const bytes = new TextEncoder().encode(text)
    if (this.#lock) this.#checkAlone()
    try {
      writeOutput(this.#fd, bytes, this.path)
    } catch (error) {
      if (this.#lock) this.#cutTo(this.#end)
      throw error
    }
    this.#end += bytes.length
  }

  /**
   * A run in another container, or on another machine, knows nothing of the lock. A file that was emptied is nobody's
   * fault.
   */
  #checkAlone(): void {
    const {size, nlink} = fstatSync(this.#fd)
    if (size > this.#end) throw inUse(this.path, 'somebody')
    if (nlink === 0) {
      throw new InputError(
        'not-writable',
        `${this.path}: it was removed while lines were written to it`,
        'run it again',
      )
    }
    this.#end = size
  }

  #cutTo(size: number): void {
    ftruncateSync(this.#fd, size)
    this.#end = size
  }

  close(): void {
    this.#lock?.release()
    closeSync(this.#fd)
  }
}

function inUse(path: string, holder: string): InputError {
  return new InputError(
    'not-writable',
    `${path}: ${holder} is writing to it`,
    'let that run end, then take up what is missing with --resume; or name another file with --output',
  )
}

/** Whether a text without an end is what a killed run left of a line. */
function isTornLine(text: string): boolean {
  const length = Math.min(text.length, LINE_START.length)
  return length > 0 && text.slice(0, length) === LINE_START.slice(0, length) && parseJson(text) === undefined
}

function notOurs(path: string): InputError {
  return new InputError(
    'bad-argument',
    `${path}: holds something else than lines of batch`,
    'name a new file, or one that batch has written, with --output',
  )
}
