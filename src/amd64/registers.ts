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
