import {type DecodedInstruction, nextAddress} from '../amd64/instruction.ts'
import {type Address, toAddress} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {RBP} from './path-state.ts'

/** `xor %ebp,%ebp`, with or without REX.W. */
const ZEROES_RBP: readonly (readonly number[])[] = [
  [0x31, 0xed],
  [0x48, 0x31, 0xed],
]
/** From there to the call in what libcs start processes and threads with. */
const REACH = 64

/**
 * Whether the code before a return address marked the outermost frame: rbp was zeroed and the call made straight from there (System V
 * ABI, AMD64 supplement, 3.4.1; _start and clone in musl). For frames above which nothing was found.
 */
export function startsStack(
  returnPc: Address,
  memory: MemoryReader,
  decode: (pc: Address) => DecodedInstruction | undefined,
): boolean {
  for (let back = 2; back <= Math.min(REACH, returnPc); back++) {
    const start = toAddress(returnPc - back)
    const bytes = memory.read(start, 3)
    if (!ZEROES_RBP.some(pattern => pattern.every((byte, index) => bytes?.[index] === byte))) continue
    if (leadsStraightTo(start, returnPc, decode)) return true
  }
  return false
}

function leadsStraightTo(
  start: Address,
  returnPc: Address,
  decode: (pc: Address) => DecodedInstruction | undefined,
): boolean {
  let first = true
  for (let at = start; at < returnPc; first = false) {
    const instruction = decode(at)
    if (instruction?.flow !== 'next') return false
    const {effect} = instruction
    const setsRbp = 'register' in effect && effect.register === RBP && effect.kind !== 'push'
    if ((setsRbp && !first) || effect.kind === 'leave') return false
    at = nextAddress(instruction)
    if (instruction.isCall) return at === returnPc
  }
  return false
}
