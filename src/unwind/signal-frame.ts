import type {RegisterSet} from '../amd64/register-set.ts'
import {type Address, addressOfWord, NOWHERE, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {type MemoryReader, readWord} from '../base/memory-reader.ts'
import {makeRow, type RegisterRule, type UnwindRow} from '../dwarf/unwind-row.ts'

/**
 * Offsets in the kernel's `struct ucontext` (arch/x86/include/uapi/asm/ucontext.h, sigcontext.h). When a handler returns,
 * it pops the restorer's address and leaves rsp at the ucontext; siginfo follows it (struct rt_sigframe).
 */
const UCONTEXT = {
  flags: 0,
  link: 8,
  stackBase: 16,
  stackSize: 32,
  eflags: 176,
  segments: 184,
  trap: 192,
  fpstate: 224,
  siginfo: 0x130,
} as const

/** Slots of the ucontext by DWARF number. */
const REGISTER_SLOTS = [144, 136, 152, 128, 112, 104, 120, 160, 40, 48, 56, 64, 72, 80, 88, 96, 168] as const

/** Everything from the ucontext at rsp: the row of a frame whose pc is the restorer. */
export const SIGNAL_ROW: UnwindRow = makeRow(
  {kind: 'register', register: 7, offset: 0},
  Object.fromEntries(
    REGISTER_SLOTS.map((offset, register): [number, RegisterRule] => [register, {kind: 'at-cfa', offset}]),
  ),
  'unknown',
)

/** `mov $15,%rax; syscall` (rt_sigreturn), in every libc and in Go's own restorer. */
const RESTORER = [0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05]
const RESTORER_SYSCALL = 7
/** musl and some others: `mov $15,%eax; syscall`. */
const SHORT_RESTORER = [0xb8, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05]

/** Whether `pc` is where the kernel lets a handler return to, before its system call. */
export function isSignalRestorer(memory: MemoryReader, pc: Address): boolean {
  return (
    matches(memory, pc, RESTORER) ||
    matches(memory, pc, SHORT_RESTORER) ||
    (pc >= RESTORER_SYSCALL && matches(memory, toAddress(pc - RESTORER_SYSCALL), RESTORER))
  )
}

function matches(memory: MemoryReader, address: Address, pattern: readonly number[]): boolean {
  const bytes = memory.read(address, pattern.length)
  return bytes?.every((byte, index) => byte === pattern[index]) === true
}

/** A signal frame that the kernel built: what it interrupted and why. */
export interface SignalFrame {
  /** Address of the ucontext; registers by SIGNAL_ROW with rsp here. */
  readonly ucontext: Address
  /** NOWHERE, as sp too, for what is no address of user space. */
  readonly pc: Address
  readonly sp: Address
  /** 0 where the handler was installed without SA_SIGINFO: the kernel then leaves siginfo as the stack was. */
  readonly signal: number
  readonly code: number
  /** si_addr, raw: an address for faults, pid and uid for signals that were sent. */
  readonly faultAddress: bigint
  /** What the processor last said to this thread (err, trapno, cr2): of a signal that was sent, it is about something older. */
  readonly trap: {readonly number: number; readonly error: number; readonly address: bigint}
  /** ss_sp and ss_size of the alternate stack that the thread had then. */
  readonly altStack: {readonly start: bigint; readonly size: bigint}
}

const FRAME_SIZE = UCONTEXT.siginfo + 24
const USER_CS = 0x33n
const SIGNAL_MAX = 64
/** Exceptions of the processor have numbers below (Intel SDM 3, 6.3.1). */
const TRAP_LIMIT = 32
const KNOWN_FLAGS = 0x10n
/** Bit 1 of eflags is always set; bits above 21 never are (Intel SDM 1, 3.4.3). */
const EFLAGS_LIMIT = 0x400000n
const USER_LIMIT = 0x100000000000000n

/** The frame whose ucontext is at `address`, checked by what the kernel always writes; undefined where it is none. */
export function readSignalFrame(memory: MemoryReader, address: Address): SignalFrame | undefined {
  const bytes = memory.read(address, FRAME_SIZE)
  return bytes && parseSignalFrame(new Cursor(bytes, 'ucontext'), 0, address)
}

function wordAt(cursor: Cursor, offset: number): bigint {
  cursor.seek(offset)
  return cursor.word()
}

function parseSignalFrame(cursor: Cursor, at: number, address: Address): SignalFrame | undefined {
  if (wordAt(cursor, at + UCONTEXT.segments) % 0x10000n !== USER_CS) return undefined
  if (wordAt(cursor, at + UCONTEXT.flags) >= KNOWN_FLAGS || wordAt(cursor, at + UCONTEXT.link) !== 0n) return undefined
  const eflags = wordAt(cursor, at + UCONTEXT.eflags)
  if (eflags >= EFLAGS_LIMIT || (eflags / 2n) % 2n !== 1n) return undefined
  const fpstate = wordAt(cursor, at + UCONTEXT.fpstate)
  const pc = wordAt(cursor, at + 168)
  const sp = wordAt(cursor, at + 160)
  // pc and sp may be anything at all: that may have been the fault.
  if (fpstate >= USER_LIMIT) return undefined
  cursor.seek(at + UCONTEXT.siginfo)
  const signal = cursor.u32()
  const isSiginfo = signal >= 1 && signal <= SIGNAL_MAX
  cursor.skip(4)
  const code = cursor.i32()
  cursor.skip(4)
  const faultAddress = cursor.word()
  const error = wordAt(cursor, at + UCONTEXT.trap)
  const trap = wordAt(cursor, at + UCONTEXT.trap + 8)
  return {
    ucontext: address,
    pc: addressOfWord(pc) ?? NOWHERE,
    sp: addressOfWord(sp) ?? NOWHERE,
    signal: isSiginfo ? signal : 0,
    code,
    faultAddress,
    trap: {
      number: trap < TRAP_LIMIT ? Number(trap) : TRAP_LIMIT,
      error: Number(error % 0x100000000n),
      address: wordAt(cursor, at + UCONTEXT.trap + 24),
    },
    altStack: {start: wordAt(cursor, at + UCONTEXT.stackBase), size: wordAt(cursor, at + UCONTEXT.stackSize)},
  }
}

/** A signal stack is 32 KiB in Go; a main stack that took a signal is searched no further than this. */
const SEARCH_LIMIT = 1024 * 1024

/** Every signal frame in a range of stack, the outermost (highest) first: for stacks whose handler frames cannot be walked. */
export function findSignalFrames(memory: MemoryReader, range: {start: Address; end: Address}): SignalFrame[] {
  // Handlers that Go installs have a siginfo; it is one more thing that a chance likeness would have to match.
  return candidates(memory, range).filter(({signal}) => signal !== 0)
}

/** The kernel aligns a frame so that its ucontext is a multiple of 16. */
function candidates(memory: MemoryReader, range: {start: Address; end: Address}): SignalFrame[] {
  const start = Math.max(Math.ceil(range.start / 16) * 16, Math.ceil((range.end - SEARCH_LIMIT) / 16) * 16)
  const length = range.end - start
  if (!(length >= FRAME_SIZE)) return []
  const bytes = memory.read(toAddress(start), length)
  if (!bytes) return []
  const cursor = new Cursor(bytes, 'signal stack')
  const frames: SignalFrame[] = []
  let offset = Math.floor((length - FRAME_SIZE) / 16) * 16
  while (offset >= 0) {
    const frame =
      bytes[offset + UCONTEXT.segments] === 0x33
        ? parseSignalFrame(cursor, offset, toAddress(start + offset))
        : undefined
    if (frame) frames.push(frame)
    offset -= frame ? UCONTEXT.siginfo : 16
  }
  return frames
}

/** How far below rsp a handler on the thread's own stack had its frame: the red zone, and no more state of the processor than this. */
const STATE_LIMIT = 16 * 1024
const RED_ZONE = 128

/**
 * The frame of a handler that has returned: every register that it holds is the thread's own again, so the thread stands where that
 * signal came. `stack`: its signal stack, where it has one.
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
