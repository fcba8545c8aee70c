// The exception that is being thrown, from what the functions that throw have in registers and frames.
import test from 'ava'
import {RegisterSet} from '../../../src/amd64/register-set.ts'
import {findException} from '../../../src/analysis/evidence/cxx-exception.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {toAddress} from '../../../src/base/address.ts'
import type {UnwindFrame} from '../../../src/unwind/unwind-frame.ts'
import {BytesBuilder} from '../../support/bytes-builder.ts'
import {memoryOf} from '../../support/memory-of.ts'

const HEAP = 0x7f0000000000
const STACK = 0x7ffc00000000
const LIBSTDCXX = 0x474e5543432b2b00n
const LIBCXX = 0x434c4e47432b2b00n

interface Thrown {
  /** Mangled, as std::type_info has it. */
  type: string
  /** The object, behind its header. */
  object: (heap: BytesBuilder) => void
  class?: bigint
  /** What type information has behind the name: bases. */
  bases?: (heap: BytesBuilder) => void
  /** What a frame holds: the header, the object, or nothing. */
  held?: 'header' | 'object' | 'nothing'
}

/** __cxa_exception of 80 bytes that begins with the type, _Unwind_Exception of 32, the object (Itanium C++ ABI). */
function thrown({type, object, class: word = LIBSTDCXX, bases, held = 'header'}: Thrown) {
  const heap = new BytesBuilder(HEAP)
  heap.label('type').u64(0, 'name')
  bases?.(heap)
  heap.label('name').cstring(type).align(16)
  heap.u64('type').zeros(72).label('header').u64(word, 0, 0, 0).label('object')
  object(heap)
  heap.align(16).zeros(64)
  const stack = new BytesBuilder(STACK).zeros(0x40)
  stack.u64(held === 'nothing' ? 0 : heap.addressOf(held)).padTo(0x100)
  const registers = RegisterSet.ofPosition(toAddress(0x1000), toAddress(STACK))
  const frame = {registers, sp: toAddress(STACK), cfa: toAddress(STACK + 0x100)} as UnwindFrame
  return findException({memory: memoryOf(heap, stack)} as unknown as DeadProcess, [frame])
}

const SCALARS: readonly (readonly [mangled: string, type: string, bytes: string, what: string])[] = [
  ['i', 'int', 'f9 ff ff ff', '-7'],
  ['j', 'unsigned int', 'f9 ff ff ff', '4294967289'],
  ['b', 'bool', '01', 'true'],
  ['c', 'char', '41', '"A"'],
  ['s', 'short', 'fe ff', '-2'],
  ['l', 'long', 'ff ff ff ff ff ff ff ff', '-1'],
  ['m', 'unsigned long', 'ff ff ff ff ff ff ff ff', '18446744073709551615'],
  ['d', 'double', '00 00 00 00 00 00 f8 3f', '1.5'],
]

for (const [mangled, type, bytes, what] of SCALARS) {
  test(`throw of ${type}: its value is the text`, t => {
    t.deepEqual(thrown({type: mangled, object: heap => heap.hex(bytes)}), {type, what, held: undefined})
  })
}

test('the type of libc++ and of libstdc++ is found by the address of the header and by that of the object', t => {
  for (const word of [LIBSTDCXX, LIBCXX]) {
    for (const held of ['header', 'object'] as const) {
      t.is(thrown({type: 'i', object: heap => heap.u32(5), class: word, held})?.what, '5', `${word} ${held}`)
    }
  }
})

test('a string literal and a std::string are their text', t => {
  const literal = thrown({type: 'PKc', object: heap => heap.u64('text').label('text').cstring('no such table')})
  t.is(literal?.what, 'no such table')
  const string = thrown({
    type: 'NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE',
    object: heap => heap.u64('text', 4).label('text').cstring('fullness'),
  })
  t.is(string?.what, 'full')
})

test('the text of a standard error stands behind its vtable', t => {
  const found = thrown({
    type: 'St13runtime_error',
    object: heap => heap.u64(0, 'text').label('text').cstring('disk full'),
  })
  t.deepEqual(found, {type: 'std::runtime_error', what: 'disk full', held: undefined})
})

test('of a class of the program that text is held, for its what() may say another', t => {
  const found = thrown({
    type: '7MyError',
    bases: heap =>
      heap.u64('base').label('base').u64(0, 'baseName').label('baseName').cstring('St13runtime_error').align(8),
    object: heap => heap.u64(0, 'text').label('text').cstring('disk full'),
  })
  t.deepEqual(found, {type: 'MyError', what: undefined, held: 'disk full'})
})

test('nothing that leads to a header, or a header of another language: no exception', t => {
  t.is(thrown({type: 'i', object: heap => heap.u32(5), held: 'nothing'}), undefined)
  t.is(thrown({type: 'i', object: heap => heap.u32(5), class: 0x4d4f5a0052555354n}), undefined)
})

test('a type without a name is none', t => {
  t.is(thrown({type: '', object: heap => heap.u32(5)}), undefined)
})
