// Which goroutines are one group, and what a group says of them.
import test from 'ava'
import {GoroutineGroups, GROUP_ORDER} from '../../../src/analysis/goroutines/goroutine-groups.ts'
import type {Similarity} from '../../../src/analysis/goroutines/shared-frames.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import type {ThreadStacks} from '../../../src/analysis/stacks/thread-stacks.ts'
import {toAddress} from '../../../src/base/address.ts'
import type {FrameReport, GoroutineReport} from '../../../src/report/core-report.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import {FakeProcess} from '../../unwind/process.ts'

const STACK = 0xc000000000
const NANOSECONDS = 60_000_000_000n
const NOW = 100n * NANOSECONDS

interface Fields {
  state?: string
  minutes?: number
  mayWait?: boolean
  sp?: number
}

function goroutine(id: number, {state = 'chan receive', minutes, mayWait = true, sp = STACK}: Fields = {}): Goroutine {
  const waitSince = minutes === undefined ? 0n : NOW - BigInt(minutes) * NANOSECONDS
  return {
    id,
    address: toAddress(0x10000 + id),
    state,
    m: 0,
    gopc: toAddress(0x1500),
    lockedToThread: false,
    stack: {lo: toAddress(sp), hi: toAddress(sp + 0x100)},
    status: {text: 'waiting'},
    sched: {pc: toAddress(0x1010), sp: toAddress(sp)},
    syscall: {pc: 0, sp: 0},
    waitSince,
    waitSinceNumber: Number(waitSince),
    mayWait,
  } as unknown as Goroutine
}

/** Go code and two stacks with the same pcs; without tables nothing is told by pcs. */
function processOf(tables: boolean): DeadProcess {
  const memory = new FakeProcess()
    .go({name: 'main.wait', entry: 0x1000, end: 0x1100, frame: 8})
    .go({name: 'runtime.goexit', entry: 0x2000, end: 0x2010, frame: 0, flag: 1})
  for (const sp of [STACK, STACK + 0x1000]) memory.words(sp, 0, 0x2001, 0, 0)
  const runtime = {nowLowerBound: () => NOW}
  return {
    memory,
    runtime,
    tables: tables ? {functionAt: memory.functionAt.bind(memory)} : undefined,
  } as unknown as DeadProcess
}

function report(id: number, line = 10, fields: Partial<GoroutineReport> = {}): GoroutineReport {
  const frame = {
    function: 'main.wait',
    file: 'main.go',
    line,
    offset: '0x10',
    args: `0x${id}`,
    sp: `0xc${id}`,
    fp: `0xd${id}`,
  }
  const createdBy = {function: 'main.main', file: 'main.go', line: 3, offset: '0x1', goroutine: id + 100}
  const parts = {
    frames: [frame as FrameReport],
    createdBy,
    stop: 'end-of-stack',
    elided: null,
    missing: [],
    image: null,
  }
  return {...parts, ...fields} as unknown as GoroutineReport
}

function groupsOf(
  list: readonly (readonly [Goroutine, GoroutineReport | undefined])[],
  tables = false,
  framesKept?: number,
  similar?: Similarity,
) {
  const reports = new Map(list.map(([{id}, made]) => [id, made]))
  const byAddress = new Map(list.map(([each]) => [each.address, each]))
  let asked = 0
  const process = processOf(tables)
  Object.assign(process.runtime as object, {goroutineAt: byAddress.get.bind(byAddress)})
  const groups = new GoroutineGroups(process, {} as ThreadStacks, {
    report: ({id}) => {
      asked++
      return reports.get(id)
    },
    ...(framesKept === undefined ? {} : {framesKept}),
    similar,
  })
  for (const [each] of list) groups.add(each)
  groups.conclude()
  return {
    groups: groups.list.sort(GROUP_ORDER.runtime).map(group => groups.report(group)),
    matched: groups.matched,
    asked: () => asked,
  }
}

test('the same state and the same frames are one group; the biggest first, then the one with the lowest ID', t => {
  const {groups, matched} = groupsOf([
    [goroutine(9), report(9, 99)],
    [goroutine(5), report(5)],
    [goroutine(6), report(6)],
    [goroutine(3, {state: 'select'}), report(3)],
  ])
  t.deepEqual(
    groups.map(({count, state, goroutines}) => [count, state, goroutines]),
    [
      [2, 'chan receive', [5, 6]],
      [1, 'select', [3]],
      [1, 'chan receive', [9]],
    ],
  )
  t.is(matched, 4)
})

test('what is of one goroutine alone is not said of several', t => {
  const [one] = groupsOf([[goroutine(5), report(5)]]).groups
  t.is(one?.frames[0]?.args, '0x5')
  t.is(one?.createdBy?.goroutine, 105)
  const [several] = groupsOf([5, 6].map(id => [goroutine(id), report(id)] as const)).groups
  const {args, sp, fp} = several?.frames[0] ?? {}
  t.deepEqual([args, sp, fp, several?.createdBy?.goroutine], [null, null, null, null])
})

test('other places of the `go` statement, or other frames left out, are other groups', t => {
  const {createdBy} = report(1)
  const elsewhere = report(2, 10, {createdBy: createdBy && {...createdBy, line: 77}})
  const elided = report(3, 10, {elided: {after: 1, count: 5}})
  t.is(groupsOf([elsewhere, elided, report(1)].map((made, id) => [goroutine(id), made] as const)).groups.length, 3)
})

/** Goroutines in `main.wait`, called by `main.work` from a line of its own, of which one waits for something else. */
function workers(similar: Similarity) {
  const [frame] = report(0).frames
  const at = (name: string, line: number) => ({...frame, function: name, line, args: '0x1'}) as FrameReport
  const stacks = [
    [at('main.wait', 10), at('main.work', 20)],
    [at('main.wait', 10), at('main.work', 20)],
    [at('main.wait', 10), {...at('main.work', 20), args: '0x2'}],
    [at('main.wait', 10), at('main.work', 30)],
    [at('sync.(*Mutex).Lock', 5), at('main.work', 40)],
  ]
  const list = stacks.map((frames, id) => {
    const state = id < 4 ? 'chan receive' : 'sync.Mutex.Lock'
    return [goroutine(id, {state}), report(id, 10, {frames})] as const
  })
  return groupsOf(list, false, undefined, similar).groups.map(({state, goroutines, frames, elided}) => ({
    state,
    goroutines,
    frames: frames.map(({function: name, line, args}) => `${name}(${args}):${line}`),
    isCut: elided !== null,
  }))
}

test('what may differ within a group is what was asked for, and is not told', t => {
  const receive = {state: 'chan receive', isCut: false}
  const alone = {state: 'sync.Mutex.Lock', isCut: false, goroutines: [4]}
  const ofMutex = {...alone, frames: ['sync.(*Mutex).Lock(0x1):5', 'main.work(0x1):40']}
  t.deepEqual(workers('exact'), [
    {...receive, goroutines: [0, 1], frames: ['main.wait(0x1):10', 'main.work(0x1):20']},
    {...receive, goroutines: [2], frames: ['main.wait(0x1):10', 'main.work(0x2):20']},
    {...receive, goroutines: [3], frames: ['main.wait(0x1):10', 'main.work(0x1):30']},
    ofMutex,
  ])
  t.deepEqual(workers('arguments'), [
    {...receive, goroutines: [0, 1, 2], frames: ['main.wait(null):10', 'main.work(null):20']},
    {...receive, goroutines: [3], frames: ['main.wait(0x1):10', 'main.work(0x1):30']},
    ofMutex,
  ])
  t.deepEqual(workers('lines'), [
    {...receive, goroutines: [0, 1, 2, 3], frames: ['main.wait(null):10', 'main.work(null):null']},
    ofMutex,
  ])
  t.deepEqual(workers('inner'), [
    {
      state: 'chan receive, sync.Mutex.Lock',
      goroutines: [0, 1, 2, 3, 4],
      frames: ['main.work(null):null'],
      isCut: true,
    },
  ])
})

test('a group has waited as long as the one that has waited least, and the one that has waited most', t => {
  const waits = [undefined, 7, 2, 30].map(
    (minutes, id) => [goroutine(id, minutes ? {minutes} : {}), report(id)] as const,
  )
  const [group] = groupsOf(waits).groups
  t.deepEqual([group?.minWaitMinutes, group?.maxWaitMinutes], [2, 30])
  const [unknown] = groupsOf([[goroutine(1), report(1)]]).groups
  t.deepEqual([unknown?.minWaitMinutes, unknown?.maxWaitMinutes], [null, null])
})

test('a wait that is over is none, and how late it is is asked when all have been added', t => {
  const {groups} = groupsOf([
    [goroutine(1, {minutes: 30, mayWait: false}), report(1)],
    [goroutine(2, {minutes: 7}), report(2)],
  ])
  t.deepEqual(
    groups.map(({minWaitMinutes, maxWaitMinutes}) => [minWaitMinutes, maxWaitMinutes]),
    [[0, 7]],
  )
  const unasked = {runtime: {nowLowerBound: () => t.fail()}, memory: new FakeProcess()} as unknown as DeadProcess
  const found = new GoroutineGroups(unasked, {} as ThreadStacks, {report: ({id}) => report(id)})
  found.add(goroutine(1, {minutes: 30}))
  t.is(found.matched, 1)
})

test('those that are parked at one place are one group by state and creation, without a look at their stacks', t => {
  const place = {}
  const process = processOf(true)
  let asked = 0
  const groups = new GoroutineGroups(process, {} as ThreadStacks, {
    report: ({id, state}) => {
      asked++
      return state === 'sleep' ? undefined : report(id, state === 'select' ? 20 : 10)
    },
    parkedPlace: () => place,
  })
  const states = ['select', 'sleep', 'chan receive']
  for (const [id, state] of [...states, ...states].entries()) {
    // Those that come later have no stack.
    groups.add(goroutine(id, {state, sp: id < states.length ? STACK : 0x1000}))
  }
  t.deepEqual(
    groups.list.map(group => groups.report(group).goroutines),
    [
      [0, 3],
      [2, 5],
    ],
  )
  t.deepEqual([asked, groups.matched], [3, 4])
})

test('what is not wanted is in no group, and not counted', t => {
  const {groups, matched} = groupsOf([
    [goroutine(1), undefined],
    [goroutine(2), report(2)],
  ])
  t.deepEqual([groups.map(({goroutines}) => goroutines), matched], [[[2]], 1])
})

test('a stack is put together once, however many goroutines have its pcs, and where it is not wanted too', t => {
  const alike = [goroutine(1), goroutine(2, {sp: STACK + 0x1000}), goroutine(3)]
  const wanted = groupsOf(
    alike.map(each => [each, report(each.id)] as const),
    true,
  )
  t.deepEqual([wanted.asked(), wanted.groups[0]?.goroutines], [1, [1, 2, 3]])
  const unwanted = groupsOf(
    alike.map(each => [each, undefined] as const),
    true,
  )
  t.deepEqual([unwanted.asked(), unwanted.matched], [1, 0])
})

test('stacks beyond those that are kept are read again when they are reported, and say the same', t => {
  const list = [5, 6, 7, 8].map(id => [goroutine(id), report(id, id < 7 ? 10 : id)] as const)
  const kept = groupsOf(list)
  const again = groupsOf(list, false, 1)
  t.deepEqual(again.groups, kept.groups)
  t.deepEqual([kept.asked(), again.asked()], [4, 6])
})
