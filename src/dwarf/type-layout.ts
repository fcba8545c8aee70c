import type {Diagnostics} from '../base/diagnostics.ts'
import {DW_AT, DW_TAG} from './constants.ts'
import {DieWalker} from './die-walker.ts'
import type {DwarfFile} from './dwarf-file.ts'
import {DieAttributes} from './form.ts'
import {findNamedDies} from './name-search.ts'
import type {DieReference, Unit} from './unit.ts'

export interface FieldLayout {
  readonly offset: number
  readonly size: number
  /** As the producer spells it: `runtime.gobuf`, `*runtime.m`, `unsigned int`; '' where it has no name. */
  readonly type: string
}

/** A struct as the compiler laid it out. */
export interface TypeLayout {
  readonly name: string
  readonly size: number
  /** Fields by path: `sched` and, for structs within, `sched.sp`. Offsets count from the outermost struct. */
  readonly fields: ReadonlyMap<string, FieldLayout>
}

/** Structs within structs, and fields in all, that are followed. */
const NESTING_LIMIT = 4
const FIELD_LIMIT = 20_000
/** Members read for one layout, whatever they are called. */
const MEMBER_LIMIT = 100_000
const TYPE_CHAIN_LIMIT = 16

/** Layouts of struct types by name; names that are not there are absent from the result. */
export function findStructLayouts(
  file: DwarfFile,
  names: readonly string[],
  diagnostics: Diagnostics,
): Map<string, TypeLayout> {
  const layouts = new Map<string, TypeLayout>()
  const judge = (name: string, die: DieReference): boolean => {
    const layout = readStruct(name, die)
    if (layout) layouts.set(name, layout)
    return layout !== undefined
  }
  findNamedDies(file, names, DW_TAG.structure_type, judge, diagnostics)
  return layouts
}

function readStruct(name: string, die: DieReference): TypeLayout | undefined {
  const attributes = new DieAttributes()
  const walker = new DieWalker(die.unit, die.offset)
  if (!walker.next()) return undefined
  walker.read(attributes)
  const size = attributes.number(DW_AT.byte_size)
  if (size === undefined || attributes.has(DW_AT.declaration)) return undefined
  const fields = new Map<string, FieldLayout>()
  collectFields(die, {prefix: '', offset: 0, nesting: 0}, fields, {left: MEMBER_LIMIT})
  return {name, size, fields}
}

/** Where a struct stands in the outermost one. */
interface Place {
  /** Path of its members, with the dot behind it. */
  prefix: string
  offset: number
  nesting: number
}

function collectFields(die: DieReference, place: Place, fields: Map<string, FieldLayout>, members: Budget): void {
  for (const {name, offset, shape} of membersOf(die, members)) {
    if (fields.size >= FIELD_LIMIT) return
    const path = place.prefix + (name ?? '')
    const at = place.offset + offset
    if (name !== undefined) fields.set(path, {offset: at, size: shape.size, type: shape.name})
    if (!shape.struct || place.nesting >= NESTING_LIMIT) continue
    // Members of an unnamed struct or union are reached as the outer one's own.
    const prefix = name === undefined ? place.prefix : `${path}.`
    collectFields(shape.struct, {prefix, offset: at, nesting: place.nesting + 1}, fields, members)
  }
}

interface Member {
  name: string | undefined
  offset: number
  shape: TypeShape
}

/** How many more may be read. */
interface Budget {
  left: number
}

/** The members of a struct or union that have a type, without those of the types within it. */
function* membersOf(die: DieReference, members: Budget): Generator<Member> {
  const {unit} = die
  const attributes = new DieAttributes()
  const walker = new DieWalker(unit, die.offset)
  walker.next()
  while (members.left-- > 0 && walker.next()) {
    if (walker.depth !== 1 || walker.tag !== DW_TAG.member) {
      walker.skipChildren()
      continue
    }
    walker.read(attributes)
    const name = unit.string(attributes, DW_AT.name)
    const type = unit.reference(attributes, DW_AT.type)
    if (type) yield {name, offset: memberOffset(unit, attributes), shape: readType(type)}
  }
}

/**
 * DW_AT_data_member_location: a constant, or up to DWARF 3 an expression, of which only DW_OP_plus_uconst is ever used.
 */
function memberOffset(unit: Unit, attributes: DieAttributes): number {
  const slot = attributes.find(DW_AT.data_member_location)
  if (slot < 0) return Math.floor((attributes.number(DW_AT.data_bit_offset) ?? 0) / 8)
  if (attributes.length(slot) === 0) return attributes.value(slot)
  const cursor = unit.cursorAt(unit.header.offset + attributes.value(slot))
  const DW_OP_plus_uconst = 0x23
  return cursor.u8() === DW_OP_plus_uconst ? cursor.uleb128() : 0
}

interface TypeShape {
  name: string
  size: number
  struct: DieReference | undefined
}

const RECORDS: ReadonlySet<number> = new Set([DW_TAG.structure_type, DW_TAG.union_type, DW_TAG.class_type])

/** Follows typedefs and qualifiers to a size and, where it is one, to the struct. The first name on the way counts. */
function readType(reference: DieReference | undefined, limit = TYPE_CHAIN_LIMIT): TypeShape {
  const walker = reference && new DieWalker(reference.unit, reference.offset)
  if (!reference || limit === 0 || !walker?.next()) return {name: '', size: 0, struct: undefined}
  const {unit, offset} = reference
  const attributes = walker.read(new DieAttributes())
  const name = unit.string(attributes, DW_AT.name) ?? ''
  const size = attributes.number(DW_AT.byte_size)
  if (RECORDS.has(walker.tag)) return {name, size: size ?? 0, struct: reference}
  if (walker.tag === DW_TAG.pointer_type) return {name, size: size ?? unit.addressSize, struct: undefined}
  if (size !== undefined) return {name, size, struct: undefined}
  const target = readType(unit.reference(attributes, DW_AT.type), limit - 1)
  if (walker.tag === DW_TAG.array_type) return {name, size: target.size * arrayCount(unit, offset), struct: undefined}
  return {...target, name: name || target.name}
}

/** Elements of an array, over all its dimensions. */
function arrayCount(unit: Unit, offset: number): number {
  const attributes = new DieAttributes()
  const walker = new DieWalker(unit, offset)
  let count = 1
  walker.next()
  while (walker.next()) {
    if (walker.tag !== DW_TAG.subrange_type) continue
    walker.read(attributes)
    const upper = attributes.number(DW_AT.upper_bound)
    const elements = attributes.number(DW_AT.count) ?? (upper === undefined ? 0 : upper + 1)
    count = Math.min(count * elements, Number.MAX_SAFE_INTEGER)
  }
  return count
}
