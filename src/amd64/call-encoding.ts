import {type Address, toAddress} from '../base/address.ts'
import {type MemoryReader, readU32} from '../base/memory-reader.ts'

/** The longest form that is looked for: FF /2 with a SIB byte and a 32-bit displacement. */
const LONGEST_CALL = 7
const CALL_REL32 = 0xe8
const GROUP_5 = 0xff

/**
 * Whether the instruction that ends at `pc` is a call (Intel SDM 2, CALL: E8 rel32 and FF /2). 'unknown' where the code is not
 * at hand. Prefixes stand before what is matched here, so they need no forms of their own.
 */
export function isPrecededByCall(memory: MemoryReader, pc: Address): boolean | 'unknown' {
  if (pc < LONGEST_CALL) return false
  const bytes = bytesBefore(memory, pc)
  if (!bytes) return 'unknown'
  if (bytes[bytes.length - 5] === CALL_REL32) return true
  for (let length = 2; length <= bytes.length; length++) {
    const at = bytes.length - length
    if (bytes[at] === GROUP_5 && indirectCallLength(bytes[at + 1] ?? 0, bytes[at + 2] ?? 0) === length) return true
  }
  return false
}

/** As many bytes as the longest call has; fewer where code begins. */
function bytesBefore(memory: MemoryReader, pc: Address): Uint8Array | undefined {
  for (let length = LONGEST_CALL; length >= 2; length--) {
    const bytes = memory.read(toAddress(pc - length), length)
    if (bytes) return bytes
  }
  return undefined
}

/** Length of FF /2 by its ModRM and SIB bytes; 0 where ModRM says that it is no near call. */
function indirectCallLength(modRm: number, sib: number): number {
  const mode = Math.floor(modRm / 0x40)
  const operation = Math.floor(modRm / 8) % 8
  const rm = modRm % 8
  if (operation !== 2) return 0
  if (mode === 3) return 2
  const sibLength = rm === 4 ? 1 : 0
  if (mode === 1) return 3 + sibLength
  if (mode === 2) return 6 + sibLength
  const wide = rm === 5 || (rm === 4 && sib % 8 === 5)
  return 2 + sibLength + (wide ? 4 : 0)
}

/** The target of a direct call that ends at `pc`, to tell a call from bytes that look like one. */
export function directCallTarget(memory: MemoryReader, pc: Address): Address | undefined {
  const opcode = pc < 5 ? undefined : memory.read(toAddress(pc - 5), 1)
  if (opcode?.[0] !== CALL_REL32) return undefined
  const displacement = readU32(memory, toAddress(pc - 4))
  if (displacement === undefined) return undefined
  const target = pc + (displacement >= 0x80000000 ? displacement - 0x100000000 : displacement)
  return target >= 0 ? toAddress(target) : undefined
}
