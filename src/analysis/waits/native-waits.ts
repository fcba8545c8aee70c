import type {RegisterSet} from '../../amd64/register-set.ts'
import {findSystemCall, loadsNumber, SYSTEM_CALL} from '../../amd64/system-call.ts'
import {USER_REGS} from '../../amd64/user-regs.ts'
import {type Address, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {type MemoryReader, readU32, readWord} from '../../base/memory-reader.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {ThreadStack} from '../stacks/thread-stacks.ts'

export type NativeLockKind =
  | 'pthread mutex'
  | 'pthread rwlock'
  | 'pthread condition'
  | 'pthread barrier'
  | 'pthread once'
  | 'initialization of a static variable'
  | 'lock of a stdio stream'
  | 'semaphore'
  | 'end of a thread'
  | 'lock inside of libc'
  | 'futex'

/** A thread in C that waits in the kernel for a lock. */
export interface NativeWait {
  tid: number
  kind: NativeLockKind
  address: Address
  /** The thread that can let it go on; undefined where the lock does not say. */
  owner: number | undefined
}

const SYS_futex = 202
/** Commands of futex(2), without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME, that wait. */
const WAITING = new Set([0, 6, 9, 11, 13])
const LOCK_PI = new Set([6, 13])
const FUTEX_TID_MASK = 0x3fffffff
/** lll_lock: locked, and someone waits. */
const LLL_CONTENDED = 2
/** Frames between the system call and the function that the program called. */
const DEPTH = 6

interface FutexCall {
  word: Address
  command: number
  expected: number
}

/** What the thread waits for, by the arguments of its futex call and by the function of libc that made it. */
export function findNativeWait(process: DeadProcess, stack: ThreadStack): NativeWait | undefined {
  const frame = stack.frames[stack.base]
  if (frame?.kind !== 'native') return undefined
  const {registers} = frame
  const original = stack.base === 0 ? stack.thread.registers[USER_REGS.orig_rax] : undefined
  const call = readFutexCall(process.memory, frame.pc, registers, original)
  if (!call) return undefined
  const {tid} = stack.thread
  const place = identify(process, stack, call)
  return place && {tid, ...place}
}

/**
 * The thread is in futex(2) where its pc is behind a syscall instruction that was given that number, or at one that a signal
 * handler with SA_RESTART will make again.
 */
function readFutexCall(
  memory: MemoryReader,
  pc: Address,
  registers: RegisterSet,
  original: bigint | undefined,
): FutexCall | undefined {
  const at = findSystemCall(memory, pc)
  if (at === undefined) return undefined
  const number = original ?? (at === pc ? registers.word(SYSTEM_CALL.number) : undefined)
  if (number !== undefined ? number !== BigInt(SYS_futex) : !loadsNumber(memory, at, SYS_futex)) return undefined
  const [first, second, third] = SYSTEM_CALL.arguments
  const word = registers.address(first)
  const operation = registers.word(second)
  const expected = registers.word(third)
  if (word === undefined || word === NULL_ADDRESS || operation === undefined || expected === undefined) return undefined
  const command = Number(operation % 128n)
  return WAITING.has(command) ? {word, command, expected: Number(expected % 0x100000000n)} : undefined
}

type Place = Omit<NativeWait, 'tid'>

function identify(process: DeadProcess, stack: ThreadStack, call: FutexCall): Place | undefined {
  const {memory} = process
  const {word, command} = call
  const value = readU32(memory, word)
  if (LOCK_PI.has(command)) {
    return {kind: 'pthread mutex', address: word, owner: ownerOf((value ?? 0) % (FUTEX_TID_MASK + 1))}
  }
  const {waiter, isMusl} = findWaiter(process, stack)
  switch (waiter) {
    case 'mutex':
      return isMusl ? muslMutex(memory, word) : glibcMutex(memory, word)
    case 'read-write':
      return isMusl ? {kind: 'pthread rwlock', address: word, owner: undefined} : glibcRwlock(memory, word)
    case 'condition':
      return {kind: 'pthread condition', address: isMusl ? word : glibcCondition(word), owner: undefined}
    case 'barrier':
      return {kind: 'pthread barrier', address: isMusl ? word : toAddress(word - GLIBC_ROUND), owner: undefined}
    case 'once':
      return {kind: 'pthread once', address: word, owner: undefined}
    case 'static':
      return {kind: 'initialization of a static variable', address: word, owner: undefined}
    case 'semaphore':
      return {kind: 'semaphore', address: word, owner: undefined}
    case 'join':
      // glibc waits on the thread's own field of its tid, which the kernel clears; the value that it saw is in the call.
      return {kind: 'end of a thread', address: word, owner: isMusl ? undefined : ownerOf(call.expected)}
    case 'libc':
      return streamLock(process, word) ?? {kind: 'lock inside of libc', address: word, owner: undefined}
    default:
      return mutexByShape(process, call) ?? {kind: 'futex', address: word, owner: undefined}
  }
}

function ownerOf(tid: number): number | undefined {
  return tid === 0 ? undefined : tid
}

type Waiter = 'mutex' | 'read-write' | 'condition' | 'barrier' | 'once' | 'static' | 'semaphore' | 'join' | 'libc'

/** Functions of glibc and musl by the start of their names, without what glibc puts before them (`__GI_`, underscores). */
const WAITERS: readonly (readonly [RegExp, Waiter])[] = [
  [/^pthread_mutex_(lock|timedlock|clocklock|cond_lock)/, 'mutex'],
  [/^(lll_mutex_lock|mutex_lock_optimized)/, 'mutex'],
  [/^pthread_rwlock_/, 'read-write'],
  [/^(pthread_cond_|cnd_)/, 'condition'],
  [/^pthread_barrier_wait/, 'barrier'],
  [/^(pthread_once|call_once)/, 'once'],
  [/^cxa_guard_acquire/, 'static'],
  [/^(new_)?sem_(wait|timedwait|clockwait)/, 'semaphore'],
  [/^(pthread_(clock|timed|try)?join|thrd_join)/, 'join'],
]

/** The first function on the way out that is known to wait. */
function findWaiter(process: DeadProcess, stack: ThreadStack): {waiter: Waiter | undefined; isMusl: boolean} {
  let innermost: Waiter | undefined
  for (const {pc, lookupPc, kind} of stack.frames.slice(stack.base, stack.base + DEPTH)) {
    if (kind !== 'native') break
    for (const {function: name, module} of process.symbolizer.locate(pc, lookupPc)) {
      const plain = name?.replace(/^(__GI_)?_*/, '') ?? ''
      const waiter = WAITERS.find(([pattern]) => pattern.test(plain))?.[1]
      if (waiter) return {waiter, isMusl: /\/(ld-musl|libc\.musl)[^/]*$/.test(module ?? '')}
      if (/^lll_lock_wait/.test(plain)) innermost ??= 'libc'
    }
  }
  return {waiter: innermost, isMusl: false}
}

/** struct __pthread_mutex_s (glibc, sysdeps/x86/nptl/bits/struct_mutex.h): __lock 0, __count 4, __owner 8, __nusers 12, __kind 16. */
const GLIBC_OWNER = 8
const GLIBC_USERS = 12

function glibcMutex(memory: MemoryReader, lock: Address): Place {
  const owner = readU32(memory, toAddress(lock + GLIBC_OWNER)) ?? 0
  return {kind: 'pthread mutex', address: lock, owner: ownerOf(owner % (FUTEX_TID_MASK + 1))}
}

/** _m_lock is the second word; it holds the owner, except for a normal mutex, where it holds EBUSY (musl, pthread_mutex_lock.c). */
function muslMutex(memory: MemoryReader, lock: Address): Place {
  const address = toAddress(lock - 4)
  const type = readU32(memory, address) ?? 0
  const owner = (readU32(memory, lock) ?? 0) % (FUTEX_TID_MASK + 1)
  return {kind: 'pthread mutex', address, owner: type % 16 === 0 ? undefined : ownerOf(owner)}
}

/**
 * struct __pthread_rwlock_arch_t (glibc, struct_rwlock.h): __wrphase_futex 8, __writers_futex 12, __cur_writer 24. Readers are only
 * counted. The lock itself is aligned to 8.
 */
function glibcRwlock(memory: MemoryReader, futex: Address): Place {
  const address = toAddress(futex - (futex % 8 === 0 ? 8 : 12))
  return {kind: 'pthread rwlock', address, owner: ownerOf(readU32(memory, toAddress(address + 24)) ?? 0)}
}

/** The second word of struct pthread_barrier, the round that waiters wait for the end of (glibc, internaltypes.h). */
const GLIBC_ROUND = 4
/** __g_signals, a word for each of the two groups of waiters; the condition is aligned to 8 (glibc 2.25, thread-shared-types.h). */
const GLIBC_SIGNALS = 40

function glibcCondition(futex: Address): Address {
  return toAddress(futex - GLIBC_SIGNALS - (futex % 8))
}

/** _IO_lock_t: lock, count and owner, which is named by its thread pointer (glibc, sysdeps/nptl/stdio-lock.h). */
function streamLock({memory, core}: DeadProcess, lock: Address): Place | undefined {
  const count = readU32(memory, toAddress(lock + 4)) ?? 0
  const pointer = readWord(memory, toAddress(lock + 8))
  const owner = core.threads.find(({registers}) => pointer !== 0n && registers[USER_REGS.fs_base] === pointer)
  if (!owner || count < 1) return undefined
  return {kind: 'lock of a stdio stream', address: lock, owner: owner.tid}
}

/** Without any name: a contended lock whose owner field names a thread of this process can only be a glibc mutex. */
function mutexByShape({memory, core}: DeadProcess, {word, expected}: FutexCall): Place | undefined {
  if (expected !== LLL_CONTENDED || readU32(memory, word) !== LLL_CONTENDED) return undefined
  const owner = readU32(memory, toAddress(word + GLIBC_OWNER))
  const users = readU32(memory, toAddress(word + GLIBC_USERS)) ?? 0
  const isThread = core.threads.some(({tid}) => tid === owner)
  return isThread && users >= 1 ? {kind: 'pthread mutex', address: word, owner} : undefined
}
