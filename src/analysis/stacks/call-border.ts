import {type Address, NULL_ADDRESS} from '../../base/address.ts'
import type {MissingReason} from '../../report/vocabulary.ts'
import {type Goroutine, isAtStart, isOnStack} from '../../runtime-model/goroutine.ts'
import {STACK_ENTRIES} from '../../unwind/callback-chain.ts'
import {asmcgocallBase} from '../../unwind/stack-switch.ts'
import type {StackSwitches, StopReason, UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {type CodeOfRelease, mayHideCaller} from './hidden-caller.ts'

/** Why frames are missing between two, or may be. */
type GapReason = Extract<MissingReason, 'no-unwind-info' | 'frameless'>

/** Functions of Go that are on another stack than what called them. */
const LEAVING: ReadonlySet<string> = new Set([...STACK_ENTRIES, 'asmcgocall'])

/**
 * Where the frames end that a goroutine called on g0's stack, in C or of the runtime: all of them lie below the place
 * where asmcgocall or systemstack left the goroutine. Without function tables no code tells those functions, but their
 * place does. What a guess finds beyond it had begun the thread, and called nothing of this.
 */
export class CallBorder {
  /** SP of asmcgocall or systemstack on g0's stack; undefined where no goroutine is there. */
  readonly #base: Address | undefined
  /** g0.sched.sp, above that: a callback that is entering Go or leaving it has its own frames in between. */
  readonly #top: Address | undefined
  /** The same of runtimes whose tables are gone, for which the thread is one of C to this runtime. */
  readonly #foreignBases: readonly Address[]
  /** Where goroutines of those have faulted: to the walk of this runtime such a frame had made a call. */
  readonly #foreignFaults: ReadonlySet<Address>
  readonly #hasTables: boolean
  readonly #goroutine: Goroutine | undefined
  readonly #code: CodeOfRelease
  readonly #isOnMachine: boolean
  readonly #version: DeadProcess['version']

  constructor(
    process: Pick<DeadProcess, 'tables' | 'version'> & CodeOfRelease,
    switches: StackSwitches | undefined,
    goroutine: Goroutine | undefined,
  ) {
    const {tables, version} = process
    this.#base = findCallBase({version}, switches?.g0?.schedSp, goroutine)
    this.#top = this.#base && switches?.g0?.schedSp
    this.#foreignBases = (switches?.others ?? []).flatMap(({callBase}) => callBase ?? [])
    this.#foreignFaults = new Set((switches?.others ?? []).flatMap(({faultPc}) => faultPc ?? []))
    this.#hasTables = tables !== undefined
    this.#goroutine = goroutine
    this.#code = process
    this.#isOnMachine = switches?.g0 !== undefined
    this.#version = version
  }

  /**
   * The frames of a walk up to the border, and why they end there. `onGap`: before a frame that was found over others,
   * or may have been.
   */
  *follow(
    walk: Generator<UnwindFrame, StopReason>,
    onGap: (reason: GapReason) => void,
  ): Generator<UnwindFrame, StopReason> {
    let inner: UnwindFrame | undefined
    let next = walk.next()
    for (; !next.done; next = walk.next()) {
      const frame = next.value
      const gap = inner && this.#gapBetween(inner, frame)
      // Where the inner frame ends was a guess, too.
      if (inner) yield gap ? {...inner, cfa: undefined} : inner
      if (gap === 'border') return 'no-unwind-info'
      if (gap) onGap(gap)
      inner = frame
      if (!this.#isOfBase(frame)) continue
      yield frame
      return 'end-of-stack'
    }
    if (inner) yield inner
    return this.#endBehind(inner, next.value)
  }

  /**
   * Up to 1.16 systemstack has a word on the stack: the planted return address. It begins where g0 was left, though the
   * goroutine may be in a call of C as far as the runtime knows.
   */
  #isOfBase({sp}: UnwindFrame): boolean {
    if (this.#hasTables) return false
    return [this.#base, this.#top].some(base => base !== undefined && (sp === base || sp + 8 === base))
  }

  #endBehind(last: UnwindFrame | undefined, stop: StopReason): StopReason {
    return stop === 'end-of-stack' && !this.#isEnd(last) ? 'no-unwind-info' : stop
  }

  /**
   * A walk that came neither to the border nor to where the goroutine begins has not come to an end. Neither has one
   * in code that is not at hand: what C code calls may have 0 in rbp, too.
   */
  #isEnd(last: UnwindFrame | undefined): boolean {
    if (this.#base !== undefined && !this.#hasTables) return last !== undefined && this.#isAtStart(last.sp)
    // Whose stack the function had left is not known without the M.
    if (!this.#isOnMachine && last?.go && LEAVING.has(last.go.funcID)) return false
    return last?.kind !== 'native' || this.#isOnGoroutine(last.sp) || this.#isRead(last)
  }

  #isRead({lookupPc}: UnwindFrame): boolean {
    return this.#code.memory.read(lookupPc, 1) !== undefined || this.#code.memory.moduleAt(lookupPc) === undefined
  }

  #gapBetween(inner: UnwindFrame, frame: UnwindFrame): 'border' | GapReason | undefined {
    if (this.#isBeyond(inner, frame)) return 'border'
    if (isLeftCoroutine(frame)) return 'no-unwind-info'
    if (this.#isJump(inner, frame) || this.#isOutOfUnread(inner, frame)) return 'no-unwind-info'
    // The code that handlers return to is known; a caller that is not at hand may stand before it.
    const mayPassOver = frame.foundBy === 'frame-pointer' || (frame.kind === 'signal' && frame.foundBy === 'scan')
    const interrupted = inner.interrupted || this.#foreignFaults.has(inner.pc)
    return mayPassOver && mayHideCaller(this.#code, {...inner, interrupted}) ? 'frameless' : undefined
  }

  #isBeyond(inner: UnwindFrame, {sp, kind}: UnwindFrame): boolean {
    if (kind === 'go' || !this.#isOverBase(inner.sp, sp)) return false
    return !this.#isOnGoroutine(inner.sp) && !this.#isOnGoroutine(sp)
  }

  #isOverBase(from: Address, to: Address): boolean {
    if (this.#top !== undefined && from < this.#top && to > this.#top) return true
    for (const base of this.#foreignBases) if (from < base && to > base) return true
    return false
  }

  /** asmcgocall alone leads from one stack to the other. */
  #isJump(inner: UnwindFrame, {sp, kind}: UnwindFrame): boolean {
    if (this.#base === undefined || this.#hasTables || kind === 'signal') return false
    return inner.kind !== 'signal' && !this.#isOnGoroutine(inner.sp) && this.#isOnGoroutine(sp)
  }

  /** Code that is not at hand, of a module without its file, may have been called by code of the same. */
  #isOutOfUnread(inner: UnwindFrame, {foundBy, lookupPc, kind}: UnwindFrame): boolean {
    if (foundBy !== 'scan' || kind === 'signal' || inner.kind !== 'native') return false
    return !this.#isRead(inner) && this.#code.memory.moduleAt(inner.lookupPc) !== this.#code.memory.moduleAt(lookupPc)
  }

  #isAtStart(sp: Address): boolean {
    return this.#goroutine !== undefined && isAtStart(this.#goroutine, sp, this.#version)
  }

  #isOnGoroutine(sp: Address): boolean {
    return this.#goroutine !== undefined && isOnStack(this.#goroutine.stack, sp)
  }
}

/**
 * Whether a frame was come to from the outermost one of a coroutine of C: what had switched to that one waits on the
 * stack of asmcgocall, and nothing tells where.
 */
function isLeftCoroutine({go, foundBy}: UnwindFrame): boolean {
  return go?.funcID === 'asmcgocall' && foundBy === 'stack-switch'
}

/**
 * SP of asmcgocall on the stack of g0, from which a goroutine called C, or of systemstack where it is in no call;
 * undefined where there is no goroutine.
 */
export function findCallBase(
  {version}: Pick<DeadProcess, 'version'>,
  schedSp: Address | undefined,
  goroutine: Goroutine | undefined,
): Address | undefined {
  if (schedSp === undefined || schedSp === NULL_ADDRESS || goroutine === undefined) return undefined
  return goroutine.syscall.sp === NULL_ADDRESS ? schedSp : asmcgocallBase(version, schedSp)
}
