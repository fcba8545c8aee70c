import type {Address} from '../base/address.ts'
import type {StackSwitcher} from './stack-switcher.ts'
import type {Position} from './unwinder.ts'

/** Switches to a lower address: signal frames on the way to another stack, callbacks, coroutines. */
const DESCENT_LIMIT = 1024
/** A frame found by CFI below its callee is believed only on another stack. */
const OTHER_STACK_DISTANCE = 256 * 1024

/** Where one walk has been, and so where it cannot go. */
export class WalkProgress {
  readonly #switcher: Pick<StackSwitcher, 'signalStackOf'>
  readonly #descents = new Set<string>()
  /** By signal stack, the innermost SP of the frames there that the walk has left. */
  readonly #left = new Map<Address, Address>()
  /** The signal stack that the walk is on. */
  #current: {readonly stack: Address; readonly from: Address} | undefined

  constructor(switcher: Pick<StackSwitcher, 'signalStackOf'>) {
    this.#switcher = switcher
  }

  /** Why a walk does not go on from a frame to the next one out; undefined: it does. */
  stopBetween(pc: Address, sp: Address, next: Position): 'no-progress' | 'overwritten' | undefined {
    const nextSp = next.registers.sp
    this.#enter(sp)
    if (nextSp !== undefined && this.#isUsedAnew(nextSp)) return 'overwritten'
    return this.#ascends(pc, sp, next) ? undefined : 'no-progress'
  }

  #enter(sp: Address): void {
    const stack = this.#switcher.signalStackOf(sp)
    if (stack === this.#current?.stack) return
    if (this.#current) this.#left.set(this.#current.stack, this.#current.from)
    this.#current = stack === undefined ? undefined : {stack, from: sp}
  }

  /**
   * The kernel begins anew at the top of a signal stack where the thread is on another one: a handler that had gone
   * elsewhere (it called Go, whose M then died on its crash stack) has lost its frames, and what it had interrupted, to
   * the handler of the next signal.
   */
  #isUsedAnew(sp: Address): boolean {
    const stack = this.#switcher.signalStackOf(sp)
    if (stack === undefined || stack === this.#current?.stack) return false
    const from = this.#left.get(stack)
    return from !== undefined && sp >= from
  }

  /**
   * Every return pops its stack, unless the return address is in a register (vfork keeps it in rdi). Another stack may
   * lie lower: switches and signal frames go there, and CFI of coroutines far away. Each such place once.
   */
  #ascends(pc: Address, sp: Address, {registers, foundBy}: Position): boolean {
    const {pc: nextPc, sp: nextSp} = registers
    if (nextSp === undefined || nextSp > sp) return true
    const switching = foundBy === 'signal-frame' || foundBy === 'stack-switch'
    const inRegister = nextSp === sp && nextPc !== pc
    const farAway = sp - nextSp > OTHER_STACK_DISTANCE
    if (!switching && !inRegister && !farAway) return false
    const key = `${nextSp}:${nextPc}`
    if (this.#descents.has(key) || this.#descents.size >= DESCENT_LIMIT) return false
    this.#descents.add(key)
    return true
  }
}
