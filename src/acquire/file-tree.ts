import {lstatSync, readlinkSync} from 'node:fs'
import {join, resolve} from 'node:path'

/** PATH_MAX without its NUL (limits.h): nothing has a longer name, and each part of it costs a look. */
const NAME_MAX = 4095
/** Links that lead to links, at most: as Linux does (path_resolution(7)). */
const LINKS_MAX = 40

/**
 * A folder that names are looked up in as if it were the root of a machine. Those names come from cores and debug
 * files, and so do links in a folder that was copied from another machine. Where links are `contained`, an absolute one
 * starts again at the folder and `..` ends at it, as after chroot(2). Node has no openat2(2) with RESOLVE_IN_ROOT,
 * which would do this in the kernel, so each part of a name is looked at here; what comes out holds no link any more
 * below the root.
 */
export class FileTree {
  readonly #root: string
  readonly #links: 'contained' | 'followed'

  constructor(root: string, links: 'contained' | 'followed') {
    this.#root = root
    this.#links = links
  }

  get links(): 'contained' | 'followed' {
    return this.#links
  }

  /** The path on this machine of a name in the tree; undefined where nothing is there, if that was to be looked at. */
  locate(name: string): string | undefined {
    return this.#links === 'contained' ? this.#walk(name) : join(this.#root, join('/', name))
  }

  /** The name in the tree of a path on this machine. */
  nameOf(path: string): string | undefined {
    const root = resolve(this.#root)
    const whole = resolve(path)
    if (root === '/') return whole
    return whole.startsWith(`${root}/`) ? whole.slice(root.length) : undefined
  }

  #walk(name: string): string | undefined {
    if (name.length > NAME_MAX) return undefined
    const rest = name.split('/').reverse()
    const parts: string[] = []
    let links = 0
    for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
      if (part === '' || part === '.') continue
      if (part === '..') {
        parts.pop()
        continue
      }
      parts.push(part)
      const target = linkTarget(join(this.#root, ...parts))
      if (target === 'nothing' || links > LINKS_MAX) return undefined
      if (target === 'no link') continue
      links++
      if (target.path.startsWith('/')) parts.length = 0
      else parts.pop()
      rest.push(...target.path.split('/').reverse())
    }
    return join(this.#root, ...parts)
  }
}

function linkTarget(path: string): {path: string} | 'no link' | 'nothing' {
  try {
    const stat = lstatSync(path, {throwIfNoEntry: false})
    if (!stat) return 'nothing'
    return stat.isSymbolicLink() ? {path: readlinkSync(path)} : 'no link'
  } catch {
    // A folder that may not be entered, a name that no file can have.
    return 'nothing'
  }
}
