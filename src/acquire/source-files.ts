import {createHash} from 'node:crypto'
import {closeSync} from 'node:fs'
import {isAbsolute, join} from 'node:path'
import {GotraceError} from '../base/errors.ts'
import {pathStats} from '../base/path-stats.ts'
import {openRegularFile, readRegularFile} from '../base/regular-file.ts'
import type {Module} from '../elf/module.ts'
import type {SourceReport, SourceRequest} from '../report/core-report.ts'
import {isCandidate} from './open-files.ts'
import type {SourceCandidate, SourcePlaces} from './source-places.ts'
import type {SymbolServers} from './symbol-servers.ts'

/** Larger files are no source that a person wrote. */
const SIZE_MAX = 16 * 1024 * 1024
/** Characters of a line: generated code has lines of any length. */
const LINE_MAX = 400
/**
 * Whoever made the program chose the names: one that would have `/etc/shadow` shown is no name of a source. Headers of
 * C++'s own library have no ending.
 */
const SOURCE_NAME =
  /\.(?:go|rs|s|asm|[chdmflyv]|cc|c\+\+|cpp|cxx|cu|cuh|hh|h\+\+|hpp|hxx|inc|inl|ipp|tcc|tpp|txx|ixx|mm|f\d\d|for|ftn|ad[abs]|pas|pp|zig|swift|nim|ml|mli|hs|rl|re|yy|ll|vala|cr|odin|jl|pyx)$|\/include\/c\+\+\/[\w.+/-]+$/i
/** Files whose text is kept. */
const FILES_MAX = 16
/** Builds that are to be the same each time set all times to the same old date (reproducible-builds.org). */
const EARLIEST_MS = 31 * 86_400_000

const NOT_FOUND: SourceReport = {state: 'not-found', file: null, origin: null, start: null, lines: []}
/** From the best to the worst. */
const STATES: readonly SourceReport['state'][] = ['found', 'newer', 'mismatch', 'not-found']

interface SourceText {
  readonly lines: readonly string[]
  /** undefined where this machine has no MD5 any more. */
  readonly md5: string | undefined
  readonly modified: number
}

export interface SourceFilesInput {
  readonly places: SourcePlaces
  readonly servers: Pick<SymbolServers, 'findSource'> | undefined
  /** Of the process. */
  readonly modules: readonly Module[]
  /** The core: what was written after it was no part of what died. */
  readonly corePath: string
  /** Lines above and below the one that is wanted. */
  readonly around: number
}

/** The lines around places in the source, from files whose content is right as far as anything tells. */
export class SourceFiles {
  readonly #input: SourceFilesInput
  readonly #texts = new Map<string, SourceText | undefined>()
  /** What a server had, by build ID and name. */
  readonly #fetched = new Map<string, string | undefined>()
  readonly #releases = new Map<string, string | undefined>()

  constructor(input: SourceFilesInput) {
    this.#input = input
  }

  /** Of several files the first that is proven right, else the first that may be. */
  read(request: SourceRequest): SourceReport {
    if (!SOURCE_NAME.test(request.file)) return NOT_FOUND
    let best = NOT_FOUND
    for (const candidate of this.#candidates(request)) {
      const text = this.#textOf(candidate.path)
      if (!text) continue
      const state = this.#judge(candidate, text, request)
      if (STATES.indexOf(state) < STATES.indexOf(best.state)) best = this.#linesOf(candidate, text, state, request)
      if (state === 'found') break
    }
    return best
  }

  /** Asks servers for what is not here; what they have is read from then on. */
  async fetch(requests: readonly SourceRequest[]): Promise<void> {
    const {servers} = this.#input
    for (const request of servers ? requests : []) {
      const buildId = this.#moduleOf(request)?.buildId
      const key = keyOf(request)
      if (buildId === undefined || this.#fetched.has(key) || this.read(request).state === 'found') continue
      this.#fetched.set(key, await servers?.findSource(buildId, request.file))
    }
  }

  *#candidates(request: SourceRequest): Generator<SourceCandidate> {
    yield* this.#input.places.candidates(request)
    const path = this.#fetched.get(keyOf(request))
    if (path !== undefined) yield {path, origin: 'debuginfod'}
  }

  #judge(
    {origin, goroot}: SourceCandidate,
    {lines, md5, modified}: SourceText,
    request: SourceRequest,
  ): SourceReport['state'] {
    if (request.md5 !== undefined && md5 !== undefined) return isDigest(request.md5, md5) ? 'found' : 'mismatch'
    if (request.line > lines.length) return 'mismatch'
    if (origin === 'debuginfod' || origin === 'module-cache') return 'found'
    const release = goroot === undefined ? undefined : this.#releaseOf(goroot)
    if (release !== undefined && request.goVersion !== undefined) {
      return release === request.goVersion ? 'found' : 'mismatch'
    }
    if (origin === 'goroot') return 'mismatch'
    return modified > this.#latest(this.#moduleOf(request)) ? 'newer' : 'found'
  }

  #linesOf(
    {path, origin}: SourceCandidate,
    {lines}: SourceText,
    state: SourceReport['state'],
    {line}: SourceRequest,
  ): SourceReport {
    if (state === 'mismatch') return {state, file: path, origin, start: null, lines: []}
    const {around} = this.#input
    const start = Math.max(line - around, 1)
    const shown = lines.slice(start - 1, line + around).map(cutLine)
    return {state, file: path, origin, start, lines: shown}
  }

  /** What the program was made of is not newer than its file, nor than the core. In milliseconds since the epoch. */
  #latest(module: Module | undefined): number {
    const times = [module?.imageOrigin === 'file' ? module.imagePath : undefined, this.#input.corePath]
    const known = times.map(path => (path === undefined ? undefined : timeOf(path)))
    return Math.min(...known.map(time => (time === undefined || time < EARLIEST_MS ? Number.POSITIVE_INFINITY : time)))
  }

  #moduleOf({module}: SourceRequest): Module | undefined {
    return this.#input.modules.find(({path}) => path === module)
  }

  /** The release that a folder of Go holds, by its VERSION; undefined where it has none. */
  #releaseOf(goroot: string): string | undefined {
    if (!this.#releases.has(goroot)) {
      const [first = ''] = this.#textOf(join(goroot, 'VERSION'))?.lines ?? []
      this.#releases.set(goroot, /^go1\S*/.exec(first)?.[0])
    }
    return this.#releases.get(goroot)
  }

  #textOf(path: string): SourceText | undefined {
    if (!this.#texts.has(path)) {
      if (this.#texts.size >= FILES_MAX) this.#texts.clear()
      this.#texts.set(path, readText(path))
    }
    return this.#texts.get(path)
  }
}

/** Whether a name is that of a source which is at that very path. */
export function isSourceFile(file: string): boolean {
  return isAbsolute(file) && SOURCE_NAME.test(file) && timeOf(file) !== undefined
}

function keyOf({file, module}: SourceRequest): string {
  return `${module} ${file}`
}

/** undefined where no file is there that can be read as text. */
function readText(path: string): SourceText | undefined {
  if (!isCandidate(path)) return undefined
  try {
    const {fd, size, modified} = openRegularFile(path)
    try {
      if (size > SIZE_MAX) return undefined
      const room = new Uint8Array(size)
      const bytes = room.subarray(0, readRegularFile(fd, room, 0, path))
      return {lines: linesOf(bytes), md5: digestOf(bytes), modified}
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    // What cannot be read is not at hand.
    if (error instanceof GotraceError) return undefined
    throw error
  }
}

function linesOf(bytes: Uint8Array): string[] {
  const lines = new TextDecoder().decode(bytes).split(/\r?\n/)
  if (lines[lines.length - 1] === '') lines.pop()
  return lines
}

/** A system that is to use approved cryptography alone (FIPS 140) has no MD5. */
function digestOf(bytes: Uint8Array): string | undefined {
  try {
    return createHash('md5').update(bytes).digest('hex')
  } catch {
    return undefined
  }
}

/** LLVM writes the bytes in their order; gas takes them for a number, of which the lowest byte comes first. */
function isDigest(written: string, md5: string): boolean {
  return written === md5 || written === md5.match(/../g)?.reverse().join('')
}

/** When a file was last written to, in milliseconds since the epoch. */
function timeOf(path: string): number | undefined {
  const stat = pathStats(path)
  return stat?.isFile() ? stat.mtimeMs : undefined
}

function cutLine(line: string): string {
  return line.length <= LINE_MAX ? line : `${line.slice(0, LINE_MAX)}…[${line.length - LINE_MAX} characters more]`
}
