import {BoundedCache} from '../base/bounded-cache.ts'
import {Cursor} from '../base/cursor.ts'
import {decodeName} from '../base/foreign-name.ts'
import type {SectionSource} from '../base/section-source.ts'

const NOTHING = new Uint8Array(0)
/** Characters of paths that are kept: they may share their bytes. */
const PATHS_KEPT = 16 * 1024 * 1024

/** A part of a section that belongs to one unit of a package file. */
export interface Contribution {
  offset: number
  size: number
}

/** The `.debug_*` sections of one file, under their plain names whether the file is an executable, a .dwo or a .dwp. */
export class DebugSections {
  readonly name: string
  readonly #source: SectionSource
  /** '.dwo' in split files, else ''. */
  readonly suffix: '' | '.dwo'
  readonly #contributions: ReadonlyMap<string, Contribution> | undefined
  readonly #bytes = new Map<string, Uint8Array>()
  readonly #labels = new Map<string, string>()
  readonly #paths = new BoundedCache<number, string | undefined>(PATHS_KEPT, path => 32 + (path?.length ?? 0))

  constructor(source: SectionSource, suffix: '' | '.dwo' = '', contributions?: ReadonlyMap<string, Contribution>) {
    this.name = source.name
    this.#source = source
    this.suffix = suffix
    this.#contributions = contributions
  }

  /** The bytes of `.debug_x`; empty where it is absent. */
  bytes(section: string): Uint8Array {
    let bytes = this.#bytes.get(section)
    if (!bytes) {
      bytes = this.#contributed(section, this.#source.section(section + this.suffix)?.bytes ?? NOTHING)
      this.#bytes.set(section, bytes)
    }
    return bytes
  }

  #contributed(section: string, bytes: Uint8Array): Uint8Array {
    if (!this.#contributions || section === '.debug_str' || section === '.debug_line_str') return bytes
    const contribution = this.#contributions.get(section)
    if (!contribution) return NOTHING
    return bytes.subarray(contribution.offset, contribution.offset + contribution.size)
  }

  label(section: string): string {
    let label = this.#labels.get(section)
    if (label === undefined) {
      label = `${this.name}:${section}${this.suffix}`
      this.#labels.set(section, label)
    }
    return label
  }

  /** A cursor over a whole section. */
  cursor(section: string): Cursor {
    return new Cursor(this.bytes(section), this.label(section))
  }

  /** The path of `.debug_line_str` at an offset: each unit names much the same ones. */
  path(offset: number): string | undefined {
    return this.#paths.of(offset, () => this.string('.debug_line_str', offset))
  }

  /** The NUL-terminated string at an offset of a string section; undefined past its end. */
  string(section: string, offset: number): string | undefined {
    const bytes = this.bytes(section)
    if (!(offset < bytes.length)) return undefined
    const nul = bytes.indexOf(0, offset)
    return decodeName(bytes, offset, nul < 0 ? bytes.length : nul)
  }
}
