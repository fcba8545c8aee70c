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
import {writeAll} from './write-all.ts'

/** Before the data: eight bytes, so that V8 need not move it. */
const HEADER = Buffer.from('gtcache2', 'latin1')
/** The second copy is read in pieces of one buffer, for each new page of memory takes time. */
const PIECE = 256 * 1024
const FILE_MAX = 128 * 1024 * 1024
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
 * disk or on its way there, is not given out. The data and the file's name stand in it twice, and must be the same: for
 * a checksum Node loads zlib, and all of its streams with it, which takes longer than to read and compare a copy.
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
      const data = stat.size > FILE_MAX ? undefined : this.#readTwice(file, stat.size)
      if (!data) return undefined
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
    const once = [...pieces, Buffer.from(this.#name)]
    const size = once.reduce((sum, {length}) => sum + 2 * length, HEADER.length)
    if (size > FILE_MAX) return
    try {
      this.#removeOld(kind, {...limits, files: limits.files - 1, bytes: limits.bytes - size})
      writeWhole(temporary, [HEADER, ...once, ...once])
      renameSync(temporary, target)
    } catch {
      rmSync(temporary, {force: true})
    }
  }

  /** undefined where the two copies differ, or are of another file. */
  #readTwice(file: number, size: number): Uint8Array | undefined {
    const name = Buffer.from(this.#name)
    const end = HEADER.length + (size - HEADER.length) / 2
    if (!Number.isInteger(end) || end <= HEADER.length + name.length) return undefined
    const bytes = readAt(file, 0, Buffer.allocUnsafeSlow(end))
    if (!bytes?.subarray(0, HEADER.length).equals(HEADER)) return undefined
    if (!bytes.subarray(end - name.length).equals(name)) return undefined
    const piece = Buffer.allocUnsafeSlow(Math.min(PIECE, end))
    for (let at = HEADER.length; at < end; at += PIECE) {
      const first = bytes.subarray(at, at + PIECE)
      const second = readAt(file, end - HEADER.length + at, piece.subarray(0, first.length))
      if (!second?.equals(first)) return undefined
    }
    return bytes.subarray(HEADER.length, end - name.length)
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

/** Fills BYTES with what is at OFFSET of the file; undefined where it ends before. */
function readAt(file: number, offset: number, bytes: Buffer): Buffer | undefined {
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(file, bytes, done, bytes.length - done, offset + done)
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
