import {RegisterSet} from '../../amd64/register-set.ts'
import {type Address, NULL_ADDRESS} from '../../base/address.ts'
import type {CoreThread} from '../../elf/core-file.ts'
import type {GoFunction} from '../../gosym/go-function.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import type {GoSites} from '../../unwind/go-site.ts'
import {GoStackWalk, type GoStart} from '../../unwind/goroutine-walk.ts'
import type {FoundBy, StackSwitches, StopReason, UnwindFrame} from '../../unwind/unwind-frame.ts'
import {type EndsOfStack, StackEnds} from '../frames/stack-ends.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {CallbackSegments, type CSegment} from './c-segments.ts'
import type {BareFrame} from './frame-pointer-stack.ts'
import {type FoundStart, startInSyscall, startLeft, startSaved, WALK_LIMIT} from './goroutine-start.ts'
import {LeafWalk} from './leaf-walk.ts'
import {findNamelessPanic} from './nameless-panic.ts'
import {stitchNamelessThread} from './nameless-thread.ts'
import {findNamelessThrow, findThrowOfFault} from './nameless-throw.ts'
import {
  behindNamelessRaise,
  endsProcess,
  findBase,
  findFirstFault,
  findInterruptions,
  findReturnedHandler,
  type Interruption,
  isNamelessRaise,
  killingSignal,
} from './signals.ts'
import {firstStop, type Seam, type StitchedFrame, type StitchedGo, stitchStack} from './stitched-stack.ts'

/** All that one thread was doing, from its registers out, across every stack it was on. */
export interface ThreadStack extends EndsOfStack<UnwindFrame> {
  readonly thread: CoreThread
  readonly machine: Machine | undefined
  /**
   * m.curg; undefined while C runs on a thread of its own that is in no callback, whatever M waits for its next one.
   */
  readonly goroutine: Goroutine | undefined
  /** The goroutine that the thread waits for because C code of it had called Go. */
  readonly parked: Goroutine | undefined
  readonly stop: StopReason
  /** What is above the goroutine's own first frame, handlers and all. */
  readonly leaf: CSegment
  readonly callbacks: CallbackSegments | undefined
  /** Innermost first. */
  readonly interruptions: readonly Interruption[]
  /** Index of the first frame that is the program's own: behind the runtime's signal handlers. */
  readonly base: number
  /**
   * The same for what the goroutine does: where a handler of C had called Go, what that handler had interrupted (the
   * first fault, maybe) lies further out; and a panic that nothing names ends in what the runtime did to die of it.
   */
  readonly innermost: number
  /** Functions of the runtime that are known without function tables, by the stack pointer of their frames. */
  readonly names: ReadonlyMap<Address, string>
}

/** Who is on a thread, and on which stacks. */
export interface ThreadFacts extends Pick<ThreadStack, 'thread' | 'machine' | 'goroutine' | 'parked'> {
  readonly switches: StackSwitches | undefined
  /** undefined without function tables. */
  readonly sites: GoSites | undefined
}

export const NO_NAMES: ThreadStack['names'] = new Map()

/** Walks one thread from its registers out. */
export function walkThread(process: DeadProcess, facts: ThreadFacts): ThreadStack {
  const {thread, machine, goroutine, parked} = facts
  const gsignal = machine && machine.gsignal !== 0 ? process.runtime?.goroutineAt(machine.gsignal) : undefined
  const registers = RegisterSet.ofUserRegs(thread.registers)
  const {leaf, known} = new LeafWalk(process, facts, gsignal).walk(registers)
  const {callbacks, ...stitched} = stitchThread(process, facts, leaf)
  const {frames} = stitched
  const pc = frames[0]?.pc ?? NULL_ADDRESS
  const killedBy = killingSignal(process, thread.tid, pc)
  const seen: Interruption[] = [...known, ...findInterruptions(process, frames, gsignal)]
    .map(each => ({...each, isRaise: isNamelessRaise(process, machine, each.signal)}))
    .sort((a, b) => a.index - b.index)
  const last = killedBy === undefined ? undefined : process.core.signal
  const hasRaised = last !== undefined && isNamelessRaise(process, machine, {...last, pc})
  const interruptions = hasRaised ? behindNamelessRaise(seen, machine) : seen
  if (!findFirstFault(frames, interruptions)) {
    const returned = findReturnedHandler(process, killedBy, registers, gsignal)
    if (returned) interruptions.unshift({index: 0, signal: returned, isPlumbing: false})
  }
  const base = findBase(frames, interruptions, killedBy)
  const panic =
    process.tables || !machine || !goroutine ? undefined : findNamelessPanic(leaf.frames, machine, goroutine)
  reportOverwritten(process, thread.tid, interruptions)
  const {length} = leaf.frames
  const innermost = Math.max(panic?.index ?? 0, base <= length ? base : endOfHandlers(interruptions, length))
  const names = panic?.names ?? namesOfThrow(process, facts) ?? NO_NAMES
  return {thread, machine, goroutine, parked, ...stitched, leaf, callbacks, interruptions, base, innermost, names}
}

/** What is proven to have thrown because of a fault, without function tables. */
function namesOfThrow(process: DeadProcess, {machine, goroutine}: ThreadFacts): ThreadStack['names'] | undefined {
  if (process.tables || !machine?.throwing || !goroutine) return undefined
  const start = findNamelessThrow(process, goroutine, goroutine.sched.sp)
  return start && findThrowOfFault(process, goroutine, start)
}

/** Index behind the outermost handler of the runtime whose frames are among the first `count`. */
function endOfHandlers(interruptions: readonly Interruption[], count: number): number {
  return interruptions.findLast(({index, isPlumbing}) => isPlumbing && index <= count)?.index ?? 0
}

function reportOverwritten({diagnostics}: DeadProcess, tid: number, interruptions: readonly Interruption[]): void {
  if (interruptions.every(({signal}) => signal === undefined || signal.isHeadIntact)) return
  diagnostics.add(
    'signal-frame-overwritten',
    'what the kernel saved of the code that a signal interrupted was written over: registers, or the place itself, ' +
      'are not known, and what the runtime printed of them is not the truth',
    {
      where: `thread ${tid}`,
      hint:
        'a function given to runtime.SetCgoTraceback does so that knows the first form of its argument alone, ' +
        'without SigContext: rebuild it',
    },
  )
}

/** What is above the goroutine's own frames, without the frames of the runtime's handlers. */
export function behindHandlers(stack: ThreadStack): CSegment {
  return withoutInner(stack.leaf, stack.innermost)
}

/**
 * The innermost Go frame of the goroutine's own stack that is not of the end of the process; undefined where it is one
 * of those that were left out.
 */
export function findOwnFrame(thread: ThreadStack, {stack}: Goroutine): UnwindFrame | undefined {
  const {frames, innermost: base, leaf, elided} = thread
  const dying = frames.findLastIndex(({go}) => go && endsProcess(go))
  const first = Math.max(base, dying + 1)
  const index = frames.findIndex(({kind, sp}, at) => at >= first && kind === 'go' && isOnStack(stack, sp))
  if (!elided || (index >= 0 && index < elided.after)) return frames[index]
  return dying < base ? leaf.landing : undefined
}

/**
 * What a thread was doing on a system stack, without the frames of signal handlers: to where a goroutine had switched
 * to it, or the thread began. undefined where all of it is on the goroutine's own stack.
 */
export function onSystemStack({base, leaf}: ThreadStack): CSegment | undefined {
  return base < leaf.frames.length ? withoutInner(leaf, base) : undefined
}

function withoutInner<T extends EndsOfStack<UnwindFrame>>(stack: T, count: number): T {
  const {frames, elided, missing} = stack
  const after = elided && elided.after - count
  return {
    ...stack,
    frames: frames.slice(count),
    // What is missing right behind them is of them.
    missing: missing.flatMap(mark => (mark.after <= count && count > 0 ? [] : {...mark, after: mark.after - count})),
    elided: elided && after !== null && after >= 0 ? {...elided, after} : null,
  }
}

type StitchedThread = EndsOfStack<UnwindFrame> & Pick<ThreadStack, 'stop' | 'callbacks'>

/** The leaf, the goroutine's frames below it, and what called that, to where the thread began. */
function stitchThread(process: DeadProcess, facts: ThreadFacts, leaf: CSegment): StitchedThread {
  const {machine, goroutine, parked, switches, sites} = facts
  const current = goroutine ?? parked
  const {landing} = leaf
  const callbacks = machine && current && switches && new CallbackSegments(process, machine, current, switches, leaf)
  const start = landing ? startAt(landing) : startWithoutLanding(process, facts, leaf)
  const {memory, maxFrames, deadline} = process
  const go = start && sites && new GoStackWalk(start, {memory, sites, maxFrames: WALK_LIMIT, deadline})
  const steps =
    sites || !current
      ? stitchStack({leaf, go, foundBy: start?.foundBy ?? 'syscall', callbacks})
      : stitchNamelessThread(process, current, leaf)
  const frames = new ThreadFrames(maxFrames, landing)
  let step = steps.next()
  for (; !step.done; step = steps.next()) frames.add(step.value)
  const both = frames.take()
  return {...both, stop: both.elided ? firstStop(step.value, 'frame-limit') : step.value, callbacks}
}

/** Where the goroutine itself knows that it is. */
function startWithoutLanding(
  process: DeadProcess,
  {goroutine, machine, parked}: ThreadFacts,
  {frames, stop}: CSegment,
): FoundStart | undefined {
  // The thread waits on its system stack to go on with it, and what led there is lost.
  if (parked) return stop === 'end-of-stack' ? undefined : startSaved(parked)
  const inSyscall = goroutine && startInSyscall(goroutine)
  const end = frames.at(-1)?.sp
  if (inSyscall || !goroutine || !machine || end === undefined || stop === 'end-of-stack') return inSyscall
  return startLeft(process, goroutine, machine, end)
}

/** Takes a stitched stack as frames of one kind: those of a goroutine's own stack too are frames of the thread. */
class ThreadFrames {
  readonly #ends: StackEnds<UnwindFrame>
  readonly #landing: UnwindFrame | undefined
  /**
   * Behind a cgocallback frame: whether the C code that called it is known, and what was planted in its place is not
   * wanted.
   */
  #hasCaller = false
  /** How the next frame of the goroutine was found, where not by the walk of its own stack. */
  #foundBy: FoundBy | undefined

  constructor(maxFrames: number, landing: UnwindFrame | undefined) {
    this.#ends = new StackEnds(maxFrames)
    this.#landing = landing
  }

  add(item: StitchedFrame): void {
    if (item.kind === 'native') this.#ends.add(item.frame)
    else if (item.kind === 'left-out') this.#ends.skip(item.count)
    else if (item.kind === 'seam') this.#cross(item)
    else if (item.kind === 'bare') this.#ends.add(new BareGoroutineFrame(item.frame))
    else if (item.kind === 'go' && !(item.isPlanted && this.#hasCaller)) this.#addGo(item)
  }

  #cross({into, missing}: Seam): void {
    if (missing) this.#ends.mark(missing)
    if (into === 'c') this.#hasCaller = missing === undefined
    else this.#foundBy = missing === undefined ? 'stack-switch' : undefined
  }

  #addGo(item: StitchedGo): void {
    const isLanding = item.frame.sp === this.#landing?.sp
    this.#ends.add(isLanding ? this.#landing : new GoroutineFrame(item, this.#foundBy ?? item.foundBy))
    this.#foundBy = undefined
  }

  take(): EndsOfStack<UnwindFrame> {
    return this.#ends.take()
  }
}

/** A walk of Go frames from where another walk has come to them. */
function startAt({pc, sp, interrupted, foundBy}: UnwindFrame): GoStart & Pick<UnwindFrame, 'foundBy'> {
  return {pc, sp, trap: interrupted, isSyscall: true, foundBy}
}

/** A frame of the goroutine's own stack, which frame pointers tell, as one of the thread's. */
class BareGoroutineFrame implements UnwindFrame {
  readonly pc: Address
  readonly lookupPc: Address
  readonly sp: Address
  readonly cfa: Address | undefined
  readonly foundBy: FoundBy
  readonly stack = 'goroutine'
  readonly kind: UnwindFrame['kind']
  readonly go = undefined

  constructor({pc, lookupPc, sp, cfa, foundBy, kind}: BareFrame) {
    this.pc = pc
    this.lookupPc = lookupPc
    this.sp = sp
    this.cfa = cfa
    this.foundBy = foundBy
    this.kind = kind
  }

  get interrupted(): boolean {
    return this.lookupPc === this.pc
  }

  get registers(): RegisterSet {
    return RegisterSet.ofPosition(this.pc, this.sp)
  }
}

/** A frame of the goroutine's own stack as one of the thread's. */
class GoroutineFrame implements UnwindFrame {
  readonly pc: Address
  readonly lookupPc: Address
  readonly sp: Address
  readonly cfa: Address
  readonly foundBy: FoundBy
  readonly stack = 'goroutine'
  readonly kind = 'go'
  readonly go: GoFunction

  constructor({frame}: StitchedGo, foundBy: FoundBy) {
    this.pc = frame.pc
    this.lookupPc = frame.symPc
    this.sp = frame.sp
    this.cfa = frame.fp
    this.foundBy = foundBy
    this.go = frame.fn
  }

  get interrupted(): boolean {
    return this.lookupPc === this.pc && this.pc > this.go.entry
  }

  /** What a walk by pcsp alone knows. */
  get registers(): RegisterSet {
    return RegisterSet.ofPosition(this.pc, this.sp)
  }
}
