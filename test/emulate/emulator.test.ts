import test from 'ava'
import {CallEnd} from '../../src/emulate/call-end.ts'
import {CODE, CONSTANTS, DATA, emulate, outcomeOf} from '../support/emulated-code.ts'

/** mov rax, imm64 */
function loadRax(value: number | bigint): number[] {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true)
  return [0x48, 0xb8, ...bytes]
}

test('a function gets its arguments in registers and returns rax', t => {
  // lea rax, [rdi+rsi*4]; ret
  t.is(outcomeOf(emulate([0x48, 0x8d, 0x04, 0xb7, 0xc3]), 100n, 5n), 120n)
})

test('registers are as before after a call', t => {
  // mov ebx, 7; mov eax, 1; ret
  const emulator = emulate([0xbb, 7, 0, 0, 0, 0xb8, 1, 0, 0, 0, 0xc3])
  const before = emulator.cpu.general.slice()
  t.is(emulator.call(CODE), 1n)
  t.deepEqual(emulator.cpu.general, before)
})

test('writes are seen by the call alone, and stay for the next one', t => {
  const data = new Uint8Array(4096)
  // mov [rdi], esi; mov eax, [rdi]; ret
  const emulator = emulate([0x89, 0x37, 0x8b, 0x07, 0xc3], {data})
  t.is(emulator.call(CODE, BigInt(DATA), 42n), 42n)
  t.is(emulator.memory.u32(DATA), 42)
  t.is(data[0], 0)
})

for (const [what, code, reason] of [
  ['an endless loop', [0xeb, 0xfe], 'instruction-limit'],
  ['endless recursion', [0xe8, 0xfb, 0xff, 0xff, 0xff], 'depth-limit'],
  ['pushes without end', [0x50, 0xeb, 0xfd], 'unmapped'],
  ['a wild jump', [...loadRax(0x1234567890), 0xff, 0xe0], 'unmapped'],
  ['a jump to what is no address', [...loadRax(-1n), 0xff, 0xe0], 'unmapped'],
  ['a jump to data', [...loadRax(DATA), 0xff, 0xe0], 'protected'],
  ['a read of nothing', [0x8b, 0x04, 0x25, 0, 0, 0, 0], 'unmapped'],
  ['a read above all addresses', [0x48, 0x8b, 0x04, 0x25, 0xf8, 0xff, 0xff, 0xff], 'unmapped'],
  ['a write to constants', [...loadRax(CONSTANTS), 0xc6, 0x00, 1], 'protected'],
  ['a write to its own code', [...loadRax(CODE), 0xc6, 0x00, 0x90], 'protected'],
  ['a write over the end of a page that may be written to', [...loadRax(DATA + 4094), 0x89, 0x08], 'unmapped'],
  ['a division by zero', [0x31, 0xc9, 0xf7, 0xf1], 'fault'],
  ['a breakpoint', [0xcc], 'fault'],
  ['what is no instruction', [0x06], 'instruction'],
  ['a privileged instruction', [0x0f, 0x30], 'instruction'],
  ['the clock', [0x0f, 0x31], 'instruction'],
  ['a fill without end', [...loadRax(0), 0x48, 0xc7, 0xc1, 0xff, 0xff, 0xff, 0x7f, 0xf3, 0xaa], 'unmapped'],
] as const) {
  test(`${what} ends the call: ${reason}`, t => t.is(outcomeOf(emulate(code), BigInt(DATA)), reason))
}

test('what ended a call is named', t => {
  // rdtsc
  const error = t.throws(() => emulate([0x90, 0x0f, 0x31]).call(CODE), {instanceOf: CallEnd})
  t.is(error?.message, 'rdtsc at 0x20000001')
})

test('new memory is not code', t => {
  const emulator = emulate([])
  const place = emulator.memory.map(4096)
  t.throws(() => emulator.call(place), {instanceOf: CallEnd})
})

test('code that writes over itself runs what it wrote', t => {
  // loop: mov al, 1 (20000000); mov byte ptr [rip-7] (20000001), 7; dec edi; jnz loop; ret
  const code = [0xb0, 1, 0xc6, 0x05, 0xf8, 0xff, 0xff, 0xff, 7, 0xff, 0xcf, 0x75, 0xf3, 0xc3]
  t.is(outcomeOf(emulate(code, {isOpen: true}), 1n), 1n)
  t.is(outcomeOf(emulate(code, {isOpen: true}), 2n), 7n)
})

test('memory is bounded by what is written to', t => {
  // rep stosb; ret
  const emulator = emulate([0xf3, 0xaa, 0xc3], {limits: {memory: 16 * 4096}})
  const place = emulator.memory.map(16 * 4096)
  emulator.cpu.general[1] = 16n * 4096n
  t.is(outcomeOf(emulator, BigInt(place)), 'memory-limit')
  t.throws(() => emulator.memory.map(2 ** 40), {instanceOf: CallEnd})
})

test('time is bounded', t => {
  const emulator = emulate([0xeb, 0xfe], {limits: {instructions: 1e12, time: 50}})
  t.is(outcomeOf(emulator), 'time-limit')
})

test('a function that the world answers is not run', t => {
  // call +0xb (0x20000010); add eax, 1; ret
  const code = [0xe8, 0x0b, 0, 0, 0, 0x83, 0xc0, 1, 0xc3]
  const functionAt = (address: number) =>
    address === CODE + 16 ? (called: {answer(value: number): void}) => called.answer(41) : undefined
  t.is(outcomeOf(emulate(code, {world: {functionAt}})), 42n)
})

test('system calls do not leave the emulator', t => {
  // mov eax, 39; syscall; ret
  t.is(outcomeOf(emulate([0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3])), BigInt.asUintN(64, -38n))
})
