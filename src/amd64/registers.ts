/** DWARF register numbers of amd64 (System V ABI, AMD64 supplement, figure 3.36). 16 is the return address, our rip. */
export const DWARF_REGISTER = {
  rax: 0,
  rdx: 1,
  rcx: 2,
  rbx: 3,
  rsi: 4,
  rdi: 5,
  rbp: 6,
  rsp: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
  rip: 16,
} as const

export const REGISTER_COUNT = 17

const {rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15} = DWARF_REGISTER

/**
 * Registers that a function gives back as it got them (System V ABI, AMD64 supplement, figure 3.4); rsp is one too, by
 * the return itself.
 */
export const CALLEE_SAVED = [rbx, rbp, r12, r13, r14, r15] as const
/** Registers that a function may change without a word. */
export const CALLER_SAVED = [rax, rdx, rcx, rsi, rdi, r8, r9, r10, r11] as const

/** Numbers that instructions have for the general registers (Intel SDM 2, table 3-1): DWARF differs in the first. */
export const GENERAL = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
} as const

const ENCODED = (Object.keys(GENERAL) as (keyof typeof GENERAL)[]).map(name => DWARF_REGISTER[name])

/** DWARF number of the register that an instruction encodes as `encoding`; undefined past r15. */
export function dwarfOfEncoding(encoding: number): number | undefined {
  return ENCODED[encoding]
}
