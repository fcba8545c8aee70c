import {addressOfWord, hex} from '../../base/address.ts'
import {DW_ATE} from '../../dwarf/constants.ts'
import type {DataType, Member} from '../../dwarf/data-type.ts'
import {readScalar, scalarOf} from './scalar-value.ts'
import {littleEndian, MemoryStorage, View} from './storage.ts'
import {type FoundText, renderText, terminatedTextAt, textOf} from './text-value.ts'
import {cutValue, integer, isMissing, missingValue, moreText, plainValue, record, stateOf, type Value} from './value.ts'
import {type Reading, refuse, type TypeReader, within} from './value-reader.ts'

/** Values of C, and of what other languages share with it, as gdb writes them. */
export class NativeValues {
  /** Asked first: types that a library or a language writes in its own way. */
  readonly #special: TypeReader

  constructor(special: TypeReader) {
    this.#special = special
  }

  /** @param declared undefined: void */
  read(declared: DataType | undefined, view: View, reading: Reading): Value {
    const refused = refuse(reading)
    if (refused) return refused
    if (!declared) return plainValue('<void>', null)
    const special = this.#special(declared, view, reading)
    if (special) return special
    const type = declared.bare
    switch (type.kind) {
      case 'base':
        return readScalar(type, view)
      case 'enum':
        return this.#enum(type, view)
      case 'pointer':
        return this.#pointer(type, view, reading)
      case 'reference':
        return this.#reference(type, view, reading)
      case 'array':
        return this.#array(type, view, reading)
      case 'struct':
      case 'union':
        return this.#struct(type, view, reading)
      case 'member-pointer':
        return this.#memberPointer(type, view, reading)
      default:
        return plainValue(`<${type.kind === 'function' ? 'function' : (type.name ?? 'unspecified type')}>`, null)
    }
  }

  #enum(type: DataType, view: View): Value {
    const size = type.size ?? 4
    const bytes = view.bytes(size)
    if (isMissing(bytes)) return missingValue(bytes)
    const word = littleEndian(bytes)
    return enumValue(type, word, size * 8)
  }

  #pointer(type: DataType, view: View, reading: Reading): Value {
    const word = view.unsigned()
    if (isMissing(word)) return missingValue(word)
    const {environment} = reading
    const target = type.target?.bare
    if (target?.kind === 'function') return functionPointer(word, reading)
    const text = isCharacter(target) ? pointedText(word, reading) : undefined
    const fault = environment.pointerFault(word)
    const odd = fault === undefined ? environment.pointerNote(word, isWritten(type)) : undefined
    const said = fault ?? odd
    const note = said === undefined ? '' : ` <${said}>`
    const structured = {pointer: hex(word), ...(fault && {fault}), ...(odd && {memory: odd})}
    if (text) {
      return {
        text: `${hex(word)} ${renderText(text)}${note}`,
        structured: {...structured, text: text.text},
        state: text.left === 0 ? 'ok' : 'cut',
      }
    }
    const named = fault === undefined ? this.#nameOf(word, reading) : ''
    const pointed = fault === undefined && named === '' ? this.#pointed(target, word, reading) : undefined
    if (!pointed) return plainValue(hex(word) + named + note, structured)
    return {
      ...pointed,
      text: `${hex(word)}${note}: ${pointed.text}`,
      structured: {...structured, value: pointed.structured},
    }
  }

  /** Of a variable that is a pointer to a struct or a number also what it points at, as far as that is there. */
  #pointed(target: DataType | undefined, word: bigint, reading: Reading): Value | undefined {
    const address = addressOfWord(word)
    const isFollowed = target !== undefined && POINTED.has(target.kind) && !target.isDeclaration && !isCharacter(target)
    if (!isFollowed || reading.depth > 0 || reading.pointers > 0 || address === undefined || word === 0n)
      return undefined
    const there = new View(new MemoryStorage(reading.environment.memory, address))
    const value = this.read(target, there, {...within(reading, 0), pointers: 1})
    return value.state === 'unreadable' && isMissing(there.bytes(target.size ?? 1)) ? undefined : value
  }

  #nameOf(word: bigint, {environment}: Reading): string {
    const address = addressOfWord(word)
    const name = address === undefined ? undefined : environment.nameAt(address)
    return name === undefined ? '' : ` <${name}>`
  }

  #reference(type: DataType, view: View, reading: Reading): Value {
    const word = view.unsigned()
    if (isMissing(word)) return missingValue(word)
    const address = addressOfWord(word)
    const fault = reading.environment.pointerFault(word)
    if (address === undefined || fault !== undefined) {
      const why = fault ?? 'not an address'
      return plainValue(`@${hex(word)} <${why}>`, {pointer: hex(word), fault: why})
    }
    const there = new View(new MemoryStorage(reading.environment.memory, address))
    const value = this.read(type.target, there, within(reading, 0))
    return {...value, text: `@${hex(word)}: ${value.text}`}
  }

  #memberPointer(type: DataType, view: View, reading: Reading): Value {
    const isFunction = type.target?.bare.kind === 'function'
    const word = view.unsigned()
    if (isMissing(word)) return missingValue(word)
    return isFunction ? functionPointer(word, reading) : plainValue(String(BigInt.asIntN(64, word)), integer(word))
  }

  #array(type: DataType, view: View, reading: Reading): Value {
    return this.#dimension(type, 0, view, reading)
  }

  #dimension(type: DataType, index: number, view: View, reading: Reading): Value {
    const element = type.target
    const dimensions = reading.counts?.type === type ? reading.counts.dimensions : type.dimensions
    const inner = dimensions.slice(index + 1)
    const elementSize = element?.size
    const size = elementSize === undefined ? undefined : inner.reduce<number>((all, n) => all * (n ?? 0), elementSize)
    const count = dimensions[index]
    if (count === undefined || size === undefined) return plainValue('<array of unknown length>', null)
    if (inner.length === 0 && isCharacter(element?.bare) && size === 1) return characters(view, count, reading)
    const shown = Math.min(count, reading.environment.limits.elements)
    const parts: Value[] = []
    const nested = within(reading, 1)
    for (let at = 0; at < shown; at++) {
      const place = view.at(at * size)
      parts.push(
        inner.length > 0 ? this.#dimension(type, index + 1, place, reading) : this.read(element, place, nested),
      )
      if (parts.at(-1)?.text === '...') break
    }
    return list(parts, count - parts.length)
  }

  #struct(type: DataType, view: View, reading: Reading): Value {
    if (type.isDeclaration) return plainValue('<incomplete type>', null)
    if (reading.depth > reading.environment.limits.depth) return cutValue('{...}')
    const fields: [string, Value][] = []
    for (const member of type.members) {
      const value = this.#member(member, view, reading)
      if (value)
        fields.push([member.isBase ? `<${member.name ?? member.type?.name ?? 'base'}>` : (member.name ?? ''), value])
    }
    const text = fields.map(([name, value]) => (name === '' ? value.text : `${name} = ${value.text}`)).join(', ')
    return {text: `{${text}}`, structured: record(fields), state: stateOf(fields.map(([, value]) => value))}
  }

  #member(member: Member, view: View, reading: Reading): Value | undefined {
    if (member.isArtificial && member.name?.startsWith('_vptr')) return undefined
    // A base that holds nothing has no place of its own.
    if (member.isVirtual || (member.isBase && member.type?.bare.members.length === 0)) return undefined
    if (member.bits) return bitField(member, view)
    // What has no name of its own stands for its members: it is no level of its own.
    const isOwn = member.name !== undefined && !member.isBase
    return this.read(member.type, view.at(member.offset), within(reading, isOwn ? 1 : 0))
  }
}

/** C and C++ alone tell what is not to be written. */
function isWritten({language, target}: DataType): boolean {
  if (language === 'go' || language === 'rust') return false
  let type = target
  for (let step = 0; type && step < QUALIFIERS_MAX; step++) {
    if (type.isConstant) return false
    if (type.kind !== 'alias' && type.kind !== 'qualified') return true
    type = type.target
  }
  return false
}

const QUALIFIERS_MAX = 16

/** What may be shown behind a pointer. */
const POINTED: ReadonlySet<string> = new Set(['struct', 'union', 'base', 'enum', 'pointer'])

/** Types that C writes texts in. */
export function isCharacter(type: DataType | undefined): boolean {
  if (type?.kind !== 'base' || type.size !== 1) return false
  const {encoding} = type
  return encoding === DW_ATE.signed_char || encoding === DW_ATE.unsigned_char || encoding === DW_ATE.UTF
}

function pointedText(word: bigint, {environment: {memory, limits}}: Reading): FoundText | undefined {
  const address = addressOfWord(word)
  return address === undefined || word === 0n ? undefined : terminatedTextAt(memory, address, limits.bytes)
}

function functionPointer(word: bigint, {environment}: Reading): Value {
  const address = addressOfWord(word)
  const name = address === undefined || word === 0n ? undefined : environment.nameAt(address)
  const fault = name === undefined ? environment.pointerFault(word) : undefined
  const note = name ?? fault
  const structured = {pointer: hex(word), ...(name === undefined ? {} : {function: name}), ...(fault && {fault})}
  return plainValue(note === undefined ? hex(word) : `${hex(word)} <${note}>`, structured)
}

/** Up to the first NUL, where there is one. */
function characters(view: View, count: number, {environment: {limits}}: Reading): Value {
  const bytes = view.bytes(Math.min(count, limits.bytes))
  if (isMissing(bytes)) return missingValue(bytes)
  const end = bytes.indexOf(0)
  const found = end < 0 ? textOf(bytes, count - bytes.length) : textOf(bytes.subarray(0, end), 0)
  return {text: renderText(found), structured: found.text, state: found.left === 0 ? 'ok' : 'cut'}
}

/** `{1, 2, 3 <repeats 5 times>}` is gdb's; here each element stands. */
export function list(parts: readonly Value[], left: number): Value {
  const texts = parts.map(({text}) => text)
  if (left > 0) texts.push(moreText(left))
  const state = stateOf(parts)
  return {
    text: `{${texts.join(', ')}}`,
    structured: parts.map(({structured}) => structured),
    state: left > 0 && state === 'ok' ? 'cut' : state,
  }
}

function enumValue(type: DataType, word: bigint, bits: number): Value {
  const named = type.enumerators.find(({value}) => BigInt.asUintN(bits, value) === word)
  if (named) return plainValue(named.name, named.name)
  const flags: string[] = []
  let rest = word
  for (const {name, value} of type.enumerators) {
    const flag = BigInt.asUintN(bits, value)
    if (flag === 0n || !isPowerOfTwo(flag) || (rest / flag) % 2n === 0n) continue
    flags.push(name)
    rest -= flag
  }
  if (flags.length === 0 || !type.enumerators.every(({value}) => isFlag(BigInt.asUintN(bits, value)))) {
    const number = BigInt.asIntN(bits, word)
    return plainValue(String(number), integer(number))
  }
  const text = rest === 0n ? flags.join(' | ') : `${flags.join(' | ')} | unknown: ${hex(rest)}`
  return plainValue(`(${text})`, text)
}

function isPowerOfTwo(value: bigint): boolean {
  return value.toString(2).lastIndexOf('1') === 0
}

function isFlag(value: bigint): boolean {
  return value === 0n || isPowerOfTwo(value)
}

/** Bits of the widest type that a field can be of. */
const BIT_FIELD_MAX = 128

function bitField({bits, type}: Member, view: View): Value {
  const {offset, size} = bits as {offset: number; size: number}
  if (!(size > 0 && size <= BIT_FIELD_MAX && offset >= 0)) return missingValue('unreadable')
  const first = Math.floor(offset / 8)
  const bytes = view.at(first).bytes(Math.ceil((offset + size) / 8) - first)
  if (isMissing(bytes)) return missingValue(bytes)
  const raw = (littleEndian(bytes) / 2n ** BigInt(offset - first * 8)) % 2n ** BigInt(size)
  const bare = type?.bare
  const isSigned = bare?.encoding === DW_ATE.signed || bare?.encoding === DW_ATE.signed_char
  if (bare?.kind === 'enum') return enumValue(bare, raw, size)
  if (bare?.encoding === DW_ATE.boolean) return scalarOf(DW_ATE.boolean, Uint8Array.of(Number(raw)))
  const value = isSigned ? BigInt.asIntN(size, raw) : raw
  return plainValue(String(value), integer(value))
}
