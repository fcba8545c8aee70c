import test from 'ava'
import {GoroutineFacts} from '../../../src/analysis/goroutines/goroutine-facts.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {GoVersion} from '../../../src/gosym/version.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import {GOROUTINE_STATUS} from '../../../src/runtime-model/goroutine-status.ts'

const MINUTE = 60_000_000_000n
const NOW = 100n * MINUTE

function factsOf(fields: object, {minor = 27, tracebackLabels = true} = {}) {
  const runtime = {
    machineAt: () => ({id: 3, address: 0x5000}),
    nowLowerBound: () => NOW,
    state: {tracebackLabels},
  }
  const goroutine = {
    id: 7,
    address: 0x1000,
    state: 'sleep',
    status: {number: GOROUTINE_STATUS._Gwaiting, text: 'waiting', scan: false},
    waitReason: 'sleep',
    waitSince: 0n,
    waitSinceNumber: 0,
    waitMinutes: (now: bigint) => Number((now - (fields as {waitSince: bigint}).waitSince) / MINUTE),
    lockedToThread: false,
    m: 0,
    bubble: undefined,
    hasLabels: false,
    labels: new Map<string, string>(),
    ...fields,
  }
  const process = {runtime, version: GoVersion.ofMinor(minor)} as unknown as DeadProcess
  return new GoroutineFacts(process).of(goroutine as unknown as Goroutine)
}

const RUNNING = {status: {number: GOROUTINE_STATUS._Grunning, text: 'running', scan: false}, state: 'running'}

test('a reason is one only while the goroutine waits', t => {
  t.is(factsOf({}).waitReason, 'sleep')
  t.is(factsOf(RUNNING).waitReason, null)
  t.is(factsOf({waitReason: ''}).waitReason, null)
})

test('whether the last wait was idle in a bubble is known when it is over', t => {
  const bubble = {address: 0x2000, id: 5, rootGoid: 1}
  t.true(factsOf({...RUNNING, bubble}).isIdleInSynctest)
  t.false(factsOf(RUNNING).isIdleInSynctest, 'in no bubble')
  t.false(factsOf({bubble, waitReason: 'IO wait'}).isIdleInSynctest)
})

test('a bubble was a group, named by its root, in 1.24', t => {
  const bubble = {address: 0x2000, id: 5, rootGoid: 1}
  t.like(factsOf({bubble}, {minor: 24}), {syncGroup: 1, bubble: null})
  t.like(factsOf({bubble}, {minor: 25}), {syncGroup: null, bubble: 5})
})

test('a wait is told in whole minutes from one on, as far as the core proves it', t => {
  const minutesOf = (waitSince: bigint) => factsOf({waitSinceNumber: Number(waitSince), waitSince}).waitMinutes
  t.is(minutesOf(NOW - MINUTE + 1n), null)
  t.is(minutesOf(NOW - MINUTE), 1)
  t.is(minutesOf(NOW - 12n * MINUTE), 12)
  t.is(factsOf({waitSinceNumber: 0}).waitMinutes, null)
})

test('labels are told where the program asks the runtime to print them', t => {
  const labels = new Map([['key', 'value']])
  t.deepEqual(factsOf({hasLabels: true, labels}).labels, [['key', 'value']])
  t.deepEqual(factsOf({hasLabels: true, labels}, {tracebackLabels: false}).labels, [])
})

test('the M is that of the goroutine, and none where it has none', t => {
  t.deepEqual(factsOf({m: 0x5000}).m, {id: 3, address: 0x5000})
  t.is(factsOf({}).m, null)
})
