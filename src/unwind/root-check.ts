import {zeroesFramePointer} from '../amd64/call-encoding.ts'
import {type DecodedInstruction, nextAddress} from '../amd64/instruction.ts'
import {DWARF_REGISTER} from '../amd64/registers.ts'
import {type Address, toAddress} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'

/** From there to the call in what libcs start processes and threads with. */
const REACH = 64

/**
 * Whether the code before a return address marked the outermost frame: rbp was zeroed and the call made straight from
 * there (System V ABI, AMD64 supplement, 3.4.1; _start and clone in musl). For frames above which nothing was found.
 */
export function startsStack(
  returnPc: Address,
  memory: MemoryReader,
  decode: (pc: Address) => DecodedInstruction | undefined,
): boolean {
  for (let back = 2; back <= Math.min(REACH, returnPc); back++) {
    const start = toAddress(returnPc - back)
    if (!zeroesFramePointer(memory, start)) continue
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
    const setsRbp = 'register' in effect && effect.register === DWARF_REGISTER.rbp && effect.kind !== 'push'
    if ((setsRbp && !first) || effect.kind === 'leave') return false
    at = nextAddress(instruction)
    if (instruction.isCall) return at === returnPc
  }
  return false
}
