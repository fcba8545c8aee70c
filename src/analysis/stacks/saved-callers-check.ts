import type {Address} from '../../base/address.ts'
import type {Finding} from '../../base/finding.ts'
import type {SavedCallersReport} from '../../report/core-report.ts'
import type {HandlerDecision, SavedCallers} from '../../runtime-model/cgo-call.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import {cgoWrapperTarget} from '../frames/irrelevant-frames.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {ThreadStacks} from './thread-stacks.ts'
import type {ThreadStack} from './thread-walk.ts'

type Frame = UnwindFrame
type Place = Pick<Frame, 'pc' | 'lookupPc'>
type Agreement = NonNullable<SavedCallersReport['agreesWithUnwind']>

/** What m.cgoCallers holds, held against the stack of the thread. */
export interface CheckedCallers {
  state: SavedCallersReport['state']
  /** What the runtime had collected in the present call. */
  pcs: readonly Address[]
  /** The first of a consumed list, where a signal frame still tells it; else it is lost, and not in `pcs`. */
  recovered: Address | undefined
  /** What is left of lists that were made before. */
  tail: readonly Address[]
  agreement: Agreement | null
}

const ABSENT: CheckedCallers = {state: 'none', pcs: [], recovered: undefined, tail: [], agreement: null}
/** A call instruction has at most 7 bytes: collectors save its start, its end, or end - 1. */
const CALL_LENGTH_MAX = 7
/** syscall: 0f 05. */
const SYSCALL_LENGTH = 2

/**
 * null is a thread without g, undefined one of which that is not known.
 *
 * cgocall zeroes the first entry when a call begins; traceback1 and sigprof do when they have read the list; nothing
 * clears the others (Go, src/runtime/cgocall.go, traceback.go, proc.go). So a list with its first entry was made since
 * the last call began, in this one or in one nested in it that has ended; a list without it was read, or is older than
 * this call.
 */
export function checkSavedCallers(
  process: DeadProcess,
  threads: ThreadStacks,
  machine: Finding<Machine>,
): CheckedCallers {
  if (machine === undefined) return {...ABSENT, state: null}
  const raw = machine && process.runtime?.savedCallers(machine)
  if (!machine || !raw || raw.state === 'none') return ABSENT
  if (raw.state === null) return {...ABSENT, state: null}
  const stack = threads.ofMachine(machine)
  const live = stack && machine.ncgo > 0 ? possibleStacks(stack) : []
  if (raw.state === 'empty' || raw.state === 'consumed') return checkRead(process, machine, raw, live)
  return checkWhole(process, machine, raw, live)
}

/** A list without its first entry: read by the runtime in this call, or older. */
function checkRead(
  process: DeadProcess,
  machine: Machine,
  {pcs, tail}: SavedCallers,
  live: readonly PossibleStack[],
): CheckedCallers {
  const read = findReadList(process, machine, pcs, live)
  if (read) return {...read, state: 'consumed', tail}
  const older = [...pcs, ...tail]
  return {...ABSENT, state: older.length === 0 ? 'empty' : 'stale', tail: older}
}

/** A list with its first entry: of the present call, unless its stack says otherwise. */
function checkWhole(
  process: DeadProcess,
  machine: Machine,
  {state, pcs, tail}: SavedCallers,
  live: readonly PossibleStack[],
): CheckedCallers {
  const entryAt = (pc: Address) => process.symbolizer.locate(pc, pc).at(-1)?.entry ?? null
  const isSameFunction = (a: Address, b: Address) => entryAt(a) !== null && entryAt(a) === entryAt(b)
  const agreement = best(live.map(({frames}) => compareCallers(pcs, frames, isSameFunction)))
  if (state === 'busy') return {...ABSENT, state, pcs, tail, agreement}
  const isOlder = machine.ncgo <= 0 || (agreement === 'contradicts' && isOfOtherCall(process, pcs, live))
  return {...ABSENT, state: isOlder ? 'stale' : 'saved', pcs, tail, agreement: isOlder ? null : agreement}
}

/** A C stack that the list may be of. */
interface PossibleStack {
  frames: readonly Frame[]
  /** A signal found the thread there, and the runtime's handler took it. */
  wasInterrupted: boolean
  /** The walk came to the call from Go. */
  isWhole: boolean
}

/**
 * The stack of the present call from each place where a signal found the thread, the oldest first: a list is made by
 * the handler of any signal, also of the SIGABRT that the runtime kills itself with. Of a thread in a callback also the
 * C frames alone, as a signal before it found them.
 */
function possibleStacks({frames, base, interruptions}: ThreadStack): PossibleStack[] {
  const indices = new Set([base, ...interruptions.map(({index}) => index).reverse(), 0])
  const stacks: PossibleStack[] = []
  for (const index of indices) {
    // Collectors walk what has a frame.
    const rest = frames.slice(index).filter(({foundBy}) => foundBy !== 'tail-call')
    const end = rest.findIndex(({go}) => go?.funcID === 'asmcgocall')
    const call = end < 0 ? rest : rest.slice(0, end)
    const wasInterrupted = interruptions.some(each => each.index === index && each.isPlumbing)
    stacks.push({frames: call, wasInterrupted, isWhole: end >= 0})
    const callback = call.findLastIndex(({kind}) => kind === 'go')
    if (index === base && callback >= 0) {
      stacks.push({frames: call.slice(callback + 1), wasInterrupted: false, isWhole: end >= 0})
    }
  }
  return stacks.filter(stack => stack.frames.length > 0)
}

/**
 * A list without its first entry, if it is one that the runtime has read in this call: what is left goes on as the
 * stack does, and the runtime had an occasion to read it. An earlier call by the same path leaves the same, so without
 * an occasion it is taken for older.
 */
function findReadList(
  {runtime}: DeadProcess,
  machine: Machine,
  rest: readonly Address[],
  live: readonly PossibleStack[],
): ReadList | undefined {
  const hasListed = runtime?.hasListedGoroutines === true || (runtime?.state.profileRate ?? 0) > 0
  const wasAsked = () => runtime !== undefined && isOpen(runtime.handlerDecision(machine))
  for (const stack of live) {
    const read = hasListed || stack.wasInterrupted ? readListOf(stack, rest, wasAsked) : undefined
    if (read) return read
  }
  return undefined
}

type ReadList = Pick<CheckedCallers, 'pcs' | 'recovered' | 'agreement'>

/** The list as one of this stack. */
function readListOf(
  {frames, wasInterrupted, isWhole}: PossibleStack,
  rest: readonly Address[],
  wasAsked: () => boolean,
): ReadList | undefined {
  const [first, second] = frames
  if (!first) return undefined
  const recovered = {pcs: [first.pc, ...rest], recovered: first.pc}
  // A hook that walks its own stack puts itself first: then what the signal found is further down in the list.
  const isPresent = rest.some(pc => isSameCall(pc, first))
  const agreement = compareCallers(rest, isPresent ? frames : frames.slice(1))
  if (agreement !== 'contradicts') {
    return wasInterrupted && !isPresent ? {...recovered, agreement} : {pcs: rest, recovered: undefined, agreement}
  }
  if (!wasInterrupted) return undefined
  // The hook gave one pc alone.
  if (rest.length === 0) {
    return wasAsked() ? {...recovered, agreement: compareCallers([first.pc], frames)} : undefined
  }
  return second || isWhole ? undefined : {...recovered, agreement: null}
}

function isOpen({fails, unknown}: HandlerDecision): boolean {
  return fails === null && unknown === null
}

/**
 * The outermost C frame of a call from Go is the wrapper that cgo wrote: a list that has another one is of another
 * call.
 */
function isOfOtherCall({symbolizer}: DeadProcess, pcs: readonly Address[], live: readonly PossibleStack[]): boolean {
  const wrapperAt = (pc: Address, lookupPc: Address): string | undefined => {
    const name = symbolizer.locate(pc, lookupPc).at(-1)?.function ?? ''
    return cgoWrapperTarget(name) === undefined ? undefined : name
  }
  const present = new Set<string | undefined>()
  for (const {frames} of live) for (const {pc, lookupPc} of frames) present.add(wrapperAt(pc, lookupPc))
  const saved = pcs.map(pc => wrapperAt(pc, pc)).findLast(name => name !== undefined)
  present.delete(undefined)
  return present.size > 0 && saved !== undefined && !present.has(saved)
}

const RANK: readonly Agreement[] = ['agrees', 'shorter', 'longer', 'contradicts']

function best(found: readonly Agreement[]): Agreement | null {
  return RANK.find(agreement => found.includes(agreement)) ?? null
}

/**
 * Whether two lists of one stack agree. A collector may have begun further out, ended earlier, or left out callers of
 * functions without a frame, as those that follow frame pointers do: then its list is the shorter one. The innermost
 * function may have moved on, which its caller shows, or its name.
 */
export function compareCallers(
  saved: readonly Address[],
  live: readonly Place[],
  isSameFunction: (a: Address, b: Address) => boolean = () => false,
): Agreement {
  if (hasMovedOn(saved, live, isSameFunction)) return compareBehind(saved.slice(1), live.slice(1))
  const [innermost] = live
  const start = innermost ? saved.findIndex(pc => live.some(frame => isSameCall(pc, frame))) : -1
  const first = saved[start]
  if (!innermost || first === undefined) return 'contradicts'
  // What the list has above the stack can only stand above the whole of it.
  if (start > 0 && !isSameCall(first, innermost)) return 'contradicts'
  const {matched, liveAt} = matchInOrder(saved.slice(start), live)
  const isWholeSaved = start + matched === saved.length
  if (!isWholeSaved && liveAt < live.length) return 'contradicts'
  if (start > 0 || !isWholeSaved) return 'longer'
  return matched < live.length ? 'shorter' : 'agrees'
}

/** What is left of both behind the innermost function. */
function compareBehind(saved: readonly Address[], live: readonly Place[]): Agreement {
  if (saved.length > 0) return compareCallers(saved, live)
  return live.length === 0 ? 'agrees' : 'shorter'
}

/** How many of the saved pcs, from the first on, the stack has in their order, and where it goes on behind them. */
function matchInOrder(saved: readonly Address[], live: readonly Place[]): {matched: number; liveAt: number} {
  let liveAt = 0
  let matched = 0
  for (const pc of saved) {
    const found = live.findIndex((frame, index) => index >= liveAt && isSameCall(pc, frame))
    if (found < 0) break
    liveAt = found + 1
    matched++
  }
  return {matched, liveAt}
}

/** Only how far the innermost function has come differs. */
function hasMovedOn(
  [first, second]: readonly Address[],
  [innermost, caller]: readonly Place[],
  isSameFunction: (a: Address, b: Address) => boolean,
): boolean {
  if (first === undefined || !innermost || innermost.pc !== innermost.lookupPc || isSameCall(first, innermost))
    return false
  if (second !== undefined && caller && isSameCall(second, caller)) return true
  return isSameFunction(first, innermost.pc)
}

/** Buf holds addresses of calls, but collectors that walk by frame pointer put return addresses there. */
function isSameCall(saved: Address, {pc, lookupPc}: Place): boolean {
  // pc - 1 of a pc that a signal found: the runtime's call of sigpanic looked like one to the collector.
  if (saved === pc || saved === pc - 1) return true
  // A system call that a signal found waiting is begun again: the kernel puts the pc back before the instruction.
  if (lookupPc === pc) return saved === pc - SYSCALL_LENGTH
  return lookupPc < pc && saved < pc && pc - saved <= CALL_LENGTH_MAX
}
