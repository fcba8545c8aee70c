import type {Address} from '../base/address.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {type DwarfFrame, DwarfInfo} from '../dwarf/dwarf-info.ts'
import type {SplitUnitFinder} from '../dwarf/split-unit.ts'
import type {DebugSources} from './symbol-source.ts'

/** Frames of a module by its DWARF. Link addresses. */
export class DwarfSymbols {
  readonly #info: DwarfInfo | undefined

  constructor(debug: DebugSources, diagnostics: Diagnostics) {
    const {dwarf, supplementary} = debug
    const splitUnit: SplitUnitFinder = (name, compDir, dwoId) => debug.splitUnit?.(name, compDir, dwoId)
    this.#info = dwarf && new DwarfInfo(dwarf, {supplementary, splitUnit, diagnostics})
  }

  /** Where the function begins that an address is in, which may be in several places. */
  entryOf(linkAddress: Address): Address | undefined {
    return this.#info?.functionAt(linkAddress)?.entry
  }

  /** Innermost inline first; [] where DWARF says nothing. */
  locate(linkAddress: Address): DwarfFrame[] {
    return this.#info?.locate(linkAddress) ?? []
  }
}
