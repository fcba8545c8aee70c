import {RED_ZONE} from '../../amd64/signal-context.ts'
import {USER_REGS} from '../../amd64/user-regs.ts'
import {type Address, addressOfWord, toAddress} from '../../base/address.ts'
import {type MemoryReader, readAddress} from '../../base/memory-reader.ts'
import type {CoreThread} from '../../elf/core-file.ts'
import type {CoreExtent} from '../../elf/core-segments.ts'
import {AT} from '../../elf/notes.ts'
import type {DeadProcess} from '../process/dead-process.ts'

/** The stack that the system, or libc, gave a thread. */
export interface ThreadRange {
  readonly thread: number
  readonly start: Address
  readonly end: Address
  /** Where what is in use begins; undefined: the thread is on another stack. */
  readonly used: Address | undefined
}

/**
 * Where the stacks of threads are: that of the first one holds what the kernel put there, that of others ends in the
 * thread's control block, whose first word points at itself. Stacks that Go keeps in its heap are not among them.
 */
export function findThreadRanges({core, memory}: Pick<DeadProcess, 'core' | 'memory'>): ThreadRange[] {
  return core.threads.flatMap(thread => rangeOf({core, memory}, thread) ?? [])
}

function rangeOf(
  {core, memory}: Pick<DeadProcess, 'core' | 'memory'>,
  {tid, registers}: CoreThread,
): ThreadRange | undefined {
  const sp = addressOfWord(registers[USER_REGS.rsp] ?? 0n)
  const isFirst = tid === core.process?.pid
  const inside = isFirst ? addressOfWord(core.auxv.get(AT.AT_RANDOM) ?? 0n) : controlBlock(memory, registers)
  const extent = inside === undefined ? undefined : core.segments.extentAt(inside)
  if (inside === undefined || !extent?.writable) return undefined
  const [start, end] = [toAddress(extent.start), isFirst ? toAddress(extent.end) : inside]
  if (sp !== undefined && sp >= start && sp < end) {
    return {thread: tid, start: toAddress(Math.max(start, sp - STACK_MAX)), end, used: sp}
  }
  // Without a guard below, other things may be in the same mapping.
  const isAlone = isFirst || isGuard(core.segments.extentAt(start - 1))
  return isAlone ? {thread: tid, start, end, used: undefined} : undefined
}

/** Where the thread's register for its own storage points: a block that begins with its own address. */
function controlBlock(memory: MemoryReader, registers: BigUint64Array): Address | undefined {
  const block = addressOfWord(registers[USER_REGS.fs_base] ?? 0n)
  return block !== undefined && block !== 0 && readAddress(memory, block) === block ? block : undefined
}

/** Farther below its stack pointer nothing is called a thread's stack. */
const STACK_MAX = 0x800000

function isGuard({state, readable, writable}: CoreExtent): boolean {
  return state !== 'unmapped' && !readable && !writable
}

/** What is wrong with a pointer into a stack, for one who runs on the thread `own`; undefined: nothing is known. */
export function stackNote(
  ranges: readonly ThreadRange[],
  address: Address,
  own: number | undefined,
): {text: string; isGone: boolean} | undefined {
  const range = ranges.find(({start, end}) => address >= start && address < end)
  if (!range) return undefined
  const {thread, used} = range
  if (used !== undefined && address < used - RED_ZONE) {
    return {text: `stack of thread ${thread}, below what is in use`, isGone: true}
  }
  return thread === own || own === undefined ? undefined : {text: `stack of thread ${thread}`, isGone: false}
}
