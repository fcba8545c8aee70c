import {findBreakpoint} from '../../amd64/call-encoding.ts'
import {SIGSTOP, SIGTRAP} from '../../amd64/signal-numbers.ts'
import type {Address} from '../../base/address.ts'
import type {DeadProcess} from '../process/dead-process.ts'

/**
 * The signal that the kernel ended the process with, where the thread that stands at `pc` got it; undefined for other
 * threads. A debugger's core names one too although nothing died of it: SIGSTOP, or SIGTRAP where the program itself
 * has no breakpoint.
 */
export function killingSignal(
  {core, memory}: Pick<DeadProcess, 'core' | 'memory'>,
  tid: number,
  pc: Address,
): number | undefined {
  const number = core.signal?.number ?? 0
  if (core.threads[0]?.tid !== tid || number === 0 || number === SIGSTOP) return undefined
  return number !== SIGTRAP || findBreakpoint(memory, pc) !== undefined ? number : undefined
}
