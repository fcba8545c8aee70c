import type {Cursor} from '../base/cursor.ts'
import type {Abbrev, FormRun} from './abbrev.ts'
import {DW_FORM} from './constants.ts'

/** What the length of a form depends on, besides its data (DWARF 5, 7.5.6). */
export interface FormContext {
  readonly version: number
  readonly addressSize: number
  /** 4 in the 32-bit DWARF format, 8 in the 64-bit one. */
  readonly offsetSize: 4 | 8
}

/**
 * The attributes of one DIE, raw: a form and a number each. What the number means follows from the form: an address, a
 * constant, an index, an offset; for strings, blocks and signatures the position of their bytes in the unit. Reused
 * from DIE to DIE, so reading one allocates nothing; strings and references are resolved by Unit when they are wanted.
 */
export class DieAttributes {
  readonly #names: number[] = []
  readonly #forms: number[] = []
  readonly #values: number[] = []
  readonly #lengths: number[] = []
  count = 0

  clear(): void {
    this.count = 0
  }

  add(name: number, form: number, value: number, length = 0): void {
    const at = this.count++
    this.#names[at] = name
    this.#forms[at] = form
    this.#values[at] = value
    this.#lengths[at] = length
  }

  /** The slot of an attribute, or -1. */
  find(name: number): number {
    for (let at = 0; at < this.count; at++) if (this.#names[at] === name) return at
    return -1
  }

  has(name: number): boolean {
    return this.find(name) >= 0
  }

  form(slot: number): number {
    return this.#forms[slot] as number
  }

  value(slot: number): number {
    return this.#values[slot] as number
  }

  /** Length of a block; 0 for other forms. */
  length(slot: number): number {
    return this.#lengths[slot] as number
  }

  /** The number of an attribute, undefined where it is absent. */
  number(name: number): number | undefined {
    const slot = this.find(name)
    return slot < 0 ? undefined : this.#values[slot]
  }
}

function looseInteger(cursor: Cursor, size: number): number {
  return size === 8 ? cursor.number64() : cursor.unsigned(size)
}

function skipLeb128(cursor: Cursor): void {
  while (cursor.u8() >= 0x80);
}

function looseUleb128(cursor: Cursor): number {
  let result = 0
  let scale = 1
  for (;;) {
    const byte = cursor.u8()
    result += (byte % 0x80) * scale
    if (byte < 0x80) return result
    scale *= 0x80
    if (scale > 2 ** 70) throw cursor.error('ULEB128 too long')
  }
}

/** Skips the attributes of a DIE: one addition for all in a row whose forms are fixed. */
export function skipAttributes(cursor: Cursor, {runs}: Abbrev, context: FormContext): void {
  for (let at = 0; at < runs.length; at++) {
    const run = runs[at] as FormRun
    skipRun(cursor, run, context)
    if (run.next >= 0) skipForm(cursor, run.next, context)
  }
}

/** Skips the attributes in a row whose lengths the abbreviation tells. */
export function skipRun(cursor: Cursor, {bytes, addresses, offsets, refAddrs}: FormRun, context: FormContext): void {
  const {addressSize, offsetSize} = context
  const refAddrSize = context.version <= 2 ? addressSize : offsetSize
  cursor.skip(bytes + addresses * addressSize + offsets * offsetSize + refAddrs * refAddrSize)
}

/** Skips one value. Written apart from reading for the speed of walking: most DIEs of a unit are only passed by. */
export function skipForm(cursor: Cursor, form: number, context: FormContext): void {
  switch (form) {
    case DW_FORM.string: {
      const nul = cursor.bytes.indexOf(0, cursor.position)
      if (nul < 0) throw cursor.error('string without end')
      cursor.seek(nul + 1)
      return
    }
    case DW_FORM.udata:
    case DW_FORM.sdata:
    case DW_FORM.ref_udata:
    case DW_FORM.strx:
    case DW_FORM.addrx:
    case DW_FORM.loclistx:
    case DW_FORM.rnglistx:
    case DW_FORM.GNU_addr_index:
    case DW_FORM.GNU_str_index:
      skipLeb128(cursor)
      return
    case DW_FORM.exprloc:
    case DW_FORM.block:
      cursor.skip(cursor.uleb128())
      return
    case DW_FORM.block1:
      cursor.skip(cursor.u8())
      return
    case DW_FORM.block2:
      cursor.skip(cursor.u16())
      return
    case DW_FORM.block4:
      cursor.skip(cursor.u32())
      return
    default:
      readForm(cursor, 0, form, 0, context, undefined)
  }
}

/** Reads the attributes of a DIE into `out`. */
export function readAttributes(cursor: Cursor, abbrev: Abbrev, context: FormContext, out: DieAttributes): void {
  out.clear()
  const {names, forms, implicit} = abbrev
  for (let at = 0; at < forms.length; at++) {
    readForm(cursor, names[at] as number, forms[at] as number, implicit[at] as number, context, out)
  }
}

/** How often DW_FORM_indirect may name another form. */
const INDIRECT_LIMIT = 4

/** Reads one value (DWARF 5, 7.5.5 and 7.5.6). @throws FormatError for a form that no version defines */
export function readForm(
  cursor: Cursor,
  name: number,
  declaredForm: number,
  implicit: number,
  context: FormContext,
  out: DieAttributes | undefined,
): void {
  let form = declaredForm
  let constant = implicit
  for (let depth = 0; form === DW_FORM.indirect; depth++) {
    if (depth === INDIRECT_LIMIT) throw cursor.error('DW_FORM_indirect without end')
    form = cursor.uleb128()
    if (form === DW_FORM.implicit_const) constant = Number(cursor.sleb128Word())
  }
  const block = blockLength(cursor, form)
  if (block >= 0) {
    out?.add(name, form, cursor.position, block)
    cursor.skip(block)
    return
  }
  const value = readNumber(cursor, form, constant, context)
  out?.add(name, form, value)
}

/** Length of a block whose size field stands at the cursor; -1 for other forms. */
function blockLength(cursor: Cursor, form: number): number {
  switch (form) {
    case DW_FORM.exprloc:
    case DW_FORM.block:
      return cursor.uleb128()
    case DW_FORM.block1:
      return cursor.u8()
    case DW_FORM.block2:
      return cursor.u16()
    case DW_FORM.block4:
      return cursor.u32()
    case DW_FORM.data16:
      return 16
    case DW_FORM.ref_sig8:
      return 8
    default:
      return -1
  }
}

function readNumber(cursor: Cursor, form: number, constant: number, context: FormContext): number {
  switch (form) {
    case DW_FORM.addr:
      return looseInteger(cursor, context.addressSize)
    case DW_FORM.data1:
    case DW_FORM.flag:
    case DW_FORM.ref1:
    case DW_FORM.strx1:
    case DW_FORM.addrx1:
      return cursor.u8()
    case DW_FORM.data2:
    case DW_FORM.ref2:
    case DW_FORM.strx2:
    case DW_FORM.addrx2:
      return cursor.u16()
    case DW_FORM.strx3:
    case DW_FORM.addrx3:
      return cursor.u24()
    case DW_FORM.data4:
    case DW_FORM.ref4:
    case DW_FORM.ref_sup4:
    case DW_FORM.strx4:
    case DW_FORM.addrx4:
      return cursor.u32()
    case DW_FORM.data8:
    case DW_FORM.ref8:
    case DW_FORM.ref_sup8:
      return cursor.number64()
    case DW_FORM.flag_present:
      return 1
    case DW_FORM.implicit_const:
      return constant
    case DW_FORM.sdata:
      return Number(cursor.sleb128Word())
    case DW_FORM.udata:
    case DW_FORM.ref_udata:
    case DW_FORM.strx:
    case DW_FORM.addrx:
    case DW_FORM.loclistx:
    case DW_FORM.rnglistx:
    case DW_FORM.GNU_addr_index:
    case DW_FORM.GNU_str_index:
      return looseUleb128(cursor)
    case DW_FORM.strp:
    case DW_FORM.line_strp:
    case DW_FORM.sec_offset:
    case DW_FORM.strp_sup:
    case DW_FORM.GNU_strp_alt:
    case DW_FORM.GNU_ref_alt:
      return looseInteger(cursor, context.offsetSize)
    case DW_FORM.ref_addr:
      // DWARF 2 made it as long as an address; since DWARF 3 it is an offset
      return looseInteger(cursor, context.version <= 2 ? context.addressSize : context.offsetSize)
    case DW_FORM.string: {
      const start = cursor.position
      skipForm(cursor, form, context)
      return start
    }
    default:
      throw cursor.error(`unknown form 0x${form.toString(16)}`)
  }
}
