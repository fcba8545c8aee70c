// One goroutine's stack across the stacks that it is on. The thread is that of callback-process: Go → C → Go → C.
import test from 'ava'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {CallbackSegments, type CSegment, expectLanding, walkSegment} from '../../../src/analysis/stacks/c-segments.ts'
import type {BareFrame} from '../../../src/analysis/stacks/frame-pointer-stack.ts'
import {
  type StitchedFrame,
  stitchBareStack,
  stitchStack,
  stitchSystemStack,
} from '../../../src/analysis/stacks/stitched-stack.ts'
import {NULL_ADDRESS, toAddress} from '../../../src/base/address.ts'
import {Deadline} from '../../../src/base/deadline.ts'
import {Diagnostics} from '../../../src/base/diagnostics.ts'
import type {GoTables} from '../../../src/gosym/func-table.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import type {Machine} from '../../../src/runtime-model/machine.ts'
import {GoSites} from '../../../src/unwind/go-site.ts'
import {GoStackWalk, type GoStart} from '../../../src/unwind/goroutine-walk.ts'
import type {StackSwitches, StopReason, UnwindFrame} from '../../../src/unwind/unwind-frame.ts'
import {type CallbackProcess, callbackProcess} from '../../unwind/callback-process.ts'
import {at} from '../../unwind/process.ts'

interface Options {
  switches?: StackSwitches
  /** m.ncgo */
  calls?: number
  maxFrames?: number
  /** Where the goroutine is, below what C has left by longjmp. */
  rejoinAt?: {pc: number; sp: number} | undefined
}

/** What the stitched stack of the thread's goroutine, in its inner call of C, is made of; and its stop. */
function stitched(
  thread: CallbackProcess,
  {switches = thread.switches, calls = 2, maxFrames = 1000, rejoinAt}: Options = {},
) {
  const {process: memory, innerSp, leafSp} = thread
  const tables = {functionAt: pc => memory.functionAt(pc)} as Pick<GoTables, 'functionAt'> as GoTables
  const process = {
    memory,
    tables,
    maxFrames,
    deadline: Deadline.never(new Diagnostics()),
    tailCalls: {between: () => []},
    version: memory.version,
    oldestVersion: memory.version,
    unwinder: memory.unwinder(),
    runtime: {isExtraMachine: () => false},
  } as unknown as DeadProcess
  const {stackLo, stackHi} = switches.g ?? {stackLo: toAddress(0), stackHi: toAddress(0)}
  const goroutine = {stack: {lo: stackLo, hi: stackHi}, syscall: {sp: toAddress(innerSp + 16)}} as unknown as Goroutine
  const seed = {registers: at(0x1004, leafSp), foundBy: 'context' as const, exactPc: true}
  const leaf = expectLanding(walkSegment(process, seed, switches, goroutine))
  const start = {pc: toAddress(0x3010), sp: toAddress(innerSp + 16), trap: false, isSyscall: true}
  const go = new GoStackWalk(start, {memory, sites: new GoSites(tables, false), maxFrames: 100})
  const callbacks = new CallbackSegments(process, {ncgo: calls} as unknown as Machine, goroutine, switches, leaf)
  const from = rejoinAt && {pc: toAddress(rejoinAt.pc), sp: toAddress(rejoinAt.sp), trap: false, isSyscall: true}
  const walk = (start: GoStart) => new GoStackWalk(start, {memory, sites: new GoSites(tables, false), maxFrames: 100})
  const rejoin = from && {pc: from.pc, sp: from.sp, foundBy: 'stack-switch' as const, walk: () => walk(from)}
  const steps = stitchStack({leaf, go, foundBy: 'syscall', callbacks, rejoin})
  const items: string[] = []
  let step = steps.next()
  for (; !step.done; step = steps.next()) items.push(describe(step.value))
  return {items, stop: step.value satisfies StopReason}
}

function describe(item: StitchedFrame): string {
  if (item.kind === 'seam') return item.missing ? `into ${item.into}: ${item.missing}` : `into ${item.into}`
  if (item.kind === 'left-out') return `${item.count} left out`
  return `${item.kind} ${item.frame.pc.toString(16)}${item.kind === 'go' && item.isPlanted ? ' planted' : ''}`
}

const leaf = ['native 1004', 'native 2010', 'into go']
const inner = ['go 3010', 'go 4010']
const callers = ['native 5020', 'native 1108', 'native 2010', 'into go']
const outer = ['go 4808 planted', 'go 3020', 'go 6001']

test('C stands above the cgocall that entered it and below the cgocallback that it called', t => {
  t.deepEqual(stitched(callbackProcess()), {
    items: [...leaf, ...inner, 'into c', ...callers, ...outer],
    stop: 'end-of-stack',
  })
})

test('an abandoned callback has no C frames, and those of no other', t => {
  const thread = callbackProcess()
  t.deepEqual(stitched(thread, {switches: thread.abandoned, calls: 1}).items.slice(3), [
    ...inner,
    'into c: abandoned',
    ...outer,
  ])
})

test('calls that C has left by longjmp are marked, and the stack goes on behind them', t => {
  const thread = callbackProcess()
  const left = stitched(thread, {rejoinAt: {pc: 0x3020, sp: thread.callbackCfa + 16}})
  t.deepEqual(left, {
    items: [...leaf, 'into go: left', ...inner, 'go 4808', 'into go: rejoined', 'go 3020', 'go 6001'],
    stop: 'end-of-stack',
  })
})

test('where no walk comes through what C has left, the stack goes on from where the goroutine is', t => {
  const thread = callbackProcess()
  thread.process.words(thread.callbackCfa - 8, 0x9999)
  const left = stitched(thread, {rejoinAt: {pc: 0x3020, sp: thread.callbackCfa + 16}})
  t.deepEqual(left, {
    items: [...leaf, 'into go: left', ...inner, 'into go: rejoined', 'go 3020', 'go 6001'],
    stop: 'end-of-stack',
  })
})

test('what C left may lead past where the goroutine is: what stands there are no frames', t => {
  const thread = callbackProcess()
  // The frame behind the callback is one of 40 bytes, and reaches over the goroutine's place.
  thread.process.words(thread.callbackCfa - 8, 0x4010).words(thread.callbackCfa + 32, 0x6001)
  const left = stitched(thread, {rejoinAt: {pc: 0x3020, sp: thread.callbackCfa + 16}})
  t.deepEqual(left, {
    items: [...leaf, 'into go: left', ...inner, 'go 4010', 'into go: rejoined', 'go 3020', 'go 6001'],
    stop: 'end-of-stack',
  })
})

test('a walk that comes out of what C has left beside the frame where the goroutine is ends there', t => {
  const thread = callbackProcess()
  const left = stitched(thread, {rejoinAt: {pc: 0x3028, sp: thread.callbackCfa + 16}})
  t.deepEqual(left, {
    items: [...leaf, 'into go: left', ...inner, 'go 4808', 'into go: rejoined', 'go 3028', 'go 6001'],
    stop: 'end-of-stack',
  })
})

test('an abandoned callback is no fault of the walk', t => {
  const thread = callbackProcess()
  t.is(stitched(thread, {switches: thread.abandoned, calls: 1}).stop, 'end-of-stack')
})

test('a callback that the M counts and the chain does not have is lost, not abandoned', t => {
  const thread = callbackProcess()
  thread.process.words(thread.abandoned.g0?.schedSp ?? NULL_ADDRESS, 0n)
  const {items, stop} = stitched(thread, {switches: thread.abandoned, calls: 2})
  t.true(items.includes('into c: no-unwind-info'))
  t.is(stop, 'no-unwind-info')
})

test('a callback that asmcgocall’s overwritten words do not place is lost', t => {
  const thread = callbackProcess()
  thread.process.words(thread.outerBase, 0x4141414141414141n, 0x4141414141414141n)
  t.true(stitched(thread).items.includes('into c: no-unwind-info'))
})

test('a leaf that cannot be walked costs its own frames alone', t => {
  const thread = callbackProcess()
  thread.process.words(thread.leafSp, 0x4141414141414141n)
  const {items, stop} = stitched(thread)
  t.deepEqual(items, ['native 1004', 'into go: unmapped', ...inner, 'into c', ...callers, ...outer])
  t.is(stop, 'unmapped')
})

test('C frames below a callback that cannot be walked cost themselves alone', t => {
  const thread = callbackProcess()
  // The return address of the C function that called back.
  thread.process.words(thread.innerSched + 40 + 0x60, 0x4141414141414141n)
  const {items, stop} = stitched(thread)
  t.deepEqual(items.slice(3), [...inner, 'into c', 'native 5020', 'native 1108', 'into go: unmapped', ...outer])
  t.is(stop, 'unmapped')
})

test('C frames that end before the Go code that called them have not come to their end', t => {
  const thread = callbackProcess()
  thread.process.words(thread.innerSched + 40 + 0x60, 0)
  const {items, stop} = stitched(thread)
  t.true(items.includes('into go: no-unwind-info'))
  t.is(stop, 'no-unwind-info')
})

test('of a long segment both ends are there', t => {
  t.deepEqual(stitched(callbackProcess(), {maxFrames: 2}).items.slice(5, 10), [
    'into c',
    'native 5020',
    '1 left out',
    'native 2010',
    'into go',
  ])
})

/** Frames of a system stack, and behind them two of the goroutine's own. */
const LEAF: CSegment = {
  frames: [0x10, 0x20, 0x30, 0x1040, 0x1050].map(sp => ({pc: toAddress(sp), sp: toAddress(sp)}) as UnwindFrame),
  missing: [
    {after: 1, reason: 'frameless'},
    {after: 4, reason: 'frameless'},
  ],
  elided: {after: 2, count: 7},
  landing: undefined,
  stop: 'end-of-stack',
}

function itemsOf(steps: Generator<StitchedFrame, StopReason>) {
  const items: string[] = []
  let step = steps.next()
  for (; !step.done; step = steps.next()) items.push(describe(step.value))
  return {items, stop: step.value}
}

test('without function tables what may be missing above the goroutine is told, and what was left out', t => {
  const frame: BareFrame = {...LEAF.frames[3], cfa: undefined} as BareFrame
  function* bare(): Generator<BareFrame, StopReason> {
    yield frame
    return 'end-of-stack'
  }
  t.deepEqual(itemsOf(stitchBareStack(LEAF, bare(), sp => sp >= 0x1000)), {
    items: ['native 10', 'into go: frameless', 'native 20', '7 left out', 'native 30', 'into go', 'bare 1040'],
    stop: 'end-of-stack',
  })
})

test('frames of C that nothing tells, between two parts of a bare stack, are why it is not whole', t => {
  const frame: BareFrame = {...LEAF.frames[3], isBehindGap: true} as BareFrame
  function* bare(): Generator<BareFrame, StopReason> {
    yield frame
    return 'end-of-stack'
  }
  const {items, stop} = itemsOf(stitchBareStack(undefined, bare(), sp => sp >= 0x1000))
  t.deepEqual({items, stop}, {items: ['into go: no-unwind-info', 'bare 1040'], stop: 'no-unwind-info'})
})

test('a system stack tells between which of its frames some are missing', t => {
  const missing = [{after: 1, reason: 'no-unwind-info' as const}]
  t.deepEqual(itemsOf(stitchSystemStack({...LEAF, frames: LEAF.frames.slice(0, 3), missing, elided: null})), {
    items: ['native 10', 'into go: no-unwind-info', 'native 20', 'native 30'],
    stop: 'no-unwind-info',
  })
})
