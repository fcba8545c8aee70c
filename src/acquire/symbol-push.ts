import {type Dirent, readdirSync, statSync} from 'node:fs'
import {join} from 'node:path'
import {type ByteSource, BytesSource, FileSource} from '../base/byte-source.ts'
import {GotraceError, InputError} from '../base/errors.ts'
import {openFailed} from '../base/regular-file.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import {hasElfMagic, readFileHeader} from '../elf/elf-headers.ts'
import type {Artifact} from '../report/vocabulary.ts'
import type {OpenedFile} from './belongings.ts'
import {artifactsOf} from './build-file.ts'
import {buildKeys} from './build-key.ts'
import {detectPacking, isUnpacked, readPackedHead} from './core-input.ts'
import {OpenFiles} from './open-files.ts'
import {type OpenProcessOptions, openProcess} from './open-process.ts'
import {isPackageHead} from './package-manifest.ts'
import {isRemote} from './remote-file.ts'
import type {StoreEntry, SymbolStore} from './symbol-store.ts'

/** What became of one file under one entry. */
export interface Pushed {
  readonly state: 'stored' | 'held' | 'left-out'
  /** null: it has none. */
  readonly key: string | null
  readonly artifact: Artifact | null
  readonly path: string
  /** Why it was left out. */
  readonly reason: string | null
}

/** As much as an ELF header. */
const HEAD_SIZE = 64
/** Folders within folders, at most. */
const DEPTH_MAX = 64
const ET_CORE = 'core'

/**
 * Puts files into a store: programs, libraries and debug files; those in folders; those of the process of a core or a
 * package.
 * @throws InputError where a path that was named is none of these, or the store takes nothing
 */
export async function* pushSymbols(
  paths: readonly string[],
  store: SymbolStore,
  options: OpenProcessOptions,
): AsyncGenerator<Pushed> {
  for (const path of paths) {
    if (isRemote(path)) yield* pushProcess(path, store, options)
    else if (isDirectory(path)) yield* pushFolder(path, store, options)
    else yield* pushNamed(path, store, options)
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch (error) {
    throw openFailed(path, error)
  }
}

async function* pushNamed(path: string, store: SymbolStore, options: OpenProcessOptions): AsyncGenerator<Pushed> {
  const kind = await kindOf(path)
  if (kind === 'process') return yield* pushProcess(path, store, options)
  if (kind === 'other') {
    const message = `${path}: no program, library, debug file, core or package`
    throw new InputError('not-elf', message, 'name such a file, or a folder')
  }
  yield* pushFile(path, store, options)
}

/** Links are not followed; what is no ELF file is passed over. */
async function* pushFolder(
  path: string,
  store: SymbolStore,
  options: OpenProcessOptions,
  depth = 0,
): AsyncGenerator<Pushed> {
  if (depth > DEPTH_MAX) return
  const entries = readEntries(path)
  if (entries instanceof InputError) {
    if (depth === 0) throw entries
    yield {state: 'left-out', key: null, artifact: null, path, reason: entries.message}
    return
  }
  for (const entry of entries) {
    const inner = join(path, entry.name)
    if (options.deadline?.isOver('putting files into the store')) return
    if (entry.isDirectory()) yield* pushFolder(inner, store, options, depth + 1)
    else if (entry.isFile() && (await kindOrOther(inner)) === 'elf') yield* pushFile(inner, store, options)
  }
}

function readEntries(folder: string): Dirent[] | InputError {
  try {
    return readdirSync(folder, {withFileTypes: true}).sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (error) {
    return openFailed(folder, error)
  }
}

async function kindOrOther(path: string): Promise<Kind> {
  try {
    return await kindOf(path)
  } catch (error) {
    // What nobody named and cannot be read is none of ours.
    if (error instanceof GotraceError) return 'other'
    throw error
  }
}

type Kind = 'elf' | 'process' | 'other'

/** @throws InputError where it cannot be read */
async function kindOf(path: string): Promise<Kind> {
  const file = FileSource.open(path)
  try {
    const start = new Uint8Array(file.read(0, Math.min(HEAD_SIZE, file.size)))
    const packing = detectPacking(start)
    if (!isUnpacked(packing)) return 'other'
    const head = packing === 'none' ? start : await readPackedHead(file, packing, HEAD_SIZE)
    if (isPackageHead(head)) return 'process'
    if (head.length < HEAD_SIZE || !hasElfMagic(head)) return 'other'
    return readFileHeader(new BytesSource(head, path)).type === ET_CORE ? 'process' : 'elf'
  } finally {
    file.close()
  }
}

async function* pushFile(path: string, store: SymbolStore, options: OpenProcessOptions): AsyncGenerator<Pushed> {
  const files = new OpenFiles(options)
  try {
    yield* pushElf(path, await files.unpackedElf(path), [], store)
  } finally {
    files.close()
  }
}

async function* pushProcess(path: string, store: SymbolStore, options: OpenProcessOptions): AsyncGenerator<Pushed> {
  const process = await openProcess(path, options)
  try {
    const seen = new Set<string>()
    // Debug files are opened when they are looked for.
    for (const {debug} of process.modules) void debug?.dwarf
    for (const {image, separate, supplementary} of process.belongings()) {
      for (const file of [image, separate, supplementary]) {
        if (!file || seen.has(file.path)) continue
        seen.add(file.path)
        yield* pushOpened(file, store)
      }
    }
  } finally {
    process.close()
  }
}

function pushOpened({path, elf, holes}: OpenedFile, store: SymbolStore): AsyncGenerator<Pushed> {
  return pushElf(path, elf, holes, store)
}

async function* pushElf(
  path: string,
  elf: ElfFile,
  holes: OpenedFile['holes'],
  store: SymbolStore,
): AsyncGenerator<Pushed> {
  // Under both of its IDs: the program headers that a core holds of a program of Go's own linker tell Go's alone.
  const keys = buildKeys(elf.buildIds)
  const entries = keys.flatMap(key => artifactsOf(elf).map(artifact => ({key, artifact})))
  const reason = whyNot(keys, entries, holes)
  if (reason !== undefined) {
    yield {state: 'left-out', key: keys[0] ?? null, artifact: null, path, reason}
    return
  }
  yield* keepEach(path, elf.source, entries, store)
}

async function* keepEach(
  path: string,
  source: ByteSource,
  entries: readonly StoreEntry[],
  store: SymbolStore,
): AsyncGenerator<Pushed> {
  let index = 0
  for await (const state of store.keep(source, entries)) {
    const {key, artifact} = entries[index++] as StoreEntry
    yield {state, key, artifact, path, reason: null}
  }
}

function whyNot(
  keys: readonly string[],
  entries: readonly StoreEntry[],
  holes: OpenedFile['holes'],
): string | undefined {
  if (keys.length === 0) return 'it has no build ID'
  if (holes.length > 0) return 'the package holds a part of it alone (--no-text)'
  return entries.length === 0 ? 'it holds neither code nor debug information' : undefined
}
