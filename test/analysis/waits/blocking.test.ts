// Who waits for whom, as far as goroutines alone tell it.
import test from 'ava'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import type {ThreadStacks} from '../../../src/analysis/stacks/thread-stacks.ts'
import {Blocking} from '../../../src/analysis/waits/blocking.ts'
import {kindAsked} from '../../../src/analysis/waits/go-waits.ts'
import {toAddress} from '../../../src/base/address.ts'
import {Diagnostics} from '../../../src/base/diagnostics.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import {GOROUTINE_STATUS} from '../../../src/runtime-model/goroutine-status.ts'

function goroutine(id: number, state: string, channels: readonly number[] = []): Goroutine {
  return {
    id,
    state,
    status: {number: GOROUTINE_STATUS._Gwaiting},
    syscall: {pc: 0, sp: 0},
    waitingOn: channels.map(channel => ({channel: toAddress(channel)})),
  } as unknown as Goroutine
}

function blockingOf(...goroutines: readonly Goroutine[]) {
  const process = {
    core: {threads: [], auxv: new Map()},
    modules: [],
    runtime: {goroutines: () => goroutines},
    deadline: {isOver: () => false},
  } as unknown as DeadProcess
  return {process, blocking: new Blocking([{process} as unknown as ThreadStacks])}
}

test('a goroutine waits for its channel, one in select for all of its channels, and nobody owns them', t => {
  const one = goroutine(1, 'chan receive', [0x1000])
  const several = goroutine(2, 'select', [0x2000, 0x3000])
  const {process, blocking} = blockingOf(one, several)
  t.deepEqual(blocking.waitingFor(process, one, null), {
    kind: 'chan receive',
    address: '0x1000',
    addresses: ['0x1000'],
    owner: null,
    deadlock: null,
  })
  t.deepEqual(blocking.waitingFor(process, several, null)?.addresses, ['0x2000', '0x3000'])
})

test('a nil channel has no address, and one that runs waits for nothing', t => {
  const nil = goroutine(1, 'chan receive (nil chan)', [0])
  const running = {...goroutine(2, 'running'), status: {number: GOROUTINE_STATUS._Grunning}} as unknown as Goroutine
  const {process, blocking} = blockingOf(nil, running)
  t.like(blocking.waitingFor(process, nil, null), {kind: 'chan receive (nil chan)', address: null, addresses: []})
  t.is(blocking.waitingFor(process, running, null), null)
})

test('channels are no locks, and what cannot be led to is not listed', t => {
  const {blocking} = blockingOf(goroutine(1, 'chan send', [0x1000]), goroutine(2, 'sync.Mutex.Lock'))
  t.deepEqual(blocking.report(), {locks: [], cycles: [], chains: []})
})

test('what has an owner is told without a look at goroutines, and those that were all noted are not asked again', t => {
  const {process, blocking} = blockingOf()
  let passes = 0
  function* goroutines(): Generator<Goroutine> {
    passes++
    yield goroutine(1, 'sync.Mutex.Lock')
  }
  Object.assign(process.runtime as object, {goroutines})
  t.deepEqual([blocking.reportOwned().locks, passes], [[], 0])
  t.is([...blocking.noting(process, goroutines())].length, 1)
  t.deepEqual([blocking.report().locks, passes], [[], 1])
})

test('no waits, no diagnostics', t => {
  const diagnostics = new Diagnostics()
  blockingOf().blocking.addDiagnostics(diagnostics)
  t.deepEqual(diagnostics.list(), [])
})

test('a writer behind another writer waits for its RWMutex, not for the mutex in it', t => {
  t.is(kindAsked(['sync.Mutex', 'sync.Mutex', 'sync.RWMutex']), 'sync.RWMutex')
  t.is(kindAsked(['sync.Mutex', 'sync.Cond']), 'sync.Mutex')
  t.is(kindAsked(['sync.RWMutex, for reading']), 'sync.RWMutex, for reading')
  t.is(kindAsked([]), undefined)
})
