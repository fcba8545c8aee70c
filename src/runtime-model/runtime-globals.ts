import {type CodeAccess, readCodeAccesses} from '../amd64/code-accesses.ts'
import {type Address, toAddress} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {FoundRoots} from './root-search.ts'
import {parseSigtramp, type SigtrampFacts} from './sigtramp-offsets.ts'

/** Variables of the runtime that we read, by the names of their ELF symbols; extram became extraM in 1.21, fingRunning fingStatus in 1.20. */
export const GLOBAL_NAMES = [
  'runtime.allgs',
  'runtime.allm',
  'runtime.allp',
  'runtime.sched',
  'runtime.iscgo',
  'runtime.panicking',
  'runtime.didothers',
  'runtime.crashing',
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
  functionNamed(name: string): {readonly entry: Address} | undefined
  functionAt(pc: Address): {readonly entry: Address; readonly name: string} | undefined
}

/** sched.lock is the fourth or fifth word of sched (1.7-1.24, 1.25+). */
const MAX_SCHED_LOCK = 64

/** Offset of prof.hz (src/runtime/proc.go). */
export const PROF_HZ = 4

/** What a search of the data finds without any code. */
const SEARCHED: ReadonlySet<GlobalName> = new Set<GlobalName>(['runtime.allgs', 'runtime.allm', 'runtime.allp'])

type Accesses = readonly CodeAccess[]
/** What a function's code says about globals: names to addresses. */
type Recipe = (accesses: Accesses) => Partial<Record<GlobalName, Address | undefined>>

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
  #fromCode: ReadonlyMap<GlobalName, Address> | undefined
  #fromSearch: FoundRoots | undefined
  #sigtramp: SigtrampFacts | undefined
  #sigtrampRead = false

  /** `search` is the last resort, for processes whose code is not at hand; it is made once, when first needed. */
  constructor(
    memory: MemoryReader,
    functions: FunctionTable,
    symbols: (name: string) => Address | undefined,
    search: () => FoundRoots = () => ({}),
  ) {
    this.#memory = memory
    this.#functions = functions
    this.#symbols = symbols
    this.#search = search
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
    if (fromCode !== undefined || !SEARCHED.has(name)) return fromCode
    this.#fromSearch ??= this.#search()
    return this.#fromSearch[name]
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
    const entry = this.#functions.functionNamed(name)?.entry
    if (entry === undefined) return undefined
    return readCodeAccesses(this.#memory, entry, pc => this.#functions.functionAt(pc)?.entry === entry)
  }

  #readRecipes(): ReadonlyMap<GlobalName, Address> {
    const found = new Map<GlobalName, Address>()
    const sigtramp = this.sigtramp()
    if (sigtramp) found.set('runtime.cgoTraceback', sigtramp.cgoTraceback).set('_cgo_callers', sigtramp.cgoCallers)
    for (const [name, recipe] of RECIPES) {
      const accesses = this.#accessesOf(name)
      if (!accesses) continue
      for (const [global, address] of Object.entries(recipe(accesses)) as [GlobalName, Address | undefined][]) {
        if (address !== undefined && !found.has(global)) found.set(global, address)
      }
    }
    const newproc = this.#accessesOf('runtime.newproc1')
    const mcommoninit = this.#accessesOf('runtime.mcommoninit')
    const sched = newproc && mcommoninit && findSched(newproc, mcommoninit)
    if (sched !== undefined) found.set('runtime.sched', sched)
    return found
  }
}

/** Function, and what its operands are. Checked on 1.15 to 1.27, plain and PIE, against the symbols of the same binaries. */
const RECIPES: readonly (readonly [functionName: string, recipe: Recipe])[] = [
  ['runtime.allgadd', accesses => ({'runtime.allgs': findSlice(accesses)})],
  ['runtime.mcommoninit', accesses => ({'runtime.allm': findListHead(accesses)})],
  ['runtime.procresize', accesses => ({'runtime.allp': findSlice(accesses)})],
  ['runtime.startpanic_m', accesses => ({'runtime.panicking': findAtomicAdds(accesses, 4)[0]})],
  [
    'runtime.dopanic_m',
    accesses => ({
      'runtime.traceback_cache': firstTarget(accesses, 'load', 4),
      'runtime.didothers': firstTarget(accesses, 'store', 1),
    }),
  ],
  ['runtime.cgocall', accesses => ({'runtime.iscgo': firstTarget(accesses, 'compare', 1)})],
  [
    'runtime.isSystemGoroutine',
    accesses => ({
      'runtime.fingRunning': firstTarget(accesses, 'load', 1),
      'runtime.fingStatus': firstTarget(accesses, 'load', 4),
    }),
  ],
  ['runtime.sigprof', accesses => ({'runtime.prof': findProfile(accesses)})],
  ['runtime.SetCgoTraceback', findHooks],
  ['runtime.printCgoTraceback', accesses => ({'runtime.cgoSymbolizer': firstTarget(accesses, 'compare', 8)})],
  ['runtime.goroutineheader', findTracebackLabels],
]

function targets(accesses: Accesses, kind: CodeAccess['kind'], width: number): Address[] {
  const found: Address[] = []
  for (const access of accesses) {
    if (access.kind === kind && access.width === width && access.target !== undefined) found.push(access.target)
  }
  return found
}

function firstTarget(accesses: Accesses, kind: CodeAccess['kind'], width: number): Address | undefined {
  return targets(accesses, kind, width)[0]
}

/** Three neighbouring words that are loaded or stored: a slice header's pointer, length and capacity. */
function findSlice(accesses: Accesses): Address | undefined {
  const words = new Set([...targets(accesses, 'load', 8), ...targets(accesses, 'store', 8)] as number[])
  for (const word of words) {
    if (words.has(word + 8) && words.has(word + 16) && !words.has(word - 8)) return word as Address
  }
  return undefined
}

/** A pointer that is loaded, and whose address is taken for the store after it: `mp.alllink = allm; atomicstorep(&allm, mp)`. */
function findListHead(accesses: Accesses): Address | undefined {
  const taken = new Set([...targets(accesses, 'address', 0), ...targets(accesses, 'update', 8)])
  return targets(accesses, 'load', 8).find(target => taken.has(target))
}

/** The operands of locked adds, which the compiler addresses through a register. */
function findAtomicAdds(accesses: Accesses, width: number): Address[] {
  const found: Address[] = []
  for (const [index, access] of accesses.entries()) {
    if (access.kind !== 'update' || !access.locked || access.width !== width || access.displacement !== 0) continue
    const taken = accesses.slice(0, index).findLast(earlier => earlier.register === access.base)
    const target = access.target ?? (taken?.kind === 'address' ? taken.target : undefined)
    if (target !== undefined) found.push(target)
  }
  return found
}

/** sched begins with goidgen, to which newproc1 adds; sched.lock, which mcommoninit takes, lies a few words after it. */
function findSched(newproc: Accesses, mcommoninit: Accesses): Address | undefined {
  const locks = targets(mcommoninit, 'address', 0)
  return findAtomicAdds(newproc, 8).find(goidgen =>
    locks.some(lock => lock > goidgen && lock - goidgen <= MAX_SCHED_LOCK),
  )
}

/** SetCgoTraceback stores its three arguments in order (src/runtime/traceback.go). */
function findHooks(accesses: Accesses): ReturnType<Recipe> {
  const [traceback, context, symbolizer] = targets(accesses, 'store', 8)
  return {
    'runtime.cgoTraceback': traceback,
    'runtime.cgoContext': context,
    'runtime.cgoSymbolizer': symbolizer,
  }
}

/** sigprof begins with `if prof.hz == 0`, the second field of prof (src/runtime/proc.go). */
function findProfile(accesses: Accesses): Address | undefined {
  const hz = firstTarget(accesses, 'compare', 4) ?? firstTarget(accesses, 'load', 4)
  return hz === undefined ? undefined : toAddress(hz - PROF_HZ)
}

/** From 1.26 the header reads two words of 4 bytes: first traceback_cache, for the level, then the labels setting. */
function findTracebackLabels(accesses: Accesses): ReturnType<Recipe> {
  const [cache, ...others] = new Set(targets(accesses, 'load', 4))
  return {
    'runtime.traceback_cache': cache,
    'runtime.debug.tracebacklabels': others.length === 1 ? others[0] : undefined,
  }
}
