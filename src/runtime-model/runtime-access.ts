import type {Address} from '../base/address.ts'
import type {ByteSlab} from '../base/byte-slab.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {GoVersion} from '../gosym/version.ts'
import type {GoroutineStatuses} from './goroutine-status.ts'
import type {FunctionTable} from './runtime-globals.ts'
import type {LayoutSet} from './struct-layout.ts'
import type {WaitReasons} from './wait-reason.ts'

/** Range of a Go module that holds its type descriptors and their names (moduledata.types, moduledata.etypes). */
export interface TypeSection {
  readonly types: {readonly start: Address; readonly end: Address}
}

/** Go's function tables, as far as this room needs them; gosym's GoTables is one. */
export interface RuntimeTables extends FunctionTable {
  readonly modules: readonly TypeSection[]
}

/** What every reader of runtime structures needs: the memory, the release and its layouts, Go's tables. */
export interface RuntimeAccess {
  readonly memory: MemoryReader
  readonly release: GoVersion
  /** The program may be as old as this, where the release is a guess. */
  readonly oldestRelease: GoVersion
  readonly waitReasons: WaitReasons
  readonly statuses: GoroutineStatuses
  readonly layouts: LayoutSet
  readonly tables: RuntimeTables
  readonly diagnostics: Diagnostics
  /** Where copies of goroutines are kept, of which there may be many. */
  readonly slab: ByteSlab
}
