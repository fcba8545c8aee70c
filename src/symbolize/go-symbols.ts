import type {Address, ModuleOffset} from '../base/address.ts'
import type {SourceFrame} from './source-frame.ts'

/** What is needed of the Go tables (gosym's GoTables is one). */
export interface GoFunctionSource {
  functionAt(pc: Address): GoFunctionFrames | undefined
}

export interface GoFunctionFrames {
  readonly entry: Address
  inlineFrames(lookupPc: Address): readonly {name: string; file: string; line: number; inlined: boolean}[]
}

/** Frames of a Go pc by the runtime's own tables, as the runtime itself would name them; undefined for other code. */
export function locateGo(
  tables: GoFunctionSource,
  lookupPc: Address,
  place: {module: string | null; moduleOffset: ModuleOffset | null},
): SourceFrame[] | undefined {
  const found = tables.functionAt(lookupPc)
  if (!found) return undefined
  return found.inlineFrames(lookupPc).map(frame => ({
    kind: 'go',
    function: frame.name === '' ? null : frame.name,
    linkageName: null,
    // the tables write `?` and line 0 for a position that they do not have
    file: frame.file === '?' || frame.file === '' ? null : frame.file,
    line: frame.line > 0 ? frame.line : null,
    column: null,
    entry: found.entry,
    inlined: frame.inlined,
    language: 'go',
    ...place,
  }))
}
