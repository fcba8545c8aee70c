import {Cursor} from '../base/cursor.ts'
import type {AbbrevTable} from './abbrev.ts'
import {DW_AT, DW_FORM, languageName} from './constants.ts'
import {DieWalker} from './die-walker.ts'
import type {DwarfFile} from './dwarf-file.ts'
import {DieAttributes} from './form.ts'
import {type RangeSink, readRangeList, TOMBSTONE} from './ranges.ts'
import {ScopeIndex} from './scope-index.ts'
import type {UnitHeader} from './unit-list.ts'

/** A DIE, wherever it is. */
export interface DieReference {
  readonly unit: Unit
  /** Offset in the unit's section. */
  readonly offset: number
}

/**
 * Range list entries that one unit may have read, all lists together: lists can be shared, so that the file's size
 * bounds nothing. The largest unit seen, a browser built as one, has some 10 million.
 */
const RANGE_BUDGET = 50_000_000

/** One unit: its header, its root DIE, and the meaning that its bases give to indexed forms. */
export class Unit {
  readonly file: DwarfFile
  readonly section: string
  readonly header: UnitHeader
  readonly root: DieAttributes
  readonly rootTag: number
  readonly abbrevs: AbbrevTable
  /** Whether a type may have functions in it: in C, whose units repeat the same structs, none has. */
  readonly hasMethods: boolean
  /** Addresses of 8 bytes, offsets of 4, which a reference into the section is too: not so in DWARF 2. */
  readonly isUsual: boolean
  readonly #bytes: Uint8Array
  #rangesLeft = RANGE_BUDGET
  #scopes: ScopeIndex | undefined

  /** @throws FormatError for a broken root DIE */
  constructor(file: DwarfFile, section: string, header: UnitHeader) {
    this.file = file
    this.section = section
    this.header = header
    this.abbrevs = file.abbrevs(header.abbrevOffset)
    this.isUsual = header.addressSize === 8 && header.offsetSize === 4 && header.version > 2
    this.#bytes = file.sections.bytes(section).subarray(header.offset, header.end)
    const walker = new DieWalker(this, header.firstDie)
    this.root = new DieAttributes()
    this.rootTag = 0
    if (walker.next()) {
      this.rootTag = walker.tag
      walker.read(this.root)
    }
    this.hasMethods = this.language !== 'c'
  }

  /** The scopes of the unit's functions, found at first use. */
  get scopes(): ScopeIndex {
    this.#scopes ??= ScopeIndex.parse(this)
    return this.#scopes
  }

  get addressSize(): number {
    return this.header.addressSize
  }

  get offsetSize(): 4 | 8 {
    return this.header.offsetSize
  }

  get version(): number {
    return this.header.version
  }

  /** Counts an entry of a range list. @throws FormatError past the budget */
  spendRange(list: Cursor): void {
    if (--this.#rangesLeft < 0) throw list.error('more range list entries than a unit can have')
  }

  /** A cursor over the unit's bytes, at a section offset. */
  cursorAt(offset: number): Cursor {
    const cursor = new Cursor(this.#bytes, this.file.sections.label(this.section), this.header.offset)
    cursor.seek(offset - this.header.offset)
    return cursor
  }

  /**
   * The unit whose root holds the bases of `.debug_addr`, `.debug_ranges` and the line table: the skeleton of a split
   * unit.
   */
  get #addressing(): Unit {
    return this.file.skeleton ?? this
  }

  get name(): string | undefined {
    return this.string(this.root, DW_AT.name)
  }

  get compDir(): string | undefined {
    return this.string(this.root, DW_AT.comp_dir) ?? this.file.skeleton?.compDir
  }

  get language(): string | undefined {
    const code = this.root.number(DW_AT.language)
    return code === undefined ? undefined : languageName(code)
  }

  get lowPc(): number {
    return this.address(this.#addressing.root, DW_AT.low_pc) ?? 0
  }

  get dwoName(): string | undefined {
    return this.string(this.root, DW_AT.dwo_name) ?? this.string(this.root, DW_AT.GNU_dwo_name)
  }

  get dwoId(): bigint | undefined {
    if (this.header.id !== undefined && this.header.typeDie === 0) return this.header.id
    const slot = this.root.find(DW_AT.GNU_dwo_id)
    if (slot < 0) return undefined
    // a data8 is kept as a double, which may have rounded this hash: read its 8 bytes again
    return this.#rawWord(DW_AT.GNU_dwo_id)
  }

  #rawWord(name: number): bigint | undefined {
    const walker = new DieWalker(this, this.header.firstDie)
    return walker.next() ? walker.readWord(name) : undefined
  }

  /** The text of a string attribute. */
  string(attributes: DieAttributes, name: number): string | undefined {
    const slot = attributes.find(name)
    if (slot < 0) return undefined
    const value = attributes.value(slot)
    const {sections, supplementary} = this.file
    switch (attributes.form(slot)) {
      case DW_FORM.string:
        return this.cursorAt(this.header.offset + value).cstring()
      case DW_FORM.strp:
        return sections.string('.debug_str', value)
      case DW_FORM.line_strp:
        return sections.path(value)
      case DW_FORM.strp_sup:
      case DW_FORM.GNU_strp_alt:
        return supplementary?.sections.string('.debug_str', value)
      case DW_FORM.strx:
      case DW_FORM.strx1:
      case DW_FORM.strx2:
      case DW_FORM.strx3:
      case DW_FORM.strx4:
      case DW_FORM.GNU_str_index:
        return this.#indexedString(value)
      default:
        return undefined
    }
  }

  #indexedString(index: number): string | undefined {
    const cursor = this.file.sections.cursor('.debug_str_offsets')
    const at = this.#stringOffsetsBase() + index * this.offsetSize
    if (at + this.offsetSize > cursor.size) return undefined
    cursor.seek(at)
    return this.file.sections.string('.debug_str', cursor.unsigned(this.offsetSize))
  }

  /**
   * DW_AT_str_offsets_base; without it the table starts behind its header (DWARF 5, 7.26), which DWARF 4 did not have.
   */
  #stringOffsetsBase(): number {
    const base = this.root.number(DW_AT.str_offsets_base)
    if (base !== undefined) return base
    if (this.version < 5) return 0
    return this.offsetSize === 8 ? 16 : 8
  }

  /** The address of an attribute of class address; undefined where absent or thrown away by the linker. */
  address(attributes: DieAttributes, name: number): number | undefined {
    const slot = attributes.find(name)
    if (slot < 0) return undefined
    const value = attributes.value(slot)
    switch (attributes.form(slot)) {
      case DW_FORM.addr:
        return value < TOMBSTONE ? value : undefined
      case DW_FORM.addrx:
      case DW_FORM.addrx1:
      case DW_FORM.addrx2:
      case DW_FORM.addrx3:
      case DW_FORM.addrx4:
      case DW_FORM.GNU_addr_index:
        return this.indexedAddress(value)
      default:
        return undefined
    }
  }

  /** Entry of `.debug_addr`; undefined past its end or for a tombstone. */
  indexedAddress(index: number): number | undefined {
    const {file, root, version, addressSize, offsetSize} = this.#addressing
    const base = root.number(DW_AT.addr_base) ?? root.number(DW_AT.GNU_addr_base) ?? (version < 5 ? 0 : offsetSize * 2)
    const cursor = file.sections.cursor('.debug_addr')
    const at = base + index * addressSize
    if (at + addressSize > cursor.size) return undefined
    cursor.seek(at)
    const value = addressSize === 8 ? cursor.number64() : cursor.u32()
    return value < TOMBSTONE ? value : undefined
  }

  /** The DIE that a reference attribute names; undefined where it is absent or leads nowhere. */
  reference(attributes: DieAttributes, name: number): DieReference | undefined {
    const slot = attributes.find(name)
    if (slot < 0) return undefined
    const value = attributes.value(slot)
    switch (attributes.form(slot)) {
      case DW_FORM.ref1:
      case DW_FORM.ref2:
      case DW_FORM.ref4:
      case DW_FORM.ref8:
      case DW_FORM.ref_udata: {
        const offset = this.header.offset + value
        return offset >= this.header.firstDie && offset < this.header.end ? {unit: this, offset} : undefined
      }
      case DW_FORM.ref_addr:
        return inFile(this.file, value)
      case DW_FORM.GNU_ref_alt:
      case DW_FORM.ref_sup4:
      case DW_FORM.ref_sup8:
        return this.file.supplementary && inFile(this.file.supplementary, value)
      case DW_FORM.ref_sig8:
        return this.#typeReference(value)
      default:
        return undefined
    }
  }

  #typeReference(position: number): DieReference | undefined {
    const signature = this.cursorAt(this.header.offset + position).word()
    const unit = this.file.info.typeUnit(signature) ?? this.file.types.typeUnit(signature)
    return unit && {unit, offset: unit.header.typeDie}
  }

  /**
   * Reports the pc ranges of a DIE: DW_AT_ranges, else low_pc and high_pc, which is an address up to DWARF 3 and by its
   * form an offset since (2.17.2).
   */
  ranges(attributes: DieAttributes, sink: RangeSink): void {
    const slot = attributes.find(DW_AT.ranges)
    if (slot >= 0) {
      this.#rangeList(attributes.form(slot), attributes.value(slot), sink)
      return
    }
    const low = this.address(attributes, DW_AT.low_pc)
    const highSlot = attributes.find(DW_AT.high_pc)
    if (low === undefined || highSlot < 0) return
    const high = this.address(attributes, DW_AT.high_pc) ?? low + attributes.value(highSlot)
    if (low < high && low > 0 && high < TOMBSTONE) sink(low, high)
  }

  #rangeList(form: number, value: number, sink: RangeSink): void {
    if (this.version >= 5) {
      readRangeList(this, form === DW_FORM.rnglistx ? this.#rangeListOffset(value) : value, sink)
      return
    }
    // GNU split DWARF: the list is in the executable, and its offset counts from the skeleton's share of it
    const base = this.file.skeleton?.root.number(DW_AT.GNU_ranges_base) ?? 0
    readRangeList(this, base + value, sink)
  }

  #rangeListOffset(index: number): number {
    const headerSize = this.offsetSize === 8 ? 20 : 12
    const base = this.root.number(DW_AT.rnglists_base) ?? headerSize
    const cursor = this.file.sections.cursor('.debug_rnglists')
    cursor.seek(base + index * this.offsetSize)
    return base + cursor.unsigned(this.offsetSize)
  }
}

function inFile(file: DwarfFile, offset: number): DieReference | undefined {
  const unit = file.info.containing(offset)
  return unit && offset >= unit.header.firstDie ? {unit, offset} : undefined
}
