import {addressOfWord, hex, type Word} from '../../base/address.ts'
import type {DataType, Member} from '../../dwarf/data-type.ts'
import {type FieldRule, findField, VISITS_MAX} from './field-search.ts'
import type {ReadValue} from './library-object.ts'
import {MemoryStorage, View} from './storage.ts'
import {renderText, textAt} from './text-value.ts'
import {cutValue, isMissing, missingValue, moreText, plainValue, record, stateOf, type Value} from './value.ts'
import {type Reading, within} from './value-reader.ts'

/** Values of Rust as its Debug writes them; undefined for types that it shares with C. */
export function readRust(type: DataType, view: View, reading: Reading, read: ReadValue): Value | undefined {
  const struct = type.bare
  const name = struct.name ?? ''
  if (struct.kind === 'base' && struct.size === 0) return plainValue(name, null)
  if (name === 'char') return readCharacter(view)
  if (struct.kind === 'pointer' && name.startsWith('alloc::boxed::Box<')) return readBox(struct, view, reading, read)
  if (struct.kind !== 'struct') return undefined
  const object = new RustObject(struct, view, reading, read)
  return readLibraryType(object, name) ?? (struct.variantPart ? object.variant() : object.fields(name))
}

/** Types of std, by their names without the module. */
function readLibraryType(object: RustObject, name: string): Value | undefined {
  if (name === '&str') return object.text('data_ptr', 'length')
  if (name === 'String') return object.text('pointer', 'len')
  if (name.startsWith('&[') || name.startsWith('&mut [')) return object.slice('data_ptr', 'length')
  if (name.startsWith('Vec<')) return object.slice('pointer', 'len')
  if (/^(?:Rc|Arc)</.test(name)) return object.counted()
  return /^Hash(?:Map|Set)</.test(name) ? object.hash() : undefined
}

const SEARCH_DEPTH = 8
/** Places of a table that are looked at, whatever the limits allow. */
const BUCKETS_MAX = 1_000_000

function readCharacter(view: View): Value {
  const word = view.unsigned(4)
  if (isMissing(word)) return missingValue(word)
  const code = Number(word)
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return plainValue(`<no character: ${code}>`, code)
  const character = String.fromCodePoint(code)
  return plainValue(`'${character}'`, character)
}

/** Structs are wrappers: the field that is meant is the one within. */
const RUST_FIELDS: FieldRule = {
  isField: ({type}) => type?.bare.kind !== 'struct',
  holdsFields: ({type}) => type?.bare.kind === 'struct',
}

function readBox(type: DataType, view: View, reading: Reading, read: ReadValue): Value {
  const word = view.unsigned()
  if (isMissing(word)) return missingValue(word)
  const address = addressOfWord(word)
  const {environment, depth} = reading
  const fault = address === undefined ? 'not an address' : environment.pointerFault(word)
  if (address === undefined || fault !== undefined)
    return plainValue(`Box(${hex(word)} <${fault}>)`, {pointer: hex(word)})
  if (depth > environment.limits.depth)
    return {text: `Box(${hex(word)})`, structured: {pointer: hex(word)}, state: 'cut'}
  const there = new View(new MemoryStorage(environment.memory, address))
  const value = read(type.target, there, within(reading, 0))
  return {...value, text: `Box(${value.text})`, structured: {pointer: hex(word), value: value.structured}}
}

function findMemberType(
  type: DataType,
  name: string,
  depth: number,
  visits = {left: VISITS_MAX},
): DataType | undefined {
  if (visits.left-- <= 0) return undefined
  const members = type.bare.members
  const own = members.find(member => member.name === name)?.type?.bare
  if (own?.templateTypes.has('T')) return own
  if (depth === 0) return undefined
  for (const member of members) {
    const found = member.type?.bare.kind === 'struct' ? findMemberType(member.type, name, depth - 1, visits) : undefined
    if (found) return found
  }
  return undefined
}

class RustObject {
  readonly #type: DataType
  readonly #view: View
  readonly #reading: Reading
  readonly #read: ReadValue

  constructor(type: DataType, view: View, reading: Reading, read: ReadValue) {
    this.#type = type
    this.#view = view
    this.#reading = reading
    this.#read = read
  }

  #word(name: string): Word | undefined {
    const found = findField(this.#type, this.#view, name, SEARCH_DEPTH, RUST_FIELDS)
    const word = found?.view.unsigned(8)
    return typeof word === 'bigint' ? word : undefined
  }

  #missing(): Value {
    const bytes = this.#view.bytes(this.#type.size ?? 1)
    return missingValue(isMissing(bytes) ? bytes : 'unreadable')
  }

  text(pointer: string, length: string): Value {
    const [data, count] = [this.#word(pointer), this.#word(length)]
    const address = data === undefined ? undefined : addressOfWord(data)
    const bytes = count === undefined ? undefined : addressOfWord(count)
    const {memory, limits} = this.#reading.environment
    const found =
      address === undefined || bytes === undefined ? undefined : textAt(memory, address, bytes, limits.bytes)
    if (!found) return this.#missing()
    return {text: renderText(found), structured: found.text, state: found.left === 0 ? 'ok' : 'cut'}
  }

  /** `[1, 2, 3]` of what is pointed at, or of the type that the container was made with. */
  slice(pointer: string, length: string): Value {
    const [data, count] = [this.#word(pointer), this.#word(length)]
    const own = findField(this.#type, this.#view, pointer, SEARCH_DEPTH, RUST_FIELDS)?.type.bare.target
    const element = this.#type.templateTypes.get('T') ?? own
    const size = element?.size
    const start = data === undefined ? undefined : addressOfWord(data)
    const many = count === undefined ? undefined : addressOfWord(count)
    if (start === undefined || many === undefined || size === undefined) return this.#missing()
    const {memory, limits} = this.#reading.environment
    const most = this.#reading.depth > limits.depth ? 0 : Math.min(many, limits.elements)
    const parts: Value[] = []
    const there = new View(new MemoryStorage(memory, start))
    for (let index = 0; index < most; index++) {
      parts.push(this.#read(element, there.at(index * size), within(this.#reading, 1)))
      if (parts.at(-1)?.text === '...') break
    }
    const left = many - parts.length
    const texts = [...parts.map(({text}) => text), ...(left > 0 ? [moreText(left)] : [])]
    const state = stateOf(parts)
    return {
      text: `[${texts.join(', ')}]`,
      structured: parts.map(({structured}) => structured),
      state: left > 0 && state === 'ok' ? 'cut' : state,
    }
  }

  /** An enum with what its variant holds: the one that its discriminant names, else the one that names none. */
  variant(): Value {
    const part = this.#type.variantPart
    if (!part) return this.#missing()
    const {discriminant, variants} = part
    let chosen = variants.length === 1 ? variants[0] : undefined
    if (discriminant) {
      const size = discriminant.type?.size ?? 1
      const word = this.#view.at(discriminant.offset).unsigned(size)
      if (isMissing(word)) return missingValue(word)
      const isIt = (value: bigint | undefined) => value !== undefined && BigInt.asUintN(size * 8, value) === word
      chosen = variants.find(({value}) => isIt(value)) ?? variants.find(({value}) => value === undefined)
    }
    const [member] = chosen?.members ?? []
    if (!member?.type) return plainValue('<no variant>', null)
    const object = new RustObject(member.type.bare, this.#view.at(member.offset), this.#reading, this.#read)
    const value = object.fields(member.name ?? '?')
    const hasFields = member.type.bare.members.length > 0
    return hasFields
      ? {...value, structured: {[member.name ?? '?']: value.structured}}
      : {...value, structured: member.name ?? null}
  }

  /** `Item {name: "x", price: 5}`, `Circle(1.5)`, `(1, 2)`, `Empty`. */
  fields(name: string): Value {
    const {members} = this.#type
    const isTuple = members.length > 0 && members.every(member => /^__\d+$/.test(member.name ?? ''))
    const head = name.startsWith('(') ? '' : name.replace(/<.*$/s, '')
    if (members.length === 0) return plainValue(name, name.startsWith('(') ? [] : {})
    if (this.#reading.depth > this.#reading.environment.limits.depth) {
      return cutValue(isTuple ? `${head}(...)` : `${head} {...}`)
    }
    const values = members.map(member => [member.name ?? '', this.#field(member)] as const)
    const state = stateOf(values.map(([, value]) => value))
    if (isTuple) {
      const texts = values.map(([, value]) => value.text).join(', ')
      return {text: `${head}(${texts})`, structured: values.map(([, value]) => value.structured), state}
    }
    const texts = values.map(([field, value]) => `${field}: ${value.text}`).join(', ')
    return {text: `${head} {${texts}}`, structured: record(values), state}
  }

  /** Rc and Arc: a pointer to two counts and the value. */
  counted(): Value | undefined {
    const held = findField(this.#type, this.#view, 'pointer', SEARCH_DEPTH, RUST_FIELDS)
    const inner = held?.type.bare.target?.bare
    const [strong, value] = ['strong', 'value'].map(name => inner?.members.find(member => member.name === name))
    const data = inner?.members.find(member => member.name === 'data') ?? value
    const word = held?.view.unsigned()
    const address = typeof word === 'bigint' ? addressOfWord(word) : undefined
    if (!inner || !strong || !data?.type || address === undefined) return undefined
    const there = new View(new MemoryStorage(this.#reading.environment.memory, address))
    const count = there.at(strong.offset).unsigned()
    const shown = this.#read(data.type, there.at(data.offset), within(this.#reading, 1))
    const name = this.#type.name?.replace(/<.*$/s, '') ?? ''
    const strength = typeof count === 'bigint' ? `strong=${count}, ` : ''
    return {...shown, text: `${name}(${strength}${shown.text})`}
  }

  /** hashbrown: a control byte for each bucket, whose highest bit is clear where it is full; buckets lie before it. */
  hash(): Value | undefined {
    const table = findMemberType(this.#type, 'table', SEARCH_DEPTH)
    const element = table?.templateTypes.get('T')
    const [control, mask, items] = ['pointer', 'bucket_mask', 'items'].map(name => this.#word(name))
    const [start, last, count] = [control, mask, items].map(word =>
      word === undefined ? undefined : addressOfWord(word),
    )
    const size = element?.size
    if (!element || size === undefined || start === undefined || last === undefined || count === undefined) {
      return undefined
    }
    const {memory, limits} = this.#reading.environment
    const most = this.#reading.depth > limits.depth ? 0 : Math.min(count, limits.elements)
    const there = new View(new MemoryStorage(memory, start))
    const parts: Value[] = []
    for (let index = 0; index <= Math.min(last, BUCKETS_MAX) && parts.length < most; index++) {
      const byte = there.at(index).unsigned(1)
      if (typeof byte !== 'bigint') break
      if (byte < 0x80n) parts.push(this.#read(element, there.at(-(index + 1) * size), within(this.#reading, 1)))
    }
    const left = count - parts.length
    const texts = [
      ...parts.map(({text}) => text.replace(/^\((.*), ([^,]*)\)$/s, '$1: $2')),
      ...(left > 0 ? [moreText(left)] : []),
    ]
    const state = stateOf(parts)
    return {
      text: `{${texts.join(', ')}}`,
      structured: parts.map(({structured}) => structured),
      state: left > 0 && state === 'ok' ? 'cut' : state,
    }
  }

  #field({type, offset}: Member): Value {
    return this.#read(type, this.#view.at(offset), within(this.#reading, 1))
  }
}
