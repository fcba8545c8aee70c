import type {Address} from '../base/address.ts'
import type {GoFunction} from '../gosym/go-function.ts'
import type {LocatedRow} from './cfi-rows.ts'
import type {PcspRow} from './pcsp-rows.ts'

export interface GoEntry {
  readonly code: GoFunction
  readonly pcsp: PcspRow | undefined
}

export type NativeEntry = LocatedRow | 'signal' | 'uncovered'

/** What a pc tells, the same in every frame there, each thing found when first asked; undefined: nobody did. */
export interface KnownPc {
  readonly pc: Address
  /** null: no function of Go is there. */
  go: GoEntry | null | undefined
  /** As the place where execution was. */
  exact: NativeEntry | undefined
  /** As a return address. */
  returned: NativeEntry | undefined
  /** Whether its code is at hand. */
  isRead: boolean | undefined
  /** Whether a call can return there. */
  isCode: boolean | undefined
  /** Whether the call before it leads elsewhere than to the callee that was asked about last. */
  refuted: {readonly callee: Address; readonly isRefuted: boolean} | undefined
}

/** All pcs that walks came by. */
export class KnownPcs {
  readonly #known = new Map<Address, KnownPc>()
  readonly #limit: number
  /** The one that was asked for last: a recursion has one. */
  #last: KnownPc | undefined

  /** @param limit pcs that are kept; dropped and begun again when a strange core has more */
  constructor(limit: number) {
    this.#limit = limit
  }

  at(pc: Address): KnownPc {
    if (this.#last?.pc === pc) return this.#last
    const known = this.#known.get(pc) ?? this.#add(pc)
    this.#last = known
    return known
  }

  #add(pc: Address): KnownPc {
    const unasked = {go: undefined, exact: undefined, returned: undefined, isRead: undefined, isCode: undefined}
    const known: KnownPc = {pc, ...unasked, refuted: undefined}
    if (this.#known.size >= this.#limit) this.#known.clear()
    this.#known.set(pc, known)
    return known
  }
}
