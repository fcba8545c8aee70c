import {findBreakpoint} from '../../amd64/call-encoding.ts'
import {isNonCanonical} from '../../amd64/canonical-address.ts'
import {
  decodeFault,
  type FaultingInstruction,
  type FaultRegisters,
  type MemoryAccess,
} from '../../amd64/faulting-instruction.ts'
import {DWARF_REGISTER} from '../../amd64/registers.ts'
import {
  BUS_ADRALN,
  BUS_ADRERR,
  SI_KERNEL,
  SIGBUS,
  SIGFPE,
  SIGILL,
  SIGSEGV,
  SIGTRAP,
} from '../../amd64/signal-numbers.ts'
import {USER_REGS} from '../../amd64/user-regs.ts'
import {type Address, addressOfWord, hex, type Word} from '../../base/address.ts'
import type {InstructionReport} from '../../report/core-report.ts'
import type {CrashCause} from '../crash/crash-cause.ts'
import {type FaultSignal, signalPc} from '../crash/first-fault.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {type AccessKind, describeAddress, STACK_OVERFLOW, type StackPointer} from './address-kind.ts'

/** The faulting operand of an instruction. */
interface Operand {
  /** null where no operand of the instruction has that address. */
  text: string | null
  address: Word | undefined
  kind: string | undefined
}

/**
 * The instruction that a signal came from, the operand that faulted and what its address is. null for signals that code
 * does not raise by being run (abort, kill).
 */
export function explainFault(process: DeadProcess, cause: CrashCause): InstructionReport | null {
  const {signal} = cause
  if (
    !signal ||
    signal.isPlaceLost ||
    (signal.code ?? 1) <= 0 ||
    ![SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV].includes(signal.number)
  )
    return null
  const stacks = stackPointers(process, cause)
  if (isFetchFault(process, signal)) {
    const kind = describeAddress(process, BigInt(signalPc(signal)), 'execute', stacks)
    return {text: null, bytes: null, operand: '%rip', operandAddress: hex(signalPc(signal)), addressKind: kind}
  }
  const decoded = decodeFault(process.memory, instructionStart(process, signal), faultRegisters(cause))
  if (!decoded) return explainStackPointer(process, signal, stacks)
  if (signal.code === undefined && !wasRefused(process, signal, decoded)) return null
  const operand = faultingOperand(process, signal, decoded, stacks)
  const bytes = [...decoded.bytes].map(byte => byte.toString(16).padStart(2, '0')).join(' ')
  return {
    text: decoded.text,
    bytes,
    operand: operand?.text ?? null,
    operandAddress: operand?.address === undefined ? null : hex(operand.address),
    addressKind: operand?.kind ?? null,
  }
}

/** Without the instruction a stack pointer below its stack tells why the kernel had no room for a signal frame. */
function explainStackPointer(
  process: DeadProcess,
  {code, registers}: FaultSignal,
  stacks: readonly StackPointer[],
): InstructionReport | null {
  const sp = registers?.sp
  if (code !== SI_KERNEL || sp === undefined) return null
  const addressKind = describeAddress(process, BigInt(sp), 'write', stacks)
  if (!addressKind.endsWith(STACK_OVERFLOW)) return null
  return {text: null, bytes: null, operand: '%rsp', operandAddress: hex(sp), addressKind}
}

/** Whether the signal can have come from the instruction, where nothing says that it was not sent. */
function wasRefused(process: DeadProcess, {number}: FaultSignal, decoded: FaultingInstruction): boolean {
  if (number === SIGFPE) return decoded.divisor !== undefined
  return (
    number !== SIGSEGV ||
    protectionFault(decoded)?.address !== undefined ||
    refusedAccess(process, decoded) !== undefined
  )
}

/** The first access that the mapping of its address does not allow. */
function refusedAccess({core}: DeadProcess, {accesses}: FaultingInstruction): MemoryAccess | undefined {
  return accesses.find(({address, writes}) => {
    const start = address === undefined ? undefined : addressOfWord(address)
    if (start === undefined) return address !== undefined
    const {readable, writable} = core.segments.extentAt(start)
    return writes ? !writable : !readable
  })
}

/** After a breakpoint pc is behind it (Intel SDM 3, 6.5: traps). */
function instructionStart({memory}: DeadProcess, {number, pc}: FaultSignal): Address {
  return (number === SIGTRAP ? findBreakpoint(memory, pc) : undefined) ?? pc
}

/** The processor could not even read code: a jump to nowhere. */
function isFetchFault({core}: DeadProcess, {number, pc}: FaultSignal): boolean {
  if (number !== SIGSEGV && number !== SIGBUS) return false
  const extent = core.segments.extentAt(pc)
  return !extent.executable
}

function faultRegisters({signal, thread}: CrashCause): FaultRegisters {
  const registers = thread?.thread.registers
  return {
    general: signal?.registers,
    fsBase: registers?.[USER_REGS.fs_base],
    gsBase: registers?.[USER_REGS.gs_base],
  }
}

/**
 * Stack pointers of all threads, and all those of the crashing one's frames: it may have left its stack for another.
 */
function stackPointers({core}: DeadProcess, {signal, thread}: CrashCause): StackPointer[] {
  const pointers: StackPointer[] = []
  const add = (word: Word | undefined, tid: number): void => {
    const sp = word === undefined ? undefined : addressOfWord(word)
    if (sp !== undefined) pointers.push({sp, thread: tid})
  }
  if (thread) {
    add(signal?.registers?.word(DWARF_REGISTER.rsp), thread.thread.tid)
    for (const {sp} of thread.frames) pointers.push({sp, thread: thread.thread.tid})
  }
  for (const {tid, registers} of core.threads) add(registers[USER_REGS.rsp], tid)
  return pointers
}

function faultingOperand(
  process: DeadProcess,
  signal: FaultSignal,
  decoded: FaultingInstruction,
  stacks: readonly StackPointer[],
): Operand | undefined {
  const {number, code, address} = signal
  if (number === SIGFPE && decoded.divisor !== undefined) {
    return {text: decoded.divisor, address: undefined, kind: undefined}
  }
  if (number === SIGILL && decoded.refusal === 'invalid') return withoutOperand('no valid instruction')
  if (number !== SIGSEGV && number !== SIGBUS) return undefined
  if (code === SI_KERNEL) return faultWithoutSiginfo(process, decoded, stacks)
  if (number === SIGBUS && code === BUS_ADRALN) return misalignedOperand(decoded.accesses, ({size}) => size)
  if (code === undefined) return unaddressedFault(process, decoded, stacks)
  const access = touchedAccess(decoded.accesses, address)
  const described = describeAddress(process, address, accessKind(access), stacks)
  // The kernel dumps zeros for pages that no part of the file stands behind.
  const kind = number === SIGBUS && code === BUS_ADRERR ? described.replace(/^mapped: /, 'past the end of ') : described
  return {text: access?.text ?? null, address: access?.address ?? address, kind}
}

/**
 * SI_KERNEL is #GP, but also what is left of any fault where the stack had no room for the frame of its signal
 * (force_sigsegv, kernel/signal.c): then the instruction touches what is not mapped, mostly the stack itself.
 */
function faultWithoutSiginfo(
  process: DeadProcess,
  decoded: FaultingInstruction,
  stacks: readonly StackPointer[],
): Operand | undefined {
  const protection = protectionFault(decoded)
  const isProven = decoded.refusal !== undefined || protection?.address !== undefined
  const refused = isProven ? undefined : refusedAccess(process, decoded)
  return refused?.address === undefined ? protection : unaddressedFault(process, decoded, stacks)
}

/** No siginfo tells the address: the mappings do. */
function unaddressedFault(
  process: DeadProcess,
  decoded: FaultingInstruction,
  stacks: readonly StackPointer[],
): Operand | undefined {
  const refused = refusedAccess(process, decoded)
  if (refused?.address === undefined) return protectionFault(decoded)
  const kind = describeAddress(process, refused.address, accessKind(refused), stacks)
  return {text: refused.text, address: refused.address, kind}
}

function accessKind(access: MemoryAccess | undefined): AccessKind {
  return access?.writes ? 'write' : 'read'
}

/** The access whose bytes hold the address; without registers the one whose displacement fits, or the likeliest. */
function touchedAccess(accesses: readonly MemoryAccess[], address: Word): MemoryAccess | undefined {
  const touched = accesses.find(
    ({address: start, size}) => start !== undefined && address >= start && address < start + BigInt(Math.max(size, 1)),
  )
  if (touched) return touched
  const unknown = accesses.filter(({address: start}) => start === undefined)
  // A call or push of a memory operand touches the stack too, which is the unlikelier culprit.
  return unknown.find(({text}) => !text.includes('(%rsp')) ?? unknown[0]
}

/** What was wrong with the instruction as a whole. */
function withoutOperand(kind: string): Operand {
  return {text: null, address: undefined, kind}
}

function misalignedOperand(
  accesses: readonly MemoryAccess[],
  alignmentOf: (access: MemoryAccess) => number,
): Operand | undefined {
  const isMisaligned = (access: MemoryAccess): boolean =>
    access.address !== undefined && access.address % BigInt(Math.max(alignmentOf(access), 1)) !== 0n
  const found = accesses.find(isMisaligned)
  if (!found) return undefined
  const kind = `misaligned: the instruction needs a multiple of ${alignmentOf(found)}`
  return {text: found.text, address: found.address, kind}
}

const REFUSALS = {
  invalid: 'no valid instruction',
  privileged: 'privileged instruction',
  interrupt: 'software interrupt that a program may not raise',
} as const

function isWild(word: Word | undefined): boolean {
  return word !== undefined && isNonCanonical(word)
}

/** #GP tells no address: it is the operand that no page table could map, or that lies across its alignment. */
function protectionFault({accesses, indirect, refusal}: FaultingInstruction): Operand | undefined {
  if (refusal) return withoutOperand(REFUSALS[refusal])
  const wild = accesses.find(
    ({address, size}) => address !== undefined && (isWild(address) || isWild(address + BigInt(Math.max(size, 1)) - 1n)),
  )
  if (wild) return {text: wild.text, address: wild.address, kind: 'non-canonical'}
  // The registers of a fault that the runtime has answered with sigpanic are lost.
  if (indirect && (isWild(indirect.target) || indirect.target === undefined)) {
    return {text: indirect.text, address: indirect.target, kind: 'jump to a non-canonical address'}
  }
  const misaligned = misalignedOperand(accesses, ({alignment}) => alignment)
  if (misaligned) return misaligned
  const unknown = accesses.find(({address}) => address === undefined)
  // A reserved bit in mxcsr, a selector that is none: the value was wrong, not its place.
  if (!unknown) return withoutOperand('general protection: not by an address')
  return {
    text: unknown.text,
    address: undefined,
    kind: unknown.alignment > 1 ? 'non-canonical or misaligned' : 'non-canonical',
  }
}
