import {type Stats, statSync} from 'node:fs'
import {basename, dirname, join} from 'node:path'
import {InputError} from '../base/errors.ts'
import {openFailed} from '../base/regular-file.ts'
import {FileTree} from './file-tree.ts'

/** Where distributions put debug files. */
const SYSTEM_DEBUG_DIR = '/usr/lib/debug'

/** Where the files of a process are looked for: plain data. */
export interface SearchOptions {
  sysroots?: readonly string[] | undefined
  debugDirs?: readonly string[] | undefined
  /** With sysroots too, the files of this machine may be used, after theirs. */
  hostFiles?: boolean | undefined
}

/** Where in a tree a file lies. */
export interface Place {
  tree: FileTree
  name: string
}

/** From a name in some folder to the path on this machine; undefined where it is known that nothing is there. */
export type Lookup = (name: string) => string | undefined

/**
 * The trees that files may be taken from. With a sysroot the files of this machine are another machine's, and none is
 * used: neither at the paths that the core names, nor beside the core, nor through links. What a flag names is used,
 * and what lies beside it.
 */
export class SearchPlaces {
  readonly sysroots: readonly FileTree[]
  /** This machine, where its files may be used. */
  readonly host: FileTree | undefined
  /** The folders of --debug-dir. */
  readonly debugDirs: readonly Lookup[]

  /** @throws InputError where a folder is none */
  constructor({sysroots = [], debugDirs = [], hostFiles = false}: SearchOptions) {
    for (const root of sysroots) requireFolder(root, '--sysroot')
    for (const directory of debugDirs) requireFolder(directory, '--debug-dir')
    this.sysroots = sysroots.map(root => new FileTree(root, 'contained'))
    this.host = sysroots.length === 0 || hostFiles ? new FileTree('/', 'followed') : undefined
    this.debugDirs = debugDirs.map(directory => this.#lookupIn(directory))
  }

  /** The machines whose files may be used, best first. */
  get machines(): readonly FileTree[] {
    return this.host ? [...this.sysroots, this.host] : this.sysroots
  }

  /** Folders laid out as debug files are: those of --debug-dir, then those of the machines. */
  *debugTrees(): Generator<Lookup> {
    yield* this.debugDirs
    for (const machine of this.machines) yield name => machine.locate(join(SYSTEM_DEBUG_DIR, join('/', name)))
  }

  /** Where a file of this run lies; one that only a flag names has a tree of its own, the folder that it lies in. */
  placeOf(path: string): Place {
    for (const tree of this.machines) {
      const name = tree.nameOf(path)
      if (name !== undefined) return {tree, name}
    }
    return {tree: new FileTree(dirname(path), 'contained'), name: `/${basename(path)}`}
  }

  /**
   * The path of a file that the user named: below a sysroot its links mean what they mean there.
   * @throws InputError where they lead nowhere
   */
  namedFile(path: string): string {
    const {tree, name} = this.placeOf(path)
    if (!this.sysroots.includes(tree)) return path
    const located = tree.locate(name)
    if (located !== undefined) return located
    throw new InputError('not-found', `${path}: no such file`, 'check the path, and where links in the sysroot lead')
  }

  #lookupIn(directory: string): Lookup {
    const own = new FileTree(directory, this.host ? 'followed' : 'contained')
    const root = this.sysroots.find(tree => tree.nameOf(directory) !== undefined)
    const start = root?.nameOf(directory)
    if (!root || start === undefined) return name => own.locate(name)
    return name => root.locate(join(start, join('/', name)))
  }
}

/** A slip in the name would otherwise show as files that are not found, one by one. */
export function requireFolder(path: string, flag: string): void {
  let stat: Stats
  try {
    stat = statSync(path)
  } catch (error) {
    throw path === ''
      ? new InputError('bad-argument', `${flag}: the name is empty`, 'name a folder')
      : openFailed(path, error)
  }
  if (!stat.isDirectory()) throw new InputError('bad-argument', `${path}: no folder`, `name a folder with ${flag}`)
}
