import {USER_REGS} from '../../amd64/user-regs.ts'
import {addressOfWord, toAddress} from '../../base/address.ts'
import {readU32} from '../../base/memory-reader.ts'
import type {DeadProcess} from './dead-process.ts'

/** struct pthread (glibc for amd64): tcbhead_t or its padding 0x2c0, a list link, then the thread's id as clone wrote it. */
const GLIBC_TID = 0x2d0

/**
 * Threads of the core by the ids that they had for themselves, which locks name. The two differ in a core that a debugger made from
 * outside of a container. Empty where glibc's own records are not there for every thread.
 */
export function innerThreadIds({core, memory}: Pick<DeadProcess, 'core' | 'memory'>): ReadonlyMap<number, number> {
  const found = new Map<number, number>()
  for (const {tid, registers} of core.threads) {
    const pointer = addressOfWord(registers[USER_REGS.fs_base] ?? 0n)
    const inner = pointer === undefined || pointer < 4096 ? undefined : readU32(memory, toAddress(pointer + GLIBC_TID))
    if (inner === undefined || inner === 0 || inner > 0x3fffffff) return new Map()
    found.set(inner, tid)
  }
  return found.size === core.threads.length ? found : new Map()
}
