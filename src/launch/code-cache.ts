import {
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import {crc32} from 'node:zlib'
import {packParts, unpackParts} from './part-archive.ts'

/**
 * Before the data: a mark, and a checksum of the file's name and the data. Eight bytes, so that V8 need not move the
 * data.
 */
const HEADER_LENGTH = 8
/** "gtc1" */
const MARK = 0x31637467
const DATA_MAX = 64 * 1024 * 1024
const DAY_MS = 24 * 3600 * 1000
const KEPT_DAYS = 7
const KEPT_FILES = 32
/** What a killed run was writing. */
const TEMPORARY = /\.tmp$/

/**
 * The compiled code of one command in a file. V8 executes what it is given without a look at it, so what was damaged,
 * on the disk or on its way there, must not reach it: one in three damaged caches made the process die of a signal, for
 * ever. CRC-32 is of the zlib that every run loads anyhow; of what is ready to hand in Node it is the fastest.
 */
export class CodeCache {
  readonly #directory: string
  readonly #name: string
  readonly #uid: number

  /** @param directory as `openCacheDirectory` gave it; nobody but this user writes there */
  constructor(directory: string, name: string, uid: number) {
    this.#directory = directory
    this.#name = name
    this.#uid = uid
  }

  /** undefined when there is none, or it is not as it was written. */
  read(): Map<string, Uint8Array> | undefined {
    let file: number | undefined
    try {
      const {O_RDONLY, O_NOFOLLOW, O_NONBLOCK} = constants
      file = openSync(this.#directory + this.#name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
      const stat = fstatSync(file)
      if (!stat.isFile() || stat.uid !== this.#uid || (stat.mode & 0o022) !== 0) return undefined
      if (stat.size <= HEADER_LENGTH || stat.size > DATA_MAX) return undefined
      const bytes = readWhole(file, stat.size)
      if (bytes === undefined || !this.#isWhole(bytes)) return undefined
      // Files in use are the young ones.
      if (Date.now() - stat.mtimeMs > DAY_MS) touch(file)
      return unpackParts(bytes.subarray(HEADER_LENGTH))
    } catch {
      return undefined
    } finally {
      if (file !== undefined) closeSync(file)
    }
  }

  /** Puts PARTS in the place of what is there. A cache that cannot be written costs time, nothing else. */
  replace(parts: ReadonlyMap<string, Uint8Array>): void {
    const data = packParts(parts)
    const target = this.#directory + this.#name
    const temporary = `${target}.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`
    try {
      this.#removeOld()
      writeWhole(temporary, [this.#header(data), data])
      renameSync(temporary, target)
    } catch {
      rmSync(temporary, {force: true})
    }
  }

  #header(data: Uint8Array): Uint8Array {
    const header = new DataView(new ArrayBuffer(HEADER_LENGTH))
    header.setUint32(0, MARK, true)
    header.setUint32(4, crc32(data, crc32(this.#name)), true)
    return new Uint8Array(header.buffer)
  }

  #isWhole(bytes: Uint8Array): boolean {
    const header = this.#header(bytes.subarray(HEADER_LENGTH))
    return header.every((byte, index) => byte === bytes[index])
  }

  /** Caches of other builds and commands that nobody used lately, and what killed runs left. */
  #removeOld(): void {
    const now = Date.now()
    const files = readdirSync(this.#directory)
      .filter(name => name.startsWith('code-') && name !== this.#name)
      .map(name => ({name, age: now - statSync(this.#directory + name).mtimeMs}))
      .sort((a, b) => a.age - b.age)
    for (const [index, {name, age}] of files.entries()) {
      const isOld = age > KEPT_DAYS * DAY_MS || index >= KEPT_FILES || (TEMPORARY.test(name) && age > DAY_MS / 24)
      if (isOld) rmSync(this.#directory + name, {force: true})
    }
  }
}

function readWhole(file: number, size: number): Uint8Array | undefined {
  const bytes = Buffer.allocUnsafeSlow(size)
  for (let done = 0; done < size; ) {
    const count = readSync(file, bytes, done, size - done, done)
    if (count === 0) return undefined
    done += count
  }
  return bytes
}

function writeWhole(path: string, parts: readonly Uint8Array[]): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    for (const part of parts) for (let done = 0; done < part.length; ) done += writeSync(file, part, done)
  } finally {
    closeSync(file)
  }
}

function touch(file: number): void {
  try {
    const now = new Date()
    futimesSync(file, now, now)
  } catch {
    // On a disk that cannot be written to.
  }
}
