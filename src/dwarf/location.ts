import {addressOfWord, type Word} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {DW_ATE} from './constants.ts'
import {readBaseType} from './data-type.ts'
import {
  DW_OP,
  type ExpressionContext,
  ExpressionStack,
  executeOperation,
  STEP_LIMIT,
  type ValueType,
} from './expression.ts'
import {convert, goesByType, isUnary, operate, reinterpret} from './typed-arithmetic.ts'
import type {DieReference, Unit} from './unit.ts'

/** Where a value, or a part of one, is (DWARF 5, 2.6.1). */
export type Place =
  | {readonly kind: 'memory'; readonly address: Word}
  /** By DWARF number. */
  | {readonly kind: 'register'; readonly register: number}
  /** The value itself. */
  | {readonly kind: 'value'; readonly word: Word}
  | {readonly kind: 'bytes'; readonly bytes: Uint8Array}
  /** A pointer that is not there, to a variable that is. */
  | {readonly kind: 'implicit-pointer'; readonly target: DieReference; readonly offset: number}
  | {readonly kind: 'optimized-out'}
  /** What tells it is not known: a register that the callee may have changed, memory that is not there. */
  | {readonly kind: 'lost'; readonly why: 'not-saved' | 'unreadable'}

export interface Piece {
  readonly place: Place
  /** undefined: all of the value. */
  readonly bits: number | undefined
  /** Of DW_OP_bit_piece: where in the place it begins. */
  readonly bitOffset: number
}

/** What the expression of a variable may ask of its frame. */
export interface LocationContext extends ExpressionContext {
  readonly unit: Unit
  /** DW_AT_frame_base of the function; undefined where it is not known. */
  frameBase(): Word | undefined
  /** Of a register for vectors its bytes, by DWARF number; undefined for all others, and where it is not known. */
  vectorRegister?(number: number): Uint8Array | undefined
  /** What an expression was when the function was entered, told by the call site. */
  entryValue(expression: Uint8Array): Word | undefined
  /** Address of thread-local storage at an offset in the module's block. */
  threadLocal(offset: Word): Word | undefined
}

const WHOLE = {bits: undefined, bitOffset: 0}
const NOTHING: Place = {kind: 'optimized-out'}

/**
 * Where a variable is, in one piece or several.
 * @param expression undefined: no location holds here
 * @throws FormatError
 */
export function evaluateLocation(expression: Uint8Array | undefined, context: LocationContext): Piece[] {
  if (!expression || expression.length === 0) return [{place: NOTHING, ...WHOLE}]
  return new LocationProgram(expression, context).run()
}

/** The register that an expression is, by its name alone or as a number of a type; undefined where it is more. */
export function registerOfExpression(expression: Uint8Array): number | undefined {
  const code = new Cursor(expression, 'location expression')
  if (code.atEnd) return undefined
  const opcode = code.u8()
  if (opcode >= DW_OP.reg0 && opcode <= DW_OP.reg31) return code.atEnd ? opcode - DW_OP.reg0 : undefined
  const isTyped = opcode === DW_OP.regval_type || opcode === DW_OP.GNU_regval_type
  if (opcode !== DW_OP.regx && !isTyped) return undefined
  const register = code.uleb128()
  if (isTyped) code.uleb128()
  return code.atEnd ? register : undefined
}

/** The word that an expression computes, such as a frame base; undefined where it is not known. @throws FormatError */
export function evaluateWord(expression: Uint8Array, context: LocationContext): Word | undefined {
  const [piece, ...others] = evaluateLocation(expression, context)
  if (!piece || others.length > 0) return undefined
  const {place} = piece
  if (place.kind === 'memory') return place.address
  if (place.kind === 'value') return place.word
  return place.kind === 'register' ? context.register(place.register) : undefined
}

/** Operations that fail for memory; all others that do lack a register. */
const ON_MEMORY: ReadonlySet<number> = new Set([
  DW_OP.deref,
  DW_OP.deref_size,
  DW_OP.deref_type,
  DW_OP.GNU_deref_type,
  DW_OP.form_tls_address,
  DW_OP.GNU_push_tls_address,
])

class LocationProgram {
  readonly #code: Cursor
  readonly #context: LocationContext
  readonly #stack: ExpressionStack
  readonly #pieces: Piece[] = []
  /** Of the piece that is being described; undefined: the top of the stack is its address. */
  #place: Place | undefined
  /** Of a piece that needs what is not known: the rest of its operations is passed through. */
  #lost: Place | undefined
  /** No operation since the last piece. */
  #isEmpty = true

  constructor(expression: Uint8Array, context: LocationContext) {
    this.#code = new Cursor(expression, 'location expression')
    this.#context = context
    this.#stack = new ExpressionStack(this.#code, [])
  }

  run(): Piece[] {
    const code = this.#code
    for (let steps = 0; !code.atEnd; steps++) {
      if (steps >= STEP_LIMIT) throw code.error(`more than ${STEP_LIMIT} steps`)
      this.#step(code.u8())
    }
    if (!this.#isEmpty || this.#pieces.length === 0) this.#pieces.push({place: this.#take(), ...WHOLE})
    return this.#pieces
  }

  #step(opcode: number): void {
    const code = this.#code
    if (opcode === DW_OP.piece) this.#endPiece(code.uleb128() * 8, 0)
    else if (opcode === DW_OP.bit_piece) this.#endPiece(code.uleb128(), code.uleb128())
    else {
      this.#isEmpty = false
      this.#place = this.#placeOf(opcode)
      if (!this.#place) this.#compute(opcode)
    }
  }

  #endPiece(bits: number, bitOffset: number): void {
    this.#pieces.push({place: this.#isEmpty ? NOTHING : this.#take(), bits, bitOffset})
    this.#isEmpty = true
  }

  #take(): Place {
    const place = this.#lost ?? this.#place ?? {kind: 'memory', address: this.#stack.pop()}
    this.#place = undefined
    this.#lost = undefined
    return place
  }

  /** Operations that name a place; undefined for all others. */
  #placeOf(opcode: number): Place | undefined {
    const code = this.#code
    if (opcode >= DW_OP.reg0 && opcode <= DW_OP.reg31) return {kind: 'register', register: opcode - DW_OP.reg0}
    switch (opcode) {
      case DW_OP.regx:
        return {kind: 'register', register: code.uleb128()}
      case DW_OP.stack_value:
        return {kind: 'value', word: this.#stack.pop()}
      case DW_OP.implicit_value:
        return {kind: 'bytes', bytes: code.take(code.uleb128())}
      case DW_OP.implicit_pointer:
      case DW_OP.GNU_implicit_pointer: {
        const {unit} = this.#context
        const target = code.unsigned(unit.version <= 2 ? unit.addressSize : unit.offsetSize)
        const offset = Number(code.sleb128Word())
        const owner = unit.file.info.containing(target)
        return owner ? {kind: 'implicit-pointer', target: {unit: owner, offset: target}, offset} : NOTHING
      }
      default:
        return undefined
    }
  }

  /** Operations that leave a word on the stack; any word where it is not known. */
  #compute(opcode: number): void {
    if (this.#stack.type !== undefined && goesByType(opcode)) {
      this.#calculate(opcode)
      return
    }
    const found = this.#word(opcode)
    if (found === 'other') {
      if (executeOperation(opcode, this.#code, this.#stack, this.#context)) return
    } else if (found !== undefined) {
      if (typeof found === 'object') this.#stack.push(found.word, found.type)
      else this.#stack.push(found)
      return
    }
    this.#lost ??= {kind: 'lost', why: ON_MEMORY.has(opcode) ? 'unreadable' : 'not-saved'}
    this.#stack.push(0n)
  }

  /** On numbers of a type; where one of the two has none, its word counts as one of that type (2.5.1.4). */
  #calculate(opcode: number): void {
    const right = this.#stack.popTyped()
    const operands = isUnary(opcode) ? [right] : [this.#stack.popTyped(), right]
    const type = operands.find(each => each.type !== undefined)?.type as ValueType
    const words = operands.map(({word}) => word)
    const result = this.#lost ? {word: 0n, type} : operate(opcode, words, type)
    if (!result) throw this.#code.error('numbers that have no result')
    this.#stack.push(result.word, result.type)
  }

  /** `other`: not an operation of variables alone. */
  #word(opcode: number): Word | TypedWord | undefined | 'other' {
    const code = this.#code
    const context = this.#context
    switch (opcode) {
      case DW_OP.fbreg: {
        const offset = code.sleb128Word()
        const base = context.frameBase()
        return base === undefined ? undefined : base + offset
      }
      case DW_OP.addrx:
      case DW_OP.GNU_addr_index:
        return this.#indexed(context.loadBias ?? 0)
      case DW_OP.constx:
      case DW_OP.GNU_const_index:
        return this.#indexed(0)
      case DW_OP.entry_value:
      case DW_OP.GNU_entry_value:
        return context.entryValue(code.take(code.uleb128()))
      case DW_OP.form_tls_address:
      case DW_OP.GNU_push_tls_address:
        return context.threadLocal(this.#stack.pop())
      default:
        return this.#typedWord(opcode)
    }
  }

  #indexed(bias: number): Word | undefined {
    const value = this.#context.unit.indexedAddress(this.#code.uleb128())
    return value === undefined ? undefined : BigInt(value + bias)
  }

  /** Numbers of a base type (2.5.1): integers as the 64-bit word that counts the same, others by their bits. */
  #typedWord(opcode: number): TypedWord | Word | undefined | 'other' {
    const code = this.#code
    switch (opcode) {
      case DW_OP.const_type:
      case DW_OP.GNU_const_type: {
        const type = this.#baseType(code.uleb128())
        return this.#typed(wordOf(code.take(code.u8())), type)
      }
      case DW_OP.regval_type:
      case DW_OP.GNU_regval_type: {
        const word = this.#registerWord(code.uleb128())
        return this.#typed(word, this.#baseType(code.uleb128()))
      }
      case DW_OP.deref_type:
      case DW_OP.GNU_deref_type: {
        const size = code.u8()
        const type = this.#baseType(code.uleb128())
        const at = addressOfWord(this.#stack.pop())
        const bytes = at === undefined ? undefined : this.#context.memory.read(at, size)
        return this.#typed(bytes && wordOf(bytes), type)
      }
      case DW_OP.convert:
      case DW_OP.GNU_convert:
      case DW_OP.reinterpret:
      case DW_OP.GNU_reinterpret: {
        const offset = code.uleb128()
        const type = this.#baseType(offset)
        const {word, type: from} = this.#stack.popTyped()
        const isConversion = opcode === DW_OP.convert || opcode === DW_OP.GNU_convert
        const result = isConversion ? convert(word, from, type) : reinterpret(word, type)
        if (result === undefined) throw code.error('a number that the type cannot hold')
        return offset === 0 ? result : {word: result, type}
      }
      default:
        return 'other'
    }
  }

  #typed(word: Word | undefined, type: ValueType): TypedWord | undefined {
    const found = word === undefined ? undefined : reinterpret(word, type)
    return found === undefined ? undefined : {word: found, type}
  }

  /** The low 8 bytes of a vector register, too. */
  #registerWord(register: number): Word | undefined {
    const bytes = this.#context.vectorRegister?.(register)
    return bytes ? wordOf(bytes.subarray(0, 8)) : this.#context.register(register)
  }

  #baseType(offset: number): ValueType {
    if (offset === 0) return {size: 8, encoding: DW_ATE.unsigned}
    const {unit} = this.#context
    const type = readBaseType({unit, offset: unit.header.offset + offset})
    if (!type || type.size > 8) throw this.#code.error('a type that no word holds')
    return type
  }
}

interface TypedWord {
  readonly word: Word
  readonly type: ValueType
}

function wordOf(bytes: Uint8Array): Word {
  return bytes.reduceRight<bigint>((word, byte) => word * 256n + BigInt(byte), 0n)
}
