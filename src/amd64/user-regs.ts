import {DWARF_REGISTER} from './registers.ts'

/** Index of each register in elf_gregset_t, which is user_regs_struct (Linux: arch/x86/include/asm/user_64.h). */
export const USER_REGS = {
  r15: 0,
  r14: 1,
  r13: 2,
  r12: 3,
  rbp: 4,
  rbx: 5,
  r11: 6,
  r10: 7,
  r9: 8,
  r8: 9,
  rax: 10,
  rcx: 11,
  rdx: 12,
  rsi: 13,
  rdi: 14,
  orig_rax: 15,
  rip: 16,
  cs: 17,
  eflags: 18,
  rsp: 19,
  ss: 20,
  fs_base: 21,
  gs_base: 22,
  ds: 23,
  es: 24,
  fs: 25,
  gs: 26,
} as const
export const USER_REGS_COUNT = 27

/** Where user_regs_struct has the registers of a RegisterSet, by DWARF number. */
export const USER_REGS_SLOTS: readonly number[] = Object.keys(DWARF_REGISTER).map(
  name => USER_REGS[name as keyof typeof DWARF_REGISTER],
)
