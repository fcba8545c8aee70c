// Frames of C between two parts of a goroutine's stack.
import test from 'ava'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {CallbackSegments, type CSegment, walkSegment} from '../../../src/analysis/stacks/c-segments.ts'
import {type Address, toAddress} from '../../../src/base/address.ts'
import {Deadline} from '../../../src/base/deadline.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import type {Machine} from '../../../src/runtime-model/machine.ts'
import {type CallbackProcess, callbackProcess} from '../../unwind/callback-process.ts'
import {at} from '../../unwind/process.ts'

/** g0.sched.sp and the end of the goroutine's stack, of another runtime. */
const OTHER_SCHED = 0xb00000100
const OTHER_HIGH = 0xb10001000
/** Of the return address of the C frame that asmcgocall called, from g0.sched.sp. */
const RETURN_OF_C = 40 + 0x60
/** Of cgocall's frame, from the callback's CFA: asmcgocall's is between. */
const CALLER = 16

function deadProcess({process}: CallbackProcess): DeadProcess {
  const isExecutable = (pc: number) => (pc >= 0x1000 && pc < 0x8000) || process.functionAt(toAddress(pc)) !== undefined
  return {
    memory: process,
    version: process.version,
    tables: {functionAt: process.functionAt.bind(process)},
    unwinder: process.unwinder(),
    tailCalls: {between: () => []},
    images: [{}],
    isExecutable,
    maxFrames: 100,
    deadline: Deadline.never(process.diagnostics),
  } as unknown as DeadProcess
}

function goroutineOf({switches}: CallbackProcess): Goroutine {
  const stack = {lo: switches.g?.stackLo, hi: switches.g?.stackHi}
  return {stack, syscall: {pc: toAddress(0x3020), sp: toAddress(0)}} as unknown as Goroutine
}

function shown(segment: CSegment | 'lost' | undefined) {
  if (segment === undefined || segment === 'lost') return segment
  const {frames, missing, stop, landing} = segment
  return {pcs: frames.map(({pc}) => pc), missing, stop, landing: landing?.sp}
}

function pcsOf({frames}: CSegment) {
  return frames.map(({pc}) => pc)
}

function calledFrom(crash: CallbackProcess, sp: number) {
  const process = deadProcess(crash)
  const goroutine = goroutineOf(crash)
  const machine = {ncgo: 1} as Machine
  return shown(new CallbackSegments(process, machine, goroutine, crash.switches, undefined).calledFrom(toAddress(sp)))
}

test('what had called a callback was called by the Go frame that its walk comes to', t => {
  const crash = callbackProcess()
  const whole = {
    pcs: [0x5020, 0x1108, 0x2010],
    missing: [],
    stop: 'end-of-stack',
    landing: crash.callbackCfa + CALLER,
  } as const
  t.deepEqual(calledFrom(crash, crash.callbackCfa + CALLER), whole)
  t.is(calledFrom(crash, crash.callbackCfa + 0x40), 'lost')
})

test('what had called a callback is not lost where its walk ends before Go', t => {
  const crash = callbackProcess()
  crash.process.words(crash.innerSched + RETURN_OF_C, 0x999999)
  const part = {pcs: [0x5020, 0x1108], missing: [], stop: 'unmapped', landing: undefined} as const
  t.deepEqual(calledFrom(crash, crash.callbackCfa + CALLER), part)
})

test('what the thread began with was not switched to from a call of C by another runtime, which is further in', t => {
  // What called the callback has begun the thread; the other runtime called C from the stack of its own goroutine.
  const crash = callbackProcess()
  const {innerSched, process, switches} = crash
  process
    .fde(0x1200, 0x1210, '07 10')
    .words(innerSched + RETURN_OF_C, 0x1204)
    .go({name: 'runtime.asmcgocall', entry: 0x7000, end: 0x7100, frame: 8, flag: 2})
  const functionAt = (pc: Address) => (pc < 0x7000 ? undefined : process.functionAt(pc))
  const go = functionAt(toAddress(0x7010))
  const g0 = {...(switches.g0 as NonNullable<typeof switches.g0>), schedSp: toAddress(OTHER_SCHED)}
  process.words(OTHER_SCHED - 24, 0x7010, 0x100, 0xc000002000).words(OTHER_HIGH - 0x100, 0, 0x999999)
  const g = {
    ...(switches.g as NonNullable<typeof switches.g>),
    stackLo: toAddress(OTHER_HIGH - 0x1000),
    stackHi: toAddress(OTHER_HIGH),
  }
  const others = [{version: process.version, functionAt, g: {...g, schedSp: toAddress(OTHER_HIGH - 0x100)}, g0}]
  const below = (leaf: CSegment | undefined) => {
    const threads = {...switches, others}
    const segments = new CallbackSegments(deadProcess(crash), {ncgo: 1} as Machine, goroutineOf(crash), threads, leaf)
    return segments.below(toAddress(crash.callbackCfa)) as CSegment
  }
  const leaf = {frames: [{go}], missing: [], elided: null, landing: undefined, stop: 'end-of-stack'}
  t.deepEqual(
    pcsOf(below(undefined)),
    [0x5020, 0x1108, 0x1204, 0x7010, 0x999999],
    'for all that is known C switched from there',
  )
  t.deepEqual(pcsOf(below(leaf as unknown as CSegment)), [0x5020, 0x1108, 0x1204])
})

test('frames are missing between the outermost one of a coroutine and the call of C that had switched to it', t => {
  const crash = callbackProcess()
  crash.process.fde(0x1200, 0x1210, '07 10').words(0xc0ffee000, 0)
  const seed = {registers: at(0x1204, 0xc0ffee000), foundBy: 'context', exactPc: true} as const
  const {pcs, missing} = shown(walkSegment(deadProcess(crash), seed, crash.switches, goroutineOf(crash))) as {
    pcs: number[]
    missing: unknown
  }
  t.deepEqual(pcs, [0x1204, 0x2010])
  t.deepEqual(missing, [{after: 1, reason: 'no-unwind-info'}])
})
