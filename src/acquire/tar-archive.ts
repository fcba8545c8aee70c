import {type ByteSource, checkRange} from '../base/byte-source.ts'
import {FormatError, TruncatedFileError} from '../base/errors.ts'

/**
 * The ustar interchange format with pax headers (POSIX.1-2001, pax): a header and the content of each member fill
 * blocks of 512 bytes. Ours, for the packages that know the format read an archive through as a stream, and members are
 * to be read here where they lie.
 */
const BLOCK = 512
/** Of members, and of names that come before them. */
const HEADERS_MAX = 200_000
const PAX_MAX = 1024 * 1024
/** Of the length of a record. */
const LENGTH_DIGITS = 12
/** Where a header has its fields, and how long they are. */
const FIELDS = {
  name: {at: 0, size: 100},
  mode: {at: 100, size: 8},
  uid: {at: 108, size: 8},
  gid: {at: 116, size: 8},
  size: {at: 124, size: 12},
  mtime: {at: 136, size: 12},
  checksum: {at: 148, size: 8},
  type: {at: 156, size: 1},
  magic: {at: 257, size: 8},
  prefix: {at: 345, size: 155},
} as const
type FieldName = keyof typeof FIELDS
const TYPE = {file: '0', pax: 'x'} as const
/** The largest size that eleven octal digits hold; GNU tar writes larger ones as a number of base 256. */
const OCTAL_MAX = 8 ** 11
const BASE_256 = 0x80

/** A member that is to be written: its size is known before its bytes are made. */
export interface TarMember {
  readonly name: string
  readonly size: number
  chunks(): Iterable<Uint8Array>
}

/** An archive of plain files, in order. @throws Error where a member is not as long as it said: a bug of ours */
export function* writeTar(members: Iterable<TarMember>): Generator<Uint8Array> {
  for (const member of members) {
    const {name, size} = member
    yield* header(name, size)
    let written = 0
    for (const chunk of member.chunks()) {
      written += chunk.length
      yield chunk
    }
    if (written !== size) throw new Error(`${name}: ${written} bytes in place of ${size}`)
    yield padding(size)
  }
  yield new Uint8Array(2 * BLOCK)
}

function* header(name: string, size: number): Generator<Uint8Array> {
  if (isPlain(name)) {
    yield block(name, size, TYPE.file)
    return
  }
  // A long name, or one that is not ASCII, comes in a header of its own before.
  const pax = paxRecord('path', name)
  yield block('pax', pax.length, TYPE.pax)
  yield pax
  yield padding(pax.length)
  yield block('long-name', size, TYPE.file)
}

function isPlain(name: string): boolean {
  return name.length <= FIELDS.name.size && /^[\x20-\x7e]+$/.test(name)
}

function block(name: string, size: number, type: string): Uint8Array {
  const bytes = new Uint8Array(BLOCK)
  const put = (field: FieldName, text: string): void => bytes.set(new TextEncoder().encode(text), FIELDS[field].at)
  put('name', name)
  put('mode', '0000644')
  for (const field of ['uid', 'gid'] as const) put(field, '0000000')
  put('mtime', '00000000000')
  if (size < OCTAL_MAX) put('size', size.toString(8).padStart(11, '0'))
  else putBase256(bytes, size)
  put('type', type)
  put('magic', 'ustar\x0000')
  put('checksum', `${checksum(bytes).toString(8).padStart(6, '0')}\0 `)
  return bytes
}

function putBase256(bytes: Uint8Array, size: number): void {
  const {at, size: length} = FIELDS.size
  bytes[at] = BASE_256
  let rest = size
  for (let index = at + length - 1; index > at && rest > 0; index--) {
    bytes[index] = rest % 256
    rest = Math.floor(rest / 256)
  }
}

/** The sum of a header's bytes, its own field counted as blanks. */
function checksum(bytes: Uint8Array): number {
  const {at, size} = FIELDS.checksum
  return bytes.reduce((sum, byte, index) => sum + (index >= at && index < at + size ? 0x20 : byte), 0)
}

/** `LENGTH KEY=VALUE\n`, the length counting itself. */
function paxRecord(key: string, value: string): Uint8Array {
  const rest = new TextEncoder().encode(` ${key}=${value}\n`)
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return new TextEncoder().encode(`${length} ${key}=${value}\n`)
}

function padding(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK)
}

/** A part of a source as a source. */
export class SlicedSource implements ByteSource {
  readonly name: string
  readonly size: number
  readonly #source: ByteSource
  readonly #start: number

  constructor(source: ByteSource, start: number, size: number, name: string) {
    this.#source = source
    this.#start = start
    this.size = size
    this.name = name
  }

  read(offset: number, length: number): Uint8Array {
    checkRange(this, offset, length)
    return this.#source.read(this.#start + offset, length)
  }
}

/**
 * Where the files of an archive lie, by name.
 * @throws FormatError where it is damaged · TruncatedFileError where it ends before
 */
export function readTar(source: ByteSource): Map<string, {start: number; size: number}> {
  const members = new Map<string, {start: number; size: number}>()
  let longName: string | undefined
  let headers = 0
  for (let at = 0; at + BLOCK <= source.size; ) {
    const header = readHeader(source, at)
    if (!header) break
    headers++
    if (headers > HEADERS_MAX) throw new FormatError(placeOf(source, at), 'too many members')
    const {name, size, type} = header
    const start = at + BLOCK
    if (start + size > source.size) throw new TruncatedFileError(`${source.name}(${name})`, size, source.size)
    if (type === TYPE.pax) longName = size <= PAX_MAX ? pathOf(source.read(start, size)) : undefined
    if (type === TYPE.file) {
      members.set(longName ?? name, {start, size})
      longName = undefined
    }
    at = start + size + padding(size).length
  }
  return members
}

function placeOf(source: ByteSource, at: number): string {
  return `${source.name}+0x${at.toString(16)}`
}

/** undefined for the zeros that end an archive. */
function readHeader(source: ByteSource, at: number): {name: string; size: number; type: string} | undefined {
  const bytes = new Uint8Array(source.read(at, BLOCK))
  if (bytes.every(byte => byte === 0)) return undefined
  const text = (field: FieldName): string => {
    const {at: start, size} = FIELDS[field]
    const nul = bytes.indexOf(0, start)
    return new TextDecoder().decode(bytes.subarray(start, nul < 0 ? start + size : Math.min(nul, start + size)))
  }
  if (Number.parseInt(text('checksum'), 8) !== checksum(bytes)) {
    throw new FormatError(placeOf(source, at), 'a damaged header of a tar archive')
  }
  const size = bytes[FIELDS.size.at] === BASE_256 ? base256(bytes) : Number.parseInt(text('size'), 8)
  if (!Number.isSafeInteger(size) || size < 0) throw new FormatError(placeOf(source, at), 'no size of a member')
  const prefix = text('prefix')
  return {name: prefix === '' ? text('name') : `${prefix}/${text('name')}`, size, type: text('type') || TYPE.file}
}

function base256(bytes: Uint8Array): number {
  const {at, size} = FIELDS.size
  return bytes.subarray(at + 1, at + size).reduce((sum, byte) => sum * 256 + byte, 0)
}

/** The `path` among the records of a pax header, each of which begins with its length in bytes. */
function pathOf(bytes: Uint8Array): string | undefined {
  for (let at = 0; at < bytes.length; ) {
    const digits = new TextDecoder().decode(bytes.subarray(at, at + LENGTH_DIGITS))
    const length = Number.parseInt(digits, 10)
    if (!(length > 0)) return undefined
    const record = new TextDecoder().decode(bytes.subarray(at, at + length - 1))
    const [, key, value] = /^\d+ ([^=]*)=([\s\S]*)$/.exec(record) ?? []
    if (key === 'path') return value
    at += length
  }
  return undefined
}
