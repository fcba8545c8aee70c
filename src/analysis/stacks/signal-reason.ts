import {findBreakpoint} from '../../amd64/call-encoding.ts'
import {isNonCanonical} from '../../amd64/canonical-address.ts'
import {decodeFault, type FaultingInstruction} from '../../amd64/faulting-instruction.ts'
import type {RegisterSet} from '../../amd64/register-set.ts'
import {EXCEPTION, type SignalFrame, wasPagePresent} from '../../amd64/signal-context.ts'
import {SI_KERNEL} from '../../amd64/signal-numbers.ts'
import {addressOfWord, type Word} from '../../base/address.ts'
import type {DeadProcess} from '../process/dead-process.ts'

type Reason = Pick<SignalFrame, 'signal' | 'code' | 'faultAddress'>

/**
 * A handler that was installed without SA_SIGINFO is told the signal's number alone, in a register that it is free to
 * lose. The processor's own words are in the frame, but may be about an older fault: they count where the instruction
 * can have done that.
 */
export function withReason(process: DeadProcess, frame: SignalFrame, registers: RegisterSet | undefined): SignalFrame {
  if (frame.signal !== 0) return frame
  const reason = reasonOf(process, frame, registers)
  return reason ? {...frame, ...reason} : frame
}

function reasonOf(process: DeadProcess, frame: SignalFrame, registers: RegisterSet | undefined): Reason | undefined {
  const {memory} = process
  const {pc, trap} = frame
  if (trap.number === EXCEPTION.breakpoint) {
    return findBreakpoint(memory, pc) !== undefined ? {signal: 5, code: SI_KERNEL, faultAddress: 0n} : undefined
  }
  if (trap.number === EXCEPTION.pageFault && trap.address === BigInt(pc)) return pageFault(process, frame)
  const instruction = decodeFault(memory, pc, {general: registers, fsBase: undefined, gsBase: undefined})
  if (!instruction) return undefined
  const at = BigInt(pc)
  switch (trap.number) {
    case EXCEPTION.divide:
      return instruction.divisor === undefined ? undefined : {signal: 8, code: 1, faultAddress: at}
    case EXCEPTION.invalidOpcode:
      return /^ud/.test(instruction.text) ? {signal: 4, code: 2, faultAddress: at} : undefined
    case EXCEPTION.protection:
      return isProtected(instruction) ? {signal: 11, code: SI_KERNEL, faultAddress: 0n} : undefined
    case EXCEPTION.pageFault:
      return touches(instruction, trap.address) ? pageFault(process, frame) : undefined
    case EXCEPTION.alignment:
      return instruction.accesses.length > 0 ? {signal: 7, code: 1, faultAddress: 0n} : undefined
    default:
      return undefined
  }
}

/** Without the page SEGV_MAPERR, or BUS_ADRERR where something is mapped there; else SEGV_ACCERR. */
function pageFault({core}: DeadProcess, {trap}: SignalFrame): Reason {
  const address = addressOfWord(trap.address)
  if (wasPagePresent(trap.error)) return {signal: 11, code: 2, faultAddress: trap.address}
  const isMapped = address !== undefined && core.segments.extentAt(address).state !== 'unmapped'
  return {signal: isMapped ? 7 : 11, code: isMapped ? 2 : 1, faultAddress: trap.address}
}

function touches({accesses}: FaultingInstruction, address: Word): boolean {
  return accesses.some(
    ({address: start, size}) => start !== undefined && address >= start && address < start + BigInt(Math.max(size, 1)),
  )
}

function isProtected({accesses, text}: FaultingInstruction): boolean {
  return (
    accesses.some(({address}) => address !== undefined && isNonCanonical(address)) ||
    /^(hlt|cli|sti|in|out)\b/.test(text)
  )
}
