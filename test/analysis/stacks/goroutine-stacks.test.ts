// The printed stack of a goroutine, from where the scheduler left it.
import test from 'ava'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {GoroutineStacks} from '../../../src/analysis/stacks/goroutine-stacks.ts'
import type {ThreadStacks} from '../../../src/analysis/stacks/thread-stacks.ts'
import {toAddress} from '../../../src/base/address.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import {FakeProcess} from '../../unwind/process.ts'

const LOW = 0xc000000000
const HIGH = LOW + 0x1000
const SP = LOW + 0x100

interface Asked {
  pcs: readonly number[]
  level?: 1 | 2
  minor?: number
  maxFrames?: number
}

/** A goroutine whose frames are a word each: its gobuf's pc, then a return address each. */
function stackOf({pcs, level = 1, minor = 27, maxFrames = 1000}: Asked) {
  const memory = new FakeProcess()
    .go({name: 'runtime.gopark', entry: 0x1000, end: 0x1100, frame: 0})
    .go({name: 'main.wait', entry: 0x2000, end: 0x2100, frame: 0})
    .go({name: 'runtime.goexit', entry: 0x3000, end: 0x3010, frame: 0, flag: 1})
  memory.minor = minor
  const [pc = 0, ...callers] = pcs
  memory.words(SP, ...callers, ...new Array<number>((HIGH - SP) / 8 - callers.length).fill(0))
  const process = {
    memory: Object.assign(memory, {moduleAt: () => undefined}),
    maxFrames,
    version: memory.version,
    oldestVersion: memory.version,
    tables: {functionAt: memory.functionAt.bind(memory), modules: []},
    images: [{}],
    diagnostics: memory.diagnostics,
  } as unknown as DeadProcess
  const threads = {
    process,
    callbacksOf: () => undefined,
    rejoinOf: () => undefined,
    namesOn: () => new Map(),
    leafOf: () => undefined,
    systemStackOf: () => undefined,
  }
  const goroutine = {
    id: 7,
    m: 0,
    gopc: 0,
    parentGoid: 0,
    ancestors: [],
    stack: {lo: toAddress(LOW), hi: toAddress(HIGH)},
    status: {text: 'waiting'},
    sched: {pc: toAddress(pc), sp: toAddress(SP)},
    syscall: {pc: 0, sp: 0},
  } as unknown as Goroutine
  const stacks = new GoroutineStacks(process, threads as unknown as ThreadStacks)
  const visibility = {version: memory.version, oldestVersion: memory.version, level, whole: false} as const
  const {frames, stop, elided, missing} = stacks.assemble({goroutine, visibility, cgoFrames: 'auto'})
  return {names: frames.map(each => each.function), stop, elided, missing}
}

const PARKED = [0x1010, 0x2010, 0x2020, 0x3001]

test('frames of the runtime are left out at the level of users, and shown at the one above', t => {
  t.deepEqual(stackOf({pcs: PARKED}).names, ['main.wait', 'main.wait'])
  t.deepEqual(stackOf({pcs: PARKED, level: 2}).names, ['runtime.gopark', 'main.wait', 'main.wait', 'runtime.goexit'])
})

test('where that leaves nothing everything is shown, as the runtime does', t => {
  t.deepEqual(stackOf({pcs: [0x1010, 0x1020, 0x3001]}).names, ['runtime.gopark', 'runtime.gopark', 'runtime.goexit'])
})

test('a walk that does not come to the first function says why, where the frames end', t => {
  const {names, stop, missing} = stackOf({pcs: [0x1010, 0x2010, 0x9999]})
  t.deepEqual(names, ['main.wait'])
  t.not(stop, 'end-of-stack')
  t.deepEqual(missing, [{after: 1, reason: stop}])
})

const DEEP = [...new Array<number>(150).fill(0x2010), 0x3001]

test('of a deep stack both ends are shown, fifty frames each, from Go 1.21 on', t => {
  const {names, elided, stop} = stackOf({pcs: DEEP})
  t.is(names.length, 100)
  t.deepEqual(elided, {after: 50, count: 50})
  t.is(stop, 'end-of-stack')
})

test('up to 1.20 the first hundred, and nobody counts the rest', t => {
  const {names, elided} = stackOf({pcs: DEEP, minor: 20})
  t.is(names.length, 100)
  t.deepEqual(elided, {after: 100, count: null})
})

test('a limit that is reached is the stop', t => {
  t.is(stackOf({pcs: DEEP, maxFrames: 20}).stop, 'frame-limit')
})

/**
 * Without function tables, a goroutine that threw, how the walk of its thread to it ended, and what entersyscall keeps.
 */
function thrown(stop: 'end-of-stack' | 'no-unwind-info', syscallSp = 0) {
  const memory = new FakeProcess()
  memory.words(SP, ...new Array<number>((HIGH - SP) / 8).fill(0))
  const process = {
    memory: Object.assign(memory, {moduleAt: () => undefined}),
    maxFrames: 100,
    version: memory.version,
    oldestVersion: memory.version,
    unwinder: memory.unwinder(),
    isExecutable: () => false,
    images: [],
    symbolizer: {
      locate: () => [
        {
          function: null,
          file: null,
          line: null,
          column: null,
          entry: null,
          inlined: false,
          moduleOffset: null,
          module: null,
        },
      ],
    },
    diagnostics: memory.diagnostics,
  } as unknown as DeadProcess
  const leafOf = () => ({frames: [{pc: 0x5000, sp: 0x7000, kind: 'native'}], stop, missing: [], elided: null})
  const none = () => undefined
  const threads = {process, leafOf, placeOf: none, systemStackOf: none, namesOn: () => new Map()}
  const goroutine = {
    id: 7,
    m: 0,
    gopc: 0,
    ancestors: [],
    stack: {lo: toAddress(LOW), hi: toAddress(HIGH)},
    status: {text: syscallSp === 0 ? 'running' : 'syscall'},
    signal: {number: 0},
    syscall: {pc: 0x1080, sp: syscallSp, bp: 0},
    sched: {pc: 0x1090, sp: SP + 0x20, bp: 0},
  } as unknown as Goroutine
  const stacks = new GoroutineStacks(process, threads as unknown as ThreadStacks)
  const visibility = {version: memory.version, oldestVersion: memory.version, level: 2, whole: false} as const
  const start = {pc: 0x1010, sp: SP + 0x40, trap: false, isSyscall: false, foundBy: 'frame-pointer'} as const
  const {frames, missing} = stacks.assemble({
    goroutine,
    visibility,
    cgoFrames: 'auto',
    start: {...start, pc: toAddress(start.pc), sp: toAddress(start.sp)},
  })
  return {pcs: frames.map(({pc}) => pc), missing}
}

test('without the program what is lost above a goroutine that threw is marked, and is no frame of it', t => {
  const [whole, lost] = [thrown('end-of-stack'), thrown('no-unwind-info')]
  t.deepEqual(whole.pcs, ['0x1010'])
  t.deepEqual(lost.pcs, whole.pcs)
  t.deepEqual(lost.missing, [{after: 0, reason: 'no-unwind-info'}, ...whole.missing])
})

test('without the program, of one that threw further out than it called C, those calls are listed as left', t => {
  const left = thrown('end-of-stack', SP + 8)
  t.deepEqual(left.pcs, ['0x1080', '0x1010'])
  const marks = left.missing.map(({after, reason}) => `${after} ${reason}`)
  t.deepEqual(marks.slice(0, 2), ['0 left', '1 rejoined'])
  t.deepEqual(thrown('end-of-stack', SP + 0x48).pcs, ['0x1010'], 'it is in that call')
})
