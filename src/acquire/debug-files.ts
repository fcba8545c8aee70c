import {crc32} from 'node:zlib'
import type {Deadline} from '../base/deadline.ts'
import type {SectionSource} from '../base/section-source.ts'
import {type BuildIds, sameBuild} from '../elf/build-id.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import {SHT} from '../elf/elf-headers.ts'
import type {DebugFiles} from '../elf/module.ts'
import {SplitPackage} from '../elf/split-package.ts'
import {readDebugLink, readSupplementaryId, readSupplementaryLink, type SupplementaryLink} from './debug-links.ts'
import {type DebugPaths, type DebugSubject, isBuildId} from './debug-paths.ts'
import type {OpenFiles} from './open-files.ts'

const CRC_CHUNK = 1024 * 1024

/** The files that a module's debug information was taken from, by path. */
export interface UsedDebugFiles {
  readonly separate: string | undefined
  readonly supplementary: string | undefined
  readonly split: readonly {name: string; compDir: string | undefined; path: string}[]
  readonly packages: readonly string[]
  /** Some unit is in a file of its own, found or not. */
  readonly asksForSplit: boolean
}

interface FoundFile {
  readonly file: ElfFile | undefined
  readonly path: string | undefined
}

const NOTHING: FoundFile = {file: undefined, path: undefined}

/** Where one module's debug information is, looked for at first use. */
export class ModuleDebugFiles implements DebugFiles {
  readonly #subject: DebugSubject
  readonly #files: OpenFiles
  readonly #paths: DebugPaths
  readonly #extra: string[] = []
  #miniDebugInfo: ElfFile | undefined
  #separate: FoundFile | undefined
  #fetchedSupplementary: string | undefined
  #supplementary: FoundFile | undefined
  readonly #split: {name: string; compDir: string | undefined; path: string}[] = []
  #asksForSplit = false
  #packages: {path: string; opened: SplitPackage}[] | undefined

  constructor(subject: DebugSubject, files: OpenFiles, paths: DebugPaths) {
    this.#subject = subject
    this.#files = files
    this.#paths = paths
  }

  /** What was opened so far. */
  get used(): UsedDebugFiles {
    return {
      separate: this.#separate?.path,
      supplementary: this.#supplementary?.path,
      split: this.#split,
      packages: (this.#packages ?? []).map(({path}) => path),
      asksForSplit: this.#asksForSplit,
    }
  }

  get dwarf(): SectionSource | undefined {
    const {image} = this.#subject
    if (image && hasDebugInfo(image)) return image
    const separate = this.separateFile
    if (separate && hasDebugInfo(separate)) return separate
    return [image, separate].find(file => file?.sectionHeader('.debug_frame') || file?.sectionHeader('.debug_line'))
  }

  get hasInfo(): boolean {
    const {image} = this.#subject
    return (image && hasDebugInfo(image)) || (this.separateFile && hasDebugInfo(this.separateFile)) || false
  }

  get symbols(): ElfFile | undefined {
    const separate = this.separateFile
    if (separate && holds(separate, '.symtab')) return separate
    return this.#miniDebugInfo
  }

  get supplementary(): SectionSource | undefined {
    this.#supplementary ??= this.#requireSupplementary()
    return this.#supplementary.file
  }

  /** The build ID of a supplementary file that is needed and not here. */
  get missingSupplementary(): string | undefined {
    const {dwarf} = this
    const link = dwarf && readSupplementaryLink(dwarf)
    return link && isBuildId(link.id) && !this.#findSupplementary(dwarf, link).file ? link.id : undefined
  }

  splitUnit(name: string, compDir: string | undefined, dwoId: bigint | undefined): SectionSource | undefined {
    this.#asksForSplit = true
    for (const path of this.#paths.split(name, compDir)) {
      const file = path === undefined ? undefined : this.#files.elf(path)
      if (path === undefined || !file || !hasDebugInfo(file)) continue
      this.#split.push({name, compDir, path})
      return file
    }
    if (dwoId === undefined) return undefined
    this.#packages ??= this.#openPackages()
    for (const {opened} of this.#packages) {
      const unit = opened.unit(dwoId)
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

  #requireSeparate(): FoundFile {
    this.#separate ??= this.#findSeparate()
    return this.#separate
  }

  #findSeparate(): FoundFile {
    const {image, buildIds} = this.#subject
    if (image && hasDebugInfo(image) && holds(image, '.symtab')) return NOTHING
    const ids = {gnu: buildIds.gnu ?? image?.buildId, go: buildIds.go ?? image?.goBuildId}
    const link = image && readDebugLink(image)
    for (const path of inTurn(this.#extra, this.#paths.separate(ids, link?.name))) {
      const file = path === undefined ? undefined : this.#files.elf(path)
      if (!file || path === undefined || file === image) continue
      if (this.#isSameBuild(file, ids, link?.crc, path)) return {file, path}
    }
    return NOTHING
  }

  /** The build ID decides; where a side has none, the CRC of .gnu_debuglink does. */
  #isSameBuild(file: ElfFile, ids: BuildIds, crc: number | undefined, path: string): boolean {
    const same = sameBuild(ids, file.buildIds)
    if (same === undefined) return crc !== undefined && crcOf(file, this.#files.deadline) === crc
    if (same) return true
    this.#files.diagnostics.add(
      'debug-file-mismatch',
      `${path}: its build ID is ${file.buildId ?? file.goBuildId}, not the module's ${ids.gnu ?? ids.go}`,
      {severity: 'info', where: path},
    )
    return false
  }

  #requireSupplementary(): FoundFile {
    const {dwarf} = this
    const link = dwarf && readSupplementaryLink(dwarf)
    const found = link ? this.#findSupplementary(dwarf, link) : NOTHING
    if (!link || found.file) return found
    this.#files.diagnostics.add('no-supplementary-file', `${link.name} (dwz) was not found`, {
      where: dwarf.name,
      hint: 'install the debug package of the same version, or name its directory with --debug-dir',
    })
    return NOTHING
  }

  #findSupplementary(dwarf: SectionSource, link: SupplementaryLink): FoundFile {
    const home = dwarf === this.#subject.image ? this.#subject.imagePath : this.#requireSeparate().path
    for (const path of inTurn(this.#paths.supplementary(link, home), [this.#fetchedSupplementary])) {
      const file = path === undefined ? undefined : this.#files.elf(path)
      if (file && (file.buildId ?? readSupplementaryId(file)) === link.id) return {file, path}
    }
    return NOTHING
  }

  #openPackages(): {path: string; opened: SplitPackage}[] {
    const packages: {path: string; opened: SplitPackage}[] = []
    for (const path of new Set(this.#paths.packages(this.#requireSeparate().path))) {
      const file = path === undefined ? undefined : this.#files.elf(path)
      const opened = file && SplitPackage.open(file, this.#files.diagnostics)
      if (path !== undefined && opened) packages.push({path, opened})
    }
    return packages
  }
}

/** One list behind the other; what is not asked for is not looked for. */
function* inTurn<T>(...lists: readonly Iterable<T>[]): Generator<T> {
  for (const list of lists) yield* list
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
