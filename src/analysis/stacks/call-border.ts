import {type Address, NULL_ADDRESS} from '../../base/address.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import {asmcgocallBase} from '../../unwind/stack-switch.ts'
import type {StackSwitches, StopReason, UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'

/**
 * Where the frames end that a goroutine called in C: all of them lie below the place on g0's stack where asmcgocall
 * left the goroutine. Without function tables no code tells that function, but its place does. What a guess finds
 * beyond it had begun the thread, and called nothing of this.
 */
export class CallBorder {
  /** asmcgocall's SP on g0's stack; undefined where the goroutine is in no call. */
  readonly #base: Address | undefined
  readonly #hasTables: boolean
  readonly #goroutine: Goroutine | undefined

  constructor(
    {tables, version}: Pick<DeadProcess, 'tables' | 'version'>,
    switches: StackSwitches | undefined,
    goroutine: Goroutine | undefined,
  ) {
    const schedSp = switches?.g0?.schedSp ?? NULL_ADDRESS
    const isInCall = goroutine !== undefined && goroutine.syscall.sp !== NULL_ADDRESS && schedSp !== NULL_ADDRESS
    this.#base = isInCall ? asmcgocallBase(version, schedSp) : undefined
    this.#hasTables = tables !== undefined
    this.#goroutine = goroutine
  }

  /**
   * The frames of a walk up to the border, and why they end there. `onJump`: before a frame of the goroutine's own
   * stack that a frame pointer led to, over the frames that nobody could read.
   */
  *follow(walk: Generator<UnwindFrame, StopReason>, onJump: () => void): Generator<UnwindFrame, StopReason> {
    let inner: UnwindFrame | undefined
    let next = walk.next()
    for (; !next.done; next = walk.next()) {
      const frame = next.value
      const gap = inner && this.#gapBetween(inner, frame)
      // Where the inner frame ends was a guess, too.
      if (inner) yield gap ? {...inner, cfa: undefined} : inner
      if (gap === 'border') return 'no-unwind-info'
      if (gap === 'jump') onJump()
      inner = frame
      if (this.#hasTables || frame.sp !== this.#base) continue
      yield frame
      return 'end-of-stack'
    }
    if (inner) yield inner
    return this.#stopBefore(next.value)
  }

  /** A walk that did not come to the border has not come to an end. */
  #stopBefore(stop: StopReason): StopReason {
    const isLost = this.#base !== undefined && !this.#hasTables && stop === 'end-of-stack'
    return isLost ? 'no-unwind-info' : stop
  }

  #gapBetween(inner: UnwindFrame, frame: UnwindFrame): 'border' | 'jump' | undefined {
    if (this.#isBeyond(inner, frame)) return 'border'
    return this.#isJump(inner, frame) ? 'jump' : undefined
  }

  #isBeyond(inner: UnwindFrame, {sp, kind}: UnwindFrame): boolean {
    if (this.#base === undefined || kind === 'go' || inner.sp >= this.#base || sp <= this.#base) return false
    return !this.#isOnGoroutine(inner.sp) && !this.#isOnGoroutine(sp)
  }

  /** asmcgocall alone leads from one stack to the other. */
  #isJump(inner: UnwindFrame, {sp, kind}: UnwindFrame): boolean {
    if (this.#base === undefined || this.#hasTables || kind === 'signal') return false
    return inner.kind !== 'signal' && !this.#isOnGoroutine(inner.sp) && this.#isOnGoroutine(sp)
  }

  #isOnGoroutine(sp: Address): boolean {
    return this.#goroutine !== undefined && isOnStack(this.#goroutine.stack, sp)
  }
}
