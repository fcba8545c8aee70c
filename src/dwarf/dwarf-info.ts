import {type Address, toAddress} from '../base/address.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {Extent} from '../base/extent.ts'
import type {SameStack} from '../base/same-stack.ts'
import type {SectionSource} from '../base/section-source.ts'
import type {CallSite, TailCallSite} from './call-sites.ts'
import {CompiledUnit} from './compiled-unit.ts'
import {DW_TAG} from './constants.ts'
import {type DataType, TypeTable} from './data-type.ts'
import {DebugSections} from './debug-sections.ts'
import type {DieNames} from './die-names.ts'
import {DwarfFile} from './dwarf-file.ts'
import {findRuntimeType} from './go-runtime-type.ts'
import type {LineRow} from './line-program.ts'
import {findNamedDies, findVariableAddresses} from './name-search.ts'
import type {FunctionScopes} from './scope-variables.ts'
import type {SplitUnitFinder} from './split-unit.ts'
import {findStructLayouts, type TypeLayout} from './type-layout.ts'
import type {DieReference} from './unit.ts'
import {UnitIndex} from './unit-index.ts'

/** One logical frame at an address; `file` and `line` are where it was when it called the next inner one. */
export interface DwarfFrame {
  /** DW_AT_name: not qualified. */
  function: string | undefined
  linkageName: string | undefined
  /**
   * Namespaces, modules and classes around the function, with `::` between; only where `linkageName` does not tell
   * them.
   */
  scope?: string | undefined
  file: string | undefined
  /** 0 where unknown. */
  line: number
  column: number
  /** Of the function that the code belongs to, also for those inlined into it. */
  entry: Address | undefined
  inlined: boolean
  language: string | undefined
}

/** All addresses of one `stack` have the same frames, but for the position of the innermost one, which is `row`. */
export interface DwarfPlace {
  readonly stack: SameStack
  readonly row: LineRow | undefined
}

export interface DwarfFunction {
  name: string | undefined
  linkageName: string | undefined
  entry: Address
  end: Address
}

export interface DwarfOptions {
  diagnostics: Diagnostics
  /** The file that `.gnu_debugaltlink` or `.debug_sup` names. */
  supplementary?: SectionSource | undefined
  splitUnit?: SplitUnitFinder | undefined
}

const NO_NAMES: DieNames = {name: undefined, linkageName: undefined, language: undefined}

/**
 * What the DWARF of one file says about addresses. All addresses are link addresses; nothing is read before it is asked
 * for.
 */
export class DwarfInfo {
  readonly #file: DwarfFile
  readonly #options: DwarfOptions
  readonly #units = new Map<number, CompiledUnit | undefined>()
  readonly types = new TypeTable()
  /** Which of the two numbers of a Go type its DIE has, once one was found. */
  #typeNumber: number | undefined
  readonly #typesByName = new Map<string, DataType | null>()
  #index: UnitIndex | undefined

  constructor(sections: SectionSource, options: DwarfOptions) {
    const {supplementary, diagnostics} = options
    const alternate = supplementary && new DwarfFile(new DebugSections(supplementary), diagnostics)
    this.#file = new DwarfFile(new DebugSections(sections), diagnostics, {supplementary: alternate})
    this.#options = options
  }

  /** Innermost inline first, the function itself last; [] where no unit covers the address. */
  locate(address: Address): DwarfFrame[] {
    const unit = this.#unitAt(address) ?? this.#unitBefore(address)
    if (!unit) return []
    const index = unit.functions?.find(address) ?? -1
    const row = unit.findLine(address)
    if (index < 0 && !row) return []
    const calls = index < 0 ? [] : unit.inlinedCalls(index, address)
    const entry = index < 0 ? undefined : toAddress(unit.functions?.entry(index) ?? 0)
    let [file, line, column] = [row?.file, row?.line ?? 0, row?.column ?? 0]
    const frames: DwarfFrame[] = []
    for (const call of calls) {
      frames.push(frameOf(unit, unit.names(call.callee), {file, line, column, entry, inlined: true}))
      file = unit.lines?.path(call.callFile)
      line = call.callLine
      column = call.callColumn
    }
    const names = index < 0 ? NO_NAMES : unit.functionNames(index)
    frames.push(frameOf(unit, names, {file, line, column, entry, inlined: false}))
    return frames
  }

  /** What `locate` says of an address, without the names; undefined: no frames. */
  placeAt(address: Address, extent: Extent): DwarfPlace | undefined {
    const unit = this.#unitAt(address, extent) ?? this.#unitBefore(address, extent)
    if (!unit) return undefined
    const index = unit.functions?.find(address, extent) ?? -1
    const row = unit.findLine(address, extent)
    return index < 0 && !row ? undefined : {stack: unit.stackAt(index, address, extent), row}
  }

  /** The function whose code an address is in, inlined ones left aside. */
  functionAt(address: Address): DwarfFunction | undefined {
    const unit = this.#unitAt(address)
    const index = unit?.functions?.find(address) ?? -1
    if (!unit?.functions || index < 0) return undefined
    const {name, linkageName} = unit.functionNames(index)
    const entry = toAddress(unit.functions.entry(index))
    return {name, linkageName, entry, end: toAddress(unit.functions.end(index))}
  }

  /** The MD5 of a source file that the unit at an address names, in hexadecimal, where the compiler wrote it down. */
  fileDigest(address: Address, path: string): string | undefined {
    return this.#unitAt(address)?.lines?.digestOf(path)
  }

  /** The tail calls of the function that begins at an address; undefined where they are not known to be all. */
  tailCallsOf(entry: Address): readonly TailCallSite[] | undefined {
    const unit = this.#unitAt(entry)
    const index = unit?.functions?.find(entry) ?? -1
    return unit?.functions && index >= 0 && unit.functions.entry(index) === entry ? unit.tailCalls(index) : undefined
  }

  /** The variables in whose scope an address is: a scope for each frame of `locate`, innermost first. */
  scopesAt(address: Address): FunctionScopes | undefined {
    const unit = this.#unitAt(address)
    const index = unit?.functions?.find(address) ?? -1
    return index < 0 ? undefined : unit?.scopes(index, address)
  }

  /** The call that returns to an address. */
  callSiteAt(returnPc: Address): CallSite | undefined {
    const call = toAddress(returnPc - 1)
    const unit = this.#unitAt(call)
    const index = unit?.functions?.find(call) ?? -1
    return index < 0 ? undefined : unit?.callSite(index, returnPc)
  }

  /**
   * The Go type that a descriptor is of, by its link address or its offset in the type section: a file has one of the
   * two, the same for all.
   */
  runtimeType(numbers: readonly number[]): DataType | undefined {
    try {
      for (const [index, number] of numbers.entries()) {
        if (this.#typeNumber !== undefined && this.#typeNumber !== index) continue
        const found = findRuntimeType(this.#file, number)
        if (!found) continue
        this.#typeNumber = index
        return this.types.at(found)
      }
      return undefined
    } catch (error) {
      this.#options.diagnostics.addError('dwarf-unit', error)
      return undefined
    }
  }

  /** A type by its full name as DW_AT_name has it. */
  typeNamed(name: string): DataType | undefined {
    const known = this.#typesByName.get(name)
    if (known !== undefined) return known ?? undefined
    let found: DataType | null = null
    const judge = (_: string, die: DieReference): boolean => {
      const type = this.types.at(die)
      if (!type || type.isDeclaration) return false
      found = type
      return true
    }
    for (const tag of [DW_TAG.structure_type, DW_TAG.typedef, DW_TAG.base_type, DW_TAG.pointer_type]) {
      if (!found) findNamedDies(this.#file, [name], tag, judge, this.#options.diagnostics)
    }
    this.#typesByName.set(name, found)
    return found ?? undefined
  }

  /** The layout of a struct type by its full name, e.g. `runtime.g`. Ask for several at once with structLayouts. */
  structLayout(name: string): TypeLayout | undefined {
    return this.structLayouts([name]).get(name)
  }

  structLayouts(names: readonly string[]): Map<string, TypeLayout> {
    return findStructLayouts(this.#file, names, this.#options.diagnostics)
  }

  /** Link address of a variable with a fixed place, e.g. `runtime.allgs`. */
  variableAddress(name: string): Address | undefined {
    return this.variableAddresses([name]).get(name)
  }

  variableAddresses(names: readonly string[]): Map<string, Address> {
    return findVariableAddresses(this.#file, names, this.#options.diagnostics)
  }

  #unitAt(address: Address, extent?: Extent): CompiledUnit | undefined {
    this.#index ??= new UnitIndex(this.#file, this.#options.diagnostics)
    return this.#unit(this.#index.find(address, extent))
  }

  /**
   * Functions that a compiler made up have lines but no DIE, and no place in their unit's ranges (GNAT's instances of
   * generics); the line table of the unit around them covers them.
   */
  #unitBefore(address: Address, extent?: Extent): CompiledUnit | undefined {
    const unit = this.#unit(this.#index?.findBefore(address) ?? -1)
    return unit?.findLine(address, extent) ? unit : undefined
  }

  #unit(index: number): CompiledUnit | undefined {
    if (index < 0) return undefined
    if (!this.#units.has(index)) this.#units.set(index, this.#openUnit(index))
    return this.#units.get(index)
  }

  #openUnit(index: number): CompiledUnit | undefined {
    const {diagnostics, splitUnit} = this.#options
    try {
      const unit = this.#file.info.unit(index)
      return unit && new CompiledUnit(unit, splitUnit, diagnostics)
    } catch (error) {
      diagnostics.addError('dwarf-unit', error)
      return undefined
    }
  }
}

type FramePlace = Omit<DwarfFrame, 'function' | 'linkageName' | 'language'>

function frameOf(unit: CompiledUnit, names: DieNames, place: FramePlace): DwarfFrame {
  const {file, line, column, entry, inlined} = place
  const scope = unit.scopeOf(names)
  const language = names.language ?? unit.language
  return {function: names.name, linkageName: names.linkageName, scope, file, line, column, entry, inlined, language}
}
