import type {Word} from '../base/address.ts'
import type {RegisterSet} from './register-set.ts'
import {dwarfOfEncoding} from './registers.ts'

/** Names of the general registers in the order in which instructions number them (Intel SDM 2, table 3-1). */
const QUADS = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'] as const
const BYTES = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'] as const
/** What a byte instruction without REX names in the place of spl to dil. */
const HIGH_BYTES = ['ah', 'ch', 'dh', 'bh'] as const
const NEW_SUFFIX: Readonly<Record<number, string>> = {1: 'b', 2: 'w', 4: 'd', 8: ''}

/** AT&T name of a general register of `size` bytes. */
export function registerName(encoding: number, size: number, hasRex: boolean): string {
  if (encoding >= 8) return `%r${encoding}${NEW_SUFFIX[size]}`
  const quad = QUADS[encoding] as string
  if (size === 8) return `%${quad}`
  if (size === 4) return `%e${quad.slice(1)}`
  if (size === 2) return `%${quad.slice(1)}`
  const isHigh = encoding >= 4 && !hasRex
  return `%${isHigh ? HIGH_BYTES[encoding - 4] : BYTES[encoding]}`
}

/** The four bits that prefixes add to an instruction (Intel SDM 2, 2.2.1), as 0 or 8. */
export interface Rex {
  readonly isPresent: boolean
  readonly isWide: boolean
  readonly reg: number
  readonly index: number
  readonly base: number
}

/** ModRM, SIB and displacement (Intel SDM 2, 2.1.3 and 2.2.1). */
export interface ModRm {
  /** ModRM's middle field with REX.R: a register, or a part of the opcode. */
  readonly reg: number
  /** Bytes from ModRM on. */
  readonly length: number
  /** The register that is the other operand; undefined where that is memory. */
  readonly register: number | undefined
  readonly memory: MemoryOperand | undefined
}

export interface MemoryOperand {
  readonly base: number | 'rip' | undefined
  readonly index: number | undefined
  readonly scale: number
  readonly displacement: number
}

const SIB = 4
const NO_INDEX = 4
/** As rm or base, with mode 0: a displacement in its place. */
const NO_BASE = 5

/** Reads them at `at`, which as many bytes follow as they can have (10). */
export function readModRm(code: DataView, at: number, rex: Rex): ModRm {
  const modRm = code.getUint8(at)
  const mode = Math.floor(modRm / 0x40)
  const reg = (Math.floor(modRm / 8) % 8) + rex.reg
  const rm = modRm % 8
  if (mode === 3) return {reg, length: 1, register: rm + rex.base, memory: undefined}
  if (rm === SIB) return {reg, register: undefined, ...readSib(code, at, mode, rex)}
  const isBare = mode === 0 && rm === NO_BASE
  const {width, displacement} = readDisplacement(code, at + 1, mode, isBare)
  const memory = {base: isBare ? ('rip' as const) : rm + rex.base, index: undefined, scale: 1, displacement}
  return {reg, length: 1 + width, register: undefined, memory}
}

function readSib(code: DataView, at: number, mode: number, rex: Rex): Pick<ModRm, 'length' | 'memory'> {
  const sib = code.getUint8(at + 1)
  const low = sib % 8
  const isBare = mode === 0 && low === NO_BASE
  const index = (Math.floor(sib / 8) % 8) + rex.index
  const {width, displacement} = readDisplacement(code, at + 2, mode, isBare)
  const memory = {
    base: isBare ? undefined : low + rex.base,
    index: index === NO_INDEX ? undefined : index,
    scale: 2 ** Math.floor(sib / 0x40),
    displacement,
  }
  return {length: 2 + width, memory}
}

function readDisplacement(code: DataView, at: number, mode: number, isBare: boolean) {
  if (mode === 1) return {width: 1, displacement: code.getInt8(at)}
  return mode === 2 || isBare ? {width: 4, displacement: code.getInt32(at, true)} : {width: 0, displacement: 0}
}

/** AT&T syntax: `0x8(%rax,%rbx,4)`. */
export function memoryText({base, index, scale, displacement}: MemoryOperand): string {
  const offset = displacement < 0 ? `-0x${(-displacement).toString(16)}` : `0x${displacement.toString(16)}`
  if (base === undefined && index === undefined) return `0x${BigInt.asUintN(64, BigInt(displacement)).toString(16)}`
  const start = base === 'rip' ? '%rip' : base === undefined ? '' : registerName(base, 8, true)
  const scaled = index === undefined ? '' : `,${registerName(index, 8, true)},${scale}`
  return `${displacement === 0 ? '' : offset}(${start}${scaled})`
}

/**
 * The address that the operand of an instruction before `next` has; undefined where a register that it is made of is
 * not known.
 */
export function memoryAddress(
  {base, index, scale, displacement}: MemoryOperand,
  next: number,
  registers: RegisterSet | undefined,
): Word | undefined {
  const wordOf = (encoding: number): Word | undefined => registers?.word(dwarfOfEncoding(encoding) ?? Number.NaN)
  const start = base === 'rip' ? BigInt(next) : base === undefined ? 0n : wordOf(base)
  const offset = index === undefined ? 0n : wordOf(index)
  if (start === undefined || offset === undefined) return undefined
  return BigInt.asUintN(64, start + offset * BigInt(scale) + BigInt(displacement))
}
