import type {ByteSource} from '../base/byte-source.ts'
import {FormatError, TruncatedFileError} from '../base/errors.ts'
import type {FileRange} from '../base/read-record.ts'
import {lastAtOrBelow} from '../base/sorted-ranges.ts'
import type {DebugPaths} from './debug-paths.ts'
import type {OpenFiles} from './open-files.ts'
import {
  MANIFEST_NAME,
  type PackageManifest,
  type PackedFile,
  type PackedModule,
  readManifest,
} from './package-manifest.ts'
import {readTar, SlicedSource} from './tar-archive.ts'

/** A package that was opened: its manifest, and its members by name. */
export class PackedFiles {
  readonly manifest: PackageManifest
  readonly #source: ByteSource
  readonly #members: ReadonlyMap<string, {start: number; size: number}>

  /** @throws FormatError · TruncatedFileError · UnsupportedError */
  constructor(source: ByteSource) {
    this.#source = source
    this.#members = readTar(source)
    this.manifest = readManifest(this.member(MANIFEST_NAME, `${source.name}(${MANIFEST_NAME})`))
  }

  /** @throws FormatError where there is no such member */
  member(name: string, as: string): ByteSource {
    const member = this.#members.get(name)
    if (!member) throw new FormatError(this.#source.name, `no member ${name}`)
    return new SlicedSource(this.#source, member.start, member.size, as)
  }

  /** Has the path of each packed file stand for its member. */
  addTo(files: OpenFiles): void {
    for (const file of this.manifest.modules.flatMap(filesOf)) {
      const bytes = this.member(file.member, file.path)
      files.add(file.path, file.holes.length > 0 ? new HoledSource(bytes, file.holes) : bytes, file.holes)
    }
  }
}

function filesOf({image, separate, supplementary, split, packages}: PackedModule): PackedFile[] {
  const single = [image, separate, supplementary].filter(file => file !== null)
  return [...single, ...split.map(({file}) => file), ...packages]
}

/** Where the debug files of a packed module are: what was found is known. */
export class PackedDebugPaths implements DebugPaths {
  readonly #module: PackedModule | undefined

  /** @param module undefined: the package knows none such */
  constructor(module: PackedModule | undefined) {
    this.#module = module
  }

  separate(): string[] {
    return pathsOf([this.#module?.separate])
  }

  supplementary(): string[] {
    return pathsOf([this.#module?.supplementary])
  }

  split(name: string, compDir: string | undefined): string[] {
    const units = (this.#module?.split ?? []).filter(unit => unit.name === name && unit.compDir === (compDir ?? null))
    return pathsOf(units.map(({file}) => file))
  }

  packages(): string[] {
    return pathsOf(this.#module?.packages ?? [])
  }
}

function pathsOf(files: readonly (PackedFile | null | undefined)[]): string[] {
  return files.flatMap(file => (file ? [file.path] : []))
}

/** A file some parts of which are missing: a read of one is an error, never zeros. */
class HoledSource implements ByteSource {
  readonly #source: ByteSource
  readonly #starts: Float64Array
  readonly #ends: Float64Array

  constructor(source: ByteSource, holes: readonly FileRange[]) {
    const sorted = [...holes].sort((a, b) => a.start - b.start)
    this.#source = source
    this.#starts = Float64Array.from(sorted, ({start}) => start)
    this.#ends = Float64Array.from(sorted, ({end}) => end)
  }

  get name(): string {
    return this.#source.name
  }

  get size(): number {
    return this.#source.size
  }

  read(offset: number, length: number): Uint8Array {
    const index = lastAtOrBelow(this.#starts, offset + length - 1)
    if (length > 0 && index >= 0 && (this.#ends[index] as number) > offset) {
      throw new TruncatedFileError(`${this.name}+0x${offset.toString(16)} (not packed)`, length, offset)
    }
    return this.#source.read(offset, length)
  }
}
