import {type Address, addressOfWord} from '../../base/address.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'

/** Functions of the runtime that a panic which ends the process proves to be on a stack, told without any name. */
export interface NamelessPanic {
  /** Index of gopanic's frame, of the newest panic: all frames further in are how the runtime died of it. */
  readonly index: number
  /** By the stack pointer of their frames: gopanic of each panic that is under way, and sigpanic that called it. */
  readonly names: ReadonlyMap<Address, string>
}

/**
 * gopanic has its panic on its own frame (`var p _panic`, src/runtime/panic.go of all releases), and fatalpanic alone
 * lets an M die without m.throwing. Of a fault, sigpanic calls it, as if from where the fault was (signal_unix.go).
 * undefined where no panic ends the process.
 */
export function findNamelessPanic(
  frames: readonly UnwindFrame[],
  {dying, throwing}: Machine,
  goroutine: Goroutine,
): NamelessPanic | undefined {
  if (dying === 0 || throwing !== 0) return undefined
  const names = new Map<Address, string>()
  let newest: number | undefined
  for (const {address, goexit} of goroutine.panics) {
    const index = goexit ? undefined : findHolder(frames, goroutine, address)
    newest ??= index
    const [gopanic, caller, origin] = index === undefined ? [] : frames.slice(index, index + 3)
    if (gopanic) names.set(gopanic.sp, 'runtime.gopanic')
    if (caller && origin && isAtFault(goroutine, origin)) names.set(caller.sp, 'runtime.sigpanic')
  }
  return newest === undefined ? undefined : {index: newest, names}
}

function isAtFault({signal}: Pick<Goroutine, 'signal'>, {pc}: UnwindFrame): boolean {
  return signal.number !== 0 && addressOfWord(signal.pc) === pc
}

/** Index of the frame on the goroutine's own stack that has the word at `address`. */
function findHolder(
  frames: readonly UnwindFrame[],
  {stack}: Pick<Goroutine, 'stack'>,
  address: Address,
): number | undefined {
  if (!isOnStack(stack, address)) return undefined
  const caller = frames.findIndex(({sp}) => isOnStack(stack, sp) && sp > address)
  const holder = frames[caller - 1]
  return holder && isOnStack(stack, holder.sp) && holder.sp <= address ? caller - 1 : undefined
}
