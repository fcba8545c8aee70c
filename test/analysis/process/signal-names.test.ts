import test from 'ava'
import {signalCodeName, signalCodeWord, signalName, signalTitle} from '../../../src/analysis/process/signal-names.ts'

test('the first line of a fatal signal is what the runtime’s table has (runtime/sigtab_linux_generic.go)', t => {
  const expected: [number, string | undefined][] = [
    [1, 'SIGHUP: terminal line hangup'],
    [3, 'SIGQUIT: quit'],
    [4, 'SIGILL: illegal instruction'],
    [5, 'SIGTRAP: trace trap'],
    [6, 'SIGABRT: abort'],
    [7, 'SIGBUS: bus error'],
    [8, 'SIGFPE: floating-point exception'],
    [11, 'SIGSEGV: segmentation violation'],
    [16, 'SIGSTKFLT: stack fault'],
    [19, 'SIGSTOP: stop, unblockable'],
    [31, 'SIGSYS: bad system call'],
    [32, 'signal 32'],
    [64, 'signal 64'],
    [65, undefined],
    [0, undefined],
  ]
  for (const [number, title] of expected) t.is(signalTitle(number), title)
})

test('a signal without a name has none, though the runtime’s table has a line for it', t => {
  t.is(signalName(11), 'SIGSEGV')
  t.is(signalName(34), null)
  t.is(signalName(0), null)
})

test('a code has the name of its signal, or the name that it has for all', t => {
  const expected: [signal: number, code: number, name: string | null][] = [
    [11, 1, 'SEGV_MAPERR'],
    [11, 2, 'SEGV_ACCERR'],
    [7, 2, 'BUS_ADRERR'],
    [8, 1, 'FPE_INTDIV'],
    [4, 2, 'ILL_ILLOPN'],
    [5, 1, 'TRAP_BRKPT'],
    [31, 1, 'SYS_SECCOMP'],
    [11, 0, 'SI_USER'],
    [11, 128, 'SI_KERNEL'],
    [6, -6, 'SI_TKILL'],
    [6, -1, 'SI_QUEUE'],
    [6, 1, null],
    [11, 99, null],
  ]
  for (const [signal, code, name] of expected) t.is(signalCodeName(signal, code), name, `${signal}/${code}`)
})

test('a code is printed as 64 bits without a sign', t => {
  t.is(signalCodeWord(1), 1n)
  t.is(signalCodeWord(-6), 18446744073709551610n)
})
