// Who waits for whom, from the owners that locks of C name and from what is known of the goroutines on their threads.
import test from 'ava'
import {DeadlockSearch} from '../../../src/analysis/waits/deadlocks.ts'
import type {NativeLockKind, NativeWait} from '../../../src/analysis/waits/native-waits.ts'
import type {Parties} from '../../../src/analysis/waits/parties.ts'
import {toAddress} from '../../../src/base/address.ts'
import type {Party} from '../../../src/report/vocabulary.ts'
import {GOROUTINE_STATUS} from '../../../src/runtime-model/goroutine-status.ts'

interface Thread {
  tid: number
  goroutine?: number
  /** All calls of C that the thread ever made are its own. */
  alone?: boolean
  /** Locked to the thread with runtime.LockOSThread. */
  locked?: boolean
  /** The thread is C's own, which has called Go. */
  foreign?: boolean
  /** The thread holds this one's lock. */
  waitsFor?: number
  kind?: NativeLockKind
  timed?: boolean
  /** In Go, waiting for a channel at 0x500. */
  receives?: boolean
}

function search(threads: readonly Thread[]) {
  const of = (tid: number) => threads.find(thread => thread.tid === tid)
  const goroutineOn = (tid: number) => {
    const thread = of(tid)
    if (thread?.goroutine === undefined) return undefined
    const waitingOn = thread.receives ? [{channel: toAddress(0x500)}] : []
    const status = {number: thread.receives ? GOROUTINE_STATUS._Gwaiting : GOROUTINE_STATUS._Grunning}
    return {id: thread.goroutine, status, state: 'chan receive', waitingOn}
  }
  const isAlone = (tid: number) => of(tid)?.alone === true
  const isBound = (tid: number) => of(tid)?.goroutine === undefined || of(tid)?.foreign === true || isAlone(tid)
  const party = (tid: number, isSure: boolean): Party => ({
    thread: tid,
    goroutine: isSure ? (of(tid)?.goroutine ?? null) : null,
    image: null,
  })
  const parties = {
    isInGo: (tid: number) => of(tid)?.receives === true,
    isGone: (tid: number) => of(tid) === undefined,
    goroutineOn,
    isBound,
    isLocked: (tid: number) => of(tid)?.locked === true,
    imageOn: () => ({process: {}}),
    waiterOn: (tid: number) => party(tid, true),
    ownerOn: (tid: number, kind: NativeLockKind) => party(tid, isAlone(tid) || kind === 'end of a thread'),
  } as unknown as Parties
  const waits = new Map<number, NativeWait>()
  for (const {tid, waitsFor, kind = 'pthread mutex', timed: isTimed = false} of threads) {
    if (waitsFor !== undefined) waits.set(tid, {tid, kind, address: toAddress(0x100 + tid), owner: waitsFor, isTimed})
  }
  const {cycles, chains} = new DeadlockSearch(parties, waits).find()
  return {cycles: cycles.map(({links}) => links), chains}
}

test('threads of C, and goroutines that alone have called C from their threads, prove a deadlock', t => {
  t.deepEqual(
    search([
      {tid: 1, waitsFor: 2, goroutine: 5, alone: true},
      {tid: 2, waitsFor: 3},
      {tid: 3, waitsFor: 1, goroutine: 17, foreign: true},
    ]),
    {
      cycles: [
        [
          'thread 1 (goroutine 5) waits for pthread mutex 0x101 held by thread 2',
          'thread 2 waits for pthread mutex 0x102 held by thread 3',
          'thread 3 (goroutine 17) waits for pthread mutex 0x103 held by thread 1 (goroutine 5)',
        ],
      ],
      chains: [],
    },
  )
})

test('a goroutine may have been locked to its thread after another one took a lock there', t => {
  t.deepEqual(search([{tid: 1, waitsFor: 1, goroutine: 5, locked: true}]), {
    cycles: [],
    chains: [
      'thread 1 (goroutine 5) waits for pthread mutex 0x101 held by thread 1: a deadlock, if what locked on thread 1 ' +
        'is still there (goroutines move on between calls of C until they are locked to their threads)',
    ],
  })
})

test('a goroutine that may have left its thread makes the circle a condition, and is not called the owner', t => {
  t.deepEqual(
    search([
      {tid: 1, waitsFor: 2, goroutine: 5},
      {tid: 2, waitsFor: 1},
    ]),
    {
      cycles: [],
      chains: [
        'thread 1 (goroutine 5) waits for pthread mutex 0x101 held by thread 2, which waits for pthread mutex 0x102 held by thread 1: ' +
          'a deadlock, if what locked on thread 1 is still there (goroutines move on between calls of C)',
      ],
    },
  )
})

test('a thread whose end is waited for cannot end elsewhere, whatever runs on it', t => {
  const threads: Thread[] = [
    {tid: 1, waitsFor: 2, kind: 'end of a thread'},
    {tid: 2, waitsFor: 1, goroutine: 5},
  ]
  t.deepEqual(search(threads).cycles, [
    [
      'thread 1 waits for the end of thread 2 (goroutine 5)',
      'thread 2 (goroutine 5) waits for pthread mutex 0x102 held by thread 1',
    ],
  ])
})

test('all that wait behind a thread may have what its goroutine waits for, not those next to it alone', t => {
  const threads: Thread[] = [
    {tid: 1, goroutine: 5, alone: true, receives: true},
    {tid: 2, goroutine: 6, waitsFor: 1},
    {tid: 3, goroutine: 7, waitsFor: 2},
  ]
  t.deepEqual(search(threads).chains, [
    'thread 2 (goroutine 6) waits for pthread mutex 0x102 held by thread 1 (goroutine 5), which waits for chan receive 0x500; ' +
      'Go does not record who has to send on it: a deadlock, if that is goroutine 6 or goroutine 7',
  ])
})

test('a circle that a time limit may end is a deadlock on that condition', t => {
  const threads: Thread[] = [
    {tid: 1, waitsFor: 2, timed: true},
    {tid: 2, waitsFor: 1},
  ]
  t.deepEqual(search(threads), {
    cycles: [],
    chains: [
      'thread 1 waits up to a time limit for pthread mutex 0x101 held by thread 2, ' +
        'which waits for pthread mutex 0x102 held by thread 1: a deadlock, unless a time limit ends it',
    ],
  })
})

test('an owner that is no thread of this process is named as one', t => {
  t.deepEqual(search([{tid: 1, waitsFor: 9}]).chains, [
    'thread 1 waits for pthread mutex 0x101 held by thread 9, which is no thread of this process: ' +
      'it has ended, or is of a process that this one was forked from or shares the lock with',
  ])
})
