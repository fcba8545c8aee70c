import type {Word} from '../base/address.ts'

/**
 * User space ends here with four-level page tables, which Linux gives to all who do not ask for more (Linux: mm.rst).
 */
export const USER_END = 0x800000000000
const USER_END_WORD = BigInt(USER_END)
/** The kernel's half begins as far below 2^64. */
const KERNEL_START = 0xffff800000000000n

/** Whether a word can be an address of a program. */
export function isUserAddress(word: Word): boolean {
  return word < USER_END_WORD
}

export function isKernelAddress(word: Word): boolean {
  return word >= KERNEL_START
}

/**
 * Whether no page table can map it: the processor raises #GP for such an address, and tells none (Intel SDM 1,
 * 3.3.7.1).
 */
export function isNonCanonical(word: Word): boolean {
  return word >= USER_END_WORD && word < KERNEL_START
}
