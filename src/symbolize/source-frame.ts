import type {Address, ModuleOffset} from '../base/address.ts'
import type {Extent} from '../base/extent.ts'
import type {SameStack} from '../base/same-stack.ts'

/** Where a pc lies, whatever is known of it. */
export interface FramePlace {
  /** Path of the module. */
  readonly module: string | null
  /** Of the pc, from the module's lowest address. */
  readonly moduleOffset: ModuleOffset | null
}

/** One logical frame at a pc. What is unknown is null. */
export interface SourceFrame extends FramePlace {
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
}

/** A pc of which no more is known than where it lies. */
export function unknownFrame(place: FramePlace): SourceFrame {
  return {
    kind: 'c',
    function: null,
    linkageName: null,
    file: null,
    line: null,
    column: null,
    entry: null,
    inlined: false,
    language: null,
    ...place,
  }
}

/** What is needed of the Go tables (gosym's GoTables is one). */
export interface GoFunctionSource {
  functionAt(pc: Address): GoFunctionFrames | undefined
  /**
   * For many pcs of one file: all pcs of one `stack` have the same frames, but for the position of the innermost one,
   * which is given.
   */
  placeAt?(pc: Address, extent: Extent): (GoPosition & {readonly stack: SameStack}) | undefined
}

/** The tables write `?` and line 0 for a position that they do not have. */
export interface GoPosition {
  readonly file: string
  readonly line: number
}

export interface GoFunctionFrames {
  readonly entry: Address
  inlineFrames(lookupPc: Address): readonly (GoPosition & {linkedName: string; inlined: boolean})[]
}

/** Frames of a Go pc by the runtime's own tables, by the names that the linker wrote; undefined for other code. */
export function locateGo(tables: GoFunctionSource, lookupPc: Address, place: FramePlace): SourceFrame[] | undefined {
  const found = tables.functionAt(lookupPc)
  if (!found) return undefined
  return found.inlineFrames(lookupPc).map(frame => {
    const {file, line, column} = positionOf(frame)
    return {
      kind: 'go',
      function: frame.linkedName === '' ? null : frame.linkedName,
      linkageName: null,
      file,
      line,
      column,
      entry: found.entry,
      inlined: frame.inlined,
      language: 'go',
      module: place.module,
      moduleOffset: place.moduleOffset,
    }
  })
}

/** Where a frame is in its source; what is unknown is null. */
export type FramePosition = Pick<SourceFrame, 'file' | 'line' | 'column'>

export function positionOf({file, line}: GoPosition): FramePosition {
  return {file: file === '?' || file === '' ? null : file, line: line > 0 ? line : null, column: null}
}
