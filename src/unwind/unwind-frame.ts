import type {RegisterSet} from '../amd64/register-set.ts'
import type {Address} from '../base/address.ts'
import type {GoFunction} from '../gosym/go-function.ts'
import type {GoVersion} from '../gosym/version.ts'
import type {FoundBy, StopReason} from '../report/vocabulary.ts'
import type {SavedStack} from './stack-switch.ts'

export type {FoundBy, StopReason}

export type StackKind = 'native' | 'g0' | 'gsignal' | 'goroutine'

/** Where a walk starts. */
export interface Seed {
  readonly registers: RegisterSet
  readonly foundBy: FoundBy
  /** pc is a register's or a trap's, not a return address. */
  readonly exactPc: boolean
}

/**
 * The stacks of one thread, as plain data. With it the walk follows the calls across stacks: from C through asmcgocall
 * to the goroutine, from cgocallback to the C code that called back, from systemstack, morestack and mcall to the
 * goroutine. Without it a walk ends where a stack does, and cgocallback is walked through as the runtime does.
 */
export interface StackSwitches {
  /** m.curg. */
  readonly g: SavedStack | undefined
  readonly g0: SavedStack | undefined
  readonly gsignal?: {readonly stackLo: Address; readonly stackHi: Address} | undefined
  /** m.vdsoPC and m.vdsoSP while a vDSO call is on: the position of its caller's caller. */
  readonly vdso?: {readonly pc: Address; readonly sp: Address} | undefined
  /** What other Go runtimes of the process have on the same thread: it is a thread of C to each but one. */
  readonly others?: readonly ForeignStacks[] | undefined
}

/** The stacks of another Go runtime. Its code alone switches to them, in the way of its own release. */
export interface ForeignStacks extends Omit<StackSwitches, 'others'> {
  readonly version: GoVersion
  /** The functions of that runtime, and of no other. */
  readonly functionAt: (pc: Address) => GoFunction | undefined
  /** asmcgocall's SP, where C was called and no function tells: all that was called lies below. */
  readonly callBase?: Address | undefined
  /** Where its goroutine had faulted, which no function tells either: that frame had called nothing. */
  readonly faultPc?: Address | undefined
  /** Its innermost call of C is further in than where the walk begins: no outermost frame leads back there. */
  readonly isCallBehind?: boolean
}

export interface Bounds {
  /** Default 1,000,000. */
  readonly frameLimit?: number
  readonly switches?: StackSwitches | undefined
}

/** One physical frame. Inlined calls are the symbolizer's. */
export interface UnwindFrame {
  /** NOWHERE, as sp too, for what is no address of user space: `registers` has the word, or, of sp, nothing does. */
  readonly pc: Address
  /** Where function, line and inlining are looked up: pc - 1 for a return address, whose call ended there. */
  readonly lookupPc: Address
  readonly sp: Address
  /** The caller's rsp after the return; Go calls it fp. undefined where the frame could not be left. */
  readonly cfa: Address | undefined
  readonly foundBy: FoundBy
  readonly stack: StackKind
  /** `signal`: the kernel's frame, whose pc is the restorer. */
  readonly kind: 'go' | 'native' | 'signal'
  /** The Go function that holds pc. */
  readonly go: GoFunction | undefined
  readonly registers: RegisterSet
  /** Where the function, or a part of it, begins, by the table that covers it; undefined for Go code too. */
  readonly start?: Address | undefined
  /** pc is exact: the innermost frame, or one that a signal or an injected call interrupted. */
  readonly interrupted: boolean
}
