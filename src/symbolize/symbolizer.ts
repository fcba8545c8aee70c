import {type Address, type ModuleOffset, moduleOffset, toAddress} from '../base/address.ts'
import {BoundedCache} from '../base/bounded-cache.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {GotraceError} from '../base/errors.ts'
import type {Extent} from '../base/extent.ts'
import {collectGarbage} from '../base/garbage.ts'
import {SameStack} from '../base/same-stack.ts'
import {Demangler} from '../demangle/demangler.ts'
import type {DwarfFrame, DwarfInfo, DwarfPlace} from '../dwarf/dwarf-info.ts'
import type {Answer, FrameStack} from './answer.ts'
import type {NamedEntry} from './elf-symbols.ts'
import type {KeptFrames} from './kept-frames.ts'
import {ModuleSymbols, type SymbolSource} from './module-symbols.ts'
import {
  type FramePlace,
  type GoFunctionSource,
  locateGo,
  positionOf,
  type SourceFrame,
  unknownFrame,
} from './source-frame.ts'

export interface SymbolizerInput {
  moduleAt(address: Address): SymbolSource | undefined
  go?: GoFunctionSource | undefined
  diagnostics: Diagnostics
  /** Whether `function` is made readable; `linkageName` never is. */
  demangle?: boolean
  /** What earlier runs found of code that is not Go. */
  kept?: KeptFrames | undefined
}

/** Where a function ends in a jump to another one: the jump, or what is behind it. */
export interface TailCall {
  readonly callPc: Address | undefined
  readonly returnPc: Address | undefined
  /** Not through a pointer, which may have changed. */
  readonly isDirect: boolean
}

/** Weight of the frames that are kept: those of some 100,000 pcs, more than the stacks of most processes have. */
const CACHE_LIMIT = 96 * 1024 * 1024

/** Answers what was at a pc: by the Go tables, then DWARF, then symbol tables, else by module and offset. */
export class Symbolizer {
  readonly #input: SymbolizerInput
  readonly #demangler: Demangler | undefined
  readonly #modules = new Map<SymbolSource, ModuleSymbols>()
  readonly #frames: BoundedCache<number, readonly SourceFrame[]>
  /** Of `answerAt`: the frames of addresses of which DWARF knows nothing. */
  readonly #noStack = new SameStack()

  constructor(input: SymbolizerInput) {
    this.#input = input
    this.#frames = new BoundedCache(CACHE_LIMIT, weightOf, collectGarbage)
    this.#demangler = input.demangle === false ? undefined : new Demangler()
  }

  /**
   * Innermost inline first; never empty: where nothing is known the one frame has a module and an offset at most.
   * `lookupPc` is the pc itself for an exact one, pc - 1 for a return address.
   */
  locate(pc: Address, lookupPc: Address): readonly SourceFrame[] {
    const key = pc === lookupPc ? lookupPc * 2 : lookupPc * 2 + 1
    return this.#frames.get(key) ?? this.#keep(key, pc, lookupPc)
  }

  #keep(key: number, pc: Address, lookupPc: Address): readonly SourceFrame[] {
    return this.#frames.of(key, () => this.#find(pc, lookupPc))
  }

  /**
   * As `locate` for a pc itself, of a file that is not loaded: with how far around it the stack and the position of its
   * innermost frame are the same, so that nothing is found twice where many addresses are asked for.
   */
  answerAt(pc: Address, extent: Extent): Answer {
    const module = this.#input.moduleAt(pc)
    try {
      const {go} = this.#input
      const isLoneFile = module?.linkAddress(pc) === pc && (!go || go.placeAt)
      if (module && isLoneFile) return this.#answerIn(module, pc, extent)
    } catch (error) {
      // Something cannot be read: whatever it is, it is told and passed over as it is for one address.
      if (!(error instanceof GotraceError)) throw error
    }
    extent.narrowTo(pc)
    return answerOf({frames: this.#find(pc, pc)})
  }

  /** The tail calls of the function that begins at an address; undefined where they are not known to be all. */
  tailCallsOf(entry: Address): readonly TailCall[] | undefined {
    const module = this.#input.moduleAt(entry)
    const linkAddress = module?.linkAddress(entry)
    if (!module || linkAddress === undefined) return undefined
    const sites = this.#attempt(module, () => this.#symbolsOf(module).tailCallsOf(linkAddress))
    const place = (pc: number | undefined) => (pc === undefined ? undefined : module.toAddress(toAddress(pc)))
    return sites?.map(site => ({...site, callPc: place(site.callPc), returnPc: place(site.returnPc)}))
  }

  /** The DWARF of the module that covers an address; undefined where it has none. */
  debugAt(address: Address): {module: SymbolSource; dwarf: DwarfInfo} | undefined {
    const module = this.#input.moduleAt(address)
    const dwarf = module && this.#attempt(module, () => this.#symbolsOf(module).dwarf)
    return module && dwarf && {module, dwarf}
  }

  #find(pc: Address, lookupPc: Address): readonly SourceFrame[] {
    const module = this.#input.moduleAt(lookupPc)
    const place = {module: module?.path ?? null, moduleOffset: module ? offsetIn(module, pc) : null}
    const {go} = this.#input
    const inGo = go && this.#attempt(module, () => locateGo(go, lookupPc, place))
    if (inGo && inGo.length > 0) return inGo
    const linkAddress = module?.linkAddress(lookupPc)
    if (!module || linkAddress === undefined) return [unknownFrame(place)]
    const {kept, diagnostics} = this.#input
    const find = () => this.#attempt(module, () => this.#locateNative(module, linkAddress, place))
    const found = kept ? kept.of(module, linkAddress, {place, diagnostics}, find) : find()
    return found ?? [unknownFrame(place)]
  }

  /** A module whose information cannot be read loses its own names alone. */
  #attempt<T>(module: SymbolSource | undefined, locate: () => T): T | undefined {
    try {
      return locate()
    } catch (error) {
      if (!(error instanceof GotraceError)) throw error
      this.#input.diagnostics.addError('symbols-unreadable', error, module ? {where: module.path} : {})
      return undefined
    }
  }

  #locateNative(module: SymbolSource, linkAddress: Address, place: FramePlace): SourceFrame[] | undefined {
    const symbols = this.#symbolsOf(module)
    const frames = this.#attempt(module, () => symbols.locate(linkAddress)) ?? []
    const outer = frames[frames.length - 1]
    const symbol = outer && isNamed(outer, symbols) ? undefined : symbols.findSymbol(linkAddress)
    return this.#nameFrames(module, frames, symbol, place)
  }

  /**
   * @param frames of DWARF; where there are none, the symbol is all that is known
   * @param symbol where the frames are not named yet
   */
  #nameFrames(
    module: SymbolSource,
    frames: readonly DwarfFrame[],
    symbol: NamedEntry | undefined,
    place: FramePlace,
  ): SourceFrame[] | undefined {
    const outer = frames[frames.length - 1]
    if (!outer) {
      if (!symbol) return undefined
      return [this.#sourceFrame(module, frameBySymbol(symbol), place)]
    }
    const symbols = this.#symbolsOf(module)
    const isPart = symbol !== undefined && this.#attempt(module, () => symbols.entryOf(symbol.entry)) === outer.entry
    const named = symbol ? nameBySymbol(outer, symbol, isPart) : outer
    return frames.map(frame => this.#sourceFrame(module, frame === outer ? named : frame, place))
  }

  #answerIn(module: SymbolSource, pc: Address, extent: Extent): Answer {
    const {go} = this.#input
    const inGo = go?.placeAt?.(pc, extent)
    if (inGo) return {stack: this.#stackOf(inGo.stack, () => this.#find(pc, pc)), position: positionOf(inGo)}
    const place = this.#symbolsOf(module).placeAt(pc, extent)
    if (!place) return answerOf(this.#bySymbol(this.#noStack, module, pc, extent))
    const {row} = place
    const position = {file: row?.file ?? null, line: positive(row?.line), column: positive(row?.column)}
    return {stack: this.#nativeStack(place, module, pc, extent), position}
  }

  #nativeStack({stack}: DwarfPlace, module: SymbolSource, linkAddress: Address, extent: Extent): FrameStack {
    const {found} = stack
    if (found instanceof Map) return this.#bySymbol(stack, module, linkAddress, extent)
    if (found) return found as FrameStack
    const symbols = this.#symbolsOf(module)
    const frames = symbols.locate(linkAddress)
    const outer = frames[frames.length - 1]
    if (outer && isNamed(outer, symbols)) {
      return this.#stackOf(stack, () => this.#nameFrames(module, frames, undefined, NO_PLACE))
    }
    return this.#bySymbol(stack, module, linkAddress, extent)
  }

  /** Of frames whose names depend on the symbol. */
  #bySymbol(stack: SameStack, module: SymbolSource, linkAddress: Address, extent: Extent): FrameStack {
    const symbols = this.#symbolsOf(module)
    const symbol = symbols.findSymbol(linkAddress, extent)
    const entry = symbol?.entry ?? NO_ENTRY
    stack.found ??= new Map<number, NamedStack>()
    const known = stack.found as Map<number, NamedStack>
    let found = known.get(entry)
    if (!found || found.symbol !== symbol?.name) {
      const frames = stack === this.#noStack ? [] : symbols.locate(linkAddress)
      const named = this.#nameFrames(module, frames, symbol, NO_PLACE) ?? [unknownFrame(NO_PLACE)]
      found = {frames: named, symbol: symbol?.name}
      known.set(entry, found)
    }
    return found
  }

  #stackOf(stack: SameStack, find: () => readonly SourceFrame[] | undefined): FrameStack {
    stack.found ??= {frames: find() ?? [unknownFrame(NO_PLACE)]} satisfies FrameStack
    return stack.found as FrameStack
  }

  #sourceFrame(module: SymbolSource, frame: DwarfFrame, place: FramePlace): SourceFrame {
    const names = this.#names(frame)
    // Each field by its name: to spread objects takes V8 ten times as long.
    return {
      kind: frame.language === 'go' ? 'go' : 'c',
      function: names.function,
      linkageName: names.linkageName,
      file: frame.file ?? null,
      line: positive(frame.line),
      column: positive(frame.column),
      entry: frame.entry === undefined ? null : module.toAddress(frame.entry),
      inlined: frame.inlined,
      language: frame.language ?? null,
      module: place.module,
      moduleOffset: place.moduleOffset,
    }
  }

  /**
   * The linkage name says more than DW_AT_name (its scope, its parameters), so it is preferred, demangled. Those of
   * Fortran are made up by each compiler: there, and where there is none, the name has its scope from DWARF, as in gdb.
   */
  #names({function: name, linkageName, scope, language}: Partial<DwarfFrame>): {
    function: string | null
    linkageName: string | null
  } {
    const scoped = scope === undefined || !this.#demangler ? name : `${scope}::${name}`
    const isPlain = language === 'fortran' && this.#demangler !== undefined && name !== undefined
    const readable = linkageName === undefined ? undefined : this.#demangler?.demangle(linkageName)
    const chosen = (isPlain ? scoped : (readable ?? linkageName ?? scoped)) ?? null
    return {function: chosen, linkageName: linkageName ?? null}
  }

  #symbolsOf(module: SymbolSource): ModuleSymbols {
    let symbols = this.#modules.get(module)
    if (!symbols) {
      symbols = ModuleSymbols.of(module, this.#input.diagnostics)
      this.#modules.set(module, symbols)
    }
    return symbols
  }
}

/** Of the symbol that it takes its name from. */
interface NamedStack extends FrameStack {
  readonly symbol: string | undefined
}

/** Where no symbol is. */
const NO_ENTRY = -1

const NO_PLACE: FramePlace = {module: null, moduleOffset: null}

function answerOf(stack: FrameStack): Answer {
  const {file = null, line = null, column = null} = stack.frames[0] ?? {}
  return {stack, position: {file, line, column}}
}

function positive(value: number | undefined): number | null {
  return value !== undefined && value > 0 ? value : null
}

/** Whether the name in DWARF is all that can be known. */
function isNamed(outer: DwarfFrame, symbols: ModuleSymbols): boolean {
  return outer.linkageName !== undefined || (isPlainC(outer) && !symbols.hasMangledNames)
}

/** A function of C, of which a symbol that is not mangled tells nothing. */
function isPlainC({function: name, language}: DwarfFrame): boolean {
  return name !== undefined && language === 'c'
}

function frameBySymbol({name, entry, file}: NamedEntry): DwarfFrame {
  const language = undefined
  return {function: undefined, linkageName: name, file, line: 0, column: 0, entry, inlined: false, language}
}

/** Languages in which a symbol that is not mangled says no more than the name in the source. */
const PLAIN_NAMES = new Set(['c', 'c++', 'go', 'objective-c', 'objective-c++', 'pascal', 'rust'])

/**
 * The symbol's name for a function that DWARF leaves without a linkage name: where it has no name at all; where its
 * scope and parameters are in the symbol alone (C++ with internal linkage, nested functions of Ada and D); and in
 * assembly, where gas writes a function for one label of several (`__GI_linkat` for `linkat`). C names stay as in the
 * source.
 * @param isPart the symbol is of the function or of a part that was split off (`.cold`)
 */
function nameBySymbol(frame: DwarfFrame, symbol: NamedEntry, isPart: boolean): DwarfFrame {
  if (frame.function === undefined) return {...frame, linkageName: symbol.name, entry: symbol.entry}
  const {language} = frame
  if (!isPart) return frame
  const isPlain = language === 'assembler' ? symbol.isLocal : language === undefined || PLAIN_NAMES.has(language)
  return isPlain && !symbol.name.startsWith('_Z') ? frame : {...frame, linkageName: symbol.name}
}

function offsetIn(module: SymbolSource, pc: Address): ModuleOffset | null {
  const linkAddress = module.linkAddress(pc)
  const base = linkAddress === undefined ? module.start : (module.image?.linkStart ?? toAddress(0))
  return moduleOffset(linkAddress ?? pc, base) ?? null
}

/** Characters, with what an object of a frame takes beside them. */
function weightOf(frames: readonly SourceFrame[]): number {
  const lengthOf = (text: string | null): number => text?.length ?? 0
  return frames.reduce((sum, {function: name, linkageName, file}) => {
    return sum + 96 + lengthOf(name) + (linkageName === name ? 0 : lengthOf(linkageName)) + lengthOf(file)
  }, 0)
}
