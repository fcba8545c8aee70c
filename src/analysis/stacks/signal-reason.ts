import {decodeFault, type FaultingInstruction} from '../../amd64/faulting-instruction.ts'
import type {RegisterSet} from '../../amd64/register-set.ts'
import {addressOfWord, toAddress, type Word} from '../../base/address.ts'
import type {SignalFrame} from '../../unwind/signal-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'

/** Exceptions of the processor (Intel SDM 3, 6.3.1). */
const DIVIDE = 0
const BREAKPOINT = 3
const INVALID_OPCODE = 6
const PROTECTION = 13
const PAGE_FAULT = 14
const ALIGNMENT = 17
const INT3 = 0xcc
const SI_KERNEL = 128
/** Bit of a page fault's error code: the page was there, but not for that. */
const PRESENT = 1

type Reason = Pick<SignalFrame, 'signal' | 'code' | 'faultAddress'>

/**
 * A handler that was installed without SA_SIGINFO is told the signal's number alone, in a register that it is free to lose. The
 * processor's own words are in the frame, but may be about an older fault: they count where the instruction can have done that.
 */
export function withReason(process: DeadProcess, frame: SignalFrame, registers: RegisterSet | undefined): SignalFrame {
  if (frame.signal !== 0) return frame
  const reason = reasonOf(process, frame, registers)
  return reason ? {...frame, ...reason} : frame
}

function reasonOf(process: DeadProcess, frame: SignalFrame, registers: RegisterSet | undefined): Reason | undefined {
  const {memory} = process
  const {pc, trap} = frame
  if (trap.number === BREAKPOINT) {
    const isBreakpoint = memory.read(toAddress(Math.max(0, pc - 1)), 1)?.[0] === INT3
    return isBreakpoint ? {signal: 5, code: SI_KERNEL, faultAddress: 0n} : undefined
  }
  if (trap.number === PAGE_FAULT && trap.address === BigInt(pc)) return pageFault(process, frame)
  const instruction = decodeFault(memory, pc, {general: registers, fsBase: undefined, gsBase: undefined})
  if (!instruction) return undefined
  const at = BigInt(pc)
  switch (trap.number) {
    case DIVIDE:
      return instruction.divisor === undefined ? undefined : {signal: 8, code: 1, faultAddress: at}
    case INVALID_OPCODE:
      return /^ud/.test(instruction.text) ? {signal: 4, code: 2, faultAddress: at} : undefined
    case PROTECTION:
      return isProtected(instruction) ? {signal: 11, code: SI_KERNEL, faultAddress: 0n} : undefined
    case PAGE_FAULT:
      return touches(instruction, trap.address) ? pageFault(process, frame) : undefined
    case ALIGNMENT:
      return instruction.accesses.length > 0 ? {signal: 7, code: 1, faultAddress: 0n} : undefined
    default:
      return undefined
  }
}

/** Without the page SEGV_MAPERR, or BUS_ADRERR where something is mapped there; else SEGV_ACCERR. */
function pageFault({core}: DeadProcess, {trap}: SignalFrame): Reason {
  const address = addressOfWord(trap.address)
  if (trap.error % 2 === PRESENT) return {signal: 11, code: 2, faultAddress: trap.address}
  const isMapped = address !== undefined && core.segments.extentAt(address).state !== 'unmapped'
  return {signal: isMapped ? 7 : 11, code: isMapped ? 2 : 1, faultAddress: trap.address}
}

function touches({accesses}: FaultingInstruction, address: Word): boolean {
  return accesses.some(
    ({address: start, size}) => start !== undefined && address >= start && address < start + BigInt(Math.max(size, 1)),
  )
}

function isProtected({accesses, text}: FaultingInstruction): boolean {
  const isWild = (word: Word | undefined): boolean =>
    word !== undefined && word >= 0x800000000000n && word < 0xffff800000000000n
  return accesses.some(({address}) => isWild(address)) || /^(hlt|cli|sti|in|out)\b/.test(text)
}
