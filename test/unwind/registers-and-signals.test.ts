import test from 'ava'
import {isPrecededByCall} from '../../src/amd64/call-encoding.ts'
import {RegisterSet, RegisterSetBuilder} from '../../src/amd64/register-set.ts'
import {isSignalRestorer, readSignalFrame} from '../../src/amd64/signal-context.ts'
import {USER_REGS} from '../../src/amd64/user-regs.ts'
import {NOWHERE, toAddress} from '../../src/base/address.ts'
import {makeRow} from '../../src/dwarf/unwind-row.ts'
import {applyRow} from '../../src/unwind/apply-row.ts'
import {findLeftFrame, findSignalFrames} from '../../src/unwind/signal-frame.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {at, FakeProcess} from './process.ts'

test('user_regs_struct is put into DWARF order, -1 and other wide words exactly', t => {
  const userRegs = BigUint64Array.from({length: 27}, (_, index) => BigInt(index + 1))
  userRegs[10] = 0xffffffffffffffffn
  const registers = RegisterSet.ofUserRegs(userRegs)
  // r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp
  t.is(registers.word(0), 0xffffffffffffffffn)
  t.is(registers.address(0), undefined)
  t.is(registers.word(15), 1n)
  t.is(registers.bp, toAddress(5))
  t.is(registers.word(3), 6n)
  t.is(registers.word(2), 12n)
  t.is(registers.word(1), 13n)
  t.is(registers.word(4), 14n)
  t.is(registers.word(5), 15n)
  t.is(registers.pc, toAddress(17))
  t.is(registers.sp, toAddress(20))
})

test('a register that is not known stays so', t => {
  const registers = at(0x1000, 0x2000)
  t.false(registers.isKnown(0))
  t.is(registers.word(6), undefined)
  t.is(new RegisterSetBuilder().copy(3, registers, 6).build().word(3), undefined)
})

test('rows: callee-saved registers survive, rsp is the CFA, rules read memory', t => {
  const memory = new FakeProcess().words(0x2000, 0xffffffffffffffffn, 0x1234)
  const registers = new RegisterSetBuilder().setAddress(7, 0x2000).setAddress(12, 0xc).setAddress(0, 0xa).build()
  const row = makeRow(
    {kind: 'register', register: 7, offset: 16},
    {3: {kind: 'at-cfa', offset: -16}, 6: {kind: 'cfa', offset: 8}, 16: {kind: 'at-cfa', offset: -8}},
  )
  const applied = applyRow(row, registers, memory)
  t.is(applied?.cfa, toAddress(0x2010))
  t.is(applied?.caller.sp, toAddress(0x2010))
  t.is(applied?.caller.pc, toAddress(0x1234))
  t.is(applied?.caller.word(3), 0xffffffffffffffffn)
  t.is(applied?.caller.word(6), 0x2018n)
  t.is(applied?.caller.word(12), 0xcn)
  t.is(applied?.caller.word(0), undefined)
})

test('a register without a rule keeps its value: the ABI promises rbx, of rax it is supposed', t => {
  const memory = new FakeProcess().words(0x2000, 0x1234)
  const registers = new RegisterSetBuilder()
    .setAddress(7, 0x2000)
    .setAddress(3, 0xb)
    .setWord(0, 2n ** 64n - 1n)
    .build()
  const row = makeRow({kind: 'register', register: 7, offset: 8}, {16: {kind: 'at-cfa', offset: -8}})
  const caller = applyRow(row, registers, memory)?.caller
  t.is(caller?.word(3), 0xbn)
  t.true(caller?.isKnown(3))
  t.false(caller?.isKnown(0))
  t.is(caller?.word(0), undefined)
  t.is(caller?.supposedWord(0), 2n ** 64n - 1n)
  t.is(caller?.supposedAddress(1), undefined)
})

test('what is supposed stays so in copies, by a rule of "same value" and through another frame; a slot in memory ends it', t => {
  const memory = new FakeProcess().words(0x2000, 0x1234, 0x5678, 0x99)
  const registers = new RegisterSetBuilder().setAddress(7, 0x2000).setAddress(0, 0xa).setAddress(2, 0xc).build()
  const first = applyRow(makeRow({kind: 'register', register: 7, offset: 8}, {}), registers, memory)?.caller
  const row = makeRow(
    {kind: 'register', register: 7, offset: 16},
    {0: {kind: 'same'}, 2: {kind: 'at-cfa', offset: -8}, 12: {kind: 'register', register: 0, offset: 0}},
  )
  const second = first && applyRow(row, first, memory)?.caller
  t.true(second?.isSupposed(0))
  t.is(second?.word(2), 0x99n)
  t.true(second?.isSupposed(12))
  t.is(second?.supposedWord(12), 0xan)
})

test('a CFA by a register that is not known cannot be computed', t => {
  const row = makeRow({kind: 'register', register: 6, offset: 16}, {16: {kind: 'at-cfa', offset: -8}})
  t.is(applyRow(row, at(0x1000, 0x2000), new FakeProcess()), undefined)
})

test('every form of a call is known by its last bytes', t => {
  const calls = ['e8 00 00 00 00', 'ff d0', '41 ff d3', 'ff 10', 'ff 14 24', 'ff 50 08', 'ff 54 24 10']
  calls.push('ff 15 11 22 33 44', 'ff 90 11 22 33 44', 'ff 94 c8 11 22 33 44', 'ff 14 c5 11 22 33 44', '3e ff d0')
  for (const hex of calls) {
    const bytes = new BytesBuilder().fill(16, 0x90).hex(hex).build()
    t.true(isPrecededByCall(new FakeProcess().bytes(0x1000, bytes), toAddress(0x1000 + bytes.length)), hex)
  }
  for (const hex of ['ff e0', 'ff 25 00 00 00 00', 'ff 35 00 00 00 00', '90 90', 'ff 50', 'c3']) {
    const bytes = new BytesBuilder().fill(16, 0x90).hex(hex).build()
    t.false(isPrecededByCall(new FakeProcess().bytes(0x1000, bytes), toAddress(0x1000 + bytes.length)), hex)
  }
  t.is(isPrecededByCall(new FakeProcess(), toAddress(0x1000)), 'unknown')
})

/** Slots of the ucontext by DWARF number. */
const REGISTER_SLOTS = [144, 136, 152, 128, 112, 104, 120, 160, 40, 48, 56, 64, 72, 80, 88, 96, 168]

interface Interruption {
  pc: number
  sp: number
  signal: number
  address?: number
}

function ucontext({pc, sp, signal, address = 0}: Interruption): Uint8Array {
  const bytes = new BytesBuilder().u64(7, 0, 0xc000008000, 0, 0x8000).padTo(160).u64(sp, pc, 0x10246)
  return bytes.u64(0x2b000000000033n).padTo(0x130).u32(signal, 0, 1, 0).u64(address).padTo(0x1b0).build()
}

test('nested signal frames are found on a signal stack, the outermost first', t => {
  const stack = new BytesBuilder().fill(0x400, 0x33)
  stack.bytes(ucontext({pc: 0x46000, sp: 0x1800, signal: 6})).fill(0x150, 0xff)
  const outer = stack.size
  stack.bytes(ucontext({pc: 0x49dbf6, sp: 0x7ffd0000, signal: 11, address: 0x10})).zeros(0x20)
  const memory = new FakeProcess().bytes(0x10000, stack.build())
  const frames = findSignalFrames(memory, {start: toAddress(0x10000), end: toAddress(0x10000 + stack.size)})
  t.is(frames.length, 2)
  t.like(frames[0], {ucontext: 0x10000 + outer, pc: 0x49dbf6, sp: 0x7ffd0000, signal: 11, code: 1, faultAddress: 0x10n})
  t.like(frames[1], {pc: 0x46000, signal: 6})
  t.deepEqual(frames[0]?.altStack, {start: 0xc000008000n, size: 0x8000n})
})

test('a signal frame may have interrupted a jump to what is no address, on a stack that is none', t => {
  const wild = ucontext({pc: 0, sp: 0, signal: 11})
  new DataView(wild.buffer).setBigUint64(168, 2n ** 64n - 1n, true)
  new DataView(wild.buffer).setBigUint64(160, 0x4141414141414141n, true)
  const memory = new FakeProcess().bytes(0x10000, wild)
  t.like(readSignalFrame(memory, toAddress(0x10000)), {pc: NOWHERE, sp: NOWHERE, signal: 11})
})

test('a handler without SA_SIGINFO has no siginfo', t => {
  const memory = new FakeProcess().bytes(0x10000, ucontext({pc: 1, sp: 2, signal: 0x12345}))
  t.is(readSignalFrame(memory, toAddress(0x10000))?.signal, 0)
  t.is(readSignalFrame(new FakeProcess().bytes(0x10000, new Uint8Array(0x200)), toAddress(0x10000)), undefined)
})

test('the frame of a handler that has returned is known by all registers of the thread', t => {
  const words: (number | bigint)[] = new Array(27).fill(0).map((_, index) => 0x5000 + index)
  const [sp, pc] = [0x13000, 0x49dbf6]
  words[USER_REGS.rsp] = sp
  words[USER_REGS.rip] = pc
  words[USER_REGS.rbx] = 0xffffffffffffffffn
  const registers = RegisterSet.ofUserRegs(BigUint64Array.from(words, word => BigInt(word)))
  const frame = (changed?: number) => {
    const bytes = new DataView(ucontext({pc, sp, signal: 11, address: 0x10}).buffer.slice(0))
    REGISTER_SLOTS.forEach((slot, register) => {
      bytes.setBigUint64(slot, (registers.word(register) ?? 0n) + (register === changed ? 1n : 0n), true)
    })
    return new Uint8Array(bytes.buffer)
  }
  const stackWith = (start: number, size: number, at: number, bytes: Uint8Array) => {
    const stack = new Uint8Array(size)
    stack.set(bytes, at - start)
    return new FakeProcess().bytes(start, stack)
  }
  const onStack = stackWith(sp - 0x8000, 0x9000, sp - 0x800, frame())
  t.like(findLeftFrame(onStack, registers, undefined), {signal: 11, code: 1, faultAddress: 0x10n, pc})
  const other = stackWith(sp - 0x8000, 0x9000, sp - 0x800, frame(3))
  t.is(findLeftFrame(other, registers, undefined), undefined)
  const signalStack = {lo: toAddress(0x20000), hi: toAddress(0x28000)}
  const aside = stackWith(0x20000, 0x8000, 0x27000, frame())
  t.is(findLeftFrame(aside, registers, undefined), undefined)
  t.is(findLeftFrame(aside, registers, signalStack)?.ucontext, toAddress(0x27000))
})

test('a restorer is known by its bytes, before its system call and at it', t => {
  const glibc = new FakeProcess().code(0x5000, '48 c7 c0 0f 00 00 00 0f 05')
  t.true(isSignalRestorer(glibc, toAddress(0x5000)))
  t.true(isSignalRestorer(glibc, toAddress(0x5007)))
  t.false(isSignalRestorer(glibc, toAddress(0x5001)))
  const musl = new FakeProcess().code(0x5000, 'b8 0f 00 00 00 0f 05')
  t.true(isSignalRestorer(musl, toAddress(0x5000)))
})
