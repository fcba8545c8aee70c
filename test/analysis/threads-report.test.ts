// Threads with their stacks: which are shown, and what is said of each.
import test from 'ava'
import type {DeadProcess} from '../../src/analysis/process/dead-process.ts'
import type {ThreadStacks} from '../../src/analysis/stacks/thread-stacks.ts'
import {reportThreadInTime, reportThreads, reportThreadsWithoutGoroutine} from '../../src/analysis/threads-report.ts'
import type {Blocking} from '../../src/analysis/waits/blocking.ts'
import {type Address, toAddress} from '../../src/base/address.ts'
import type {CoreThread} from '../../src/elf/core-file.ts'

interface Thread {
  tid: number
  /** Of C, innermost first; the first `base` are those of a signal handler. */
  functions: readonly string[]
  base?: number
  m?: number
  goroutine?: number
  stop?: string
  missing?: readonly {after: number; reason: string}[]
}

function imagesOf(threads: readonly Thread[], isLate = false): readonly ThreadStacks[] {
  const names = new Map<number, string>()
  const core: CoreThread[] = threads.map(({tid}) => ({
    tid,
    name: undefined,
    signal: 0,
    registers: new BigUint64Array(27),
  }))
  const process = {
    core: {threads: core},
    images: [],
    deadline: {isOver: () => isLate},
    version: {atLeast: () => true},
    symbolizer: {
      locate: (pc: Address) => [
        {kind: 'c', function: names.get(pc) ?? null, entry: null, inlined: false, moduleOffset: null, language: 'c'},
      ],
    },
  } as unknown as DeadProcess
  const find = (tid: number): Thread | undefined => threads.find(thread => thread.tid === tid)
  const machineOf = (tid: number) => (find(tid)?.m === undefined ? undefined : {id: find(tid)?.m, tid, curg: 0})
  const stacks = {
    process,
    machineOf,
    goroutineOf: ({tid}: {tid: number}) =>
      find(tid)?.goroutine === undefined ? undefined : {id: find(tid)?.goroutine},
    isOnGoroutine: (tid: number) => find(tid)?.goroutine !== undefined,
    knowsGoroutine: () => true,
    namesOnThread: () => new Map(),
    ofThread: (tid: number) => {
      const {functions = [], base = 0, stop = 'end-of-stack', missing = []} = find(tid) ?? {}
      const frames = functions.map((name, index) => {
        const pc = toAddress(tid * 0x1000 + index)
        names.set(pc, name)
        return {pc, lookupPc: pc, sp: pc, cfa: pc, foundBy: 'cfi', kind: 'native', registers: {}}
      })
      return {
        thread: core[0],
        machine: machineOf(tid),
        frames,
        base,
        stop,
        elided: null,
        missing,
        interruptions: [],
      }
    },
  } as unknown as ThreadStacks
  return [stacks]
}

const NO_WAITS = {waitOfThread: () => null} as unknown as Blocking

test('each thread of the core has its M, its goroutine and its whole stack, in the core’s order', t => {
  const images = imagesOf([
    {tid: 3, functions: ['work', 'main'], m: 0, goroutine: 1},
    {tid: 2, functions: ['poll'], stop: 'unmapped'},
  ])
  t.deepEqual(
    reportThreads(images, NO_WAITS).map(({id, m, goroutine, stop, frames}) => [
      id,
      m,
      goroutine,
      stop,
      frames.map(each => each.function),
    ]),
    [
      [3, 0, 1, 'end-of-stack', ['work', 'main']],
      [2, null, null, 'unmapped', ['poll']],
    ],
  )
})

test('frames of a handler are counted among those of a thread, and left out of what no goroutine was on', t => {
  const images = imagesOf([{tid: 4, functions: ['handler', 'crash', 'main'], base: 1}])
  const [whole] = reportThreads(images, NO_WAITS)
  const [shown] = reportThreadsWithoutGoroutine(images, NO_WAITS, false)
  t.deepEqual([whole?.handlerFrames, whole?.frames.length], [1, 3])
  t.deepEqual([shown?.handlerFrames, shown?.frames.map(each => each.function)], [0, ['crash', 'main']])
})

test('what is missing among the frames of a handler is not said of the frames that are shown', t => {
  const missing = [
    {after: 1, reason: 'frameless'},
    {after: 2, reason: 'unmapped'},
    {after: 3, reason: 'no-unwind-info'},
  ]
  const images = imagesOf([{tid: 4, functions: ['handler', 'signalled', 'crash', 'main'], base: 2, missing}])
  t.deepEqual(reportThreads(images, NO_WAITS)[0]?.missing, missing)
  const [shown] = reportThreadsWithoutGoroutine(images, NO_WAITS, false)
  t.deepEqual(shown?.missing, [
    {after: 0, reason: 'unmapped'},
    {after: 1, reason: 'no-unwind-info'},
  ])
})

test('what a living goroutine was on is not listed again', t => {
  const images = imagesOf([
    {tid: 5, functions: ['work'], m: 0, goroutine: 1},
    {tid: 6, functions: ['work']},
  ])
  t.deepEqual(
    Array.from(reportThreadsWithoutGoroutine(images, NO_WAITS, true), ({id}) => id),
    [6],
  )
})

test('where the time is over a thread has what is known without its stack', t => {
  const threads = [{tid: 7, functions: ['work'], m: 3, goroutine: 9}]
  const images = imagesOf(threads, true)
  const report = reportThreadInTime(images, images[0]?.process.core.threads[0] as CoreThread, NO_WAITS)
  const {m, goroutine, frames, stop, missing} = report
  t.deepEqual([m, goroutine, frames, stop, missing], [3, 9, [], 'timeout', [{after: 0, reason: 'timeout'}]])
  t.deepEqual([...reportThreadsWithoutGoroutine(imagesOf([{tid: 8, functions: ['work']}], true), NO_WAITS, true)], [])
})
