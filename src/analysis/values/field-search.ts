import type {DataType, Member} from '../../dwarf/data-type.ts'
import type {View} from './storage.ts'

export interface Field {
  readonly type: DataType
  readonly view: View
}

/** What a field may be, and what it may lie in: the languages differ. */
export interface FieldRule {
  isField(member: Member): boolean
  holdsFields(member: Member): boolean
}

/** Types that one search looks into: of structs that contain themselves there is no end. */
export const VISITS_MAX = 2000

/**
 * The field of that name in an object or in what it consists of.
 * @param depth members within members
 */
export function findField(
  type: DataType,
  view: View,
  name: string,
  depth: number,
  rule: FieldRule,
  visits = {left: VISITS_MAX},
): Field | undefined {
  if (visits.left-- <= 0) return undefined
  const {members} = type.bare
  const own = members.find(member => member.name === name && member.type !== undefined && rule.isField(member))
  if (own?.type) return {type: own.type, view: view.at(own.offset)}
  if (depth === 0) return undefined
  for (const member of members) {
    if (member.type === undefined || !rule.holdsFields(member)) continue
    const found = findField(member.type, view.at(member.offset), name, depth - 1, rule, visits)
    if (found) return found
  }
  return undefined
}
