import type {Word} from '../base/address.ts'
import type {Iced} from './disassembler.ts'

interface KnownFlags {
  readonly zero?: boolean
  readonly sign?: boolean
  readonly carry?: boolean
  readonly overflow?: boolean
}

/** The status flags after an instruction (Intel SDM vol. 1, 3.4.3.1); undefined are those that are not known. */
export class Flags {
  static readonly UNKNOWN = new Flags({})

  readonly #known: KnownFlags

  private constructor(known: KnownFlags) {
    this.#known = known
  }

  /** Of an operation on numbers without sign of so many bits. */
  static of(operation: string, left: Word, right: Word, result: Word, bits: number): Flags {
    const isNegative = (value: Word) => BigInt.asIntN(bits, value) < 0n
    const zero = result === 0n
    const sign = isNegative(result)
    switch (operation) {
      case 'add':
        return new Flags({
          zero,
          sign,
          carry: result < left,
          overflow: isNegative(left) === isNegative(right) && sign !== isNegative(left),
        })
      case 'sub':
        return new Flags({
          zero,
          sign,
          carry: left < right,
          overflow: isNegative(left) !== isNegative(right) && sign !== isNegative(left),
        })
      case 'shift':
        return new Flags({zero, sign})
      default:
        return new Flags({zero, sign, carry: false, overflow: false})
    }
  }

  /** Whether a condition holds (Intel SDM vol. 1, appendix B); undefined where it cannot be told. */
  meets(condition: number, {ConditionCode}: Iced): boolean | undefined {
    const {zero, sign, carry, overflow} = this.#known
    const less = sign === undefined || overflow === undefined ? undefined : sign !== overflow
    switch (condition) {
      case ConditionCode.e:
        return zero
      case ConditionCode.ne:
        return negated(zero)
      case ConditionCode.s:
        return sign
      case ConditionCode.ns:
        return negated(sign)
      case ConditionCode.b:
        return carry
      case ConditionCode.ae:
        return negated(carry)
      case ConditionCode.be:
        return either(carry, zero)
      case ConditionCode.a:
        return negated(either(carry, zero))
      case ConditionCode.l:
        return less
      case ConditionCode.ge:
        return negated(less)
      case ConditionCode.le:
        return either(less, zero)
      case ConditionCode.g:
        return negated(either(less, zero))
      default:
        return undefined
    }
  }
}

function negated(flag: boolean | undefined): boolean | undefined {
  return flag === undefined ? undefined : !flag
}

function either(one: boolean | undefined, other: boolean | undefined): boolean | undefined {
  return one === undefined || other === undefined ? undefined : one || other
}
