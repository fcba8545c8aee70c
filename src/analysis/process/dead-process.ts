import type {Address} from '../../base/address.ts'
import type {Deadline} from '../../base/deadline.ts'
import type {Diagnostics} from '../../base/diagnostics.ts'
import type {AddressSpace} from '../../elf/address-space.ts'
import type {CoreFile} from '../../elf/core-file.ts'
import type {Module} from '../../elf/module.ts'
import type {BuildInfo} from '../../gosym/build-info.ts'
import type {GoTables} from '../../gosym/func-table.ts'
import type {GoVersion} from '../../gosym/version.ts'
import type {GoRuntime} from '../../runtime-model/go-runtime.ts'
import type {Symbolizer} from '../../symbolize/symbolizer.ts'
import type {Unwinder} from '../../unwind/unwinder.ts'
import type {CgoHooks} from './cgo-hooks.ts'
import type {FrameOrigins} from './frame-origins.ts'
import type {TailCalls} from './tail-calls.ts'

/**
 * Everything that is known of the process before any stack is walked, as one of its Go runtimes sees it; each part
 * answers lazily.
 */
export interface DeadProcess {
  /**
   * The process as each of its Go runtimes sees it, this one too, that of the program first. A Go library
   * (-buildmode=c-shared) brings a runtime of its own along; most processes have one.
   */
  readonly images: readonly DeadProcess[]
  readonly core: CoreFile
  readonly modules: readonly Module[]
  /** The module that holds this Go runtime, or may hold it where its file is gone. */
  readonly goModule: Module | undefined
  readonly memory: AddressSpace
  /** The release that the program was read as. */
  readonly version: GoVersion
  /** The oldest that it may be, where `version` is only guessed. */
  readonly oldestVersion: GoVersion
  /** The release as the program itself says it; undefined where it was only guessed. */
  readonly versionText: string | undefined
  /** undefined where the process holds no Go code, or none that can be read. */
  readonly tables: GoTables | undefined
  readonly buildInfo: BuildInfo | undefined
  readonly runtime: GoRuntime | undefined
  readonly symbolizer: Symbolizer
  readonly unwinder: Unwinder
  readonly tailCalls: TailCalls
  /** What the program gave to runtime.SetCgoTraceback; nothing of it runs before it is asked. */
  readonly hooks: CgoHooks
  /** Where reported frames came from; undefined: nobody asks for their variables. */
  readonly origins?: FrameOrigins | undefined
  /** Whether code can be at an address. */
  readonly isExecutable: (address: Address) => boolean
  /** Whether a part of it is lost, so that no answer is whole; asked when all is read. */
  readonly isPartial: () => boolean
  /** The next step to try where the core has lost memory. */
  readonly advice: string | undefined
  readonly diagnostics: Diagnostics
  /** What would bring the names and lines of a module, the likeliest first. */
  readonly remediesFor: (module: Module) => readonly string[]
  readonly deadline: Deadline
  readonly maxFrames: number
}

/** Whether a place is in the image of a Go runtime without function tables: Go or C, for it holds both. */
export function isNamelessImage({tables, goModule}: Pick<DeadProcess, 'tables' | 'goModule'>, pc: Address): boolean {
  return !tables && goModule !== undefined && pc >= goModule.start && pc < goModule.end
}
