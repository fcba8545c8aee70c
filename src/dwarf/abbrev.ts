import {type Cursor, FIELD} from '../base/cursor.ts'
import {DW_AT, DW_FORM} from './constants.ts'

/** Attributes in a row whose lengths the abbreviation tells, and what follows them. */
export interface FormRun {
  bytes: number
  /** How many of them are one address, one offset, one DW_FORM_ref_addr long, besides `bytes`. */
  addresses: number
  offsets: number
  refAddrs: number
  /** The form behind them, whose length depends on the data; -1 at the end. */
  next: number
}

/** One abbreviation declaration (DWARF 5, 7.5.3), compiled for reading and for skipping. */
export interface Abbrev {
  readonly tag: number
  readonly hasChildren: boolean
  readonly names: readonly number[]
  readonly forms: readonly number[]
  /** Values of DW_FORM_implicit_const, 0 elsewhere. */
  readonly implicit: readonly number[]
  /** The same forms, for who passes by them. */
  readonly runs: readonly FormRun[]
  /** They again, as most units have them (`Unit.isUsual`), for `Cursor.skipFields`; undefined: a form is rare. */
  readonly fields: readonly number[] | undefined
  /** Index of DW_AT_sibling in `names`, or -1. */
  readonly sibling: number
  /** What stands before it, where the abbreviation tells how long that is. */
  readonly beforeSibling: FormRun | undefined
}

/** Lengths of the forms whose length is the same in every unit. */
const FIXED_LENGTH: Readonly<Record<number, number>> = {
  [DW_FORM.data1]: 1,
  [DW_FORM.data2]: 2,
  [DW_FORM.data4]: 4,
  [DW_FORM.data8]: 8,
  [DW_FORM.data16]: 16,
  [DW_FORM.flag]: 1,
  [DW_FORM.flag_present]: 0,
  [DW_FORM.implicit_const]: 0,
  [DW_FORM.ref1]: 1,
  [DW_FORM.ref2]: 2,
  [DW_FORM.ref4]: 4,
  [DW_FORM.ref8]: 8,
  [DW_FORM.ref_sig8]: 8,
  [DW_FORM.ref_sup4]: 4,
  [DW_FORM.ref_sup8]: 8,
  [DW_FORM.strx1]: 1,
  [DW_FORM.strx2]: 2,
  [DW_FORM.strx3]: 3,
  [DW_FORM.strx4]: 4,
  [DW_FORM.addrx1]: 1,
  [DW_FORM.addrx2]: 2,
  [DW_FORM.addrx3]: 3,
  [DW_FORM.addrx4]: 4,
}

function isOffsetForm(form: number): boolean {
  return (
    form === DW_FORM.strp ||
    form === DW_FORM.line_strp ||
    form === DW_FORM.sec_offset ||
    form === DW_FORM.strp_sup ||
    form === DW_FORM.GNU_strp_alt ||
    form === DW_FORM.GNU_ref_alt
  )
}

/** Declarations without their codes: each unit of a program has a table of its own with much the same ones. */
export class AbbrevDeclarations {
  readonly #section: Buffer
  readonly #known = new Map<string, Abbrev>()

  /** @param bytes the whole section */
  constructor(bytes: Uint8Array) {
    this.#section = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** The one at the cursor, which stands in the section and is then behind it. */
  read(cursor: Cursor): Abbrev {
    const start = cursor.position
    skipDeclaration(cursor)
    const text = this.#section.toString('latin1', start, cursor.position)
    let abbrev = this.#known.get(text)
    if (!abbrev) {
      cursor.seek(start)
      abbrev = parseDeclaration(cursor)
      this.#known.set(text, abbrev)
    }
    return abbrev
  }
}

/** The abbreviation table of one or more units. Declarations are compiled as they are first asked for. */
export class AbbrevTable {
  readonly #cursor: Cursor
  readonly #declarations: AbbrevDeclarations
  readonly #dense: (Abbrev | undefined)[] = []
  readonly #sparse = new Map<number, Abbrev>()
  #finished = false

  /** @param cursor over the whole section, where this table starts */
  constructor(cursor: Cursor, declarations: AbbrevDeclarations) {
    this.#cursor = cursor
    this.#declarations = declarations
  }

  find(code: number): Abbrev | undefined {
    const known = code < this.#dense.length ? this.#dense[code] : this.#sparse.get(code)
    if (known || this.#finished) return known
    return this.#parseUntil(code)
  }

  #parseUntil(wanted: number): Abbrev | undefined {
    for (;;) {
      const code = this.#cursor.atEnd ? 0 : this.#cursor.uleb128()
      if (code === 0) {
        this.#finished = true
        return undefined
      }
      const abbrev = this.#declarations.read(this.#cursor)
      this.#keep(code, abbrev)
      if (code === wanted) return abbrev
    }
  }

  /** Producers number 1, 2, 3, …; anything else goes to a map, so that a hostile code allocates nothing. */
  #keep(code: number, abbrev: Abbrev): void {
    if (this.#dense.length === 0) this.#dense.push(undefined)
    if (code === this.#dense.length) this.#dense.push(abbrev)
    else if (code > this.#dense.length) this.#sparse.set(code, abbrev)
  }
}

function skipDeclaration(cursor: Cursor): void {
  cursor.uleb128()
  cursor.skip(1)
  for (;;) {
    const name = cursor.uleb128()
    const form = cursor.uleb128()
    if (form === DW_FORM.implicit_const) cursor.sleb128Word()
    if (name === 0 && form === 0) return
  }
}

function parseDeclaration(cursor: Cursor): Abbrev {
  const tag = cursor.uleb128()
  const hasChildren = cursor.u8() !== 0
  const names: number[] = []
  const forms: number[] = []
  const implicit: number[] = []
  for (;;) {
    const name = cursor.uleb128()
    const form = cursor.uleb128()
    const value = form === DW_FORM.implicit_const ? Number(cursor.sleb128Word()) : 0
    if (name === 0 && form === 0) break
    names.push(name)
    forms.push(form)
    implicit.push(value)
  }
  const sibling = names.indexOf(DW_AT.sibling)
  const before = sibling < 0 ? [] : runsOf(forms.slice(0, sibling))
  const beforeSibling = before.length === 1 && before[0]?.next === -1 ? before[0] : undefined
  const runs = runsOf(forms)
  return {tag, hasChildren, names, forms, implicit, runs, fields: fieldsOf(runs), sibling, beforeSibling}
}

const FIELD_OF: Readonly<Record<number, number>> = {
  [DW_FORM.udata]: FIELD.leb128,
  [DW_FORM.sdata]: FIELD.leb128,
  [DW_FORM.addrx]: FIELD.leb128,
  [DW_FORM.strx]: FIELD.leb128,
  [DW_FORM.loclistx]: FIELD.leb128,
  [DW_FORM.rnglistx]: FIELD.leb128,
  [DW_FORM.exprloc]: FIELD.block,
  [DW_FORM.block1]: FIELD.block,
  [DW_FORM.string]: FIELD.string,
}

function fieldsOf(runs: readonly FormRun[]): readonly number[] | undefined {
  const fields: number[] = []
  for (const {bytes, addresses, offsets, refAddrs, next} of runs) {
    const length = bytes + addresses * 8 + (offsets + refAddrs) * 4
    if (length > 0) fields.push(length)
    const field = next < 0 ? 0 : FIELD_OF[next]
    if (field === undefined) return undefined
    if (field < 0) fields.push(field)
  }
  return fields
}

function runsOf(forms: readonly number[]): FormRun[] {
  const runs: FormRun[] = []
  let run: FormRun | undefined
  for (const form of forms) {
    if (!run) {
      run = {bytes: 0, addresses: 0, offsets: 0, refAddrs: 0, next: -1}
      runs.push(run)
    }
    const length = FIXED_LENGTH[form]
    if (length !== undefined) run.bytes += length
    else if (form === DW_FORM.addr) run.addresses++
    else if (form === DW_FORM.ref_addr) run.refAddrs++
    else if (isOffsetForm(form)) run.offsets++
    else {
      run.next = form
      run = undefined
    }
  }
  return runs
}
