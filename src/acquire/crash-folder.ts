import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
} from 'node:fs'
import {join} from 'node:path'
import {FileSource} from '../base/byte-source.ts'
import {InputError, messageOf} from '../base/errors.ts'
import {pathStats} from '../base/path-stats.ts'
import {makeFolder} from '../base/replaced-file.ts'
import {writeAll} from '../base/write-all.ts'

/** What a folder of crashes may come to. */
export interface FolderLimits {
  /** Packages. */
  readonly count: number
  /** Bytes of them. */
  readonly size: number
  /** Bytes of the disk that stay free. */
  readonly free: number
  /** Crashes with one signature that are kept in a minute. */
  readonly perMinute: number
}

/** What became of a crash: a line of the journal. */
export interface JournalLine {
  readonly id: string
  /** ISO 8601, UTC. */
  readonly time: string
  readonly state: 'arrived' | 'signed' | 'stored' | 'counted' | 'lost'
  readonly program: string
  readonly pid: number
  readonly signal: number | null
  readonly signature: string | null
  /** Of the package. */
  readonly path: string | null
  /** Why it was not stored, or not whole. */
  readonly reason: string | null
}

const JOURNAL = 'collect.ndjson'
/** The journal begins anew past this; the one before it stays beside it. */
const JOURNAL_MAX = 8 * 1024 * 1024
/** As much of its end as is asked how often something came: some thousand lines. */
const TAIL_SIZE = 1024 * 1024
const MINUTE_MS = 60_000
/** Of one program, whatever its bugs are: so many times what one signature may have. */
const PROGRAM_SHARE = 5
const PACKAGE_SUFFIX = '.gtc'
const TEMPORARY = /^\.collect-(\d+)-.*\.tmp$/
/** A spill folder is there for a moment. */
const SPILL = /^\.spill-/

/** A folder of packages that is filled by many at once, never holds a part of one, and keeps to its limits. */
export class CrashFolder {
  readonly path: string
  readonly #limits: FolderLimits

  /** @throws InputError where it cannot be made */
  constructor(path: string, limits: FolderLimits) {
    makeFolder(path)
    this.path = path
    this.#limits = limits
  }

  /**
   * Notes that a crash came. The journal is in the order of arrival, whoever writes: each counts those before it.
   * @returns whether it is one too many of its program in this minute
   */
  arrive(line: JournalLine): boolean {
    this.note(line)
    const before = this.#countBefore(line, each => each.program === line.program && each.state === 'arrived')
    return before >= this.#limits.perMinute * PROGRAM_SHARE
  }

  /** The same of its signature. */
  sign(line: JournalLine): boolean {
    this.note(line)
    const before = this.#countBefore(line, each => each.signature === line.signature && each.state === 'signed')
    return before >= this.#limits.perMinute
  }

  /** A line is one write, at the end. A full disk costs the line, nothing else. */
  note(line: JournalLine): void {
    const path = join(this.path, JOURNAL)
    try {
      const stats = pathStats(path)
      // A FIFO would be waited for, for ever.
      if (stats && !stats.isFile()) return
      if ((stats?.size ?? 0) > JOURNAL_MAX) renameSync(path, `${path}.1`)
      appendFileSync(path, `${JSON.stringify(line)}\n`, {mode: 0o600})
    } catch {
      // What is to be kept is kept without it.
    }
  }

  #countBefore(line: JournalLine, isMeant: (line: JournalLine) => boolean): number {
    const since = Date.parse(line.time) - MINUTE_MS
    let count = 0
    for (const each of this.#recent()) {
      if (each.id === line.id && each.state === line.state) break
      if (isMeant(each) && Date.parse(each.time) > since) count++
    }
    return count
  }

  /** Lines of the journal's end; a torn one is none. */
  #recent(): JournalLine[] {
    try {
      const file = FileSource.open(join(this.path, JOURNAL))
      try {
        const length = Math.min(file.size, TAIL_SIZE)
        const text = new TextDecoder().decode(file.read(file.size - length, length))
        return text.split('\n').flatMap(parseLine)
      } finally {
        file.close()
      }
    } catch (error) {
      if (error instanceof InputError) return []
      throw error
    }
  }

  /**
   * Puts a package there, under its name when it is whole. The oldest ones give way.
   * @param name without its ending
   * @param write is given where to write to
   * @returns the path, or why there is no room
   */
  async store(
    name: string,
    write: (sink: (bytes: Uint8Array) => void) => Promise<void>,
  ): Promise<{path: string} | {lost: string}> {
    this.#tidy()
    this.#makeRoom()
    if (this.#free() < this.#limits.free) return {lost: `less than ${this.#limits.free} bytes of the disk are free`}
    const temporary = join(this.path, `.collect-${process.pid}-${name}.tmp`)
    try {
      const fd = openSync(temporary, 'wx', 0o600)
      try {
        await write(bytes => writeAll(fd, bytes))
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      const path = this.#freeName(name)
      renameSync(temporary, path)
      this.#makeRoom()
      return {path}
    } catch (error) {
      rmSync(temporary, {force: true})
      if (!isOfDisk(error)) throw error
      return {lost: messageOf(error)}
    }
  }

  /** Where a package of that name goes. */
  placeOf(name: string): string {
    return join(this.path, `${name}${PACKAGE_SUFFIX}`)
  }

  #freeName(name: string): string {
    let path = this.placeOf(name)
    for (let number = 2; existsSync(path); number++) path = this.placeOf(`${name}.${number}`)
    return path
  }

  #free(): number {
    try {
      const {bavail, bsize} = statfsSync(this.path)
      return bavail * bsize
    } catch {
      return Number.POSITIVE_INFINITY
    }
  }

  /** The oldest packages go, until the limits hold. */
  #makeRoom(): void {
    const {count, size, free} = this.#limits
    const packages = this.#packages()
    let sum = packages.reduce((total, each) => total + each.size, 0)
    let left = packages.length
    for (const each of packages) {
      if (left <= count && sum <= size && this.#free() >= free) break
      if (!isRemoved(each.path)) continue
      sum -= each.size
      left--
    }
  }

  /** The oldest first. */
  #packages(): {path: string; size: number; modified: number}[] {
    const found: {path: string; size: number; modified: number}[] = []
    for (const name of this.#names()) {
      if (!name.endsWith(PACKAGE_SUFFIX) || name.startsWith('.')) continue
      const path = join(this.path, name)
      const stat = pathStats(path)
      if (stat?.isFile()) found.push({path, size: stat.size, modified: stat.mtimeMs})
    }
    return found.sort((a, b) => a.modified - b.modified)
  }

  /** What lies there; nothing, where the folder may be written to and not read. */
  #names(): string[] {
    try {
      return readdirSync(this.path)
    } catch {
      return []
    }
  }

  /** What killed runs left. */
  #tidy(): void {
    for (const name of this.#names()) {
      const pid = TEMPORARY.exec(name)?.[1]
      const isLeft = pid !== undefined && !existsSync(`/proc/${pid}`)
      const stat = SPILL.test(name) ? pathStats(join(this.path, name)) : undefined
      const isOld = stat !== undefined && Date.now() - stat.mtimeMs > MINUTE_MS
      if (isLeft || isOld) isRemoved(join(this.path, name))
    }
  }
}

/** Whatever stands in the way of tidying, it costs no core. */
function isRemoved(path: string): boolean {
  try {
    rmSync(path, {recursive: true, force: true})
    return true
  } catch {
    return false
  }
}

function parseLine(text: string): JournalLine[] {
  try {
    const line = JSON.parse(text)
    return typeof line?.id === 'string' && typeof line.time === 'string' ? [line] : []
  } catch {
    return []
  }
}

function isOfDisk(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall !== undefined
}
