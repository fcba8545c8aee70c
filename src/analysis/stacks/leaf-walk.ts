import {RegisterSet} from '../../amd64/register-set.ts'
import {isSignalRestorer, readSignalFrame, type SignalFrame} from '../../amd64/signal-context.ts'
import {type Address, addressOfWord, NOWHERE, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {readAddress} from '../../base/memory-reader.ts'
import type {MissingReason} from '../../report/vocabulary.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import {beginsThread} from '../../unwind/thread-start.ts'
import {applySignalFrame, findSignalFrames, isPlaceOverwritten} from '../../unwind/signal-frame.ts'
import type {FoundBy, StopReason, UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {MissingFrames} from '../frames/stack-ends.ts'
import {type DeadProcess, isNamelessImage} from '../process/dead-process.ts'
import {type CSegment, expectLanding, walkSegment} from './c-segments.ts'
import {isFaultOf} from './frame-pointer-stack.ts'
import {findRefusedMorestack} from './nameless-morestack.ts'
import {type Interruption, isInjectedIntoC} from './signals.ts'
import type {ThreadFacts} from './thread-walk.ts'

/**
 * The part of a thread's stack above Go code on a goroutine's own: C, handlers of signals, the runtime on a system
 * stack.
 */
export class LeafWalk {
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
    const lost = injected ? undefined : this.#findLostFault(leaf)
    if (injected) {
      leaf = join(leaf.frames.slice(0, injected.index), this.#segment(injected.registers, injected.foundBy))
      known.push({index: injected.index, signal: undefined, isPlumbing: true})
    } else if (lost) {
      known.push({index: leaf.frames.length, signal: undefined, isPlumbing: true})
      leaf = {...leaf, frames: [...leaf.frames, lost.frame], missing: [...leaf.missing, lost.gap]}
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
   * frame record returns to the place that g0.sigpc knows, which no call stands before. Where sigpanic found no room
   * it has no record.
   */
  #findNamelessInjection({frames}: CSegment): FoundPlace | undefined {
    const {memory} = this.#process
    const pc = this.#namelessFaultPc()
    if (pc === undefined) return undefined
    for (const [index, {registers, interrupted}] of frames.entries()) {
      const {bp} = registers
      const refused = interrupted ? findRefusedMorestack(this.#process, registers.sp, pc) : undefined
      if (refused !== undefined) {
        return {index: index + 1, registers: RegisterSet.ofPosition(pc, refused, bp), foundBy: 'saved-fault'}
      }
      if (bp === undefined || readAddress(memory, toAddress(bp + 8)) !== pc) continue
      const interruptedAt = RegisterSet.ofPosition(pc, toAddress(bp + 16), readAddress(memory, bp))
      return {index: index + 1, registers: interruptedAt, foundBy: 'frame-pointer'}
    }
    return undefined
  }

  /** Where C faulted on the system stack of an M that throws for it (up to 1.20), where no function table tells. */
  #namelessFaultPc(): Address | undefined {
    return this.#process.tables ? undefined : this.#faultOfThrow()
  }

  /** What the runtime kept of the fault on g0 that it throws for: of its own code, up to 1.20 of C's. */
  #faultOfThrow(): Address | undefined {
    const {machine} = this.#facts
    const signal = machine?.throwing ? this.#process.runtime?.goroutineAt(machine.g0)?.signal : undefined
    return signal && signal.number !== 0 ? addressOfWord(signal.pc) : undefined
  }

  /**
   * The place of that fault, where the walk did not come to it: what is there shows nothing but how the runtime throws,
   * up to the one signal that ends the process. Nothing tells where its frame was.
   */
  #findLostFault({frames, landing, stop}: CSegment): {frame: UnwindFrame; gap: MissingFrames} | undefined {
    const pc = this.#faultOfThrow()
    if (pc === undefined || landing || !LOST.has(stop) || frames.some(frame => frame.pc === pc)) return undefined
    const signals = frames.filter(({kind}) => kind === 'signal').length
    if (signals > 1 || this.#process.tables?.functionAt(pc)) return undefined
    return {frame: unplacedFrame(pc), gap: {after: frames.length, reason: stop as MissingReason}}
  }

  /** Whether a walk that did not come to the fault shows nothing but how the runtime throws. */
  #isOfDyingRuntime({frames, landing, stop}: CSegment): boolean {
    if (landing || stop === 'end-of-stack' || frames.length === 0) return false
    const pc = this.#namelessFaultPc()
    return pc === undefined ? this.#isInNamelessHandler(frames) : frames.every(frame => frame.pc !== pc)
  }

  /** Without function tables: the program's own code on the M's signal stack, where only handlers are. */
  #isInNamelessHandler(frames: readonly UnwindFrame[]): boolean {
    const stack = this.#gsignal?.stack
    return stack !== undefined && frames.every(({pc, sp}) => isOnStack(stack, sp) && isNamelessImage(this.#process, pc))
  }

  /** The frame of Go code that faulted, which no function table tells to have been interrupted. */
  #findNamelessFault({frames}: CSegment): FoundPlace | undefined {
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

/** Where a walk begins anew; `index`: of the first frame further in that it takes the place of. */
interface FoundPlace {
  readonly index: number
  readonly registers: RegisterSet
  readonly foundBy: FoundBy
}

/** A walk that ends so has not come to all that is there. */
const LOST: ReadonlySet<StopReason> = new Set(['unmapped', 'no-unwind-info', 'no-progress', 'overwritten'])

function unplacedFrame(pc: Address): UnwindFrame {
  return {
    pc,
    lookupPc: pc,
    sp: NOWHERE,
    cfa: undefined,
    foundBy: 'saved-fault',
    stack: 'native',
    kind: 'native',
    go: undefined,
    registers: RegisterSet.ofPlace(pc),
    interrupted: true,
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
