import {DW_AT, DW_TAG} from './constants.ts'
import {constantOf} from './data-type.ts'
import {DieWalker} from './die-walker.ts'
import {DieAttributes} from './form.ts'
import {type LocationAttribute, locationAttribute} from './location-list.ts'
import type {DieReference, Unit} from './unit.ts'

/** A parameter or a variable of a function as its compiler describes it. */
export interface ScopeVariable {
  /** undefined: the producer gave it none. */
  readonly name: string | undefined
  readonly kind: 'argument' | 'local'
  /** The DIE in this scope; its type and name may stand along its abstract origin. */
  readonly reference: DieReference
  readonly type: DieReference | undefined
  readonly location: LocationAttribute | undefined
  readonly constant: ConstantValue | undefined
  /** 0 where it is not known. */
  readonly line: number
  /** Made by the compiler, as `this` is. */
  readonly isArtificial: boolean
  /** Go: a result of the function. */
  readonly isResult: boolean
  /** Go: where it stands in the closure that the function was called through; undefined: not captured. */
  readonly closureOffset: number | undefined
  /** Lexical blocks around it, in its function. */
  readonly depth: number
}

/** DW_AT_const_value. */
export type ConstantValue = {readonly word: bigint} | {readonly bytes: Uint8Array}

/** The variables of one function, or of one inlined call, in whose scope an address is. */
export interface VariableScope {
  /** Outermost block first, in the order of the source. */
  readonly variables: readonly ScopeVariable[]
}

/** What is known at an address of the function around it and of the calls inlined there, innermost first. */
export interface FunctionScopes {
  readonly unit: Unit
  readonly frameBase: LocationAttribute | undefined
  readonly scopes: readonly VariableScope[]
}

const ORIGIN_LIMIT = 16
/** Variables that are read of one function. */
const VARIABLE_LIMIT = 10_000

/** @param offset section offset of the subprogram's DIE @throws FormatError */
export function readFunctionScopes(unit: Unit, offset: number, address: number): FunctionScopes {
  return new ScopeReader(unit, address).read(offset)
}

interface OpenScope {
  readonly depth: number
  readonly variables: ScopeVariable[]
  /** Offset of the abstract DIE of each variable that has one. */
  readonly origins: Map<ScopeVariable, number>
  readonly origin: DieReference | undefined
  /** Whether the address is in each of its blocks, by the offsets of their abstract DIEs. */
  readonly blocks: Map<number, boolean>
}

/** A part of the function that the address is in, with the depth of its DIE. */
interface OpenBlock {
  readonly depth: number
  readonly scope: OpenScope
  readonly level: number
}

class ScopeReader {
  readonly #unit: Unit
  readonly #address: number
  readonly #attributes = new DieAttributes()
  readonly #scopes: OpenScope[] = []
  readonly #open: OpenBlock[] = []

  constructor(unit: Unit, address: number) {
    this.#unit = unit
    this.#address = address
  }

  read(offset: number): FunctionScopes {
    const unit = this.#unit
    const walker = new DieWalker(unit, offset)
    if (!walker.next()) return {unit, frameBase: undefined, scopes: []}
    const attributes = walker.read(this.#attributes)
    const frameBase = locationAttribute(unit, attributes, DW_AT.frame_base)
    this.#enter(0, unit.reference(attributes, DW_AT.abstract_origin))
    for (let count = 0; count < VARIABLE_LIMIT && walker.next(); ) {
      while ((this.#open.at(-1)?.depth ?? 0) >= walker.depth) this.#open.pop()
      if (this.#take(walker)) count++
    }
    for (const scope of this.#scopes) addMissing(scope)
    return {unit, frameBase, scopes: this.#scopes.reverse().map(({variables}) => ({variables}))}
  }

  #enter(depth: number, origin: DieReference | undefined): void {
    const scope: OpenScope = {depth, variables: [], origins: new Map(), origin, blocks: new Map()}
    this.#scopes.push(scope)
    this.#open.push({depth, scope, level: 0})
  }

  /** Whether the present DIE is a variable. */
  #take(walker: DieWalker): boolean {
    const unit = this.#unit
    const {tag, depth, offset} = walker
    const block = this.#open.at(-1) as OpenBlock
    switch (tag) {
      case DW_TAG.formal_parameter:
      case DW_TAG.variable: {
        const attributes = walker.read(this.#attributes)
        const variable = readVariable({unit, offset}, attributes, kindOf(tag), block.level)
        const origin = unit.reference(attributes, DW_AT.abstract_origin)
        if (variable) block.scope.variables.push(variable)
        if (variable && origin) block.scope.origins.set(variable, origin.offset)
        walker.skipChildren()
        return true
      }
      case DW_TAG.lexical_block: {
        const attributes = walker.read(this.#attributes)
        const origin = unit.reference(attributes, DW_AT.abstract_origin)
        const isOpen = this.#holds(attributes, true)
        if (origin) block.scope.blocks.set(origin.offset, isOpen)
        if (isOpen) {
          this.#open.push({depth, scope: block.scope, level: block.level + 1})
        } else walker.skipChildren()
        return false
      }
      case DW_TAG.inlined_subroutine: {
        const attributes = walker.read(this.#attributes)
        if (this.#holds(attributes, false)) this.#enter(depth, unit.reference(attributes, DW_AT.abstract_origin))
        else walker.skipChildren()
        return false
      }
      case DW_TAG.GNU_formal_parameter_pack:
        return false
      default:
        walker.skipChildren()
        return false
    }
  }

  #holds(attributes: DieAttributes, withoutRanges: boolean): boolean {
    if (!attributes.has(DW_AT.low_pc) && !attributes.has(DW_AT.ranges)) return withoutRanges
    let isInside = false
    this.#unit.ranges(attributes, (start, end) => {
      if (this.#address >= start && this.#address < end) isInside = true
    })
    return isInside
  }
}

/** undefined for a mere declaration of what is elsewhere. */
function readVariable(
  reference: DieReference,
  attributes: DieAttributes,
  kind: ScopeVariable['kind'],
  depth: number,
): ScopeVariable | undefined {
  const {unit, offset} = reference
  const location = locationAttribute(unit, attributes, DW_AT.location)
  const constant = readConstant(unit, offset, attributes)
  if (attributes.has(DW_AT.declaration) && !location && !constant) return undefined
  const own = {
    name: unit.string(attributes, DW_AT.name),
    type: unit.reference(attributes, DW_AT.type),
    line: attributes.number(DW_AT.decl_line) ?? 0,
    isArtificial: attributes.has(DW_AT.artificial),
    isResult: (attributes.number(DW_AT.variable_parameter) ?? 0) !== 0,
    closureOffset: attributes.number(DW_AT.go_closure_offset),
  }
  const origin = originOf(unit, attributes)
  const inherited = origin && readOrigin(origin)
  return {
    kind,
    depth,
    reference,
    location: location ?? inherited?.location,
    constant: constant ?? inherited?.constant,
    name: own.name ?? inherited?.name,
    type: own.type ?? inherited?.type,
    line: own.line || (inherited?.line ?? 0),
    isArtificial: own.isArtificial || inherited?.isArtificial === true,
    isResult: own.isResult || inherited?.isResult === true,
    closureOffset: own.closureOffset ?? inherited?.closureOffset,
  }
}

function originOf(unit: Unit, attributes: DieAttributes): DieReference | undefined {
  return unit.reference(attributes, DW_AT.abstract_origin) ?? unit.reference(attributes, DW_AT.specification)
}

/** A variable wherever it is described, as what an implicit pointer points at. @throws FormatError */
export function readVariableAt(reference: DieReference): ScopeVariable | undefined {
  const walker = new DieWalker(reference.unit, reference.offset)
  if (!walker.next()) return undefined
  const kind = walker.tag === DW_TAG.formal_parameter ? 'argument' : 'local'
  return readVariable(reference, walker.read(new DieAttributes()), kind, 0)
}

/** What the abstract instance says, along the chain. */
function readOrigin(first: DieReference): Partial<ScopeVariable> {
  let found: Partial<ScopeVariable> = {}
  let next: DieReference | undefined = first
  for (let step = 0; next && step < ORIGIN_LIMIT; step++) {
    const {unit, offset}: DieReference = next
    const walker = new DieWalker(unit, offset)
    if (!walker.next()) break
    const attributes = walker.read(new DieAttributes())
    found = {
      name: found.name ?? unit.string(attributes, DW_AT.name),
      type: found.type ?? unit.reference(attributes, DW_AT.type),
      line: found.line ?? attributes.number(DW_AT.decl_line),
      location: found.location ?? locationAttribute(unit, attributes, DW_AT.location),
      constant: found.constant ?? readConstant(unit, offset, attributes),
      isArtificial: found.isArtificial || attributes.has(DW_AT.artificial),
      isResult: found.isResult || (attributes.number(DW_AT.variable_parameter) ?? 0) !== 0,
      closureOffset: found.closureOffset ?? attributes.number(DW_AT.go_closure_offset),
    } as Partial<ScopeVariable>
    next = originOf(unit, attributes)
  }
  return found
}

function readConstant(unit: Unit, offset: number, attributes: DieAttributes): ConstantValue | undefined {
  const slot = attributes.find(DW_AT.const_value)
  if (slot < 0) return undefined
  const length = attributes.length(slot)
  if (length > 0) return {bytes: unit.cursorAt(unit.header.offset + attributes.value(slot)).take(length)}
  const text = unit.string(attributes, DW_AT.const_value)
  if (text !== undefined) return {bytes: new TextEncoder().encode(`${text}\0`)}
  const word = constantOf(unit, offset, attributes, DW_AT.const_value)
  return word === undefined ? undefined : {word}
}

/**
 * Variables that the optimizer has left nothing of, not even a DIE: their abstract instance still has them (gdb's
 * inherit_abstract_dies).
 */
function addMissing({origin, origins, blocks, variables}: OpenScope): void {
  if (!origin) return
  const before = variables.length
  for (const [variable, offset] of abstractVariables(origin, origins, blocks)) {
    variables.push(variable)
    origins.set(variable, offset)
  }
  if (variables.length === before) return
  // As they are declared.
  const rank = (variable: ScopeVariable) => (variable.kind === 'argument' ? 0 : 1)
  const place = (variable: ScopeVariable) => origins.get(variable) ?? Number.MAX_SAFE_INTEGER
  variables.sort((a, b) => rank(a) - rank(b) || place(a) - place(b))
}

/** The variables of an abstract instance that its concrete one does not have, each with its offset. */
function* abstractVariables(
  start: DieReference,
  origins: ReadonlyMap<ScopeVariable, number>,
  blocks: ReadonlyMap<number, boolean>,
): Generator<readonly [ScopeVariable, number]> {
  const {unit} = start
  const attributes = new DieAttributes()
  const present = new Set(origins.values())
  for (const {walker, isOutside} of abstractDies(start, blocks)) {
    const {tag, depth, offset} = walker
    if (!isVariableTag(tag) || present.has(offset)) continue
    const variable = readVariable({unit, offset}, walker.read(attributes), kindOf(tag), depth - 1)
    // What is there whether or not the code is in its block.
    if (variable && (!isOutside || variable.location)) yield [variable, offset]
  }
}

/** The DIEs of an abstract instance but those in blocks that the code is not in; `isOutside`: in none that is there. */
function* abstractDies(
  {unit, offset: start}: DieReference,
  blocks: ReadonlyMap<number, boolean>,
): Generator<{walker: DieWalker; isOutside: boolean}> {
  const walker = new DieWalker(unit, start)
  let outside = Number.POSITIVE_INFINITY
  walker.next()
  for (let count = 0; count < VARIABLE_LIMIT && walker.next(); count++) {
    const {tag, depth, offset} = walker
    if (depth <= outside) outside = Number.POSITIVE_INFINITY
    if (tag !== DW_TAG.lexical_block || blocks.get(offset) === false) {
      yield {walker, isOutside: depth > outside}
      walker.skipChildren()
    } else if (!blocks.has(offset)) outside = Math.min(outside, depth)
  }
}

function isVariableTag(tag: number): boolean {
  return tag === DW_TAG.formal_parameter || tag === DW_TAG.variable
}

function kindOf(tag: number): ScopeVariable['kind'] {
  return tag === DW_TAG.variable ? 'local' : 'argument'
}
