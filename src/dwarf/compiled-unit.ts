import type {Diagnostics} from '../base/diagnostics.ts'
import type {Extent} from '../base/extent.ts'
import {SameStack} from '../base/same-stack.ts'
import {type CallSite, readCallSite, readTailCalls, type TailCallSite} from './call-sites.ts'
import {DW_AT} from './constants.ts'
import {type DieNames, readNames} from './die-names.ts'
import {FunctionIndex} from './function-index.ts'
import {type InlinedCall, InlineTree} from './inline-tree.ts'
import {type LineRow, LineTable} from './line-program.ts'
import {readScope} from './scope-index.ts'
import {type FunctionScopes, readFunctionScopes} from './scope-variables.ts'
import {openSplitUnit, type SplitUnitFinder} from './split-unit.ts'
import type {DieReference, Unit} from './unit.ts'

/**
 * The tables of one unit, made when they are first needed and then kept. What cannot be read is lost alone, once: the
 * error becomes a diagnostic and the table stays absent.
 */
export class CompiledUnit {
  /** The unit in the executable; for split DWARF the skeleton. */
  readonly #unit: Unit
  readonly #findSplit: SplitUnitFinder | undefined
  readonly #diagnostics: Diagnostics
  #body: Unit | undefined
  #lines: LineTable | null | undefined
  #functions: FunctionIndex | null | undefined
  /** By function; null where nothing is inlined. */
  readonly #trees: (InlineTree | null)[] = []
  readonly #stacks = new Map<number, SameStack>()
  readonly #names = new Map<number, DieNames>()
  readonly #tailCalls = new Map<number, readonly TailCallSite[] | undefined>()

  constructor(unit: Unit, findSplit: SplitUnitFinder | undefined, diagnostics: Diagnostics) {
    this.#unit = unit
    this.#findSplit = findSplit
    this.#diagnostics = diagnostics
  }

  get language(): string | undefined {
    return this.#bodyUnit().language
  }

  /** The unit that holds the DIEs. */
  #bodyUnit(): Unit {
    if (!this.#body) {
      const find = this.#findSplit
      const split = find && this.#attempt(() => openSplitUnit(this.#unit, find, this.#diagnostics))
      this.#body = split ?? this.#unit
    }
    return this.#body
  }

  #attempt<T>(parse: () => T): T | undefined {
    try {
      return parse()
    } catch (error) {
      this.#report(error)
      return undefined
    }
  }

  #report(error: unknown): void {
    this.#diagnostics.addError('dwarf-unit', error)
  }

  get lines(): LineTable | undefined {
    if (this.#lines === undefined) {
      const offset = this.#unit.root.number(DW_AT.stmt_list)
      this.#lines =
        (offset === undefined
          ? undefined
          : this.#attempt(() => LineTable.parse(this.#unit, offset, error => this.#report(error)))) ?? null
    }
    return this.#lines ?? undefined
  }

  findLine(address: number, extent?: Extent): LineRow | undefined {
    return this.lines?.find(address, extent)
  }

  get functions(): FunctionIndex | undefined {
    if (this.#functions === undefined) {
      this.#functions = this.#attempt(() => FunctionIndex.parse(this.#bodyUnit(), error => this.#report(error))) ?? null
    }
    return this.#functions ?? undefined
  }

  /** The inlined calls of a function of `functions` that an address is inside of, innermost first. */
  inlinedCalls(functionIndex: number, address: number): InlinedCall[] {
    return this.#tree(functionIndex)?.find(address) ?? []
  }

  /** One object for all addresses inside the same function of `functions` and the same inlined calls. */
  stackAt(functionIndex: number, address: number, extent: Extent): SameStack {
    const call = functionIndex < 0 ? -1 : (this.#tree(functionIndex)?.innermost(address, extent) ?? -1)
    const key = (functionIndex + 1) * STACKS_OF_FUNCTION + call + 1
    let stack = this.#stacks.get(key)
    if (!stack) {
      stack = new SameStack()
      this.#stacks.set(key, stack)
    }
    return stack
  }

  #tree(functionIndex: number): InlineTree | undefined {
    let tree = this.#trees[functionIndex]
    if (tree === undefined) {
      const offset = this.functions?.offset(functionIndex) ?? 0
      tree = this.#attempt(() => InlineTree.parse(this.#bodyUnit(), offset)) ?? null
      this.#trees[functionIndex] = tree
    }
    return tree ?? undefined
  }

  /** The tail calls of a function of `functions`; undefined where they are not known to be all. */
  tailCalls(functionIndex: number): readonly TailCallSite[] | undefined {
    if (!this.#tailCalls.has(functionIndex)) {
      const offset = this.functions?.offset(functionIndex) ?? 0
      this.#tailCalls.set(
        functionIndex,
        this.#attempt(() => readTailCalls(this.#bodyUnit(), offset)),
      )
    }
    return this.#tailCalls.get(functionIndex)
  }

  /** The variables in whose scope an address of a function of `functions` is. */
  scopes(functionIndex: number, address: number): FunctionScopes | undefined {
    const offset = this.functions?.offset(functionIndex) ?? 0
    return this.#attempt(() => readFunctionScopes(this.#bodyUnit(), offset, address))
  }

  /** The call in a function of `functions` that returns to an address. */
  callSite(functionIndex: number, returnPc: number): CallSite | undefined {
    const offset = this.functions?.offset(functionIndex) ?? 0
    return this.#attempt(() => readCallSite(this.#bodyUnit(), offset, returnPc))
  }

  functionNames(functionIndex: number): DieNames {
    return this.names({unit: this.#bodyUnit(), offset: this.functions?.offset(functionIndex) ?? 0})
  }

  names(reference: DieReference): DieNames {
    let names = this.#names.get(reference.offset)
    if (!names) {
      const none = {name: undefined, linkageName: undefined, language: undefined}
      names = this.#attempt(() => readNames(reference)) ?? none
      this.#names.set(reference.offset, names)
    }
    return names
  }

  /** The scopes that a function without a readable linkage name is in; undefined where it is in none. */
  scopeOf({named, linkageName, language}: DieNames): string | undefined {
    const inFunctions = language === 'fortran'
    if (!named || (linkageName !== undefined && !inFunctions) || NAMED_IN_FULL.has(language ?? '')) return undefined
    return this.#attempt(() => readScope(named, inFunctions))
  }
}

/** More inlined calls than a function can have: each takes bytes of a section. */
const STACKS_OF_FUNCTION = 2 ** 27

/** Languages whose compilers write qualified names into DW_AT_name, and that without scopes. */
const NAMED_IN_FULL: ReadonlySet<string> = new Set(['ada', 'c', 'go'])
