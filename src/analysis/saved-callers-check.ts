import type {Address} from '../base/address.ts'
import type {GoFunction} from '../gosym/go-function.ts'
import type {Machine} from '../runtime-model/machine.ts'
import type {UnwindFrame} from '../unwind/unwind-frame.ts'
import type {SavedCallersReport} from './core-report.ts'
import type {DeadProcess} from './dead-process.ts'
import type {ThreadStack, ThreadStacks} from './thread-stacks.ts'

type Frame = UnwindFrame<GoFunction>
type Agreement = NonNullable<SavedCallersReport['agreesWithUnwind']>

/** What m.cgoCallers holds, held against the stack of the thread. */
export interface CheckedCallers {
  state: SavedCallersReport['state']
  /** What the runtime had collected in the present call; of a consumed list with its first entry put back. */
  pcs: readonly Address[]
  /** What is left of lists that were made before. */
  tail: readonly Address[]
  agreement: Agreement | null
}

const ABSENT: CheckedCallers = {state: 'none', pcs: [], tail: [], agreement: null}
/** A call instruction has at most 7 bytes: collectors save its start, its end, or end - 1. */
const CALL_LENGTH_MAX = 7

/**
 * cgocall zeroes the first entry when a call begins, and traceback1 when it has printed the list; nothing clears the others (Go,
 * src/runtime/cgocall.go, traceback.go). So a list without its first entry was either printed, in which case it goes on as the stack
 * does, or it is older than this call.
 */
export function checkSavedCallers(
  process: DeadProcess,
  threads: ThreadStacks,
  machine: Machine | undefined,
): CheckedCallers {
  const raw = machine && process.runtime?.savedCallers(machine)
  if (!machine || !raw || raw.state === 'none') return ABSENT
  const {state, pcs, tail} = raw
  const stack = threads.ofMachine(machine)
  const live = stack && machine.ncgo > 0 ? possibleStarts(stack) : []
  if (state === 'empty') {
    return tail.length === 0
      ? {state, pcs: [], tail: [], agreement: null}
      : {state: 'stale', pcs: [], tail, agreement: null}
  }
  if (state === 'consumed') return checkConsumed(pcs, tail, live, stack, machine)
  const agreement = best(live.map(frames => compareCallers(pcs, frames)))
  if (state === 'busy') return {state, pcs, tail, agreement}
  const isOfThisCall = machine.ncgo > 0 && (agreement !== 'contradicts' || sharesFunctions(process, pcs, live))
  return {state: isOfThisCall ? 'saved' : 'stale', pcs, tail, agreement: isOfThisCall ? agreement : null}
}

function checkConsumed(
  rest: readonly Address[],
  tail: readonly Address[],
  live: readonly Frame[][],
  stack: ThreadStack | undefined,
  machine: Machine,
): CheckedCallers {
  for (const frames of live) {
    const [first, second] = frames
    const saved = rest[0]
    if (!first || !second || saved === undefined || !isSameCall(saved, second)) continue
    const agreement = compareCallers(rest, frames.slice(1))
    if (agreement === 'contradicts') continue
    return {state: 'consumed', pcs: [first.pc, ...rest], tail, agreement}
  }
  // A thread that died of a signal had printed it, even where its stack cannot be walked far enough to see it.
  const isUnwalkable = live.every(frames => frames.length < 2)
  const hasPrinted = machine.dying > 0 || stack?.interruptions.some(({isPlumbing}) => isPlumbing) === true
  if (machine.ncgo > 0 && isUnwalkable && hasPrinted) {
    const first = live[0]?.[0]
    return {state: 'consumed', pcs: first ? [first.pc, ...rest] : rest, tail, agreement: null}
  }
  return {state: 'stale', pcs: [], tail: [...rest, ...tail], agreement: null}
}

/**
 * The C stack from each place where a signal found the thread, the oldest first: a list is made by the handler of any signal, also of
 * the SIGABRT that the runtime kills itself with.
 */
function possibleStarts(stack: ThreadStack): Frame[][] {
  const indices = new Set([stack.base, ...stack.interruptions.map(({index}) => index).reverse(), 0])
  return [...indices].map(index => {
    const frames = stack.frames.slice(index)
    const end = frames.findIndex(({go}) => go?.funcID === 'asmcgocall')
    return end < 0 ? frames : frames.slice(0, end)
  })
}

const RANK: readonly Agreement[] = ['agrees', 'shorter', 'longer', 'contradicts']

function best(found: readonly Agreement[]): Agreement | null {
  return RANK.find(agreement => found.includes(agreement)) ?? null
}

/**
 * Whether two lists of one stack agree. A collector may have begun further out, ended earlier, or left out callers of functions
 * without a frame, as those that follow frame pointers do: then its list is the shorter one.
 */
export function compareCallers(saved: readonly Address[], live: readonly Pick<Frame, 'pc' | 'lookupPc'>[]): Agreement {
  const [innermost] = live
  const start = innermost ? saved.findIndex(pc => live.some(frame => isSameCall(pc, frame))) : -1
  const first = saved[start]
  if (!innermost || first === undefined) return 'contradicts'
  // What the list has above the stack can only stand above the whole of it.
  if (start > 0 && !isSameCall(first, innermost)) return 'contradicts'
  let liveAt = 0
  let matched = 0
  for (const pc of saved.slice(start)) {
    const found = live.findIndex((frame, index) => index >= liveAt && isSameCall(pc, frame))
    if (found < 0) break
    liveAt = found + 1
    matched++
  }
  const isWholeSaved = start + matched === saved.length
  if (!isWholeSaved && liveAt < live.length) return 'contradicts'
  if (start > 0 || !isWholeSaved) return 'longer'
  return matched < live.length ? 'shorter' : 'agrees'
}

/** Buf holds addresses of calls, but collectors that walk by frame pointer put return addresses there. */
function isSameCall(saved: Address, {pc, lookupPc}: Pick<Frame, 'pc' | 'lookupPc'>): boolean {
  // pc - 1 of a pc that a signal found: the runtime's call of sigpanic looked like one to the collector.
  if (saved === pc || saved === pc - 1) return true
  return lookupPc < pc && saved < pc && pc - saved <= CALL_LENGTH_MAX
}

/** Whether any pc lies in a function that is on the stack now: then the list is of this call, from another moment. */
function sharesFunctions({symbolizer}: DeadProcess, pcs: readonly Address[], live: readonly Frame[][]): boolean {
  const entryOf = (pc: Address, lookupPc: Address): number | null =>
    symbolizer.locate(pc, lookupPc).at(-1)?.entry ?? null
  const entries = new Set(live.flat().map(({pc, lookupPc}) => entryOf(pc, lookupPc)))
  entries.delete(null)
  return pcs.some(pc => entries.has(entryOf(pc, pc)))
}
