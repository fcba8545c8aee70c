import {type Address, toAddress} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'

/** int3, int $3, int1 (Intel SDM 2, INT n): traps, so that pc is behind them. */
const BREAKPOINTS: readonly (readonly number[])[] = [[0xcc], [0xcd, 0x03], [0xf1]]

/** The breakpoint of the program's own that a SIGTRAP came from; pc is behind it, or at it for some kernels' int1. */
export function findBreakpoint(memory: MemoryReader, pc: Address): Address | undefined {
  for (const bytes of BREAKPOINTS) {
    const start = toAddress(pc - bytes.length)
    if (start >= 0 && startsWith(memory, start, bytes)) return start
  }
  return startsWith(memory, pc, [0xf1]) ? pc : undefined
}

function startsWith(memory: MemoryReader, address: Address, bytes: readonly number[]): boolean {
  const found = memory.read(address, bytes.length)
  return found?.every((byte, index) => byte === bytes[index]) === true
}
