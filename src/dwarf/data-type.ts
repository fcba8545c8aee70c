import {DW_AT, DW_FORM, DW_TAG} from './constants.ts'
import {DieWalker} from './die-walker.ts'
import {DieAttributes} from './form.ts'
import {readScope} from './scope-index.ts'
import type {DieReference, Unit} from './unit.ts'

export type TypeKind =
  | 'base'
  | 'pointer'
  | 'reference'
  | 'member-pointer'
  | 'struct'
  | 'union'
  | 'array'
  | 'enum'
  | 'alias'
  | 'qualified'
  | 'function'
  | 'unspecified'

const KINDS: Readonly<Record<number, TypeKind>> = {
  [DW_TAG.base_type]: 'base',
  [DW_TAG.pointer_type]: 'pointer',
  [DW_TAG.reference_type]: 'reference',
  [DW_TAG.rvalue_reference_type]: 'reference',
  [DW_TAG.ptr_to_member_type]: 'member-pointer',
  [DW_TAG.structure_type]: 'struct',
  [DW_TAG.class_type]: 'struct',
  [DW_TAG.interface_type]: 'struct',
  [DW_TAG.union_type]: 'union',
  [DW_TAG.array_type]: 'array',
  [DW_TAG.enumeration_type]: 'enum',
  [DW_TAG.typedef]: 'alias',
  [DW_TAG.template_alias]: 'alias',
  [DW_TAG.const_type]: 'qualified',
  [DW_TAG.volatile_type]: 'qualified',
  [DW_TAG.restrict_type]: 'qualified',
  [DW_TAG.atomic_type]: 'qualified',
  [DW_TAG.subroutine_type]: 'function',
  [DW_TAG.unspecified_type]: 'unspecified',
}

/** Members, enumerators or parameters that are read of one type. */
const CHILD_LIMIT = 20_000
/** Aliases and qualifiers in a row; a type that is its own alias has no end. */
const ALIAS_LIMIT = 64

/** A field, or the part of an object that a base class is. */
export interface Member {
  /** undefined: an unnamed struct or union, whose members are reached as the outer one's own. */
  readonly name: string | undefined
  readonly type: DataType | undefined
  /** In bytes. */
  readonly offset: number
  /** Of a bit field: counted from the start of the struct, from the least significant bit. */
  readonly bits: {readonly offset: number; readonly size: number} | undefined
  readonly isBase: boolean
  /** A base whose place only the virtual table tells. */
  readonly isVirtual: boolean
  /** Made by the compiler, as `_vptr` is. */
  readonly isArtificial: boolean
  /** Go: an embedded field. */
  readonly isEmbedded: boolean
}

/** A number of elements that only the running program tells (DWARF 5, 5.13): by a variable or an expression. */
export type DynamicBound = ({readonly variable: DieReference} | {readonly expression: Uint8Array}) & {
  /** The highest index, not the number of them. */
  readonly isUpper: boolean
}

export interface Enumerator {
  readonly name: string
  readonly value: bigint
}

/** A struct of which, besides its own members, those of one of several variants are there (DWARF 5, 5.7.10). */
export interface VariantPart {
  readonly discriminant: Member | undefined
  readonly variants: readonly {readonly value: bigint | undefined; readonly members: readonly Member[]}[]
}

/** One type of a program as its compiler describes it (DWARF 5, chapter 5); what it is made of is read when asked. */
export class DataType {
  readonly reference: DieReference
  readonly tag: number
  readonly kind: TypeKind
  /** As the producer spells it. */
  readonly name: string | undefined
  /** DW_ATE_*, of a base type. */
  readonly encoding: number
  readonly isDeclaration: boolean
  /** reflect.Kind, where the compiler is Go's. */
  readonly goKind: number | undefined
  /** Of a type that a generic function is compiled for: where its dictionary has the real one. */
  readonly goDictIndex: number | undefined
  readonly #table: TypeTable
  readonly #byteSize: number | undefined
  readonly #target: DieReference | undefined
  readonly #goElem: DieReference | undefined
  readonly #goKey: DieReference | undefined
  #children: Children | undefined

  constructor(table: TypeTable, reference: DieReference, tag: number, attributes: DieAttributes) {
    const {unit} = reference
    this.#table = table
    this.reference = reference
    this.tag = tag
    this.kind = KINDS[tag] ?? 'unspecified'
    this.name = unit.string(attributes, DW_AT.name)
    this.encoding = attributes.number(DW_AT.encoding) ?? 0
    this.isDeclaration = attributes.has(DW_AT.declaration)
    this.goKind = attributes.number(DW_AT.go_kind)
    this.goDictIndex = attributes.number(DW_AT.go_dict_index)
    this.#byteSize = attributes.number(DW_AT.byte_size)
    this.#target = unit.reference(attributes, DW_AT.type)
    this.#goElem = unit.reference(attributes, DW_AT.go_elem)
    this.#goKey = unit.reference(attributes, DW_AT.go_key)
  }

  get unit(): Unit {
    return this.reference.unit
  }

  /** `const`, on the type itself. */
  get isConstant(): boolean {
    return this.tag === DW_TAG.const_type
  }

  get language(): string | undefined {
    return this.unit.language
  }

  /** What it points at, is an array or another name of; undefined for void. */
  get target(): DataType | undefined {
    return this.#table.at(this.#target)
  }

  /** DW_AT_go_elem: of a slice, a map or a channel. */
  get goElem(): DataType | undefined {
    return this.#table.at(this.#goElem)
  }

  get goKey(): DataType | undefined {
    return this.#table.at(this.#goKey)
  }

  /** Without other names and qualifiers; a chain without end gives where it was left. */
  get bare(): DataType {
    let type: DataType = this
    for (let step = 0; step < ALIAS_LIMIT && (type.kind === 'alias' || type.kind === 'qualified'); step++) {
      const next: DataType | undefined = type.target
      if (!next) break
      type = next
    }
    return type
  }

  /** In bytes; undefined where it is not known, as of an array without end. */
  get size(): number | undefined {
    return this.#sizeWithin(ALIAS_LIMIT)
  }

  /** An array may be its own element. */
  #sizeWithin(limit: number): number | undefined {
    const {bare} = this
    if (bare.#byteSize !== undefined) return bare.#byteSize
    if (bare.kind === 'pointer' || bare.kind === 'reference') return bare.unit.addressSize
    const target = limit > 0 && (bare.kind === 'enum' || bare.kind === 'array') ? bare.target : undefined
    const size = target ? target.#sizeWithin(limit - 1) : undefined
    return size === undefined || bare.kind === 'enum' ? size : product(size, bare.dimensions)
  }

  get members(): readonly Member[] {
    return this.#read().members
  }

  get variantPart(): VariantPart | undefined {
    return this.#read().variantPart
  }

  get enumerators(): readonly Enumerator[] {
    return this.#read().enumerators
  }

  /** Elements in each dimension; undefined for one without end. */
  get dimensions(): readonly (number | undefined)[] {
    return this.#read().dimensions
  }

  /** For each dimension what tells its elements where the type itself does not. */
  get dynamicBounds(): readonly (DynamicBound | undefined)[] {
    return this.#read().dynamicBounds
  }

  get parameters(): readonly (DataType | undefined)[] {
    return this.#read().parameters
  }

  /** Types that a template was made with, by the names of its parameters. */
  get templateTypes(): ReadonlyMap<string, DataType> {
    return this.#read().templateTypes
  }

  /** Namespaces and classes around it, with `::` between; undefined where there is none. */
  get scope(): string | undefined {
    return readScope(this.reference, false)
  }

  #read(): Children {
    this.#children ??= readChildren(this.#table, this.reference)
    return this.#children
  }
}

function product(element: number, dimensions: readonly (number | undefined)[]): number | undefined {
  let size: number | undefined = element
  for (const count of dimensions) size = size === undefined || count === undefined ? undefined : size * count
  return size === undefined || size > Number.MAX_SAFE_INTEGER ? undefined : size
}

/** All types of a process that were asked for, each made once. */
export class TypeTable {
  readonly #types = new Map<Unit, Map<number, DataType>>()

  /** undefined where the reference leads to nothing that can be read. */
  at(reference: DieReference | undefined): DataType | undefined {
    if (!reference) return undefined
    let known = this.#types.get(reference.unit)
    if (!known) {
      known = new Map()
      this.#types.set(reference.unit, known)
    }
    const found = known.get(reference.offset)
    if (found) return found
    const walker = new DieWalker(reference.unit, reference.offset)
    if (!walker.next()) return undefined
    const {tag} = walker
    const attributes = walker.read(new DieAttributes())
    const signature = attributes.has(DW_AT.declaration) ? reference.unit.reference(attributes, SIGNATURE) : undefined
    const type = new DataType(this, reference, tag, attributes)
    // A type unit holds what the declaration only names.
    const whole = (signature && this.at(signature)) ?? type
    known.set(reference.offset, whole)
    return whole
  }
}

const SIGNATURE = DW_AT.signature

/** Size and encoding of a base type; undefined for any other DIE. */
export function readBaseType({unit, offset}: DieReference): {size: number; encoding: number} | undefined {
  const walker = new DieWalker(unit, offset)
  if (!walker.next() || walker.tag !== DW_TAG.base_type) return undefined
  const attributes = walker.read(new DieAttributes())
  return {size: attributes.number(DW_AT.byte_size) ?? 0, encoding: attributes.number(DW_AT.encoding) ?? 0}
}

interface Children {
  members: Member[]
  enumerators: Enumerator[]
  dimensions: (number | undefined)[]
  dynamicBounds: (DynamicBound | undefined)[]
  parameters: (DataType | undefined)[]
  templateTypes: Map<string, DataType>
  variantPart: VariantPart | undefined
}

const MEMBER_TAGS: ReadonlySet<number> = new Set([DW_TAG.member, DW_TAG.inheritance])

function readChildren(table: TypeTable, reference: DieReference): Children {
  const children: Children = {
    members: [],
    enumerators: [],
    dimensions: [],
    dynamicBounds: [],
    parameters: [],
    templateTypes: new Map(),
    variantPart: undefined,
  }
  const {unit} = reference
  const walker = new DieWalker(unit, reference.offset)
  const attributes = new DieAttributes()
  walker.next()
  for (let count = 0; count < CHILD_LIMIT && walker.next(); count++) {
    if (walker.depth !== 1) {
      walker.skipChildren()
      continue
    }
    const {tag, offset} = walker
    walker.read(attributes)
    if (tag === DW_TAG.variant_part) children.variantPart = readVariantPart(table, {unit, offset})
    else readChild(table, {unit, offset}, tag, attributes, children)
    walker.skipChildren()
  }
  return children
}

function readChild(
  table: TypeTable,
  {unit, offset}: DieReference,
  tag: number,
  attributes: DieAttributes,
  children: Children,
): void {
  if (MEMBER_TAGS.has(tag)) {
    const isStatic = attributes.has(DW_AT.external) || attributes.has(DW_AT.declaration)
    if (!isStatic) children.members.push(readMember(table, unit, tag, attributes))
    return
  }
  switch (tag) {
    case DW_TAG.enumerator: {
      const name = unit.string(attributes, DW_AT.name) ?? ''
      children.enumerators.push({name, value: constantOf(unit, offset, attributes, DW_AT.const_value) ?? 0n})
      return
    }
    case DW_TAG.subrange_type:
      children.dimensions.push(readCount(attributes))
      children.dynamicBounds.push(readDynamicBound(unit, attributes))
      return
    case DW_TAG.formal_parameter:
      children.parameters.push(table.at(unit.reference(attributes, DW_AT.type)))
      return
    case DW_TAG.template_type_parameter: {
      const type = table.at(unit.reference(attributes, DW_AT.type))
      if (type) children.templateTypes.set(unit.string(attributes, DW_AT.name) ?? '', type)
    }
  }
}

/** A constant attribute without loss. */
export function constantOf(unit: Unit, offset: number, attributes: DieAttributes, name: number): bigint | undefined {
  const value = attributes.number(name)
  if (value === undefined) return undefined
  if (Math.abs(value) < 2 ** 52) return BigInt(Math.trunc(value))
  const walker = new DieWalker(unit, offset)
  return walker.next() ? walker.readWord(name) : undefined
}

/** undefined: no bound, or one that only the running program tells. */
function readCount(attributes: DieAttributes): number | undefined {
  const constant = (name: number): number | undefined => {
    const slot = attributes.find(name)
    // A block is an expression, a reference a variable.
    return slot < 0 || attributes.length(slot) > 0 || isReference(attributes.form(slot))
      ? undefined
      : attributes.value(slot)
  }
  const count = constant(DW_AT.count)
  if (count !== undefined) return count
  const upper = constant(DW_AT.upper_bound)
  // GCC writes -1, in as many bytes as it takes, for an array of no elements.
  if (upper === undefined) return undefined
  return upper < 0 || upper >= 0xffffffff ? 0 : upper - (constant(DW_AT.lower_bound) ?? 0) + 1
}

function readDynamicBound(unit: Unit, attributes: DieAttributes): DynamicBound | undefined {
  for (const name of [DW_AT.count, DW_AT.upper_bound]) {
    const isUpper = name === DW_AT.upper_bound
    const slot = attributes.find(name)
    if (slot < 0) continue
    const length = attributes.length(slot)
    if (length > 0) {
      return {expression: unit.cursorAt(unit.header.offset + attributes.value(slot)).take(length), isUpper}
    }
    const variable = isReference(attributes.form(slot)) ? unit.reference(attributes, name) : undefined
    if (variable) return {variable, isUpper}
  }
  return undefined
}

function isReference(form: number): boolean {
  return form >= DW_FORM.ref_addr && form <= DW_FORM.ref_udata
}

function readMember(table: TypeTable, unit: Unit, tag: number, attributes: DieAttributes): Member {
  const type = table.at(unit.reference(attributes, DW_AT.type))
  const isVirtual = (attributes.number(DW_AT.virtuality) ?? 0) !== 0
  const offset = isVirtual ? 0 : byteOffset(unit, attributes)
  return {
    name: unit.string(attributes, DW_AT.name),
    type,
    offset,
    bits: bitField(attributes, offset, type),
    isBase: tag === DW_TAG.inheritance,
    isVirtual,
    isArtificial: attributes.has(DW_AT.artificial),
    isEmbedded: (attributes.number(DW_AT.go_embedded_field) ?? 0) !== 0,
  }
}

/** DW_AT_data_member_location: a constant, or up to DWARF 3 an expression: DW_OP_plus_uconst alone is ever used. */
function byteOffset(unit: Unit, attributes: DieAttributes): number {
  const slot = attributes.find(DW_AT.data_member_location)
  if (slot < 0) return 0
  if (attributes.length(slot) === 0) return attributes.value(slot)
  const cursor = unit.cursorAt(unit.header.offset + attributes.value(slot))
  const DW_OP_plus_uconst = 0x23
  return cursor.u8() === DW_OP_plus_uconst ? cursor.uleb128() : 0
}

/** DW_AT_data_bit_offset, else DW_AT_bit_offset, which DWARF 3 counts from the most significant bit (5.5.6). */
function bitField(
  attributes: DieAttributes,
  byteOffset: number,
  type: DataType | undefined,
): {offset: number; size: number} | undefined {
  const size = attributes.number(DW_AT.bit_size)
  if (size === undefined) return undefined
  const dataOffset = attributes.number(DW_AT.data_bit_offset)
  if (dataOffset !== undefined) return {offset: dataOffset, size}
  const storage = attributes.number(DW_AT.byte_size) ?? type?.size ?? 4
  const fromTop = attributes.number(DW_AT.bit_offset) ?? 0
  return {offset: byteOffset * 8 + storage * 8 - fromTop - size, size}
}

/** Rust's enums: the member that DW_AT_discr names tells which of the variants is there. */
function readVariantPart(table: TypeTable, reference: DieReference): VariantPart {
  const {unit} = reference
  const walker = new DieWalker(unit, reference.offset)
  const attributes = new DieAttributes()
  const variants: {value: bigint | undefined; members: Member[]}[] = []
  let discriminant: Member | undefined
  if (walker.next()) walker.read(attributes)
  const named = unit.reference(attributes, DW_AT.discr)
  for (let count = 0; count < CHILD_LIMIT && walker.next(); count++) {
    const {tag, depth, offset} = walker
    walker.read(attributes)
    if (tag === DW_TAG.variant) {
      variants.push({value: constantOf(unit, offset, attributes, DW_AT.discr_value), members: []})
      continue
    }
    if (tag !== DW_TAG.member) continue
    const member = readMember(table, unit, tag, attributes)
    if (depth > 1) variants.at(-1)?.members.push(member)
    else if (!named || named.offset === offset) discriminant = member
  }
  return {discriminant, variants}
}
