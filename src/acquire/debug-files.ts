import {realpathSync} from 'node:fs'
import {basename, dirname, isAbsolute, join, resolve} from 'node:path'
import {crc32} from 'node:zlib'
import type {SectionSource} from '../base/section-source.ts'
import {type BuildIds, sameBuild} from '../elf/build-id.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import {SHT} from '../elf/elf-headers.ts'
import type {DebugFiles} from '../elf/module.ts'
import {SplitPackage} from '../elf/split-package.ts'
import {readDebugLink, readSupplementaryId, readSupplementaryLink, type SupplementaryLink} from './debug-links.ts'
import type {OpenFiles} from './open-files.ts'

/** Where distributions put debug files. */
const SYSTEM_DEBUG_DIR = '/usr/lib/debug'
const BUILD_ID = /^[0-9a-f]{4,128}$/
const CRC_CHUNK = 1024 * 1024

export interface DebugSearch {
  files: OpenFiles
  debugDirs: readonly string[]
  sysroots: readonly string[]
}

export interface DebugSubject {
  /** As the process knew the module. */
  path: string
  image: ElfFile | undefined
  /** Where the image was found. */
  imagePath: string | undefined
  buildIds: BuildIds
}

/** The path of a build-ID tree's entry (GDB manual, "Separate Debug Files"). */
export function buildIdPath(directory: string, buildId: string, suffix: string): string {
  return join(directory, '.build-id', buildId.slice(0, 2), `${buildId.slice(2)}${suffix}`)
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
  #separate: {file: ElfFile | undefined} | undefined
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
      const file = this.#search.files.elf(path)
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
    this.#separate ??= {file: this.#findSeparate()}
    return this.#separate.file
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

  #directories(): string[] {
    const {debugDirs, sysroots} = this.#search
    return [...debugDirs, ...sysroots.map(root => join(root, SYSTEM_DEBUG_DIR)), SYSTEM_DEBUG_DIR]
  }

  #findSeparate(): ElfFile | undefined {
    const {image, buildIds} = this.#subject
    if (image && hasDebugInfo(image) && holds(image, '.symtab')) return undefined
    const ids = {gnu: buildIds.gnu ?? image?.buildId, go: buildIds.go ?? image?.goBuildId}
    const link = image && readDebugLink(image)
    for (const path of this.#separatePaths(ids.gnu, link?.name)) {
      const file = this.#search.files.elf(path)
      if (!file || file === image) continue
      if (this.#isSameBuild(file, ids, link?.crc, path)) return file
    }
    return undefined
  }

  *#separatePaths(buildId: string | undefined, linkName: string | undefined): Generator<string> {
    yield* this.#extra
    const directories = this.#directories()
    if (isBuildId(buildId)) for (const directory of directories) yield buildIdPath(directory, buildId, '.debug')
    const {path, imagePath} = this.#subject
    const names = new Set([linkName, `${basename(path)}.debug`, `${basename(path)}.dbg`])
    for (const name of names) {
      if (name === undefined || name !== basename(name)) continue
      for (const place of homes(path, imagePath)) {
        yield join(place, name)
        yield join(place, '.debug', name)
        for (const directory of directories) yield join(directory, place, name)
      }
      for (const directory of directories) yield join(directory, name)
    }
  }

  /** The build ID decides; where a side has none, the CRC of .gnu_debuglink does. */
  #isSameBuild(file: ElfFile, ids: BuildIds, crc: number | undefined, path: string): boolean {
    const same = sameBuild(ids, file.buildIds)
    if (same === undefined) return crc !== undefined && crcOf(file) === crc
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
    const paths = [resolve(dirname(dwarf.name), link.name)]
    if (isBuildId(link.id)) {
      for (const directory of this.#directories()) paths.push(buildIdPath(directory, link.id, '.debug'))
    }
    // Debian names /usr/lib/debug/.dwz/x86_64-linux-gnu/NAME, which may lie in a tree of its own
    const tail = link.name.lastIndexOf('.dwz/')
    for (const directory of this.#directories()) {
      if (tail >= 0) paths.push(join(directory, link.name.slice(tail)))
      paths.push(join(directory, '.dwz', basename(link.name)))
    }
    if (this.#fetchedSupplementary !== undefined) paths.push(this.#fetchedSupplementary)
    for (const path of paths) {
      const file = this.#search.files.elf(path)
      if (file && (file.buildId ?? readSupplementaryId(file)) === link.id) return file
    }
    return undefined
  }

  *#splitPaths(name: string, compDir: string | undefined): Generator<string> {
    if (isAbsolute(name)) yield name
    else if (compDir !== undefined) yield join(compDir, name)
    for (const place of homes(this.#subject.path, this.#subject.imagePath)) {
      if (!isAbsolute(name)) yield join(place, name)
      yield join(place, basename(name))
    }
    for (const directory of this.#search.debugDirs) {
      yield join(directory, name)
      yield join(directory, basename(name))
    }
  }

  #openPackages(): SplitPackage[] {
    const {path, imagePath} = this.#subject
    const stems = new Set([path, imagePath, this.dwarf?.name].filter(stem => stem !== undefined))
    const paths = [...stems].map(stem => `${stem}.dwp`)
    for (const directory of this.#search.debugDirs) paths.push(join(directory, `${basename(path)}.dwp`))
    const packages: SplitPackage[] = []
    for (const candidate of paths) {
      const file = this.#search.files.elf(candidate)
      const opened = file && SplitPackage.open(file, this.#search.files.diagnostics)
      if (opened) packages.push(opened)
    }
    return packages
  }
}

/** Directories of a module: where it was found, and where it was in the process. */
function homes(path: string, imagePath: string | undefined): Set<string> {
  const found = new Set<string>()
  if (imagePath !== undefined) {
    found.add(dirname(imagePath))
    try {
      found.add(dirname(realpathSync(imagePath)))
    } catch {
      // Gone meanwhile: the other places remain.
    }
  }
  if (isAbsolute(path)) found.add(dirname(path))
  return found
}

function holds(file: ElfFile, name: string): boolean {
  const header = file.sectionHeader(name)
  return header !== undefined && header.type !== SHT.SHT_NOBITS && header.size > 0
}

const DEBUG_INFO_NAMES = ['.debug_info', '.zdebug_info', '.debug_info.dwo']

export function hasDebugInfo(file: ElfFile): boolean {
  return DEBUG_INFO_NAMES.some(name => holds(file, name))
}

function crcOf(file: ElfFile): number {
  const {source} = file
  let crc = 0
  for (let at = 0; at < source.size; at += CRC_CHUNK) {
    crc = crc32(source.read(at, Math.min(CRC_CHUNK, source.size - at)), crc)
  }
  return crc
}
