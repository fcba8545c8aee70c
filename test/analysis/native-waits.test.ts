// What a thread in futex(2) waits for, told by the function of libc that called it and by the lock itself.
import test from 'ava'
import {RegisterSet} from '../../src/amd64/register-set.ts'
import {USER_REGS} from '../../src/amd64/user-regs.ts'
import type {DeadProcess} from '../../src/analysis/process/dead-process.ts'
import {innerThreadIds} from '../../src/analysis/process/inner-thread-ids.ts'
import type {ThreadStack} from '../../src/analysis/stacks/thread-stacks.ts'
import {findNativeWait} from '../../src/analysis/waits/native-waits.ts'
import {toAddress} from '../../src/base/address.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'

const CODE = 0x1000
const LOCK = 0x2000
const THREAD = 0x7000
const FUTEX_WAIT_PRIVATE = 128n

interface Waiting {
  /** From futex out. */
  functions: string[]
  /** Offset of the futex word from the lock. */
  at?: number
  lock?: BytesBuilder
}

/** Thread 7 waits; thread 8 is the other one, and has its thread pointer at THREAD. */
function processOf(lock: BytesBuilder, tids: readonly number[] = [7, 8]) {
  const pieces = [
    {start: CODE, bytes: new BytesBuilder().hex('b8 ca 00 00 00 0f 05 90').build()},
    {start: LOCK, bytes: lock.padTo(64).build()},
    {start: THREAD, bytes: new BytesBuilder().padTo(0x2d0).u32(12).padTo(0x300).build()},
    {start: THREAD + 0x1000, bytes: new BytesBuilder().padTo(0x2d0).u32(11).padTo(0x300).build()},
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

function waitOf({functions, at = 0, lock = new BytesBuilder()}: Waiting) {
  const {memory, core} = processOf(lock)
  const words = new BigUint64Array(27)
  words[USER_REGS.rdi] = BigInt(LOCK + at)
  words[USER_REGS.rsi] = FUTEX_WAIT_PRIVATE
  words[USER_REGS.rdx] = 2n
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
  return findNativeWait(process, {thread: core.threads[0], frames, base: 0} as unknown as ThreadStack)
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
