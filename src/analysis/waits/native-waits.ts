import type {RegisterSet} from '../../amd64/register-set.ts'
import {findSystemCall, loadsNumber, SYSTEM_CALL} from '../../amd64/system-call.ts'
import {USER_REGS} from '../../amd64/user-regs.ts'
import {type Address, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {type MemoryReader, readAddress, readU32} from '../../base/memory-reader.ts'
import {findCallee} from '../frames/c-frames.ts'
import {libcName} from '../frames/irrelevant-frames.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {type LibcKind, threadOfMuslState, threadOfRecord} from '../process/thread-records.ts'
import type {ThreadStack} from '../stacks/thread-walk.ts'

export const NATIVE_LOCK_KINDS = [
  'pthread mutex',
  'pthread rwlock',
  'pthread condition',
  'pthread barrier',
  'pthread once',
  'initialization of a static variable',
  'lock of a stdio stream',
  'semaphore',
  'end of a thread',
  'lock inside of libc',
  'futex',
] as const
export type NativeLockKind = (typeof NATIVE_LOCK_KINDS)[number]

/** A thread in C that waits in the kernel for a lock. */
export interface NativeWait {
  tid: number
  kind: NativeLockKind
  /** Of the lock; undefined where the thread waits on a word of its own, which does not lead to it. */
  address: Address | undefined
  /** The thread that can let it go on; undefined where the lock does not say. */
  owner: number | undefined
}

const SYS_futex = 202
/** What the kernel makes of a system call with a time limit that a stop or a debugger interrupted (kernel/signal.c). */
const SYS_restart_syscall = 219
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
export function findNativeWait(process: DeadProcess, stack: ThreadStack, libc: LibcKind): NativeWait | undefined {
  const frame = stack.frames[stack.base]
  if (frame?.kind !== 'native') return undefined
  const {registers} = frame
  const original = stack.base === 0 ? stack.thread.registers[USER_REGS.orig_rax] : undefined
  const call = readFutexCall(process.memory, frame.pc, registers, original)
  if (!call) return undefined
  const {tid} = stack.thread
  const place = identify(process, stack, libc, call)
  return place && {tid, ...place}
}

/**
 * The thread is in futex(2) where its pc is behind a syscall instruction that was given that number, or at one that a
 * signal handler with SA_RESTART will make again. After a stop, one with a time limit is restart_syscall; its arguments
 * are what they were.
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
  const isNamed = number !== undefined && number !== BigInt(SYS_restart_syscall)
  if (isNamed ? number !== BigInt(SYS_futex) : !loadsNumber(memory, at, SYS_futex)) return undefined
  const [first, second, third] = SYSTEM_CALL.arguments
  const word = registers.address(first)
  const operation = registers.word(second)
  const expected = registers.word(third)
  if (word === undefined || word === NULL_ADDRESS || operation === undefined || expected === undefined) return undefined
  const command = Number(operation % 128n)
  return WAITING.has(command) ? {word, command, expected: Number(expected % 0x100000000n)} : undefined
}

type Place = Omit<NativeWait, 'tid'>

function identify(process: DeadProcess, stack: ThreadStack, libc: LibcKind, call: FutexCall): Place | undefined {
  const {memory} = process
  const {word, command} = call
  if (LOCK_PI.has(command)) {
    return {kind: 'pthread mutex', address: word, owner: ownerOf((readU32(memory, word) ?? 0) % (FUTEX_TID_MASK + 1))}
  }
  const {waiter, isNamed} = findWaiter(process, stack)
  if (waiter) return PLACES[libc](process, waiter, call)
  return (isNamed ? undefined : mutexByShape(process, call)) ?? {kind: 'futex', address: word, owner: undefined}
}

const PLACES: Record<LibcKind, (process: DeadProcess, waiter: Waiter, call: FutexCall) => Place> = {
  glibc: placeInGlibc,
  musl: placeInMusl,
}

function placeInGlibc(process: DeadProcess, waiter: Waiter, {word, expected}: FutexCall): Place {
  switch (waiter) {
    case 'pthread mutex':
      return glibcMutex(process.memory, word)
    case 'pthread rwlock':
      return glibcRwlock(process.memory, word, expected)
    case 'pthread condition':
      return {kind: waiter, address: glibcCondition(word), owner: undefined}
    case 'pthread barrier':
      return {kind: waiter, address: toAddress(word - GLIBC_ROUND), owner: undefined}
    case 'end of a thread':
      // The thread's own field of its tid, which the kernel clears; the value that was seen is in the call.
      return {kind: waiter, address: word, owner: ownerOf(expected)}
    case 'lock inside of libc':
      return streamLock(process, word) ?? {kind: waiter, address: word, owner: undefined}
    default:
      return {kind: waiter, address: word, owner: undefined}
  }
}

/**
 * musl keeps conditions and barriers in words of a waiter's stack (pthread_cond_timedwait.c, pthread_barrier_wait.c).
 */
function placeInMusl(process: DeadProcess, waiter: Waiter, {word}: FutexCall): Place {
  switch (waiter) {
    case 'pthread mutex':
      return muslMutex(process.memory, word)
    case 'pthread condition':
    case 'pthread barrier':
      return {kind: waiter, address: undefined, owner: undefined}
    case 'end of a thread':
      return {kind: waiter, address: word, owner: threadOfMuslState(process, word)}
    default:
      return {kind: waiter, address: word, owner: undefined}
  }
}

function ownerOf(tid: number): number | undefined {
  return tid === 0 ? undefined : tid
}

type Waiter = Exclude<NativeLockKind, 'futex' | 'lock of a stdio stream'>

/**
 * Functions of glibc and musl by the start of their names, without what glibc puts before them (`__GI_`, underscores).
 */
const WAITERS: readonly (readonly [RegExp, Waiter])[] = [
  [/^pthread_mutex_(lock|timedlock|clocklock|cond_lock)/, 'pthread mutex'],
  [/^(lll_mutex_lock|mutex_lock_optimized)/, 'pthread mutex'],
  [/^pthread_rwlock_/, 'pthread rwlock'],
  [/^(pthread_cond_|cnd_)/, 'pthread condition'],
  [/^pthread_barrier_wait/, 'pthread barrier'],
  [/^(pthread_once|call_once)/, 'pthread once'],
  [/^cxa_guard_acquire/, 'initialization of a static variable'],
  [/^(new_)?sem_(wait|timedwait|clockwait)/, 'semaphore'],
  [/^(pthread_(clock|timed|try)?join|thrd_join)/, 'end of a thread'],
]

/**
 * The first function on the way out that is known to wait. `isNamed`: the function that made the system call has a
 * name.
 */
function findWaiter(process: DeadProcess, stack: ThreadStack): {waiter: Waiter | undefined; isNamed: boolean} {
  const names = [...namesOfCallers(process, stack)]
  const isNamed = names[0] !== undefined
  const plain = names.map(name => libcName(name ?? null))
  for (const name of plain) {
    const waiter = WAITERS.find(([pattern]) => pattern.test(name))?.[1]
    if (waiter) return {waiter, isNamed}
  }
  return {waiter: plain.some(name => name.startsWith('lll_lock_wait')) ? 'lock inside of libc' : undefined, isNamed}
}

/**
 * A libc without debug symbols names what it exports alone, and that leaves itself by a jump (pthread_join, sem_wait):
 * the call that led to a function without a name still names it.
 */
function* namesOfCallers(process: DeadProcess, {frames, base}: ThreadStack): Generator<string | undefined> {
  for (let index = base; index < base + DEPTH; index++) {
    const frame = frames[index]
    if (frame?.kind !== 'native') return
    const names = process.symbolizer.locate(frame.pc, frame.lookupPc).map(({function: name}) => name ?? undefined)
    yield* names
    const caller = frames.slice(index + 1).find(({foundBy}) => foundBy !== 'tail-call')
    if (names.every(name => name === undefined) && caller) yield findCallee(process, caller.pc)?.name
  }
}

/**
 * struct __pthread_mutex_s (glibc, sysdeps/x86/nptl/bits/struct_mutex.h): __lock 0, __count 4, __owner 8, __nusers 12,
 * __kind 16.
 */
const GLIBC_OWNER = 8
const GLIBC_USERS = 12

function glibcMutex(memory: MemoryReader, lock: Address): Place {
  const owner = readU32(memory, toAddress(lock + GLIBC_OWNER)) ?? 0
  return {kind: 'pthread mutex', address: lock, owner: ownerOf(owner % (FUTEX_TID_MASK + 1))}
}

/**
 * _m_lock is the second word; it holds the owner, except for a normal mutex, where it holds EBUSY (musl,
 * pthread_mutex_lock.c).
 */
function muslMutex(memory: MemoryReader, lock: Address): Place {
  const address = toAddress(lock - 4)
  const type = readU32(memory, address) ?? 0
  const owner = (readU32(memory, lock) ?? 0) % (FUTEX_TID_MASK + 1)
  return {kind: 'pthread mutex', address, owner: type % 16 === 0 ? undefined : ownerOf(owner)}
}

/**
 * __readers: a reader waits there behind a writer where writers are preferred (PTHREAD_RWLOCK_RWAITING,
 * pthread_rwlock_common.c).
 */
const GLIBC_READERS_WAIT = 4

/**
 * struct __pthread_rwlock_arch_t (glibc, struct_rwlock.h): __readers 0, __wrphase_futex 8, __writers_futex 12,
 * __cur_writer 24. The futexes hold 0 to 3; __readers has the bit of waiting readers. Readers are only counted. The
 * lock itself is aligned to 8.
 */
function glibcRwlock(memory: MemoryReader, futex: Address, expected: number): Place {
  const isReaders = futex % 8 === 0 && expected % (2 * GLIBC_READERS_WAIT) >= GLIBC_READERS_WAIT
  const address = toAddress(futex - (isReaders ? 0 : futex % 8 === 0 ? 8 : 12))
  return {kind: 'pthread rwlock', address, owner: ownerOf(readU32(memory, toAddress(address + 24)) ?? 0)}
}

/** The second word of struct pthread_barrier, the round that waiters wait for the end of (glibc, internaltypes.h). */
const GLIBC_ROUND = 4
/**
 * __g_signals, a word for each of the two groups of waiters; the condition is aligned to 8 (glibc 2.25,
 * thread-shared-types.h).
 */
const GLIBC_SIGNALS = 40

function glibcCondition(futex: Address): Address {
  return toAddress(futex - GLIBC_SIGNALS - (futex % 8))
}

/** _IO_lock_t: lock, count and owner, which is named by its thread pointer (glibc, sysdeps/nptl/stdio-lock.h). */
function streamLock(process: DeadProcess, lock: Address): Place | undefined {
  const count = readU32(process.memory, toAddress(lock + 4)) ?? 0
  const owner = threadOfRecord(process, readAddress(process.memory, toAddress(lock + 8)))
  if (owner === undefined || count < 1) return undefined
  return {kind: 'lock of a stdio stream', address: lock, owner}
}

/**
 * Where the code has no names: a contended lock whose owner field names a thread of this process can only be a glibc
 * mutex.
 */
function mutexByShape({memory, core}: DeadProcess, {word, expected}: FutexCall): Place | undefined {
  if (expected !== LLL_CONTENDED || readU32(memory, word) !== LLL_CONTENDED) return undefined
  const owner = readU32(memory, toAddress(word + GLIBC_OWNER))
  const users = readU32(memory, toAddress(word + GLIBC_USERS)) ?? 0
  const isThread = core.threads.some(({tid}) => tid === owner)
  return isThread && users >= 1 ? {kind: 'pthread mutex', address: word, owner} : undefined
}
