import {type Address, addressOfWord, hex, toAddress, type Word} from '../../base/address.ts'
import {readWord} from '../../base/memory-reader.ts'
import {DW_ATE} from '../../dwarf/constants.ts'
import type {DataType, Member} from '../../dwarf/data-type.ts'
import {type ChannelQueues, newChannelQueues, readChannel} from './go-channel.ts'
import {describeContext} from './go-context.ts'
import {readErrorText} from './go-error.ts'
import {readLibraryType} from './go-library.ts'
import {readMap} from './go-map.ts'
import {GoObject} from './go-object.ts'
import type {GoTypes} from './go-types.ts'
import {scalarOf} from './scalar-value.ts'
import {MemoryStorage, View} from './storage.ts'
import {quoted, renderText, terminatedTextAt, textAt} from './text-value.ts'
import {
  cutValue,
  isMissing,
  type Missing,
  missingValue,
  moreText,
  plainValue,
  record,
  type Structured,
  stateOf,
  type Value,
} from './value.ts'
import {type Reading, refuse, within} from './value-reader.ts'

/** reflect.Kind, in its numbering (src/internal/abi/type.go; the same since 1.7). */
const GO_KIND = {
  bool: 1,
  int: 2,
  int64: 6,
  uint: 7,
  uintptr: 12,
  float32: 13,
  float64: 14,
  complex64: 15,
  complex128: 16,
  array: 17,
  chan: 18,
  func: 19,
  interface: 20,
  map: 21,
  pointer: 22,
  slice: 23,
  string: 24,
  struct: 25,
  unsafePointer: 26,
} as const

/** Whether the name of a type stands before its value: not for the elements of a list, which say it once. */
export interface GoStyle {
  readonly showsType: boolean
}

const TYPED: GoStyle = {showsType: true}
const BARE: GoStyle = {showsType: false}

/** The type in a chain of names that says what it is of Go. */
function goKindOf(declared: DataType): {type: DataType; kind: number} | undefined {
  let type: DataType | undefined = declared
  for (let step = 0; type && step < 16; step++) {
    if (type.goKind !== undefined && type.goKind !== 0) return {type, kind: type.goKind}
    if (type.kind !== 'alias') return undefined
    type = type.target
  }
  return undefined
}

/** Values of Go as Delve writes them. */
export class GoValues {
  readonly types: GoTypes
  readonly queues: ChannelQueues = newChannelQueues()

  constructor(types: GoTypes) {
    this.types = types
  }

  read(declared: DataType, view: View, reading: Reading, style = TYPED): Value {
    const refused = refuse(reading)
    if (refused) return refused
    const type = this.types.ofShape(declared)
    const found = goKindOf(type)
    const special = readLibraryType(type, view)
    if (special) return special
    switch (found?.kind) {
      case GO_KIND.array:
        return this.#array(type, view, reading, style)
      case GO_KIND.chan:
        return readChannel(
          this,
          {name: nameOf(type), element: found.type.goElem, pointer: found.type.bare},
          view,
          reading,
        )
      case GO_KIND.func:
        return this.#func(view, reading)
      case GO_KIND.interface:
        return this.#interface(type, view, reading, style)
      case GO_KIND.map:
        return readMap(this, {name: nameOf(type), pointer: found.type.bare}, view, reading)
      case GO_KIND.pointer:
        return this.#pointer(type, view, reading, style)
      case GO_KIND.slice:
        return this.#slice(type, found.type.goElem, view, reading, style)
      case GO_KIND.string:
        return this.#string(view, reading)
      case GO_KIND.unsafePointer:
        return this.#unsafePointer(view, reading)
      default:
        return this.#plain(type, view, reading, style)
    }
  }

  /** Basic types and structs; what the runtime itself declares has no kind up to Go 1.24. */
  #plain(type: DataType, view: View, reading: Reading, style: GoStyle): Value {
    const {bare} = type
    if (bare.kind === 'struct') return this.#struct(type, view, reading, style)
    if (bare.kind === 'pointer') return this.#pointer(type, view, reading, style)
    if (bare.kind === 'array') return this.#array(type, view, reading, style)
    if (bare.kind !== 'base') return plainValue(`<${nameOf(type)}>`, null)
    const bytes = view.bytes(bare.size ?? 0)
    return isMissing(bytes) ? missingValue(bytes) : basicValue(bare, bytes)
  }

  #struct(type: DataType, view: View, reading: Reading, {showsType}: GoStyle): Value {
    const name = showsType ? `${nameOf(type)} ` : ''
    const {members} = type.bare
    if (members.length === 0) return plainValue(`${name}{}`, {})
    if (reading.depth > reading.environment.limits.depth) return cutValue(`${name}{...}`)
    const fields = members.map(member => [member.name ?? '', this.#field(member, view, within(reading, 1))] as const)
    return {
      text: `${name}{${fields.map(([field, value]) => `${field}: ${value.text}`).join(', ')}}`,
      structured: record(fields),
      state: stateOf(fields.map(([, value]) => value)),
    }
  }

  #field({type, offset}: Member, view: View, reading: Reading): Value {
    return type ? this.read(type, view.at(offset), reading) : missingValue('unreadable')
  }

  #array(type: DataType, view: View, reading: Reading, {showsType}: GoStyle): Value {
    const {bare} = type
    const element = bare.target
    const count = bare.dimensions[0] ?? 0
    const values = element ? this.elements(element, view, count, reading) : []
    const name = showsType ? `${nameOf(type)} ` : ''
    return goList(name, values, count)
  }

  /** As many of the elements as are shown. */
  elements(type: DataType, view: View, count: number, reading: Reading): Value[] {
    const size = type.size ?? 0
    const shown = Math.min(count, reading.environment.limits.elements)
    const values: Value[] = []
    for (let index = 0; index < shown; index++) {
      values.push(this.read(type, view.at(index * size), within(reading, 1), BARE))
      if (values.at(-1)?.text === '...') break
    }
    return values
  }

  #slice(type: DataType, element: DataType | undefined, view: View, reading: Reading, {showsType}: GoStyle): Value {
    const header = words(view, 2)
    if (isMissing(header)) return missingValue(header)
    const [data, length] = header as [Word, Word]
    // The optimizer may have kept all but the capacity.
    const capacity = view.at(16).unsigned()
    const isCapped = !isMissing(capacity)
    const name = showsType ? `${nameOf(type)} ` : ''
    const start = `${name}len: ${length}, cap: ${isCapped ? capacity : missingValue(capacity).text}, `
    const whole = (value: Value): Value => (isCapped ? value : {...value, state: stateOf([value, {state: capacity}])})
    if (length === 0n) return whole(plainValue(`${start}${data === 0n ? 'nil' : '[]'}`, data === 0n ? null : []))
    const elementType = element ?? type.bare.members[0]?.type?.bare.target
    const isBroken = isCapped && length > capacity
    const values = isBroken || !elementType ? undefined : this.#listAt(elementType, data, length, reading)
    if (!values) return {text: `${start}${this.#whyUnreadable(data, reading)}`, structured: null, state: 'unreadable'}
    return whole(goList(start, values, Number(length)))
  }

  /** undefined where there is no such list. */
  #listAt(type: DataType, data: Word, length: Word, reading: Reading): Value[] | undefined {
    const [address, count] = [addressOfWord(data), addressOfWord(length)]
    if (address === undefined || count === undefined || this.#isFaulty(data, reading)) return undefined
    const values = this.elements(type, this.viewAt(address, reading), count, reading)
    return values.length > 0 && values.every(({state}) => state === 'unreadable') ? undefined : values
  }

  #isFaulty(word: Word, {environment}: Reading): boolean {
    return environment.pointerFault(word) !== undefined
  }

  #whyUnreadable(word: Word, {environment}: Reading): string {
    return `<${environment.pointerFault(word) ?? 'unreadable'}>`
  }

  #string(view: View, reading: Reading): Value {
    const header = words(view, 2)
    if (isMissing(header)) return missingValue(header)
    const [data, length] = header as [Word, Word]
    if (length === 0n) return plainValue('""', '')
    const address = addressOfWord(data)
    const count = addressOfWord(length)
    const {memory, limits} = reading.environment
    const isReadable = address !== undefined && count !== undefined && !this.#isFaulty(data, reading)
    const text = isReadable ? textAt(memory, address, count, limits.bytes) : undefined
    if (!text) {
      const why = reading.environment.pointerFault(data)
      const note = why === undefined ? '' : `: ${why}`
      return {
        text: `<unreadable string of ${length} bytes at ${hex(data)}${note}>`,
        structured: null,
        state: 'unreadable',
      }
    }
    return {text: renderText(text), structured: text.text, state: text.left === 0 ? 'ok' : 'cut'}
  }

  #pointer(type: DataType, view: View, reading: Reading, {showsType}: GoStyle): Value {
    const word = view.unsigned()
    if (isMissing(word)) return missingValue(word)
    return this.pointee(nameOf(type), type.bare.target, word, reading, showsType)
  }

  /** What a pointer of that type points at: a pointer is no level of its own. */
  pointee(name: string, target: DataType | undefined, word: Word, reading: Reading, showsType = true): Value {
    if (word === 0n) return plainValue(showsType ? `${name} nil` : 'nil', null)
    const address = addressOfWord(word)
    const fault = address === undefined ? 'not an address' : reading.environment.pointerFault(word)
    const pointer = `(${name})(${hex(word)})`
    if (address === undefined || fault !== undefined) {
      return plainValue(`${pointer} <${fault}>`, {pointer: hex(word), fault: fault ?? null})
    }
    if (isCharacterOfC(target)) return characters(pointer, word, reading)
    // Shapes have one pointer for all: what it points at is not what its type says.
    const isShape = name.startsWith('go.shape.*')
    if (!target || isShape || isLeftOut(target, reading)) {
      return {text: pointer, structured: {pointer: hex(word)}, state: target ? 'cut' : 'ok'}
    }
    const levels = target.bare.kind === 'pointer' ? 1 : 0
    const value = this.read(target, this.viewAt(address, reading), within(reading, levels), {showsType})
    if (value.state === 'unreadable' && value.structured === null) return {...value, text: `${pointer} ${value.text}`}
    return {...value, text: `*${value.text}`}
  }

  /** A function value is a pointer to a closure, whose first word is the code. */
  #func(view: View, {environment}: Reading): Value {
    const word = view.unsigned()
    if (isMissing(word)) return missingValue(word)
    if (word === 0n) return plainValue('nil', null)
    const closure = addressOfWord(word)
    const fault = environment.pointerFault(word)
    const code = closure === undefined || fault !== undefined ? undefined : readWord(environment.memory, closure)
    const entry = code === undefined ? undefined : addressOfWord(code)
    const name = entry === undefined ? undefined : environment.functionAt(entry)
    if (name !== undefined) return plainValue(name, {function: name, pointer: hex(word)})
    const why = fault ?? 'no function'
    return {text: `(func)(${hex(word)}) <${why}>`, structured: {pointer: hex(word), fault: why}, state: 'unreadable'}
  }

  #unsafePointer(view: View, {environment}: Reading): Value {
    const word = view.unsigned()
    if (isMissing(word)) return missingValue(word)
    if (word === 0n) return plainValue('unsafe.Pointer(nil)', null)
    const fault = environment.pointerFault(word)
    const address = addressOfWord(word)
    const name = address === undefined || fault ? undefined : environment.nameAt(address)
    const note = fault ?? name
    return plainValue(`unsafe.Pointer(${hex(word)})${note ? ` <${note}>` : ''}`, {
      pointer: hex(word),
      ...(fault && {fault}),
    })
  }

  /** eface and iface (src/runtime/runtime2.go): a type, or a table with the type in its second word; then the data. */
  #interface(type: DataType, view: View, reading: Reading, {showsType}: GoStyle): Value {
    const first = view.unsigned()
    if (isMissing(first)) return missingValue(first)
    const name = showsType ? nameOf(type) : ''
    if (first === 0n) return plainValue(showsType ? `${name} nil` : 'nil', null)
    const hasTable = type.bare.members[0]?.name === 'tab'
    const dynamic = this.#dynamicType(first, hasTable, reading)
    const data = view.at(8).unsigned()
    if (isMissing(data)) {
      const lost = missingValue(data)
      return dynamic ? {...lost, text: `${name}(${dynamic.name}) ${lost.text}`} : lost
    }
    if (!dynamic) {
      return {text: `${name}(<unreadable type at ${hex(first)}>) ${hex(data)}`, structured: null, state: 'unreadable'}
    }
    const told = this.#told(dynamic, data, reading)
    if (told !== undefined) {
      const value = this.readDynamic(dynamic, data, reading)
      const structured = {type: dynamic.name, ...told.structured, value: value.structured}
      return {...plainValue(`${name}(${dynamic.name}) ${told.text}`, structured), state: value.state}
    }
    const value = this.readDynamic(dynamic, data, reading)
    return {
      ...value,
      text: `${name}(${dynamic.name}) ${value.text}`,
      structured: {type: dynamic.name, value: value.structured},
    }
  }

  /** An error by its text, a context by how it was made, where the standard library alone says so. */
  #told(
    dynamic: DynamicType,
    data: Word,
    reading: Reading,
  ): {text: string; structured: {[field: string]: Structured}} | undefined {
    const isPlain = !/^\*?(?:errors|fmt|fs|os|url|strconv|json|context|net|syscall|time|runtime)\./.test(dynamic.name)
    const object = isPlain ? undefined : GoObject.of(dynamic, data, this, reading)
    const error = readErrorText(object)
    if (error) {
      const wraps = error.wraps.length === 0 ? '' : ` (wraps ${error.wraps.join(', ')})`
      return {text: quoted(error.text) + wraps, structured: {error: error.text, wraps: [...error.wraps]}}
    }
    const context = describeContext(object)
    return context === undefined ? undefined : {text: context, structured: {context}}
  }

  #dynamicType(word: Word, hasTable: boolean, {environment}: Reading): DynamicType | undefined {
    const address = addressOfWord(word)
    if (address === undefined) return undefined
    const type = hasTable ? readWord(environment.memory, toAddress(address + 8)) : word
    const at = type === undefined ? undefined : addressOfWord(type)
    return at === undefined ? undefined : this.types.dynamic(at)
  }

  /** A value of a type that only the runtime knows: behind a pointer, but for what is a pointer itself. */
  readDynamic(dynamic: DynamicType, data: Word, reading: Reading): Value {
    const {type, isDirect, name} = dynamic
    if (!type) return plainValue(hex(data), {pointer: hex(data)})
    const deep = within(reading, 0)
    if (isDirect) {
      // A map, a channel and a function are pointers too, and more.
      const kind = goKindOf(type)?.kind
      const isPointer = type.bare.kind === 'pointer' && (kind === undefined || kind === GO_KIND.pointer)
      return isPointer
        ? this.pointee(name, type.bare.target, data, deep, false)
        : this.read(type, wordView(data), deep, BARE)
    }
    const address = addressOfWord(data)
    if (address === undefined) return missingValue('unreadable')
    return this.read(type, this.viewAt(address, reading), deep, BARE)
  }

  viewAt(address: Address, {environment}: Reading): View {
    return new View(new MemoryStorage(environment.memory, address))
  }
}

/** The runtime's own objects, each of which leads to all others. */
const OF_RUNTIME: ReadonlySet<string | undefined> = new Set(
  ['g', 'm', 'p', 'sudog', 'moduledata', 'mcache', 'mspan', 'mheap', 'timers'].map(name => `runtime.${name}`),
)

function isLeftOut(target: DataType, {depth, environment: {limits}}: Reading): boolean {
  if (OF_RUNTIME.has(target.name)) return true
  const {kind} = target.bare
  const isText = goKindOf(target)?.kind === GO_KIND.string
  return depth > limits.depth && !isText && (kind === 'struct' || kind === 'pointer')
}

/** What cgo calls char. */
function isCharacterOfC(target: DataType | undefined): boolean {
  return target?.name?.endsWith('._Ctype_char') === true
}

function characters(pointer: string, word: Word, {environment: {memory, limits}}: Reading): Value {
  const address = addressOfWord(word)
  const text = address === undefined ? undefined : terminatedTextAt(memory, address, limits.bytes)
  if (!text) return {text: `${pointer} <unreadable>`, structured: {pointer: hex(word)}, state: 'unreadable'}
  const structured = {pointer: hex(word), text: text.text}
  return {text: `${pointer} ${renderText(text)}`, structured, state: text.left === 0 ? 'ok' : 'cut'}
}

/** What the runtime's type tables say of a type. */
export interface DynamicType {
  /** As %T shows it. */
  readonly name: string
  /** undefined where DWARF does not describe it. */
  readonly type: DataType | undefined
  /** An interface's data word is the value itself. */
  readonly isDirect: boolean
}

function wordView(word: Word): View {
  return new View({
    read: (offset, length) => {
      if (offset + length > 8) return 'unreadable'
      return Uint8Array.from({length}, (_, index) => Number((word / 256n ** BigInt(offset + index)) % 256n))
    },
    addressOf: () => undefined,
  })
}

/** Types of generic functions are called by their place in the dictionary: then as what they are of. */
export function nameOf(type: DataType): string {
  const named = type.goDictIndex === undefined ? type : (type.target ?? type)
  return named.name ?? '?'
}

export function words(view: View, count: number): Word[] | Missing {
  const found: Word[] = []
  for (let index = 0; index < count; index++) {
    const word = view.at(index * 8).unsigned()
    if (isMissing(word)) return word
    found.push(word)
  }
  return found
}

/** `name [1,2,3,...+5 more]` */
function goList(start: string, values: readonly Value[], count: number): Value {
  const left = count - values.length
  const texts = values.map(({text}) => text)
  if (left > 0) texts.push(moreText(left))
  const state = stateOf(values)
  const structured: Structured = values.map(value => value.structured)
  return {text: `${start}[${texts.join(',')}]`, structured, state: left > 0 && state === 'ok' ? 'cut' : state}
}

function basicValue(type: DataType, bytes: Uint8Array): Value {
  const {encoding} = type
  // A character is a number to Go.
  const plain =
    encoding === DW_ATE.signed_char ? DW_ATE.signed : encoding === DW_ATE.unsigned_char ? DW_ATE.unsigned : encoding
  const value = scalarOf(plain, bytes)
  return encoding === DW_ATE.complex_float ? {...value, text: `(${value.text})`} : value
}
