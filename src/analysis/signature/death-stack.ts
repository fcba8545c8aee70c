import {hex} from '../../base/address.ts'
import type {FrameReport} from '../../report/core-report.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {CrashCause} from '../crash/crash-cause.ts'
import {signalPc} from '../crash/first-fault.ts'
import {isListed, otherGoroutines} from '../goroutines/goroutine-order.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {framesBeforeGaps, type GoroutineStacks, liveFrames, type StackParts} from '../stacks/goroutine-stacks.ts'
import type {FoundStart} from '../stacks/goroutine-start.ts'
import type {BlockedStack} from './signature.ts'

/** Goroutines that are looked at where everything waits. */
const GOROUTINE_LIMIT = 1000

interface Crash {
  readonly cause: CrashCause
  /** A stack that was walked whole before: one that ran over takes long. */
  readonly known: (goroutine: Goroutine) => Pick<StackParts, 'frames' | 'missing'> | undefined
}

/**
 * The stacks that a signature is made of, whole, whatever part of them the report was asked to show: all commands and
 * all their flags give one signature.
 */
export class DeathStacks {
  readonly #process: DeadProcess
  readonly #stacks: GoroutineStacks
  readonly #cause: CrashCause
  readonly #known: Crash['known']
  /** Of all that were walked so far, the frames behind which others are missing that the process had. */
  readonly gaps = new Set<FrameReport>()

  constructor(process: DeadProcess, stacks: GoroutineStacks, {cause, known}: Crash) {
    this.#process = process
    this.#stacks = stacks
    this.#cause = cause
    this.#known = known
  }

  /** The system stack first, where the crash was on one, then the goroutine that it served; empty without either. */
  frames(): FrameReport[] {
    const {runtimeStack, goroutine, current, start} = this.#cause
    const system = runtimeStack ? this.#walk(runtimeStack.g0, runtimeStack.start) : []
    const crashed = goroutine ? this.#walkOnce(goroutine, start) : []
    const served = current && current !== goroutine ? this.#walkOnce(current) : []
    return fromFault([...withoutRepeated(system, [...crashed, ...served]), ...crashed, ...served], this.#cause)
  }

  *blocked(): Generator<BlockedStack> {
    const {runtime} = this.#process
    let count = 0
    for (const goroutine of runtime ? otherGoroutines(runtime, [], () => true) : []) {
      if (!runtime || !isListed(runtime, goroutine, false)) continue
      yield {state: goroutine.waitReason, frames: this.#walk(goroutine)}
      if (++count >= GOROUTINE_LIMIT) return
    }
  }

  #walkOnce(goroutine: Goroutine, start?: FoundStart): FrameReport[] {
    const known = this.#known(goroutine)
    return known ? this.#liveFrames(known) : this.#walk(goroutine, start)
  }

  #walk(goroutine: Goroutine, start?: FoundStart): FrameReport[] {
    const visibility = {version: this.#process.version, level: 2, whole: true} as const
    const request = {goroutine, visibility, cgoFrames: 'auto', bothEnds: true} as const
    return this.#liveFrames(this.#stacks.assemble(start ? {...request, start} : request))
  }

  #liveFrames(stack: Pick<StackParts, 'frames' | 'missing'>): FrameReport[] {
    for (const frame of framesBeforeGaps(stack)) if (this.#lacksCaller(frame)) this.gaps.add(frame)
    return [...liveFrames(stack)]
  }

  /** A stack that the process itself wrote over was no other for any who reads it: that is the bug. */
  #lacksCaller({module}: FrameReport): boolean {
    const {core, modules} = this.#process
    if (core.truncated || core.holes.length > 0) return true
    return modules.some(({path, imageOrigin}) => path === module && imageOrigin !== 'file')
  }
}

/**
 * A stack without what a handler was doing that had called Go: the fault, further out, is what the process died of.
 * Whole where the fault is not among its frames, right behind the kernel's.
 */
export function fromFault(frames: readonly FrameReport[], {signal}: CrashCause): FrameReport[] {
  const pc = signal && hex(signalPc(signal))
  const fault = frames.findIndex((frame, index) => frame.pc === pc && frames[index - 1]?.kind === 'signal')
  return frames.slice(Math.max(0, fault))
}

/** Where the system stack is what the goroutine called, its frames of C are those of the goroutine's stack too. */
function withoutRepeated(frames: readonly FrameReport[], others: readonly FrameReport[]): FrameReport[] {
  const place = ({pc, sp}: FrameReport) => (pc === null || sp === null ? undefined : `${pc} ${sp}`)
  const known = new Set(others.map(place))
  return frames.filter(frame => {
    const own = place(frame)
    return own === undefined || !known.has(own)
  })
}
