// What of a goroutine's report depends on the crash, on its thread, and on what was asked for.
import test from 'ava'
import type {CrashCause} from '../../../src/analysis/crash/crash-cause.ts'
import type {TracebackLevel} from '../../../src/analysis/crash/traceback-level.ts'
import {GoroutineReporter, type ReporterOptions} from '../../../src/analysis/goroutines/goroutine-reporter.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import type {GoroutineStacks} from '../../../src/analysis/stacks/goroutine-stacks.ts'
import type {Blocking} from '../../../src/analysis/waits/blocking.ts'
import {GoVersion} from '../../../src/gosym/version.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'

const WAIT = {kind: 'chan receive', address: '0x10', addresses: ['0x10'], owner: null, deadlock: null}
const PARTS = {remarks: [], frames: [], elided: null, missing: [], stop: 'end-of-stack', createdBy: null, ancestors: []}

function goroutine(id: number): Goroutine {
  return {
    id,
    address: 0x1000 + id,
    m: 0,
    state: 'chan receive',
    status: {number: 4, text: 'waiting', scan: false},
    waitReason: 'chan receive',
    lockedToThread: false,
    hasLabels: false,
    waitSinceNumber: 0,
    labels: new Map(),
    syscall: {sp: 0, pc: 0},
    sched: {sp: 0, pc: 0},
  } as unknown as Goroutine
}

const CRASHED = goroutine(4)
const OTHER = goroutine(5)

interface Asked {
  level?: Partial<TracebackLevel>
  options?: Partial<ReporterOptions>
  thread?: number
}

function report(which: Goroutine, {level = {}, options = {}, thread}: Asked = {}) {
  const asked: {visibility: {whole: boolean}; start?: unknown}[] = []
  const process = {
    version: GoVersion.ofMinor(27),
    images: [{}],
    runtime: {isSystemGoroutine: () => false, machineAt: () => undefined, state: {}},
  } as unknown as DeadProcess
  const stacks = {
    threads: {threadThrough: () => thread, ofThread: () => undefined, threadOf: () => undefined, isInCgo: () => false},
    assemble: (request: (typeof asked)[number]) => {
      asked.push(request)
      return PARTS
    },
  } as unknown as GoroutineStacks
  const blocking = {waitingFor: () => WAIT} as unknown as Blocking
  const cause = {goroutine: CRASHED, current: CRASHED, start: {pc: 0x99}} as unknown as CrashCause
  const whole = {
    level: 1,
    all: true,
    wholeCrash: true,
    runtimeStack: false,
    detailedCrash: true,
    ...level,
  } as TracebackLevel
  const reporter = new GoroutineReporter(process, stacks, blocking, cause, {
    level: whole,
    cgoFrames: 'auto',
    ...options,
  } as ReporterOptions)
  return {made: reporter.report(which, which === CRASHED), asked: asked[0]}
}

test('the crashing goroutine is whole and detailed where the level says so, and begins where it crashed', t => {
  const {made, asked} = report(CRASHED)
  t.deepEqual([made.detailed, asked?.visibility.whole, asked?.start], [true, true, {pc: 0x99}])
  const plain = report(CRASHED, {level: {wholeCrash: false, detailedCrash: false}})
  t.deepEqual([plain.made.detailed, plain.asked?.visibility.whole], [false, false])
})

test('another one is neither, but at the level that hides nothing', t => {
  const {made, asked} = report(OTHER)
  t.deepEqual([made.detailed, asked?.visibility.whole], [false, false])
  t.true(report(OTHER, {level: {level: 2}}).made.detailed)
})

test('its thread is the one whose stack leads through it', t => {
  t.is(report(OTHER, {thread: 1234}).made.thread, 1234)
  t.is(report(OTHER).made.thread, null)
})

test('what it waits for is told, unless that was left out', t => {
  t.deepEqual(report(OTHER).made.waitingFor, WAIT)
  t.is(report(OTHER, {options: {waits: 'left-out'}}).made.waitingFor, null)
})
