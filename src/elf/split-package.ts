import {toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {Section, SectionSource} from '../base/section-source.ts'

/** DW_SECT_* (DWARF 5, 7.3.5.3, table 7.1; the GNU form before it for version 2), as the sections' names. */
const SECTION_NAMES_5: Readonly<Record<number, string>> = {
  1: '.debug_info.dwo',
  3: '.debug_abbrev.dwo',
  4: '.debug_line.dwo',
  5: '.debug_loclists.dwo',
  6: '.debug_str_offsets.dwo',
  7: '.debug_macro.dwo',
  8: '.debug_rnglists.dwo',
}
const SECTION_NAMES_2: Readonly<Record<number, string>> = {
  1: '.debug_info.dwo',
  2: '.debug_types.dwo',
  3: '.debug_abbrev.dwo',
  4: '.debug_line.dwo',
  5: '.debug_loc.dwo',
  6: '.debug_str_offsets.dwo',
  7: '.debug_macinfo.dwo',
  8: '.debug_macro.dwo',
}

interface UnitIndex {
  columns: number
  slots: number
  names: (string | undefined)[]
  /** Start of each of the four tables in the section. */
  signatures: number
  rows: number
  offsets: number
  sizes: number
}

/** A DWARF package file (`.dwp`): many split units in one file, found by their dwo_id (DWARF 5, 7.3.5). */
export class SplitPackage {
  readonly #file: SectionSource
  readonly #cursor: Cursor
  readonly #index: UnitIndex

  private constructor(file: SectionSource, cursor: Cursor, index: UnitIndex) {
    this.#file = file
    this.#cursor = cursor
    this.#index = index
  }

  static open(file: SectionSource, diagnostics: Diagnostics): SplitPackage | undefined {
    const section = file.section('.debug_cu_index')
    if (!section) return undefined
    const cursor = new Cursor(section.bytes, `${file.name}:.debug_cu_index`)
    try {
      return new SplitPackage(file, cursor, parseIndex(cursor))
    } catch (error) {
      diagnostics.addError('bad-split-package', error)
      return undefined
    }
  }

  /** The sections of the unit, each cut to its contribution; strings are shared by all units. */
  unit(dwoId: bigint): SectionSource | undefined {
    const row = this.#findRow(dwoId)
    if (row === undefined) return undefined
    const parts = new Map<string, {offset: number; size: number}>()
    this.#index.names.forEach((name, column) => {
      if (name === undefined) return
      const at = (row * this.#index.columns + column) * 4
      this.#cursor.seek(this.#index.offsets + at)
      const offset = this.#cursor.u32()
      this.#cursor.seek(this.#index.sizes + at)
      parts.set(name, {offset, size: this.#cursor.u32()})
    })
    return {name: this.#file.name, section: name => this.#part(name, parts.get(name))}
  }

  #part(name: string, part: {offset: number; size: number} | undefined): Section | undefined {
    const section = this.#file.section(name)
    if (!section || !part) return section
    const bytes = section.bytes.subarray(part.offset, part.offset + part.size)
    return bytes.length === part.size ? {bytes, address: toAddress(0)} : undefined
  }

  /** Open addressing by the low bits of the id, the step by its high ones (DWARF 5, 7.3.5.3). */
  #findRow(dwoId: bigint): number | undefined {
    const mask = BigInt(this.#index.slots - 1)
    let slot = dwoId & mask
    const step = ((dwoId >> 32n) & mask) | 1n
    for (let probe = 0; probe < this.#index.slots; probe++) {
      this.#cursor.seek(this.#index.rows + Number(slot) * 4)
      const row = this.#cursor.u32()
      if (row === 0) return undefined
      this.#cursor.seek(this.#index.signatures + Number(slot) * 8)
      if (this.#cursor.word() === dwoId) return row - 1
      slot = (slot + step) & mask
    }
    return undefined
  }
}

function parseIndex(cursor: Cursor): UnitIndex {
  // Version 5 is a u16 and padding; version 2 is a u32: the same bytes.
  const version = cursor.u32() % 0x10000
  if (version !== 2 && version !== 5) throw cursor.error(`no version ${version}`, 0)
  const columns = cursor.u32()
  const units = cursor.u32()
  const slots = cursor.u32()
  const isPowerOfTwo = Number.isInteger(Math.log2(slots))
  const size = slots * 12 + columns * 4 + units * columns * 8
  if (!isPowerOfTwo || size > cursor.remaining) throw cursor.error(`${units} units in ${slots} slots do not fit`)
  const signatures = cursor.position
  const rows = signatures + slots * 8
  const header = rows + slots * 4
  cursor.seek(header)
  const names = Array.from({length: columns}, () => (version === 5 ? SECTION_NAMES_5 : SECTION_NAMES_2)[cursor.u32()])
  const offsets = header + columns * 4
  return {columns, slots, names, signatures, rows, offsets, sizes: offsets + units * columns * 4}
}
