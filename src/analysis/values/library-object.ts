import {type Address, addressOfWord, hex, type Word} from '../../base/address.ts'
import type {DataType} from '../../dwarf/data-type.ts'
import {type FieldRule, findField} from './field-search.ts'
import {list} from './native-value.ts'
import {MemoryStorage, View} from './storage.ts'
import {renderText, textAt} from './text-value.ts'
import {isMissing, missingValue, plainValue, type Structured, stateOf, type Value} from './value.ts'
import {type Reading, within} from './value-reader.ts'

/** Reads a value of any type: the containers hold whatever the program has. */
export type ReadValue = (type: DataType | undefined, view: View, reading: Reading) => Value

export type LibraryReader = (object: LibraryObject) => Value | undefined

/** Bases within bases and members within members that are searched for a field. */
export const SEARCH_DEPTH = 8
/** Nodes of a tree or a list that are followed, whatever the limits allow: a damaged one has no end. */
export const NODES_MAX = 200_000

/** One object of a library type. */
export class LibraryObject {
  readonly type: DataType
  readonly view: View
  readonly reading: Reading
  readonly read: ReadValue

  constructor(type: DataType, view: View, reading: Reading, read: ReadValue) {
    this.type = type
    this.view = view
    this.reading = reading
    this.read = read
  }

  get name(): string {
    return `std::${/^[a-z_]+/.exec(this.type.name ?? '')?.[0] ?? '?'}`
  }

  get most(): number {
    return this.reading.depth > this.reading.environment.limits.depth ? 0 : this.reading.environment.limits.elements
  }

  /** A field by its name, wherever in the bases and members it is. */
  field(name: string): {type: DataType; view: View} | undefined {
    return findField(this.type, this.view, name, SEARCH_DEPTH, CXX_FIELDS)
  }

  number(name: string): Word | undefined {
    const found = this.field(name)
    const word = found?.view.unsigned(found.type.size ?? 8)
    return word === undefined || isMissing(word) ? undefined : word
  }

  address(name: string): Address | undefined {
    const word = this.number(name)
    return word === undefined ? undefined : addressOfWord(word)
  }

  at(address: number): View {
    return new View(new MemoryStorage(this.reading.environment.memory, address as Address))
  }

  element(type: DataType | undefined, view: View): Value {
    return this.read(type, view, within(this.reading, 1))
  }

  /** Of an object in registers or of none at all nothing more can be said. */
  missing(): Value {
    const bytes = this.view.bytes(this.type.size ?? 1)
    return missingValue(isMissing(bytes) ? bytes : 'unreadable')
  }
}

/** Those of bases are the object's own; where a virtual base lies, its type does not tell. */
export const CXX_FIELDS: FieldRule = {
  isField: ({isVirtual, isBase}) => !isVirtual && !isBase,
  holdsFields: ({type, isVirtual}) => !isVirtual && (type?.bare.kind === 'struct' || type?.bare.kind === 'union'),
}

export function text(object: LibraryObject, address: Address | undefined, length: Word | undefined): Value {
  const count = length === undefined ? undefined : addressOfWord(length)
  const {memory, limits} = object.reading.environment
  const found = address === undefined || count === undefined ? undefined : textAt(memory, address, count, limits.bytes)
  if (!found) return object.missing()
  return {text: renderText(found), structured: found.text, state: found.left === 0 ? 'ok' : 'cut'}
}

/** Those of wide characters are shown as they are. */
export function isNarrow({type}: LibraryObject): boolean {
  return /^basic_string(_view)?<char,/.test(type.name ?? '')
}

/** `std::vector of length 3, capacity 4 = {1, 2, 3}` */
export function sequence(head: string, parts: readonly Value[], count: number): Value {
  const whole = list(parts, count - parts.length)
  return {...whole, text: count === 0 ? head : `${head} = ${whole.text}`}
}

export function take(object: LibraryObject, count: number, at: (index: number) => Value): Value[] {
  const parts: Value[] = []
  for (let index = 0; index < Math.min(count, object.most); index++) {
    const value = at(index)
    if (value.text === '...') break
    parts.push(value)
  }
  return parts
}

/** A pointer that owns what it points at: both are shown. */
export function pointer(object: LibraryObject, word: Word, target: DataType | undefined, note = ''): Value {
  if (word === 0n) return plainValue(`${object.name} null`, {pointer: '0x0'})
  const address = addressOfWord(word)
  const {environment, depth} = object.reading
  const fault = address === undefined ? 'not an address' : environment.pointerFault(word)
  const head = `${object.name}${note} ${hex(word)}`
  if (address === undefined || fault !== undefined) {
    return plainValue(`${head} <${fault}>`, {pointer: hex(word), fault: fault ?? null})
  }
  if (depth > environment.limits.depth || !target) {
    return {text: head, structured: {pointer: hex(word)}, state: target ? 'cut' : 'ok'}
  }
  // As with any pointer: it is no level of its own.
  const value = object.read(target, object.at(address), within(object.reading, 0))
  return {text: `${head}: ${value.text}`, structured: {pointer: hex(word), value: value.structured}, state: value.state}
}

/** A key with its value where the element is a pair of a map, else the element. */
export function associated(object: LibraryObject, values: readonly Value[], count: number, isMap: boolean): Value {
  const head = `${object.name} with ${count} ${count === 1 ? 'element' : 'elements'}`
  if (!isMap) return sequence(head, values, count)
  const pairs = values.map(({structured}) => structured as {first: Structured; second: Structured})
  const isTextual = pairs.every(pair => typeof pair?.first === 'string')
  const structured: Structured = isTextual
    ? Object.fromEntries(pairs.map(({first, second}) => [String(first), second]))
    : pairs.map(pair => ({key: pair?.first ?? null, value: pair?.second ?? null}))
  return {...sequence(head, values, count), structured}
}

/** A pair is no level of its own: key and value stand in the container. */
export function entry(object: LibraryObject, element: DataType, view: View): Value {
  const [first, second] = ['first', 'second'].map(name => element.bare.members.find(member => member.name === name))
  if (!element.bare.name?.startsWith('pair<') || !first || !second) return object.element(element, view)
  const [key, value] = [first, second].map(member => object.element(member.type, view.at(member.offset)))
  return key && value ? keyed(key, value) : object.missing()
}

/** `[key] = value` of a map. */
export function keyed(key: Value, value: Value): Value {
  return {
    text: `[${key.text}] = ${value.text}`,
    structured: {first: key.structured, second: value.structured},
    state: stateOf([key, value]),
  }
}
