import type {Address} from '../base/address.ts'
import type {GoTables} from '../gosym/func-table.ts'
import type {GoFunction} from '../gosym/go-function.ts'

/** What a walk asks of the tables at one pc. */
export interface GoSite {
  /** Of this site alone among those of one GoSites, counted from 0. */
  number: number
  fn: GoFunction
  /**
   * CFA = sp + pcsp(pc) + the return address (runtime.unwinder.resolveInternal); undefined where the table has no
   * value.
   */
  frameSize: number | undefined
  /** Whether a walk ends here. A function that called entersyscall did so before it wrote SP: there it goes on. */
  endsStack: 'always' | 'not-in-syscall' | 'never'
  /** It is called without a CALL instruction, so its caller's pc is exact. */
  isInjected: boolean
}

/**
 * Calls that were not made by a CALL instruction: the caller's pc is exact (runtime.unwinder.next, traceback.go). Up to
 * 1.20 the runtime knew that of sigpanic alone (runtime.gentraceback), and so showed the line before for the others.
 */
const INJECTED_CALLS = new Set(['sigpanic', 'asyncPreempt', 'debugCallV2'])
/** Far above the places where the goroutines of one process wait. */
const SITES_LIMIT = 2 ** 16

/** The sites that walks have met: thousands of goroutines pass through the same few. */
export class GoSites {
  readonly #tables: GoTables
  readonly #onSystemStack: boolean
  readonly #sites = new Map<Address, GoSite>()
  #described = 0

  /** `onSystemStack`: the stacks are g0s, where up to Go 1.16 asmcgocall is the top. */
  constructor(tables: GoTables, onSystemStack: boolean) {
    this.#tables = tables
    this.#onSystemStack = onSystemStack
  }

  /** undefined where there is no Go code. */
  at(pc: Address): GoSite | undefined {
    const known = this.#sites.get(pc)
    if (known !== undefined) return known
    const fn = this.#tables.functionAt(pc)
    if (!fn) return undefined
    if (this.#sites.size >= SITES_LIMIT) this.#sites.clear()
    const site = describe(fn, pc, this.#onSystemStack, this.#described++)
    this.#sites.set(pc, site)
    return site
  }
}

function describe(fn: GoFunction, pc: Address, onSystemStack: boolean, number: number): GoSite {
  const delta = fn.spDelta(pc)
  return {
    number,
    fn,
    frameSize: delta === undefined ? undefined : delta + 8,
    endsStack: fn.isTopOfStack(onSystemStack) ? 'always' : fn.writesSp ? 'not-in-syscall' : 'never',
    isInjected: fn.funcID === 'sigpanic' || (fn.version.atLeast(21) && INJECTED_CALLS.has(fn.funcID)),
  }
}
