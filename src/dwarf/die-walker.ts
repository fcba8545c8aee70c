import type {Cursor} from '../base/cursor.ts'
import type {Abbrev} from './abbrev.ts'
import {DW_FORM} from './constants.ts'
import {DieAttributes, readAttributes, readForm, skipAttributes, skipForm, skipRun} from './form.ts'
import type {Unit} from './unit.ts'

/** Deeper nesting than this is not a program (DIE depth in large C++ units stays below 100). */
const DEPTH_LIMIT = 4096

/** The attribute that names the next DIE beside the present one. */
const SIBLING = new DieAttributes()

/**
 * Walks DIEs in the order they stand in the unit, from a given one through its children (and, from the root, through
 * the whole unit). Attributes are skipped unless they are read between two steps.
 */
export class DieWalker {
  readonly #unit: Unit
  readonly #cursor: Cursor
  #abbrev: Abbrev | undefined
  #pending = false
  #started = false
  #nextDepth = 0
  /** Section offset of the present DIE. */
  offset = 0
  /** Depth of the present DIE below the one the walk started at. */
  depth = 0

  constructor(unit: Unit, offset: number) {
    this.#unit = unit
    this.#cursor = unit.cursorAt(offset)
  }

  get tag(): number {
    return this.#abbrev?.tag ?? 0
  }

  get hasChildren(): boolean {
    return this.#abbrev?.hasChildren ?? false
  }

  /** To the next DIE; false at the end. @throws FormatError for an unknown abbreviation, a bad form, or a cut unit */
  next(): boolean {
    this.#skipPending()
    const cursor = this.#cursor
    while (!cursor.atEnd && (!this.#started || this.#nextDepth > 0)) {
      const at = cursor.position
      const code = cursor.uleb128()
      if (code !== 0) {
        this.#enter(code, at)
        return true
      }
      if (!this.#started) return false
      this.#nextDepth--
    }
    return false
  }

  #enter(code: number, at: number): void {
    const abbrev = this.#abbrevOf(code, at)
    this.#abbrev = abbrev
    this.#started = true
    this.#pending = true
    this.offset = this.#cursor.base + at
    this.depth = this.#nextDepth
    if (abbrev.hasChildren && ++this.#nextDepth > DEPTH_LIMIT) throw this.#cursor.error('DIEs nested too deep', at)
  }

  #abbrevOf(code: number, at: number): Abbrev {
    const abbrev = this.#unit.abbrevs.find(code)
    if (!abbrev) throw this.#cursor.error(`no abbreviation ${code}`, at)
    return abbrev
  }

  #skipPending(): void {
    if (this.#pending) this.#skip(this.#abbrev as Abbrev)
    this.#pending = false
  }

  #skip(abbrev: Abbrev): void {
    const {fields} = abbrev
    const isSkipped = fields !== undefined && this.#unit.isUsual && this.#cursor.skipFields(fields)
    if (!isSkipped) skipAttributes(this.#cursor, abbrev, this.#unit)
  }

  /** Reads the attributes of the present DIE. Once for each DIE. */
  read(out: DieAttributes): DieAttributes {
    readAttributes(this.#cursor, this.#abbrev as Abbrev, this.#unit, out)
    this.#pending = false
    return out
  }

  /** Reads one constant as 64 raw bits, for hashes and values that a double would round; the rest is skipped. */
  readWord(name: number): bigint | undefined {
    const abbrev = this.#abbrev as Abbrev
    this.#pending = false
    let word: bigint | undefined
    for (let at = 0; at < abbrev.forms.length; at++) {
      const form = abbrev.forms[at] as number
      const isWanted = abbrev.names[at] === name
      if (isWanted && form === DW_FORM.data8) word = this.#cursor.word()
      else if (isWanted && form === DW_FORM.udata) word = this.#cursor.uleb128Word()
      else if (isWanted && form === DW_FORM.sdata) word = BigInt.asUintN(64, this.#cursor.sleb128Word())
      else skipForm(this.#cursor, form, this.#unit)
    }
    return word
  }

  /** Passes by the children of the present DIE: by DW_AT_sibling where the producer wrote it, else one by one. */
  skipChildren(): void {
    const abbrev = this.#abbrev
    if (!abbrev?.hasChildren) return
    const sibling = this.#siblingPosition(abbrev)
    const depth = this.depth
    if (sibling > this.#cursor.position) {
      this.#cursor.seek(sibling)
      this.#nextDepth = depth
      this.#started = true
      return
    }
    this.#passChildren(depth)
  }

  /** Position that DW_AT_sibling gives; consumes the attributes. -1 where there is none or they were read already. */
  #siblingPosition(abbrev: Abbrev): number {
    if (!this.#pending || abbrev.sibling < 0) return -1
    const quick = this.#quickSibling(abbrev)
    if (quick >= 0) return quick
    let position = -1
    for (let at = 0; at < abbrev.forms.length; at++) {
      const form = abbrev.forms[at] as number
      if (at === abbrev.sibling && form !== DW_FORM.ref_addr) {
        SIBLING.clear()
        readForm(this.#cursor, 0, form, abbrev.implicit[at] as number, this.#unit, SIBLING)
        position = SIBLING.value(0)
      } else skipForm(this.#cursor, form, this.#unit)
    }
    this.#pending = false
    return position <= this.#cursor.size ? position : -1
  }

  /** As most compilers write it: 4 bytes, behind what has a length. What it leads to is behind them. */
  #quickSibling({beforeSibling, forms, sibling}: Abbrev): number {
    if (!beforeSibling || forms[sibling] !== DW_FORM.ref4) return -1
    const cursor = this.#cursor
    const start = cursor.position
    skipRun(cursor, beforeSibling, this.#unit)
    const position = cursor.u32()
    const isBehind = position > cursor.position && position <= cursor.size
    if (isBehind) this.#pending = false
    else cursor.seek(start)
    return isBehind ? position : -1
  }

  #passChildren(depth: number): void {
    this.#skipPending()
    const cursor = this.#cursor
    while (this.#nextDepth > depth && !cursor.atEnd) {
      const at = cursor.position
      const code = cursor.uleb128()
      if (code === 0) {
        this.#nextDepth--
        continue
      }
      const abbrev = this.#abbrevOf(code, at)
      if (abbrev.hasChildren) this.#nextDepth++
      this.#skip(abbrev)
    }
  }
}
