// What a thread in futex(2) waits for, told by the function of libc that called it and by the lock itself.
import {readFileSync} from 'node:fs'
import test from 'ava'
import {RegisterSet} from '../../../src/amd64/register-set.ts'
import {USER_REGS} from '../../../src/amd64/user-regs.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {innerThreadIds, libcOfThreads} from '../../../src/analysis/process/thread-records.ts'
import type {ThreadStack} from '../../../src/analysis/stacks/thread-walk.ts'
import {GO_LOCK_KINDS} from '../../../src/analysis/waits/go-waits.ts'
import {findNativeWait, NATIVE_LOCK_KINDS} from '../../../src/analysis/waits/native-waits.ts'
import {toAddress} from '../../../src/base/address.ts'
import {BytesBuilder} from '../../support/bytes-builder.ts'

const CODE = 0x1000
const LOCK = 0x2000
const THREAD = 0x7000
const FUTEX_WAIT_PRIVATE = 128n

interface Waiting {
  /** From futex out; null where the code has no name. */
  functions: (string | null)[]
  libc?: 'glibc' | 'musl'
  expected?: number
  /** As the kernel has it after a stop: 219, restart_syscall. */
  systemCall?: number
  /** Offset of the futex word from the lock. */
  at?: number
  lock?: BytesBuilder
}

/**
 * struct pthread: glibc's tid is at 0x2d0; musl's threads are in a ring (prev 0x10, next 0x18), with the tid at 0x30.
 */
function threadRecord(libc: 'glibc' | 'musl', self: number, other: number, tid: number): Uint8Array {
  const record = new BytesBuilder().u64(self).padTo(0x10)
  if (libc === 'glibc') return record.u64(self).padTo(0x2d0).u32(tid).padTo(0x300).build()
  return record.u64(other).u64(other).padTo(0x30).u32(tid).padTo(0x300).build()
}

/** Thread 7 waits; thread 8 is the other one, and has its thread pointer at THREAD. */
function processOf(lock: BytesBuilder, tids: readonly number[] = [7, 8], libc: 'glibc' | 'musl' = 'glibc') {
  const [first, second] = [THREAD, THREAD + 0x1000]
  const pieces = [
    {start: CODE - 0x40, bytes: new BytesBuilder().padTo(0x40).hex('b8 ca 00 00 00 0f 05 90').build()},
    {start: LOCK, bytes: lock.padTo(64).build()},
    {start: first, bytes: threadRecord(libc, first, second, 12)},
    {start: second, bytes: threadRecord(libc, second, first, 11)},
  ]
  const memory = {
    read(address: number, length: number) {
      const piece = pieces.find(({start, bytes}) => address >= start && address + length <= start + bytes.length)
      return piece?.bytes.subarray(address - piece.start, address - piece.start + length)
    },
  }
  const threads = tids.map((tid, index) => {
    const registers = new BigUint64Array(27)
    registers[USER_REGS.fs_base] = BigInt(index === 0 ? THREAD + 0x1000 : THREAD)
    registers[USER_REGS.orig_rax] = 202n
    return {tid, registers}
  })
  return {memory, core: {threads}}
}

function waitOf({functions, at = 0, lock = new BytesBuilder(), libc, expected = 2, systemCall = 202}: Waiting) {
  const {memory, core} = processOf(lock, [7, 8], libc)
  const [waiter] = core.threads
  if (waiter) waiter.registers[USER_REGS.orig_rax] = BigInt(systemCall)
  const words = new BigUint64Array(27)
  words[USER_REGS.rdi] = BigInt(LOCK + at)
  words[USER_REGS.rsi] = FUTEX_WAIT_PRIVATE
  words[USER_REGS.rdx] = BigInt(expected)
  words[USER_REGS.rip] = BigInt(CODE + 7)
  const registers = RegisterSet.ofUserRegs(words)
  const frames = functions.map((_, index) => ({
    kind: 'native',
    pc: toAddress(CODE + 7),
    lookupPc: toAddress(index),
    registers,
  }))
  const symbolizer = {locate: (_: number, index: number) => [{function: functions[index], module: '/lib/libc.so.6'}]}
  const process = {memory, core, symbolizer} as unknown as DeadProcess
  const stack = {thread: core.threads[0], frames, base: 0} as unknown as ThreadStack
  return findNativeWait(process, stack, libcOfThreads(process) ?? 'glibc')
}

test('a condition is told by its own address, whichever group of waiters the thread is in', t => {
  const functions = ['__futex_abstimed_wait_common', '__pthread_cond_wait_common', '___pthread_cond_wait']
  t.like(waitOf({functions, at: 40}), {kind: 'pthread condition', address: LOCK, owner: undefined})
  t.like(waitOf({functions, at: 44}), {kind: 'pthread condition', address: LOCK})
})

test('a barrier is told by its own address', t => {
  t.like(waitOf({functions: ['futex_wait', '___pthread_barrier_wait'], at: 4}), {
    kind: 'pthread barrier',
    address: LOCK,
  })
})

test('whose initialization others wait for is not recorded', t => {
  t.like(waitOf({functions: ['futex_wait', '__pthread_once_slow']}), {kind: 'pthread once', owner: undefined})
  t.like(waitOf({functions: ['syscall', '__cxa_guard_acquire']}), {
    kind: 'initialization of a static variable',
    owner: undefined,
  })
})

test('the owner of a stream of stdio is known by its thread pointer', t => {
  const functions = ['futex_wait', '__GI___lll_lock_wait_private', '_IO_puts']
  const stream = new BytesBuilder().u32(2, 1).u64(THREAD)
  t.like(waitOf({functions, lock: stream}), {kind: 'lock of a stdio stream', address: LOCK, owner: 8})
  const arena = new BytesBuilder().u32(2, 1).u64(0x1234)
  t.like(waitOf({functions, lock: arena}), {kind: 'lock inside of libc', owner: undefined})
})

test('locks name threads by ids of their own, which a debugger outside of a container does not see', t => {
  const outside = processOf(new BytesBuilder(), [4711, 4712]) as unknown as DeadProcess
  t.deepEqual(
    [...innerThreadIds(outside)],
    [
      [11, 4711],
      [12, 4712],
    ],
  )
  const partial = {...outside, memory: {read: () => undefined}} as unknown as DeadProcess
  t.is(innerThreadIds(partial).size, 0)
})

test('a wait with a time limit that a stop interrupted is the wait that it was', t => {
  const functions = ['futex_wait', '___pthread_mutex_timedlock']
  const lock = new BytesBuilder().u32(2, 1, 8, 1)
  t.like(waitOf({functions, lock, systemCall: 219}), {kind: 'pthread mutex', address: LOCK, owner: 8})
  t.is(waitOf({functions, lock, systemCall: 230}), undefined)
})

test('a reader behind a waiting writer waits at the start of a lock that prefers writers', t => {
  const functions = ['futex_wait', '___pthread_rwlock_rdlock']
  const lock = new BytesBuilder().padTo(24).u32(8)
  t.like(waitOf({functions, lock, expected: 0x0c}), {kind: 'pthread rwlock', address: LOCK, owner: 8})
  t.like(waitOf({functions, lock, at: 8, expected: 3}), {kind: 'pthread rwlock', address: LOCK, owner: 8})
  t.like(waitOf({functions, lock, at: 12, expected: 3}), {kind: 'pthread rwlock', address: LOCK, owner: 8})
})

test('what looks like a mutex is one only where the code that waits has no name', t => {
  const lock = new BytesBuilder().u32(2, 1, 8, 1)
  t.like(waitOf({functions: [null, null], lock}), {kind: 'pthread mutex', address: LOCK, owner: 8})
  t.like(waitOf({functions: ['syscall', 'hand_made_lock'], lock}), {kind: 'futex', address: LOCK, owner: undefined})
})

test('musl is known by the ring of its threads, whatever its file is called', t => {
  const of = (functions: string[], rest: Partial<Waiting> = {}) => waitOf({functions, libc: 'musl', ...rest})
  // _m_type 1: errorcheck; _m_lock is the second word and has the bit of waiters.
  const mutex = new BytesBuilder().u32(1, 0x80000008)
  t.like(of(['__timedwait_cp', '__pthread_mutex_timedlock'], {at: 4, lock: mutex}), {
    kind: 'pthread mutex',
    address: LOCK,
    owner: 8,
  })
  t.like(of(['__timedwait_cp', '__pthread_cond_timedwait']), {kind: 'pthread condition', address: undefined})
  t.like(of(['__wait', 'pthread_barrier_wait']), {kind: 'pthread barrier', address: undefined})
  // The word is detach_state at 0x38 of the record of thread 8; 2 is its value, and no thread.
  const join = of(['__timedwait_cp', '__pthread_timedjoin_np'], {at: THREAD + 0x38 - LOCK})
  t.like(join, {kind: 'end of a thread', owner: 8})
})

test("musl's threads have their ids at another place", t => {
  const outside = processOf(new BytesBuilder(), [4711, 4712], 'musl') as unknown as DeadProcess
  t.is(libcOfThreads(outside), 'musl')
  t.deepEqual(
    [...innerThreadIds(outside)],
    [
      [11, 4711],
      [12, 4712],
    ],
  )
})

test('every kind of lock is in the document of the JSON', t => {
  const text = readFileSync(new URL('../../../docs/json-schema.md', import.meta.url), 'utf8').replaceAll(/\s+/g, ' ')
  t.deepEqual(
    [...NATIVE_LOCK_KINDS, ...GO_LOCK_KINDS].filter(kind => !text.includes(`\`${kind}\``)),
    [],
  )
})
