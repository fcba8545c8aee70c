/** Numbers of the signals that are told apart here (Linux: include/uapi/asm-generic/signal.h, arch/x86/include/uapi/asm/signal.h). */
export const SIGQUIT = 3
export const SIGILL = 4
export const SIGTRAP = 5
export const SIGBUS = 7
export const SIGFPE = 8
export const SIGSEGV = 11
export const SIGSTOP = 19

/** si_code of a signal that kill sent, and of one that the kernel sent without a better word (asm-generic/siginfo.h). */
export const SI_USER = 0
export const SI_KERNEL = 128
