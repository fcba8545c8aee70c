import type {CxxNode} from './cxx-printer.ts'
import type {MangledText} from './mangled-text.ts'

/** What the productions of the grammar (Itanium C++ ABI, 5.1) ask of each other. The reader is one. */
export interface CxxGrammar {
  readonly text: MangledText
  /**
   * Whether the type of a conversion operator is being read: what stands behind it are the operator's own arguments.
   */
  readonly inConversion: boolean
  /** Bounds nesting and work. */
  nest<T>(read: () => T): T
  /** Names that can be abbreviated from here on. */
  remember(node: CxxNode): CxxNode
  /** `top`: not the enclosing function of a local name, whose result is left out. */
  encoding(top: boolean): CxxNode
  name(): CxxNode
  sourceName(): CxxNode
  operatorName(): CxxNode
  withArgs(name: CxxNode): CxxNode
  templateArgs(): CxxNode[]
  templateArg(): CxxNode
  templateParam(): CxxNode
  substitution(): CxxNode
  qualifiers(): string
  decltype(): CxxNode
  type(): CxxNode
  expression(): CxxNode
}
