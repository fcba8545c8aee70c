import {readdirSync} from 'node:fs'
import {basename, join} from 'node:path'
import {FileSource} from '../base/byte-source.ts'
import {GotraceError} from '../base/errors.ts'
import type {FileTree} from './file-tree.ts'

/** What a distribution says of itself (os-release(5)): `debian`, and what it is like. */
export interface Distribution {
  id: string
  like: readonly string[]
}

/** The package that a file came with. */
export interface Package {
  name: string
  /** Where the package itself says that its debug information is served. */
  debugInfoUrl: string | undefined
}

const TEXT_MAX = 4 * 1024 * 1024
/** All lists of a large installation have some 30 MB. */
const LISTS_MAX = 128 * 1024 * 1024
const DPKG_LISTS = '/var/lib/dpkg/info'
const APK_DATABASE = '/lib/apk/db/installed'
/** What package names are made of, in all distributions: more may be a command in a terminal. */
const PACKAGE_NAME = /^[A-Za-z0-9][A-Za-z0-9+._-]*$/
const URL = /^https?:\/\/[\w.:/~%-]+$/

/** Names of distributions and packages as the files of one machine tell them. */
export function readDistribution(tree: FileTree): Distribution | undefined {
  const text = readText(tree, '/etc/os-release') ?? readText(tree, '/usr/lib/os-release')
  const field = (name: string): string => new RegExp(`^${name}=["']?([^"'\n]*)`, 'm').exec(text ?? '')?.[1] ?? ''
  const id = field('ID')
  return id === '' ? undefined : {id, like: field('ID_LIKE').split(' ')}
}

/**
 * Who owns a file, by the lists of dpkg (dpkg-query(1), `--search`). A file that was installed in `/lib` may be known
 * in `/usr/lib`, and the other way round.
 */
export function findDpkgPackage(tree: FileTree, path: string): Package | undefined {
  const bare = path.replace(/^\/usr(?=\/)/, '')
  const names = [`\n${bare}\n`, `\n/usr${bare}\n`]
  const stem = basename(path).replace(/[^A-Za-z].*$/, '')
  const lists = listNames(tree).sort((a, b) => Number(b.startsWith(stem)) - Number(a.startsWith(stem)))
  let room = LISTS_MAX
  for (const list of lists) {
    const text = readText(tree, `${DPKG_LISTS}/${list}`) ?? ''
    room -= text.length
    if (room < 0) return undefined
    const owner = list.replace(/(?::\w+)?\.list$/, '')
    if (names.some(name => `\n${text}\n`.includes(name)) && PACKAGE_NAME.test(owner)) {
      return {name: owner, debugInfoUrl: undefined}
    }
  }
  return undefined
}

/** Who owns a file, by apk's database (Alpine): `P:` names a package, `F:` a folder of it, `R:` a file in that. */
export function findApkPackage(tree: FileTree, path: string): Package | undefined {
  let [name, folder] = ['', '']
  for (const line of (readText(tree, APK_DATABASE) ?? '').split('\n')) {
    const rest = line.slice(2)
    if (line.startsWith('P:')) name = rest
    else if (line.startsWith('F:')) folder = rest
    else if (line.startsWith('R:') && `/${folder}/${rest}` === path && PACKAGE_NAME.test(name)) {
      return {name, debugInfoUrl: undefined}
    }
  }
  return undefined
}

/** The text of NT_FDO_PACKAGING_METADATA (systemd.io/PACKAGE_METADATA_FOR_EXECUTABLE_FILES). */
export function parsePackageNote(text: string): (Package & {distribution: Distribution | undefined}) | undefined {
  let note: unknown
  try {
    note = JSON.parse(text)
  } catch {
    return undefined
  }
  const {name, os, debugInfoUrl: url} = (note ?? {}) as Readonly<Record<string, unknown>>
  if (typeof name !== 'string' || !PACKAGE_NAME.test(name)) return undefined
  return {
    name,
    debugInfoUrl: typeof url === 'string' && URL.test(url) ? url : undefined,
    distribution: typeof os === 'string' ? {id: os, like: []} : undefined,
  }
}

function listNames(tree: FileTree): string[] {
  const folder = tree.locate(DPKG_LISTS)
  try {
    return folder === undefined ? [] : readdirSync(folder).filter(name => name.endsWith('.list'))
  } catch {
    return []
  }
}

function readText(tree: FileTree, name: string): string | undefined {
  const path = tree.locate(join('/', name))
  if (path === undefined) return undefined
  try {
    const file = FileSource.open(path)
    try {
      return new TextDecoder().decode(file.read(0, Math.min(file.size, TEXT_MAX)))
    } finally {
      file.close()
    }
  } catch (error) {
    if (!(error instanceof GotraceError)) throw error
    return undefined
  }
}
