import {type Address, addressOfWord, NULL_ADDRESS} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import type {Finding} from '../base/finding.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {Goroutine} from './goroutine.ts'
import type {Machine} from './machine.ts'

/** `type cgoCallers [32]uintptr` (src/runtime/traceback.go). */
const CGO_CALLERS = 32

/**
 * What is left of the C stack that a signal handler saved in m.cgoCallers: none: the M has no array. empty: nothing was
 * saved. saved: a stack. consumed: a stack whose first pc was zeroed, by printing it or by the next cgo call, so it may
 * be older than this call. busy: someone was reading it.
 */
export type SavedCallersState = 'none' | 'empty' | 'saved' | 'consumed' | 'busy'

export interface SavedCallers {
  /** null: the list is not in the core. */
  readonly state: SavedCallersState | null
  /** Whether the first entry is there: what traceback1 asks before it prints. */
  readonly hasFirst: boolean
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
  | 'm.ncgo'
  | 'm.curg'
  | 'm.curg.syscallsp'
  | 'm.cgoCallers'
  | 'm.cgoCallersUse'

/** What keeps the runtime's own signal handler from collecting a C traceback; both null: nothing does. */
export interface HandlerDecision {
  /** The first condition that is known to fail. */
  readonly fails: HandlerCondition | null
  /** The first that is not known, of those before it. */
  readonly unknown: HandlerCondition | null
}

/** undefined: not known. */
export interface HandlerHooks {
  /** Whether SetCgoTraceback was given a traceback function. */
  readonly hasTraceback: boolean | undefined
  /** Whether runtime/cgo is linked in. */
  readonly hasSupport: boolean | undefined
}

const ABSENT: SavedCallers = {state: 'none', hasFirst: false, pcs: [], tail: []}

export function readSavedCallers(memory: MemoryReader, machine: Machine): SavedCallers {
  if (machine.cgoCallers === NULL_ADDRESS) return ABSENT
  const bytes = memory.read(machine.cgoCallers, CGO_CALLERS * 8)
  if (!bytes) return {...ABSENT, state: null}
  const cursor = new Cursor(bytes, 'm.cgoCallers')
  const words = Array.from({length: CGO_CALLERS}, () => addressOfWord(cursor.word()) ?? NULL_ADDRESS)
  const isConsumed = words[0] === NULL_ADDRESS
  const rest = isConsumed ? words.slice(1) : words
  const end = rest.indexOf(NULL_ADDRESS)
  const pcs = end < 0 ? rest : rest.slice(0, end)
  const tail = end < 0 ? [] : rest.slice(end).filter(pc => pc !== NULL_ADDRESS)
  const found = {hasFirst: !isConsumed, pcs, tail}
  if (machine.cgoCallersUse !== 0) return {state: 'busy', ...found}
  if (isConsumed) return {state: pcs.length > 0 ? 'consumed' : 'empty', ...found}
  return {state: 'saved', ...found}
}

/**
 * The handler's decision for a signal now. It finds the M through the thread's g: null is a thread that has none; one
 * that has an M has passed both tests. `curg` is the goroutine at m.curg, undefined where that cannot be read.
 */
export function decideHandler(
  {hasTraceback, hasSupport}: HandlerHooks,
  machine: Finding<Machine>,
  curg: Goroutine | undefined,
): HandlerDecision {
  const conditions: [HandlerCondition, Finding<boolean>][] = [
    ['cgoTraceback', hasTraceback],
    ['_cgo_callers', hasSupport],
    ['g', machine && true],
    ['m.ncgo', machine && machine.ncgo !== 0],
    ['m.curg', machine && machine.curg !== NULL_ADDRESS],
    ['m.curg.syscallsp', curg && curg.syscall.sp !== NULL_ADDRESS],
    ['m.cgoCallers', machine && machine.cgoCallers !== NULL_ADDRESS],
    ['m.cgoCallersUse', machine && machine.cgoCallersUse === 0],
  ]
  let unknown: HandlerCondition | null = null
  for (const [condition, holds] of conditions) {
    if (holds === false || holds === null) return {fails: condition, unknown}
    if (holds === undefined) unknown ??= condition
  }
  return {fails: null, unknown}
}
