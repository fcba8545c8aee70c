// What a thread does, without function tables, while it is on the stack of its goroutine.
import test from 'ava'
import {USER_REGS} from '../../../src/amd64/user-regs.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {walkSegment} from '../../../src/analysis/stacks/c-segments.ts'
import {walkBareStack} from '../../../src/analysis/stacks/frame-pointer-stack.ts'
import {stitchNamelessThread} from '../../../src/analysis/stacks/nameless-thread.ts'
import {type ThreadFacts, walkThread} from '../../../src/analysis/stacks/thread-walk.ts'
import {type Address, toAddress} from '../../../src/base/address.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import type {Machine} from '../../../src/runtime-model/machine.ts'
import type {UnwindFrame} from '../../../src/unwind/unwind-frame.ts'
import {at, FakeProcess} from '../../unwind/process.ts'

const LOW = 0xc000000000
const HIGH = LOW + 0x400
const CODE = {start: 0x401000, end: 0x402000}
/** Where entersyscall was called, and its caller's record. */
const IN_SYSCALL = LOW + 0x180

/** Where the stack may have been before it grew. */
const OTHER = HIGH + 0x200

/** A thread in futexsleep, whose caller has called nanotime: `rbp` is what that left for the record of futexsleep. */
function thread(rbp: number, {syscallSp = IN_SYSCALL, calls = 0, outer = HIGH - 0x30} = {}) {
  const memory = new FakeProcess()
    .unread(CODE.start, CODE.end)
    .words(LOW, ...new Array<number>(0x80).fill(0))
    .words(LOW + 0x120, rbp, 0x401222)
    .words(LOW + 0x150, LOW + 0x1a0, 0x401333)
    .words(LOW + 0x1a0, outer, 0x401444)
    .words(OTHER, OTHER + 0x40, 0x401666, 0, 0, 0, 0, 0, 0, 0, 0x401777)
    .words(HIGH - 0x30, 0, 0x401555)
  const process = {
    memory,
    version: memory.version,
    oldestVersion: memory.version,
    unwinder: memory.unwinder(),
    maxFrames: 100,
    runtime: {machineAt: () => ({ncgo: calls})},
    tailCalls: {between: () => []},
    isExecutable: (address: Address) => address >= CODE.start && address < CODE.end,
  } as unknown as DeadProcess
  const goroutine = {
    id: 7,
    m: 0,
    stack: {lo: toAddress(LOW), hi: toAddress(HIGH)},
    status: {text: 'syscall'},
    sched: {pc: toAddress(0x401300), sp: toAddress(syscallSp), bp: 0},
    syscall: {pc: toAddress(0x401330), sp: toAddress(syscallSp), bp: 0},
    signal: {number: 0, pc: 0n},
  } as unknown as Goroutine
  const seed = {registers: at(0x401100, LOW + 0x110, LOW + 0x120), foundBy: 'context' as const, exactPc: true}
  return {process, goroutine, leaf: walkSegment(process, seed, undefined, goroutine)}
}

function stitched({process, goroutine, leaf}: ReturnType<typeof thread>): string[] {
  const items: string[] = []
  const steps = stitchNamelessThread(process, goroutine, leaf)
  let step = steps.next()
  for (; !step.done; step = steps.next()) {
    const {value} = step
    if (value.kind === 'seam') items.push(`${value.into}: ${value.missing ?? 'whole'}`)
    else if (value.kind !== 'left-out') items.push(`${value.kind} ${value.frame.pc.toString(16)}`)
  }
  return [...items, step.value]
}

const lost = ['native 401100', 'native 401222', 'go: whole']

test('a walk that is lost further in than the system call goes on where the goroutine entered that, with a mark', t => {
  // As the goroutine itself ends.
  const outer = ['bare 401330', 'go: frameless', 'bare 401444', 'bare 401555', 'end-of-stack']
  t.deepEqual(stitched(thread(LOW + 0x128)), [...lost, 'go: frameless', ...outer])
})

test('what a frame pointer that leads off the goroutine’s stack finds is not of it: frames are missing there', t => {
  const own = ['native 401100', 'native 401222', 'native 401333', 'native 401444', 'go: whole']
  const off = thread(LOW + 0x150, {outer: OTHER})
  t.deepEqual(
    off.leaf.frames.slice(4).map(({pc}) => pc.toString(16)),
    ['401666', '401777'],
  )
  t.deepEqual(stitched(off), [...own, 'nothing: no-unwind-info', 'no-unwind-info'])
})

test('one that comes past the system call, one of a goroutine in none, and one in C are left as they are', t => {
  const inner = ['native 401100', 'native 401222']
  const whole = [...inner, 'native 401333', 'native 401444', 'native 401555', 'go: whole', 'end-of-stack']
  t.deepEqual(stitched(thread(LOW + 0x150)), whole)
  const unwalked = [...lost, 'nothing: no-unwind-info', 'no-unwind-info']
  t.deepEqual(stitched(thread(LOW + 0x128, {syscallSp: 0})), unwalked)
  t.deepEqual(stitched(thread(LOW + 0x128, {calls: 1})), unwalked)
})

test('in a handler whose stack is lost, the frames of a goroutine that threw are what fatalthrow kept of them', t => {
  const {process, goroutine} = thread(LOW + 0x128)
  const memory = process.memory as unknown as FakeProcess
  const g = 0xc000800000
  memory.words(LOW + 0x118, g, 0x401333, LOW + 0x160).words(LOW + 0x158, 0x401333)
  const handler = walkSegment(
    process,
    {registers: at(0x401100, g), foundBy: 'context', exactPc: true},
    undefined,
    undefined,
  )
  const running = {
    ...goroutine,
    address: g,
    m: 1,
    status: {text: 'running'},
    sched: {...goroutine.sched, sp: LOW + 0x100},
    syscall: {pc: 0, sp: 0, bp: 0},
  } as unknown as Goroutine
  const ofMachine = (throwing: number) => ({
    machineAt: () => ({throwing, curg: g, g0: 0}),
    goroutineAt: () => ({...goroutine, stack: {lo: 0, hi: 0}}),
  })
  const items = (throwing: number) => {
    const runtime = ofMachine(throwing) as unknown as DeadProcess['runtime']
    return stitched({process: {...process, runtime}, goroutine: running, leaf: handler})
  }
  t.deepEqual(items(1).slice(0, 3), ['native 401100', 'go: no-unwind-info', 'bare 401333'])
  t.deepEqual(items(0), ['native 401100', 'go: no-unwind-info', 'nothing: unmapped', 'no-unwind-info'])
})

test('a goroutine that threw, in a system call as far as the runtime knows, is where fatalthrow left for g0', t => {
  const {process, goroutine} = thread(0)
  const [g, left] = [0xc000800000, LOW + 0x118]
  const memory = process.memory as unknown as FakeProcess
  memory.words(left, LOW + 0x120, 0x401333, g, 0x401444, LOW + 0x168).words(LOW + 0x160, 0x401444)
  const leaf = walkSegment(
    process,
    {registers: at(0x401100, g), foundBy: 'context', exactPc: true},
    undefined,
    undefined,
  )
  const items = (throwing: number) => {
    const runtime = {machineAt: () => ({throwing, curg: g, g0: 0})} as unknown as DeadProcess['runtime']
    const sched = {pc: 0x401200, sp: left, bp: left}
    const syscall = {pc: 0x401330, sp: LOW + 0x110, bp: 0}
    const dying = {...goroutine, address: g, m: 1, sched, syscall} as unknown as Goroutine
    return stitched({process: {...process, runtime}, goroutine: dying, leaf}).slice(2, 4)
  }
  t.deepEqual(items(1), ['bare 401200', 'bare 401333'])
  t.is(items(0)[0], 'bare 401330', 'where it called C')
})

test('in a system call the frame pointer is that of the thread; what looks like a record may be an older call’s', t => {
  const {process, goroutine, leaf} = thread(LOW + 0x150, {syscallSp: LOW + 0x160})
  const memory = process.memory as unknown as FakeProcess
  memory.words(LOW + 0x170, HIGH - 0x80, 0x401999)
  const found = (place: UnwindFrame | undefined) => {
    const runtime = {machineAt: () => ({curg: 7})} as unknown as DeadProcess['runtime']
    const on = {...goroutine, address: 7, m: 1} as unknown as Goroutine
    const frames = walkBareStack({...process, runtime}, () => place, on)
    return Array.from(frames, ({pc, mayHideCaller}) => `${pc.toString(16)}${mayHideCaller ? ' (frameless?)' : ''}`)
  }
  t.deepEqual(found(leaf.frames[0]), ['401330', '401444', '401555'])
  t.deepEqual(found(undefined), ['401330 (frameless?)', '401999'])
})

test('the program’s code on an M’s signal stack is of a handler, wherever that stack is lost; C may be on any other', t => {
  const GSIGNAL = 0xc000900000
  const signalStack = {lo: GSIGNAL, hi: GSIGNAL + 0x1000}
  const innermost = (pc: number, sp: number) => {
    const {process} = thread(0)
    const registers = new BigUint64Array(27)
    registers[USER_REGS.rip] = BigInt(pc)
    registers[USER_REGS.rsp] = BigInt(sp)
    const dead = {
      ...process,
      goModule: CODE,
      images: [],
      core: {threads: [], signal: undefined},
      runtime: {goroutineAt: (at: number) => (at === GSIGNAL ? {stack: signalStack} : undefined)},
    } as unknown as DeadProcess
    const machine = {gsignal: GSIGNAL, g0: 0, throwing: 0} as unknown as Machine
    const facts = {thread: {tid: 1, registers}, machine, goroutine: undefined, parked: undefined}
    return walkThread(dead, {...facts, switches: undefined, sites: undefined} as unknown as ThreadFacts).innermost
  }
  t.is(innermost(CODE.start + 0x10, GSIGNAL + 0x100), 1)
  t.is(innermost(CODE.end + 0x10, GSIGNAL + 0x100), 0, 'a handler of a library')
  t.is(innermost(CODE.start + 0x10, GSIGNAL + 0x2000), 0)
})
