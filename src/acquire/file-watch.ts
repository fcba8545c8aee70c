import type {FileChange, FileSource} from '../base/byte-source.ts'
import type {Diagnostics} from '../base/diagnostics.ts'

const CHANGES: Readonly<Record<FileChange, string>> = {
  shrunk: 'it became shorter while it was read: what was behind its new end is missing',
  grown: 'it became longer while it was read: it was still being written',
  rewritten: 'it was written to while it was read: parts of it may be of another state than others',
}

/**
 * The files of a run, which others may change while they are read: an upload that is still going on, a core that is
 * cleaned up, a program that is deployed anew. What was read of such a file need not have been there at one time.
 */
export class FileWatch {
  readonly #files = new Set<FileSource>()
  readonly #changed = new Set<FileSource>()
  readonly #diagnostics: Diagnostics

  constructor(diagnostics: Diagnostics) {
    this.#diagnostics = diagnostics
    diagnostics.beforeList(() => this.hasChanges())
  }

  add(file: FileSource): void {
    this.#files.add(file)
  }

  /** Looks at the files that were opened so far; each change is told of once. */
  hasChanges(): boolean {
    for (const file of this.#files) {
      const {change} = file
      if (!change || this.#changed.has(file)) continue
      this.#changed.add(file)
      this.#diagnostics.add('file-changed', `${file.name}: ${CHANGES[change]}`, {
        where: file.name,
        hint: 'copy the file, or wait until it is whole, and try again',
      })
    }
    return this.#changed.size > 0
  }
}
