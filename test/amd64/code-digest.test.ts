// The same function in several links: what it refers to is elsewhere, its code is the same.
import test from 'ava'
import {fingerprintOf} from '../../src/amd64/code-digest.ts'
import {toAddress} from '../../src/base/address.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'

/** mov slot(%rip),%rax; call f; mov $5,%esi; ret */
function linked(start: number, targets: {slot: number; call: number}, load = 0x8b, constant = 5, text?: string) {
  const code = new BytesBuilder()
  code.u8(0x48).u8(load).u8(0x05)
  code.u32((targets.slot - (start + 7) + 2 ** 32) % 2 ** 32)
  code.u8(0xe8).u32((targets.call - (start + 12) + 2 ** 32) % 2 ** 32)
  code.u8(0xbe).u32(constant).u8(0xc3)
  return fingerprintOf(code.build(), toAddress(start), {start: start - 0x1000, end: start + 0x100000}, at =>
    at === targets.slot ? text : undefined,
  )
}

test('where a linker has put it, and what it refers to, makes no difference', t => {
  const one = linked(0x401000, {slot: 0x4a0000, call: 0x400800})
  t.is(linked(0x55550000, {slot: 0x55553000, call: 0x5554f800}), one)
  t.is(linked(0x401000, {slot: 0x4a0000, call: 0x400800}, 0x8d), one, 'a slot that the linker has left out')
  t.not(linked(0x401000, {slot: 0x4a0000, call: 0x400800}, 0x8b, 6), one, 'another constant')
  t.regex(one, /^[0-9a-f]{8}$/)
})

test('a constant text counts by what it says, not by where it is', t => {
  const saying = (text: string, slot = 0x4a0000, load = 0x8d) => linked(0x401000, {slot, call: 0x400800}, load, 5, text)
  t.is(saying('queue is full'), saying('queue is full', 0x4b0000))
  t.not(saying('queue is full'), saying('no such table'))
  t.is(saying('queue is full', 0x4a0000, 0x8b), saying('no such table', 0x4a0000, 0x8b), 'what is loaded is no text')
})

test('a slot of which the linker has made its constant is the slot again', t => {
  const start = 0x401000
  const module = {start: 0x400000, end: 0x500000}
  const print = (bytes: readonly number[], value: number) => {
    const code = new BytesBuilder()
    for (const byte of bytes) code.u8(byte)
    return fingerprintOf(code.u32(value).u8(0xc3).build(), toAddress(start), module)
  }
  const constant = (rex: number, modRm: number, value = 0x4a0000) => print([rex, 0xc7, modRm], value)
  const slot = (rex: number, modRm: number) => print([rex, 0x8b, modRm], 0x4b0000 - (start + 7))
  t.is(constant(0x48, 0xc5), slot(0x48, 0x2d), 'mov $place,%rbp and mov slot(%rip),%rbp')
  t.is(constant(0x49, 0xc4), slot(0x4c, 0x25), 'mov $place,%r12 and mov slot(%rip),%r12')
  t.not(constant(0x48, 0xc5), slot(0x48, 0x25), 'another register')
  t.not(constant(0x48, 0xc5, 5), constant(0x48, 0xc5, 6), 'a number that is no place')
})

test('an address that is absolute counts as it is', t => {
  const at = (address: number) => {
    const code = new BytesBuilder().u8(0x8b).u8(0x04).u8(0x25).u32(address).u8(0x0f).u8(0x0b)
    return fingerprintOf(code.build(), toAddress(0x401000), {start: 0x400000, end: 0x500000})
  }
  t.not(at(0), at(0x2004), 'mov 0,%eax; ud2')
})
