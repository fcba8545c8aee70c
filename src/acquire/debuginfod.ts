import {existsSync, mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync} from 'node:fs'
import {open} from 'node:fs/promises'
import {dirname, isAbsolute, join, resolve} from 'node:path'
import {FileSource} from '../base/byte-source.ts'
import {Diagnostics} from '../base/diagnostics.ts'
import {GotraceError, messageOf} from '../base/errors.ts'
import {ElfFile} from '../elf/elf-file.ts'
import type {Progress} from './core-input.ts'

export type Artifact = 'executable' | 'debuginfo'

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

export interface DebuginfodOptions extends DebuginfodSettings {
  diagnostics: Diagnostics
  progress?: Progress | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

const DEFAULT_TIMEOUT_SECONDS = 90
/** What a server must send within the timeout (debuginfod_find_debuginfo(3), DEBUGINFOD_TIMEOUT). */
const BYTES_PER_TIMEOUT = 100_000
const DEFAULT_SIZE_MAX = 4 * 1024 * 1024 * 1024
/** Not Infinity: settings go to other processes as JSON. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER
/** The longest that a timer of Node's can wait. */
const TIMER_SECONDS_MAX = 2_147_483
/** How long "no server has it" is believed (elfutils: debuginfod-client.c, cache_miss_default_s). */
const MISS_SECONDS = 600
const ATTEMPTS = 2
/** A build ID goes into paths and URLs: nothing but whole bytes in hex. */
const BUILD_ID = /^(?:[0-9a-f]{2}){2,64}$/

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
 * Where elfutils' client keeps its files, so that both share them (debuginfod_find_debuginfo(3), "CACHE"). Of a home that is
 * not absolute there would be another one in each working directory (XDG Base Directory Specification: it is not valid).
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

  constructor(options: DebuginfodOptions) {
    this.#options = options
  }

  /** Path of the artifact in the cache, fetched if need be. */
  async find(buildId: string, artifact: Artifact): Promise<string | undefined> {
    if (!BUILD_ID.test(buildId) || this.#options.urls.length === 0) return undefined
    const {cacheDir} = this.#options
    if (cacheDir === undefined) {
      const message = 'debuginfod: no folder for what is fetched: XDG_CACHE_HOME or else HOME is not an absolute path'
      const hint = 'name a folder with DEBUGINFOD_CACHE_PATH'
      this.#options.diagnostics.add('debuginfod-failed', message, {severity: 'info', hint})
      return undefined
    }
    const directory = join(cacheDir, buildId)
    const path = join(directory, artifact)
    const cached = cachedState(path)
    if (cached !== 'unknown') return cached === 'held' ? path : undefined
    try {
      makeDirectory(directory)
      return await this.#fetchAny(buildId, artifact, path)
    } catch (error) {
      this.#report(cacheDir, error)
      return undefined
    }
  }

  async #fetchAny(buildId: string, artifact: Artifact, path: string): Promise<string | undefined> {
    let everyoneSaidNo = true
    for (const url of this.#options.urls) {
      if (this.#silent.has(url)) {
        everyoneSaidNo = false
        continue
      }
      const outcome = await this.#fetchFrom(url, buildId, artifact, path)
      if (outcome === 'held') return path
      if (outcome === 'failed') everyoneSaidNo = false
    }
    // An empty file is elfutils' way to remember a miss; a server that failed has not said no.
    if (everyoneSaidNo) writeFileSync(path, '', {mode: 0o600})
    return undefined
  }

  async #fetchFrom(url: string, buildId: string, artifact: Artifact, path: string): Promise<'held' | 'no' | 'failed'> {
    const server = parseServer(url)
    const target = `${server?.url ?? url}/buildid/${buildId}/${artifact}`
    for (let attempt = 1; ; attempt++) {
      try {
        if (!server) throw new Error('not a URL')
        return await this.#download(target, server.headers, path, buildId)
      } catch (error) {
        if (attempt < ATTEMPTS && server && !isFinal(error)) continue
        // one file that nobody wants says nothing of the others
        if (!(error instanceof UnwantedFile)) this.#silent.add(url)
        this.#report(target, error)
        return 'failed'
      }
    }
  }

  async #download(
    target: string,
    headers: Readonly<Record<string, string>>,
    path: string,
    buildId: string,
  ): Promise<'held' | 'no'> {
    const {timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, maxSeconds = NO_LIMIT} = this.#options
    const patience = new Patience(timeoutSeconds, maxSeconds)
    try {
      this.#options.progress?.(`asking for ${target}`, 0, undefined)
      const response = await fetch(target, {signal: patience.signal, redirect: 'follow', headers})
      if (response.status === 404) return 'no'
      if (!response.ok || !response.body) throw new Error(`HTTP status ${response.status}`)
      const size = Number(response.headers.get('x-debuginfod-size') ?? 0)
      const total = size > 0 ? size : Number(response.headers.get('content-length') ?? 0)
      const sizeMax = this.#options.sizeMax ?? DEFAULT_SIZE_MAX
      if (total > sizeMax) throw new UnwantedFile(`${total} bytes are more than the limit of ${sizeMax}`)
      const body = this.#watch(response.body, target, total, patience)
      await storeFile(body, path, sizeMax, (partial, stored) => {
        if (size > 0 && stored !== size) throw new Error(`${stored} bytes of ${size} were sent`)
        checkBuildId(partial, buildId)
      })
      return 'held'
    } finally {
      patience.end()
    }
  }

  async *#watch(
    body: AsyncIterable<Uint8Array>,
    target: string,
    total: number,
    patience: Patience,
  ): AsyncGenerator<Uint8Array> {
    let done = 0
    for await (const chunk of body) {
      done += chunk.length
      patience.received(chunk.length)
      this.#options.progress?.(`fetching ${target}`, done, total > 0 ? total : undefined)
      yield chunk
    }
  }

  #report(where: string, error: unknown): void {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''
    this.#options.diagnostics.add('debuginfod-failed', `debuginfod: ${messageOf(error)}${cause}`, {
      severity: 'info',
      where,
      hint: 'check DEBUGINFOD_URLS and the network; the report goes on without',
    })
  }
}

/** What a second request would bring again. */
class UnwantedFile extends Error {}

function isFinal(error: unknown): boolean {
  return error instanceof UnwantedFile || (error instanceof Error && error.name === 'TimeoutError')
}

/** Gives a server up that does not send enough within a time, or takes too long for a whole file. */
class Patience {
  readonly #stop = new AbortController()
  readonly #timeoutSeconds: number
  readonly #whole: NodeJS.Timeout
  #idle: NodeJS.Timeout
  #received = 0

  constructor(timeoutSeconds: number, maxSeconds: number) {
    this.#timeoutSeconds = timeoutSeconds
    this.#idle = this.#abortAfter(timeoutSeconds, 'too little data in')
    this.#whole = this.#abortAfter(maxSeconds, 'not done after')
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  received(bytes: number): void {
    this.#received += bytes
    if (this.#received < BYTES_PER_TIMEOUT) return
    this.#received = 0
    clearTimeout(this.#idle)
    this.#idle = this.#abortAfter(this.#timeoutSeconds, 'too little data in')
  }

  end(): void {
    clearTimeout(this.#idle)
    clearTimeout(this.#whole)
    this.#stop.abort()
  }

  #abortAfter(seconds: number, reason: string): NodeJS.Timeout {
    const abort = (): void => this.#stop.abort(new DOMException(`${reason} ${seconds} s`, 'TimeoutError'))
    return setTimeout(abort, Math.min(seconds, TIMER_SECONDS_MAX) * 1000)
  }
}

/** The URL without a slash at its end and without the user's name and password, which go into a header of their own. */
function parseServer(text: string): {url: string; headers: Record<string, string>} | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  const {username, password} = url
  url.username = ''
  url.password = ''
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')
  return {
    url: url.href.replace(/\/+$/, ''),
    headers: username === '' && password === '' ? {} : {authorization: `Basic ${login}`},
  }
}

/** Node's own way to make the parents too never ends where a parent is there and mkdir still says ENOENT, as in /proc. */
function makeDirectory(path: string): void {
  const make = (): void => {
    mkdirSync(path, {mode: 0o700})
  }
  try {
    make()
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error
    makeDirectory(dirname(path))
    make()
  }
}

/** Into a file of its own first: another process may be fetching the same. */
async function storeFile(
  body: AsyncIterable<Uint8Array>,
  path: string,
  sizeMax: number,
  check: (partial: string, stored: number) => void,
): Promise<void> {
  const partial = `${path}.${Date.now().toString(36)}.${Math.random().toString(36).slice(2)}`
  const file = await open(partial, 'wx', 0o600)
  let done = 0
  try {
    for await (const chunk of body) {
      done += chunk.length
      if (done > sizeMax) throw new UnwantedFile(`more than the limit of ${sizeMax} bytes`)
      await file.writeFile(chunk)
    }
    if (done === 0) throw new Error('nothing was sent')
    await file.close()
    check(partial, done)
    renameSync(partial, path)
  } catch (error) {
    await file.close().catch(() => undefined)
    rmSync(partial, {force: true})
    throw error
  }
}

/** A page of some proxy, or a file that is not the one asked for, must not stay in a cache that others use too. */
function checkBuildId(path: string, buildId: string): void {
  const source = FileSource.open(path)
  try {
    const {buildId: held} = ElfFile.open(source, new Diagnostics())
    if (held !== buildId) throw new UnwantedFile(`a file with ${held ? `build ID ${held}` : 'no build ID'} was sent`)
  } catch (error) {
    throw error instanceof GotraceError ? new UnwantedFile('what was sent is no ELF file', {cause: error}) : error
  } finally {
    source.close()
  }
}

/** held: usable. missed: asked lately, no server had it. unknown: ask. */
function cachedState(path: string): 'held' | 'missed' | 'unknown' {
  try {
    const stat = statSync(path)
    if (stat.size > 0) {
      // The cache is cleaned by access time, which most mounts do not keep.
      utimesSync(path, new Date(), stat.mtime)
      return 'held'
    }
    const age = (Date.now() - stat.mtimeMs) / 1000
    if (age < MISS_SECONDS) return 'missed'
    rmSync(path, {force: true})
    return 'unknown'
  } catch {
    return 'unknown'
  }
}
