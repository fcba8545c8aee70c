import type {RegisterSet} from '../amd64/register-set.ts'
import {DWARF_REGISTER} from '../amd64/registers.ts'
import {
  parseSignalFrame,
  RED_ZONE,
  REGISTER_SLOTS,
  SIGNAL_FRAME_SIZE,
  type SignalFrame,
  UCONTEXT,
  USER_CS,
} from '../amd64/signal-context.ts'
import {type Address, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {type MemoryReader, readWord} from '../base/memory-reader.ts'
import {makeRow, type RegisterRule, type UnwindRow} from '../dwarf/unwind-row.ts'

/** Everything from the ucontext at rsp: the row of a frame whose pc is the restorer. */
export const SIGNAL_ROW: UnwindRow = makeRow(
  {kind: 'register', register: DWARF_REGISTER.rsp, offset: 0},
  Object.fromEntries(
    REGISTER_SLOTS.map((offset, register): [number, RegisterRule] => [register, {kind: 'at-cfa', offset}]),
  ),
  'unknown',
)

/** A signal stack is 32 KiB in Go; a main stack that took a signal is searched no further than this. */
const SEARCH_LIMIT = 1024 * 1024

/**
 * Every signal frame in a range of stack, the outermost (highest) first: for stacks whose handler frames cannot be
 * walked.
 */
export function findSignalFrames(memory: MemoryReader, range: {start: Address; end: Address}): SignalFrame[] {
  // Handlers that Go installs have a siginfo; it is one more thing that a chance likeness would have to match.
  return candidates(memory, range).filter(({signal}) => signal !== 0)
}

/** The kernel aligns a frame so that its ucontext is a multiple of 16. */
function candidates(memory: MemoryReader, range: {start: Address; end: Address}): SignalFrame[] {
  const start = Math.max(Math.ceil(range.start / 16) * 16, Math.ceil((range.end - SEARCH_LIMIT) / 16) * 16)
  const length = range.end - start
  if (!(length >= SIGNAL_FRAME_SIZE)) return []
  const bytes = memory.read(toAddress(start), length)
  if (!bytes) return []
  const cursor = new Cursor(bytes, 'signal stack')
  const frames: SignalFrame[] = []
  let offset = Math.floor((length - SIGNAL_FRAME_SIZE) / 16) * 16
  while (offset >= 0) {
    const frame =
      bytes[offset + UCONTEXT.segments] === USER_CS
        ? parseSignalFrame(cursor, offset, toAddress(start + offset))
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
