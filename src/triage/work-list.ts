import {closeSync, type Dirent, readdirSync, type Stats, statSync} from 'node:fs'
import {join, resolve} from 'node:path'
import {detectCompression} from '../acquire/core-input.ts'
import {InputError} from '../base/errors.ts'
import {openFailed, openRegularFile, readRegularFile, requireRegular} from '../base/regular-file.ts'
import {CORE_HEAD_SIZE, isCoreHead} from '../elf/core-file.ts'
import {type GlobSegment, hasGlobCharacters, parseGlob} from './glob.ts'

/** A file to analyse. */
export interface WorkItem {
  /** Absolute. */
  readonly path: string
  readonly size: number | null
  /** ISO 8601, UTC. */
  readonly mtime: string | null
  /** Packed and not named by the user: whether it holds a core is seen only when it is unpacked. */
  readonly uncertain: boolean
  /** Why it cannot even be looked at. */
  readonly error: InputError | undefined
}

/** Folders within folders, at most: a file system that is deeper is a loop of mounts. */
const DEPTH_MAX = 100

/**
 * The cores that the paths stand for, each once. A file that is named is taken for a core whatever it is; in folders and
 * behind patterns only what begins as a core does, and what is packed. Folders are read in the order of their names;
 * links to folders are followed only where they are named.
 */
export function* listWork(paths: readonly string[]): Generator<WorkItem> {
  const seen = new Set<string>()
  for (const path of paths) {
    for (const item of itemsOf(path)) {
      if (seen.has(item.path)) continue
      seen.add(item.path)
      yield item
    }
  }
}

function* itemsOf(path: string): Generator<WorkItem> {
  const absolute = resolve(path)
  const stat = statOrError(absolute)
  if (!(stat instanceof InputError)) {
    if (stat.isDirectory()) yield* itemsBelow(absolute, 0)
    else yield namedFile(absolute, stat)
    return
  }
  if (!hasGlobCharacters(path)) {
    yield failed(absolute, stat)
    return
  }
  const {base, segments} = parseGlob(path)
  for (const match of matchesBelow(resolve(base), segments, 0)) yield* foundItems(match, 0)
}

function namedFile(path: string, stat: Stats): WorkItem {
  try {
    requireRegular(stat, path)
    return itemOf(path, stat, false)
  } catch (error) {
    return failed(path, error as InputError)
  }
}

function* itemsBelow(directory: string, depth: number): Generator<WorkItem> {
  const entries = readEntries(directory)
  if (entries instanceof InputError) {
    yield failed(directory, entries)
    return
  }
  for (const entry of entries) {
    const path = join(directory, entry.name)
    if (entry.isDirectory() && depth < DEPTH_MAX) yield* itemsBelow(path, depth + 1)
    else if (entry.isFile() || entry.isSymbolicLink()) yield* foundFile(path)
  }
}

function* foundItems(path: string, depth: number): Generator<WorkItem> {
  const stat = statOrError(path)
  if (!(stat instanceof InputError) && stat.isDirectory()) yield* itemsBelow(path, depth)
  else yield* foundFile(path)
}

/** A file nobody named: a core by its first bytes, or perhaps one when it is packed. */
function* foundFile(path: string): Generator<WorkItem> {
  const stat = statOrError(path)
  // A link to nowhere, or a file that has gone since its folder was read.
  if (stat instanceof InputError) {
    if (stat.code !== 'not-found') yield failed(path, stat)
    return
  }
  if (!stat.isFile() || stat.size < CORE_HEAD_SIZE) return
  const head = readHead(path)
  if (head instanceof InputError) yield {...itemOf(path, stat, false), error: head}
  else if (isCoreHead(head)) yield itemOf(path, stat, false)
  else if (!['none', 'bzip2'].includes(detectCompression(head))) yield itemOf(path, stat, true)
}

function* matchesBelow(directory: string, segments: readonly GlobSegment[], depth: number): Generator<string> {
  const [first, ...rest] = segments
  if (first === undefined || depth > DEPTH_MAX) return
  if (first === '**') {
    yield* matchesAnywhereBelow(directory, rest, depth)
    return
  }
  const entries = readEntries(directory)
  if (entries instanceof InputError) return
  for (const {name} of entries) {
    const path = join(directory, name)
    if (first.test(name)) yield* rest.length === 0 ? [path] : matchesBelow(path, rest, depth + 1)
  }
}

/** `**`: the folder itself, and where more is to follow, what matches in it and in every folder below that is not hidden. */
function* matchesAnywhereBelow(directory: string, rest: readonly GlobSegment[], depth: number): Generator<string> {
  if (rest.length === 0) {
    yield directory
    return
  }
  if (depth > DEPTH_MAX) return
  yield* matchesBelow(directory, rest, depth)
  const entries = readEntries(directory)
  if (entries instanceof InputError) return
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue
    yield* matchesAnywhereBelow(join(directory, entry.name), rest, depth + 1)
  }
}

function itemOf(path: string, stat: Stats, uncertain: boolean): WorkItem {
  return {path, size: stat.size, mtime: new Date(Math.floor(stat.mtimeMs)).toISOString(), uncertain, error: undefined}
}

function failed(path: string, error: InputError): WorkItem {
  return {path, size: null, mtime: null, uncertain: false, error}
}

function statOrError(path: string): Stats | InputError {
  try {
    return statSync(path)
  } catch (error) {
    return openFailed(path, error)
  }
}

function readEntries(directory: string): Dirent[] | InputError {
  try {
    const entries = readdirSync(directory, {withFileTypes: true})
    return entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  } catch (error) {
    return openFailed(directory, error)
  }
}

function readHead(path: string): Uint8Array | InputError {
  let fd: number | undefined
  try {
    fd = openRegularFile(path).fd
    const head = new Uint8Array(CORE_HEAD_SIZE)
    return head.subarray(0, readRegularFile(fd, head, 0, path))
  } catch (error) {
    if (error instanceof InputError) return error
    throw error
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
