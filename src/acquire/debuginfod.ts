import {createHash} from 'node:crypto'
import {renameSync, rmSync, statSync, utimesSync, writeFileSync} from 'node:fs'
import {open} from 'node:fs/promises'
import {isAbsolute, join, normalize, resolve} from 'node:path'
import {FileSource} from '../base/byte-source.ts'
import type {Deadline} from '../base/deadline.ts'
import {Diagnostics} from '../base/diagnostics.ts'
import {GotraceError, InputError, messageOf} from '../base/errors.ts'
import {makeFolders} from '../base/replaced-file.ts'
import {ElfFile} from '../elf/elf-file.ts'
import {hasElfMagic} from '../elf/elf-headers.ts'
import type {Artifact} from '../report/vocabulary.ts'
import type {Environment} from './aws-settings.ts'
import {buildKeys, isBuildKey} from './build-key.ts'
import type {Progress} from './core-input.ts'
import {buildIdName} from './debug-paths.ts'
import {removeLeftBehind} from './left-behind.ts'
import {Patience} from './patience.ts'
import {withoutLogin} from './remote-file.ts'
import {isS3} from './s3-bucket.ts'
import {S3Store} from './s3-store.ts'

/** One file of a server. */
interface Wanted {
  readonly buildId: string
  /** Where it may lie below the URL, the likeliest first. */
  readonly paths: readonly string[]
  /** What it is called in the cache. */
  readonly name: string
  readonly isElf: boolean
  readonly sizeMax: number
}

/** Which servers are asked, and how patiently: plain data. */
export interface DebuginfodSettings {
  /** Server URLs, in order; none means no lookups. */
  urls: readonly string[]
  /** undefined: there is no place for it, and nothing is fetched. */
  cacheDir: string | undefined
  /** Seconds without 100 kB of data after which a server is given up. */
  timeoutSeconds?: number | undefined
  /** Seconds that a whole file may take. */
  maxSeconds?: number | undefined
  /** Larger files are not fetched. */
  sizeMax?: number | undefined
}

/** Takes what must not be left behind where a signal ends the program, and returns how that is taken back. */
export type TidyOnSignal = (tidy: () => void) => () => void

/** A server that is asked. */
interface Server {
  /** For messages. */
  readonly name: string
  request(path: string): Promise<Request>
}

export interface DebuginfodOptions extends DebuginfodSettings {
  /**
   * The URLs are those of symbol stores: `s3://` ones among them, and such as are laid out as a build-ID tree. What one
   * of them lacks may be put there at any time, so that is not remembered.
   */
  isStore?: boolean | undefined
  diagnostics: Diagnostics
  deadline?: Deadline | undefined
  progress?: Progress | undefined
  tidyOnSignal?: TidyOnSignal | undefined
}

const DEFAULT_TIMEOUT_SECONDS = 90
const DEFAULT_SIZE_MAX = 4 * 1024 * 1024 * 1024
/** Of a source file. */
const SOURCE_SIZE_MAX = 16 * 1024 * 1024
/** Not Infinity: settings go to other processes as JSON. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER
/** How long "no server has it" is believed (elfutils: debuginfod-client.c, cache_miss_default_s). */
const MISS_SECONDS = 600
const ATTEMPTS = 2
/** What a file is called while it is fetched. */
const PARTIAL_FILE = /^(executable|debuginfo|source-[0-9a-f]+)\.[0-9a-z]+\.[0-9a-z]+$/
const DISK_ERRORS = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EFBIG', 'EIO'])

/** What the environment says, in the variables of elfutils' client (debuginfod_find_debuginfo(3)). */
export function debuginfodSettings(environment: Environment, urls?: readonly string[]): DebuginfodSettings {
  const limit = (name: string): number | undefined => {
    const value = Number(environment[name] || Number.NaN)
    return Number.isNaN(value) ? undefined : value > 0 ? value : NO_LIMIT
  }
  return {
    urls: urls ?? debuginfodUrls(environment),
    cacheDir: debuginfodCacheDir(environment),
    timeoutSeconds: limit('DEBUGINFOD_TIMEOUT'),
    maxSeconds: limit('DEBUGINFOD_MAXTIME'),
    sizeMax: limit('DEBUGINFOD_MAXSIZE'),
  }
}

/**
 * Where elfutils' client keeps its files, so that both share them (debuginfod_find_debuginfo(3), "CACHE"). Of a home
 * that is not absolute there would be another one in each working directory (XDG Base Directory Specification: it is
 * not valid).
 */
export function debuginfodCacheDir(environment: Environment): string | undefined {
  const {DEBUGINFOD_CACHE_PATH: own, XDG_CACHE_HOME: xdg, HOME: home = ''} = environment
  if (own) return resolve(own)
  const base = xdg ? xdg : join(home, '.cache')
  return isAbsolute(base) ? join(base, 'debuginfod_client') : undefined
}

/** DEBUGINFOD_URLS: separated by blanks. */
export function debuginfodUrls(environment: Environment): string[] {
  return (environment.DEBUGINFOD_URLS ?? '').split(/\s+/).filter(url => /^https?:\/\//.test(url))
}

/** Fetches files by build ID. It never fails an analysis: what it cannot get is undefined, with a diagnostic. */
export class DebuginfodClient {
  readonly #options: DebuginfodOptions
  /** Servers that did not answer are not asked again in this run. */
  readonly #silent = new Set<string>()
  readonly #servers = new Map<string, Promise<Server>>()

  constructor(options: DebuginfodOptions) {
    this.#options = options
  }

  /** Path of the artifact in the cache, fetched if need be. */
  async find(buildId: string, artifact: Artifact): Promise<string | undefined> {
    const sizeMax = this.#options.sizeMax ?? DEFAULT_SIZE_MAX
    const paths = [`buildid/${buildId}/${artifact}`]
    if (this.#options.isStore) paths.push(buildIdName(buildId, artifact))
    return this.#find({buildId, paths, name: artifact, isElf: true, sizeMax})
  }

  /** Path of a source file in the cache, fetched if need be, by its absolute path as the compiler knew it. */
  async findSource(buildId: string, path: string): Promise<string | undefined> {
    if (!isAbsolute(path)) return undefined
    // The server keeps names without `.` and `..` (debuginfod(8), "buildid/BUILDID/source").
    const canonical = normalize(path)
    const paths = [`buildid/${buildId}/source${canonical.split('/').map(encodeURIComponent).join('/')}`]
    const name = `source-${createHash('sha256').update(canonical).digest('hex').slice(0, 32)}`
    return this.#find({buildId, paths, name, isElf: false, sizeMax: SOURCE_SIZE_MAX})
  }

  async #find(wanted: Wanted): Promise<string | undefined> {
    const {buildId} = wanted
    if (!isBuildKey(buildId) || this.#options.urls.length === 0) return undefined
    const {cacheDir} = this.#options
    if (cacheDir === undefined) {
      const message = 'debuginfod: no folder for what is fetched: XDG_CACHE_HOME or else HOME is not an absolute path'
      const hint = 'name a folder with DEBUGINFOD_CACHE_PATH'
      this.#options.diagnostics.add('debuginfod-failed', message, {severity: 'info', hint})
      return undefined
    }
    const directory = join(cacheDir, buildId)
    const path = join(directory, wanted.name)
    const cached = cachedState(path, this.#options.isStore === true)
    if (cached !== 'unknown') return cached === 'held' ? path : undefined
    if (this.#isLate()) return undefined
    try {
      makeFolders(directory, 0o700)
      removeLeftBehind(directory, name => PARTIAL_FILE.test(name))
      return await this.#fetchAny(wanted, path)
    } catch (error) {
      this.#report(cacheDir, error)
      return undefined
    }
  }

  #isLate(): boolean {
    return this.#options.deadline?.isOver('the fetch of files from debuginfod') === true
  }

  async #fetchAny(wanted: Wanted, path: string): Promise<string | undefined> {
    let everyoneSaidNo = true
    for (const url of this.#options.urls) {
      if (this.#silent.has(url)) {
        everyoneSaidNo = false
        continue
      }
      if (this.#isLate()) return undefined
      const outcome = await this.#fetchFrom(url, wanted, path)
      if (outcome === 'held') return path
      if (outcome === 'failed') everyoneSaidNo = false
    }
    if (!everyoneSaidNo) this.#isLate()
    // An empty file is elfutils' way to remember a miss; a server that failed has not said no.
    if (everyoneSaidNo && !this.#options.isStore) writeFileSync(path, '', {mode: 0o600})
    return undefined
  }

  async #fetchFrom(url: string, wanted: Wanted, path: string): Promise<'held' | 'no' | 'failed'> {
    let server: Server
    try {
      server = await this.#server(url)
    } catch (error) {
      return this.#giveUp(url, nameOf(url), error)
    }
    for (const from of wanted.paths) {
      const outcome = await this.#fetchPatiently(url, server, from, wanted, path)
      if (outcome !== 'no') return outcome
    }
    return 'no'
  }

  async #fetchPatiently(
    url: string,
    server: Server,
    from: string,
    wanted: Wanted,
    path: string,
  ): Promise<'held' | 'no' | 'failed'> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#download(server, from, path, wanted)
      } catch (error) {
        if (isOfDisk(error)) throw error
        if (attempt === ATTEMPTS || isFinal(error)) return this.#giveUp(url, `${server.name}/${from}`, error)
      }
    }
  }

  #server(url: string): Promise<Server> {
    const known = this.#servers.get(url) ?? openServer(url)
    this.#servers.set(url, known)
    return known
  }

  #giveUp(url: string, target: string, error: unknown): 'failed' {
    // One file that nobody wants says nothing of the others.
    if (!(error instanceof UnwantedFile)) this.#silent.add(url)
    this.#report(target, error)
    return 'failed'
  }

  async #download(
    server: Server,
    from: string,
    path: string,
    {buildId, isElf, sizeMax}: Wanted,
  ): Promise<'held' | 'no'> {
    const target = `${server.name}/${from}`
    const {timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, maxSeconds = NO_LIMIT, deadline} = this.#options
    const secondsLeft = Math.ceil((deadline?.left ?? Number.POSITIVE_INFINITY) / 1000)
    const patience = new Patience(timeoutSeconds, Math.min(maxSeconds, secondsLeft))
    try {
      this.#options.progress?.(`asking for ${target}`, 0, undefined)
      const response = await fetch(await server.request(from), {signal: patience.signal})
      if (response.status === 404) return 'no'
      if (!response.ok || !response.body) throw new Error(`HTTP status ${response.status}`)
      const size = Number(response.headers.get('x-debuginfod-size') ?? 0)
      const total = size > 0 ? size : Number(response.headers.get('content-length') ?? 0)
      if (total > sizeMax) throw new UnwantedFile(`${total} bytes are more than the limit of ${sizeMax}`)
      // What counts is what comes out: a small encoded body can unpack to anything, and fetch() unpacks it.
      const sent = this.#watch(response.body, target, total, patience)
      const body = boundedBody(isElf ? elfBody(sent) : sent, size > 0 ? size : sizeMax)
      await storeFile(body, path, this.#options.tidyOnSignal, (partial, stored) => {
        if (size > 0 && stored !== size) throw new Error(`${stored} bytes of ${size} were sent`)
        if (isElf) checkBuildId(partial, buildId)
      })
      return 'held'
    } finally {
      patience.end()
    }
  }

  async *#watch(
    body: ReadableStream<Uint8Array>,
    target: string,
    total: number,
    patience: Patience,
  ): AsyncGenerator<Uint8Array> {
    let done = 0
    for await (const chunk of patience.chunks(body)) {
      done += chunk.length
      this.#options.progress?.(`fetching ${target}`, done, total > 0 ? total : undefined)
      yield chunk
    }
  }

  #report(where: string, error: unknown): void {
    const {isStore = false, diagnostics} = this.#options
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''
    const said = `${isStore ? 'symbol store' : 'debuginfod'}: ${messageOf(error)}${cause}`
    const check = isStore ? '--symbols, GOTRACE_SYMBOLS' : 'DEBUGINFOD_URLS'
    diagnostics.add(isStore ? 'symbols-failed' : 'debuginfod-failed', said, {
      severity: isStore ? 'warning' : 'info',
      where,
      hint: isOfDisk(error)
        ? 'make room there, or name another folder with DEBUGINFOD_CACHE_PATH; the report goes on without'
        : error instanceof InputError
          ? error.hint
          : `check ${check} and the network; the report goes on without`,
    })
  }
}

/** What a second request would bring again. */
class UnwantedFile extends Error {}

/** What the disk says, not the server. */
function isOfDisk(error: unknown): boolean {
  return DISK_ERRORS.has((error as NodeJS.ErrnoException).code ?? '')
}

function isFinal(error: unknown): boolean {
  return error instanceof UnwantedFile || (error instanceof Error && error.name === 'TimeoutError')
}

/** @throws InputError where S3 cannot be asked · Error where the text is no URL */
async function openServer(text: string): Promise<Server> {
  if (isS3(text)) {
    const store = await S3Store.open(text, process.env)
    return {name: nameOf(text), request: path => store.request(path)}
  }
  if (!URL.canParse(text)) throw new Error('not a URL')
  const {url, authorization} = withoutLogin(new URL(text))
  const base = url.href.replace(/\/+$/, '')
  return {name: base, request: async path => new Request(`${base}/${path}`, {headers: authorization})}
}

function nameOf(url: string): string {
  return url.replace(/\/+$/, '')
}

/** As long as it is no longer than it may be. */
async function* boundedBody(body: AsyncIterable<Uint8Array>, sizeMax: number): AsyncGenerator<Uint8Array> {
  let done = 0
  for await (const chunk of body) {
    done += chunk.length
    if (done > sizeMax) throw new UnwantedFile(`more than ${sizeMax} bytes were sent`)
    yield chunk
  }
}

/** As long as it begins as an ELF file. */
async function* elfBody(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head = new Uint8Array(0)
  for await (const chunk of body) {
    if (head.length < 4) {
      head = Uint8Array.of(...head, ...chunk.subarray(0, 4 - head.length))
      if (head.length === 4 && !hasElfMagic(head)) throw new UnwantedFile('what was sent is no ELF file')
    }
    yield chunk
  }
}

/** Into a file of its own first: another process may be fetching the same. */
async function storeFile(
  body: AsyncIterable<Uint8Array>,
  path: string,
  tidyOnSignal: TidyOnSignal | undefined,
  check: (partial: string, stored: number) => void,
): Promise<void> {
  const partial = `${path}.${Date.now().toString(36)}.${Math.random().toString(36).slice(2)}`
  const isDone = tidyOnSignal?.(() => rmSync(partial, {force: true}))
  try {
    check(partial, await writeBody(body, partial))
    renameSync(partial, path)
  } catch (error) {
    rmSync(partial, {force: true})
    throw error
  } finally {
    isDone?.()
  }
}

async function writeBody(body: AsyncIterable<Uint8Array>, path: string): Promise<number> {
  const file = await open(path, 'wx', 0o600)
  let done = 0
  try {
    for await (const chunk of body) {
      done += chunk.length
      await file.writeFile(chunk)
    }
    if (done === 0) throw new Error('nothing was sent')
  } finally {
    await file.close()
  }
  return done
}

/** A page of some proxy, or a file that is not the one asked for, must not stay in a cache that others use too. */
function checkBuildId(path: string, buildId: string): void {
  const source = FileSource.open(path)
  try {
    const {buildIds} = ElfFile.open(source, new Diagnostics())
    const [held] = buildKeys(buildIds)
    if (!buildKeys(buildIds).includes(buildId)) {
      throw new UnwantedFile(`a file with ${held ? `build ID ${held}` : 'no build ID'} was sent`)
    }
  } catch (error) {
    throw error instanceof GotraceError ? new UnwantedFile('what was sent is no ELF file', {cause: error}) : error
  } finally {
    source.close()
  }
}

/** held: usable. missed: asked lately, no server had it. unknown: ask. */
function cachedState(path: string, isStore: boolean): 'held' | 'missed' | 'unknown' {
  try {
    const stat = statSync(path)
    if (stat.size > 0) {
      // The cache is cleaned by access time, which most mounts do not keep.
      utimesSync(path, new Date(), stat.mtime)
      return 'held'
    }
    const age = (Date.now() - stat.mtimeMs) / 1000
    if (isStore) return 'unknown'
    if (age < MISS_SECONDS) return 'missed'
    rmSync(path, {force: true})
    return 'unknown'
  } catch {
    return 'unknown'
  }
}
