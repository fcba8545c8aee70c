import test from 'ava'
import {LockList} from '../../../src/analysis/waits/lock-list.ts'
import {toAddress} from '../../../src/base/address.ts'

const MUTEX = {kind: 'pthread mutex', address: toAddress(0x1000)}
const waiter = (thread: number) => ({thread, goroutine: null, image: null})
const OWNER = {thread: 7, goroutine: 1, image: null}

test('a lock is one by its kind and its address, with all who wait for it', t => {
  const locks = new LockList()
  locks.add(MUTEX, waiter(1), OWNER)
  locks.add(MUTEX, waiter(2), OWNER)
  locks.add({...MUTEX, kind: 'semaphore'}, waiter(3), null)
  locks.add({...MUTEX, address: toAddress(0x2000)}, waiter(4), null)
  t.deepEqual(
    locks.list().map(({kind, address, waiters, waiterCount, owner}) => [kind, address, waiters, waiterCount, owner]),
    [
      ['pthread mutex', '0x1000', [waiter(1), waiter(2)], 2, OWNER],
      ['semaphore', '0x1000', [waiter(3)], 1, null],
      ['pthread mutex', '0x2000', [waiter(4)], 1, null],
    ],
  )
})

test('of a lock without an address nobody knows whether it is that of another waiter', t => {
  const locks = new LockList()
  const lock = {kind: 'condition', address: undefined}
  for (const thread of [1, 2]) locks.add(lock, waiter(thread), null)
  t.deepEqual(
    locks.list().map(({address, waiters}) => [address, waiters]),
    [
      [null, [waiter(1)]],
      [null, [waiter(2)]],
    ],
  )
})

test('the first hundred waiters are named, and all are counted', t => {
  const locks = new LockList()
  for (let thread = 0; thread < 250; thread++) locks.add(MUTEX, waiter(thread), null)
  const [lock] = locks.list()
  t.is(lock?.waiterCount, 250)
  t.deepEqual(
    lock?.waiters,
    Array.from({length: 100}, (_, thread) => waiter(thread)),
  )
})

test('a lock that is known can be told from one that is not', t => {
  const locks = new LockList()
  locks.add(MUTEX, waiter(1), null)
  t.is(locks.size, 1)
  t.true(locks.has(MUTEX))
  t.false(locks.has({...MUTEX, kind: 'semaphore'}))
  t.false(locks.has({...MUTEX, address: toAddress(0x1008)}))
})
