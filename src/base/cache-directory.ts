import {closeSync, constants, fstatSync, mkdirSync, openSync, readlinkSync, type Stats} from 'node:fs'
import {isAbsolute, join} from 'node:path'

/**
 * open(2): a descriptor of the directory itself, which needs no right to list it. Linux has it, Node has no name for
 * it.
 */
const O_PATH = 0o10000000
const OPEN_DIRECTORY = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** As many as the kernel follows in one path (path_resolution(7)). */
const LINKS_MAX = 40
const WRITABLE_BY_OTHERS = 0o022
const STICKY = 0o1000

/** Where this user's caches are. */
export interface CacheHome {
  /** A path that ends in a slash, for as long as the process lives. */
  readonly directory: string
  readonly uid: number
}

/**
 * The folder of our caches by the XDG Base Directory Specification: a path that is not absolute is not valid, and
 * without a home there is none. undefined too where it is not certain that only this user writes there, and with
 * GOTRACE_CACHE=off.
 */
export function openCacheHome(environment: NodeJS.ProcessEnv): CacheHome | undefined {
  const {XDG_CACHE_HOME: own, HOME: home = '', GOTRACE_CACHE: wanted} = environment
  const base = own ? own : join(home, '.cache')
  const uid = process.geteuid?.()
  if (process.platform !== 'linux' || uid === undefined || !isAbsolute(base) || wanted === 'off') return undefined
  const directory = openCacheDirectory(base, 'gotrace-core', uid)
  return directory === undefined ? undefined : {directory, uid}
}

/**
 * Opens NAME below BASE, a directory in which only this user and root can put files, and makes either if need be. The
 * path is walked a name at a time, each in the directory that was opened and checked before it (openat(2), which Node
 * reaches through /proc/self/fd): nobody can exchange what was checked for something else.
 * @param base absolute
 * @returns a path through the open descriptor, which is kept; undefined where the place cannot be trusted or made
 */
function openCacheDirectory(base: string, name: string, uid: number): string | undefined {
  const place = new Place()
  try {
    if (!walk(place, namesOf(`${base}/${name}`), uid)) return undefined
    const {uid: owner, mode} = place.stat()
    if (owner !== uid || (mode & WRITABLE_BY_OTHERS) !== 0) return undefined
    return place.keep()
  } catch {
    return undefined
  } finally {
    place.close()
  }
}

/** False where the next name lies in a directory that somebody else can write to. */
function walk(place: Place, names: string[], uid: number): boolean {
  let links = 0
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const stat = place.stat()
    const isShared = (stat.mode & WRITABLE_BY_OTHERS) !== 0
    if (stat.uid !== 0 && stat.uid !== uid) return false
    // In a sticky directory (/tmp) what is ours stays ours. But a name in it is anyone's to take: the cache's own are
    // not there.
    if (isShared && ((stat.mode & STICKY) === 0 || names.length < 2)) return false
    const path = place.pathOf(name)
    const opened = openOrMake(path, names.length < 2)
    if (opened !== undefined) {
      place.enter(opened)
      continue
    }
    // A link in a directory that only we and root can write to was made by one of us.
    if (isShared || ++links > LINKS_MAX) return false
    const target = readlinkSync(path)
    if (target.startsWith('/')) place.enter(openSync('/', OPEN_DIRECTORY))
    names.unshift(...namesOf(target))
  }
  return true
}

function namesOf(path: string): string[] {
  return path.split('/').filter(part => part !== '' && part !== '.')
}

/** The directory that a walk has come to. */
class Place {
  #file: number | undefined = openSync('/', OPEN_DIRECTORY)

  stat(): Stats {
    return fstatSync(this.#file as number)
  }

  pathOf(name: string): string {
    return `/proc/self/fd/${this.#file}/${name}`
  }

  enter(opened: number): void {
    this.close()
    this.#file = opened
  }

  /** The path of what lies in it, for as long as the process lives. */
  keep(): string {
    const path = this.pathOf('')
    this.#file = undefined
    return path
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}

/**
 * undefined where it is no directory; perhaps a link. The last two names of the path are made, what they lie in is not.
 */
function openOrMake(path: string, mayMake: boolean): number | undefined {
  try {
    return openSync(path, OPEN_DIRECTORY)
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    if (code === 'ENOTDIR' || code === 'ELOOP') return undefined
    if (code !== 'ENOENT' || !mayMake) throw error
  }
  try {
    mkdirSync(path, {mode: 0o700})
  } catch (error) {
    // Another first run was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return openSync(path, OPEN_DIRECTORY)
}
