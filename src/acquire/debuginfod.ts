import {mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync} from 'node:fs'
import {open} from 'node:fs/promises'
import {homedir} from 'node:os'
import {join} from 'node:path'
import type {Diagnostics} from '../base/diagnostics.ts'
import {messageOf} from '../base/errors.ts'
import type {Progress} from './core-input.ts'

export type Artifact = 'executable' | 'debuginfo'

export interface DebuginfodOptions {
  /** Server URLs, in order; none means no lookups. */
  urls: readonly string[]
  cacheDir: string
  diagnostics: Diagnostics
  progress?: Progress | undefined
  /** Seconds without any data after which a server is given up (DEBUGINFOD_TIMEOUT's meaning). */
  timeoutSeconds?: number | undefined
  /** Larger files are not fetched. */
  sizeMax?: number | undefined
}

const DEFAULT_TIMEOUT_SECONDS = 90
const DEFAULT_SIZE_MAX = 4 * 1024 * 1024 * 1024
/** How long "no server has it" is believed (elfutils: debuginfod-client.c, cache_miss_default_s). */
const MISS_SECONDS = 600
const ATTEMPTS = 2
/** A build ID goes into paths and URLs: nothing but whole bytes in hex. */
const BUILD_ID = /^(?:[0-9a-f]{2}){2,64}$/

/** Where elfutils' client keeps its files, so that both share them (debuginfod_find_debuginfo(3), "CACHE"). */
export function debuginfodCacheDir(environment: Readonly<Record<string, string | undefined>>): string {
  const {DEBUGINFOD_CACHE_PATH: own, XDG_CACHE_HOME: xdg, HOME: home} = environment
  if (own) return own
  if (xdg) return join(xdg, 'debuginfod_client')
  return join(home ?? homedir(), '.cache', 'debuginfod_client')
}

/** DEBUGINFOD_URLS: separated by blanks. */
export function debuginfodUrls(environment: Readonly<Record<string, string | undefined>>): string[] {
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
    const directory = join(this.#options.cacheDir, buildId)
    const path = join(directory, artifact)
    const cached = cachedState(path)
    if (cached !== 'unknown') return cached === 'held' ? path : undefined
    try {
      mkdirSync(directory, {recursive: true, mode: 0o700})
      return await this.#fetchAny(buildId, artifact, path)
    } catch (error) {
      this.#report(this.#options.cacheDir, error)
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
    const target = `${url.replace(/\/+$/, '')}/buildid/${buildId}/${artifact}`
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#download(target, path)
      } catch (error) {
        if (attempt < ATTEMPTS && !isTimeout(error)) continue
        this.#silent.add(url)
        this.#report(target, error)
        return 'failed'
      }
    }
  }

  async #download(target: string, path: string): Promise<'held' | 'no' | 'failed'> {
    const stop = new AbortController()
    const seconds = this.#options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS
    const abort = (): void => stop.abort(new DOMException(`no data for ${seconds} s`, 'TimeoutError'))
    let timer = setTimeout(abort, seconds * 1000)
    try {
      const response = await fetch(target, {signal: stop.signal, redirect: 'follow'})
      if (response.status === 404) return 'no'
      if (!response.ok || !response.body) throw new Error(`HTTP status ${response.status}`)
      const total = Number(response.headers.get('content-length') ?? response.headers.get('x-debuginfod-size') ?? 0)
      const sizeMax = this.#options.sizeMax ?? DEFAULT_SIZE_MAX
      if (total > sizeMax) throw new Error(`${total} bytes are more than the limit of ${sizeMax}`)
      await this.#store(response.body, path, target, total, sizeMax, () => {
        clearTimeout(timer)
        timer = setTimeout(abort, seconds * 1000)
      })
      return 'held'
    } finally {
      clearTimeout(timer)
      stop.abort()
    }
  }

  /** Into a file of its own first: another process may be fetching the same. */
  async #store(
    body: AsyncIterable<Uint8Array>,
    path: string,
    target: string,
    total: number,
    sizeMax: number,
    onData: () => void,
  ): Promise<void> {
    const partial = `${path}.${Date.now().toString(36)}.${Math.random().toString(36).slice(2)}`
    const file = await open(partial, 'wx', 0o600)
    let done = 0
    try {
      for await (const chunk of body) {
        onData()
        done += chunk.length
        if (done > sizeMax) throw new Error(`more than the limit of ${sizeMax} bytes`)
        await file.writeFile(chunk)
        this.#options.progress?.(`fetching ${target}`, done, total > 0 ? total : undefined)
      }
      if (done === 0) throw new Error('the server sent nothing')
      await file.close()
      renameSync(partial, path)
    } catch (error) {
      await file.close().catch(() => undefined)
      rmSync(partial, {force: true})
      throw error
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

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
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
