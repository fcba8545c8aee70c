import {isAbsolute, join, normalize} from 'node:path'
import {InputError} from '../base/errors.ts'
import {pathStats} from '../base/path-stats.ts'
import type {SourceReport, SourceRequest} from '../report/core-report.ts'
import {requireFolder, type SearchPlaces} from './search-places.ts'

export type SourceOrigin = NonNullable<SourceReport['origin']>

/** A file that may be the source. */
export interface SourceCandidate {
  readonly path: string
  readonly origin: SourceOrigin
  /** Of the standard library: the folder of the Go release that it lies in. */
  readonly goroot?: string
}

/** A name that the compiler wrote down, with what is known of it. */
type SourceName = Pick<SourceRequest, 'file' | 'standard' | 'goVersion'>

/** Folders of a Go installation of this machine: plain data. */
export interface GoFolders {
  /** GOROOT, where it is set. */
  readonly goroot: string | undefined
  readonly moduleCaches: readonly string[]
  /** Where `go install golang.org/dl/…` puts releases. */
  readonly releases: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** By the variables that the go command reads (`go help environment`). */
export function goFolders({GOROOT, GOMODCACHE, GOPATH, HOME}: Environment): GoFolders {
  const home = HOME && isAbsolute(HOME) ? HOME : undefined
  const ownPath = home === undefined ? [] : [join(home, 'go')]
  const paths = GOPATH ? GOPATH.split(':').filter(path => isAbsolute(path)) : ownPath
  const cache = GOMODCACHE && isAbsolute(GOMODCACHE) ? [GOMODCACHE] : paths.map(path => join(path, 'pkg/mod'))
  return {
    goroot: GOROOT && isAbsolute(GOROOT) ? GOROOT : undefined,
    moduleCaches: cache,
    releases: home && join(home, 'sdk'),
  }
}

/** Where `/build` was when the program was made, and where that folder is now; or a folder to search. */
interface SourceFolder {
  readonly from: string | undefined
  readonly to: string
}

/** A version in the name of a folder of the module cache (`go help mod cache`). */
const VERSIONED = /(?:^|\/)[^/]+@v[^/]+\//

/** cgo's name for the folder of a package under -trimpath: C knows paths alone (cmd/go, internal/work/exec.go). */
const TRIMMED = /^\/_\//

/** Which files may be the source of a name. */
export class SourcePlaces {
  readonly #places: SearchPlaces
  readonly #go: GoFolders
  readonly #folders: readonly SourceFolder[]

  /**
   * @param folders `FROM=TO` or a folder each, as a user gives them
   * @throws InputError where a folder is none
   */
  constructor(places: SearchPlaces, go: GoFolders, folders: readonly string[]) {
    this.#places = places
    this.#go = go
    this.#folders = folders.map(parseFolder)
  }

  /** The likeliest first. */
  *candidates({file, ...release}: SourceName): Generator<SourceCandidate> {
    const name = {file: file.replace(TRIMMED, ''), ...release}
    yield* this.#mapped(name)
    yield* this.#recorded(name)
    if (this.#places.host) {
      yield* this.#standard(name)
      yield* this.#cached(name)
    }
    yield* this.#searched(name)
  }

  *#mapped({file}: SourceName): Generator<SourceCandidate> {
    for (const {from, to} of this.#folders) {
      const rest = from === undefined ? undefined : restBelow(from, file)
      if (rest !== undefined) yield {path: join(to, join('/', rest)), origin: 'source-dir'}
    }
  }

  *#recorded({file, standard}: SourceName): Generator<SourceCandidate> {
    if (!isAbsolute(file)) return
    const tail = standard === undefined ? '' : `/src/${standard}`
    for (const machine of this.#places.machines) {
      const path = machine.locate(normalize(file))
      if (path === undefined) continue
      const isBelow = tail !== '' && path.endsWith(tail)
      yield {path, origin: 'path', ...(isBelow && {goroot: path.slice(0, -tail.length)})}
    }
  }

  /** A release of Go lies where GOROOT says, where it was downloaded to, or where packages put it. */
  *#standard({standard, goVersion}: SourceName): Generator<SourceCandidate> {
    if (standard === undefined) return
    const {goroot, moduleCaches, releases} = this.#go
    const roots = goroot === undefined ? [] : [goroot]
    if (goVersion !== undefined) {
      for (const cache of moduleCaches) {
        roots.push(join(cache, `golang.org/toolchain@v0.0.1-${goVersion}.linux-amd64`))
      }
      if (releases !== undefined) roots.push(join(releases, goVersion))
      const series = /^go(1\.\d+)/.exec(goVersion)?.[1]
      if (series !== undefined) roots.push(`/usr/lib/go-${series}`)
    }
    for (const root of [...roots, '/usr/local/go', '/usr/lib/go', '/usr/lib/golang']) {
      yield {path: join(root, 'src', join('/', standard)), origin: 'goroot', goroot: root}
    }
  }

  /** `example.org/module@v1.2.3/file.go`, as -trimpath writes it, or the end of an absolute path. */
  *#cached({file}: SourceName): Generator<SourceCandidate> {
    if (!VERSIONED.test(file)) return
    for (const tail of tailsOf(file)) {
      if (!VERSIONED.test(tail)) return
      for (const cache of this.#go.moduleCaches) {
        yield {path: join(cache, join('/', escapeModule(tail))), origin: 'module-cache'}
      }
    }
  }

  /** The longest end of the name that a folder has. */
  *#searched({file}: SourceName): Generator<SourceCandidate> {
    for (const {from, to} of this.#folders) {
      if (from !== undefined) continue
      for (const tail of tailsOf(file)) yield {path: join(to, join('/', tail)), origin: 'source-dir'}
    }
  }
}

/** @throws InputError */
function parseFolder(text: string): SourceFolder {
  const at = text.indexOf('=')
  const isWhole = at < 0 || pathStats(text)?.isDirectory() === true
  const [from, to] = isWhole ? [undefined, text] : [text.slice(0, at), text.slice(at + 1)]
  if (from === '') {
    throw new InputError(
      'bad-argument',
      `--source-dir ${text}: nothing stands before the =`,
      'write FROM=TO, or a folder',
    )
  }
  requireFolder(to, '--source-dir')
  return {from, to}
}

/** The part of a path below a folder. */
function restBelow(folder: string, path: string): string | undefined {
  const prefix = folder.endsWith('/') ? folder : `${folder}/`
  return path.startsWith(prefix) ? path.slice(prefix.length) : undefined
}

/** `a/b/c`, `b/c`, `c`. */
function* tailsOf(path: string): Generator<string> {
  const parts = normalize(path)
    .split('/')
    .filter(part => part !== '' && part !== '.' && part !== '..')
  for (let first = 0; first < parts.length; first++) yield parts.slice(first).join('/')
}

/** The module cache writes capitals as `!c` (golang.org/x/mod/module, EscapePath); paths on disk have that already. */
function escapeModule(path: string): string {
  const end = path.indexOf('/', path.indexOf('@v'))
  return path.slice(0, end).replace(/[A-Z]/g, letter => `!${letter.toLowerCase()}`) + path.slice(end)
}
