import type {Cursor} from '../base/cursor.ts'
import {DW_AT, DW_FORM, DW_LLE} from './constants.ts'
import type {DieAttributes} from './form.ts'
import {TOMBSTONE} from './ranges.ts'
import type {Unit} from './unit.ts'

/** Entries of one list that are looked at; the longest seen, in optimized C++, have some thousand. */
const ENTRY_LIMIT = 200_000

/** DW_AT_location and its kin: one expression for all of the scope, or one for each range of pcs. */
export interface LocationAttribute {
  readonly unit: Unit
  readonly form: number
  readonly value: number
  /** Of an expression; 0 for a list. */
  readonly length: number
}

/** undefined where the DIE has no such attribute. */
export function locationAttribute(unit: Unit, attributes: DieAttributes, name: number): LocationAttribute | undefined {
  const slot = attributes.find(name)
  if (slot < 0) return undefined
  return {unit, form: attributes.form(slot), value: attributes.value(slot), length: attributes.length(slot)}
}

/** Forms of class exprloc, and of class block up to DWARF 3. */
const EXPRESSION_FORMS: ReadonlySet<number> = new Set([
  DW_FORM.exprloc,
  DW_FORM.block,
  DW_FORM.block1,
  DW_FORM.block2,
  DW_FORM.block4,
])

/** Whether there is an expression for each range of pcs. */
export function isLocationList({form}: LocationAttribute): boolean {
  return !EXPRESSION_FORMS.has(form)
}

/**
 * The expression that holds at a link address (DWARF 5, 2.6); undefined where there is none: the value is not there.
 * @throws FormatError
 */
export function findExpression(
  {unit, form, value, length}: LocationAttribute,
  address: number,
): Uint8Array | undefined {
  if (EXPRESSION_FORMS.has(form)) {
    const cursor = unit.cursorAt(unit.header.offset + value)
    return length === 0 ? undefined : cursor.take(length)
  }
  return searchList({unit, form, value}, ({start, end}) => address >= start && address < end)
}

/** Whether an expression of a list, wherever it holds, is such a one. @throws FormatError */
export function someExpression(location: LocationAttribute, judge: (expression: Uint8Array) => boolean): boolean {
  let isFound = false
  searchList(location, ({expression}) => {
    isFound = judge(expression)
    return isFound
  })
  return isFound
}

type Judge = (entry: LoclistEntry) => boolean

/** The first entry that is chosen, else what DWARF 5 says of all other places. */
function searchList({unit, form, value}: Omit<LocationAttribute, 'length'>, judge: Judge): Uint8Array | undefined {
  if (unit.version >= 5) {
    const cursor = unit.file.sections.cursor('.debug_loclists')
    cursor.seek(form === DW_FORM.loclistx ? loclistOffset(unit, cursor, value) : value)
    return searchLoclist(cursor, unit, judge)
  }
  const cursor = unit.file.sections.cursor('.debug_loc')
  cursor.seek(value)
  return unit.file.skeleton ? searchGnuList(cursor, unit, judge) : searchDebugLoc(cursor, unit, judge)
}

/** Entry of the offset table that DW_AT_loclists_base names, or that of the section's first header (7.29). */
function loclistOffset(unit: Unit, cursor: Cursor, index: number): number {
  const base = unit.root.number(DW_AT.loclists_base) ?? (unit.offsetSize === 8 ? 20 : 12)
  cursor.seek(base + index * unit.offsetSize)
  return base + cursor.unsigned(unit.offsetSize)
}

function tooLong(cursor: Cursor): Error {
  return cursor.error(`more than ${ENTRY_LIMIT} entries in a location list`)
}

/** DWARF 4, 2.6.2: pairs relative to a base, each with an expression. */
function searchDebugLoc(cursor: Cursor, unit: Unit, judge: Judge): Uint8Array | undefined {
  const largest = unit.addressSize === 8 ? 2 ** 64 : 2 ** 32 - 1
  const next = () => (unit.addressSize === 8 ? cursor.number64() : cursor.u32())
  let base = unit.lowPc
  for (let count = 0; count < ENTRY_LIMIT; count++) {
    const start = next()
    const end = next()
    if (start === 0 && end === 0) return undefined
    if (start >= largest) {
      base = end
      continue
    }
    const expression = cursor.take(cursor.u16())
    if (judge({start: base + start, end: base + end, expression})) return expression
  }
  throw tooLong(cursor)
}

/** The lists of GNU split DWARF 4, in `.debug_loc.dwo` (gcc.gnu.org/wiki/DebugFission). */
function searchGnuList(cursor: Cursor, unit: Unit, judge: Judge): Uint8Array | undefined {
  const indexed = () => unit.indexedAddress(cursor.uleb128()) ?? TOMBSTONE
  let base = unit.lowPc
  for (let count = 0; count < ENTRY_LIMIT; count++) {
    const kind = cursor.u8()
    if (kind === DW_LLE.end_of_list) return undefined
    if (kind === DW_LLE.base_addressx) {
      base = indexed()
      continue
    }
    const {start, end} = gnuRange(kind, base, cursor, indexed)
    const expression = cursor.take(cursor.u16())
    if (judge({start, end, expression})) return expression
  }
  throw tooLong(cursor)
}

function gnuRange(kind: number, base: number, cursor: Cursor, indexed: () => number): {start: number; end: number} {
  switch (kind) {
    case DW_LLE.startx_endx: {
      const start = indexed()
      return {start, end: indexed()}
    }
    case DW_LLE.startx_length: {
      const start = indexed()
      return {start, end: start + cursor.u32()}
    }
    case DW_LLE.offset_pair: {
      const start = base + cursor.u32()
      return {start, end: base + cursor.u32()}
    }
    default:
      throw cursor.error(`unknown location list entry ${kind}`, cursor.position - 1)
  }
}

/** DWARF 5, 7.7.3. */
function searchLoclist(cursor: Cursor, unit: Unit, judge: Judge): Uint8Array | undefined {
  const reader = new LoclistReader(cursor, unit)
  for (let count = 0; count < ENTRY_LIMIT; count++) {
    const entry = reader.next()
    if (entry === 'end') return reader.fallback
    if (entry && judge(entry)) return entry.expression
  }
  throw tooLong(cursor)
}

interface LoclistEntry {
  readonly start: number
  readonly end: number
  readonly expression: Uint8Array
}

class LoclistReader {
  readonly #cursor: Cursor
  readonly #unit: Unit
  #base: number
  /** DW_LLE_default_location: holds where no other entry does. */
  fallback: Uint8Array | undefined

  constructor(cursor: Cursor, unit: Unit) {
    this.#cursor = cursor
    this.#unit = unit
    this.#base = unit.lowPc
  }

  /** undefined for an entry that names no range. */
  next(): LoclistEntry | 'end' | undefined {
    const cursor = this.#cursor
    const kind = cursor.u8()
    switch (kind) {
      case DW_LLE.end_of_list:
        return 'end'
      case DW_LLE.base_addressx:
        this.#base = this.#indexed()
        return undefined
      case DW_LLE.base_address:
        this.#base = this.#address()
        return undefined
      case DW_LLE.default_location:
        this.fallback = cursor.take(cursor.uleb128())
        return undefined
      case DW_LLE.GNU_view_pair:
        cursor.uleb128()
        cursor.uleb128()
        return undefined
      default: {
        const {start, end} = this.#range(kind)
        return {start, end, expression: cursor.take(cursor.uleb128())}
      }
    }
  }

  #range(kind: number): {start: number; end: number} {
    const cursor = this.#cursor
    switch (kind) {
      case DW_LLE.startx_endx: {
        const start = this.#indexed()
        return {start, end: this.#indexed()}
      }
      case DW_LLE.startx_length: {
        const start = this.#indexed()
        return {start, end: start + cursor.uleb128()}
      }
      case DW_LLE.offset_pair: {
        const start = this.#base + cursor.uleb128()
        return {start, end: this.#base + cursor.uleb128()}
      }
      case DW_LLE.start_end: {
        const start = this.#address()
        return {start, end: this.#address()}
      }
      case DW_LLE.start_length: {
        const start = this.#address()
        return {start, end: start + cursor.uleb128()}
      }
      default:
        throw cursor.error(`unknown location list entry ${kind}`, cursor.position - 1)
    }
  }

  #indexed(): number {
    return this.#unit.indexedAddress(this.#cursor.uleb128()) ?? TOMBSTONE
  }

  #address(): number {
    return this.#unit.addressSize === 8 ? this.#cursor.number64() : this.#cursor.u32()
  }
}
