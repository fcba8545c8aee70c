import {realpathSync} from 'node:fs'
import {basename, dirname, isAbsolute, join} from 'node:path'
import {crc32} from 'node:zlib'
import type {Deadline} from '../base/deadline.ts'
import type {SectionSource} from '../base/section-source.ts'
import {type BuildIds, sameBuild} from '../elf/build-id.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import {SHT} from '../elf/elf-headers.ts'
import type {DebugFiles} from '../elf/module.ts'
import {SplitPackage} from '../elf/split-package.ts'
import {readDebugLink, readSupplementaryId, readSupplementaryLink, type SupplementaryLink} from './debug-links.ts'
import type {OpenFiles} from './open-files.ts'
import type {Place, SearchPlaces} from './search-places.ts'

const BUILD_ID = /^[0-9a-f]{4,128}$/
const CRC_CHUNK = 1024 * 1024

export interface DebugSearch {
  files: OpenFiles
  places: SearchPlaces
}

export interface DebugSubject {
  /** As the process knew the module. */
  path: string
  image: ElfFile | undefined
  /** Where the image was found. */
  imagePath: string | undefined
  buildIds: BuildIds
}

/** The name of a build-ID tree's entry (GDB manual, "Separate Debug Files"). */
export function buildIdName(buildId: string, suffix: string): string {
  return join('.build-id', buildId.slice(0, 2), `${buildId.slice(2)}${suffix}`)
}

export function isBuildId(text: string | undefined): text is string {
  return text !== undefined && BUILD_ID.test(text)
}

/** Where one module's debug information is, looked for at first use. */
export class ModuleDebugFiles implements DebugFiles {
  readonly #subject: DebugSubject
  readonly #search: DebugSearch
  readonly #extra: string[] = []
  #miniDebugInfo: ElfFile | undefined
  #separate: {file: ElfFile | undefined; path: string | undefined} | undefined
  #fetchedSupplementary: string | undefined
  #supplementary: {file: ElfFile | undefined} | undefined
  #packages: SplitPackage[] | undefined

  constructor(subject: DebugSubject, search: DebugSearch) {
    this.#subject = subject
    this.#search = search
  }

  get dwarf(): SectionSource | undefined {
    const {image} = this.#subject
    if (image && hasDebugInfo(image)) return image
    const separate = this.separateFile
    if (separate && hasDebugInfo(separate)) return separate
    return [image, separate].find(file => file?.sectionHeader('.debug_frame') || file?.sectionHeader('.debug_line'))
  }

  get symbols(): ElfFile | undefined {
    const separate = this.separateFile
    if (separate && holds(separate, '.symtab')) return separate
    return this.#miniDebugInfo
  }

  get supplementary(): SectionSource | undefined {
    this.#supplementary ??= {file: this.#requireSupplementary()}
    return this.#supplementary.file
  }

  /** The build ID of a supplementary file that is needed and not here. */
  get missingSupplementary(): string | undefined {
    const {dwarf} = this
    const link = dwarf && readSupplementaryLink(dwarf)
    return link && isBuildId(link.id) && !this.#findSupplementary(dwarf, link) ? link.id : undefined
  }

  splitUnit(name: string, compDir: string | undefined, dwoId: bigint | undefined): SectionSource | undefined {
    for (const path of this.#splitPaths(name, compDir)) {
      const file = path === undefined ? undefined : this.#search.files.elf(path)
      if (file && hasDebugInfo(file)) return file
    }
    if (dwoId === undefined) return undefined
    this.#packages ??= this.#openPackages()
    for (const splitPackage of this.#packages) {
      const unit = splitPackage.unit(dwoId)
      if (unit) return unit
    }
    return undefined
  }

  /** A debug file apart from the image, if one is found. */
  get separateFile(): ElfFile | undefined {
    return this.#requireSeparate().file
  }

  /** Opens what the debug information is spread over, but for split units, which DWARF alone can name. */
  openFiles(): void {
    void this.separateFile
    void this.missingSupplementary
  }

  /** A file that may be the debug file, to be tried first: from a debuginfod server. */
  addCandidate(path: string): void {
    this.#extra.push(path)
    this.#separate = undefined
  }

  /** The supplementary file, from a debuginfod server. */
  addSupplementary(path: string): void {
    this.#fetchedSupplementary = path
    this.#supplementary = undefined
  }

  /** The unpacked .gnu_debugdata: symbols alone. It is xz, whose decoder is asynchronous: acquire unpacks it ahead. */
  addMiniDebugInfo(file: ElfFile): void {
    this.#miniDebugInfo = file
  }

  #requireSeparate(): {file: ElfFile | undefined; path: string | undefined} {
    this.#separate ??= this.#findSeparate()
    return this.#separate
  }

  #findSeparate(): {file: ElfFile | undefined; path: string | undefined} {
    const none = {file: undefined, path: undefined}
    const {image, buildIds} = this.#subject
    if (image && hasDebugInfo(image) && holds(image, '.symtab')) return none
    const ids = {gnu: buildIds.gnu ?? image?.buildId, go: buildIds.go ?? image?.goBuildId}
    const link = image && readDebugLink(image)
    for (const path of this.#separatePaths(ids.gnu, link?.name)) {
      const file = path === undefined ? undefined : this.#search.files.elf(path)
      if (!file || path === undefined || file === image) continue
      if (this.#isSameBuild(file, ids, link?.crc, path)) return {file, path}
    }
    return none
  }

  *#separatePaths(buildId: string | undefined, linkName: string | undefined): Generator<string | undefined> {
    yield* this.#extra
    const trees = [...this.#search.places.debugTrees()]
    if (isBuildId(buildId)) for (const locate of trees) yield locate(buildIdName(buildId, '.debug'))
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
    const {places} = this.#search
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

  /** The build ID decides; where a side has none, the CRC of .gnu_debuglink does. */
  #isSameBuild(file: ElfFile, ids: BuildIds, crc: number | undefined, path: string): boolean {
    const same = sameBuild(ids, file.buildIds)
    if (same === undefined) return crc !== undefined && crcOf(file, this.#search.files.deadline) === crc
    if (same) return true
    this.#search.files.diagnostics.add(
      'debug-file-mismatch',
      `${path}: its build ID is ${file.buildId ?? file.goBuildId}, not the module's ${ids.gnu ?? ids.go}`,
      {severity: 'info', where: path},
    )
    return false
  }

  #requireSupplementary(): ElfFile | undefined {
    const {dwarf} = this
    const link = dwarf && readSupplementaryLink(dwarf)
    const file = link && this.#findSupplementary(dwarf, link)
    if (!link || file) return file
    this.#search.files.diagnostics.add('no-supplementary-file', `${link.name} (dwz) was not found`, {
      where: dwarf.name,
      hint: 'install the debug package of the same version, or name its directory with --debug-dir',
    })
    return undefined
  }

  #findSupplementary(dwarf: SectionSource, link: SupplementaryLink): ElfFile | undefined {
    for (const path of this.#supplementaryPaths(dwarf, link)) {
      const file = path === undefined ? undefined : this.#search.files.elf(path)
      if (file && (file.buildId ?? readSupplementaryId(file)) === link.id) return file
    }
    return undefined
  }

  *#supplementaryPaths(dwarf: SectionSource, {name, id}: SupplementaryLink): Generator<string | undefined> {
    const {places} = this.#search
    if (isAbsolute(name)) for (const tree of places.machines) yield tree.locate(name)
    else {
      const home = dwarf === this.#subject.image ? this.#subject.imagePath : this.#requireSeparate().path
      const place = home === undefined ? undefined : places.placeOf(home)
      yield place?.tree.locate(`${dirname(place.name)}/${name}`)
    }
    const trees = [...places.debugTrees()]
    if (isBuildId(id)) for (const locate of trees) yield locate(buildIdName(id, '.debug'))
    // Debian names /usr/lib/debug/.dwz/x86_64-linux-gnu/NAME, which may lie in a tree of its own
    const tail = name.lastIndexOf('.dwz/')
    for (const locate of trees) {
      if (tail >= 0) yield locate(name.slice(tail))
      yield locate(join('.dwz', basename(name)))
    }
    yield this.#fetchedSupplementary
  }

  *#splitPaths(name: string, compDir: string | undefined): Generator<string | undefined> {
    const {places} = this.#search
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

  #openPackages(): SplitPackage[] {
    const packages: SplitPackage[] = []
    for (const path of new Set(this.#packagePaths())) {
      const file = path === undefined ? undefined : this.#search.files.elf(path)
      const opened = file && SplitPackage.open(file, this.#search.files.diagnostics)
      if (opened) packages.push(opened)
    }
    return packages
  }

  /** A .dwp lies beside the program, or beside its debug file, and has its name. */
  *#packagePaths(): Generator<string | undefined> {
    const {places} = this.#search
    const {path, imagePath} = this.#subject
    if (isAbsolute(path)) for (const tree of places.machines) yield tree.locate(`${path}.dwp`)
    for (const stem of [imagePath, this.#requireSeparate().path]) {
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

function holds(file: ElfFile, name: string): boolean {
  const header = file.sectionHeader(name)
  return header !== undefined && header.type !== SHT.SHT_NOBITS && header.size > 0
}

const DEBUG_INFO_NAMES = ['.debug_info', '.zdebug_info', '.debug_info.dwo']

export function hasDebugInfo(file: ElfFile): boolean {
  return DEBUG_INFO_NAMES.some(name => holds(file, name))
}

/** undefined where the time is over. */
function crcOf(file: ElfFile, deadline: Deadline | undefined): number | undefined {
  const {source} = file
  let crc = 0
  for (let at = 0; at < source.size; at += CRC_CHUNK) {
    if (deadline?.isOver('the search for debug files')) return undefined
    crc = crc32(source.read(at, Math.min(CRC_CHUNK, source.size - at)), crc)
  }
  return crc
}
