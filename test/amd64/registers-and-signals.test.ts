import test from 'ava'
import {
  countCallsLikeLast,
  findBreakpoint,
  isPrecededByCall,
  slotOfJump,
  sourceOfStackPointer,
} from '../../src/amd64/call-encoding.ts'
import {isKernelAddress, isNonCanonical, isUserAddress} from '../../src/amd64/canonical-address.ts'
import {Disassembler} from '../../src/amd64/disassembler.ts'
import {decodeInstruction} from '../../src/amd64/instruction.ts'
import {RegisterSet, RegisterSetBuilder} from '../../src/amd64/register-set.ts'
import {CALLEE_SAVED, CALLER_SAVED, DWARF_REGISTER, REGISTER_COUNT} from '../../src/amd64/registers.ts'
import {isSignalRestorer, readFlags, readSignalFrame} from '../../src/amd64/signal-context.ts'
import {findSystemCall, loadsNumber} from '../../src/amd64/system-call.ts'
import {NOWHERE, toAddress} from '../../src/base/address.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {ucontext} from '../support/signal-frame-builder.ts'
import {at, FakeProcess} from '../unwind/process.ts'

const {rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15, rip} = DWARF_REGISTER
/** The general registers in the order in which instructions number them. */
const ENCODED = [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15]

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

test('calls are counted that lead where the last one does, straight or through one slot', t => {
  const count = (hex: string) => countCallsLikeLast(new BytesBuilder().hex(hex).build(), toAddress(0x1000))
  t.is(count('e8 0b 00 00 00 90 e8 05 00 00 00'), 2)
  t.is(count('e8 0b 00 00 00 90 e8 06 00 00 00'), 1)
  t.is(count('ff 15 0a 00 00 00 e8 05 00 00 00 ff 15 ff ff ff ff'), 2)
  t.is(count('e8 0b 00 00 00 90 ff d0'), 0)
  t.is(count(''), 0)
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

test('a restorer is known by its bytes, before its system call and at it', t => {
  const glibc = new FakeProcess().code(0x5000, '48 c7 c0 0f 00 00 00 0f 05')
  t.true(isSignalRestorer(glibc, toAddress(0x5000)))
  t.true(isSignalRestorer(glibc, toAddress(0x5007)))
  t.false(isSignalRestorer(glibc, toAddress(0x5001)))
  const musl = new FakeProcess().code(0x5000, 'b8 0f 00 00 00 0f 05')
  t.true(isSignalRestorer(musl, toAddress(0x5000)))
})

test('a register is kept by a call, or may be changed by one; rsp and rip are what the call is about', t => {
  const all = [...CALLEE_SAVED, ...CALLER_SAVED, rsp, rip].sort((a, b) => a - b)
  t.deepEqual(
    all,
    Array.from({length: REGISTER_COUNT}, (_, number) => number),
  )
})

test('instructions number the registers in an order of their own', t => {
  const disassembler = (code: string) => new Disassembler(new FakeProcess().code(0x1000, code))
  ENCODED.forEach((register, encoding) => {
    const [high, low] = [encoding > 7, encoding % 8]
    // push %r64: 50+r, with REX.B for r8 to r15.
    const push = `${high ? '41 ' : ''}${(0x50 + low).toString(16)}`
    t.deepEqual(decodeInstruction(disassembler(push), toAddress(0x1000))?.effect, {kind: 'push', register})
    // mov %r64,%rsp: REX.W, with REX.R for r8 to r15.
    const move = `${high ? '4c' : '48'} 89 ${(0xc4 + 8 * low).toString(16)}`
    const memory = new FakeProcess().code(0x1000, `${move} 90`)
    t.is(sourceOfStackPointer(memory, toAddress(0x1000)), register)
  })
  t.is(sourceOfStackPointer(new FakeProcess().code(0x1000, '48 8b 24 24'), toAddress(0x1000)), 'top-of-stack')
  t.is(sourceOfStackPointer(new FakeProcess().code(0x1000, '48 89 e5 90'), toAddress(0x1000)), undefined)
})

test('a breakpoint is behind pc, and so is a system call; one that is made again is at it', t => {
  const code = new FakeProcess().code(0x1000, 'cc 90 cd 03 90 b8 ca 00 00 00 0f 05 c3')
  t.is(findBreakpoint(code, toAddress(0x1001)), toAddress(0x1000))
  t.is(findBreakpoint(code, toAddress(0x1004)), toAddress(0x1002))
  t.is(findBreakpoint(code, toAddress(0x1002)), undefined)
  t.is(findSystemCall(code, toAddress(0x100c)), toAddress(0x100a))
  t.is(findSystemCall(code, toAddress(0x100a)), toAddress(0x100a))
  t.is(findSystemCall(code, toAddress(0x1005)), undefined)
  const far = new FakeProcess().bytes(0x1000, new BytesBuilder().fill(32, 0x90).hex('b8 ca 00 00 00 0f 05').build())
  t.true(loadsNumber(far, toAddress(0x1025), 202))
  t.false(loadsNumber(far, toAddress(0x1025), 203))
})

test('a stub jumps through a slot that its code names relative to the next instruction', t => {
  // endbr64; bnd jmp *-0x10(%rip)
  const stub = new BytesBuilder().hex('f3 0f 1e fa f2 ff 25 f0 ff ff ff').build()
  t.is(slotOfJump(stub, toAddress(0x1000)), 0x1000 + stub.length - 0x10)
  t.is(slotOfJump(new BytesBuilder().hex('ff 25 00').build(), toAddress(0x1000)), undefined)
})

test('an address is of the program, of the kernel, or of nobody', t => {
  const kinds = (word: bigint) => [isUserAddress(word), isNonCanonical(word), isKernelAddress(word)]
  t.deepEqual(kinds(0x7fffffffffffn), [true, false, false])
  t.deepEqual(kinds(0x800000000000n), [false, true, false])
  t.deepEqual(kinds(0xffff7fffffffffffn), [false, true, false])
  t.deepEqual(kinds(0xffff800000000000n), [false, false, true])
})

test('a ucontext has cs, gs, fs and ss in one word', t => {
  const bytes = ucontext({pc: 0x1000, sp: 0x2000, signal: 11})
  new DataView(bytes.buffer).setBigUint64(184, 0x002b_0053_0063_0033n, true)
  const flags = readFlags(new FakeProcess().bytes(0x10000, bytes), toAddress(0x10000))
  t.deepEqual(flags, {eflags: 0x10246n, cs: 0x33n, gs: 0x63n, fs: 0x53n})
})

test('what a copy of a set is told changes neither the set nor another copy', t => {
  const set = new RegisterSetBuilder()
    .setWord(0, 2n ** 64n - 4n)
    .setWord(1, 2n ** 63n)
    .setAddress(2, 7)
    .build()
  const copy = set
    .toBuilder()
    .forget(0)
    .setWord(3, 2n ** 62n)
    .build()
  const other = set.toBuilder().setAddress(1, 8).build()
  const words = (of: RegisterSet) => [0, 1, 2, 3].map(register => of.word(register))
  t.deepEqual(words(set), [2n ** 64n - 4n, 2n ** 63n, 7n, undefined])
  t.deepEqual(words(copy), [undefined, 2n ** 63n, 7n, 2n ** 62n])
  t.deepEqual(words(other), [2n ** 64n - 4n, 8n, 7n, undefined])
})
