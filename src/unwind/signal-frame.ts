import type {RegisterSet} from '../amd64/register-set.ts'
import {DWARF_REGISTER} from '../amd64/registers.ts'
import {
  parseSignalFrame,
  RED_ZONE,
  REGISTER_SLOTS,
  readSignalFrame,
  SIGNAL_FRAME_SIZE,
  type SignalFrame,
  UCONTEXT,
  USER_CS,
  wordAt,
} from '../amd64/signal-context.ts'
import {type Address, addressOfWord, NOWHERE, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {type MemoryReader, readWord} from '../base/memory-reader.ts'
import {makeRow, type RegisterRule, type UnwindRow} from '../dwarf/unwind-row.ts'
import {type AppliedRow, applyRow} from './apply-row.ts'

/** Everything from the ucontext at rsp: the row of a frame whose pc is the restorer. */
const SIGNAL_ROW: UnwindRow = makeRow(
  {kind: 'register', register: DWARF_REGISTER.rsp, offset: 0},
  Object.fromEntries(
    REGISTER_SLOTS.map((offset, register): [number, RegisterRule] => [register, {kind: 'at-cfa', offset}]),
  ),
  'unknown',
)

type IsCode = (address: Address) => boolean

/**
 * What a signal interrupted, for a handler that returns to the ucontext at rsp; without the registers that somebody
 * wrote over. undefined where the frame is not in memory, or is none any more and leads to no code.
 */
export function applySignalFrame(registers: RegisterSet, memory: MemoryReader, isCode: IsCode): AppliedRow | undefined {
  const applied = applyRow(SIGNAL_ROW, registers, memory)
  if (!applied) return undefined
  const frame = readSignalFrame(memory, applied.cfa, true)
  if (!frame) return applied.caller.pc !== undefined && isCode(applied.caller.pc) ? applied : undefined
  const overwritten = overwrittenLength(memory, frame, isCode)
  if (overwritten === 0) return applied
  const caller = applied.caller.toBuilder()
  REGISTER_SLOTS.forEach((slot, register) => {
    if (slot < overwritten) caller.forget(register)
  })
  return {...applied, caller: caller.build()}
}

/** Whether the place that the signal interrupted (rsp and, behind it, rip) was written over. */
export function isPlaceOverwritten(memory: MemoryReader, frame: SignalFrame, isCode: IsCode): boolean {
  return overwrittenLength(memory, frame, isCode) > REGISTER_SLOTS[DWARF_REGISTER.rsp]
}

/**
 * How many bytes of a ucontext, from its start on, are not the kernel's. A traceback hook for the first struct of
 * runtime.SetCgoTraceback (before SigContext; Go 1.7 has both) takes the ucontext for its buffer: it writes return
 * addresses there, then 0. What anybody else wrote has no end that could be told.
 */
function overwrittenLength(memory: MemoryReader, {ucontext, isHeadIntact}: SignalFrame, isCode: IsCode): number {
  if (isHeadIntact) return 0
  for (let at = 0; at < UCONTEXT.siginfo; at += 8) {
    const word = readWord(memory, toAddress(ucontext + at)) ?? 0n
    const address = addressOfWord(word)
    if (address === undefined || !isCode(address)) return at === 0 ? UCONTEXT.siginfo : at + (word === 0n ? 8 : 0)
  }
  return UCONTEXT.siginfo
}

/** A signal stack is 32 KiB in Go; a main stack that took a signal is searched no further than this. */
const SEARCH_LIMIT = 1024 * 1024

/**
 * Every signal frame in a range of stack, the outermost (highest) first: for stacks whose handler frames cannot be
 * walked.
 */
export function findSignalFrames(memory: MemoryReader, range: SearchRange): SignalFrame[] {
  // Handlers that Go installs have a siginfo; it is one more thing that a chance likeness would have to match.
  return candidates(memory, range).filter(({signal}) => signal !== 0)
}

interface SearchRange {
  readonly start: Address
  readonly end: Address
  /** Whether handlers return there: a frame right below which such a word stands need be intact in siginfo alone. */
  readonly isRestorer?: IsCode
}

/** The kernel aligns a frame so that its ucontext is a multiple of 16. */
function candidates(memory: MemoryReader, range: SearchRange): SignalFrame[] {
  const start = Math.max(Math.ceil(range.start / 16) * 16, Math.ceil((range.end - SEARCH_LIMIT) / 16) * 16)
  const length = range.end - start
  if (!(length >= SIGNAL_FRAME_SIZE)) return []
  const bytes = memory.read(toAddress(start), length)
  if (!bytes) return []
  const cursor = new Cursor(bytes, 'signal stack')
  const frames: SignalFrame[] = []
  let offset = Math.floor((length - SIGNAL_FRAME_SIZE) / 16) * 16
  while (offset >= 0) {
    const isReturn = offset >= 8 && range.isRestorer?.(addressOfWord(wordAt(cursor, offset - 8)) ?? NOWHERE) === true
    const frame =
      isReturn || bytes[offset + UCONTEXT.segments] === USER_CS
        ? parseSignalFrame(cursor, offset, toAddress(start + offset), isReturn)
        : undefined
    if (frame) frames.push(frame)
    offset -= frame ? UCONTEXT.siginfo : 16
  }
  return frames
}

/**
 * How far below rsp a handler on the thread's own stack had its frame: the red zone, and no more state of the processor
 * than this.
 */
const STATE_LIMIT = 16 * 1024

/**
 * The frame of a handler that has returned: every register that it holds is the thread's own again, so the thread
 * stands where that signal came. `stack`: its signal stack, where it has one.
 */
export function findLeftFrame(
  memory: MemoryReader,
  registers: RegisterSet,
  stack: {lo: Address; hi: Address} | undefined,
): SignalFrame | undefined {
  const {sp} = registers
  if (sp === undefined) return undefined
  const below = {start: toAddress(Math.max(0, sp - RED_ZONE - STATE_LIMIT)), end: toAddress(sp)}
  const ranges = stack ? [{start: stack.lo, end: stack.hi}, below] : [below]
  for (const range of ranges) {
    for (const frame of candidates(memory, range)) if (restores(memory, frame, registers)) return frame
  }
  return undefined
}

function restores(memory: MemoryReader, {ucontext}: SignalFrame, registers: RegisterSet): boolean {
  return REGISTER_SLOTS.every((slot, register) => {
    const word = registers.word(register)
    return word !== undefined && readWord(memory, toAddress(ucontext + slot)) === word
  })
}
