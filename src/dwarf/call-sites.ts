import {DW_AT, DW_TAG} from './constants.ts'
import {mayHoldFunctions, readNames} from './die-names.ts'
import {DieWalker} from './die-walker.ts'
import {DieAttributes} from './form.ts'
import type {Unit} from './unit.ts'

/** Where a function ends in a jump to another one (DWARF 5, 3.4.1); one of the two addresses is there. */
export interface TailCallSite {
  /** Of the jump itself. */
  readonly callPc: number | undefined
  /** Behind the jump, as if it were a call. */
  readonly returnPc: number | undefined
  /** It names the function; a jump through a pointer does not. */
  readonly isDirect: boolean
}

/** All that say the list of a function's tail calls is whole: DWARF's own and GNU's (GCC up to DWARF 4). */
const WHOLE_LISTS = [
  DW_AT.call_all_calls,
  DW_AT.call_all_tail_calls,
  DW_AT.GNU_all_call_sites,
  DW_AT.GNU_all_tail_call_sites,
] as const

/**
 * The tail calls of one function; undefined where the compiler does not say that these are all.
 * @param offset section offset of the subprogram's DIE @throws FormatError
 */
export function readTailCalls(unit: Unit, offset: number): TailCallSite[] | undefined {
  const walker = new DieWalker(unit, offset)
  const attributes = new DieAttributes()
  if (!walker.next()) return undefined
  walker.read(attributes)
  if (!WHOLE_LISTS.some(name => isSet(attributes, name))) return undefined
  const sites: TailCallSite[] = []
  while (walker.next()) {
    const {tag} = walker
    if (tag === DW_TAG.call_site || tag === DW_TAG.GNU_call_site) {
      const site = readSite(unit, walker.read(attributes))
      if (site) sites.push(site)
    } else if (tag === DW_TAG.subprogram || !mayHoldFunctions(tag, unit)) walker.skipChildren()
  }
  return sites
}

/** One call with what its callee was given, as far as the caller can still tell. */
export interface CallSite {
  /** Names of the function that is called; undefined where a pointer tells it. */
  readonly callee: {readonly name: string | undefined; readonly linkageName: string | undefined} | undefined
  /** Of a call through a pointer the expression that gives it. */
  readonly target: Uint8Array | undefined
  /** Where the callee had a value, and the expression that gives it, both as expressions. */
  readonly parameters: readonly {readonly location: Uint8Array; readonly value: Uint8Array}[]
}

/** The call of a function that returns to an address. @param offset of the subprogram's DIE @throws FormatError */
export function readCallSite(unit: Unit, offset: number, returnPc: number): CallSite | undefined {
  const walker = new DieWalker(unit, offset)
  const attributes = new DieAttributes()
  walker.next()
  while (walker.next()) {
    const {tag} = walker
    if (tag === DW_TAG.call_site || tag === DW_TAG.GNU_call_site) {
      walker.read(attributes)
      const at = unit.address(attributes, DW_AT.call_return_pc) ?? unit.address(attributes, DW_AT.low_pc)
      if (at !== returnPc) {
        walker.skipChildren()
        continue
      }
      const origin = unit.reference(attributes, DW_AT.call_origin) ?? unit.reference(attributes, DW_AT.abstract_origin)
      const target =
        readBlock(unit, attributes, DW_AT.call_target) ?? readBlock(unit, attributes, DW_AT.GNU_call_site_target)
      return {callee: origin && readNames(origin), target, parameters: readParameters(unit, walker)}
    }
    if (tag === DW_TAG.subprogram || !mayHoldFunctions(tag, unit)) walker.skipChildren()
  }
  return undefined
}

/** Children of the call site that the walker stands at. */
function readParameters(unit: Unit, walker: DieWalker): CallSite['parameters'] {
  const parameters: {location: Uint8Array; value: Uint8Array}[] = []
  const attributes = new DieAttributes()
  const {depth, hasChildren} = walker
  while (hasChildren && walker.next() && walker.depth > depth) {
    walker.read(attributes)
    const location = readBlock(unit, attributes, DW_AT.location)
    const value =
      readBlock(unit, attributes, DW_AT.call_value) ?? readBlock(unit, attributes, DW_AT.GNU_call_site_value)
    if (location && value) parameters.push({location, value})
  }
  return parameters
}

function readBlock(unit: Unit, attributes: DieAttributes, name: number): Uint8Array | undefined {
  const slot = attributes.find(name)
  const length = slot < 0 ? 0 : attributes.length(slot)
  return length === 0 ? undefined : unit.cursorAt(unit.header.offset + attributes.value(slot)).take(length)
}

function readSite(unit: Unit, attributes: DieAttributes): TailCallSite | undefined {
  if (!isSet(attributes, DW_AT.call_tail_call) && !isSet(attributes, DW_AT.GNU_tail_call)) return undefined
  return {
    callPc: unit.address(attributes, DW_AT.call_pc),
    returnPc: unit.address(attributes, DW_AT.call_return_pc) ?? unit.address(attributes, DW_AT.low_pc),
    isDirect: attributes.has(DW_AT.call_origin) || attributes.has(DW_AT.abstract_origin),
  }
}

function isSet(attributes: DieAttributes, name: number): boolean {
  return (attributes.number(name) ?? 0) !== 0
}
