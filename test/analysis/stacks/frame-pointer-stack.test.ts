// A goroutine's stack without function tables: by the records of rbp that lie on it.
import test from 'ava'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {reportBareFrame, walkBareStack} from '../../../src/analysis/stacks/frame-pointer-stack.ts'
import {type Address, toAddress} from '../../../src/base/address.ts'
import {GoVersion} from '../../../src/gosym/version.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import type {SourceFrame} from '../../../src/symbolize/source-frame.ts'
import {FakeProcess} from '../../unwind/process.ts'

const LOW = 0xc000000000
const HIGH = LOW + 0x400
const CODE = {start: 0x401000, end: 0x402000}

interface Saved {
  pc?: number
  sp?: number
  bp?: number
  startpc?: number
  /** Where the goroutine faulted, as g.sigpc has it. */
  faultPc?: number
  status?: string
  asyncSafePoint?: boolean
  minor?: number
  /** Whether an M runs it, on another stack. */
  onMachine?: boolean
  /** Whether it may be in a callback. */
  locked?: boolean
  /** g.stktopsp. */
  topSp?: number
}

/** The stack as words from its gobuf's sp on. */
function walk(words: readonly number[], saved: Saved = {}) {
  const {pc = 0x401010, sp = LOW + 0x100, bp = sp, startpc = 0, faultPc, asyncSafePoint = false, minor} = saved
  const memory = new FakeProcess()
    .unread(CODE.start, CODE.end)
    .words(LOW, ...new Array<number>(0x80).fill(0))
    .words(LOW + 0x100, ...words)
  const version = minor === undefined ? memory.version : GoVersion.ofMinor(minor)
  const process = {
    memory,
    version,
    oldestVersion: version,
    goModule: CODE,
    unwinder: memory.unwinder(),
    runtime: {machineAt: (m: number) => (m === 0x8000 ? {curg: 0x7000} : undefined)},
    isExecutable: (address: Address) => address >= CODE.start && address < CODE.end,
  } as unknown as DeadProcess
  const position = (at: number) => toAddress(at)
  const goroutine = {
    id: 7,
    m: saved.onMachine ? 0x8000 : 0,
    address: 0x7000,
    lockedToThread: saved.locked === true,
    hasPanics: false,
    startpc,
    stack: {lo: toAddress(LOW), hi: toAddress(HIGH)},
    topSp: saved.topSp ?? 0,
    status: {text: saved.status ?? 'waiting'},
    asyncSafePoint,
    sched: {pc: position(pc), sp: position(sp), bp: position(bp)},
    syscall: {pc: 0, sp: 0, bp: 0},
    signal: {number: faultPc === undefined ? 0 : 11, pc: BigInt(faultPc ?? 0)},
  } as unknown as Goroutine
  const frames = walkBareStack(process, () => undefined, goroutine)
  const found: string[] = []
  let next = frames.next()
  for (; !next.done; next = frames.next()) {
    const {foundBy, mayHideCaller, isBehindGap} = next.value
    found.push(
      `${next.value.pc.toString(16)} ${foundBy}${mayHideCaller ? ' (frameless?)' : ''}${isBehindGap ? ' (gap)' : ''}`,
    )
  }
  return {found, stop: next.value}
}

const RECORDS = [LOW + 0x120, 0x401111, 0, 0, LOW + 0x140, 0x401222, 0, 0, 0, 0x401333]

test('each record leads to the next, and a record without a caller’s frame pointer is the last', t => {
  const {found} = walk(RECORDS)
  t.deepEqual(found.slice(0, 3), ['401010 gobuf', '401111 frame-pointer', '401222 frame-pointer'])
})

test('0 in rbp ends a stack where goroutines begin; elsewhere C that called back may have had it', t => {
  const start = HIGH - 0x30
  const words = [start, 0x401111, ...new Array<number>((start - LOW - 0x110) / 8).fill(0), 0, 0x401222, 0]
  const outermost = {found: ['401010 gobuf', '401111 frame-pointer', '401222 frame-pointer'], stop: 'end-of-stack'}
  t.deepEqual(walk(words, {minor: 27}), outermost)
  t.is(walk(RECORDS, {minor: 27}).stop, 'no-unwind-info')
  // Up to 1.16 arguments may lie in between.
  t.is(walk(RECORDS, {minor: 16}).stop, 'end-of-stack')
})

test('a goroutine begins where it says, near the top of its stack or not', t => {
  const outermost = {minor: 16, topSp: LOW + 0x150}
  t.is(walk(RECORDS, outermost).stop, 'end-of-stack')
  t.is(walk(RECORDS, {...outermost, topSp: HIGH - 0x28}).stop, 'no-unwind-info')
})

test('a last function without a frame has its return address on top; what else lies there proves nothing', t => {
  const words = [...RECORDS, 0x401444, 0x401555]
  const frames = ['401010 gobuf', '401111 frame-pointer', '401222 frame-pointer', '401333 frame-pointer']
  const {found, stop} = walk(words, {minor: 8, topSp: LOW + 0x160})
  t.deepEqual(found, [...frames, '401444 frame-pointer', '401555 frame-pointer'])
  t.is(stop, 'end-of-stack')
  t.deepEqual(walk(words.with(-2, 7), {minor: 8, topSp: LOW + 0x160}), {found: frames, stop: 'no-unwind-info'})
})

test('up to 1.7 a function that called another may have no frame; one that called cgocall has', t => {
  const words = RECORDS.with(2, 0x401666)
  const found = (minor: number) => walk(words, {minor, topSp: LOW + 0x150}).found
  const frames = ['401010 gobuf', '401111 frame-pointer', '401222 frame-pointer', '401333 frame-pointer']
  t.deepEqual(found(8), frames)
  t.deepEqual(found(7), frames.with(1, '401111 frame-pointer (frameless?)'))
  // fn and its argument, as cgocall gave them to asmcgocall and as it got them.
  const given = [
    0x401660,
    LOW + 0x180,
    0,
    0,
    0,
    0,
    LOW + 0x170,
    0x401111,
    0x401660,
    LOW + 0x180,
    0,
    0,
    0,
    0,
    0,
    0x401333,
  ]
  t.deepEqual(walk(given, {minor: 7, bp: LOW + 0x130, topSp: LOW + 0x180}).found, [
    '401010 gobuf',
    '401111 frame-pointer',
    '401333 frame-pointer',
  ])
})

test('no frame of another stack is shown: a record that leads out of the goroutine’s ends it', t => {
  const outside = HIGH + 0x100
  const {found, stop} = walk([outside, 0x401111, 0, 0])
  t.deepEqual(found.slice(0, 2), ['401010 gobuf', '401111 frame-pointer'])
  t.true(found.length <= 2)
  t.not(stop, 'end-of-stack')
})

test('a return address that is no code ends it', t => {
  const {found, stop} = walk([LOW + 0x120, 0xdead0000, 0, 0, 0, 0])
  t.deepEqual(found, ['401010 gobuf'])
  t.not(stop, 'end-of-stack')
})

test('a goroutine that never ran has its first function, and what returns from it', t => {
  const {found} = walk([0x401444], {pc: 0x401500, startpc: 0x401500, bp: 0})
  t.deepEqual(found.slice(0, 2), ['401500 gobuf', '401444 frame-pointer'])
})

test('without a place in its gobuf nothing is known', t => {
  t.deepEqual(walk([], {sp: 0}), {found: [], stop: 'unmapped'})
})

test('what lies on a goroutine’s stack is Go code, unless it is named as another language’s', t => {
  const frame = {pc: 0x401010, lookupPc: 0x40100f, sp: LOW, cfa: LOW + 8, foundBy: 'gobuf', kind: 'native'} as const
  const shown = (fields: Partial<SourceFrame>) => {
    const source = {
      kind: 'c',
      function: null,
      file: null,
      line: null,
      column: null,
      entry: null,
      inlined: false,
      moduleOffset: null,
      module: null,
    }
    const process = {images: [], symbolizer: {locate: () => [{...source, ...fields}]}} as unknown as DeadProcess
    const [report] = reportBareFrame(process, frame as unknown as Parameters<typeof reportBareFrame>[1])
    return [report?.kind, report?.language, report?.args]
  }
  t.deepEqual(shown({}), ['go', 'Go', '...'])
  t.deepEqual(shown({function: 'main.main', language: 'Go'}), ['go', 'Go', '...'])
  t.deepEqual(shown({function: 'crash', language: 'c'}).slice(0, 2), ['c', 'c'])
})

test('a function that faulted may have no frame: that its caller may be missing is marked, and no caller is guessed', t => {
  // sigpanic's record, whose rbp is that of the caller of the function that faulted at 0x401111.
  const faulted = [LOW + 0x140, 0x401111, 0x401222, 0, 0, 0, 0, 0, 0, 0x401333]
  const marked = ['401010 gobuf', '401111 frame-pointer (frameless?)', '401333 frame-pointer']
  t.deepEqual(walk(faulted, {faultPc: 0x401111}).found.slice(0, 3), marked)
  // A function with a frame has something else there.
  const framed = [LOW + 0x140, 0x401111, 0x77, 0, 0, 0, 0, 0, 0, 0x401333]
  t.deepEqual(walk(framed, {faultPc: 0x401111}).found.slice(1, 3), ['401111 frame-pointer', '401333 frame-pointer'])
  // Whoever only called returns to a place behind the call, over a frame of its own.
  t.deepEqual(walk(faulted).found.slice(1, 3), ['401111 frame-pointer', '401333 frame-pointer'])
})

test('what asyncPreempt stands on was interrupted, and may have no frame', t => {
  const stack = [LOW + 0x120, 0x401111, 0, 0, LOW + 0x160, 0x401222, 0x401333, 0, 0, 0, 0, 0, 0, 0x401444]
  const saved = {status: 'runnable', asyncSafePoint: true}
  const {found} = walk(stack, saved)
  t.deepEqual(found.slice(2, 4), ['401222 frame-pointer (frameless?)', '401444 frame-pointer'])
  t.deepEqual(walk(stack).found.slice(2, 4), ['401222 frame-pointer', '401444 frame-pointer'])
})

test('a goroutine that gave way in a prologue has no frame yet; one that waits has called what parked it', t => {
  const stack = [0x401111, 0, LOW + 0x140, 0x401222, 0, 0, 0, 0, 0, 0x401333]
  const saved = {bp: LOW + 0x110, status: 'runnable'}
  t.deepEqual(walk(stack, saved).found.slice(0, 2), ['401010 gobuf (frameless?)', '401222 frame-pointer'])
  t.deepEqual(walk(stack, {...saved, status: 'waiting'}).found.slice(0, 2), ['401010 gobuf', '401222 frame-pointer'])
  t.deepEqual(walk([0x77, ...stack.slice(1)], saved).found.slice(0, 1), ['401010 gobuf'])
})

test('systemstack_switch is no frame of a goroutine that runs on another stack', t => {
  // systemstack has a frame record since 1.21; before, its return address alone stands on the stack.
  const running = {pc: 0x401808, status: 'running'}
  const recorded = [LOW + 0x120, 0x401111, 0, 0, LOW + 0x140, 0x401222, 0, 0, 0, 0x401333]
  t.deepEqual(walk(recorded, {...running, minor: 22}).found.slice(0, 2), [
    '401111 stack-switch',
    '401222 frame-pointer',
  ])
  const bare = [0x401111, 0, LOW + 0x140, 0x401222, 0, 0, 0, 0, 0, 0x401333]
  const old = walk(bare, {...running, bp: LOW + 0x110, minor: 15})
  t.deepEqual(old.found.slice(0, 2), ['401111 stack-switch', '401222 frame-pointer'])
  // What mcall has left stands on words of its own.
  t.deepEqual(walk([0x77, ...bare.slice(1)], {...running, bp: LOW + 0x110, minor: 15}).found[0], '401808 gobuf')
  t.deepEqual(walk(bare, {...running, bp: LOW + 0x110, minor: 22}).found[0]?.slice(0, 12), '401808 gobuf')
})

test('a goroutine that is said to wait while an M runs it is in systemstack, whose planted caller is a frame of it', t => {
  const waiting = {pc: 0x401808, status: 'waiting', onMachine: true}
  const recorded = [LOW + 0x120, 0x401111, 0, 0, LOW + 0x140, 0x401222, 0, 0, 0, 0x401333]
  const frames = ['401808 gobuf', '401111 stack-switch', '401222 frame-pointer']
  t.deepEqual(walk(recorded, {...waiting, minor: 22}).found.slice(0, 3), frames)
  const bare = [0x401111, 0, LOW + 0x140, 0x401222, 0, 0, 0, 0, 0, 0x401333]
  t.deepEqual(walk(bare, {...waiting, bp: LOW + 0x110, minor: 13}).found.slice(0, 3), frames)
  // What parked it has a record of its own, and it is on no M.
  const parked = walk(recorded, {...waiting, onMachine: false, minor: 22}).found
  t.deepEqual(parked.slice(0, 2), ['401808 gobuf', '401111 frame-pointer'])
})

test('a goroutine that is parked and locked to no thread is in no callback: nothing is searched for behind its end', t => {
  const words = [0x7ffc0000, 0x401111, 0x401222, 0x401333, LOW + 0x180, 0x401444, ...new Array<number>(10).fill(0)]
  const lines = (locked: boolean) => walk(words, {minor: 10, bp: LOW + 0x100, locked}).found.length
  t.true(lines(true) > 2)
  t.is(lines(false), 2)
})

test('of records that lead to one place the outermost is taken, and that a frame may be missing is marked', t => {
  // cgocallback's frame; above it what it pushed, cgocall's return address, and in cgocall's frame a leftover record.
  const words = [0x7ffc0000, 0x401111, 0x401222, 0x401333, LOW + 0x180, 0x401999, LOW + 0x180, 0x401444]
  words.push(0, 0, 0, 0, 0, 0, 0, 0, LOW + 0x200, 0x401555)
  const {found} = walk(words, {minor: 19, bp: LOW + 0x100, locked: true})
  const called = found.slice(found.findIndex(line => line.startsWith('401333')))
  t.deepEqual(called.slice(0, 3), ['401333 scan (frameless?)', '401444 frame-pointer', '401555 frame-pointer'])
})

/** Words above cgocallback's frame: what it pushed, asmcgocall's return address, and cgocall's frame. */
function belowCallback(pushed: readonly number[], cgocall: readonly number[], minor: number): string[] {
  const {found} = walk([0x7ffc0000, 0x401111, ...pushed, 0x401222, 0x401333, ...cgocall, LOW + 0x200, 0x401555], {
    minor,
    bp: LOW + 0x100,
    locked: true,
  })
  return found.slice(found.findIndex(line => line.startsWith('401222')))
}

test('the record of cgocall is that with its arguments above, which it gave to asmcgocall; else it is marked', t => {
  const below = (fn: number, argument: number, given = [fn, argument]) => {
    const frame = [...given, LOW + 0x1c0, 0x401999, LOW + 0x180, 0x401444, fn, argument, 0, 0, 0, 0]
    return belowCallback([], frame, 19)
  }
  const called = ['401222 scan (gap)', '401333 scan', '401444 frame-pointer', '401555 frame-pointer']
  t.deepEqual(below(0x401800, LOW + 0x170).slice(0, 4), called)
  const leftover = ['401222 scan (gap)', '401333 scan (frameless?)', '401999 frame-pointer']
  t.deepEqual(below(0x401800, 0x1234).slice(0, 3), leftover, 'no address on the stack')
  t.deepEqual(below(0x77, LOW + 0x170).slice(0, 3), leftover, 'no function')
  t.deepEqual(below(0x401800, LOW + 0x170, [0x401800, LOW + 0x178]).slice(0, 3), leftover, 'another argument')
})

test('up to 1.9 cgocall has a larger frame, and a leftover below what cgocallback pushed is no call of asmcgocall', t => {
  const argument = LOW + 0x170
  const frame = [0x401800, argument, 0, 0, 0, 0, LOW + 0x180, 0x401444, 0x401800, argument, 0]
  const called = ['401222 scan (gap)', '401333 scan', '401444 frame-pointer', '401555 frame-pointer']
  t.deepEqual(belowCallback([0x401666], frame, 7).slice(0, 4), called)
})

test('a function that stands behind another return address further in is not what asmcgocall returns to', t => {
  const frame = [0x401900, LOW + 0x170, 0, 0, LOW + 0x190, 0x401444, 0x401900, LOW + 0x170, 0, 0]
  const found = belowCallback([0x401777, 0x401800, 0x77], frame, 19)
  t.deepEqual(found.slice(0, 3), ['401222 scan (gap)', '401333 scan', '401444 frame-pointer'])
})

test('between the end of a walk and the call of C that it goes on from, frames are missing', t => {
  const cgocall = [0x401222, LOW + 0x380, 0x401444]
  const below = (gap: number) => [0x7ffc0000, 0x401111, ...new Array<number>(gap).fill(0x77), ...cgocall, 0, 0, 0]
  const marks = (gap: number) =>
    walk(below(gap), {minor: 22, bp: LOW + 0x100, locked: true}).found.filter(line => line.endsWith('(gap)'))
  t.deepEqual(marks(2), ['401222 scan (gap)'])
  t.deepEqual(marks(30), ['401222 scan (gap)'])
})
