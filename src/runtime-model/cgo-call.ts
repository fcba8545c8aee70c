import {type Address, addressOfWord, NULL_ADDRESS} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {Goroutine} from './goroutine.ts'
import type {Machine} from './machine.ts'

/** `type cgoCallers [32]uintptr` (src/runtime/traceback.go). */
const CGO_CALLERS = 32

/**
 * What is left of the C stack that a signal handler saved in m.cgoCallers:
 * none: the M has no array. empty: nothing was saved. saved: a stack. consumed: a stack whose first pc was zeroed, by printing it or by the
 * next cgo call, so it may be older than this call. busy: someone was reading it.
 */
export type SavedCallersState = 'none' | 'empty' | 'saved' | 'consumed' | 'busy'

export interface SavedCallers {
  readonly state: SavedCallersState
  /** Up to the first zero; of a consumed list what follows the zeroed first entry. A full list has no end mark. */
  readonly pcs: readonly Address[]
  /** Behind the end mark: left over from earlier, longer lists, for nothing ever clears more than the first entry. */
  readonly tail: readonly Address[]
}

/** A condition of runtime.cgoSigtramp (src/runtime/sys_linux_amd64.s), in the order it tests them. */
export type HandlerCondition =
  | 'cgoTraceback'
  | '_cgo_callers'
  | 'g'
  | 'g.m'
  | 'm.ncgo'
  | 'm.curg'
  | 'm.curg.syscallsp'
  | 'm.cgoCallers'
  | 'm.cgoCallersUse'

/** Whether the runtime's own signal handler would have collected a C traceback on this M, and if not what kept it from it. */
export interface HandlerDecision {
  readonly wouldCollect: boolean
  readonly failedCondition: HandlerCondition | null
}

export function readSavedCallers(memory: MemoryReader, machine: Machine): SavedCallers {
  if (machine.cgoCallers === NULL_ADDRESS) return {state: 'none', pcs: [], tail: []}
  const bytes = memory.read(machine.cgoCallers, CGO_CALLERS * 8)
  if (!bytes) return {state: 'none', pcs: [], tail: []}
  const cursor = new Cursor(bytes, 'm.cgoCallers')
  const words = Array.from({length: CGO_CALLERS}, () => addressOfWord(cursor.word()) ?? NULL_ADDRESS)
  const isConsumed = words[0] === NULL_ADDRESS
  const rest = isConsumed ? words.slice(1) : words
  const end = rest.indexOf(NULL_ADDRESS)
  const pcs = end < 0 ? rest : rest.slice(0, end)
  const tail = end < 0 ? [] : rest.slice(end).filter(pc => pc !== NULL_ADDRESS)
  if (machine.cgoCallersUse !== 0) return {state: 'busy', pcs, tail}
  if (isConsumed) return {state: pcs.length > 0 ? 'consumed' : 'empty', pcs, tail}
  return {state: 'saved', pcs, tail}
}

/**
 * The handler's decision for a signal now. It finds the M through the thread's g, so a thread whose M we know has passed the tests
 * of g and g.m; `curg` is the goroutine at m.curg.
 */
export function decideHandler(
  hooks: {readonly cgoTraceback: Address | undefined; readonly cgoCallers: Address | undefined},
  machine: Machine,
  curg: Goroutine | undefined,
): HandlerDecision {
  const failedCondition = findFailedCondition(hooks, machine, curg)
  return {wouldCollect: failedCondition === null, failedCondition}
}

function findFailedCondition(
  hooks: {readonly cgoTraceback: Address | undefined; readonly cgoCallers: Address | undefined},
  machine: Machine,
  curg: Goroutine | undefined,
): HandlerCondition | null {
  if (!hooks.cgoTraceback) return 'cgoTraceback'
  if (!hooks.cgoCallers) return '_cgo_callers'
  if (machine.ncgo === 0) return 'm.ncgo'
  if (machine.curg === NULL_ADDRESS) return 'm.curg'
  if (!curg || curg.syscall.sp === NULL_ADDRESS) return 'm.curg.syscallsp'
  if (machine.cgoCallers === NULL_ADDRESS) return 'm.cgoCallers'
  return machine.cgoCallersUse === 0 ? null : 'm.cgoCallersUse'
}
