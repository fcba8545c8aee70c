import {closeSync, type Dirent, readdirSync, type Stats, statSync} from 'node:fs'
import {basename, join, resolve} from 'node:path'
import {detectPacking, isUnpacked} from '../acquire/core-input.ts'
import {isPackageHead} from '../acquire/package-manifest.ts'
import {isRemote} from '../acquire/remote-file.ts'
import {InputError} from '../base/errors.ts'
import {openFailed, openRegularFile, readRegularFile, requireRegular} from '../base/regular-file.ts'
import {CORE_HEAD_SIZE, isCoreHead} from '../elf/core-file.ts'
import {type GlobSegment, hasGlobCharacters, parseGlob} from './glob.ts'

/** A file to analyse. */
export interface WorkItem {
  /** Absolute, or an address. */
  readonly path: string
  readonly size: number | null
  /** ISO 8601, UTC. */
  readonly mtime: string | null
  /** Packed and not named by the user: whether it holds a core is seen only when it is unpacked. */
  readonly uncertain: boolean
  /** How often it was analysed, with this time. */
  readonly attempt: number
  /** Why it cannot even be looked at. */
  readonly error: InputError | undefined
}

/** What else lies in folders and behind patterns: nothing is passed over in silence. */
export type PassedOver = (typeof PASSED_OVER)[number]
export const PASSED_OVER = [
  'no core',
  'too short',
  'packed, no core',
  'packed, not read',
  'no file',
  'dead link',
  'linked folder',
] as const

/** Folders within folders, at most: a file system that is deeper is a loop of mounts. */
const DEPTH_MAX = 100
/** As core(5), systemd and those who pack them by hand name them. */
const CORE_NAME = /core|crash|dump/i

/**
 * The cores that the paths stand for, each once. A file that is named is taken for a core whatever it is; in folders
 * and behind patterns only what begins as a core does, and what is packed. Folders are read in the order of their
 * names; links to folders are followed only where they are named.
 * @throws InputError where a path is empty
 */
export function* listWork(paths: readonly string[]): Generator<WorkItem | PassedOver> {
  // To path.resolve it would be the folder that one is in.
  if (paths.includes('')) throw new InputError('bad-argument', 'the name of a path is empty', 'name a core or a folder')
  const seen = new Set<string>()
  for (const path of paths) {
    for (const item of itemsOf(path)) {
      if (typeof item !== 'string') {
        if (seen.has(item.path)) continue
        seen.add(item.path)
      }
      yield item
    }
  }
}

function* itemsOf(path: string): Generator<WorkItem | PassedOver> {
  if (isRemote(path)) {
    yield {path, size: null, mtime: null, uncertain: false, attempt: 1, error: undefined}
    return
  }
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
  let isEmpty = true
  for (const match of matchesBelow(resolve(base), segments, 0)) {
    isEmpty = false
    yield* foundItems(match, 0)
  }
  if (isEmpty) yield failed(absolute, matchesNothing(path))
}

function matchesNothing(pattern: string): InputError {
  return new InputError(
    'not-found',
    `${pattern}: the pattern matches nothing`,
    'check it, and that the shell left it alone',
  )
}

function namedFile(path: string, stat: Stats): WorkItem {
  try {
    requireRegular(stat, path)
    return itemOf(path, stat, false)
  } catch (error) {
    return failed(path, error as InputError)
  }
}

function* itemsBelow(directory: string, depth: number): Generator<WorkItem | PassedOver> {
  const entries = readEntries(directory)
  if (entries instanceof InputError) {
    yield failed(directory, entries)
    return
  }
  for (const entry of entries) {
    const path = join(directory, entry.name)
    if (!entry.isDirectory()) yield* foundFile(path)
    else if (depth < DEPTH_MAX) yield* itemsBelow(path, depth + 1)
    else yield failed(path, new InputError('unreadable', `${path}: too many folders deep`, 'name a folder in it'))
  }
}

function* foundItems(path: string, depth: number): Generator<WorkItem | PassedOver> {
  const stat = statOrError(path)
  if (!(stat instanceof InputError) && stat.isDirectory()) yield* itemsBelow(path, depth)
  else yield* foundFile(path)
}

/** A file nobody named: a core by its first bytes, or perhaps one when it is packed. */
function* foundFile(path: string): Generator<WorkItem | PassedOver> {
  const stat = statOrError(path)
  if (stat instanceof InputError) {
    // A link to nowhere, or a file that has gone since its folder was read.
    if (stat.code === 'not-found') yield 'dead link'
    else yield failed(path, stat)
  } else if (stat.isDirectory()) yield 'linked folder'
  else if (!stat.isFile()) yield 'no file'
  else if (stat.size < CORE_HEAD_SIZE) yield 'too short'
  else yield readFound(path, stat)
}

function readFound(path: string, stat: Stats): WorkItem | PassedOver {
  const head = readHead(path)
  if (head instanceof InputError) return {...itemOf(path, stat, false), error: head}
  if (isCoreHead(head) || isPackageHead(head)) return itemOf(path, stat, false)
  const packing = detectPacking(head)
  if (packing === 'none') return 'no core'
  if (isUnpacked(packing)) return itemOf(path, stat, true)
  // What it holds cannot be seen. One that is called a core has a line that says how to unpack it.
  return CORE_NAME.test(basename(path)) ? itemOf(path, stat, false) : 'packed, not read'
}

function* matchesBelow(directory: string, segments: readonly GlobSegment[], depth: number): Generator<string> {
  const [first, ...rest] = segments
  if (first === undefined || depth > DEPTH_MAX) return
  if (first === '**') {
    yield* matchesAnywhereBelow(directory, rest, depth)
    return
  }
  const entries = readEntries(directory)
  if (entries instanceof InputError) {
    // Of a folder that cannot be read the line says why.
    if (entries.code !== 'not-found') yield directory
    return
  }
  for (const {name} of entries) {
    const path = join(directory, name)
    if (first.test(name)) yield* rest.length === 0 ? [path] : matchesBelow(path, rest, depth + 1)
  }
}

/**
 * `**`: the folder itself, and where more is to follow, what matches in it and in every folder below that is not
 * hidden.
 */
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
  return {
    path,
    size: stat.size,
    mtime: new Date(Math.floor(stat.mtimeMs)).toISOString(),
    uncertain,
    attempt: 1,
    error: undefined,
  }
}

function failed(path: string, error: InputError): WorkItem {
  return {path, size: null, mtime: null, uncertain: false, attempt: 1, error}
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
