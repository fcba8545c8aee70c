import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'

/**
 * Index of gopanic's frame on the stack of a goroutine whose panic ends the process, told without any name; undefined
 * where it does not. gopanic has the panic on its own frame (`var p _panic`, src/runtime/panic.go of all releases), so
 * what lies below that is how the runtime died of it: fatalpanic alone does so without m.throwing.
 */
export function findNamelessPanic(
  frames: readonly UnwindFrame[],
  {dying, throwing}: Machine,
  {stack, panicAddress}: Goroutine,
): number | undefined {
  if (dying === 0 || throwing !== 0 || !isOnStack(stack, panicAddress)) return undefined
  const caller = frames.findIndex(({sp}) => isOnStack(stack, sp) && sp > panicAddress)
  const gopanic = frames[caller - 1]
  return gopanic && isOnStack(stack, gopanic.sp) && gopanic.sp <= panicAddress ? caller - 1 : undefined
}
