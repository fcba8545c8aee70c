import test from 'ava'
import {
  goroutinesOfCrash,
  isListed,
  listedGoroutines,
  sortGoroutines,
} from '../../../src/analysis/goroutines/goroutine-order.ts'
import type {GoroutineSort} from '../../../src/analysis/goroutines/goroutine-query.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import type {GoRuntime} from '../../../src/runtime-model/go-runtime.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import {GOROUTINE_STATUS} from '../../../src/runtime-model/goroutine-status.ts'

interface Fields {
  isDead?: boolean
  isSystem?: boolean
  isBorrowed?: boolean
  state?: string
  waitSince?: bigint
}

function goroutine(id: number, fields: Fields = {}): Goroutine {
  const status = {number: GOROUTINE_STATUS._Gwaiting}
  return {
    id,
    address: 0x1000 + id,
    isDead: false,
    state: 'sleep',
    waitSince: 0n,
    status,
    ...fields,
  } as unknown as Goroutine
}

function runtimeOf(...goroutines: readonly Goroutine[]): GoRuntime {
  return {
    goroutines: () => goroutines,
    goroutineAt: (address: number) => goroutines.find(each => each.address === address),
    isSystemGoroutine: (each: Fields) => each.isSystem === true,
    isBorrowedBySignal: (each: Fields) => each.isBorrowed === true,
    nowLowerBound: () => 1000n,
  } as unknown as GoRuntime
}

const idsOf = (goroutines: Iterable<Goroutine>): number[] => Array.from(goroutines, ({id}) => id)

const MAIN = goroutine(1)
const SYSTEM = goroutine(2, {isSystem: true})
const DEAD = goroutine(3, {isDead: true})
const CRASHED = goroutine(4)
const BORROWED = goroutine(5, {isBorrowed: true})
const RUNTIME = runtimeOf(MAIN, SYSTEM, DEAD, CRASHED, BORROWED)

test('the crashing goroutine comes first, then its M’s own, then the others as they are in allgs', t => {
  t.deepEqual(idsOf(listedGoroutines(RUNTIME, {goroutine: CRASHED, current: MAIN, kept: undefined}, true)), [4, 1, 2])
  t.deepEqual(idsOf(listedGoroutines(RUNTIME, {goroutine: CRASHED, current: CRASHED, kept: undefined}, false)), [4, 1])
  t.deepEqual(
    idsOf(listedGoroutines(RUNTIME, {goroutine: undefined, current: undefined, kept: undefined}, false)),
    [1, 4],
  )
})

test('a g0 that crashed is no goroutine of the list, but of the crash', t => {
  const g0 = goroutine(0)
  t.deepEqual(idsOf(listedGoroutines(RUNTIME, {goroutine: g0, current: MAIN, kept: undefined}, false)), [1, 4])
  t.deepEqual(idsOf(goroutinesOfCrash({goroutine: g0, current: MAIN, kept: undefined})), [0, 1])
})

test('one goroutine is one, however often it was read', t => {
  t.deepEqual(idsOf(goroutinesOfCrash({goroutine: CRASHED, current: {...CRASHED} as Goroutine, kept: undefined})), [4])
})

test('what the runtime does not list: its own goroutines unless asked, and one that a signal borrowed', t => {
  t.false(isListed(RUNTIME, SYSTEM, false))
  t.true(isListed(RUNTIME, SYSTEM, true))
  t.false(isListed(RUNTIME, BORROWED, true))
})

test('what the M of a C thread keeps is listed where that M itself died, as m.curg', t => {
  const cause = {goroutine: undefined, current: undefined, kept: BORROWED}
  t.deepEqual(idsOf(listedGoroutines(RUNTIME, cause, false)), [5, 1, 4])
})

test('sorted ones come by their key, equal ones by their number, and those of the crash are not read again', t => {
  const waiting = [
    goroutine(9, {state: 'select', waitSince: 900n}),
    goroutine(3, {state: 'sleep', waitSince: 100n}),
    goroutine(6, {state: 'select', waitSince: 900n}),
  ]
  const process = {runtime: runtimeOf(...waiting)} as unknown as DeadProcess
  const sorted = (sort: GoroutineSort): number[] => idsOf(sortGoroutines(process, waiting, sort, []))
  t.deepEqual(sorted('runtime'), [9, 3, 6])
  t.deepEqual(sorted('id'), [3, 6, 9])
  t.deepEqual(sorted('wait'), [3, 6, 9], 'the longest first')
  t.deepEqual(sorted('state'), [6, 9, 3])
  const kept = goroutine(1)
  const gone = {runtime: runtimeOf()} as unknown as DeadProcess
  t.deepEqual([...sortGoroutines(gone, [kept, goroutine(2)], 'id', [kept])], [kept])
})
