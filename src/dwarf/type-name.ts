import {DW_TAG} from './constants.ts'
import type {DataType} from './data-type.ts'

/** Types within types that are spelled out. */
const NESTING_LIMIT = 32
/** Types that one name is made of: parameters that are functions of such parameters have no end. */
const PARTS_LIMIT = 256

const QUALIFIERS: Readonly<Record<number, string>> = {
  [DW_TAG.const_type]: 'const',
  [DW_TAG.volatile_type]: 'volatile',
  [DW_TAG.restrict_type]: 'restrict',
  [DW_TAG.atomic_type]: '_Atomic',
}

/** Keywords that C puts before a tag; C++ and the others do without. */
const C_KEYWORDS: Readonly<Record<number, string>> = {
  [DW_TAG.structure_type]: 'struct ',
  [DW_TAG.union_type]: 'union ',
  [DW_TAG.enumeration_type]: 'enum ',
}

/** A type as its language writes it: `const char *`, `int (*)(int)`, `char [16]`, `std::vector<int>`, `*main.T`. */
export function typeName(type: DataType | undefined): string {
  return declare(type, '', {nesting: NESTING_LIMIT, parts: {left: PARTS_LIMIT}})
}

interface Limit {
  readonly nesting: number
  readonly parts: {left: number}
}

function deeper({nesting, parts}: Limit): Limit {
  return {nesting: nesting - 1, parts}
}

/** The declaration of a thing of that type; `inner` is what stands around its name so far. */
function declare(type: DataType | undefined, inner: string, limit: Limit): string {
  if (!type) return join('void', inner)
  if (limit.nesting === 0 || limit.parts.left-- <= 0) return join('…', inner)
  switch (type.kind) {
    case 'pointer':
    case 'reference':
      return type.name === undefined ? declarePointer(type, inner, limit) : join(type.name, inner)
    case 'qualified':
      return declareQualified(type, inner, limit)
    case 'array':
      if (type.name !== undefined) return join(type.name, inner)
      return declare(type.target, inner + dimensions(type), deeper(limit))
    case 'function': {
      if (type.name !== undefined) return join(type.name, inner)
      const parameters = type.parameters.map(parameter => declare(parameter, '', deeper(limit))).join(', ')
      return declare(type.target, `${inner}(${parameters})`, deeper(limit))
    }
    default:
      return join(tagged(type), inner)
  }
}

function declarePointer(type: DataType, inner: string, limit: Limit): string {
  const mark = type.kind === 'pointer' ? '*' : type.tag === DW_TAG.reference_type ? '&' : '&&'
  const {target} = type
  const isWrapped = target !== undefined && target.name === undefined && ['array', 'function'].includes(target.kind)
  const around = mark + (/^\w/.test(inner) ? ` ${inner}` : inner)
  return declare(target, isWrapped ? `(${around})` : around, deeper(limit))
}

function declareQualified(type: DataType, inner: string, limit: Limit): string {
  const word = QUALIFIERS[type.tag] ?? ''
  const {target} = type
  const isPointer = target?.kind === 'pointer' || target?.kind === 'reference'
  if (isPointer) return declare(target, inner === '' ? word : `${word} ${inner}`, deeper(limit))
  return `${word} ${declare(target, inner, deeper(limit))}`
}

function dimensions(type: DataType): string {
  return type.dimensions.length === 0 ? '[]' : type.dimensions.map(count => `[${count ?? ''}]`).join('')
}

function tagged(type: DataType): string {
  const {name, tag, language} = type
  if (name === undefined) return `${(C_KEYWORDS[tag] ?? 'class ').trim()} {...}`
  if (language === 'c') return (C_KEYWORDS[tag] ?? '') + name
  if (language === 'go') return name
  const {scope} = type
  return scope === undefined ? name : `${scope}::${name}`
}

function join(name: string, inner: string): string {
  return inner === '' ? name : `${name} ${inner}`
}
