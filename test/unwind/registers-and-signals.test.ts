import test from 'ava'
import {RegisterSet, RegisterSetBuilder} from '../../src/amd64/register-set.ts'
import {REGISTER_SLOTS} from '../../src/amd64/signal-context.ts'
import {USER_REGS} from '../../src/amd64/user-regs.ts'
import {toAddress} from '../../src/base/address.ts'
import {makeRow} from '../../src/dwarf/unwind-row.ts'
import {applyRow} from '../../src/unwind/apply-row.ts'
import {applySignalFrame, findLeftFrame, findSignalFrames, isPlaceOverwritten} from '../../src/unwind/signal-frame.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {ucontext} from '../support/signal-frame-builder.ts'
import {at, FakeProcess} from './process.ts'

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

const isCode = (address: number) => address >= 0x400000 && address < 0x500000

/** A frame at 0x10000 whose first words a traceback hook without SigContext took for its buffer. */
function overwrittenFrame(count: number) {
  const overwritten = [...Array.from({length: count}, (_, index) => 0x401000 + index), 0]
  const frame = ucontext({pc: 0x49dbf6, sp: 0x7ffd0000, signal: 11, address: 0x10, at: 0x10000, overwritten})
  return new FakeProcess().bytes(0xfff0, new BytesBuilder().u64(0, 0x401fff).bytes(frame).build())
}

const isRestorer = (address: number) => address === 0x401fff

test('a signal frame over whose start return addresses were written is known by the rest of it', t => {
  const range = {start: toAddress(0xfff0), end: toAddress(0x101b0)}
  for (const count of [1, 2, 9, 19]) {
    const memory = overwrittenFrame(count)
    t.like(findSignalFrames(memory, range)[0], {pc: 0x49dbf6, sp: 0x7ffd0000, signal: 11, isHeadIntact: false})
  }
  t.is(findSignalFrames(overwrittenFrame(30), range).length, 0)
  t.like(findSignalFrames(overwrittenFrame(30), {...range, isRestorer})[0], {signal: 11, code: 1, faultAddress: 0x10n})
  const elsewhere = ucontext({pc: 0x49dbf6, sp: 0x7ffd0000, signal: 11, at: 0x9000, overwritten: [0x401000]})
  t.is(
    findSignalFrames(new FakeProcess().bytes(0x10000, elsewhere), {...range, start: toAddress(0x10000)}).length,
    0,
    'its state is not behind it',
  )
})

test('what was written over in a signal frame is no register', t => {
  const applied = (count: number) => applySignalFrame(at(0x401fff, 0x10000), overwrittenFrame(count), isCode)?.caller
  t.deepEqual(
    [2, 8, 20, 21].map(count => [8, 12, 7, 16].map(register => applied(count)?.isKnown(register))),
    [
      [true, true, true, true],
      [false, true, true, true],
      [false, false, false, true],
      [false, false, false, false],
    ],
  )
  t.is(applied(2)?.pc, toAddress(0x49dbf6))
  const place = (count: number) => {
    const memory = overwrittenFrame(count)
    const [frame] = findSignalFrames(memory, {start: toAddress(0xfff0), end: toAddress(0x101b0), isRestorer})
    return frame && isPlaceOverwritten(memory, frame, isCode)
  }
  t.deepEqual([2, 19, 20, 30].map(place), [false, false, true, true])
})

test('where no signal frame is any more, only what leads to code is believed', t => {
  const junk = (pc: number) => new FakeProcess().bytes(0x10000, new Uint8Array(0x200).fill(0xee)).words(0x100a8, pc)
  t.is(applySignalFrame(at(0x401fff, 0x10000), junk(0xeeee), isCode), undefined)
  t.is(applySignalFrame(at(0x401fff, 0x10000), junk(0x402000), isCode)?.caller.pc, toAddress(0x402000))
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
