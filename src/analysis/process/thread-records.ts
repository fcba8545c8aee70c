import {USER_REGS} from '../../amd64/user-regs.ts'
import {type Address, addressOfWord, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {type MemoryReader, readAddress, readU32} from '../../base/memory-reader.ts'
import type {CoreThread} from '../../elf/core-file.ts'
import type {DeadProcess} from './dead-process.ts'

export type LibcKind = 'glibc' | 'musl'

/**
 * Offsets in struct pthread, which the thread pointer (FS base) leads to, for amd64. glibc (nptl/descr.h): tcbhead_t or
 * its padding 0x2c0, a list link, then the thread's id as clone wrote it. musl (src/internal/pthread_impl.h, since
 * 1.1.23): self, dtv, prev, next, sysinfo, canary, tid, errno_val, detach_state.
 */
const GLIBC = {tid: 0x2d0} as const
const MUSL = {prev: 0x10, next: 0x18, tid: 0x30, detachState: 0x38} as const

/** The kernel's limit of pids, PID_MAX_LIMIT (include/linux/threads.h). */
const LARGEST_TID = 0x400000
/** A zero page or a mapping below this is no thread's record. */
const LOWEST_RECORD = 4096

type Records = Pick<DeadProcess, 'core' | 'memory'>

/** The record that libc keeps of a thread: a thread of no libc has none, and its FS base may be anything. */
function recordOf({registers}: CoreThread): Address | undefined {
  const pointer = addressOfWord(registers[USER_REGS.fs_base] ?? 0n)
  return pointer === undefined || pointer < LOWEST_RECORD ? undefined : pointer
}

/** Whether a thread's FS base leads to a record of libc's: it begins with a pointer to itself, in both of them. */
export function hasRecord(memory: MemoryReader, thread: CoreThread): boolean {
  const record = recordOf(thread)
  return record !== undefined && readAddress(memory, record) === record
}

/**
 * Which libc made the threads, told by their records: static programs and renamed files have no name to go by. musl
 * keeps its threads in a ring, where glibc has flags.
 */
export function libcOfThreads({core, memory}: Records): LibcKind | undefined {
  let glibc = false
  for (const thread of core.threads) {
    const record = recordOf(thread)
    if (record === undefined || !hasRecord(memory, thread)) continue
    if (isInRing(memory, record)) return 'musl'
    glibc ||= tidIn(memory, record, GLIBC.tid) !== undefined
  }
  return glibc ? 'glibc' : undefined
}

function isInRing(memory: MemoryReader, record: Address): boolean {
  const next = readAddress(memory, toAddress(record + MUSL.next))
  const previous = readAddress(memory, toAddress(record + MUSL.prev))
  if (next === undefined || previous === undefined || next < LOWEST_RECORD || previous < LOWEST_RECORD) return false
  return (
    readAddress(memory, toAddress(next + MUSL.prev)) === record &&
    readAddress(memory, toAddress(previous + MUSL.next)) === record &&
    tidIn(memory, record, MUSL.tid) !== undefined
  )
}

function tidIn(memory: MemoryReader, record: Address, offset: number): number | undefined {
  const tid = readU32(memory, toAddress(record + offset))
  return tid === undefined || tid === 0 || tid > LARGEST_TID ? undefined : tid
}

/**
 * Threads of the core by the ids that they had for themselves, which locks name. The two differ in a core that a
 * debugger made from outside of a container. Empty where libc's own records are not there for every thread.
 */
export function innerThreadIds(process: Records): ReadonlyMap<number, number> {
  const {core, memory} = process
  const offset = libcOfThreads(process) === 'musl' ? MUSL.tid : GLIBC.tid
  const found = new Map<number, number>()
  for (const thread of core.threads) {
    const record = recordOf(thread)
    const inner = record === undefined ? undefined : tidIn(memory, record, offset)
    if (inner === undefined) return new Map()
    found.set(inner, thread.tid)
  }
  return found.size === core.threads.length ? found : new Map()
}

/** The thread whose record begins at an address. */
export function threadOfRecord({core}: Pick<DeadProcess, 'core'>, record: Address | undefined): number | undefined {
  if (record === undefined || record === NULL_ADDRESS) return undefined
  return core.threads.find(thread => recordOf(thread) === record)?.tid
}

/**
 * The thread whose end musl's pthread_join waits for, by the word that it waits on: detach_state in that thread's
 * record.
 */
export function threadOfMuslState(process: Pick<DeadProcess, 'core'>, word: Address): number | undefined {
  return word < LOWEST_RECORD ? undefined : threadOfRecord(process, toAddress(word - MUSL.detachState))
}
