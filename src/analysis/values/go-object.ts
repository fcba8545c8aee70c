import {addressOfWord, toAddress, type Word} from '../../base/address.ts'
import {readWord} from '../../base/memory-reader.ts'
import type {DataType} from '../../dwarf/data-type.ts'
import {type FieldRule, findField} from './field-search.ts'
import type {DynamicType, GoValues} from './go-value.ts'
import type {View} from './storage.ts'
import {textAt} from './text-value.ts'
import {isMissing} from './value.ts'
import type {Reading} from './value-reader.ts'

/** Longest text of one error or key. */
const TEXT_MAX = 4096

/** The value of an interface: its dynamic type, and where its struct or its text lies. */
export class GoObject {
  readonly type: DynamicType
  readonly #struct: DataType
  readonly #view: View
  readonly #values: GoValues
  readonly #reading: Reading

  private constructor(type: DynamicType, struct: DataType, view: View, values: GoValues, reading: Reading) {
    this.type = type
    this.#struct = struct
    this.#view = view
    this.#values = values
    this.#reading = reading
  }

  /** What an interface of two words holds; undefined where it is nil, or its type is not described. */
  static ofInterface(view: View, hasTable: boolean, values: GoValues, reading: Reading): GoObject | undefined {
    const [first, data] = [view.unsigned(), view.at(8).unsigned()]
    if (isMissing(first) || isMissing(data) || first === 0n) return undefined
    const table = addressOfWord(first)
    const {memory} = reading.environment
    const word = table !== undefined && hasTable ? readWord(memory, toAddress(table + 8)) : first
    const descriptor = word === undefined ? undefined : addressOfWord(word)
    const type = descriptor === undefined ? undefined : values.types.dynamic(descriptor)
    return type && GoObject.of(type, data, values, reading)
  }

  static of(type: DynamicType, data: Word, values: GoValues, reading: Reading): GoObject | undefined {
    const described = type.type?.bare
    const struct = described?.kind === 'pointer' ? described.target?.bare : described
    const address = addressOfWord(data)
    if (!struct || address === undefined || address === 0) return undefined
    return new GoObject(type, struct, values.viewAt(address, reading), values, reading)
  }

  /** A field, also of the structs that are embedded. */
  field(name: string): {type: DataType; view: View} | undefined {
    return findField(this.#struct, this.#view, name, 4, GO_FIELDS)
  }

  /** The text that is the value, or that a field is. */
  text(name?: string): string | undefined {
    const view = name === undefined ? this.#view : this.field(name)?.view
    const [data, length] = view ? [view.unsigned(), view.at(8).unsigned()] : []
    if (typeof data !== 'bigint' || typeof length !== 'bigint') return undefined
    const [address, count] = [addressOfWord(data), addressOfWord(length)]
    if (count === 0) return ''
    if (address === undefined || count === undefined || count > TEXT_MAX) return undefined
    return textAt(this.#reading.environment.memory, address, count, TEXT_MAX)?.text
  }

  /** The whole number that the value is, or that a field is; undefined where it is none that a double holds. */
  number(name?: string): number | undefined {
    const field = name === undefined ? {type: this.#struct, view: this.#view} : this.field(name)
    const size = field?.type.size ?? 0
    const word = field && size <= 8 ? field.view.unsigned(size) : undefined
    return typeof word === 'bigint' ? addressOfWord(word) : undefined
  }

  /** The bytes of a field that is a slice of them. */
  bytes(name: string, most: number): Uint8Array | undefined {
    const view = this.field(name)?.view
    const [data, length] = view ? [view.unsigned(), view.at(8).unsigned()] : []
    const address = typeof data === 'bigint' ? addressOfWord(data) : undefined
    if (address === undefined || typeof length !== 'bigint' || length > BigInt(most)) return undefined
    return this.#reading.environment.memory.read(address, Number(length))?.slice()
  }

  errnoText(): string | undefined {
    const number = this.number()
    return number === undefined ? undefined : this.#values.types.errnoText(number)
  }

  /** Whether a field that is an interface is nil; undefined where it cannot be read. */
  isNil(name: string): boolean | undefined {
    const word = this.field(name)?.view.unsigned()
    return typeof word === 'bigint' ? word === 0n : undefined
  }

  /** What a field that is an interface holds. */
  inner(name: string): GoObject | undefined {
    const field = this.field(name)
    return field && this.#inside(field.type, field.view)
  }

  /** What a field that is a slice of interfaces holds. */
  list(name: string, most: number): (GoObject | undefined)[] {
    const field = this.field(name)
    const element = field?.type.bare.members[0]?.type?.bare.target
    const [data, length] = field ? [field.view.unsigned(), field.view.at(8).unsigned()] : []
    const address = typeof data === 'bigint' ? addressOfWord(data) : undefined
    if (!element || address === undefined || typeof length !== 'bigint' || length > BigInt(most)) return []
    const there = this.#values.viewAt(address, this.#reading)
    return Array.from({length: Number(length)}, (_, index) => this.#inside(element, there.at(index * 16)))
  }

  #inside(type: DataType, view: View): GoObject | undefined {
    const hasTable = type.bare.members[0]?.name === 'tab'
    return GoObject.ofInterface(view, hasTable, this.#values, this.#reading)
  }

  /** A field as any value is shown. */
  shown(name: string): string | undefined {
    const field = this.field(name)
    return field && this.#values.read(field.type, field.view, this.#reading, {showsType: false}).text
  }
}

/** Those of embedded structs are the object's own. */
const GO_FIELDS: FieldRule = {
  isField: () => true,
  holdsFields: ({type, isEmbedded}) => isEmbedded && type?.bare.kind === 'struct',
}
