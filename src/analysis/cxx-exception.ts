import {type Address, NULL_ADDRESS, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress, readCString, readString, readU32, readWord} from '../base/memory-reader.ts'
import type {GoFunction} from '../gosym/go-function.ts'
import {Demangler} from '../symbolize/demangle.ts'
import type {UnwindFrame} from '../unwind/unwind-frame.ts'
import type {DeadProcess} from './dead-process.ts'

type Frame = UnwindFrame<GoFunction>

/** An exception of C++ that was being thrown. */
export interface CxxException {
  /** `std::runtime_error`; mangled where the name cannot be read. */
  type: string
  /** Its text where the object holds it; undefined for types whose text only code makes. */
  what: string | undefined
}

/**
 * exception_class of struct _Unwind_Exception: `GNUCC++` of libstdc++ and `CLNGC++` of libc++abi. The last byte is 1 for a dependent
 * exception, which std::rethrow_exception throws in the name of another: how far before it lies the pointer to the other's object
 * (libstdc++, unwind-cxx.h: __cxa_dependent_exception; libc++abi, cxa_exception.h).
 */
const CLASSES: ReadonlyMap<bigint, {object: number | undefined}> = new Map([
  [0x474e5543432b2b00n, {object: undefined}],
  [0x434c4e47432b2b00n, {object: undefined}],
  [0x474e5543432b2b01n, {object: 80}],
  [0x434c4e47432b2b01n, {object: 88}],
])
/** struct __cxa_exception begins with the type; it ends in the _Unwind_Exception, and the object follows (Itanium C++ ABI, 2.2.1). */
const TYPE_BEFORE_UNWIND = 80
const UNWIND_SIZE = 32
const REGISTERS = 16
const STACK_WORDS = 512
const BASES = 16
const BASE_DEPTH = 8
const TEXT_LIMIT = 4096

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
  return {type: demangleType(name), what: readWhat(memory, type, name, toAddress(header + UNWIND_SIZE))}
}

/** std::type_info: the vtable, then the name; one that begins with `*` is compared by address. */
function typeName(memory: MemoryReader, type: Address): string | undefined {
  const at = readAddress(memory, toAddress(type + 8))
  const name = at === undefined || at === NULL_ADDRESS ? undefined : readCString(memory, at, TEXT_LIMIT)
  return name === undefined || name === '' ? undefined : name.replace(/^\*/, '')
}

/** A bare type is no symbol; as that of the name of a type it can be read. */
function demangleType(name: string): string {
  const text = new Demangler().demangle(`_ZTS${name}`)
  return text?.replace(/^typeinfo name for /, '') ?? name
}

function readWhat(memory: MemoryReader, type: Address, name: string, object: Address): string | undefined {
  if (name === 'PKc' || name === 'Pc') {
    const text = readAddress(memory, object)
    return text === undefined ? undefined : readCString(memory, text, TEXT_LIMIT)
  }
  if (name === 'i' || name === 'j') {
    const value = readU32(memory, object)
    return value === undefined ? undefined : String(name === 'i' && value >= 0x80000000 ? value - 0x100000000 : value)
  }
  if (/^NSt(7__cxx11|3__1)12basic_stringIcSt11char_traitsIcESaIcEEE$/.test(name)) return readStdString(memory, object)
  const holder = findTextHolder(memory, type, name, object, BASE_DEPTH)
  const text = holder === undefined ? undefined : readAddress(memory, toAddress(holder + 8))
  return text === undefined || text === NULL_ADDRESS ? undefined : readCString(memory, text, TEXT_LIMIT)
}

/** std::string of libstdc++: pointer, length. */
function readStdString(memory: MemoryReader, object: Address): string | undefined {
  const text = readAddress(memory, object)
  const length = readAddress(memory, toAddress(object + 8))
  if (text === undefined || length === undefined) return undefined
  return readString(memory, text, length, TEXT_LIMIT)
}

/** std::runtime_error and std::logic_error keep a pointer to their text behind the vtable, in libstdc++ and in libc++. */
const TEXT_HOLDERS = /^(St|NSt3__1|St3__1)1(3runtime|1logic)_errorE?$/

/** The part of the object that is such an error, by the bases that the type information names (Itanium C++ ABI, 2.9.5). */
function findTextHolder(
  memory: MemoryReader,
  type: Address,
  name: string,
  object: Address,
  depth: number,
): Address | undefined {
  if (TEXT_HOLDERS.test(name)) return object
  if (depth === 0) return undefined
  for (const {base, offset} of basesOf(memory, type)) {
    const baseName = typeName(memory, base)
    if (baseName === undefined) continue
    const found = findTextHolder(memory, base, baseName, toAddress(object + offset), depth - 1)
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * __si_class_type_info has one base at 16; __vmi_class_type_info has flags, a count and pairs of base and offset << 8 | flags. Which
 * of them a type is only its vtable says; the second one's first word holds two small numbers where the first one's is a pointer.
 */
function basesOf(memory: MemoryReader, type: Address): {base: Address; offset: number}[] {
  const flags = readU32(memory, toAddress(type + 16))
  const count = readU32(memory, toAddress(type + 20))
  if (flags === undefined || count === undefined) return []
  if (flags < 16 && count >= 1 && count <= BASES) {
    const bases: {base: Address; offset: number}[] = []
    for (let index = 0; index < count; index++) {
      const base = readAddress(memory, toAddress(type + 24 + index * 16))
      const word = readWord(memory, toAddress(type + 32 + index * 16))
      // A virtual base's place is in the vtable; offsets of others are not negative.
      if (base === undefined || word === undefined || word % 2n === 1n || word >= 0x100000000n) continue
      if (typeName(memory, base) !== undefined) bases.push({base, offset: Number(word / 256n)})
    }
    return bases
  }
  const base = readAddress(memory, toAddress(type + 16))
  return base !== undefined && base > 4096 && typeName(memory, base) !== undefined ? [{base, offset: 0}] : []
}
