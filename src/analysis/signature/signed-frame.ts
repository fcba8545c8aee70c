import type {Address} from '../../base/address.ts'

/** A frame that a signature is made of. */
export interface SignedFrame {
  readonly name: string
  readonly kind: 'go' | 'c'
  /** It counts, but does not name the family. */
  readonly isPrefix: boolean
}

/** What the code itself says, where names do not reach. */
export interface CodeFacts {
  /** The function of another module that the call before a return address calls, by the name in the caller. */
  calledBefore(returnAddress: Address): string | undefined
  /** Start of the function around a place in C code. */
  functionStart(pc: Address): Address | undefined
  /** How many other functions of its own module a function calls or jumps to directly, by its start. */
  calleesOf(start: Address): number
  /** Whether there is a Go function of that name. */
  isGoFunction(name: string): boolean
}
