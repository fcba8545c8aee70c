import {basename} from 'node:path'
import type {Module} from '../elf/module.ts'
import {buildIdName} from './debug-paths.ts'
import type {FileTree} from './file-tree.ts'
import {
  type Distribution,
  findApkPackage,
  findDpkgPackage,
  type Package,
  parsePackageNote,
  readDistribution,
} from './packaging.ts'
import {remoteName} from './remote-file.ts'
import type {SearchPlaces} from './search-places.ts'

/** What the run was told, for the next command. */
export interface Invocation {
  corePath: string
  exe?: string | undefined
  sysroots?: readonly string[] | undefined
  debugDirs?: readonly string[] | undefined
  symbols?: readonly string[] | undefined
  /** debuginfod servers that were asked already. */
  servers: readonly string[]
}

/** Servers of the distributions (sourceware.org/elfutils/Debuginfod.html); the last one asks all others. */
const SERVERS: Readonly<Record<string, string>> = {
  arch: 'https://debuginfod.archlinux.org',
  centos: 'https://debuginfod.centos.org',
  debian: 'https://debuginfod.debian.net',
  fedora: 'https://debuginfod.fedoraproject.org',
  opensuse: 'https://debuginfod.opensuse.org',
  ubuntu: 'https://debuginfod.ubuntu.com',
}
const ALL_SERVERS = 'https://debuginfod.elfutils.org'

const SYSTEM_FOLDERS = /^\/(?:usr\/)?lib(?:32|64|x32)?\//

/** What would bring the names and lines of a module, in the order of what is possible here. */
export class Remedies {
  readonly #invocation: Invocation
  readonly #places: SearchPlaces
  readonly #distributions = new Map<FileTree, Distribution | undefined>()

  constructor(invocation: Invocation, places: SearchPlaces) {
    this.#invocation = invocation
    this.#places = places
  }

  /** Commands and steps, the likeliest first; none where all that there can be of a library of the system is here. */
  of(module: Module): string[] {
    const {path, buildId, imageOrigin} = module
    const hasAll = imageOrigin === 'file' && module.debug.hasInfo
    const tree = this.#treeOf(module)
    const note = module.image?.packageNote
    const told = note === undefined ? undefined : parsePackageNote(note)
    const distribution = told?.distribution ?? this.#distributionOf(tree)
    const owner = told ?? (tree && !module.isExecutable ? findPackage(tree, path) : undefined)
    const isOfSystem = owner !== undefined || SYSTEM_FOLDERS.test(path)
    if (hasAll) return isOfSystem ? [] : [`build all of ${basename(path)} with -g: what is linked into it too`]
    const fetched = buildId === undefined ? [] : this.#fetch(owner, distribution, isOfSystem)
    const installed = owner ? installCommand(owner.name, distribution, tree === this.#places.host) : []
    const own = this.#provide(module)
    return isOfSystem ? [...fetched, ...installed, ...own] : [...own, ...fetched]
  }

  /** The machine that the module's file lies on; where it was not found, the one whose files are used. */
  #treeOf({imagePath, imageOrigin}: Module): FileTree | undefined {
    const {machines} = this.#places
    if (imageOrigin !== 'file' || imagePath === undefined) return this.#places.sysroots[0]
    const {tree} = this.#places.placeOf(imagePath)
    return machines.includes(tree) ? tree : undefined
  }

  #distributionOf(tree: FileTree | undefined): Distribution | undefined {
    if (!tree) return undefined
    if (!this.#distributions.has(tree)) this.#distributions.set(tree, readDistribution(tree))
    return this.#distributions.get(tree)
  }

  #fetch(owner: Package | undefined, distribution: Distribution | undefined, isOfSystem: boolean): string[] {
    const {servers} = this.#invocation
    const known = [distribution?.id ?? '', ...(distribution?.like ?? [])].find(id => Object.hasOwn(SERVERS, id))
    const url = owner?.debugInfoUrl ?? (known === undefined ? ALL_SERVERS : SERVERS[known])
    if (!isOfSystem || url === undefined || servers.some(server => server.startsWith(url))) return []
    return [`DEBUGINFOD_URLS=${url} ${this.#command()}`]
  }

  #provide(module: Module): string[] {
    const {path, buildId, imageOrigin, isExecutable} = module
    const file = basename(path)
    if (imageOrigin !== 'file' && isExecutable)
      return [`${this.#command()} --exe ${file === '' || path.startsWith('/memfd:') ? 'FILE' : shellWord(file)}`]
    if (imageOrigin !== 'file') return [`add --sysroot DIR, with a copy of ${shellWord(path)} in DIR`]
    if (buildId === undefined) return [`build ${file} with -g and a build ID (-Wl,--build-id), and keep that file`]
    const debugFile = buildIdName(buildId, 'debuginfo')
    return [`add --debug-dir DIR, with the debug file of ${file} as DIR/${debugFile}`]
  }

  #command(): string {
    const {corePath, exe, sysroots = [], debugDirs = [], symbols = []} = this.#invocation
    const words = ['gotrace-core', 'analyze', corePath, ...(exe === undefined ? [] : ['-e', exe])]
    for (const root of sysroots) words.push('--sysroot', root)
    for (const folder of debugDirs) words.push('--debug-dir', folder)
    for (const store of symbols) words.push('--symbols', remoteName(store))
    return words.map(shellWord).join(' ')
  }
}

function findPackage(tree: FileTree, path: string): Package | undefined {
  return findDpkgPackage(tree, path) ?? findApkPackage(tree, path)
}

/** Foreign names are copied into a shell with the command. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

function installCommand(name: string, distribution: Distribution | undefined, isHere: boolean): string[] {
  const ids = [distribution?.id ?? '', ...(distribution?.like ?? [])]
  const is = (...wanted: string[]): boolean => ids.some(id => wanted.includes(id))
  const where = isHere ? '' : ' (on the machine of the sysroot)'
  if (is('debian', 'ubuntu')) return [`apt install ${name === 'libc6' ? 'libc6-dbg' : `${name}-dbgsym`}${where}`]
  if (is('fedora', 'rhel', 'centos')) return [`dnf debuginfo-install ${name}${where}`]
  if (is('opensuse', 'suse')) return [`zypper install ${name}-debuginfo${where}`]
  if (is('alpine')) return [`apk add ${name}-dbg${where}`]
  return []
}
