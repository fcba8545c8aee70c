/**
 * Numbers of the signals that are told apart here (Linux: include/uapi/asm-generic/signal.h,
 * arch/x86/include/uapi/asm/signal.h).
 */
export const SIGQUIT = 3
export const SIGILL = 4
export const SIGTRAP = 5
export const SIGABRT = 6
export const SIGBUS = 7
export const SIGFPE = 8
export const SIGSEGV = 11
export const SIGSTOP = 19
export const SIGSYS = 31

/**
 * si_code of a signal that kill sent, of one that tkill or tgkill sent, and of one that the kernel sent without a
 * better word, as for #GP (asm-generic/siginfo.h; arch/x86/kernel/traps.c, exc_general_protection).
 */
export const SI_USER = 0
export const SI_TKILL = -6
export const SI_KERNEL = 128

/** si_code of a signal that the processor was the reason of (asm-generic/siginfo.h). */
export const ILL_ILLOPN = 2
export const FPE_INTDIV = 1
export const BUS_ADRALN = 1
export const BUS_ADRERR = 2
export const SEGV_MAPERR = 1
export const SEGV_ACCERR = 2

/** Signals that carry an address when the kernel raised them (sigaction(2)). */
export const SIGNALS_WITH_ADDRESS: ReadonlySet<number> = new Set([SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV])
