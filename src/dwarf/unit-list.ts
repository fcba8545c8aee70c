import type {Cursor} from '../base/cursor.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {lastAtOrBelow} from '../base/sorted-ranges.ts'
import {DW_UT} from './constants.ts'
import type {DwarfFile} from './dwarf-file.ts'
import {Unit} from './unit.ts'

/** What a unit's header says (DWARF 5, 7.5.1); offsets are in the section. */
export interface UnitHeader {
  offset: number
  /** Where the next unit starts. */
  end: number
  version: number
  unitType: number
  addressSize: number
  offsetSize: 4 | 8
  abbrevOffset: number
  /** Type signature or dwo_id, where the header has one. */
  id: bigint | undefined
  /** Offset of the first DIE. */
  firstDie: number
  /** Offset of a type unit's type DIE; 0 elsewhere. */
  typeDie: number
}

/** A length of the 32-bit or the 64-bit format (7.4). */
export function readInitialLength(cursor: Cursor): {length: number; offsetSize: 4 | 8} {
  const length = cursor.u32()
  if (length < 0xfffffff0) return {length, offsetSize: 4}
  if (length !== 0xffffffff) throw cursor.error(`reserved length 0x${length.toString(16)}`, cursor.position - 4)
  return {length: cursor.number64(), offsetSize: 8}
}

function readUnitHeader(cursor: Cursor, section: string): UnitHeader | undefined {
  const offset = cursor.position
  const {length, offsetSize} = readInitialLength(cursor)
  if (length > cursor.remaining) throw cursor.error(`unit of ${length} bytes runs past the section`, offset)
  const end = cursor.position + length
  const body = cursor.slice(length)
  const bodyStart = end - length
  if (length < 2) return undefined
  const version = body.u16()
  if (version < 2 || version > 5) return undefined
  let unitType: number = section === '.debug_types' ? DW_UT.type : DW_UT.compile
  let addressSize = 0
  if (version >= 5) {
    unitType = body.u8()
    addressSize = body.u8()
  }
  const abbrevOffset = body.unsigned(offsetSize)
  if (version < 5) addressSize = body.u8()
  const isType = unitType === DW_UT.type || unitType === DW_UT.split_type
  const hasId = isType || unitType === DW_UT.skeleton || unitType === DW_UT.split_compile
  const id = hasId ? body.word() : undefined
  const typeDie = isType ? offset + body.unsigned(offsetSize) : 0
  const firstDie = bodyStart + body.position
  if (addressSize !== 8 && addressSize !== 4) throw body.error(`address size ${addressSize}`, 0)
  return {offset, end, version, unitType, addressSize, offsetSize, abbrevOffset, id, firstDie, typeDie}
}

/** Padding, and units of other versions, that are passed over: zeros could go on for gigabytes. */
const LEFT_MAX = 100_000

/**
 * The units of `.debug_info` or `.debug_types`: headers are read once, from length to length; units as they are asked
 * for.
 */
export class UnitList {
  readonly section: string
  readonly #file: DwarfFile
  readonly #headers: UnitHeader[] = []
  readonly #offsets: Float64Array
  readonly #units: (Unit | undefined)[]
  #bySignature: Map<bigint, number> | undefined

  constructor(file: DwarfFile, section: string, diagnostics: Diagnostics) {
    this.#file = file
    this.section = section
    const cursor = file.sections.cursor(section)
    let left = 0
    try {
      while (!cursor.atEnd) {
        const at = cursor.position
        const header = readUnitHeader(cursor, section)
        if (header) this.#headers.push(header)
        else if (++left > LEFT_MAX) throw cursor.error('too much that is no unit', at)
        else if (cursor.position > at + 12) {
          diagnostics.add('dwarf-unit', 'a unit of an unknown DWARF version was left out', {where: cursor.label})
        }
      }
    } catch (error) {
      diagnostics.addError('dwarf-unit', error)
    }
    this.#offsets = Float64Array.from(this.#headers, header => header.offset)
    this.#units = new Array(this.#headers.length)
  }

  get count(): number {
    return this.#headers.length
  }

  header(index: number): UnitHeader | undefined {
    return this.#headers[index]
  }

  unit(index: number): Unit | undefined {
    const header = this.#headers[index]
    if (!header) return undefined
    let unit = this.#units[index]
    if (!unit) {
      unit = new Unit(this.#file, this.section, header)
      this.#units[index] = unit
    }
    return unit
  }

  /** The unit whose bytes hold a section offset. */
  containing(offset: number): Unit | undefined {
    const index = lastAtOrBelow(this.#offsets, offset)
    const header = this.#headers[index]
    return header && offset < header.end ? this.unit(index) : undefined
  }

  /** Index of the unit that starts at a section offset, or -1. */
  indexAt(offset: number): number {
    const index = lastAtOrBelow(this.#offsets, offset)
    return this.#headers[index]?.offset === offset ? index : -1
  }

  /** The type unit with a signature (DW_FORM_ref_sig8). */
  typeUnit(signature: bigint): Unit | undefined {
    if (!this.#bySignature) {
      this.#bySignature = new Map()
      for (const [index, header] of this.#headers.entries()) {
        if (header.typeDie !== 0 && header.id !== undefined) this.#bySignature.set(header.id, index)
      }
    }
    const index = this.#bySignature.get(signature)
    return index === undefined ? undefined : this.unit(index)
  }
}
