import test from 'ava'
import type {RegisterSet} from '../../src/amd64/register-set.ts'
import {DWARF_REGISTER} from '../../src/amd64/registers.ts'
import {type Address, NOWHERE, toAddress} from '../../src/base/address.ts'
import {GoVersion} from '../../src/gosym/version.ts'
import {readCallbacks} from '../../src/unwind/callback-chain.ts'
import {
  asmcgocallBase,
  crosscall2Row,
  enterCallback,
  isCrosscall2Call,
  leaveAsmcgocall,
} from '../../src/unwind/stack-switch.ts'
import {type CallbackProcess, callbackProcess} from './callback-process.ts'
import {at, FakeProcess, pcs} from './process.ts'

const G_STACK = 0xc000040000
const G_HIGH = G_STACK + 0x1000
const G0_STACK = 0x7ffd0000
const TOP_FRAME = 1
const SP_WRITE = 2

function address(value: number): Address {
  return toAddress(value)
}

test('pcsp: CFA = sp + delta + 8, rbp below the return address, goexit is the top', t => {
  const process = new FakeProcess()
    .go({name: 'main.f', entry: 0x1000, end: 0x1100, frame: 16})
    .go({name: 'runtime.goexit', entry: 0x2000, end: 0x2010, frame: 0, flag: TOP_FRAME})
    .words(G_STACK, 1, 0x99, 0x2001)
  const walk = process.walk(at(0x1020, G_STACK), {foundBy: 'gobuf', exactPc: false})
  t.deepEqual(pcs(walk), [0x1020, 0x2001])
  t.like(walk.frames[0], {cfa: G_STACK + 24, foundBy: 'gobuf', lookupPc: 0x101f, kind: 'go'})
  t.like(walk.frames[1], {foundBy: 'pcsp', sp: G_STACK + 24, cfa: G_STACK + 32})
  t.is(walk.frames[1]?.registers.bp, address(0x99))
  t.is(walk.stop, 'end-of-stack')
})

test('a goroutine that never ran starts at its function: pc is looked up as it is', t => {
  const process = new FakeProcess().go({name: 'main.f', entry: 0x1000, end: 0x1100, frame: 0}).words(G_STACK, 0)
  const walk = process.walk(at(0x1000, G_STACK), {foundBy: 'gobuf', exactPc: false})
  t.is(walk.frames[0]?.lookupPc, address(0x1000))
})

test('the caller of sigpanic was interrupted, Go or C', t => {
  const process = new FakeProcess()
    .go({name: 'runtime.sigpanic', entry: 0x1000, end: 0x1100, frame: 8})
    .fde(0x2000, 0x2010, '07 10')
    .words(G0_STACK, 0, 0x2000)
  const walk = process.walk(at(0x1020, G0_STACK))
  t.like(walk.frames[1], {pc: 0x2000, lookupPc: 0x2000, interrupted: true, kind: 'native'})
})

test('the caller of sigpanic may have jumped to what is no address', t => {
  const process = new FakeProcess()
    .go({name: 'runtime.sigpanic', entry: 0x1000, end: 0x1100, frame: 16})
    .fde(0x2000, 0x2010, '07 10')
    .code(0x2006, 'ff d0')
    .words(0x7ffe0000, 0, 0, 2n ** 64n - 1n, 0x2008)
  const walk = process.walk(at(0x1010, 0x7ffe0000), {exactPc: false, foundBy: 'pcsp'})
  t.deepEqual(pcs(walk), [0x1010, NOWHERE, 0x2008])
})

test('a function that writes SP ends the walk, as it ends the runtime’s', t => {
  const process = new FakeProcess()
    .go({name: 'main.f', entry: 0x1000, end: 0x1100, frame: 0})
    .go({name: 'runtime.gogo', entry: 0x2000, end: 0x2010, frame: 0, flag: SP_WRITE})
    .words(G_STACK, 0x2001, 0x1020)
  const walk = process.walk(at(0x1010, G_STACK))
  t.deepEqual(pcs(walk), [0x1010, 0x2001])
  t.is(walk.stop, 'end-of-stack')
})

for (const {minor, slot, frame} of [
  {minor: 15, slot: 0x28, frame: 0},
  {minor: 20, slot: 0x28, frame: 0},
  {minor: 21, slot: 0x28, frame: 8},
  {minor: 22, slot: 0, frame: 8},
  {minor: 27, slot: 0, frame: 8},
]) {
  test(`Go 1.${minor}: asmcgocall saved the depth of the goroutine's SP at base+${slot}`, t => {
    const base = G0_STACK
    const depth = 0x200
    const sp = G_HIGH - depth
    const process = new FakeProcess().words(base + slot, depth, 0xc000001000)
    process.words(sp, ...(frame === 8 ? [0x77, 0x1234] : [0x1234, 0x77]))
    const g = {stackLo: address(G_STACK), stackHi: address(G_HIGH)}
    const input = {memory: process, version: GoVersion.ofMinor(minor), base: address(base), g}
    const side = leaveAsmcgocall(input)
    t.like(side, {sp, cfa: sp + frame + 8, sameStack: false})
    t.is(side?.caller.pc, address(0x1234))
    t.is(side?.caller.sp, address(sp + frame + 8))
    t.is(side?.caller.bp, frame === 8 ? address(0x77) : undefined)
    const elsewhere = {stackLo: address(G_STACK), stackHi: address(G_STACK + 0x100)}
    t.is(leaveAsmcgocall({...input, g: elsewhere}), undefined)
  })
}

test('asmcgocall on a system stack saves no g but its old SP', t => {
  const old = G0_STACK + 0x80
  const process = new FakeProcess().words(G0_STACK, old, 0).words(old, 0x77, 0x1234)
  const side = leaveAsmcgocall({memory: process, version: GoVersion.ofMinor(27), base: address(G0_STACK), g: undefined})
  t.like(side, {sp: old, cfa: old + 16, sameStack: true})
})

test('the base of asmcgocall is below g0.sched.sp by 64 bytes, from 1.22 on by 16, aligned', t => {
  t.is(asmcgocallBase(GoVersion.ofMinor(21), address(0x10048)), address(0x10000))
  t.is(asmcgocallBase(GoVersion.ofMinor(22), address(0x10048)), address(0x10030))
})

test('a callback keeps the former g0.sched.sp at the new one, and its return address above', t => {
  const process = new FakeProcess().words(G0_STACK, G0_STACK + 0x200, 1, 2, 0x111, 0x222)
  const newer = enterCallback({memory: process, version: GoVersion.ofMinor(16), schedSp: address(G0_STACK)})
  t.is(newer?.outerSchedSp, address(G0_STACK + 0x200))
  t.is(newer?.caller.pc, address(0x222))
  t.is(newer?.caller.sp, address(G0_STACK + 40))
  const older = enterCallback({memory: process, version: GoVersion.ofMinor(15), schedSp: address(G0_STACK)})
  t.is(older?.caller.pc, address(0x111))
})

test('crosscall2 keeps C’s registers at places that no table tells', t => {
  const sizes = [0x48, 0x50, 0x58]
  t.deepEqual(
    [10, 16, 17, 21, 22, 27].map(minor => sizes.find(size => isCrosscall2Call(GoVersion.ofMinor(minor), 0x35, size))),
    [0x58, 0x58, 0x48, 0x48, 0x50, 0x50],
  )
  // Up to 1.9 pcsp says 0, and rbp is the second register that is kept.
  t.deepEqual(
    [0x32, 0x10].map(offset => isCrosscall2Call(GoVersion.ofMinor(9), offset, 0)),
    [true, false],
  )
  t.deepEqual(crosscall2Row(GoVersion.ofMinor(9)).rules[6], {kind: 'at-cfa', offset: -0x40})
  t.deepEqual(crosscall2Row(GoVersion.ofMinor(10)).rules[6], {kind: 'at-cfa', offset: -0x10})
  // 1.22+: rbp at S+0x48, CFA = S+0x58
  t.deepEqual(crosscall2Row(GoVersion.ofMinor(22)).rules[6], {kind: 'at-cfa', offset: -0x10})
  t.deepEqual(crosscall2Row(GoVersion.ofMinor(22)).rules[3], {kind: 'at-cfa', offset: -0x40})
})

test('without the stacks of the thread C ends where Go called it', t => {
  const {process, leafSp} = callbackProcess()
  const walk = process.walk(at(0x1004, leafSp))
  t.deepEqual(pcs(walk), [0x1004, 0x2010])
  t.is(walk.stop, 'end-of-stack')
})

test('with them the walk comes to the goroutine that called C, and passes cgocallback as the runtime does', t => {
  const {process, switches, leafSp} = callbackProcess()
  const walk = process.walk(at(0x1004, leafSp), {}, {switches})
  t.deepEqual(
    walk.frames.map(({pc, stack, foundBy}) => `${pc.toString(16)} ${stack} ${foundBy}`),
    [
      '1004 g0 context',
      '2010 g0 cfi',
      '3010 goroutine stack-switch',
      '4010 goroutine pcsp',
      '4808 goroutine pcsp',
      '3020 goroutine pcsp',
      '6001 goroutine pcsp',
    ],
  )
  t.is(walk.stop, 'end-of-stack')
})

/** The chain of callbacks of the thread above. */
function callbacksOf({process, switches}: CallbackProcess, enteredAt?: number) {
  return readCallbacks({
    memory: process,
    version: process.version,
    switches,
    functionAt: pc => process.functionAt(pc),
    enteredAt: enteredAt === undefined ? undefined : address(enteredAt),
  })
}

test('a callback is of the cgocallback frame where the asmcgocall around it left the goroutine', t => {
  const thread = callbackProcess()
  const callbacks = callbacksOf(thread)
  t.deepEqual(
    callbacks.map(({cfa, caller}) => [cfa, caller.pc]),
    [[address(thread.callbackCfa), address(0x5020)]],
  )
  const [callback] = callbacks
  const walk = thread.process.walk(callback?.caller as RegisterSet, {foundBy: 'stack-switch', exactPc: false})
  t.deepEqual(
    walk.frames.map(({pc, foundBy}) => `${pc.toString(16)} ${foundBy}`),
    ['5020 stack-switch', '1108 pcsp', '2010 cfi'],
  )
  // C below crosscall2 has its registers back.
  t.is(walk.frames[1]?.registers.word(6), 0xb9n)
  t.is(walk.frames[1]?.registers.word(3), 0xb3n)
  t.is(walk.frames[1]?.registers.word(15), 0xbfn)
})

test('a callback that a recovered panic abandoned is not in the chain, for g0.sched.sp was put back', t => {
  const thread = callbackProcess()
  t.deepEqual(callbacksOf({...thread, switches: thread.abandoned}), [])
})

test('the outermost callback of a thread that C began keeps its own address as the former one', t => {
  const thread = callbackProcess()
  thread.process.words(thread.innerSched, thread.innerSched)
  t.like(callbacksOf(thread)[0], {cfa: 'outermost', outerSchedSp: undefined})
})

test('where asmcgocall’s words are overwritten a callback belongs to no known frame', t => {
  const thread = callbackProcess()
  thread.process.words(thread.outerBase, 0x4141414141414141n, 0x4141414141414141n)
  t.like(callbacksOf(thread)[0], {cfa: undefined})
})

test('a callback is of its frame though the return address there was written over', t => {
  const thread = callbackProcess()
  thread.process.words(thread.callbackCfa, 0x4141414141414141n, 0x4242424242424242n)
  t.is(callbacksOf(thread)[0]?.cfa, toAddress(thread.callbackCfa))
})

test('where g0.sched is lost a callback is found from where the runtime came to the system stack', t => {
  const thread = callbackProcess()
  const {switches, innerSched, callbackCfa} = thread
  const lost = {...thread, switches: {...switches, g0: switches.g0 && {...switches.g0, schedSp: address(0x10)}}}
  t.deepEqual(callbacksOf(lost), [])
  for (const words of [0, 2]) t.is(callbacksOf(lost, innerSched - words * 8)[0]?.cfa, address(callbackCfa))
})

test('the goroutine’s own walk passes cgocallback to the pc that was planted there', t => {
  // cgocallback (frame 32) at SP: the word at its CFA - 8 is systemstack_switch
  const process = new FakeProcess()
    .go({name: 'runtime.cgocallback', entry: 0x4000, end: 0x4100, frame: 32, flag: SP_WRITE})
    .go({name: 'runtime.systemstack_switch', entry: 0x4800, end: 0x4810, frame: 8})
    .go({name: 'runtime.goexit', entry: 0x6000, end: 0x6010, frame: 0, flag: TOP_FRAME})
    .words(G_STACK, 0, 0, 0, 0, 0x4808, 0, 0x6001)
  const walk = process.walk(at(0x4010, G_STACK), {foundBy: 'gobuf', exactPc: false})
  t.deepEqual(pcs(walk), [0x4010, 0x4808, 0x6001])
})

test('a coroutine of C ends on a stack of its own; below it is the call of C that switched to it', t => {
  // DW_CFA_undefined for the return address: the coroutine's outermost function.
  const {process, switches} = callbackProcess()
  process.fde(0x1200, 0x1210, '07 10').words(0xc0ffee000, 0)
  const walk = process.walk(at(0x1204, 0xc0ffee000), {}, {switches})
  t.deepEqual(pcs(walk), [0x1204, 0x2010, 0x3010, 0x4010, 0x4808, 0x3020, 0x6001])
  t.is(walk.frames[1]?.foundBy, 'stack-switch')
  const onThreadStack = process.walk(at(0x1204, G0_STACK + 0x20), {}, {switches})
  t.deepEqual([pcs(onThreadStack), onThreadStack.stop], [[0x1204], 'end-of-stack'])
})

test('racecall calls the race detector on the stack of g0, and keeps SP of the goroutine in r12', t => {
  const {process, switches} = callbackProcess()
  process
    .go({name: 'racecall', entry: 0x6100, end: 0x6130, frame: 0})
    .fde(0x1300, 0x1310, '0e 10')
    .words(G_STACK, 0x3010, 0x6001)
    .words(G0_STACK, 0, 0x6123)
  const kept = (pc: number, sp: number) =>
    at(pc, sp).toBuilder().setAddress(DWARF_REGISTER.r12, address(G_STACK)).build()
  const behindIt = [0x3010, 0x6001]
  t.deepEqual(pcs(process.walk(kept(0x1304, G0_STACK), {}, {switches})), [0x1304, 0x6123, ...behindIt])
  t.deepEqual(pcs(process.walk(kept(0x611d, G0_STACK + 0x10), {}, {switches})), [0x611d, ...behindIt])
  // Before it has changed stacks, r12 is anybody's.
  const before = at(0x6104, G_STACK)
    .toBuilder()
    .setAddress(DWARF_REGISTER.r12, address(G_STACK + 0x100))
    .build()
  t.deepEqual(pcs(process.walk(before, {}, {switches})), [0x6104, ...behindIt])
})

test('a morestack that the runtime refuses has not left the stack that it was called on', t => {
  // 7100: call 7200 <runtime.badmorestackg0>
  const process = new FakeProcess()
    .code(0x7100, 'e8 fb 00 00 00')
    .go({name: 'runtime.morestack', entry: 0x7100, end: 0x7110, frame: 0, flag: SP_WRITE})
    .go({name: 'runtime.badmorestackg0', entry: 0x7200, end: 0x7210, frame: 0})
    .go({name: 'runtime.sigpanic', entry: 0x7300, end: 0x7310, frame: 0})
    .go({name: 'runtime.goexit', entry: 0x6000, end: 0x6010, frame: 0, flag: TOP_FRAME})
    .words(G0_STACK, 0x7105, 0x7305, 0x6001)
  t.deepEqual(pcs(process.walk(at(0x7204, G0_STACK))), [0x7204, 0x7105, 0x7305, 0x6001])
})

test('the stack for crashes is left by the frame record of the function that went there', t => {
  const process = new FakeProcess()
    .go({name: 'runtime.switchToCrashStack0', entry: 0x7100, end: 0x7110, frame: 8, flag: TOP_FRAME})
    .go({name: 'runtime.badmorestackg0', entry: 0x7200, end: 0x7210, frame: 0})
    .go({name: 'runtime.goexit', entry: 0x6000, end: 0x6010, frame: 0, flag: TOP_FRAME})
    .words(G_STACK, 0, 0)
    .words(G0_STACK, 0, 0x7205, 0x6001)
  const walk = process.walk(at(0x7104, G_STACK, G0_STACK), {exactPc: false})
  t.deepEqual(pcs(walk), [0x7104, 0x7205, 0x6001])
  t.is(walk.frames[1]?.foundBy, 'stack-switch')
})

test('where the stack that the one for crashes was left from is lost, so is what was on it', t => {
  const process = new FakeProcess()
    .go({name: 'runtime.switchToCrashStack0', entry: 0x7100, end: 0x7110, frame: 8, flag: TOP_FRAME})
    .words(G_STACK, 0, 0)
  t.is(process.walk(at(0x7104, G_STACK, G0_STACK), {exactPc: false}).stop, 'unmapped')
  t.is(process.walk(at(0x7104, G_STACK), {exactPc: false}).stop, 'no-unwind-info')
})

for (const [minor, name] of [
  [7, 'calls'],
  [9, 'calls'],
  [10, 'jumps to'],
] as const) {
  test(`Go 1.${minor}: systemstack ${name} its function where it is on a system stack already`, t => {
    const process = new FakeProcess()
    process.minor = minor
    process
      .go({name: 'runtime.systemstack', entry: 0x7100, end: 0x7110, frame: 0})
      .go({name: 'runtime.throw', entry: 0x7200, end: 0x7210, frame: 0})
      .go({name: 'runtime.mstart', entry: 0x7300, end: 0x7310, frame: 0})
      .words(G0_STACK, 0x7205, 0x7305)
    const g = {
      stackLo: address(G_STACK),
      stackHi: address(G_HIGH),
      schedSp: address(0),
      schedPc: address(0),
      schedBp: address(0),
    }
    const g0 = {...g, stackLo: address(G0_STACK), stackHi: address(G0_STACK + 0x1000)}
    const walk = process.walk(at(0x7104, G0_STACK), {exactPc: false}, {switches: {g, g0}})
    // Later releases leave no frame there: what is below was left by something else.
    t.deepEqual(pcs(walk), minor < 10 ? [0x7104, 0x7205, 0x7305] : [0x7104])
  })
}
