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
} from 'node:fs'
import {crc32} from 'node:zlib'
import {writeAll} from './write-all.ts'

/**
 * Before the data: a mark, and a checksum of the file's name and the data. Eight bytes, so that V8 need not move the
 * data.
 */
const HEADER_LENGTH = 8
/** "gtc1" */
const MARK = 0x31637467
const DATA_MAX = 64 * 1024 * 1024
const HOUR_MS = 3600 * 1000
const DAY_MS = 24 * HOUR_MS
/** What a killed run was writing. */
const TEMPORARY = /\.tmp$/

/** How much of one kind is kept; what was used last is kept longest. */
export interface CacheLimits {
  readonly days: number
  readonly files: number
  readonly bytes: number
}

/**
 * One file of the cache. It is whole or not there: it is put in its place in one step, and what was damaged, on the
 * disk or on its way there, is not given out. CRC-32 is of the zlib that every run loads anyhow; of what is ready to
 * hand in Node it is the fastest.
 */
export class CacheFile {
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
  read(): Uint8Array | undefined {
    let file: number | undefined
    try {
      const {O_RDONLY, O_NOFOLLOW, O_NONBLOCK} = constants
      file = openSync(this.#directory + this.#name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
      const stat = fstatSync(file)
      if (!stat.isFile() || stat.uid !== this.#uid || (stat.mode & 0o022) !== 0) return undefined
      if (stat.size <= HEADER_LENGTH || stat.size > DATA_MAX) return undefined
      const bytes = readWhole(file, stat.size)
      const data = bytes?.subarray(HEADER_LENGTH)
      if (!bytes || !data || !this.#header([data]).every((byte, index) => byte === bytes[index])) return undefined
      // Files in use are the young ones.
      if (Date.now() - stat.mtimeMs > DAY_MS) touch(file)
      return data
    } catch {
      return undefined
    } finally {
      if (file !== undefined) closeSync(file)
    }
  }

  /**
   * Puts PIECES in the place of what is there, and takes away what is too much of this kind: the files whose names
   * begin so. A cache that cannot be written costs time, nothing else.
   */
  replace(pieces: readonly Uint8Array[], kind: string, limits: CacheLimits): void {
    const target = this.#directory + this.#name
    const temporary = `${target}.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`
    const size = pieces.reduce((sum, {length}) => sum + length, HEADER_LENGTH)
    if (size > DATA_MAX) return
    try {
      this.#removeOld(kind, {...limits, files: limits.files - 1, bytes: limits.bytes - size})
      writeWhole(temporary, [this.#header(pieces), ...pieces])
      renameSync(temporary, target)
    } catch {
      rmSync(temporary, {force: true})
    }
  }

  #header(pieces: readonly Uint8Array[]): Uint8Array {
    const header = new DataView(new ArrayBuffer(HEADER_LENGTH))
    header.setUint32(0, MARK, true)
    header.setUint32(
      4,
      pieces.reduce((sum, piece) => crc32(piece, sum), crc32(this.#name)),
      true,
    )
    return new Uint8Array(header.buffer)
  }

  /** Those that nobody used lately, and what killed runs left. */
  #removeOld(kind: string, {days, files, bytes}: CacheLimits): void {
    const now = Date.now()
    const others = readdirSync(this.#directory)
      .filter(name => name.startsWith(kind) && name !== this.#name)
      .flatMap(name => {
        const stat = statSync(this.#directory + name, {throwIfNoEntry: false})
        return stat ? {name, age: now - stat.mtimeMs, size: stat.size} : []
      })
      .sort((a, b) => a.age - b.age)
    let total = 0
    for (const [index, {name, age, size}] of others.entries()) {
      total += size
      const isMuch = age > days * DAY_MS || index >= files || total > bytes
      if (isMuch || (TEMPORARY.test(name) && age > HOUR_MS)) rmSync(this.#directory + name, {force: true})
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
    for (const part of parts) writeAll(file, part)
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
