import {dirname, join} from 'node:path'
import {FileSource} from '../base/byte-source.ts'
import {Diagnostics} from '../base/diagnostics.ts'
import {InputError} from '../base/errors.ts'
import {isThere} from '../base/file-head.ts'
import type {BuildIds} from '../elf/build-id.ts'
import {ARTIFACT_NAMES, type Artifact} from '../report/vocabulary.ts'
import {hasKey} from './build-file.ts'
import {buildKeys, isBuildKey} from './build-key.ts'
import {FolderStore} from './folder-store.ts'
import {type OpenProcessOptions, openProcess} from './open-process.ts'
import {isRemote} from './remote-file.ts'
import {SymbolServers} from './symbol-servers.ts'

/** What became of one file that is wanted. */
export interface Pulled {
  readonly state: 'stored' | 'held' | 'missing'
  readonly key: string
  /** null: neither code nor debug information was found. */
  readonly artifact: Artifact | null
  /** Where it is now; null: it is missing. */
  readonly path: string | null
  /** The file of the process, as that knew it; null: the ID was given. */
  readonly module: string | null
}

interface Wanted {
  readonly ids: BuildIds
  readonly module: string | null
}

/** Four parts with slashes between them (cmd/go/internal/work/buildid.go). */
const GO_BUILD_ID = /^[\w-]+(?:\/[\w-]+){1,3}$/

/**
 * Copies files from stores and servers into a folder that is a store then: those of the processes of cores, and those
 * of build IDs, GNU's or Go's.
 * @throws InputError where a word is neither a core nor a build ID, or the folder cannot be written
 */
export async function* pullSymbols(
  words: readonly string[],
  folder: string,
  options: OpenProcessOptions,
): AsyncGenerator<Pulled> {
  const store = new FolderStore(folder)
  // What is fetched lies at its place then, checked: the cache of debuginfod is laid out as a store is.
  const fetched = {...options.debuginfod, urls: options.debuginfod?.urls ?? [], cacheDir: join(folder, 'buildid')}
  const servers = SymbolServers.of({...options, ...fetched, stores: options.symbols ?? []})
  if (!servers) throw new InputError('bad-argument', 'no symbol store', 'name one with --symbols or GOTRACE_SYMBOLS')
  for (const word of words) {
    for (const wanted of await wantedBy(word, options)) {
      if (options.deadline?.isOver('the fetch of files from symbol stores')) return
      yield* pull(wanted, store, servers)
    }
  }
}

async function wantedBy(word: string, options: OpenProcessOptions): Promise<Wanted[]> {
  if (isRemote(word) || isThere(word)) return modulesOf(word, options)
  const id = word.toLowerCase()
  if (isBuildKey(id)) return [{ids: {gnu: id, go: undefined}, module: null}]
  if (GO_BUILD_ID.test(word)) return [{ids: {gnu: undefined, go: word}, module: null}]
  throw new InputError('not-found', `${word}: no such file, and no build ID`, 'name a core, or build IDs')
}

/** The files of a process, each build once. */
async function modulesOf(core: string, options: OpenProcessOptions): Promise<Wanted[]> {
  // What is not at hand is what is wanted: nothing to be told.
  const diagnostics = new Diagnostics()
  const process = await openProcess(core, {...options, diagnostics, symbols: [], debuginfod: undefined})
  try {
    const byKey = new Map<string, Wanted>()
    for (const {path, buildId: gnu, goBuildId: go} of process.modules) {
      const [key] = buildKeys({gnu, go})
      if (key !== undefined && path !== '[vdso]') byKey.set(key, {ids: {gnu, go}, module: path})
    }
    return [...byKey.values()]
  } finally {
    process.close()
  }
}

async function* pull({ids, module}: Wanted, store: FolderStore, servers: SymbolServers): AsyncGenerator<Pulled> {
  let isMissing = true
  for (const artifact of ARTIFACT_NAMES) {
    const found = heldIn(store, ids, artifact) ?? (await fetchInto(store, ids, artifact, servers))
    if (!found) continue
    isMissing = false
    yield {...found, artifact, module}
  }
  const [key = ''] = buildKeys(ids)
  if (isMissing) yield {state: 'missing', key, artifact: null, path: null, module}
}

type Found = Pick<Pulled, 'state' | 'key' | 'path'>

function heldIn(store: FolderStore, ids: BuildIds, artifact: Artifact): Found | undefined {
  for (const key of buildKeys(ids)) {
    const path = store.locate(key, artifact)
    if (path !== undefined && hasKey(path, key)) return {state: 'held', key, path}
  }
  return undefined
}

async function fetchInto(
  store: FolderStore,
  ids: BuildIds,
  artifact: Artifact,
  servers: SymbolServers,
): Promise<Found | undefined> {
  const path = await servers.find(ids, artifact)
  if (path === undefined) return undefined
  const key = buildKeys(ids).find(each => dirname(path) === store.folderOf(each))
  if (key !== undefined) {
    store.link(key)
    return {state: 'stored', key, path}
  }
  return copyInto(store, ids, artifact, path)
}

/** Out of another folder. */
async function copyInto(store: FolderStore, ids: BuildIds, artifact: Artifact, from: string): Promise<Found> {
  const key = buildKeys(ids).find(each => hasKey(from, each)) ?? ''
  const source = FileSource.open(from)
  try {
    let state: Found['state'] = 'held'
    for await (const kept of store.keep(source, [{key, artifact}])) state = kept
    return {state, key, path: join(store.folderOf(key), artifact)}
  } finally {
    source.close()
  }
}
