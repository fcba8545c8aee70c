import type {RegisterSet} from '../../amd64/register-set.ts'
import {findSystemCall, loadsNumber, SYSTEM_CALL} from '../../amd64/system-call.ts'
import {CALLEE_SAVED} from '../../amd64/registers.ts'
import {USER_REGS} from '../../amd64/user-regs.ts'
import {type Address, addressOfWord, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {Cursor} from '../../base/cursor.ts'
import {type MemoryReader, readAddress, readU32} from '../../base/memory-reader.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {type LibcKind, threadOfMuslState, threadOfRecord} from '../process/thread-records.ts'
import type {ThreadStack} from '../stacks/thread-walk.ts'
import {findWaitingFunction, type WaitingFunction} from './waiting-function.ts'

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
  /** Whether it goes on without the lock after a while. */
  isTimed: boolean
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
interface FutexCall {
  /** Else the call is futex(2) where a function of libc made it that waits in no other. */
  isProven: boolean
  word: Address
  command: number
  expected: number
  isTimed: boolean
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
  return place && {tid, ...place, isTimed: call.isTimed}
}

/**
 * The thread is in a system call where its pc is behind a syscall instruction, or at one that a signal handler with
 * SA_RESTART will make again.
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
  const isProven = isFutex(memory, at, number)
  if (isProven === false) return undefined
  const [first, second, third, fourth] = SYSTEM_CALL.arguments
  const word = registers.address(first)
  const operation = registers.word(second)
  const expected = registers.word(third)
  if (word === undefined || word === NULL_ADDRESS || operation === undefined || expected === undefined) return undefined
  const command = Number(operation % 128n)
  if (!WAITING.has(command)) return undefined
  const isTimed = (registers.word(fourth) ?? 0n) !== 0n
  return {isProven: isProven === true, word, command, expected: Number(expected % 0x100000000n), isTimed}
}

/**
 * Whether a system call is futex(2); undefined where it may be. After a stop, one with a time limit is restart_syscall,
 * and its arguments are what they were. Which it had been the code before it tells, but what makes a call that can be
 * cancelled is given the number by its caller (musl's __syscall_cp_asm, from glibc 2.41 __syscall_cancel_arch).
 */
function isFutex(memory: MemoryReader, at: Address, number: bigint | undefined): boolean | undefined {
  const isKnown = number !== undefined && number !== BigInt(SYS_restart_syscall)
  if (isKnown) return number === BigInt(SYS_futex)
  return loadsNumber(memory, at, SYS_futex) || (number === undefined ? false : undefined)
}

type Place = Omit<NativeWait, 'tid' | 'isTimed'>

function identify(process: DeadProcess, stack: ThreadStack, libc: LibcKind, call: FutexCall): Place | undefined {
  const place = PLACES[libc]
  const {waiter, isNamed, frames} = findWaitingFunction(process, stack)
  if (waiter) return place(process, {...call, waiter, frames})
  if (!call.isProven) return undefined
  const mutex = isNamed || libc !== 'glibc' ? undefined : mutexByShape(process, call)
  return (
    mutex ?? {
      kind: 'futex',
      address: call.word,
      owner: LOCK_PI.has(call.command) ? ownerIn(process, call.word) : undefined,
    }
  )
}

/** A call of futex(2), and who made it. */
interface FutexWait extends FutexCall {
  waiter: WaitingFunction['waiter'] & string
  frames: readonly UnwindFrame[]
}

const PLACES: Record<LibcKind, (process: DeadProcess, wait: FutexWait) => Place> = {
  glibc: placeInGlibc,
  musl: placeInMusl,
}

function placeInGlibc(process: DeadProcess, {waiter, word, expected, command, frames}: FutexWait): Place {
  const {memory} = process
  switch (waiter) {
    case 'pthread mutex':
      if (LOCK_PI.has(command)) return {kind: waiter, address: word, owner: ownerIn(process, word)}
      return expected === 0 ? glibcRefused(process, frames) : glibcMutex(memory, word)
    case 'pthread rwlock':
      return glibcRwlock(memory, word, expected)
    case 'pthread condition':
      return {kind: waiter, address: glibcCondition(memory, word, frames), owner: undefined}
    case 'pthread barrier':
      return {kind: waiter, address: glibcBarrier(word), owner: undefined}
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
function placeInMusl(process: DeadProcess, {waiter, word}: FutexWait): Place {
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

/** The kernel's own rule of locks that inherit priorities, and that of musl: the word holds the owner. */
function ownerIn({memory}: DeadProcess, word: Address): number | undefined {
  return ownerOf((readU32(memory, word) ?? 0) % (FUTEX_TID_MASK + 1))
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

const GLIBC_KIND = 16

/** PTHREAD_MUTEX_PRIO_INHERIT_NP, a bit of __kind (pthreadP.h). */
function inheritsPriority(kind: number): boolean {
  return kind % 64 >= 32
}

/**
 * A mutex that inherits priorities, which the kernel refuses to wait for: whoever holds it is dead, or waits for the
 * caller. glibc then waits for ever on a word of its own stack that stays 0, as no lock does (pthread_mutex_lock.c,
 * "Delay the thread indefinitely"). The mutex is in its registers, or in those that it saved.
 */
function glibcRefused(process: DeadProcess, frames: readonly UnwindFrame[]): Place {
  const {memory} = process
  const mutexes = [...wordsHeld(memory, frames)].filter(address => {
    if (address === undefined || address % 8 !== 0) return false
    const kind = readU32(memory, toAddress(address + GLIBC_KIND)) ?? 0
    const owner = ownerIn(process, address)
    return inheritsPriority(kind) && owner !== undefined && owner === glibcMutex(memory, address).owner
  })
  const address = mutexes.length === 1 ? mutexes[0] : undefined
  return {kind: 'pthread mutex', address, owner: address === undefined ? undefined : ownerIn(process, address)}
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

/**
 * struct pthread_barrier is aligned to 8. Waiters wait for the end of a round, its second word; up to glibc 2.24 the
 * round is the first (internaltypes.h).
 */
function glibcBarrier(futex: Address): Address {
  return toAddress(futex - (futex % 8))
}

/**
 * Where in a condition there are words to wait on (glibc, thread-shared-types.h), by the offset of a pair of them: it
 * is aligned to 8. __g_signals of the two groups of waiters is at 40, since __g_refs is gone (2.42) at 32; __wrefs,
 * which pthread_cond_destroy waits for, is the second word of the pair before; __g_refs, which pthread_cond_signal
 * waits for, is at 16. Up to 2.24 __futex is at 4.
 */
const GLIBC_CONDITION = [40, 32, 24, 16]
/** What a function of libc keeps on its stack. */
const FRAME_LIMIT = 1024

/**
 * Which of them it is the code tells: until it returns, a register or a word of the frames below the function that was
 * called holds the address of the condition.
 */
function glibcCondition(memory: MemoryReader, futex: Address, frames: readonly UnwindFrame[]): Address | undefined {
  const held = wordsHeld(memory, frames)
  const pair = toAddress(futex - (futex % 8))
  const offsets = futex === pair ? GLIBC_CONDITION : [...GLIBC_CONDITION, 0]
  return offsets.map(offset => toAddress(pair - offset)).find(address => held.has(address))
}

function wordsHeld(memory: MemoryReader, frames: readonly UnwindFrame[]): ReadonlySet<Address | undefined> {
  const held = new Set(frames.flatMap(({registers}) => CALLEE_SAVED.map(register => registers.address(register))))
  const start = frames[0]?.sp ?? NULL_ADDRESS
  const size = (frames.at(-1)?.cfa ?? NULL_ADDRESS) - start
  const bytes = size > 0 && size <= FRAME_LIMIT ? memory.read(start, size)?.slice() : undefined
  const words = new Cursor(bytes ?? new Uint8Array(), 'frames of libc')
  while (words.remaining >= 8) held.add(addressOfWord(words.word()))
  return held
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
function mutexByShape(process: DeadProcess, {word, expected, command}: FutexCall): Place | undefined {
  const {memory, core} = process
  const owner = readU32(memory, toAddress(word + GLIBC_OWNER))
  const isContended = expected === LLL_CONTENDED && readU32(memory, word) === LLL_CONTENDED
  if (LOCK_PI.has(command) ? owner !== ownerIn(process, word) : !isContended) return undefined
  const users = readU32(memory, toAddress(word + GLIBC_USERS)) ?? 0
  const isThread = core.threads.some(({tid}) => tid === owner)
  return isThread && users >= 1 ? {kind: 'pthread mutex', address: word, owner} : undefined
}
