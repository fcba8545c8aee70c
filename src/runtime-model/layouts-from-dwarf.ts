import {type FieldName, type LayoutSet, STRUCT_FIELDS, StructLayout, type StructName} from './struct-layout.ts'

/** A structure as its DWARF declares it: nested fields also stand under their path (`sched.sp`). */
export interface DeclaredLayout {
  readonly size: number
  readonly fields: ReadonlyMap<
    string,
    {readonly offset: number; readonly size: number; readonly type?: string | undefined}
  >
}

/**
 * All structures in one question: DWARF is searched once. Names that it does not declare are missing from the answer.
 */
export type LayoutQuery = (names: readonly string[]) => ReadonlyMap<string, DeclaredLayout>

/** DWARF names of a structure; releases moved or renamed some. */
const DWARF_NAMES: {readonly [S in StructName]: readonly string[]} = {
  g: ['runtime.g'],
  m: ['runtime.m'],
  p: ['runtime.p'],
  schedt: ['runtime.schedt'],
  _panic: ['runtime._panic'],
  sudog: ['runtime.sudog'],
  ancestorInfo: ['runtime.ancestorInfo'],
  bubble: ['runtime.synctestBubble', 'runtime.synctestGroup'],
  _type: ['internal/abi.Type', 'runtime._type'],
  hmap: ['runtime.hmap'],
}

/** Names of a field in releases that called it otherwise. */
const FIELD_ALIASES: Readonly<Record<string, readonly string[]>> = {
  'g.bubble': ['syncGroup'],
  'm.lockedExt': ['locked'],
  '_type.size': ['Size_'],
  '_type.tflag': ['TFlag'],
  '_type.kind': ['Kind_'],
  '_type.str': ['Str'],
}

/** Fields without which a structure is useless: a declaration that lacks one is not believed. */
const REQUIRED: {readonly [S in StructName]?: readonly FieldName<S>[]} = {
  g: ['stack.lo', 'stack.hi', 'm', 'sched.sp', 'sched.pc', 'atomicstatus', 'goid', 'gopc', 'startpc'],
  m: ['g0', 'gsignal', 'curg', 'procid', 'id', 'alllink'],
  p: ['id', 'status', 'm'],
  _panic: ['arg._type', 'arg.data', 'link'],
}

/** Words of the composite values whose shape the language fixes. */
const MEMBER_OFFSETS: Readonly<Record<string, number>> = {
  array: 0,
  str: 0,
  lo: 0,
  _type: 0,
  hi: 8,
  len: 8,
  data: 8,
  cap: 16,
}

/** Layouts that a binary declares. */
export type DeclaredLayouts = {readonly [S in StructName]?: StructLayout<S>}

/** The layouts that the binary declares; structures that it does not declare usably are missing. */
export function layoutsFromDwarf(
  query: LayoutQuery,
  names = Object.keys(STRUCT_FIELDS) as StructName[],
): DeclaredLayouts {
  const declared = query(names.flatMap(name => DWARF_NAMES[name]))
  const layouts: Partial<Record<StructName, StructLayout<StructName>>> = {}
  for (const name of names) {
    const declaration = DWARF_NAMES[name].map(each => declared.get(each)).find(each => each !== undefined)
    const layout = declaration && layoutOf(name, declaration)
    if (layout) layouts[name] = layout
  }
  return layouts as DeclaredLayouts
}

function layoutOf<S extends StructName>(name: S, declaration: DeclaredLayout): StructLayout<S> | undefined {
  const offsets: [string, number][] = []
  for (const [field, width] of Object.entries(STRUCT_FIELDS[name])) {
    const offset = findOffset(name, field, width, declaration)
    if (offset !== undefined && offset + width <= declaration.size) offsets.push([field, offset])
  }
  const layout = StructLayout.of(name, 'dwarf', offsets)
  const required: readonly FieldName<S>[] = REQUIRED[name] ?? []
  return offsets.length > 0 && required.every(field => layout.has(field)) ? layout : undefined
}

function findOffset(name: StructName, field: string, width: number, declaration: DeclaredLayout): number | undefined {
  for (const path of [field, ...(FIELD_ALIASES[`${name}.${field}`] ?? [])]) {
    const found = declaration.fields.get(path)
    // g.waitreason was a string up to 1.10 and is a byte since: one name, two fields.
    if (found) return found.size > width && width === 1 && found.size >= 16 ? undefined : found.offset
  }
  return memberOffset(field, declaration)
}

/** A word of a string, slice, interface or stack whose declaration names the whole alone. */
function memberOffset(field: string, declaration: DeclaredLayout): number | undefined {
  const dot = field.lastIndexOf('.')
  if (dot < 0) return undefined
  const whole = declaration.fields.get(field.slice(0, dot))
  const member = MEMBER_OFFSETS[field.slice(dot + 1)]
  return whole && member !== undefined && whole.size >= member + 8 ? whole.offset + member : undefined
}

/** Declared layouts where there are some, tables elsewhere. */
export function joinLayouts(declared: DeclaredLayouts, tables: LayoutSet): LayoutSet {
  return {...tables, ...declared}
}
