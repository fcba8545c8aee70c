import type {ByteSource} from '../base/byte-source.ts'
import type {Artifact} from '../report/vocabulary.ts'

/** What became of a file that was to be kept. */
export type Kept = 'stored' | 'held'

/** What a file goes by in a store. */
export interface StoreEntry {
  readonly key: string
  readonly artifact: Artifact
}

/** Keeps programs, libraries and debug files by build ID, as debuginfod serves them: `buildid/KEY/executable`. */
export interface SymbolStore {
  /** As it was named. */
  readonly name: string
  /**
   * Keeps a file under each entry, whole or not at all; what is there already stays.
   * @throws InputError
   */
  keep(file: ByteSource, entries: readonly StoreEntry[]): AsyncGenerator<Kept>
}
