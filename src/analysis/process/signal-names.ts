import {SI_KERNEL, SI_USER, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP} from '../../amd64/signal-numbers.ts'

/** Signals as the runtime's table has them (runtime/sigtab_linux_generic.go), the names of si_code (sigaction(2)). */

const SIGNALS: Record<number, readonly [name: string, description: string]> = {
  1: ['SIGHUP', 'terminal line hangup'],
  2: ['SIGINT', 'interrupt'],
  3: ['SIGQUIT', 'quit'],
  4: ['SIGILL', 'illegal instruction'],
  5: ['SIGTRAP', 'trace trap'],
  6: ['SIGABRT', 'abort'],
  7: ['SIGBUS', 'bus error'],
  8: ['SIGFPE', 'floating-point exception'],
  9: ['SIGKILL', 'kill'],
  10: ['SIGUSR1', 'user-defined signal 1'],
  11: ['SIGSEGV', 'segmentation violation'],
  12: ['SIGUSR2', 'user-defined signal 2'],
  13: ['SIGPIPE', 'write to broken pipe'],
  14: ['SIGALRM', 'alarm clock'],
  15: ['SIGTERM', 'termination'],
  16: ['SIGSTKFLT', 'stack fault'],
  17: ['SIGCHLD', 'child status has changed'],
  18: ['SIGCONT', 'continue'],
  19: ['SIGSTOP', 'stop, unblockable'],
  20: ['SIGTSTP', 'keyboard stop'],
  21: ['SIGTTIN', 'background read from tty'],
  22: ['SIGTTOU', 'background write to tty'],
  23: ['SIGURG', 'urgent condition on socket'],
  24: ['SIGXCPU', 'cpu limit exceeded'],
  25: ['SIGXFSZ', 'file size limit exceeded'],
  26: ['SIGVTALRM', 'virtual alarm clock'],
  27: ['SIGPROF', 'profiling alarm clock'],
  28: ['SIGWINCH', 'window size change'],
  29: ['SIGIO', 'i/o now possible'],
  30: ['SIGPWR', 'power failure restart'],
  31: ['SIGSYS', 'bad system call'],
}

/** Signals of the table that have a number for a name: 32 to 64. */
const LAST_IN_TABLE = 64

/** `SIGSEGV`; null for a number that has no name. */
export function signalName(number: number): string | null {
  return SIGNALS[number]?.[0] ?? null
}

/** `SIGSEGV: segmentation violation`, the first line of a fatal signal; undefined past the runtime's table. */
export function signalTitle(number: number): string | undefined {
  const signal = SIGNALS[number]
  if (signal) return `${signal[0]}: ${signal[1]}`
  return number > 31 && number <= LAST_IN_TABLE ? `signal ${number}` : undefined
}

/** si_code of any signal. */
const COMMON_CODES: Record<number, string> = {
  [SI_USER]: 'SI_USER',
  [SI_KERNEL]: 'SI_KERNEL',
  [-1]: 'SI_QUEUE',
  [-2]: 'SI_TIMER',
  [-3]: 'SI_MESGQ',
  [-4]: 'SI_ASYNCIO',
  [-5]: 'SI_SIGIO',
  [-6]: 'SI_TKILL',
}

const CODES: Record<number, readonly string[]> = {
  [SIGILL]: [
    'ILL_ILLOPC',
    'ILL_ILLOPN',
    'ILL_ILLADR',
    'ILL_ILLTRP',
    'ILL_PRVOPC',
    'ILL_PRVREG',
    'ILL_COPROC',
    'ILL_BADSTK',
  ],
  [SIGTRAP]: ['TRAP_BRKPT', 'TRAP_TRACE', 'TRAP_BRANCH', 'TRAP_HWBKPT', 'TRAP_UNK', 'TRAP_PERF'],
  [SIGBUS]: ['BUS_ADRALN', 'BUS_ADRERR', 'BUS_OBJERR', 'BUS_MCEERR_AR', 'BUS_MCEERR_AO'],
  [SIGFPE]: [
    'FPE_INTDIV',
    'FPE_INTOVF',
    'FPE_FLTDIV',
    'FPE_FLTOVF',
    'FPE_FLTUND',
    'FPE_FLTRES',
    'FPE_FLTINV',
    'FPE_FLTSUB',
  ],
  [SIGSEGV]: [
    'SEGV_MAPERR',
    'SEGV_ACCERR',
    'SEGV_BNDERR',
    'SEGV_PKUERR',
    'SEGV_ACCADI',
    'SEGV_ADIDERR',
    'SEGV_ADIPERR',
  ],
  [SIGSYS]: ['SYS_SECCOMP', 'SYS_USER_DISPATCH'],
}

/** `SEGV_MAPERR`; null for a code without a name. */
export function signalCodeName(number: number, code: number): string | null {
  return COMMON_CODES[code] ?? CODES[number]?.[code - 1] ?? null
}

/** A code as the runtime prints it, sign-extended to 64 bits and read as unsigned. */
export function signalCodeWord(code: number): bigint {
  return BigInt.asUintN(64, BigInt(code))
}
