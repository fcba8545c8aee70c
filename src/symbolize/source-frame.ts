import type {Address, ModuleOffset} from '../base/address.ts'

/** One logical frame at a pc. What is unknown is null. */
export interface SourceFrame {
  readonly kind: 'go' | 'c'
  /** For people: demangled where the name was mangled. */
  readonly function: string | null
  /** As the linker knows it, where that differs from the name in the source. */
  readonly linkageName: string | null
  readonly file: string | null
  readonly line: number | null
  readonly column: number | null
  /** Address in the process of the function that holds the code, also for a frame inlined into it. */
  readonly entry: Address | null
  readonly inlined: boolean
  readonly language: string | null
  /** Path of the module. */
  readonly module: string | null
  /** Of the pc, from the module's lowest address. */
  readonly moduleOffset: ModuleOffset | null
}
