import test from 'ava'
import {SIGNAL_FRAME_SIZE} from '../../src/amd64/signal-context.ts'
import {DWARF_REGISTER} from '../../src/amd64/registers.ts'
import {type Address, NOWHERE, toAddress} from '../../src/base/address.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {at, FakeProcess, pcs} from './process.ts'

/** DW_CFA_def_cfa_offset 16: a function that has pushed one word. */
const PUSHED = '0e 10'
/** DW_CFA_undefined ra: the outermost frame. */
const ROOT = '07 10'
const STACK = 0x7ffe0000

test("a return address at a function's end belongs to the caller, not to the function behind it", t => {
  // 1000 leaf; 2000 calls abort as its last instruction, so the return address is 2010, where the next function starts
  const process = new FakeProcess()
    .fde(0x1000, 0x1010, '')
    .fde(0x2000, 0x2010, PUSHED)
    .fde(0x2010, 0x2020, '0e 80 01')
    .fde(0x3000, 0x3010, ROOT)
    .words(STACK, 0x2010, 0xbad, 0x3008)
  const walk = process.walk(at(0x1000, STACK))
  t.deepEqual(pcs(walk), [0x1000, 0x2010, 0x3008])
  t.is(walk.frames[1]?.lookupPc, toAddress(0x200f))
  t.is(walk.stop, 'end-of-stack')
})

test('frames say how they were found, where they lie, and that only the innermost pc is exact', t => {
  const process = new FakeProcess().fde(0x1000, 0x1010, '').fde(0x3000, 0x3010, ROOT).words(STACK, 0x3008)
  const [leaf, root] = process.walk(at(0x1004, STACK)).frames
  t.like(leaf, {pc: 0x1004, lookupPc: 0x1004, sp: STACK, cfa: STACK + 8, foundBy: 'context', interrupted: true})
  t.like(root, {pc: 0x3008, lookupPc: 0x3007, sp: STACK + 8, foundBy: 'cfi', interrupted: false, kind: 'native'})
})

test('a garbage return address ends the stack and keeps the frames before it', t => {
  const process = new FakeProcess().fde(0x1000, 0x1010, '').fde(0x2000, 0x2010, PUSHED)
  process.words(STACK, 0x2008, 0, 0x4141414141414141n)
  const walk = process.walk(at(0x1000, STACK))
  t.deepEqual(pcs(walk), [0x1000, 0x2008])
  t.is(walk.stop, 'unmapped')
})

test('a return address of zero is the end of the stack', t => {
  const process = new FakeProcess().fde(0x1000, 0x1010, '').words(STACK, 0)
  t.is(process.walk(at(0x1000, STACK)).stop, 'end-of-stack')
})

test('a frame may hang on a register that its callee has no rule for, as in code written by hand', t => {
  /*
   * 2000: lea (%rsp),%rax     def_cfa_register rax (0d 00): CFA = rax+8
   * 2004: and $-128,%rsp
   * 2008: call 1000           the leaf keeps rax without a word
   */
  const process = new FakeProcess().fde(0x1000, 0x1010, '').fde(0x2000, 0x2010, '0d 00').fde(0x3000, 0x3010, ROOT)
  const seed = at(0x1004, STACK)
    .toBuilder()
    .setAddress(DWARF_REGISTER.rax, STACK + 0x100)
    .build()
  process.words(STACK, 0x200d).words(STACK + 0x100, 0x3008)
  const walk = process.walk(seed)
  t.deepEqual(pcs(walk), [0x1004, 0x200d, 0x3008])
  t.is(walk.stop, 'end-of-stack')
  t.is(walk.frames[2]?.registers.word(DWARF_REGISTER.rax), undefined)
})

test('memory that was not dumped ends the stack', t => {
  const process = new FakeProcess().fde(0x1000, 0x1010, PUSHED)
  const walk = process.walk(at(0x1000, STACK))
  t.deepEqual(pcs(walk), [0x1000])
  t.is(walk.stop, 'unmapped')
})

test('a call through a null or wild pointer just pushed its return address', t => {
  // 2006: call *%rax
  for (const wild of [0, 0xdead0000]) {
    const process = new FakeProcess()
      .fde(0x2000, 0x2010, PUSHED)
      .fde(0x3000, 0x3010, ROOT)
      .code(0x2006, 'ff d0')
      .words(STACK, 0x2008, 0, 0x3008)
    const walk = process.walk(at(wild, STACK))
    t.deepEqual(pcs(walk), [wild, 0x2008, 0x3008])
    t.is(walk.frames[1]?.foundBy, 'scan')
  }
})

test('a call of what is no address is a frame, and its caller the next', t => {
  const process = new FakeProcess()
    .fde(0x2000, 0x2010, PUSHED)
    .fde(0x3000, 0x3010, ROOT)
    .code(0x2006, 'ff d0')
    .words(STACK, 0x2008, 0, 0x3008)
  const registers = at(0, STACK)
    .toBuilder()
    .setWord(DWARF_REGISTER.rip, 2n ** 64n - 1n)
    .build()
  const walk = process.walk(registers)
  t.deepEqual(pcs(walk), [NOWHERE, 0x2008, 0x3008])
  t.is(walk.frames[0]?.registers.word(DWARF_REGISTER.rip), 2n ** 64n - 1n)
})

test('a frame without a stack is a frame all the same', t => {
  const process = new FakeProcess().fde(0x1000, 0x1010, '')
  const walk = process.walk(at(0x1004, 0).toBuilder().setWord(DWARF_REGISTER.rsp, 0x4141414141414141n).build())
  t.deepEqual(pcs(walk), [0x1004])
  t.like(walk.frames[0], {sp: NOWHERE, cfa: undefined})
  t.is(walk.stop, 'unmapped')
})

test('a direct call of what is no code, a variable, was made all the same; one of something else was not', t => {
  // 2003: call 0x10000
  const process = new FakeProcess()
    .fde(0x2000, 0x2010, PUSHED)
    .fde(0x3000, 0x3010, ROOT)
    .code(0x2003, 'e8 f8 df 00 00')
    .words(STACK, 0x2008, 0, 0x3008)
  t.deepEqual(pcs(process.walk(at(0x10000, STACK))), [0x10000, 0x2008, 0x3008])
  t.deepEqual(pcs(process.walk(at(0x20000, STACK))), [0x20000])
})

test('a row that does not move up the stack stops the walk', t => {
  // CFA = rbp + 0, ra at CFA - 8: rbp leads back to the same frame for ever
  const process = new FakeProcess().fde(0x1000, 0x1010, '0c 06 00').words(STACK, 0x1008, 0x1008)
  const walk = process.walk(at(0x1008, STACK + 8, STACK + 8))
  t.is(walk.stop, 'no-progress')
  t.is(walk.frames.length, 1)
})

test('a return address in a register does not move the stack', t => {
  // vfork of glibc: pop %rdi; CFA = rsp + 0, DW_CFA_register ra rdi
  const process = new FakeProcess().fde(0x1000, 0x1010, '0e 00 09 10 05').fde(0x3000, 0x3010, ROOT)
  const registers = at(0x1001, STACK).toBuilder().setAddress(5, 0x3008).build()
  t.deepEqual(pcs(process.walk(registers)), [0x1001, 0x3008])
})

test('the frame limit holds', t => {
  const process = new FakeProcess().fde(0x1000, 0x1010, '')
  process.words(STACK, ...new Array<number>(64).fill(0x1008))
  const walk = process.walk(at(0x1000, STACK), {}, {frameLimit: 10})
  t.is(walk.frames.length, 10)
  t.is(walk.stop, 'frame-limit')
})

test('a malformed CFI expression is a diagnostic, not an exception', t => {
  // DW_CFA_def_cfa_expression: DW_OP_plus on an empty stack
  const process = new FakeProcess().fde(0x1000, 0x1010, '0f 01 22').words(STACK, 0x1008)
  t.is(process.walk(at(0x1000, STACK)).stop, 'unmapped')
  t.is(process.diagnostics.list()[0]?.code, 'bad-cfi')
})

test('without tables a frame pointer is followed where a call is before the return address', t => {
  // 2003: call 1000 / 2008: jmp *%rax hides the function's end
  const process = new FakeProcess()
    .code(0x1000, 'ff e0 90 90')
    .code(0x2003, 'e8 f8 ef ff ff ff e0')
    .fde(0x2000, 0x2010, ROOT)
    .words(STACK, 0, 0, STACK + 0x40, 0x2008)
  const walk = process.walk(at(0x1000, STACK, STACK + 16))
  t.deepEqual(pcs(walk), [0x1000, 0x2008])
  t.is(walk.frames[1]?.foundBy, 'frame-pointer')
  t.is(walk.frames[1]?.registers.bp, toAddress(STACK + 0x40))
})

test('out of a library whose file is gone rbp does not jump over the function that called it', t => {
  /*
   * 1000: a library that cannot be read, died at 1008
   * 2000: push %rbp; mov %rsp,%rbp; 2004: call 2100, the stub of 1004; 2009: the return address
   * 3000: call 2000; 3005
   */
  const process = new FakeProcess()
    .code(0x2000, '55 48 89 e5 e8 f7 00 00 00')
    .code(0x2100, 'f3 0f 1e fa ff 25 00 0f 00 00')
    .words(0x300a, 0x1004)
    .code(0x3000, 'e8 fb ef ff ff')
    .fde(0x2000, 0x2009, '0e 10 86 02 0d 06')
    .fde(0x3000, 0x3010, ROOT)
    .unread(0x1000, 0x1010)
    .words(STACK, 7, 0x2009, 5, 0x2009, 3, STACK + 0x80, 0x3005)
  const bp = STACK + 0x28
  const walk = process.walk(at(0x1008, STACK, bp))
  t.deepEqual(pcs(walk), [0x1008, 0x2009, 0x3005])
  t.is(walk.frames[1]?.sp, toAddress(STACK + 0x20), 'what lies further in was left over')
  t.is(walk.frames[1]?.foundBy, 'scan')
})

test('where nothing tells who called a library whose file is gone, the step by rbp is a guess', t => {
  const process = new FakeProcess()
    .code(0x3000, 'e8 fb ef ff ff')
    .fde(0x3000, 0x3010, ROOT)
    .unread(0x1000, 0x1010)
    .unread(0x2000, 0x2010)
    .words(STACK, 7, 9, STACK + 0x80, 0x3005)
  const walk = process.walk(at(0x1008, STACK, STACK + 16))
  t.deepEqual(pcs(walk), [0x1008, 0x3005])
  t.is(walk.frames[1]?.foundBy, 'scan')
})

test('without tables and frame pointer the code up to its return says where the return address is', t => {
  /*
   * 1000: push %rbx; sub $0x18,%rsp
   * 1005: mov %edi,(%rax)             the fault
   * 1007: test %eax,%eax; je 1011
   * 100b: call 3000; 1010: ud2... (never returns)
   * 1012: add $0x18,%rsp; pop %rbx; ret
   */
  const process = new FakeProcess()
    .code(0x1000, '53 48 83 ec 18 89 38 85 c0 74 07 e8 f0 1f 00 00 0f 0b 48 83 c4 18 5b c3')
    .code(0x2000, 'e8 fb ef ff ff c3')
    .fde(0x2000, 0x2006, ROOT)
    .words(STACK, 0x2005, 0x2005, 0, 0x77, 0x2005)
  const walk = process.walk(at(0x1005, STACK))
  t.deepEqual(pcs(walk), [0x1005, 0x2005])
  t.is(walk.frames[0]?.cfa, toAddress(STACK + 0x28))
  t.is(walk.frames[1]?.registers.word(3), 0x77n)
  t.is(walk.frames[1]?.foundBy, 'code')
})

test('a frame pointer that says the same as the code up to its return is proven, in code made at run time too', t => {
  // 1000: push %rbp / mov %rsp,%rbp / sub $0x20,%rsp / mov %rdi,%rax / call *%rax / add $0x20,%rsp / pop %rbp / ret
  const process = new FakeProcess()
    .code(0x1000, '55 48 89 e5 48 83 ec 20 48 89 f8 ff d0 48 83 c4 20 5d c3')
    .code(0x2000, 'ff d0')
    .fde(0x2000, 0x2010, ROOT)
    .fde(0x3000, 0x3010, '')
    .words(STACK, 0x100d, 1, 2, 3, 4, STACK + 0x100, 0x2002)
  const found = (bp: number) => process.walk(at(0x3000, STACK, bp)).frames.map(({pc, foundBy}) => [pc, foundBy])
  const callers = [
    [0x3000, 'context'],
    [0x100d, 'cfi'],
  ]
  t.deepEqual(found(STACK + 0x28), [...callers, [0x2002, 'frame-pointer']])
  t.deepEqual(found(0x1234), [...callers, [0x2002, 'scan']])
})

test('a return into a library that was unloaded leaves its callers on the stack', t => {
  // 2000: call *%rax of the library; 2010: call 3000, which has returned long ago
  const library = 0x7f0000001234
  const process = new FakeProcess()
    .code(0x2000, 'ff d0')
    .code(0x2010, 'e8 eb 0f 00 00 c3')
    .code(0x3000, 'c3')
    .fde(0x2000, 0x2010, ROOT)
    .words(STACK, 0x77, 0x2015, library + 0x100, 0x88, 0x2002)
  const walk = process.walk(at(library, STACK))
  t.deepEqual(pcs(walk), [library, 0x2002])
  t.is(walk.frames[1]?.foundBy, 'scan')
  t.deepEqual(pcs(process.walk(at(0x41414141, STACK))), [0x41414141], 'a number is no place of a library')
})

test('a stale return address whose call leads elsewhere is passed over', t => {
  // 1000 loops for ever and so has no return; 2000 calls 3000, 2010 calls 1000
  const process = new FakeProcess()
    .code(0x1000, '90 eb fd')
    .code(0x2000, 'e8 fb 0f 00 00 c3')
    .code(0x2010, 'e8 eb ef ff ff c3')
    .code(0x3000, 'c3')
    .fde(0x2010, 0x2016, ROOT)
    .words(STACK, 0x2005, 0x1234, 0x2015)
  const walk = process.walk(at(0x1000, STACK))
  t.deepEqual(pcs(walk), [0x1000, 0x2015])
})

test('a frame that CFI gives and the code refutes is not shown: something has written over the stack', t => {
  /*
    1000: call 1100, which goes on / 1100: the innermost function
    2000: call 3000, which returns at once, jumps on to 1000, is a thunk (mov %rax,(%rsp); ret) or jumps through a register
  */
  const walkWith = (callee: string) =>
    new FakeProcess()
      .code(0x1000, 'e8 fb 00 00 00 c3')
      .code(0x1100, '90 c3')
      .code(0x2000, 'e8 fb 0f 00 00 c3')
      .code(0x3000, callee)
      .fde(0x1000, 0x1006, '')
      .fde(0x1100, 0x1102, '')
      .fde(0x2000, 0x2006, ROOT)
      .words(STACK, 0x1005, 0x2005)
      .walk(at(0x1100, STACK))
  const refuted = walkWith('90 90 90 90 c3')
  t.deepEqual(pcs(refuted), [0x1100, 0x1005])
  t.is(refuted.stop, 'overwritten')
  for (const callee of ['e9 fb df ff ff', '48 89 04 24 c3', 'ff e0']) {
    t.deepEqual(pcs(walkWith(callee)), [0x1100, 0x1005, 0x2005], callee)
  }
})

test('without tables the code from the entry says where the return address is, though no return follows', t => {
  /*
    1000: push %rbx / sub $0x10,%rsp / mov %rdi,%rbx / call 4000, which never returns / 100d: a function of its own, ret
    2000: call 1000 / 2008: call *%rax, an outer frame whose frame pointer is still in rbp
  */
  const process = new FakeProcess()
    .code(0x1000, '53 48 83 ec 10 48 89 fb e8 f3 2f 00 00 c3')
    .code(0x2000, 'e8 fb ef ff ff 90 90 90 ff d0')
    .fde(0x2000, 0x2006, ROOT)
    .fde(0x2006, 0x2010, ROOT)
    .fde(0x4000, 0x4010, '')
    .words(STACK, 0x100d, 0x200a, 0x200a, 0x77, 0x2005, 1, STACK + 0x100, 0x200a)
  const walk = process.walk(at(0x4000, STACK, STACK + 0x30))
  t.deepEqual(pcs(walk), [0x4000, 0x100d, 0x2005])
  t.is(walk.frames[2]?.foundBy, 'code')
  t.is(walk.frames[2]?.registers.word(DWARF_REGISTER.rbx), 0x77n)
})

test('a handler without tables that never returns is left for the signal frame, not by the frame pointer of what it interrupted', t => {
  const process = new FakeProcess()
    .code(0x1000, '90 eb fd')
    .code(0x2006, 'ff d0')
    .code(0x5000, RESTORER)
    .fde(0x2000, 0x2010, ROOT)
    .words(STACK, 1, 2, 0x5000)
    .bytes(STACK + 24, signalFrame({pc: 0x2000, sp: STACK + 0x400, bp: STACK + 0x410}))
    .words(STACK + 0x410, 0, 0x2008)
  const walk = process.walk(at(0x1000, STACK, STACK + 0x410))
  t.deepEqual(pcs(walk), [0x1000, 0x5000, 0x2000])
})

test('a return address at the start of a function was planted there, and is that function’s', t => {
  // As makecontext does with __start_context; 2fff is in no function.
  const process = new FakeProcess()
    .fde(0x1000, 0x1010, '')
    .code(0x2ff8, '90 90 90 90 90 90 90 90')
    .fde(0x3000, 0x3010, ROOT)
    .words(STACK, 0x3000)
  const walk = process.walk(at(0x1000, STACK))
  t.deepEqual(pcs(walk), [0x1000, 0x3000])
  t.is(walk.frames[1]?.lookupPc, toAddress(0x3000))
  t.is(walk.stop, 'end-of-stack')
})

test('above a function that was planted lies what it goes on to, not who called it', t => {
  // As makecontext has it: __start_context, and uc_link above.
  const process = new FakeProcess()
    .fde(0x1000, 0x1010, '')
    .code(0x2ff8, '90 90 90 90 90 90 90 90')
    .fde(0x3000, 0x3010, '')
    .words(STACK, 0x3000, 0x7777777)
  const walk = process.walk(at(0x1000, STACK))
  t.deepEqual([pcs(walk), walk.stop], [[0x1000, 0x3000], 'end-of-stack'])
})

test('code that zeroed rbp right before its call is the root of the stack', t => {
  // 1000: loops for ever; 2000: xor %ebp,%ebp / pop %rdi / call *%r9 / hlt, as musl's clone has it
  const process = new FakeProcess()
    .code(0x1000, '90 eb fd')
    .code(0x2000, '31 ed 5f 41 ff d1 f4')
    .words(STACK, 1, 0x2006, 5)
  const walk = process.walk(at(0x1000, STACK, 0x77))
  t.deepEqual(pcs(walk), [0x1000, 0x2006])
  t.is(walk.stop, 'end-of-stack')
})

test('nothing to go by is said so', t => {
  const process = new FakeProcess().code(0x1000, '90 eb fd').words(STACK, 1, 2, 3)
  t.is(process.walk(at(0x1000, STACK)).stop, 'no-unwind-info')
})

/** A kernel's signal frame from its ucontext on: only what is read. */
function signalFrame(registers: {pc: number; sp: number; bp: number}, signal = 11): Uint8Array {
  const bytes = new BytesBuilder().u64(7).padTo(120).u64(registers.bp).padTo(160).u64(registers.sp, registers.pc)
  return bytes.u64(0x10246, 0x2b000000000033n).padTo(0x130).u32(signal).padTo(0x150).build()
}

/** Counts what is asked of it. */
class CountedProcess extends FakeProcess {
  reads = 0
  signalFrames = 0

  override read(address: Address, length: number): Uint8Array | undefined {
    this.reads++
    if (length === SIGNAL_FRAME_SIZE) this.signalFrames++
    return super.read(address, length)
  }
}

/** A recursion in code that is not at hand. */
function recursion(depth: number, size = 64): CountedProcess {
  const process = new CountedProcess().unread(0x1000, 0x1010)
  const words = Array.from({length: depth * (size / 8)}, (_, index) => {
    if (index % (size / 8) === 0) return STACK + (index + size / 8) * 8
    return index % (size / 8) === 1 ? 0x1008 : 0x1234
  })
  process.words(STACK, ...words)
  return process
}

test('of code that is not at hand each frame is looked for once, however deep the stack is', t => {
  const process = recursion(100)
  const walk = process.walk(at(0x1000, STACK, STACK))
  t.is(walk.frames.length, 100)
  t.true(process.reads < walk.frames.length * 40, `${process.reads} reads`)
})

test('a place that is returned to again and again is soon known to be no restorer', t => {
  const process = recursion(100)
  t.is(process.walk(at(0x1000, STACK, STACK)).frames.length, 100)
  t.true(process.signalFrames < 50, `${process.signalFrames} of 100 frames`)
})

const RESTORER = '48 c7 c0 0f 00 00 00 0f 05'

test('below a signal frame the pc is exact, even on a lower stack', t => {
  const ALT = 0x7fff0000
  const process = new FakeProcess()
    .fde(0x1000, 0x1010, '')
    .code(0x5000, RESTORER)
    .fde(0x2000, 0x2010, PUSHED)
    .fde(0x3000, 0x3010, ROOT)
    .words(ALT, 0x5000)
    .bytes(ALT + 8, signalFrame({pc: 0x2000, sp: STACK, bp: 0x55}))
    .words(STACK, 0, 0x3008)
  const walk = process.walk(at(0x1000, ALT))
  t.deepEqual(pcs(walk), [0x1000, 0x5000, 0x2000, 0x3008])
  t.deepEqual(
    walk.frames.map(frame => frame.kind),
    ['native', 'signal', 'native', 'native'],
  )
  t.like(walk.frames[2], {lookupPc: 0x2000, foundBy: 'signal-frame', interrupted: true})
  t.is(walk.frames[2]?.registers.bp, toAddress(0x55))
})

test('a signal stack that a later handler has used anew holds nothing of the handler before', t => {
  const SIGNAL_STACK = 0x7fff0000
  const CRASH_STACK = 0xc000040000
  const process = new FakeProcess()
    .fde(0x1000, 0x1010, '')
    .code(0x5000, RESTORER)
    .go({name: 'runtime.switchToCrashStack0', entry: 0x7100, end: 0x7110, frame: 8})
    .go({name: 'runtime.badmorestackg0', entry: 0x7200, end: 0x7210, frame: 0})
    .words(SIGNAL_STACK, 0x5000)
    .bytes(SIGNAL_STACK + 8, signalFrame({pc: 0x7104, sp: CRASH_STACK, bp: SIGNAL_STACK + 0x200}))
    .words(CRASH_STACK, 0, 0)
    .words(SIGNAL_STACK + 0x200, 0, 0x7205, 0)
  const switches = {
    g: undefined,
    g0: undefined,
    gsignal: {stackLo: toAddress(SIGNAL_STACK), stackHi: toAddress(SIGNAL_STACK + 0x1000)},
  }
  const walk = process.walk(at(0x1000, SIGNAL_STACK), {}, {switches})
  t.deepEqual(pcs(walk), [0x1000, 0x5000, 0x7104])
  t.is(walk.stop, 'overwritten')
})

test('a signal frame that leads back to itself ends', t => {
  const process = new FakeProcess().code(0x5000, RESTORER)
  process.bytes(STACK, signalFrame({pc: 0x5000, sp: STACK, bp: 0}))
  const walk = process.walk(at(0x5000, STACK))
  t.is(walk.stop, 'no-progress')
})
