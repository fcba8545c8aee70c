import {readCodeAccesses} from '../amd64/code-accesses.ts'
import type {KnownAccesses} from '../amd64/known-accesses.ts'
import type {Address} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {chooseCandidate} from './global-checks.ts'
import {type Accesses, type Candidates, findMaxStackSize, findSched, RECIPES} from './global-recipes.ts'
import type {FoundRoots} from './root-search.ts'
import {parseSigtramp, type SigtrampFacts} from './sigtramp-offsets.ts'

/**
 * Variables of the runtime that we read, by the names of their ELF symbols; extram became extraM in 1.21, fingRunning
 * fingStatus in 1.20.
 */
const GLOBAL_NAMES = [
  'runtime.allgs',
  'runtime.allm',
  'runtime.allp',
  'runtime.sched',
  'runtime.iscgo',
  'runtime.panicking',
  'runtime.didothers',
  'runtime.traceback_cache',
  'runtime.debug',
  'runtime.cgoTraceback',
  'runtime.cgoContext',
  'runtime.cgoSymbolizer',
  'runtime.fingRunning',
  'runtime.fingStatus',
  'runtime.maxstacksize',
  'runtime.prof',
  'runtime.extram',
  'runtime.extraM',
  'runtime.m0',
  'runtime.g0',
  '_cgo_callers',
  '_cgo_set_context_function',
  '_cgo_set_traceback_functions',
  '_cgo_call_traceback_function',
  '_cgo_call_symbolizer_function',
] as const

export type GlobalName = (typeof GLOBAL_NAMES)[number] | 'runtime.debug.tracebacklabels'

/** Functions by name and by address: gosym's tables, which stripping leaves in place. */
export interface FunctionTable {
  functionNamed(name: string): {readonly entry: Address; readonly end: Address} | undefined
  functionAt(pc: Address): {readonly entry: Address; readonly name: string} | undefined
}

/** What a search of the data finds without any code. */
const SEARCHED: ReadonlySet<GlobalName> = new Set<GlobalName>(['runtime.allgs', 'runtime.allm', 'runtime.allp'])

/**
 * Addresses of the runtime's variables: from symbols, else from the operands of the functions that use them.
 * The code is decoded at most once, and only when a name that is asked for has no symbol.
 */
export class RuntimeGlobals {
  readonly #memory: MemoryReader
  readonly #functions: FunctionTable
  readonly #symbols: (name: string) => Address | undefined
  readonly #found = new Map<GlobalName, Address | undefined>()
  readonly #search: () => FoundRoots
  readonly #known: () => KnownAccesses | undefined
  #fromCode: ReadonlyMap<GlobalName, Address> | undefined
  #fromSearch: FoundRoots | undefined
  #sigtramp: SigtrampFacts | undefined
  #sigtrampRead = false

  /**
   * `search` is the last resort, for processes whose code is not at hand; it is made once, when first needed.
   * @param known what the code was found to name before
   */
  constructor(
    memory: MemoryReader,
    functions: FunctionTable,
    symbols: (name: string) => Address | undefined,
    search: () => FoundRoots = () => ({globals: {}, machineHeads: []}),
    known: () => KnownAccesses | undefined = () => undefined,
  ) {
    this.#memory = memory
    this.#functions = functions
    this.#symbols = symbols
    this.#search = search
    this.#known = known
  }

  /** undefined where neither a symbol nor code tells; a linker also drops variables that nothing uses. */
  address(name: GlobalName): Address | undefined {
    if (this.#found.has(name)) return this.#found.get(name)
    const found = this.#symbols(name) ?? (this.#isStripped() ? this.#withoutSymbols(name) : undefined)
    this.#found.set(name, found)
    return found
  }

  #withoutSymbols(name: GlobalName): Address | undefined {
    const fromCode = this.#addressFromCode(name)
    return fromCode === undefined && SEARCHED.has(name) ? this.#searched().globals[name] : fromCode
  }

  #searched(): FoundRoots {
    this.#fromSearch ??= this.#search()
    return this.#fromSearch
  }

  /** The places in the data that point at an M; none where symbols or code tell more. */
  get machineHeads(): readonly Address[] {
    return this.#isStripped() && this.#functions.functionNamed('runtime.mcommoninit') === undefined
      ? this.#searched().machineHeads
      : []
  }

  /** Where the machine code alone says the variable is: the answer for stripped binaries. */
  #addressFromCode(name: GlobalName): Address | undefined {
    this.#fromCode ??= this.#readRecipes()
    return this.#fromCode.get(name)
  }

  /** A binary with symbols names runtime.allgs; one that lacks only some other name had it dropped by the linker. */
  #isStripped(): boolean {
    return this.#symbols('runtime.allgs') === undefined
  }

  /** Whether the linker has dropped a variable, which it does where nothing in the program could set or read it. */
  isDropped(name: GlobalName): boolean {
    return !this.#isStripped() && this.#symbols(name) === undefined
  }

  /** Whether the program holds a function; undefined where nothing names its functions. */
  hasFunction(name: string): boolean | undefined {
    if (this.#functions.functionNamed('runtime.allgadd') === undefined) return undefined
    return this.#functions.functionNamed(name) !== undefined
  }

  /** The labels setting of 1.26+ is a field of runtime.debug, which only code (or DWARF) can place. */
  tracebackLabels(): Address | undefined {
    return this.#addressFromCode('runtime.debug.tracebacklabels')
  }

  /** Facts of runtime.cgoSigtramp; undefined in programs without cgo. */
  sigtramp(): SigtrampFacts | undefined {
    if (!this.#sigtrampRead) {
      this.#sigtrampRead = true
      const accesses = this.#accessesOf('runtime.cgoSigtramp')
      this.#sigtramp = accesses && parseSigtramp(accesses)
    }
    return this.#sigtramp
  }

  #accessesOf(name: string): Accesses | undefined {
    const found = this.#functions.functionNamed(name)
    return found && readCodeAccesses(this.#memory, found, this.#known())
  }

  #readRecipes(): ReadonlyMap<GlobalName, Address> {
    const candidates = new Map<GlobalName, Address[]>()
    const add = (found: Candidates) => {
      for (const [global, places] of Object.entries(found) as [GlobalName, readonly Address[]][]) {
        candidates.set(global, [...(candidates.get(global) ?? []), ...places])
      }
    }
    const sigtramp = this.sigtramp()
    if (sigtramp) add({'runtime.cgoTraceback': [sigtramp.cgoTraceback], _cgo_callers: [sigtramp.cgoCallers]})
    for (const [name, recipe] of RECIPES) {
      const accesses = this.#accessesOf(name)
      if (accesses) add(recipe(accesses))
    }
    const newproc = this.#accessesOf('runtime.newproc1')
    const mcommoninit = this.#accessesOf('runtime.mcommoninit')
    if (newproc && mcommoninit) add({'runtime.sched': findSched(newproc, mcommoninit)})
    const main = this.#accessesOf('runtime.main')
    const newstack = this.#accessesOf('runtime.newstack')
    if (main && newstack) add({'runtime.maxstacksize': findMaxStackSize(main, newstack)})
    const chosen = new Map<GlobalName, Address>()
    for (const [global, places] of candidates) {
      const address = chooseCandidate(this.#memory, global, places)
      if (address !== undefined) chosen.set(global, address)
    }
    return chosen
  }
}
