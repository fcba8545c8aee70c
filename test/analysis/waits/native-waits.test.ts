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
import {NULL_ADDRESS, toAddress} from '../../../src/base/address.ts'
import {BytesBuilder} from '../../support/bytes-builder.ts'

const CODE = 0x1000
const PROGRAM = 0x9000
const LOCK = 0x2000
const THREAD = 0x7000
const FUTEX_PRIVATE_FLAG = 128n
const FUTEX_LOCK_PI = 6
/** mov $202,%eax; syscall */
const MOV_FUTEX_SYSCALL = 'b8 ca 00 00 00 0f 05 90'

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
  /** Functions, from futex out, that lie in libc; the others are the program's. */
  inLibc?: number
  /** Offset from the lock of what the functions hold in rbx. */
  held?: number
  command?: number
  /** Address of the time limit. */
  limit?: number
  /** The word that is waited on, where it is not in the lock. */
  word?: number
  /** Up to and with the system call. */
  code?: string
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
function processOf(
  lock: BytesBuilder,
  tids: readonly number[] = [7, 8],
  libc: 'glibc' | 'musl' = 'glibc',
  instructions = MOV_FUTEX_SYSCALL,
) {
  const [first, second] = [THREAD, THREAD + 0x1000]
  const code = new BytesBuilder().padTo(0x40).hex(instructions).build()
  const pieces = [
    {start: CODE - 0x40, bytes: code},
    {start: PROGRAM - 0x40, bytes: code},
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

function waitOf(waiting: Waiting) {
  const {functions, at = 0, lock = new BytesBuilder(), libc, expected = 2, systemCall = 202} = waiting
  const {inLibc = functions.length, held = 0, command = 0, limit = 0, word = LOCK + at} = waiting
  const {memory, core} = processOf(lock, [7, 8], libc, waiting.code)
  const [waiter] = core.threads
  if (waiter) waiter.registers[USER_REGS.orig_rax] = BigInt(systemCall)
  const words = new BigUint64Array(27)
  words[USER_REGS.rdi] = BigInt(word)
  words[USER_REGS.r10] = BigInt(limit)
  words[USER_REGS.rsi] = FUTEX_PRIVATE_FLAG + BigInt(command)
  words[USER_REGS.rbx] = BigInt(LOCK + held)
  words[USER_REGS.rdx] = BigInt(expected)
  words[USER_REGS.rip] = BigInt(CODE + 7)
  const registers = RegisterSet.ofUserRegs(words)
  const frames = functions.map((_, index) => ({
    kind: 'native',
    pc: toAddress((index < inLibc ? CODE : PROGRAM) + 7),
    sp: NULL_ADDRESS,
    lookupPc: toAddress(index),
    registers,
  }))
  const symbolizer = {locate: (_: number, index: number) => [{function: functions[index], module: '/lib/libc.so.6'}]}
  const [program, library] = [{isExecutable: true}, {isExecutable: false}]
  const moduleAt = (pc: number) => (pc > PROGRAM ? program : library)
  const process = {memory: {...memory, moduleAt}, core, symbolizer} as unknown as DeadProcess
  const stack = {thread: core.threads[0], frames, base: 0} as unknown as ThreadStack
  return findNativeWait(process, stack, libcOfThreads(process) ?? 'glibc')
}

test('a condition is told by its own address, whichever group of waiters the thread is in', t => {
  const functions = ['__futex_abstimed_wait_common', '__pthread_cond_wait_common', '___pthread_cond_wait']
  t.like(waitOf({functions, at: 40}), {kind: 'pthread condition', address: LOCK, owner: undefined})
  t.like(waitOf({functions, at: 44}), {kind: 'pthread condition', address: LOCK})
})

test('which words of a condition are waited on differs between releases of glibc: the code holds its address', t => {
  const functions = ['__futex_abstimed_wait_common', '__pthread_cond_wait_common', '___pthread_cond_wait']
  for (const at of [32, 36, 4]) t.like(waitOf({functions, at}), {kind: 'pthread condition', address: LOCK})
  t.like(waitOf({functions, at: 40, held: 0x100}), {kind: 'pthread condition', address: undefined})
  t.like(waitOf({functions: ['futex_wait', '___pthread_cond_destroy'], at: 36}), {address: LOCK})
})

test('a barrier is told by its own address', t => {
  const functions = ['futex_wait', '___pthread_barrier_wait']
  t.like(waitOf({functions, at: 4}), {kind: 'pthread barrier', address: LOCK})
  // Up to glibc 2.24 the round is the first word.
  t.like(waitOf({functions, at: 0}), {kind: 'pthread barrier', address: LOCK})
})

test('what a program waits for in the function that it gave to pthread_once is not the once', t => {
  const functions = ['syscall', 'wait_by_hand', 'initialize', '__pthread_once_slow']
  t.like(waitOf({functions, inLibc: 1}), {kind: 'futex', address: LOCK})
  // Within one static program too, and without symbols.
  t.like(waitOf({functions, inLibc: 0}), {kind: 'futex', address: LOCK})
  t.like(waitOf({functions: ['wait_by_hand', '__pthread_once_slow'], inLibc: 0}), {kind: 'futex', address: LOCK})
  const process = waitOf({functions: [null, null, null, 'pthread_once'], inLibc: 0, lock: new BytesBuilder().u32(2)})
  t.like(process, {kind: 'pthread once'})
})

test("a function of the program whose name begins like one of libc is the program's", t => {
  for (const name of ['sem_wait_for_work', 'pthread_mutex_lock_profiled', 'pthread_cond_wait_by_hand']) {
    t.like(waitOf({functions: [name], at: 40, inLibc: 0}), {kind: 'futex', address: LOCK + 40})
    t.like(waitOf({functions: ['syscall', name], at: 40, inLibc: 1}), {kind: 'futex', address: LOCK + 40})
  }
})

test('a lock that inherits priorities has its owner in its word', t => {
  const lock = () => new BytesBuilder().u32(0x80000008, 0, 8, 1)
  const command = FUTEX_LOCK_PI
  t.like(waitOf({functions: ['futex_lock_pi64', '__pthread_mutex_lock_full'], lock: lock(), command}), {
    kind: 'pthread mutex',
    address: LOCK,
    owner: 8,
  })
  t.like(waitOf({functions: [null], lock: lock(), command}), {kind: 'pthread mutex', address: LOCK, owner: 8})
  t.like(waitOf({functions: ['syscall', 'lock_by_hand'], lock: lock(), command}), {kind: 'futex', owner: 8})
  const musl = new BytesBuilder().u32(8, 0x80000008)
  const functions = ['__futex4', 'pthread_mutex_timedlock_pi', '__pthread_mutex_timedlock']
  t.like(waitOf({functions, libc: 'musl', at: 4, lock: musl, command}), {
    kind: 'pthread mutex',
    address: LOCK,
    owner: 8,
  })
})

test('glibc waits on a word of its own for a lock that the kernel refuses: the code holds the lock', t => {
  const functions = ['__futex_abstimed_wait_common', '__pthread_mutex_lock_full', '___pthread_mutex_lock']
  const kind = 32
  const asked = {functions, word: 0x7ffd0004, expected: 0}
  const lock = (type = kind, owner = 8) => new BytesBuilder().u32(0x80000008, 0, owner, 1, type)
  t.like(waitOf({...asked, lock: lock()}), {kind: 'pthread mutex', address: LOCK, owner: 8})
  // As __futex_abstimed_wait_common makes the call: FUTEX_WAIT_BITSET.
  t.like(waitOf({...asked, command: 9, lock: lock()}), {address: LOCK, owner: 8})
  const unknown = {kind: 'pthread mutex', address: undefined, owner: undefined} as const
  t.like(waitOf({...asked, lock: lock(0)}), unknown)
  t.like(waitOf({...asked, lock: lock(kind, 9)}), unknown)
  t.like(waitOf({...asked, lock: lock(), held: 0x100}), unknown)
})

test('a wait with a time limit says so', t => {
  const functions = ['futex_wait', '___pthread_mutex_timedlock']
  const lock = () => new BytesBuilder().u32(2, 1, 8, 1)
  t.is(waitOf({functions, lock: lock(), limit: 0x3000})?.isTimed, true)
  t.is(waitOf({functions, lock: lock()})?.isTimed, false)
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

test('after a stop the function that waits tells the call whose number the code was given', t => {
  // mov %rsi,%rax; syscall, as in musl's __syscall_cp_asm
  const code = '48 89 f0 90 90 0f 05 90'
  const functions = ['__syscall_cp_asm', '__syscall_cp_c', '__timedwait_cp', 'sem_timedwait']
  t.like(waitOf({functions, libc: 'musl', systemCall: 219, code}), {kind: 'semaphore', address: LOCK})
  t.is(waitOf({functions: ['syscall', 'wait_by_hand'], libc: 'musl', systemCall: 219, code}), undefined)
  t.is(waitOf({functions: [null], systemCall: 219, code, lock: new BytesBuilder().u32(2, 1, 8, 1)}), undefined)
})

test('what looks like a mutex of glibc is none under musl', t => {
  const lock = new BytesBuilder().u32(2, 1, 8, 1)
  t.like(waitOf({functions: [null], libc: 'musl', lock}), {kind: 'futex', owner: undefined})
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
