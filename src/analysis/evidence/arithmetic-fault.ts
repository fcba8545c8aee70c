import type {CrashReport} from '../../report/core-report.ts'

/** What the kernel says of a SIGFPE (sigaction(2)); of a division that failed it always says FPE_INTDIV. */
const MEANINGS: Readonly<Record<string, string>> = {
  FPE_INTOVF: 'integer overflow',
  FPE_FLTDIV: 'floating-point division by zero',
  FPE_FLTOVF: 'floating-point overflow',
  FPE_FLTUND: 'floating-point underflow',
  FPE_FLTRES: 'inexact floating-point result',
  FPE_FLTINV: 'invalid floating-point operation',
}

/**
 * Why the processor refused an arithmetic instruction. A division faults for a divisor of 0 and for a quotient that
 * does not fit (Intel SDM, IDIV): the divisor tells, where a register has it.
 */
export function describeArithmetic({
  signal,
  codeName,
  instruction,
  registers,
}: Pick<CrashReport, 'signal' | 'codeName' | 'instruction' | 'registers'>): string | undefined {
  if (signal !== 'SIGFPE' || codeName === null) return undefined
  if (codeName !== 'FPE_INTDIV') return MEANINGS[codeName]
  const name = /^i?div[bwlq]? %(\w+)$/.exec(instruction?.text ?? '')?.[1]
  const divisor = name === undefined || registers === null ? undefined : registerPart(name, registers)
  if (divisor === undefined) return 'integer division by zero, or a quotient that does not fit'
  return divisor === 0n ? 'integer division by zero' : 'the quotient of the division does not fit'
}

/** The value of `%ecx`, `%r8d` or `%cl` in `rcx`, `r8`; undefined for others, such as `%ah`. */
function registerPart(name: string, registers: Readonly<Record<string, string>>): bigint | undefined {
  const [, numbered, suffix = ''] = /^(r\d+)([dwb]?)$/.exec(name) ?? []
  if (numbered !== undefined) return lowBits(registers[numbered], {d: 32, w: 16, b: 8}[suffix] ?? 64)
  if (/^r[a-z]{2}$/.test(name)) return lowBits(registers[name], 64)
  if (/^e[a-z]{2}$/.test(name)) return lowBits(registers[`r${name.slice(1)}`], 32)
  if (/^[a-d]l$/.test(name)) return lowBits(registers[`r${name[0]}x`], 8)
  return /^(?:[a-d]x|[sd]i|[sb]p)$/.test(name) ? lowBits(registers[`r${name}`], 16) : undefined
}

function lowBits(register: string | undefined, bits: number): bigint | undefined {
  return register === undefined ? undefined : BigInt.asUintN(bits, BigInt(register))
}
