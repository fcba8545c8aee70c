import {closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, symlinkSync} from 'node:fs'
import {dirname, join, relative} from 'node:path'
import type {ByteSource} from '../base/byte-source.ts'
import {InputError, messageOf} from '../base/errors.ts'
import {writeOutput} from '../base/output-file.ts'
import {pathStats} from '../base/path-stats.ts'
import {makeFolder} from '../base/replaced-file.ts'
import {ARTIFACT_NAMES, type Artifact} from '../report/vocabulary.ts'
import {hasKey} from './build-file.ts'
import {buildIdName} from './debug-paths.ts'
import {removeLeftBehind} from './left-behind.ts'
import type {Kept, StoreEntry, SymbolStore} from './symbol-store.ts'

const COPY_SIZE = 1024 * 1024

/**
 * A symbol store in a folder: `buildid/KEY/executable` and `debuginfo`, and links to them as a build-ID tree has them,
 * so that it is also a `--debug-dir`, and gdb's `debug-file-directory`.
 */
export class FolderStore implements SymbolStore {
  readonly name: string

  constructor(path: string) {
    this.name = path
  }

  /** Where the file lies; undefined where there is none. */
  locate(key: string, artifact: Artifact): string | undefined {
    const paths = [this.#pathOf(key, artifact), join(this.name, buildIdName(key, artifact))]
    return paths.find(path => pathStats(path)?.isFile())
  }

  async *keep(file: ByteSource, entries: readonly StoreEntry[]): AsyncGenerator<Kept> {
    let first: string | undefined
    for (const {key, artifact} of entries) {
      const path = this.#pathOf(key, artifact)
      const isHeld = pathStats(path)?.isFile() && hasKey(path, key)
      makeFolder(dirname(path))
      removeLeftBehind(dirname(path), name => name.endsWith('.tmp'))
      if (!isHeld) first = storeFile(path, file, first)
      this.link(key)
      yield isHeld ? 'held' : 'stored'
    }
  }

  /** Has the build-ID tree tell of what is there; not all file systems have links. */
  link(key: string): void {
    for (const artifact of ARTIFACT_NAMES) {
      const path = this.#pathOf(key, artifact)
      const name = join(this.name, buildIdName(key, artifact))
      if (!pathStats(path)) continue
      makeFolder(dirname(name))
      try {
        symlinkSync(relative(dirname(name), path), name)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue
        return
      }
    }
  }

  /** Where the files of a build lie. */
  folderOf(key: string): string {
    return join(this.name, 'buildid', key)
  }

  #pathOf(key: string, artifact: Artifact): string {
    return join(this.folderOf(key), artifact)
  }
}

/**
 * Under a name of its own first: another may be storing the same, and this one may be killed.
 * @param copy a path that has the same content
 * @returns the path
 */
function storeFile(path: string, file: ByteSource, copy: string | undefined): string {
  const temporary = `${path}.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`
  try {
    if (copy === undefined || !isLinked(copy, temporary)) writeFile(temporary, file)
    renameSync(temporary, path)
    return path
  } catch (cause) {
    rmSync(temporary, {force: true})
    if (cause instanceof InputError || (cause as NodeJS.ErrnoException).syscall === undefined) throw cause
    throw new InputError('not-writable', `${path}: ${messageOf(cause)}`, 'name a folder that can be written', {cause})
  }
}

/** Not all file systems have links. */
function isLinked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch {
    return false
  }
}

function writeFile(path: string, file: ByteSource): void {
  const fd = openSync(path, 'wx', 0o644)
  try {
    for (let at = 0; at < file.size; at += COPY_SIZE) {
      writeOutput(fd, file.read(at, Math.min(COPY_SIZE, file.size - at)), path)
    }
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
