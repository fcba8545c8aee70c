import {type Address, toAddress} from '../base/address.ts'
import {hasBytes, type MemoryReader, readAddress, readU32} from '../base/memory-reader.ts'
import {dwarfOfEncoding} from './registers.ts'

// Instructions that are told by their bytes alone, without the decoder (Intel SDM 2, chapters 3 to 6).

/** The longest form of a call that is looked for: FF /2 with a SIB byte and a 32-bit displacement. */
const LONGEST_CALL = 7
const CALL_REL32 = 0xe8
const CALL_REL32_LENGTH = 5
/** As long. */
const JUMP_REL32 = 0xe9
/** FF: /2 is a near call, /4 a near jump. */
const GROUP_5 = 0xff

/**
 * Whether the instruction that ends at `pc` is a call (E8 rel32 and FF /2). 'unknown' where the code is not at hand.
 * Prefixes stand before what is matched here, so they need no forms of their own.
 */
export function isPrecededByCall(memory: MemoryReader, pc: Address): boolean | 'unknown' {
  if (pc < LONGEST_CALL) return false
  const bytes = bytesBefore(memory, pc)
  if (!bytes) return 'unknown'
  if (bytes[bytes.length - CALL_REL32_LENGTH] === CALL_REL32) return true
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
  const opcode = pc < CALL_REL32_LENGTH ? undefined : memory.read(toAddress(pc - CALL_REL32_LENGTH), 1)
  if (opcode?.[0] !== CALL_REL32) return undefined
  const displacement = readU32(memory, toAddress(pc - 4))
  if (displacement === undefined) return undefined
  const target = pc + signed32(displacement)
  return target >= 0 ? toAddress(target) : undefined
}

/**
 * The direct calls and jumps (E8 and E9 rel32) of code that begins at `start`, each with where it leads, by every byte
 * that could begin one: what leads to no function is a chance likeness.
 */
export function* directTransfers(code: Uint8Array, start: Address): Generator<{at: Address; target: number}> {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength)
  for (let at = 0; at + CALL_REL32_LENGTH <= code.length; at++) {
    if (code[at] !== CALL_REL32 && code[at] !== JUMP_REL32) continue
    yield {at: toAddress(start + at), target: start + at + CALL_REL32_LENGTH + view.getInt32(at + 1, true)}
  }
}

function signed32(value: number): number {
  return value >= 0x80000000 ? value - 0x100000000 : value
}

/** ModRM of /4 with a RIP-relative operand. */
const JUMP_THROUGH_RIP = 0x25
const SLOT_JUMP_LENGTH = 6

/**
 * The address of the slot that the first `jmp *disp(%rip)` (FF 25 disp32) of this code, which stands at `start`, goes
 * through.
 */
export function slotOfJump(code: Uint8Array, start: Address): number | undefined {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength)
  for (let at = 0; at + SLOT_JUMP_LENGTH <= code.length; at++) {
    if (code[at] !== GROUP_5 || code[at + 1] !== JUMP_THROUGH_RIP) continue
    return start + at + SLOT_JUMP_LENGTH + view.getInt32(at + 2, true)
  }
  return undefined
}

/** `call *disp(%rip)`: FF 15 disp32. */
const CALL_THROUGH_RIP = 0x15
/** Where the jump of a linker's stub stands: at once, or behind endbr64, with and without a bnd prefix. */
const STUB_JUMPS = [0, 4, 5] as const

/**
 * Where the call that ends at `pc` leads: straight, through a linker's stub, or through a slot; undefined for all
 * others.
 */
export function callTarget(memory: MemoryReader, pc: Address): Address | undefined {
  const direct = directCallTarget(memory, pc)
  if (direct !== undefined) return behindStub(memory, direct)
  const start = pc - SLOT_JUMP_LENGTH
  return start >= 0 && isThroughRip(memory, start, CALL_THROUGH_RIP) ? readSlot(memory, start) : undefined
}

/**
 * How many calls of code that begins at `start` lead where the one that it ends with does, straight or through the same
 * slot, by every byte that could begin one; 0 where it ends with no such call.
 */
export function countCallsLikeLast(code: Uint8Array, start: Address): number {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength)
  const targetOf = (end: number, opcode: readonly number[]): number | undefined => {
    const at = end - 4 - opcode.length
    if (at < 0 || opcode.some((byte, index) => code[at + index] !== byte)) return undefined
    return start + end + view.getInt32(end - 4, true)
  }
  for (const opcode of [[CALL_REL32], [GROUP_5, CALL_THROUGH_RIP]]) {
    const last = targetOf(code.length, opcode)
    if (last === undefined) continue
    let count = 0
    for (let end = opcode.length + 4; end <= code.length; end++) if (targetOf(end, opcode) === last) count++
    return count
  }
  return 0
}

/** Where a linker's stub at `start` leads; `start` itself where there is none. undefined where its slot is lost. */
export function behindStub(memory: MemoryReader, start: Address): Address | undefined {
  const offset = STUB_JUMPS.find(at => isThroughRip(memory, start + at, JUMP_THROUGH_RIP))
  return offset === undefined ? start : readSlot(memory, start + offset)
}

/** What is in the slot that the instruction at `at` goes through: FF, ModRM, disp32. */
function readSlot(memory: MemoryReader, at: number): Address | undefined {
  const displacement = readU32(memory, toAddress(at + 2))
  const slot = displacement === undefined ? -1 : at + SLOT_JUMP_LENGTH + signed32(displacement)
  return slot < 0 ? undefined : readAddress(memory, toAddress(slot))
}

function isThroughRip(memory: MemoryReader, at: number, modrm: number): boolean {
  const bytes = memory.read(toAddress(at), 2)
  return bytes?.[0] === GROUP_5 && bytes[1] === modrm
}

/** int3, int $3, int1: traps, so that pc is behind them. */
const BREAKPOINTS: readonly (readonly number[])[] = [[0xcc], [0xcd, 0x03], [0xf1]]

/** The breakpoint of the program's own that a SIGTRAP came from; pc is behind it, or at it for some kernels' int1. */
export function findBreakpoint(memory: MemoryReader, pc: Address): Address | undefined {
  for (const bytes of BREAKPOINTS) {
    const start = toAddress(pc - bytes.length)
    if (start >= 0 && hasBytes(memory, start, bytes)) return start
  }
  return hasBytes(memory, pc, [0xf1]) ? pc : undefined
}

/** `xor %ebp,%ebp`, with or without REX.W. */
const ZEROES_RBP: readonly (readonly number[])[] = [
  [0x31, 0xed],
  [0x48, 0x31, 0xed],
]

/** Whether an instruction at `pc` sets rbp to zero. */
export function zeroesFramePointer(memory: MemoryReader, pc: Address): boolean {
  return ZEROES_RBP.some(bytes => hasBytes(memory, pc, bytes))
}

/** `mov %r64,%rsp`: REX.W with or without REX.R, 89, and a ModRM byte whose middle is the source. */
const MOVE_LENGTH = 4
const REX_W = 0x48
const REX_WR = 0x4c
const MOV = 0x89
const RAX_TO_RSP = 0xc4
/** `mov (%rsp),%rsp`. */
const LOAD_RSP = [0x48, 0x8b, 0x24, 0x24] as const

/** Where the instruction at `pc` takes rsp from: a register, by DWARF number, or the word that rsp points to. */
export function sourceOfStackPointer(memory: MemoryReader, pc: Address): number | 'top-of-stack' | undefined {
  if (hasBytes(memory, pc, LOAD_RSP)) return 'top-of-stack'
  const [rex, opcode, modRm = 0] = memory.read(pc, MOVE_LENGTH) ?? []
  if ((rex !== REX_W && rex !== REX_WR) || opcode !== MOV) return undefined
  const low = (modRm - RAX_TO_RSP) / 8
  if (!Number.isInteger(low) || low < 0 || low > 7) return undefined
  return dwarfOfEncoding(rex === REX_WR ? low + 8 : low)
}

/** REX.W + 8B /r, with or without the bit that means r8 to r15 as the destination. */
const LOADS: ReadonlySet<number> = new Set([0x48, 0x4c])
const LOAD = 0x8b
const LOAD_LENGTH = 3
/** Between the load and the call the registers of arguments are filled. */
const CALL_DISTANCE = 48

/**
 * Whether the instruction at `pc` loads the code of a closure to call it: `mov (%rdx),%reg`, and `call *%reg` not far
 * behind (cmd/compile: the context register is rdx).
 */
export function loadsClosureCode(memory: MemoryReader, pc: Address): boolean {
  const load = memory.read(pc, LOAD_LENGTH)
  const [rex = 0, opcode, modRm = 0] = load ?? []
  // ModRM: no displacement (mod 00), the register, rdx (r/m 010).
  const register = Math.floor(modRm / 8)
  if (!LOADS.has(rex) || opcode !== LOAD || register > 7 || modRm % 8 !== 2) return false
  const call = [...(rex === 0x4c ? [0x41] : []), GROUP_5, 0xd0 + register]
  const rest = memory.read(toAddress(pc + LOAD_LENGTH), CALL_DISTANCE)
  return rest !== undefined && Buffer.from(rest).includes(Buffer.from(call))
}
