import {DW_AT, DW_TAG} from './constants.ts'
import {DieWalker} from './die-walker.ts'
import {DieAttributes} from './form.ts'
import type {DieReference, Unit} from './unit.ts'

/** What a subprogram is called. */
export interface DieNames {
  /** DW_AT_name: not qualified, as written in the source. */
  name: string | undefined
  /** DW_AT_linkage_name: mangled. */
  linkageName: string | undefined
  language: string | undefined
  /** The DIE that has the name, whose scope is the function's. */
  named?: DieReference | undefined
}

/**
 * Steps of abstract_origin and specification that are followed: instance, abstract instance, declaration, and some to
 * spare.
 */
const ORIGIN_LIMIT = 16

/** Of the DIE whose names are read. */
const ATTRIBUTES = new DieAttributes()

/**
 * The names of a subprogram or inlined_subroutine, collected along DW_AT_abstract_origin and DW_AT_specification
 * (DWARF 5, 3.3.8 and 2.13.2), across units and into the supplementary file.
 */
export function readNames(reference: DieReference): DieNames {
  const names: DieNames = {name: undefined, linkageName: undefined, language: undefined}
  let next: DieReference | undefined = reference
  for (let step = 0; next && step < ORIGIN_LIMIT; step++) {
    const {unit, offset}: DieReference = next
    const walker = new DieWalker(unit, offset)
    if (!walker.next()) break
    const attributes: DieAttributes = walker.read(ATTRIBUTES)
    if (names.name === undefined) {
      names.name = unit.string(attributes, DW_AT.name)
      if (names.name !== undefined) names.named = next
    }
    names.linkageName ??= linkageName(unit, attributes)
    names.language ??= unit.language
    if (names.name !== undefined && names.linkageName !== undefined) break
    next = unit.reference(attributes, DW_AT.abstract_origin) ?? unit.reference(attributes, DW_AT.specification)
  }
  return names
}

function linkageName(unit: Unit, attributes: DieAttributes): string | undefined {
  return unit.string(attributes, DW_AT.linkage_name) ?? unit.string(attributes, DW_AT.MIPS_linkage_name)
}

/** Whether a DIE's children may hold functions with code. What can hold none is passed by. */
export function mayHoldFunctions(tag: number, {hasMethods}: Unit): boolean {
  switch (tag) {
    case DW_TAG.enumeration_type:
    case DW_TAG.subroutine_type:
    case DW_TAG.array_type:
    case DW_TAG.call_site:
    case DW_TAG.GNU_call_site:
      return false
    case DW_TAG.structure_type:
    case DW_TAG.union_type:
      return hasMethods
    default:
      return true
  }
}
