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
