import {type Address, addressOfWord, NOWHERE, toAddress, type Word} from '../base/address.ts'
import {DWARF_REGISTER, REGISTER_COUNT} from './registers.ts'
import {USER_REGS_SLOTS} from './user-regs.ts'

/**
 * The 16 general registers and rip, by DWARF number, each known, supposed or not known. Values that a double holds
 * exactly are kept as numbers, for they are nearly all there are on a stack walk; words are made when asked for.
 * Immutable.
 *
 * Supposed is what a callee had when no rule tells whether it had changed the register. CFI of code written by hand may
 * compute a frame from it; whoever states a register's value as a fact is not given it.
 */
export class RegisterSet {
  /** NaN: not known, or kept in `#wide`. */
  readonly #numbers: readonly number[]
  readonly #wide: ReadonlyMap<number, Word> | undefined
  /** A bit for each register. */
  readonly #supposed: number

  private constructor(numbers: readonly number[], wide?: ReadonlyMap<number, Word>, supposed = 0) {
    this.#numbers = numbers
    this.#wide = wide
    this.#supposed = supposed
  }

  /** What a saved position (gobuf, syscallpc/sp/bp) knows. */
  static ofPosition(pc: Address, sp: Address, bp?: Address): RegisterSet {
    const numbers = new Array<number>(REGISTER_COUNT).fill(Number.NaN)
    numbers[DWARF_REGISTER.rip] = pc
    numbers[DWARF_REGISTER.rsp] = sp
    if (bp !== undefined) numbers[DWARF_REGISTER.rbp] = bp
    return new RegisterSet(numbers)
  }

  /** A place in the code of which nothing else is known. */
  static ofPlace(pc: Address): RegisterSet {
    const numbers = new Array<number>(REGISTER_COUNT).fill(Number.NaN)
    numbers[DWARF_REGISTER.rip] = pc
    return new RegisterSet(numbers)
  }

  /** The registers of a thread: `user_regs_struct` order. */
  static ofUserRegs(userRegs: BigUint64Array): RegisterSet {
    const builder = new RegisterSetBuilder()
    USER_REGS_SLOTS.forEach((slot, register) => {
      const word = userRegs[slot]
      if (word !== undefined) builder.setWord(register, word)
    })
    return builder.build()
  }

  /** For RegisterSetBuilder alone: takes the columns over. */
  static ofColumns(
    numbers: readonly number[],
    wide: ReadonlyMap<number, Word> | undefined,
    supposed: number,
  ): RegisterSet {
    return new RegisterSet(numbers, wide, supposed)
  }

  isKnown(register: number): boolean {
    if (this.isSupposed(register)) return false
    return !Number.isNaN(this.#numbers[register] ?? Number.NaN) || this.#wide?.has(register) === true
  }

  /** Whether its value, if there is any, is not certain. */
  isSupposed(register: number): boolean {
    return (this.#supposed & (1 << register)) !== 0
  }

  /** The raw word; undefined where it is not known. */
  word(register: number): Word | undefined {
    return this.isSupposed(register) ? undefined : this.supposedWord(register)
  }

  /** The raw word, known or supposed. */
  supposedWord(register: number): Word | undefined {
    const number = this.#numbers[register]
    if (number === undefined || Number.isNaN(number)) return this.#wide?.get(register)
    return BigInt(number)
  }

  /** The value where it can be an address; undefined where it is not known or too large for one. */
  address(register: number): Address | undefined {
    return this.isSupposed(register) ? undefined : this.supposedAddress(register)
  }

  /** As `address`, of a value that is known or supposed. */
  supposedAddress(register: number): Address | undefined {
    const number = this.#numbers[register]
    return number === undefined || Number.isNaN(number) ? undefined : toAddress(number)
  }

  /** As `address`, but NOWHERE for a value that is too large for one. */
  place(register: number): Address | undefined {
    return this.address(register) ?? (this.#wide?.has(register) ? NOWHERE : undefined)
  }

  get pc(): Address | undefined {
    return this.address(DWARF_REGISTER.rip)
  }

  get sp(): Address | undefined {
    return this.address(DWARF_REGISTER.rsp)
  }

  get bp(): Address | undefined {
    return this.address(DWARF_REGISTER.rbp)
  }

  /** A builder that starts as a copy of this set. */
  toBuilder(): RegisterSetBuilder {
    return new RegisterSetBuilder(this.#numbers.slice(), this.#wide, this.#supposed)
  }
}

/** What a place that came from a register says in full. */
export function wordOfPlace(place: Address, registers: RegisterSet | undefined, register: number): Word | Address {
  return place === NOWHERE ? (registers?.word(register) ?? place) : place
}

/** A bit for each of these registers. */
export function maskOf(registers: readonly number[]): number {
  return registers.reduce((mask, register) => mask | (1 << register), 0)
}

/** Collects the registers of a set to come. */
export class RegisterSetBuilder {
  readonly #numbers: number[]
  /** Shared with the sets that it came from and went to, and so not written: it seldom changes on the way out. */
  #wide: ReadonlyMap<number, Word> | undefined
  #supposed: number

  constructor(
    numbers = new Array<number>(REGISTER_COUNT).fill(Number.NaN),
    wide?: ReadonlyMap<number, Word>,
    supposed = 0,
  ) {
    this.#numbers = numbers
    this.#wide = wide
    this.#supposed = supposed
  }

  setAddress(register: number, value: number): this {
    this.#numbers[register] = value
    this.#supposed &= ~(1 << register)
    this.#dropWide(register)
    return this
  }

  setWord(register: number, word: Word): this {
    const address = addressOfWord(word)
    if (address !== undefined) return this.setAddress(register, address)
    this.forget(register)
    this.#wide = new Map(this.#wide ?? []).set(register, word)
    return this
  }

  forget(register: number): this {
    this.#numbers[register] = Number.NaN
    this.#supposed &= ~(1 << register)
    this.#dropWide(register)
    return this
  }

  #dropWide(register: number): void {
    if (!this.#wide?.has(register)) return
    const others = new Map(this.#wide)
    others.delete(register)
    this.#wide = others
  }

  /** What is only supposed of the source is only supposed of the copy. */
  copy(register: number, from: RegisterSet, sourceRegister = register): this {
    const word = from.supposedWord(sourceRegister)
    if (word === undefined) return this.forget(register)
    this.setWord(register, word)
    return from.isSupposed(sourceRegister) ? this.suppose(register) : this
  }

  /** The value that the register has here, if any, is not certain any more. */
  suppose(register: number): this {
    return this.supposeAll(1 << register)
  }

  /** As `suppose`, of those that a mask holds. */
  supposeAll(mask: number): this {
    this.#supposed |= mask
    return this
  }

  build(): RegisterSet {
    return RegisterSet.ofColumns(this.#numbers, this.#wide, this.#supposed)
  }
}
