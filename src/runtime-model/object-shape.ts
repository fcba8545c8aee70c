import {isUserAddress, USER_END} from '../amd64/canonical-address.ts'
import {type Address, toAddress, type Word} from '../base/address.ts'
import {type MemoryReader, readAddress, readWord} from '../base/memory-reader.ts'
import {G_TABLE, M_TABLE} from './layout-tables.ts'

/**
 * The head of a g and of an m, which no release from 1.7 on moved (src/runtime/runtime2.go): enough to know one when a
 * search comes across it, before anything tells the release.
 */
const G_HEAD = {
  stackLo: G_TABLE.rows['stack.lo'][0],
  stackHi: G_TABLE.rows['stack.hi'][0],
  stackguard0: G_TABLE.rows.stackguard0[0],
  m: G_TABLE.rows.m[0],
} as const
const M_G0 = M_TABLE.rows.g0[0]

/** stackPreempt, stackFork and their like are small negative numbers in stackguard0. */
const SPECIAL_GUARD = 0xffffffff00000000n
const STACK_MIN = 2048
const STACK_MAX = 2 ** 36

export type GoroutineShape = 'live' | 'dead' | 'none' | 'missing'

/** Whether a g can be at `address`: a stack that its guard lies in, and an M that knows it for one of its own. */
export function shapeOfGoroutine(memory: MemoryReader, address: Address): GoroutineShape {
  if (!isPlausiblePointer(address)) return 'none'
  const at = (offset: number) => toAddress(address + offset)
  const lo = readAddress(memory, at(G_HEAD.stackLo))
  const hi = readAddress(memory, at(G_HEAD.stackHi))
  const guard = readWord(memory, at(G_HEAD.stackguard0))
  const m = readWord(memory, at(G_HEAD.m))
  if (guard === undefined || m === undefined) return memory.read(address, 8) ? 'none' : 'missing'
  if (lo === undefined || hi === undefined) return 'none'
  if (m !== 0n && !isMachineWord(memory, m)) return 'none'
  if (lo === 0 && hi === 0) return isFreed(guard, m) ? 'dead' : 'none'
  return isStack(lo, hi) && isGuard(guard, lo, hi) ? 'live' : 'none'
}

function isMachineWord(memory: MemoryReader, m: Word): boolean {
  return isUserAddress(m) && isMachine(memory, toAddress(Number(m)))
}

/** The stack of a dead goroutine may have been freed. */
function isFreed(guard: Word, m: Word): boolean {
  return m === 0n && (guard === 0n || isUserAddress(guard))
}

function isStack(lo: Address, hi: Address): boolean {
  const size = hi - lo
  return lo >= 4096 && size >= STACK_MIN / 2 && size <= STACK_MAX && hi < USER_END && lo % 8 === 0
}

function isGuard(guard: Word, lo: Address, hi: Address): boolean {
  return guard >= SPECIAL_GUARD || (guard >= BigInt(lo) && guard < BigInt(hi))
}

/** Whether an m is at `address`: its g0 points back at it. */
export function isMachine(memory: MemoryReader, address: Address): boolean {
  if (!isPlausiblePointer(address)) return false
  const g0 = readAddress(memory, toAddress(address + M_G0))
  if (g0 === undefined || !isPlausiblePointer(g0)) return false
  return readAddress(memory, toAddress(g0 + G_HEAD.m)) === address
}

export function isPlausiblePointer(value: number): boolean {
  return value >= 4096 && value < USER_END && value % 8 === 0
}
