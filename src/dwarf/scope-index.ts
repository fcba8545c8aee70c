import {middleOf} from '../base/sorted-ranges.ts'
import {DW_AT, DW_TAG} from './constants.ts'
import {mayHoldFunctions} from './die-names.ts'
import {DieWalker} from './die-walker.ts'
import {DieAttributes} from './form.ts'
import type {DieReference, Unit} from './unit.ts'

/** What gives the names inside of it a prefix (DWARF 5, 3.2.2, 3.4 and 5.7); functions do in some languages. */
const SCOPES: ReadonlySet<number> = new Set([
  DW_TAG.namespace,
  DW_TAG.module,
  DW_TAG.class_type,
  DW_TAG.structure_type,
  DW_TAG.union_type,
  DW_TAG.interface_type,
  DW_TAG.subprogram,
])

/** Scopes around one function; names of programs nest a dozen deep at most. */
const SCOPE_LIMIT = 64

/** Which scopes the scopes and functions of a unit lie in; columns by their order in the unit. */
export class ScopeIndex {
  readonly #offsets: readonly number[]
  readonly #tags: readonly number[]
  /** Row of the scope around, or -1. */
  readonly #parents: readonly number[]

  private constructor(offsets: number[], tags: number[], parents: number[]) {
    this.#offsets = offsets
    this.#tags = tags
    this.#parents = parents
  }

  /** Walks the unit once. @throws FormatError */
  static parse(unit: Unit): ScopeIndex {
    const [offsets, tags, parents]: [number[], number[], number[]] = [[], [], []]
    const open: {depth: number; row: number}[] = []
    const walker = new DieWalker(unit, unit.header.firstDie)
    while (walker.next()) {
      const {depth, tag, offset} = walker
      while ((open[open.length - 1]?.depth ?? -1) >= depth) open.pop()
      if (!mayHoldFunctions(tag, unit)) walker.skipChildren()
      if (!SCOPES.has(tag)) continue
      parents.push(open[open.length - 1]?.row ?? -1)
      open.push({depth, row: offsets.length})
      offsets.push(offset)
      tags.push(tag)
    }
    return new ScopeIndex(offsets, tags, parents)
  }

  /** The scope around a DIE of this unit; undefined where it is in none. */
  around(offset: number): {offset: number; tag: number} | undefined {
    const row = this.#parents[this.#rowOf(offset)] ?? -1
    return row < 0 ? undefined : {offset: this.#offsets[row] as number, tag: this.#tags[row] as number}
  }

  /** Offsets grow: a search by halves. */
  #rowOf(offset: number): number {
    let [low, high] = [0, this.#offsets.length]
    while (low < high) {
      const middle = middleOf(low, high)
      if ((this.#offsets[middle] as number) < offset) low = middle + 1
      else high = middle
    }
    return this.#offsets[low] === offset ? low : -1
  }
}

/**
 * The scopes that a function is named in, outermost first, with `::` between, as gdb shows them; undefined where it is
 * in none.
 * @param inFunctions whether a function is a scope too (Fortran)
 * @throws FormatError
 */
export function readScope(reference: DieReference, inFunctions: boolean): string | undefined {
  const names: string[] = []
  let at: DieReference = reference
  for (let step = 0; step < SCOPE_LIMIT; step++) {
    const scope = at.unit.scopes.around(at.offset)
    if (!scope || (scope.tag === DW_TAG.subprogram && !inFunctions)) break
    const {name, declaration} = readScopeName({unit: at.unit, offset: scope.offset}, scope.tag)
    names.unshift(name)
    // As in gdb: `apply::inner`, whatever module holds apply.
    if (scope.tag === DW_TAG.subprogram) break
    // What is defined elsewhere is named where it was declared.
    at = declaration ?? {unit: at.unit, offset: scope.offset}
  }
  return names.length === 0 ? undefined : names.join('::')
}

function readScopeName(
  {unit, offset}: DieReference,
  tag: number,
): {name: string; declaration: DieReference | undefined} {
  const attributes = new DieAttributes()
  const walker = new DieWalker(unit, offset)
  if (walker.next()) walker.read(attributes)
  const declaration = unit.reference(attributes, DW_AT.specification)
  const own = unit.string(attributes, DW_AT.name)
  const name = own ?? (declaration && readScopeName(declaration, tag).name)
  return {name: name ?? (tag === DW_TAG.namespace ? '(anonymous namespace)' : '{unnamed type}'), declaration}
}
