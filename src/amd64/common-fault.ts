import type {Address} from '../base/address.ts'
import type {FaultingInstruction, FaultRegisters, MemoryAccess} from './faulting-instruction.ts'
import {type ModRm, memoryAddress, memoryText, type Rex, readModRm, registerName} from './memory-operand.ts'
import {operandAlignment} from './operand-alignment.ts'

// The instructions that most crashes end at, decoded without iced: to load it takes longer than the rest of a small
// report. What is not in these tables, or in any way unusual, is left to iced. test/amd64/common-fault.test.ts holds
// each answer against iced's.

type Access = 'read' | 'write' | 'update'

interface Shape {
  /** AT&T mnemonic, without the suffix that tells a size. */
  readonly name: string
  readonly access: Access
  /** ModRM's operand first, or its register; an immediate of that many bytes at most; nothing else. */
  readonly operands: 'memory-register' | 'register-memory' | 'immediate' | 'single'
  /** Of the memory operand, in bytes; undefined: 4, or as prefixes say. */
  readonly size?: number
  readonly immediate?: number
  /** Widens a smaller operand: the name tells both sizes. */
  readonly widens?: boolean
  readonly isLockable?: boolean
  readonly isXmm?: boolean
}

const SUFFIX: Readonly<Record<number, string>> = {1: 'b', 2: 'w', 4: 'l', 8: 'q'}

const ARITHMETIC = ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'] as const

/** By opcode; those of two bytes from 0x0f00 on, mandatory prefixes (66, F2, F3) times 0x10000 (Intel SDM 2, A). */
const SHAPES: ReadonlyMap<number, Shape> = new Map([
  ...ARITHMETIC.flatMap((name, row) => {
    const access: Access = name === 'cmp' ? 'read' : 'update'
    const isLockable = name !== 'cmp'
    const shapes: [number, Shape][] = [
      [row * 8, {name, access, operands: 'memory-register', size: 1, isLockable}],
      [row * 8 + 1, {name, access, operands: 'memory-register', isLockable}],
      [row * 8 + 2, {name, access: 'read', operands: 'register-memory', size: 1}],
      [row * 8 + 3, {name, access: 'read', operands: 'register-memory'}],
    ]
    return shapes
  }),
  [0x63, {name: 'movs', access: 'read', operands: 'register-memory', size: 4, widens: true}],
  [0x84, {name: 'test', access: 'read', operands: 'memory-register', size: 1}],
  [0x85, {name: 'test', access: 'read', operands: 'memory-register'}],
  [0x88, {name: 'mov', access: 'write', operands: 'memory-register', size: 1}],
  [0x89, {name: 'mov', access: 'write', operands: 'memory-register'}],
  [0x8a, {name: 'mov', access: 'read', operands: 'register-memory', size: 1}],
  [0x8b, {name: 'mov', access: 'read', operands: 'register-memory'}],
  [0x0fb0, {name: 'cmpxchg', access: 'update', operands: 'memory-register', size: 1, isLockable: true}],
  [0x0fb1, {name: 'cmpxchg', access: 'update', operands: 'memory-register', isLockable: true}],
  [0x0fc0, {name: 'xadd', access: 'update', operands: 'memory-register', size: 1, isLockable: true}],
  [0x0fc1, {name: 'xadd', access: 'update', operands: 'memory-register', isLockable: true}],
  [0x0fb6, {name: 'movz', access: 'read', operands: 'register-memory', size: 1, widens: true}],
  [0x0fb7, {name: 'movz', access: 'read', operands: 'register-memory', size: 2, widens: true}],
  [0x0fbe, {name: 'movs', access: 'read', operands: 'register-memory', size: 1, widens: true}],
  [0x0fbf, {name: 'movs', access: 'read', operands: 'register-memory', size: 2, widens: true}],
  ...xmmMoves(0x0f10, 0x0f11, {'': ['movups', 16], '66': ['movupd', 16], f3: ['movss', 4], f2: ['movsd', 8]}),
  ...xmmMoves(0x0f28, 0x0f29, {'': ['movaps', 16], '66': ['movapd', 16]}),
  ...xmmMoves(0x0f6f, 0x0f7f, {'66': ['movdqa', 16], f3: ['movdqu', 16]}),
  [0xf30f7e, {name: 'movq', access: 'read', operands: 'register-memory', size: 8, isXmm: true}],
  [0x660fd6, {name: 'movq', access: 'write', operands: 'memory-register', size: 8, isXmm: true}],
])

function xmmMoves(
  load: number,
  store: number,
  byPrefix: Record<string, readonly [name: string, size: number]>,
): [number, Shape][] {
  return Object.entries(byPrefix).flatMap(([prefix, [name, size]]) => {
    const base = Number.parseInt(prefix || '0', 16) * 0x10000
    const shapes: [number, Shape][] = [
      [base + load, {name, access: 'read', operands: 'register-memory', size, isXmm: true}],
      [base + store, {name, access: 'write', operands: 'memory-register', size, isXmm: true}],
    ]
    return shapes
  })
}

/** Of opcodes whose instruction ModRM's middle field names: by opcode × 8 + field. */
const GROUPS: ReadonlyMap<number, Shape> = new Map([
  ...ARITHMETIC.flatMap((name, field) => {
    const shape = {name, operands: 'immediate', isLockable: name !== 'cmp'} as const
    const access: Access = name === 'cmp' ? 'read' : 'update'
    const shapes: [number, Shape][] = [
      [0x80 * 8 + field, {...shape, access, size: 1, immediate: 1}],
      [0x81 * 8 + field, {...shape, access, immediate: 4}],
      [0x83 * 8 + field, {...shape, access, immediate: 1}],
    ]
    return shapes
  }),
  ...pair(0xc6, 0, {name: 'mov', access: 'write', operands: 'immediate', immediate: 4}),
  ...pair(0xf6, 0, {name: 'test', access: 'read', operands: 'immediate', immediate: 4}),
  ...pair(0xf6, 6, {name: 'div', access: 'read', operands: 'single'}),
  ...pair(0xf6, 7, {name: 'idiv', access: 'read', operands: 'single'}),
  ...pair(0xfe, 0, {name: 'inc', access: 'update', operands: 'single', isLockable: true}),
  ...pair(0xfe, 1, {name: 'dec', access: 'update', operands: 'single', isLockable: true}),
])

/** The even opcode is that of bytes. */
function pair(opcode: number, field: number, shape: Shape): [number, Shape][] {
  return [
    [opcode * 8 + field, {...shape, size: 1}],
    [(opcode + 1) * 8 + field, shape],
  ]
}

/** Instructions without operands that a processor refuses, or that a program ends itself by. */
const BARE: readonly (readonly [bytes: readonly number[], text: string, refusal: FaultingInstruction['refusal']])[] = [
  [[0x0f, 0x0b], 'ud2', undefined],
  [[0xcc], 'int3', 'interrupt'],
  [[0xf4], 'hlt', 'privileged'],
]

const PADDING = 16
const OPERAND_SIZE = 0x66
const LOCK = 0xf0
const REPEAT = [0xf2, 0xf3]
const NO_REX: Rex = {isPresent: false, isWide: false, reg: 0, index: 0, base: 0}

/** The instruction that `code` begins with, which stands at `pc`; undefined where it is not one of these. */
export function decodeCommonFault(
  code: Uint8Array,
  pc: Address,
  {general}: FaultRegisters,
): FaultingInstruction | undefined {
  const bare = BARE.find(([bytes]) => bytes.every((byte, index) => code[index] === byte))
  if (bare) return described(bare[1], code.subarray(0, bare[0].length), {refusal: bare[2]})
  const head = readHead(code)
  if (!head) return undefined
  const view = padded(code)
  const modRm = readModRm(view, head.length, head.rex)
  const shape = SHAPES.get(head.opcode) ?? GROUPS.get(head.opcode * 8 + (modRm.reg % 8))
  if (!shape || !isUsual(head, shape, modRm)) return undefined
  const operation = new Operation(shape, head, modRm)
  const end = head.length + modRm.length
  const length = end + operation.immediateLength
  if (length > code.length) return undefined
  const text = operation.text(view, end)
  const access = modRm.memory && accessOf(shape, operation, memoryAddress(modRm.memory, pc + length, general))
  return described(text, code.subarray(0, length), {
    accesses: access ? [access] : [],
    divisor: shape.name.endsWith('div') ? operation.operand : undefined,
  })
}

/** As many bytes behind the code as the longest instruction can lack of it. */
function padded(code: Uint8Array): DataView {
  const bytes = new Uint8Array(code.length + PADDING)
  bytes.set(code)
  return new DataView(bytes.buffer)
}

function described(text: string, bytes: Uint8Array, rest: Partial<FaultingInstruction>): FaultingInstruction {
  return {text, bytes, accesses: [], indirect: undefined, divisor: undefined, refusal: undefined, ...rest}
}

function accessOf(shape: Shape, {size, operand}: Operation, address: MemoryAccess['address']): MemoryAccess {
  const alignment = operandAlignment({mnemonic: shape.name, size, isSse: shape.isXmm === true})
  return {text: operand, address, size, writes: shape.access !== 'read', alignment}
}

interface Head {
  /** As SHAPES has it. */
  readonly opcode: number
  /** 0x66, 0xf2, 0xf3 or 0. */
  readonly prefix: number
  readonly isLocked: boolean
  readonly rex: Rex
  readonly length: number
}

/** Prefixes and opcode; at most one prefix beside REX, and no others than these. */
function readHead(code: Uint8Array): Head | undefined {
  const [first = 0] = code
  const isLocked = first === LOCK
  const prefix = first === OPERAND_SIZE || REPEAT.includes(first) ? first : 0
  let at = isLocked || prefix !== 0 ? 1 : 0
  const rex = rexOf(code[at] ?? 0)
  if (rex.isPresent) at++
  const isLong = code[at] === 0x0f
  if (isLong) at++
  const byte = code[at]
  if (byte === undefined) return undefined
  const plain = isLong ? 0x0f00 + byte : byte
  const mandatory = SHAPES.get(prefix * 0x10000 + plain)
  if (REPEAT.includes(prefix) && !mandatory) return undefined
  const opcode = prefix !== 0 && mandatory?.isXmm ? prefix * 0x10000 + plain : plain
  return {opcode, prefix, isLocked, rex, length: at + 1}
}

function rexOf(byte: number): Rex {
  if (byte < 0x40 || byte > 0x4f) return NO_REX
  const bit = (value: number): number => Math.floor(byte / value) % 2
  return {isPresent: true, isWide: bit(8) === 1, reg: bit(4) * 8, index: bit(2) * 8, base: bit(1) * 8}
}

/** Whether the tables say all about it: not a form that would be printed or refused otherwise. */
function isUsual({prefix, isLocked, rex}: Head, shape: Shape, {memory}: ModRm): boolean {
  if (isLocked && !shape.isLockable) return false
  if (memory === undefined) return shape.name.endsWith('div')
  if (memory.index === undefined && memory.scale !== 1) return false
  if (shape.isXmm) return !rex.isWide && !(prefix === OPERAND_SIZE && shape.size !== 16 && shape.name !== 'movq')
  if (shape.widens) return prefix === 0 && (shape.size !== 4 || rex.isWide)
  return prefix === 0 || (shape.size !== 1 && !rex.isWide)
}

/** An instruction's sizes, and its text in AT&T syntax. */
class Operation {
  /** Of the operand that ModRM names, in bytes. */
  readonly size: number
  /** The operand that ModRM names. */
  readonly operand: string
  readonly immediateLength: number
  readonly #shape: Shape
  readonly #head: Head
  readonly #reg: number
  readonly #isMemory: boolean

  constructor(shape: Shape, head: Head, {reg, register, memory}: ModRm) {
    this.#shape = shape
    this.#head = head
    this.#reg = reg
    this.#isMemory = memory !== undefined
    this.size = shape.size ?? this.#width
    this.operand = memory ? memoryText(memory) : registerName(register ?? 0, this.size, head.rex.isPresent)
    this.immediateLength = Math.min(shape.immediate ?? 0, this.size)
  }

  /** As prefixes say. */
  get #width(): number {
    return this.#head.rex.isWide ? 8 : this.#head.prefix === OPERAND_SIZE ? 2 : 4
  }

  /** `end`: where ModRM's operand ends, and an immediate begins. */
  text(code: DataView, end: number): string {
    const {operands, isXmm = false, widens = false} = this.#shape
    const lock = this.#head.isLocked ? 'lock ' : ''
    const name = `${lock}${this.#shape.name}`
    const suffix = SUFFIX[this.size] as string
    if (operands === 'single') return `${name}${this.#isMemory ? suffix : ''} ${this.operand}`
    if (operands === 'immediate') return `${name}${suffix} $0x${this.#immediate(code, end)},${this.operand}`
    const size = widens ? this.#width : this.size
    const register = isXmm ? `%xmm${this.#reg}` : registerName(this.#reg, size, this.#head.rex.isPresent)
    if (operands === 'memory-register') return `${name} ${register},${this.operand}`
    return `${name}${widens ? suffix + SUFFIX[size] : ''} ${this.operand},${register}`
  }

  #immediate(code: DataView, at: number): string {
    const length = this.immediateLength
    const value = length === 1 ? code.getInt8(at) : length === 2 ? code.getInt16(at, true) : code.getInt32(at, true)
    return BigInt.asUintN(this.size * 8, BigInt(value)).toString(16)
  }
}
