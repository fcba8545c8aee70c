import {addressOfWord, type Word} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {FormatError} from '../base/errors.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {readWord} from '../base/memory-reader.ts'

/** What an expression may ask of the process. */
export interface ExpressionContext {
  /** A register by DWARF number; undefined where its value is not known. */
  register(number: number): Word | undefined
  readonly memory: MemoryReader
  /** Added to the operand of DW_OP_addr, which is a link address. */
  readonly loadBias?: number
  /** For DW_OP_call_frame_cfa. */
  readonly cfa?: Word | undefined
}

/** Opcodes of DWARF 5, 7.7.1. Those behind `call_frame_cfa` have no place in call frame information: location.ts. */
export const DW_OP = {
  addr: 0x03,
  deref: 0x06,
  const1u: 0x08,
  const1s: 0x09,
  const2u: 0x0a,
  const2s: 0x0b,
  const4u: 0x0c,
  const4s: 0x0d,
  const8u: 0x0e,
  const8s: 0x0f,
  constu: 0x10,
  consts: 0x11,
  dup: 0x12,
  drop: 0x13,
  over: 0x14,
  pick: 0x15,
  swap: 0x16,
  rot: 0x17,
  abs: 0x19,
  and: 0x1a,
  div: 0x1b,
  minus: 0x1c,
  mod: 0x1d,
  mul: 0x1e,
  neg: 0x1f,
  not: 0x20,
  or: 0x21,
  plus: 0x22,
  plus_uconst: 0x23,
  shl: 0x24,
  shr: 0x25,
  shra: 0x26,
  xor: 0x27,
  bra: 0x28,
  eq: 0x29,
  ge: 0x2a,
  gt: 0x2b,
  le: 0x2c,
  lt: 0x2d,
  ne: 0x2e,
  skip: 0x2f,
  lit0: 0x30,
  lit31: 0x4f,
  breg0: 0x70,
  breg31: 0x8f,
  bregx: 0x92,
  deref_size: 0x94,
  nop: 0x96,
  call_frame_cfa: 0x9c,
  reg0: 0x50,
  reg31: 0x6f,
  regx: 0x90,
  fbreg: 0x91,
  piece: 0x93,
  push_object_address: 0x97,
  form_tls_address: 0x9b,
  bit_piece: 0x9d,
  implicit_value: 0x9e,
  stack_value: 0x9f,
  implicit_pointer: 0xa0,
  addrx: 0xa1,
  constx: 0xa2,
  entry_value: 0xa3,
  const_type: 0xa4,
  regval_type: 0xa5,
  deref_type: 0xa6,
  convert: 0xa8,
  reinterpret: 0xa9,
  GNU_push_tls_address: 0xe0,
  GNU_implicit_pointer: 0xf2,
  GNU_entry_value: 0xf3,
  GNU_const_type: 0xf4,
  GNU_regval_type: 0xf5,
  GNU_deref_type: 0xf6,
  GNU_convert: 0xf7,
  GNU_reinterpret: 0xf9,
  GNU_addr_index: 0xfb,
  GNU_const_index: 0xfc,
} as const

/** Branches go both ways: an expression from a damaged file may loop. */
export const STEP_LIMIT = 10_000
const STACK_LIMIT = 256

const wrap = (value: bigint): Word => BigInt.asUintN(64, value)
const signed = (value: Word): bigint => BigInt.asIntN(64, value)

const BINARY: ReadonlyMap<number, (a: Word, b: Word) => bigint | undefined> = new Map([
  [DW_OP.and, (a, b) => a & b],
  [DW_OP.div, (a, b) => (b === 0n ? undefined : signed(a) / signed(b))],
  [DW_OP.minus, (a, b) => a - b],
  [DW_OP.mod, (a, b) => (b === 0n ? undefined : a % b)],
  [DW_OP.mul, (a, b) => a * b],
  [DW_OP.or, (a, b) => a | b],
  [DW_OP.plus, (a, b) => a + b],
  [DW_OP.shl, (a, b) => (b > 63n ? 0n : a << b)],
  [DW_OP.shr, (a, b) => (b > 63n ? 0n : a >> b)],
  [DW_OP.shra, (a, b) => signed(a) >> (b > 63n ? 63n : b)],
  [DW_OP.xor, (a, b) => a ^ b],
  [DW_OP.eq, (a, b) => BigInt(a === b)],
  [DW_OP.ge, (a, b) => BigInt(signed(a) >= signed(b))],
  [DW_OP.gt, (a, b) => BigInt(signed(a) > signed(b))],
  [DW_OP.le, (a, b) => BigInt(signed(a) <= signed(b))],
  [DW_OP.lt, (a, b) => BigInt(signed(a) < signed(b))],
  [DW_OP.ne, (a, b) => BigInt(a !== b)],
] as [number, (a: Word, b: Word) => bigint | undefined][])

/** Size in bytes and DW_ATE_* of a base type. */
export interface ValueType {
  readonly size: number
  readonly encoding: number
}

/** A word on the stack; without a type it is of the generic one: an unsigned number as large as an address. */
interface Entry {
  readonly word: Word
  readonly type: ValueType | undefined
}

/** The stack machine of DWARF 5, 2.5.1, on wrapped 64-bit words, each of a type. */
export class ExpressionStack {
  readonly #entries: Entry[]
  readonly #code: Cursor

  constructor(code: Cursor, initial: readonly Word[]) {
    this.#code = code
    this.#entries = initial.map(word => ({word, type: undefined}))
  }

  push(value: bigint, type?: ValueType): void {
    if (this.#entries.length >= STACK_LIMIT) throw this.#code.error('expression stack too deep')
    this.#entries.push({word: wrap(value), type})
  }

  pop(): Word {
    return this.popTyped().word
  }

  popTyped(): Entry {
    const entry = this.#entries.pop()
    if (entry === undefined) throw this.#code.error('expression stack is empty')
    return entry
  }

  /** Type of the top; undefined for the generic one, and on an empty stack. */
  get type(): ValueType | undefined {
    return this.#entries.at(-1)?.type
  }

  /** Once more the word that many places below the top. */
  repeat(depth: number): void {
    const entry = this.#entries[this.#entries.length - 1 - depth]
    if (entry === undefined) throw this.#code.error(`no expression stack entry ${depth}`)
    this.push(entry.word, entry.type)
  }

  /** The top goes below that many others. */
  sink(depth: number): void {
    const above = Array.from({length: depth + 1}, () => this.popTyped())
    const [top, ...others] = above as [Entry, ...Entry[]]
    for (const {word, type} of [top, ...others.reverse()]) this.push(word, type)
  }
}

/**
 * The word that a DWARF expression computes; undefined where it needs a register or memory that is not known.
 * `initial` is the CFA for register rules, nothing for CFA rules (DWARF 5, 6.4.2.3).
 * @throws FormatError for a malformed or unknown operation
 */
export function evaluateExpression(
  expression: Uint8Array,
  initial: readonly Word[],
  context: ExpressionContext,
): Word | undefined {
  const code = new Cursor(expression, 'CFI expression')
  const stack = new ExpressionStack(code, initial)
  for (let steps = 0; !code.atEnd; steps++) {
    if (steps >= STEP_LIMIT) throw new FormatError('CFI expression', `more than ${STEP_LIMIT} steps`)
    if (!executeOperation(code.u8(), code, stack, context)) return undefined
  }
  return stack.pop()
}

/** One operation; false where it needs a register or memory that is not known. @throws FormatError */
export function executeOperation(
  opcode: number,
  code: Cursor,
  stack: ExpressionStack,
  context: ExpressionContext,
): boolean {
  if (opcode >= DW_OP.lit0 && opcode <= DW_OP.lit31) {
    stack.push(BigInt(opcode - DW_OP.lit0))
    return true
  }
  const value = constantOperand(opcode, code)
  if (value === undefined) {
    return executeStackOperation(opcode, code, stack) || executeStateOperation(opcode, code, stack, context)
  }
  stack.push(value)
  return true
}

function constantOperand(opcode: number, code: Cursor): bigint | undefined {
  switch (opcode) {
    case DW_OP.const1u:
      return BigInt(code.u8())
    case DW_OP.const1s:
      return BigInt(code.i8())
    case DW_OP.const2u:
      return BigInt(code.u16())
    case DW_OP.const2s:
      return BigInt(code.i16())
    case DW_OP.const4u:
      return BigInt(code.u32())
    case DW_OP.const4s:
      return BigInt(code.i32())
    case DW_OP.const8u:
      return code.word()
    case DW_OP.const8s:
      return code.i64()
    case DW_OP.constu:
      return code.uleb128Word()
    case DW_OP.consts:
      return code.sleb128Word()
    default:
      return undefined
  }
}

/** Operations on the stack and the flow of control; false where the opcode is none of these. */
function executeStackOperation(opcode: number, code: Cursor, stack: ExpressionStack): boolean {
  switch (opcode) {
    case DW_OP.nop:
      return true
    case DW_OP.dup:
      stack.repeat(0)
      return true
    case DW_OP.drop:
      stack.pop()
      return true
    case DW_OP.over:
      stack.repeat(1)
      return true
    case DW_OP.pick:
      stack.repeat(code.u8())
      return true
    case DW_OP.swap:
      stack.sink(1)
      return true
    case DW_OP.rot:
      stack.sink(2)
      return true
    case DW_OP.abs: {
      const value = signed(stack.pop())
      stack.push(value < 0n ? -value : value)
      return true
    }
    case DW_OP.neg:
      stack.push(-signed(stack.pop()))
      return true
    case DW_OP.not:
      stack.push(~stack.pop())
      return true
    case DW_OP.plus_uconst:
      stack.push(stack.pop() + code.uleb128Word())
      return true
    case DW_OP.skip:
      branch(code, code.i16())
      return true
    case DW_OP.bra: {
      const distance = code.i16()
      if (stack.pop() !== 0n) branch(code, distance)
      return true
    }
    default:
      return executeBinary(opcode, code, stack)
  }
}

function branch(code: Cursor, distance: number): void {
  code.seek(code.position + distance)
}

function executeBinary(opcode: number, code: Cursor, stack: ExpressionStack): boolean {
  const operate = BINARY.get(opcode)
  if (!operate) return false
  const right = stack.pop()
  const left = stack.pop()
  const result = operate(left, right)
  if (result === undefined) throw code.error('division by zero')
  stack.push(result)
  return true
}

/** Operations on registers and memory; false where a value is not known. */
function executeStateOperation(
  opcode: number,
  code: Cursor,
  stack: ExpressionStack,
  context: ExpressionContext,
): boolean {
  const value = stateValue(opcode, code, stack, context)
  if (value === undefined) return false
  stack.push(value)
  return true
}

function stateValue(
  opcode: number,
  code: Cursor,
  stack: ExpressionStack,
  context: ExpressionContext,
): bigint | undefined {
  if (opcode >= DW_OP.breg0 && opcode <= DW_OP.breg31) {
    return addOffset(context.register(opcode - DW_OP.breg0), code.sleb128Word())
  }
  switch (opcode) {
    case DW_OP.bregx: {
      const register = code.uleb128()
      return addOffset(context.register(register), code.sleb128Word())
    }
    case DW_OP.addr:
      return code.word() + BigInt(context.loadBias ?? 0)
    case DW_OP.call_frame_cfa:
      return context.cfa
    case DW_OP.deref:
      return dereference(stack.pop(), 8, context.memory)
    case DW_OP.deref_size: {
      const size = code.u8()
      if (size < 1 || size > 8) throw code.error(`DW_OP_deref_size ${size}`)
      return dereference(stack.pop(), size, context.memory)
    }
    default:
      throw code.error(`operation 0x${opcode.toString(16)} has no place in call frame information`)
  }
}

function addOffset(value: Word | undefined, offset: bigint): bigint | undefined {
  return value === undefined ? undefined : value + offset
}

function dereference(pointer: Word, size: number, memory: MemoryReader): bigint | undefined {
  const address = addressOfWord(pointer)
  if (address === undefined) return undefined
  if (size === 8) return readWord(memory, address)
  const bytes = memory.read(address, size)
  return bytes?.reduceRight<bigint>((value, byte) => value * 256n + BigInt(byte), 0n)
}
