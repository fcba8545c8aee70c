import type {Diagnostics} from '../base/diagnostics.ts'
import {AbbrevDeclarations, AbbrevTable} from './abbrev.ts'
import type {DebugSections} from './debug-sections.ts'
import type {Unit} from './unit.ts'
import {UnitList} from './unit-list.ts'

/** The DWARF of one file: an executable, its supplementary (dwz) file, or one split unit's share of a .dwo or .dwp. */
export class DwarfFile {
  readonly sections: DebugSections
  /** The file that DW_FORM_GNU_*_alt and DW_FORM_*_sup point into. */
  readonly supplementary: DwarfFile | undefined
  /** In a split file: the unit of the executable that names it and holds its addresses. */
  readonly skeleton: Unit | undefined
  readonly #diagnostics: Diagnostics
  readonly #abbrevs = new Map<number, AbbrevTable>()
  #declarations: AbbrevDeclarations | undefined
  #info: UnitList | undefined
  #types: UnitList | undefined

  constructor(
    sections: DebugSections,
    diagnostics: Diagnostics,
    links: {supplementary?: DwarfFile | undefined; skeleton?: Unit} = {},
  ) {
    this.sections = sections
    this.supplementary = links.supplementary
    this.skeleton = links.skeleton
    this.#diagnostics = diagnostics
  }

  get info(): UnitList {
    this.#info ??= new UnitList(this, '.debug_info', this.#diagnostics)
    return this.#info
  }

  /** Type units of DWARF 4. */
  get types(): UnitList {
    this.#types ??= new UnitList(this, '.debug_types', this.#diagnostics)
    return this.#types
  }

  /** @throws FormatError where the section has no such offset */
  abbrevs(offset: number): AbbrevTable {
    let table = this.#abbrevs.get(offset)
    if (!table) {
      this.#declarations ??= new AbbrevDeclarations(this.sections.bytes('.debug_abbrev'))
      const cursor = this.sections.cursor('.debug_abbrev')
      cursor.seek(offset)
      table = new AbbrevTable(cursor, this.#declarations)
      this.#abbrevs.set(offset, table)
    }
    return table
  }
}
