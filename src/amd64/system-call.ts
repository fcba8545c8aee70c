import {type Address, offsetAddress} from '../base/address.ts'
import {hasBytes, type MemoryReader} from '../base/memory-reader.ts'
import {DWARF_REGISTER} from './registers.ts'

/** `syscall` (Intel SDM 2). */
const SYSCALL = [0x0f, 0x05] as const
/** `mov $number,%eax`. */
const MOV_EAX = 0xb8
/** `mov $number,%rax`. */
const MOV_RAX = [0x48, 0xc7, 0xc0] as const
/** How libc sets up a call: not far before it. */
const LOAD_DISTANCE = 32

/** Registers of a system call's number and result, and of its arguments (System V ABI, AMD64 supplement, A.2.1). */
export const SYSTEM_CALL = {
  number: DWARF_REGISTER.rax,
  arguments: [
    DWARF_REGISTER.rdi,
    DWARF_REGISTER.rsi,
    DWARF_REGISTER.rdx,
    DWARF_REGISTER.r10,
    DWARF_REGISTER.r8,
    DWARF_REGISTER.r9,
  ],
} as const

/** The `syscall` that pc is behind, or at: one that a signal handler with SA_RESTART will make again. */
export function findSystemCall(memory: MemoryReader, pc: Address): Address | undefined {
  if (hasBytes(memory, pc, SYSCALL)) return pc
  const before = offsetAddress(pc, -SYSCALL.length)
  return before !== undefined && hasBytes(memory, before, SYSCALL) ? before : undefined
}

/**
 * The instructions that make a system call of that number: in libcs and in Go with a 64-bit load, in musl with a 32-bit
 * one.
 */
export function systemCallCode(number: number, load: 'rax' | 'eax'): readonly number[] {
  return [...(load === 'rax' ? MOV_RAX : [MOV_EAX]), ...littleEndian(number), ...SYSCALL]
}

function littleEndian(number: number): number[] {
  return [0x1, 0x100, 0x10000, 0x1000000].map(unit => Math.floor(number / unit) % 0x100)
}

/** Whether the code before a `syscall` loads its number as a constant. */
export function loadsNumber(memory: MemoryReader, syscall: Address, number: number): boolean {
  const start = offsetAddress(syscall, -LOAD_DISTANCE)
  const bytes = start === undefined ? undefined : memory.read(start, LOAD_DISTANCE)
  if (!bytes) return false
  const load = [MOV_EAX, ...littleEndian(number)]
  for (let at = bytes.length - load.length; at >= 0; at--) {
    if (load.every((byte, index) => bytes[at + index] === byte)) return true
  }
  return false
}
