import type {RegisterSet} from '../amd64/register-set.ts'
import {type Address, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import type {GoFunction} from '../gosym/go-function.ts'
import type {GoVersion} from '../gosym/version.ts'
import {asmcgocallBase, type CallbackSide, enterCallback, readLeftStack} from './stack-switch.ts'
import type {StackSwitches} from './unwind-frame.ts'

/** Words that mcall (and systemstack up to 1.16) push before they call on the system stack. */
const ENTRY_WORDS = 3
/** Functions by which the runtime comes to a system stack. */
export const STACK_ENTRIES: ReadonlySet<string> = new Set(['systemstack', 'morestack', 'mcall'])
/** Callbacks inside of each other; a stack of 1 GB holds fewer. */
const CHAIN_LIMIT = 1_000_000

/** A call from C into Go that g0 still knows. */
export interface Callback {
  /** Where the C code that called goes on: in crosscall2 (up to 1.15 runtime.cgocallback). */
  readonly caller: RegisterSet
  /**
   * CFA of the cgocallback frame on the goroutine: where the asmcgocall around this callback left that stack.
   * `outermost` on a thread that C began: no call from Go is around it. undefined where it cannot be read.
   */
  readonly cfa: Address | 'outermost' | undefined
  /** g0.sched.sp before it: of the asmcgocall and the callback around it. */
  readonly outerSchedSp: Address | undefined
}

export interface CallbackChain {
  readonly memory: MemoryReader
  readonly version: GoVersion
  readonly switches: StackSwitches
  readonly functionAt: (pc: Address) => GoFunction | undefined
  /** SP in the frame by which the runtime came to the system stack: g0.sched.sp and a few words. */
  readonly enteredAt: Address | undefined
}

/**
 * The callbacks of one M, innermost first, by the chain of g0.sched.sp: cgocallback keeps the former one at the new one
 * (runtime·cgocallback, asm_amd64.s). A callback that a panic or Goexit has left is not in it any more, though its Go
 * frames may still be on the goroutine's stack: its deferred unwindm put g0.sched.sp back (src/runtime/cgocall.go).
 */
export function readCallbacks(chain: CallbackChain): Callback[] {
  const callbacks: Callback[] = []
  let found = callbackAt(chain, chain.switches.g0?.schedSp) ?? callbackBeforeEntry(chain)
  while (found && callbacks.length < CHAIN_LIMIT) {
    const [schedSp, side] = found
    // On a thread that C began the slot holds its own address.
    const outerSchedSp = side.outerSchedSp > schedSp ? side.outerSchedSp : undefined
    const cfa = outerSchedSp === undefined ? 'outermost' : goroutineSpBefore(chain, outerSchedSp)
    callbacks.push({caller: side.caller, cfa, outerSchedSp})
    found = callbackAt(chain, outerSchedSp)
  }
  return callbacks
}

/** Where g0.sched was written over (a refused morestack), or g0 itself replaced (switchToCrashStack0). */
function callbackBeforeEntry(chain: CallbackChain): [Address, CallbackSide] | undefined {
  if (chain.enteredAt === undefined) return undefined
  for (let word = 0; word <= ENTRY_WORDS; word++) {
    const found = callbackAt(chain, toAddress(chain.enteredAt + word * 8))
    if (found) return found
  }
  return undefined
}

function callbackAt(
  {memory, version, functionAt}: CallbackChain,
  schedSp: Address | undefined,
): [Address, CallbackSide] | undefined {
  const side = schedSp === undefined ? undefined : enterCallback({memory, version, schedSp})
  const callerPc = side?.caller.pc
  if (schedSp === undefined || !side || callerPc === undefined) return undefined
  return isCallbackGlue(functionAt(callerPc)) ? [schedSp, side] : undefined
}

/** crosscall2, and up to 1.15 runtime.cgocallback, is all that calls cgocallback's system-stack side. */
function isCallbackGlue(code: GoFunction | undefined): boolean {
  return code?.name === 'crosscall2' || code?.name === 'runtime.cgocallback'
}

/** Where the asmcgocall around a callback left the goroutine. */
function goroutineSpBefore({memory, version, switches}: CallbackChain, outerSchedSp: Address): Address | undefined {
  const base = asmcgocallBase(version, outerSchedSp)
  const left = readLeftStack({memory, version, base, g: switches.g})
  return left && !left.sameStack ? left.sp : undefined
}

/** goexit was planted as the caller of a C thread's first callback (runtime.oneNewExtraM, proc.go). */
export function isPlantedCaller(memory: MemoryReader, cfa: Address, functionAt: CallbackChain['functionAt']): boolean {
  const planted = readAddress(memory, toAddress(cfa - 8))
  return planted !== undefined && functionAt(planted)?.funcID === 'goexit'
}
