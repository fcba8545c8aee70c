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

test('of many locks the first are kept, with all who wait for them, whoever comes between', t => {
  const locks = new LockList()
  const others = [{...MUTEX, kind: 'semaphore'}, {...MUTEX, address: toAddress(0x1008)}, MUTEX]
  for (const [index, lock] of [MUTEX, MUTEX, ...others, ...others].entries()) {
    locks.addOneOf(lock, 2, () => waiter(index))
  }
  t.deepEqual(
    locks.list().map(({kind, address, waiters, waiterCount, owner}) => [kind, address, waiters, waiterCount, owner]),
    [
      ['pthread mutex', '0x1000', [0, 1, 4, 7].map(waiter), 4, null],
      ['semaphore', '0x1000', [2, 5].map(waiter), 2, null],
    ],
  )
})

test('of many waiters those alone are made that are named', t => {
  const locks = new LockList()
  let made = 0
  for (let thread = 0; thread < 250; thread++) {
    locks.addOneOf(MUTEX, 1, () => {
      made++
      return waiter(thread)
    })
  }
  t.deepEqual([made, locks.list()[0]?.waiterCount], [100, 250])
})
