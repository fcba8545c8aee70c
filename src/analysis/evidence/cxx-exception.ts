import {resultOfReadOnlyCall} from '../../amd64/read-only-call.ts'
import {type Address, addressOfWord, NULL_ADDRESS, offsetAddress, toAddress, type Word} from '../../base/address.ts'
import {type MemoryReader, readAddress, readCString, readString, readU32, readWord} from '../../base/memory-reader.ts'
import {demangleTypeName} from '../../demangle/demangler.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'

type Frame = UnwindFrame

/** An exception of C++ that was being thrown. */
export interface CxxException {
  /** `std::runtime_error`; mangled where the name cannot be read. */
  type: string
  /** Its text where the object holds it; undefined for types whose text only code makes. */
  what: string | undefined
  /** A text of which a class of the program may make another one in its own what(). */
  held?: string | undefined
}

/**
 * exception_class of struct _Unwind_Exception: `GNUCC++` of libstdc++ and `CLNGC++` of libc++abi. The last byte is 1
 * for a dependent exception, which std::rethrow_exception throws in the name of another: how far before it lies the
 * pointer to the other's object (libstdc++, unwind-cxx.h: __cxa_dependent_exception; libc++abi, cxa_exception.h).
 */
const CLASSES: ReadonlyMap<bigint, {object: number | undefined}> = new Map([
  [0x474e5543432b2b00n, {object: undefined}],
  [0x434c4e47432b2b00n, {object: undefined}],
  [0x474e5543432b2b01n, {object: 80}],
  [0x434c4e47432b2b01n, {object: 88}],
])
/**
 * struct __cxa_exception begins with the type; it ends in the _Unwind_Exception, and the object follows (Itanium C++
 * ABI, 2.2.1).
 */
const TYPE_BEFORE_UNWIND = 80
const UNWIND_SIZE = 32
/** nextException, before the _Unwind_Exception; that lies so far behind the start in libstdc++ and in libc++abi. */
const NEXT_BEFORE_UNWIND = 48
const HEADER_BEHIND_START = [80, 96] as const
/** Handlers within handlers. */
const CAUGHT_LIMIT = 64
const REGISTERS = 16
const STACK_WORDS = 512
const BASES = 16
const BASE_DEPTH = 8
const TEXT_LIMIT = 4096
/** No exception is larger, nor its vtable. */
const OBJECT_LIMIT = 65536

/** Searches the registers and frames of the functions that throw, where the address of the header must be. */
export function findException({memory}: DeadProcess, raising: readonly Frame[]): CxxException | undefined {
  for (const candidate of candidates(memory, raising)) {
    const header = findHeader(memory, candidate)
    if (header !== undefined) return readException(memory, primaryOf(memory, header) ?? header)
  }
  return undefined
}

function* candidates(memory: MemoryReader, raising: readonly Frame[]): Generator<Address> {
  for (const {registers, sp, cfa} of [...raising].reverse()) {
    for (let register = 0; register < REGISTERS; register++) {
      const value = registers.address(register)
      if (value !== undefined && value % 16 === 0) yield value
    }
    const end = Math.min(cfa ?? sp, sp + STACK_WORDS * 8)
    for (let at: number = sp; at + 8 <= end; at += 8) {
      const value = readAddress(memory, toAddress(at))
      if (value !== undefined && value > 4096 && value % 16 === 0) yield value
    }
  }
}

/**
 * The exceptions that a thread's handlers hold, innermost first, from the first of the chain on (struct
 * __cxa_eh_globals of the Itanium C++ ABI, 2.2.2): each begins with the same words, of which one leads to the next.
 */
export function readCaughtExceptions(memory: MemoryReader, first: Address): CxxException[] {
  const found: CxxException[] = []
  const seen = new Set<Address>()
  let at: Address | undefined = first
  while (at !== undefined && at > 4096 && !seen.has(at) && seen.size < CAUGHT_LIMIT) {
    seen.add(at)
    const header = HEADER_BEHIND_START.map(size => offsetAddress(at as Address, size)).find(
      place => place !== undefined && CLASSES.has(readWord(memory, place) ?? 0n),
    )
    if (header === undefined) break
    const exception = readException(memory, primaryOf(memory, header) ?? header)
    if (exception) found.push(exception)
    at = readAddress(memory, toAddress(header - NEXT_BEFORE_UNWIND))
  }
  return found
}

/** The _Unwind_Exception that is at the address, or right before it where it is the address of the thrown object. */
function findHeader(memory: MemoryReader, candidate: Address): Address | undefined {
  for (const at of [candidate, candidate - UNWIND_SIZE, candidate + TYPE_BEFORE_UNWIND, candidate + 96]) {
    const word = at > 4096 ? readWord(memory, toAddress(at)) : undefined
    if (word !== undefined && CLASSES.has(word)) return toAddress(at)
  }
  return undefined
}

function primaryOf(memory: MemoryReader, header: Address): Address | undefined {
  const before = CLASSES.get(readWord(memory, header) ?? 0n)?.object
  const object = before === undefined ? undefined : readAddress(memory, toAddress(header - before))
  return object === undefined || object < 4096 ? undefined : toAddress(object - UNWIND_SIZE)
}

function readException(memory: MemoryReader, header: Address): CxxException | undefined {
  const type = readAddress(memory, toAddress(header - TYPE_BEFORE_UNWIND))
  const name = type === undefined || type === NULL_ADDRESS ? undefined : typeName(memory, type)
  if (type === undefined || name === undefined) return undefined
  const object = toAddress(header + UNWIND_SIZE)
  const what = readWhat(memory, type, name, object)
  const text = what === undefined ? readHeldText(memory, type, name, object) : undefined
  const spelled = demangleTypeName(name) ?? name
  const isWhat = STANDARD_HOLDERS.test(spelled)
  return {type: spelled, what: isWhat ? (what ?? text) : what, held: isWhat ? undefined : text}
}

/** std::type_info: the vtable, then the name; one that begins with `*` is compared by address. */
function typeName(memory: MemoryReader, type: Address): string | undefined {
  const at = readAddress(memory, toAddress(type + 8))
  const name = at === undefined || at === NULL_ADDRESS ? undefined : readCString(memory, at, TEXT_LIMIT)
  return name === undefined || name === '' ? undefined : name.replace(/^\*/, '')
}

/** The types that can be thrown without a class, by their mangled name, and how their values are shown. */
const SCALARS: Readonly<Record<string, (view: DataView) => string>> = {
  b: view => String(view.getUint8(0) !== 0),
  c: view => JSON.stringify(String.fromCharCode(view.getUint8(0))),
  s: view => String(view.getInt16(0, true)),
  t: view => String(view.getUint16(0, true)),
  i: view => String(view.getInt32(0, true)),
  j: view => String(view.getUint32(0, true)),
  l: view => String(view.getBigInt64(0, true)),
  m: view => String(view.getBigUint64(0, true)),
  x: view => String(view.getBigInt64(0, true)),
  y: view => String(view.getBigUint64(0, true)),
  f: view => String(view.getFloat32(0, true)),
  d: view => String(view.getFloat64(0, true)),
}

function readWhat(memory: MemoryReader, type: Address, name: string, object: Address): string | undefined {
  if (name === 'PKc' || name === 'Pc') return readText(memory, readAddress(memory, object))
  const scalar = SCALARS[name]
  if (scalar) {
    const bytes = memory.read(object, 8)
    return bytes && scalar(new DataView(bytes.buffer, bytes.byteOffset, bytes.length))
  }
  if (/^NSt(7__cxx11|3__1)12basic_stringIcSt11char_traitsIcESaIcEEE$/.test(name)) return readStdString(memory, object)
  const exception = findBase(memory, type, name, object, /^St9exception$/, BASE_DEPTH)
  return exception === undefined ? undefined : callWhat(memory, exception)
}

function readHeldText(memory: MemoryReader, type: Address, name: string, object: Address): string | undefined {
  const holder = findBase(memory, type, name, object, TEXT_HOLDERS, BASE_DEPTH)
  return holder === undefined ? undefined : readText(memory, readAddress(memory, toAddress(holder + 8)))
}

function readText(memory: MemoryReader, at: Address | undefined): string | undefined {
  return at === undefined || at < 4096 ? undefined : readCString(memory, at, TEXT_LIMIT)
}

/** Two destructors come before what() in the table of std::exception (Itanium C++ ABI, 2.5.2). */
const WHAT_SLOT = 16

/** What the object's own what() returns, where its code is no more than a way to a text. */
function callWhat(memory: MemoryReader, exception: Address): string | undefined {
  const table = readAddress(memory, exception)
  const code = table === undefined || table < 4096 ? undefined : readWord(memory, toAddress(table + WHAT_SLOT))
  const text = code === undefined ? undefined : resultOfReadOnlyCall(memory, code, {argument: BigInt(exception)})
  return text === undefined ? undefined : readText(memory, addressOfWord(text))
}

/** std::string of libstdc++: pointer, length. */
function readStdString(memory: MemoryReader, object: Address): string | undefined {
  const text = readAddress(memory, object)
  const length = readAddress(memory, toAddress(object + 8))
  if (text === undefined || length === undefined) return undefined
  return readString(memory, text, length, TEXT_LIMIT)
}

/**
 * std::runtime_error and std::logic_error keep a pointer to their text behind the vtable, in libstdc++ and in libc++.
 */
const TEXT_HOLDERS = /^(St|NSt3__1|St3__1)1(3runtime|1logic)_errorE?$/
/** Those and the classes made of them in `<stdexcept>` and `<system_error>`: their what() is that text. */
const STANDARD_HOLDERS =
  /^std::(?:__\w+::)?(?:(?:runtime|logic|range|length|domain|overflow|underflow|system)_error|out_of_range|invalid_argument)$/

/**
 * The part of the object that is of a wanted type, by the bases that the type information names (Itanium C++ ABI,
 * 2.9.5).
 */
function findBase(
  memory: MemoryReader,
  type: Address,
  name: string,
  object: Address,
  wanted: RegExp,
  depth: number,
): Address | undefined {
  if (wanted.test(name)) return object
  if (depth === 0) return undefined
  for (const {base, offset} of basesOf(memory, type, object)) {
    const baseName = typeName(memory, base)
    if (baseName === undefined) continue
    const found = findBase(memory, base, baseName, toAddress(object + offset), wanted, depth - 1)
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * __si_class_type_info has one base at 16; __vmi_class_type_info has flags, a count and pairs of base and offset << 8 |
 * flags. Which of them a type is only its vtable says; the second one's first word holds two small numbers where the
 * first one's is a pointer.
 */
function basesOf(memory: MemoryReader, type: Address, object: Address): {base: Address; offset: number}[] {
  const flags = readU32(memory, toAddress(type + 16))
  const count = readU32(memory, toAddress(type + 20))
  if (flags === undefined || count === undefined) return []
  if (flags < 16 && count >= 1 && count <= BASES) return listedBases(memory, type, object, count)
  const base = readAddress(memory, toAddress(type + 16))
  return base !== undefined && base > 4096 && typeName(memory, base) !== undefined ? [{base, offset: 0}] : []
}

function listedBases(
  memory: MemoryReader,
  type: Address,
  object: Address,
  count: number,
): {base: Address; offset: number}[] {
  const bases: {base: Address; offset: number}[] = []
  for (let index = 0; index < count; index++) {
    const base = readAddress(memory, toAddress(type + 24 + index * 16))
    const word = readWord(memory, toAddress(type + 32 + index * 16))
    const offset = word === undefined ? undefined : baseOffset(memory, object, word)
    if (base === undefined || offset === undefined) continue
    if (typeName(memory, base) !== undefined) bases.push({base, offset})
  }
  return bases
}

/**
 * __offset_flags: the offset above eight bits of flags; of a virtual base (bit 0) that of its place in the object's
 * vtable.
 */
function baseOffset(memory: MemoryReader, object: Address, word: Word): number | undefined {
  const offset = Number(BigInt.asIntN(56, word / 256n))
  if (Math.abs(offset) > OBJECT_LIMIT) return undefined
  if (word % 2n === 0n) return offset
  const table = readAddress(memory, object)
  const virtual = table === undefined || table < OBJECT_LIMIT ? undefined : readWord(memory, toAddress(table + offset))
  const found = virtual === undefined ? undefined : Number(BigInt.asIntN(64, virtual))
  return found === undefined || found < 0 || found > OBJECT_LIMIT ? undefined : found
}
