import type {Address} from '../base/address.ts'
import {toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {Section, SectionSource} from '../base/section-source.ts'
import {lastAtOrBelow, middleOf} from '../base/sorted-ranges.ts'
import {
  buildFdeColumns,
  type CfiSection,
  type Fde,
  type FdeColumns,
  openCfiSection,
  sectionOffsetOf,
} from './cfi-entries.ts'
import {readEncodedPointer} from './cfi-pointer.ts'
import {runCfiProgram} from './cfi-program.ts'
import type {UnwindRow} from './unwind-row.ts'

export interface CfiRow {
  readonly row: UnwindRow
  /** The pc of this function's caller is exact: it was interrupted, it did not call. */
  readonly signalFrame: boolean
  /** Link address at which the FDE starts: the function's entry, or that of its cold part. */
  readonly functionStart: Address
  /** Where the FDE ends: the first link address behind it. */
  readonly functionEnd: Address
}

/**
 * DW_EH_PE_datarel | DW_EH_PE_sdata4 with a udata4 count: what every linker writes, and all that can be searched in
 * place.
 */
const SEARCHABLE_ENCODING = 0x3b
const COUNT_ENCODING = 0x03
const ENTRY_SIZE = 8

/** The binary search table of `.eh_frame_hdr` (LSB 5, 10.6.2), searched in place. */
class EhFrameHeader {
  readonly #table: DataView
  readonly #count: number
  readonly #address: number

  private constructor(section: Section, tableOffset: number, count: number) {
    const {bytes} = section
    this.#table = new DataView(bytes.buffer, bytes.byteOffset + tableOffset, count * ENTRY_SIZE)
    this.#count = count
    this.#address = section.address
  }

  /** undefined where the table has another shape: the caller then sorts the entries itself. */
  static parse(section: Section, label: string): EhFrameHeader | undefined {
    const cursor = new Cursor(section.bytes, label)
    const version = cursor.u8()
    const pointerEncoding = cursor.u8()
    const countEncoding = cursor.u8()
    const tableEncoding = cursor.u8()
    if (version !== 1 || countEncoding !== COUNT_ENCODING || tableEncoding !== SEARCHABLE_ENCODING) return undefined
    const bases = {section: section.address, text: 0, data: section.address}
    readEncodedPointer(cursor, pointerEncoding, bases)
    const count = cursor.u32()
    if (count * ENTRY_SIZE > cursor.remaining) throw cursor.error(`table of ${count} entries ends behind the section`)
    return new EhFrameHeader(section, cursor.position, count)
  }

  /** Link address of the FDE with the last start at or below `address`. */
  find(address: number): number | undefined {
    const key = address - this.#address
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = middleOf(low, high)
      if (this.#table.getInt32(middle * ENTRY_SIZE, true) <= key) low = middle + 1
      else high = middle
    }
    return low === 0 ? undefined : this.#address + this.#table.getInt32((low - 1) * ENTRY_SIZE + 4, true)
  }
}

const CFI_NAMES = ['.eh_frame', '.debug_frame'] as const
type CfiName = (typeof CFI_NAMES)[number]

/** One section with the quickest index that it admits. */
class IndexedCfi {
  readonly cfi: CfiSection
  readonly #header: EhFrameHeader | undefined
  readonly #diagnostics: Diagnostics
  #columns: FdeColumns | undefined

  constructor(cfi: CfiSection, header: EhFrameHeader | undefined, diagnostics: Diagnostics) {
    this.cfi = cfi
    this.#header = header
    this.#diagnostics = diagnostics
  }

  find(address: number): Fde | undefined {
    const offset = this.#header ? this.#offsetByHeader(this.#header, address) : this.#offsetByColumns(address)
    if (offset === undefined) return undefined
    const fde = this.cfi.parseFde(offset)
    return address >= fde.start && address < fde.end ? fde : undefined
  }

  #offsetByHeader(header: EhFrameHeader, address: number): number | undefined {
    const entry = header.find(address)
    return entry === undefined ? undefined : sectionOffsetOf(this.cfi.section, entry)
  }

  #offsetByColumns(address: number): number | undefined {
    this.#columns ??= buildFdeColumns(this.cfi, this.#diagnostics)
    return this.#columns.offsets[lastAtOrBelow(this.#columns.starts, address)]
  }
}

/** Return addresses of all stacks of some cores. */
const ROWS_MAX = 4096

/**
 * Call frame information of one image: `.eh_frame` first, for it is loaded and so always whole, then `.debug_frame`.
 * Sections are opened at the first question.
 */
export class CfiTable {
  readonly #sections: SectionSource
  readonly #diagnostics: Diagnostics
  readonly #opened = new Map<CfiName, IndexedCfi | undefined>()
  /** Those that were found with nothing to tell. */
  readonly #rows = new Map<Address, CfiRow>()

  constructor(sections: SectionSource, diagnostics: Diagnostics) {
    this.#sections = sections
    this.#diagnostics = diagnostics
  }

  /**
   * The row in force at a link address; undefined where no entry covers it or its entry is broken (a diagnostic tells).
   */
  rowAt(address: Address): CfiRow | undefined {
    const known = this.#rows.get(address)
    if (known) return known
    const {told} = this.#diagnostics
    const found = this.#find(address)
    if (!found || this.#diagnostics.told !== told) return found
    if (this.#rows.size >= ROWS_MAX) this.#rows.clear()
    this.#rows.set(address, found)
    return found
  }

  #find(address: Address): CfiRow | undefined {
    for (const name of CFI_NAMES) {
      const index = this.#index(name)
      try {
        const fde = index?.find(address)
        if (!index || !fde) continue
        return {
          row: runCfiProgram(index.cfi.program(fde), address),
          signalFrame: fde.cie.signalFrame,
          functionStart: toAddress(fde.start),
          functionEnd: toAddress(fde.end),
        }
      } catch (error) {
        this.#diagnostics.addError('bad-cfi', error)
      }
    }
    return undefined
  }

  /** A `.debug_frame` is large, and packed: it is read where `.eh_frame` covers too little. */
  #index(name: CfiName): IndexedCfi | undefined {
    if (this.#opened.has(name)) return this.#opened.get(name)
    const section = openCfiSection(this.#sections, name)
    const header = section && name === '.eh_frame' ? this.#openHeader() : undefined
    const index = section && new IndexedCfi(section, header, this.#diagnostics)
    this.#opened.set(name, index)
    return index
  }

  #openHeader(): EhFrameHeader | undefined {
    const section = this.#sections.section('.eh_frame_hdr')
    if (!section) return undefined
    try {
      return EhFrameHeader.parse(section, `${this.#sections.name}:.eh_frame_hdr`)
    } catch (error) {
      this.#diagnostics.addError('bad-cfi', error)
      return undefined
    }
  }
}
