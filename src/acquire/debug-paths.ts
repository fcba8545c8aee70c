import {realpathSync} from 'node:fs'
import {basename, dirname, isAbsolute, join} from 'node:path'
import type {BuildIds} from '../elf/build-id.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import type {Artifact} from '../report/vocabulary.ts'
import {eachBuildKey} from './build-key.ts'
import type {SupplementaryLink} from './debug-links.ts'
import type {Place, SearchPlaces} from './search-places.ts'

const BUILD_ID = /^[0-9a-f]{4,128}$/

export interface DebugSubject {
  /** As the process knew the module. */
  path: string
  image: ElfFile | undefined
  /** Where the image was found. */
  imagePath: string | undefined
  buildIds: BuildIds
}

/** The name of a build-ID tree's entry (GDB manual, "Separate Debug Files"). */
export function buildIdName(buildId: string, artifact: Artifact): string {
  const suffix = artifact === 'debuginfo' ? '.debug' : ''
  return join('.build-id', buildId.slice(0, 2), `${buildId.slice(2)}${suffix}`)
}

export function isBuildId(text: string | undefined): text is string {
  return text !== undefined && BUILD_ID.test(text)
}

/** Where the debug files of a module may be, best first; undefined where it is known that nothing is there. */
export interface DebugPaths {
  separate(ids: BuildIds, linkName: string | undefined): Iterable<string | undefined>
  /** @param home the file that refers to it */
  supplementary(link: SupplementaryLink, home: string | undefined): Iterable<string | undefined>
  split(name: string, compDir: string | undefined): Iterable<string | undefined>
  packages(separate: string | undefined): Iterable<string | undefined>
}

/** In the file system. */
export class FileDebugPaths implements DebugPaths {
  readonly #subject: DebugSubject
  readonly #places: SearchPlaces

  constructor(subject: DebugSubject, places: SearchPlaces) {
    this.#subject = subject
    this.#places = places
  }

  *separate(ids: BuildIds, linkName: string | undefined): Generator<string | undefined> {
    const trees = [...this.#places.debugTrees()]
    for (const key of eachBuildKey(ids)) for (const locate of trees) yield locate(buildIdName(key, 'debuginfo'))
    const {path} = this.#subject
    const names = new Set([linkName, `${basename(path)}.debug`, `${basename(path)}.dbg`])
    for (const name of names) {
      if (name === undefined || name !== basename(name)) continue
      for (const {tree, name: home} of this.#homes()) {
        yield tree.locate(`${home}/${name}`)
        yield tree.locate(`${home}/.debug/${name}`)
        for (const locate of trees) yield locate(`${home}/${name}`)
      }
      for (const locate of trees) yield locate(name)
    }
  }

  /** Folders of the module: where it was found, and where it was in the process. */
  *#homes(): Generator<Place> {
    const places = this.#places
    const {path, imagePath} = this.#subject
    for (const found of imagePath === undefined ? [] : [imagePath, realPath(imagePath)]) {
      if (found === undefined) continue
      const {tree, name} = places.placeOf(found)
      yield {tree, name: dirname(name)}
      // Links of another machine were resolved when the image was found, and mean nothing here.
      if (tree.links === 'contained') break
    }
    if (isAbsolute(path)) for (const tree of places.machines) yield {tree, name: dirname(path)}
  }

  *supplementary({name, id}: SupplementaryLink, home: string | undefined): Generator<string | undefined> {
    const places = this.#places
    if (isAbsolute(name)) for (const tree of places.machines) yield tree.locate(name)
    else {
      const place = home === undefined ? undefined : places.placeOf(home)
      yield place?.tree.locate(`${dirname(place.name)}/${name}`)
    }
    const trees = [...places.debugTrees()]
    if (isBuildId(id)) for (const locate of trees) yield locate(buildIdName(id, 'debuginfo'))
    // Debian names /usr/lib/debug/.dwz/x86_64-linux-gnu/NAME, which may lie in a tree of its own
    const tail = name.lastIndexOf('.dwz/')
    for (const locate of trees) {
      if (tail >= 0) yield locate(name.slice(tail))
      yield locate(join('.dwz', basename(name)))
    }
  }

  *split(name: string, compDir: string | undefined): Generator<string | undefined> {
    const places = this.#places
    const whole = isAbsolute(name) ? name : `${compDir ?? ''}/${name}`
    if (isAbsolute(whole)) for (const tree of places.machines) yield tree.locate(whole)
    for (const {tree, name: home} of this.#homes()) {
      if (!isAbsolute(name)) yield tree.locate(`${home}/${name}`)
      yield tree.locate(`${home}/${basename(name)}`)
    }
    for (const locate of places.debugDirs) {
      yield locate(name)
      yield locate(basename(name))
    }
  }

  /** A .dwp lies beside the program, or beside its debug file, and has its name. */
  *packages(separate: string | undefined): Generator<string | undefined> {
    const places = this.#places
    const {path, imagePath} = this.#subject
    if (isAbsolute(path)) for (const tree of places.machines) yield tree.locate(`${path}.dwp`)
    for (const stem of [imagePath, separate]) {
      const place = stem === undefined ? undefined : places.placeOf(stem)
      yield place?.tree.locate(`${place.name}.dwp`)
    }
    for (const locate of places.debugDirs) yield locate(`${basename(path)}.dwp`)
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    // Gone meanwhile: the other places remain.
    return undefined
  }
}
