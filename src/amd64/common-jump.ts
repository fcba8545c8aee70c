import {type Address, offsetAddress, toAddress} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {DecodedInstruction} from './instruction.ts'

/** A jump by what leads on from it. */
export type Jump = Pick<DecodedInstruction, 'length' | 'flow' | 'target' | 'slot'>

const REL32 = 4
const REL8 = 1

/**
 * The jump at a place, decoded without iced, whose loading takes longer than the rest of a small report; 'other' where
 * another instruction is, or a jump through a register or a table; undefined where iced has to tell: there is a prefix,
 * a far jump, or no memory (Intel SDM 2, A.3). test/amd64/common-jump.test.ts holds each answer against iced's.
 */
export function commonJump(memory: MemoryReader, pc: Address): Jump | 'other' | undefined {
  const opcode = memory.read(pc, 1)?.[0]
  if (opcode === undefined || isPrefix(opcode)) return undefined
  if (opcode === 0xe9) return direct(memory, pc, 1, REL32, 'jump')
  if (opcode === 0xeb) return direct(memory, pc, 1, REL8, 'jump')
  // jcc; loopne, loope, loop, jrcxz.
  const isShort = Math.floor(opcode / 16) === 7 || Math.floor(opcode / 4) === 0x38
  if (isShort) return direct(memory, pc, 1, REL8, 'branch')
  return opcode === 0x0f || opcode === 0xff ? longer(memory, pc, opcode) : 'other'
}

/** 0F 80 to 8F: jcc; FF /4: jmp, through a slot where ModRM is 25; FF /5: far jmp. */
function longer(memory: MemoryReader, pc: Address, opcode: number): Jump | 'other' | undefined {
  const second = memory.read(toAddress(pc + 1), 1)?.[0]
  if (second === undefined) return undefined
  if (opcode === 0x0f) return Math.floor(second / 16) === 8 ? direct(memory, pc, 2, REL32, 'branch') : 'other'
  if (second !== 0x25) return Math.floor(second / 8) % 8 === 5 ? undefined : 'other'
  const slot = displaced(memory, pc, 2, REL32)
  return slot === undefined ? undefined : {length: 6, flow: 'tail-jump', target: undefined, slot}
}

/** Of segments, sizes, locks, repetitions, and REX. */
function isPrefix(byte: number): boolean {
  if (byte >= 0x40 && byte < 0x50) return true
  return [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3].includes(byte)
}

function direct(
  memory: MemoryReader,
  pc: Address,
  opcodeSize: number,
  width: typeof REL32 | typeof REL8,
  flow: 'jump' | 'branch',
): Jump | undefined {
  const target = displaced(memory, pc, opcodeSize, width)
  return target === undefined ? undefined : {length: opcodeSize + width, flow, target, slot: undefined}
}

/** So far behind the end of the instruction, which ends with the distance. */
function displaced(memory: MemoryReader, pc: Address, at: number, width: number): Address | undefined {
  const bytes = memory.read(toAddress(pc + at), width)
  if (!bytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, width)
  return offsetAddress(pc, at + width + (width === REL8 ? view.getInt8(0) : view.getInt32(0, true)))
}
