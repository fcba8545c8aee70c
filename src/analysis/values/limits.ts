/** How much of a value is read. */
export interface ValueLimits {
  /** Structs within a struct, from the variable down. */
  readonly depth: number
  /** Elements of an array, a slice, a map, a container. */
  readonly elements: number
  /** Bytes of a text. */
  readonly bytes: number
}

/** Those of Delve (service/debugger, the command line's own load configuration). */
export const DEFAULT_VALUE_LIMITS: ValueLimits = {depth: 1, elements: 64, bytes: 64}

/** Parts of one variable in all, whatever the limits allow in each of them. */
const PARTS_MAX = 20_000
/** Types within types, whatever the limits allow: a type may contain itself. */
export const NESTING_MAX = 64

/** What may still be read of one variable. */
export class ValueBudget {
  #left = PARTS_MAX

  /** Counts a part; false where no more may be read. */
  spend(): boolean {
    return this.#left-- > 0
  }
}
