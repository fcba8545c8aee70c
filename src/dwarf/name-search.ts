import {type Address, toAddress} from '../base/address.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {DW_AT, DW_FORM, DW_TAG} from './constants.ts'
import {DieWalker} from './die-walker.ts'
import type {DwarfFile} from './dwarf-file.ts'
import {DieAttributes} from './form.ts'
import type {DieReference, Unit} from './unit.ts'

/** Hits of one name that are looked at; a common word can stand in many strings. */
const HIT_LIMIT = 1000

/** Takes a DIE with the wanted name; returns whether it is the one. */
export type DieJudge = (name: string, die: DieReference) => boolean

/**
 * Finds DIEs by name without decoding the DIEs before them. Go writes names into `.debug_info` itself, as the first
 * attribute, and packs the types and variables of a package into units of that package's name: so the bytes of those
 * units are searched first, then those of the whole section. Names that are kept in `.debug_str` (C) cost a walk, which
 * is made only when that section holds the name.
 */
export function findNamedDies(
  file: DwarfFile,
  names: readonly string[],
  tag: number,
  judge: DieJudge,
  diagnostics: Diagnostics,
): void {
  const wanted = new Set(names)
  const search = new NameSearch(file, tag, judge)
  try {
    for (const unit of packageUnits(file, names)) {
      for (const name of wanted) {
        if (search.inBytes(name, unit.header.offset, unit.header.end)) wanted.delete(name)
      }
      if (wanted.size === 0) return
    }
    const size = file.sections.bytes('.debug_info').length
    for (const name of wanted) if (search.inBytes(name, 0, size)) wanted.delete(name)
    const inStrings = new Set(
      [...wanted].filter(name => indexOfString(file.sections.bytes('.debug_str'), name, 0) >= 0),
    )
    if (inStrings.size > 0) search.byWalking(inStrings)
  } catch (error) {
    diagnostics.addError('dwarf-unit', error)
  }
}

/** Units named like the packages that qualify the names: `runtime` for `runtime.g`. */
function* packageUnits(file: DwarfFile, names: readonly string[]): Generator<Unit> {
  const packages = new Set(names.map(name => name.slice(0, Math.max(name.lastIndexOf('.'), 0))))
  packages.delete('')
  if (packages.size === 0) return
  for (let index = 0; index < file.info.count; index++) {
    const unit = file.info.unit(index)
    if (unit?.name !== undefined && packages.has(unit.name)) yield unit
  }
}

/** Position of a NUL-terminated string in a section, or -1. */
function indexOfString(bytes: Uint8Array, text: string, from: number): number {
  const needle = Buffer.from(`${text}\0`)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(needle, from)
}

class NameSearch {
  readonly #file: DwarfFile
  readonly #tag: number
  readonly #judge: DieJudge
  readonly #attributes = new DieAttributes()

  constructor(file: DwarfFile, tag: number, judge: DieJudge) {
    this.#file = file
    this.#tag = tag
    this.#judge = judge
  }

  /** Looks for the name's bytes behind an abbreviation code that fits. */
  inBytes(name: string, start: number, end: number): boolean {
    const bytes = this.#file.sections.bytes('.debug_info')
    let at = indexOfString(bytes, name, start)
    for (let hits = 0; at >= 0 && at < end && hits < HIT_LIMIT; hits++) {
      const die = this.#dieAround(at)
      if (die && this.#judge(name, die)) return true
      at = indexOfString(bytes, name, at + 1)
    }
    return false
  }

  /** The DIE whose name starts at a section offset: its abbreviation code, one or two bytes long, stands before. */
  #dieAround(nameOffset: number): DieReference | undefined {
    const unit = this.#file.info.containing(nameOffset)
    if (!unit) return undefined
    for (const offset of [nameOffset - 1, nameOffset - 2]) {
      if (offset < unit.header.firstDie) continue
      const cursor = unit.cursorAt(offset)
      const code = cursor.uleb128()
      if (cursor.base + cursor.position !== nameOffset) continue
      const abbrev = unit.abbrevs.find(code)
      if (abbrev?.tag === this.#tag && abbrev.names[0] === DW_AT.name && abbrev.forms[0] === DW_FORM.string) {
        return {unit, offset}
      }
    }
    return undefined
  }

  byWalking(names: Set<string>): void {
    for (let index = 0; index < this.#file.info.count && names.size > 0; index++) {
      const unit = this.#file.info.unit(index)
      if (unit) this.#walk(unit, names)
    }
  }

  #walk(unit: Unit, names: Set<string>): void {
    const walker = new DieWalker(unit, unit.header.firstDie)
    while (walker.next()) {
      if (walker.tag !== this.#tag) continue
      const {offset} = walker
      walker.read(this.#attributes)
      const name = unit.string(this.#attributes, DW_AT.name)
      if (name !== undefined && names.has(name) && this.#judge(name, {unit, offset})) names.delete(name)
    }
  }
}

const DW_OP_addr = 0x03
const DW_OP_addrx = 0xa1

/** Link addresses of variables with a fixed place, by name; those that are not there are absent from the result. */
export function findVariableAddresses(
  file: DwarfFile,
  names: readonly string[],
  diagnostics: Diagnostics,
): Map<string, Address> {
  const addresses = new Map<string, Address>()
  const judge = (name: string, die: DieReference): boolean => {
    const address = readAddress(die)
    if (address === undefined) return false
    addresses.set(name, toAddress(address))
    return true
  }
  findNamedDies(file, names, DW_TAG.variable, judge, diagnostics)
  return addresses
}

/** The address of a location that is one DW_OP_addr or DW_OP_addrx (DWARF 5, 2.5.1.1). */
function readAddress({unit, offset}: DieReference): number | undefined {
  const walker = new DieWalker(unit, offset)
  if (!walker.next()) return undefined
  const attributes = walker.read(new DieAttributes())
  const slot = attributes.find(DW_AT.location)
  const length = slot < 0 ? 0 : attributes.length(slot)
  if (length === 0) return undefined
  const cursor = unit.cursorAt(unit.header.offset + attributes.value(slot))
  const operation = cursor.u8()
  if (operation === DW_OP_addrx) return unit.indexedAddress(cursor.uleb128())
  if (operation !== DW_OP_addr || length !== 1 + unit.addressSize) return undefined
  const address = unit.addressSize === 8 ? cursor.number64() : cursor.u32()
  return address > 0 && address < 2 ** 53 ? address : undefined
}
