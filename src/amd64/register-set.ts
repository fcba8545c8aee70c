import {type Address, NOWHERE, toAddress, type Word} from '../base/address.ts'
import {DWARF_REGISTER, REGISTER_COUNT} from './registers.ts'

const EXACT_LIMIT = 0x20000000000000n

/**
 * Order of `struct user_regs_struct` (Linux: arch/x86/include/asm/user_64.h), as DWARF numbers; -1 are others
 * (orig_rax, cs, eflags, ss, fs_base …).
 */
const USER_REGS_ORDER = [15, 14, 13, 12, 6, 3, 11, 10, 9, 8, 0, 2, 1, 4, 5, -1, 16, -1, -1, 7] as const

/**
 * The 16 general registers and rip, by DWARF number, each known or not. Values that a double holds exactly are kept as
 * numbers, for they are nearly all there are on a stack walk; words are made when asked for. Immutable.
 */
export class RegisterSet {
  /** NaN: not known, or kept in `#wide`. */
  readonly #numbers: readonly number[]
  readonly #wide: ReadonlyMap<number, Word> | undefined

  private constructor(numbers: readonly number[], wide: ReadonlyMap<number, Word> | undefined) {
    this.#numbers = numbers
    this.#wide = wide
  }

  /** What a saved position (gobuf, syscallpc/sp/bp) knows. */
  static ofPosition(pc: Address, sp: Address, bp?: Address): RegisterSet {
    const numbers = new Array<number>(REGISTER_COUNT).fill(Number.NaN)
    numbers[DWARF_REGISTER.rip] = pc
    numbers[DWARF_REGISTER.rsp] = sp
    if (bp !== undefined) numbers[DWARF_REGISTER.rbp] = bp
    return new RegisterSet(numbers, undefined)
  }

  /** The registers of a thread: `user_regs_struct` order. */
  static ofUserRegs(userRegs: BigUint64Array): RegisterSet {
    const builder = new RegisterSetBuilder()
    USER_REGS_ORDER.forEach((register, index) => {
      const word = userRegs[index]
      if (register >= 0 && word !== undefined) builder.setWord(register, word)
    })
    return builder.build()
  }

  /** For RegisterSetBuilder alone: takes the columns over. */
  static ofColumns(numbers: readonly number[], wide: ReadonlyMap<number, Word> | undefined): RegisterSet {
    return new RegisterSet(numbers, wide)
  }

  isKnown(register: number): boolean {
    return !Number.isNaN(this.#numbers[register] ?? Number.NaN) || this.#wide?.has(register) === true
  }

  /** The raw word; undefined where it is not known. */
  word(register: number): Word | undefined {
    const number = this.#numbers[register]
    if (number === undefined || Number.isNaN(number)) return this.#wide?.get(register)
    return BigInt(number)
  }

  /** The value where it can be an address; undefined where it is not known or too large for one. */
  address(register: number): Address | undefined {
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
    return new RegisterSetBuilder([...this.#numbers], this.#wide && new Map(this.#wide))
  }
}

/** What a place that came from a register says in full. */
export function wordOfPlace(place: Address, registers: RegisterSet | undefined, register: number): Word | Address {
  return place === NOWHERE ? (registers?.word(register) ?? place) : place
}

/** Collects the registers of a set to come. */
export class RegisterSetBuilder {
  readonly #numbers: number[]
  #wide: Map<number, Word> | undefined

  constructor(numbers = new Array<number>(REGISTER_COUNT).fill(Number.NaN), wide?: Map<number, Word>) {
    this.#numbers = numbers
    this.#wide = wide
  }

  setAddress(register: number, value: number): this {
    this.#numbers[register] = value
    this.#wide?.delete(register)
    return this
  }

  setWord(register: number, word: Word): this {
    if (word < EXACT_LIMIT) return this.setAddress(register, Number(word))
    this.#numbers[register] = Number.NaN
    this.#wide ??= new Map()
    this.#wide.set(register, word)
    return this
  }

  forget(register: number): this {
    this.#numbers[register] = Number.NaN
    this.#wide?.delete(register)
    return this
  }

  copy(register: number, from: RegisterSet, sourceRegister = register): this {
    const address = from.address(sourceRegister)
    if (address !== undefined) return this.setAddress(register, address)
    const word = from.word(sourceRegister)
    return word === undefined ? this.forget(register) : this.setWord(register, word)
  }

  build(): RegisterSet {
    return RegisterSet.ofColumns(this.#numbers, this.#wide)
  }
}
