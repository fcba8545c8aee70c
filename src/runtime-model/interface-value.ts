import {type Address, addressOfWord, hex, NULL_ADDRESS, offsetAddress, toAddress, type Word} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {type MemoryReader, readString} from '../base/memory-reader.ts'
import type {GoVersion} from '../gosym/version.ts'
import {formatShortest, joinComplex, printFloat} from './go-float.ts'
import {RemoteStruct} from './remote-struct.ts'
import type {RuntimeAccess} from './runtime-access.ts'

/** reflect.Kind, in its numbering (src/internal/abi/type.go; the same since 1.7). */
const KINDS = [
  'invalid',
  'bool',
  'int',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'uintptr',
  'float32',
  'float64',
  'complex64',
  'complex128',
  'array',
  'chan',
  'func',
  'interface',
  'map',
  'ptr',
  'slice',
  'string',
  'struct',
  'unsafe.Pointer',
] as const
export type Kind = (typeof KINDS)[number]

/** Bits of _type.kind that are not the kind: stored in the word directly (up to 1.25), GC program (up to 1.23). */
const KIND_MODULUS = 32
/** The name has a star too many: it is shared with the pointer type. */
const TFLAG_EXTRA_STAR = 2
const NAME_LIMIT = 4096
const STRING_LIMIT = 1024 * 1024

/** The dynamic value of an interface: its type, its data word, and what print would show where that can be known. */
export interface InterfaceValue {
  /** As %T shows it: `string`, `main.T`, `*errors.errorString`; undefined where the type cannot be read. */
  readonly typeName: string | undefined
  readonly kind: Kind | undefined
  /** The interface's data word: a pointer to the value, or the value itself where it is one pointer. */
  readonly data: Word
  /**
   * What the runtime prints for the value after `panic: `, newlines as they are in the value; undefined where memory is
   * missing.
   */
  readonly text: string | undefined
  /** The value is of the plain type string: what an error's or Stringer's text has become by the time it is printed. */
  readonly isString: boolean
}

/** The value of an `any` whose two words are given; nil has typeName undefined and text `nil`. */
export function readInterfaceValue(access: RuntimeAccess, type: Address, data: Word): InterfaceValue {
  if (type === NULL_ADDRESS) return {typeName: undefined, kind: undefined, data, text: 'nil', isString: false}
  const descriptor = RemoteStruct.read(access.memory, type, access.layouts._type)
  if (!descriptor) return {typeName: undefined, kind: undefined, data, text: undefined, isString: false}
  const kind = KINDS[descriptor.u8('kind') % KIND_MODULUS]
  const typeName = readTypeName(access, descriptor)
  const isString = kind === 'string' && typeName === 'string'
  const text = renderValue(access, {type, typeName, kind, data})
  return {typeName, kind, data, text, isString}
}

/** What a type descriptor says, as far as a value of the type is told by it. */
export interface TypeDescriptor {
  /** As %T shows it. */
  readonly name: string
  readonly kind: Kind
  /** From the start of the type section. */
  readonly offset: number
  /** An interface's data word is the value itself, not a pointer to it. */
  readonly isDirect: boolean
}

/** Bit of `kind`, since 1.26 of `tflag`: the value is one pointer (abi.KindDirectIface, abi.TFlagDirectIface). */
const DIRECT = 32

/** The descriptor at an address; undefined where there is none that can be read. */
export function readTypeDescriptor(access: RuntimeAccess, address: Address): TypeDescriptor | undefined {
  const descriptor = RemoteStruct.read(access.memory, address, access.layouts._type)
  const section = access.tables.modules.find(({types}) => address >= types.start && address < types.end)
  const name = descriptor && readTypeName(access, descriptor)
  const kind = descriptor && KINDS[descriptor.u8('kind') % KIND_MODULUS]
  if (!descriptor || !section || name === undefined || kind === undefined) return undefined
  const flags = descriptor.u8(access.release.atLeast(26) ? 'tflag' : 'kind')
  return {name, kind, offset: address - section.types.start, isDirect: Math.floor(flags / DIRECT) % 2 === 1}
}

function readTypeName(access: RuntimeAccess, descriptor: RemoteStruct<'_type'>): string | undefined {
  const section = access.tables.modules.find(
    ({types}) => descriptor.address >= types.start && descriptor.address < types.end,
  )
  const at = section && offsetAddress(section.types.start, descriptor.i32('str'))
  if (!section || at === undefined || at >= section.types.end) return undefined
  const name = readName(access.memory, access.release, at)
  const hasExtraStar = descriptor.u8('tflag') % (2 * TFLAG_EXTRA_STAR) >= TFLAG_EXTRA_STAR
  return hasExtraStar && name?.startsWith('*') ? name.slice(1) : name
}

/**
 * A type's name: flags, length, bytes. Two big-endian length bytes up to 1.16, a uvarint since
 * (src/internal/abi/type.go).
 */
function readName(memory: MemoryReader, release: GoVersion, at: Address): string | undefined {
  const head = memory.read(at, 4)
  if (!head) return undefined
  const bytes = new Cursor(head, 'type name')
  bytes.skip(1)
  const first = bytes.u8()
  const second = bytes.u8()
  const isVarint = release.atLeast(17)
  const length = isVarint ? (first < 0x80 ? first : (first % 0x80) + second * 0x80) : first * 0x100 + second
  const start = isVarint && first < 0x80 ? 2 : 3
  return length > NAME_LIMIT ? undefined : readString(memory, toAddress(at + start), length)
}

interface TypedWord {
  readonly type: Address
  readonly typeName: string | undefined
  readonly kind: Kind | undefined
  readonly data: Word
}

/** printpanicval and printanycustomtype (src/runtime/error.go; printany up to 1.17). */
function renderValue(access: RuntimeAccess, value: TypedWord): string | undefined {
  const {typeName, kind, data} = value
  if (typeName === undefined || kind === undefined) return undefined
  const isBasic = isPrinted(access.release, kind)
  const isNamed = typeName !== kind
  if (!isBasic || (isNamed && !access.release.atLeast(15))) {
    // Up to 1.14 the interface itself was printed, both words of it.
    return `(${typeName}) ${access.release.atLeast(15) ? hex(data) : `(${hex(value.type)},${hex(data)})`}`
  }
  const address = addressOfWord(data)
  const text = address === undefined ? undefined : readBasicValue(access, kind, address)
  if (text === undefined || !isNamed) return text
  if (kind === 'string') return `${typeName}("${text}")`
  return kind === 'complex64' || kind === 'complex128' ? typeName + text : `${typeName}(${text})`
}

/** Up to 1.8 print knew int and string alone. */
function isPrinted(release: GoVersion, kind: Kind): boolean {
  return kind === 'string' || kind === 'int' || (BASIC_SIZES[kind] !== undefined && release.atLeast(9))
}

const BASIC_SIZES: {readonly [K in Kind]?: number} = {
  bool: 1,
  int: 8,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  uintptr: 8,
  float32: 4,
  float64: 8,
  complex64: 8,
  complex128: 16,
}

function readBasicValue(access: RuntimeAccess, kind: Kind, address: Address): string | undefined {
  if (kind === 'string') return readGoString(access.memory, address)
  const size = BASIC_SIZES[kind]
  const bytes = size === undefined ? undefined : access.memory.read(address, size)
  return bytes && renderBasic(access.release, kind, new Cursor(bytes, kind))
}

function renderBasic(release: GoVersion, kind: Kind, bytes: Cursor): string | undefined {
  switch (kind) {
    case 'bool':
      return bytes.u8() === 0 ? 'false' : 'true'
    case 'int8':
      return String(bytes.i8())
    case 'int16':
      return String(bytes.i16())
    case 'int32':
      return String(bytes.i32())
    case 'int':
    case 'int64':
      return String(bytes.i64())
    case 'uint8':
    case 'uint16':
    case 'uint32':
      return String(bytes.unsigned(bytes.size))
    case 'uint':
    case 'uint64':
    case 'uintptr':
      return String(bytes.word())
    case 'float32':
    case 'float64':
      return renderFloat(release, bytes, kind === 'float32' ? 32 : 64)
    case 'complex64':
    case 'complex128': {
      const bits = kind === 'complex64' ? 32 : 64
      return joinComplex(renderFloat(release, bytes, bits), renderFloat(release, bytes, bits))
    }
    default:
      return undefined
  }
}

function renderFloat(release: GoVersion, bytes: Cursor, bits: 32 | 64): string {
  const raw = bytes.take(bits / 8).slice()
  const [value] = bits === 32 ? new Float32Array(raw.buffer) : new Float64Array(raw.buffer)
  return release.atLeast(26) ? formatShortest(value as number, bits) : printFloat(value as number)
}

/** A string header at `address` and its text, cut at 1 MiB. */
export function readGoString(memory: MemoryReader, address: Address): string | undefined {
  const header = memory.read(address, 16)
  if (!header) return undefined
  const cursor = new Cursor(header, 'string')
  const pointer = addressOfWord(cursor.word())
  const length = addressOfWord(cursor.word())
  if (pointer === undefined || length === undefined) return undefined
  return readString(memory, pointer, length, STRING_LIMIT)
}
