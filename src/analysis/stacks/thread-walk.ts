import {RegisterSet} from '../../amd64/register-set.ts'
import {isSignalRestorer, readSignalFrame, type SignalFrame} from '../../amd64/signal-context.ts'
import {type Address, addressOfWord, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {readAddress} from '../../base/memory-reader.ts'
import type {CoreThread} from '../../elf/core-file.ts'
import type {GoFunction} from '../../gosym/go-function.ts'
import type {MissingReason} from '../../report/vocabulary.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import type {GoSites} from '../../unwind/go-site.ts'
import {GoStackWalk, type GoStart} from '../../unwind/goroutine-walk.ts'
import {applySignalFrame, findSignalFrames, isPlaceOverwritten} from '../../unwind/signal-frame.ts'
import {beginsThread} from '../../unwind/thread-start.ts'
import type {FoundBy, StackSwitches, StopReason, UnwindFrame} from '../../unwind/unwind-frame.ts'
import {type EndsOfStack, StackEnds} from '../frames/stack-ends.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {CallbackSegments, type CSegment, expectLanding, walkSegment} from './c-segments.ts'
import {type BareFrame, isFaultOf} from './frame-pointer-stack.ts'
import {type FoundStart, startInSyscall, startLeft, WALK_LIMIT} from './goroutine-start.ts'
import {findNamelessPanic} from './nameless-panic.ts'
import {stitchNamelessThread} from './nameless-thread.ts'
import {
  endsProcess,
  findBase,
  findFirstFault,
  findInterruptions,
  findReturnedHandler,
  type Interruption,
  isInjectedIntoC,
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
}

/** Who is on a thread, and on which stacks. */
export interface ThreadFacts extends Pick<ThreadStack, 'thread' | 'machine' | 'goroutine' | 'parked'> {
  readonly switches: StackSwitches | undefined
  /** undefined without function tables. */
  readonly sites: GoSites | undefined
}

/** Walks one thread from its registers out. */
export function walkThread(process: DeadProcess, facts: ThreadFacts): ThreadStack {
  const {thread, machine, goroutine, parked} = facts
  const gsignal = machine && machine.gsignal !== 0 ? process.runtime?.goroutineAt(machine.gsignal) : undefined
  const registers = RegisterSet.ofUserRegs(thread.registers)
  const {leaf, known} = new LeafWalk(process, facts, gsignal).walk(registers)
  const {callbacks, ...stitched} = stitchThread(process, facts, leaf)
  const {frames} = stitched
  const interruptions = [...known]
  interruptions.push(...findInterruptions(process, frames, gsignal))
  interruptions.sort((a, b) => a.index - b.index)
  const killedBy = killingSignal(process, thread.tid, frames[0]?.pc ?? NULL_ADDRESS)
  if (!findFirstFault(frames, interruptions)) {
    const returned = findReturnedHandler(process, killedBy, registers, gsignal)
    if (returned) interruptions.unshift({index: 0, signal: returned, isPlumbing: false})
  }
  const base = findBase(frames, interruptions, killedBy)
  const panic =
    process.tables || !machine || !goroutine ? undefined : findNamelessPanic(leaf.frames, machine, goroutine)
  reportOverwritten(process, thread.tid, interruptions)
  const {length} = leaf.frames
  const innermost = Math.max(panic ?? 0, base <= length ? base : endOfHandlers(interruptions, length))
  return {thread, machine, goroutine, parked, ...stitched, leaf, callbacks, interruptions, base, innermost}
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

/**
 * The part of a thread's stack above Go code on a goroutine's own: C, handlers of signals, the runtime on a system
 * stack.
 */
class LeafWalk {
  readonly #process: DeadProcess
  readonly #facts: ThreadFacts
  readonly #gsignal: Goroutine | undefined

  constructor(process: DeadProcess, facts: ThreadFacts, gsignal: Goroutine | undefined) {
    this.#process = process
    this.#facts = facts
    this.#gsignal = gsignal
  }

  walk(registers: RegisterSet): {leaf: CSegment; known: readonly Interruption[]} {
    let leaf = this.#segment(registers, 'context')
    const known: Interruption[] = []
    const gsignal = this.#gsignal
    const handler = gsignal ? handlerFrames(leaf, gsignal) : leaf.frames
    const outside = this.#escapeHandler(handler)
    if (outside) {
      const isNext = handler.at(-1)?.sp === outside.signal.ucontext
      leaf = join(handler, this.#segment(outside.registers, 'signal-frame'), isNext ? undefined : 'no-unwind-info')
      const isPlaceLost = isPlaceOverwritten(this.#process.memory, outside.signal, this.#process.isExecutable)
      known.push({index: handler.length, signal: outside.signal, isPlumbing: true, isPlaceLost})
    }
    const called = this.#findWildCall(leaf)
    if (called) leaf = join(leaf.frames.slice(0, called.index), this.#segment(called.registers, 'gobuf'))
    const injected = this.#findNamelessInjection(leaf)
    if (injected) {
      leaf = join(leaf.frames.slice(0, injected.index), this.#segment(injected.registers, 'frame-pointer'))
      known.push({index: injected.index, signal: undefined, isPlumbing: true})
    } else if (this.#isOfDyingRuntime(leaf)) {
      known.push({index: leaf.frames.length, signal: undefined, isPlumbing: true})
    }
    const fault = this.#findNamelessFault(leaf)
    if (fault) leaf = join(leaf.frames.slice(0, fault.index), this.#segment(fault.registers, fault.foundBy))
    return {leaf: isExpectedToLand(this.#process, this.#facts, leaf) ? expectLanding(leaf) : leaf, known}
  }

  #segment(registers: RegisterSet, foundBy: FoundBy): CSegment {
    const {goroutine, parked, switches} = this.#facts
    return walkSegment(this.#process, {registers, foundBy, exactPc: true}, switches, goroutine ?? parked)
  }

  /**
   * Where the handler's own frames, or the signal frame that they lead to, could not be walked: the outermost signal
   * frame of the M's signal stack, found by its shape.
   */
  #escapeHandler(frames: readonly UnwindFrame[]): {registers: RegisterSet; signal: SignalFrame} | undefined {
    const {memory, isExecutable} = this.#process
    for (const signal of this.#framesOutside(frames)) {
      const isPlaceKnown = !isPlaceOverwritten(memory, signal, isExecutable)
      const isInHandler = this.#gsignal !== undefined && isOnStack(this.#gsignal.stack, signal.sp)
      if (isPlaceKnown ? isInHandler : this.#isOfDeath(signal, frames)) continue
      const at = RegisterSet.ofPosition(NULL_ADDRESS, signal.ucontext)
      const registers = applySignalFrame(at, memory, isExecutable)?.caller
      return registers && {registers, signal}
    }
    return undefined
  }

  /** Outermost first. */
  #framesOutside(frames: readonly UnwindFrame[]): readonly SignalFrame[] {
    const {memory, isExecutable} = this.#process
    const last = frames.at(-1)
    // A walk that ends there did not find out what the signal had interrupted.
    const isLost = last?.kind === 'signal'
    if (last && this.#gsignal && isOnStack(this.#gsignal.stack, last.sp)) {
      const start = isLost ? toAddress(last.sp - 16) : last.sp
      const isRestorer = (pc: Address) => isExecutable(pc) && isSignalRestorer(memory, pc)
      return findSignalFrames(memory, {start, end: this.#endOfHandlers(start), isRestorer})
    }
    const lost = isLost ? readSignalFrame(memory, last.sp, true) : undefined
    return lost ? [lost] : []
  }

  /**
   * Where the frames of the M's own handlers end on its signal stack: where a handler of C had called Go, that stack is
   * g0's too, and what the handler had interrupted is further out than that callback.
   */
  #endOfHandlers(start: Address): Address {
    const systemSp = this.#facts.switches?.g0?.schedSp
    const {hi} = (this.#gsignal as Goroutine).stack
    return systemSp !== undefined && systemSp >= start && systemSp < hi ? systemSp : hi
  }

  /** The signal that a dying runtime sends itself: what was before it is not on the signal stack. */
  #isOfDeath({code, ucontext}: SignalFrame, frames: readonly UnwindFrame[]): boolean {
    return code <= 0 && (this.#facts.machine?.dying ?? 0) > 0 && ucontext === frames.at(-1)?.sp
  }

  /**
   * A call of sigpanic that the runtime pretended for a fault in C (up to 1.20) and that no function table tells: its
   * frame record returns to the place that g0.sigpc knows, which no call stands before.
   */
  #findNamelessInjection({frames}: CSegment): {index: number; registers: RegisterSet} | undefined {
    const {memory} = this.#process
    const pc = this.#namelessFaultPc()
    if (pc === undefined) return undefined
    for (const [index, {registers}] of frames.entries()) {
      const {bp} = registers
      if (bp === undefined || readAddress(memory, toAddress(bp + 8)) !== pc) continue
      const interrupted = RegisterSet.ofPosition(pc, toAddress(bp + 16), readAddress(memory, bp))
      return {index: index + 1, registers: interrupted}
    }
    return undefined
  }

  /** Where C faulted on the system stack of an M that throws for it (up to 1.20), where no function table tells. */
  #namelessFaultPc(): Address | undefined {
    const {machine} = this.#facts
    const {runtime, tables} = this.#process
    const signal = machine && machine.throwing !== 0 ? runtime?.goroutineAt(machine.g0)?.signal : undefined
    return !tables && signal && signal.number !== 0 ? addressOfWord(signal.pc) : undefined
  }

  /** Whether a walk that did not come to the fault shows nothing but how the runtime throws. */
  #isOfDyingRuntime({frames, landing, stop}: CSegment): boolean {
    if (landing || stop === 'end-of-stack' || frames.length === 0) return false
    const pc = this.#namelessFaultPc()
    return pc === undefined ? this.#isInNamelessHandler(frames) : frames.every(frame => frame.pc !== pc)
  }

  /** Without function tables: the program's own code on the M's signal stack, where only handlers are. */
  #isInNamelessHandler(frames: readonly UnwindFrame[]): boolean {
    const {tables, goModule} = this.#process
    const stack = this.#gsignal?.stack
    if (tables || !goModule || !stack) return false
    return frames.every(({pc, sp}) => isOnStack(stack, sp) && pc >= goModule.start && pc < goModule.end)
  }

  /** The frame of Go code that faulted, which no function table tells to have been interrupted. */
  #findNamelessFault({frames}: CSegment): {index: number; registers: RegisterSet; foundBy: FoundBy} | undefined {
    const {goroutine} = this.#facts
    if (this.#process.tables || !goroutine) return undefined
    const index = frames.findIndex(frame => isOnStack(goroutine.stack, frame.sp) && isFaultOf(goroutine, frame))
    const frame = frames[index]
    return frame && {index, registers: frame.registers, foundBy: frame.foundBy}
  }

  /**
   * C called a null function: then the runtime lets sigpanic return to the caller (up to 1.20,
   * runtime.shouldPushSigpanic), and the place that faulted, which g.sigpc knows, is on no stack.
   */
  #findWildCall({frames}: CSegment): {index: number; registers: RegisterSet} | undefined {
    const {machine} = this.#facts
    const signal = machine && this.#process.runtime?.goroutineAt(machine.g0)?.signal
    if (!signal || signal.number === 0 || signal.pc !== 0n) return undefined
    const index = frames.findIndex((frame, at) => isInjectedIntoC(frame, frames[at + 1])) + 1
    const sp = frames[index]?.sp
    if (index === 0 || sp === undefined) return undefined
    return {index, registers: RegisterSet.ofPosition(NULL_ADDRESS, toAddress(sp - 8))}
  }
}

/** `gap`: why frames between the two are missing, if any are. */
function join(inner: readonly UnwindFrame[], outer: CSegment, gap?: MissingReason): CSegment {
  const {elided} = outer
  const {length} = inner
  const after = length + (elided?.after ?? 0)
  const missing = outer.missing.map(mark => ({...mark, after: length + mark.after}))
  // Of an outer part with nothing in it its end says all.
  const isAhead = outer.frames.length > 0 || outer.landing !== undefined
  if (gap && length > 0 && isAhead) missing.unshift({after: length, reason: gap})
  return {...outer, frames: [...inner, ...outer.frames], elided: elided && {...elided, after}, missing}
}

/** C under a goroutine was called by it; what the runtime does on a system stack may begin there. */
function isExpectedToLand({tables}: DeadProcess, {goroutine}: ThreadFacts, {frames}: CSegment): boolean {
  const begins = frames.some(({go}) => go && beginsThread(go))
  return tables !== undefined && goroutine !== undefined && frames.at(-1)?.kind === 'native' && !begins
}

/**
 * The frames on the M's signal stack, where the walk left it without meeting the kernel's frame: by a frame pointer,
 * for the handler is entered with that of the code it interrupted. Else all frames.
 */
function handlerFrames({frames, landing}: CSegment, {stack}: Goroutine): readonly UnwindFrame[] {
  const last = frames.findLastIndex(({sp}) => isOnStack(stack, sp))
  const next = frames[last + 1] ?? landing
  const isGuessed = next?.foundBy === 'frame-pointer' || next?.foundBy === 'scan'
  return last >= 0 && isGuessed && frames[last]?.kind !== 'signal' ? frames.slice(0, last + 1) : frames
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
  {goroutine, machine}: ThreadFacts,
  {frames, stop}: CSegment,
): FoundStart | undefined {
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
