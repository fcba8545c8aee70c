import {type Address, addressOfWord, NOWHERE, toAddress, type Word} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {hasBytes, type MemoryReader, readWord} from '../base/memory-reader.ts'
import {DWARF_REGISTER} from './registers.ts'
import {systemCallCode} from './system-call.ts'

/**
 * Offsets in the kernel's `struct ucontext` (arch/x86/include/uapi/asm/ucontext.h, sigcontext.h). When a handler
 * returns, it pops the restorer's address and leaves rsp at the ucontext; siginfo follows it (struct rt_sigframe).
 */
export const UCONTEXT = {
  flags: 0,
  link: 8,
  stackBase: 16,
  stackSize: 32,
  eflags: 176,
  /** cs, gs, fs and ss, 16 bits each. */
  segments: 184,
  error: 192,
  trap: 200,
  cr2: 216,
  fpstate: 224,
  siginfo: 0x130,
} as const

/** Slots of the ucontext by DWARF number. */
export const REGISTER_SLOTS = [144, 136, 152, 128, 112, 104, 120, 160, 40, 48, 56, 64, 72, 80, 88, 96, 168] as const

/** The ucontext, and of siginfo what is read: si_signo, si_code, si_addr. */
export const SIGNAL_FRAME_SIZE = UCONTEXT.siginfo + 24

/**
 * Below rsp a function may keep values without a word (System V ABI, AMD64 supplement, 3.2.2): the kernel's frame lies
 * below that.
 */
export const RED_ZONE = 128

/** Exceptions of the processor, as the trap number has them (Intel SDM 3, 6.3.1); there are 32. */
export const EXCEPTION = {
  divide: 0,
  breakpoint: 3,
  invalidOpcode: 6,
  protection: 13,
  pageFault: 14,
  alignment: 17,
} as const
const EXCEPTION_COUNT = 32
/** Whether a page fault's error code says that the page was there, but not for that (Intel SDM 3, 4.7: bit 0). */
export function wasPagePresent(error: number): boolean {
  return error % 2 === 1
}

/**
 * From the ucontext to the state that fpstate points to: the kernel puts siginfo between them, and no more than both
 * alignments need (get_sigframe, arch/x86/kernel/signal.c: 448 on all kernels seen).
 */
const STATE_DISTANCE = {least: UCONTEXT.siginfo + 128, most: UCONTEXT.siginfo + 128 + 64 + 16}

/** rt_sigreturn. */
const SIGRETURN = 15
/** In every libc and in Go's own restorer. */
const RESTORER = systemCallCode(SIGRETURN, 'rax')
/** The length of its `mov`. */
const RESTORER_SYSCALL = 7
/** musl and some others. */
const SHORT_RESTORER = systemCallCode(SIGRETURN, 'eax')

/** Whether `pc` is where the kernel lets a handler return to, before its system call. */
export function isSignalRestorer(memory: MemoryReader, pc: Address): boolean {
  return (
    hasBytes(memory, pc, RESTORER) ||
    hasBytes(memory, pc, SHORT_RESTORER) ||
    (pc >= RESTORER_SYSCALL && hasBytes(memory, toAddress(pc - RESTORER_SYSCALL), RESTORER))
  )
}

/** A signal frame that the kernel built: what it interrupted and why. */
export interface SignalFrame {
  /** Address of the ucontext, at which the registers are by REGISTER_SLOTS. */
  readonly ucontext: Address
  /** NOWHERE, as sp too, for what is no address of user space. */
  readonly pc: Address
  readonly sp: Address
  /** 0 where the handler was installed without SA_SIGINFO: the kernel then leaves siginfo as the stack was. */
  readonly signal: number
  readonly code: number
  /** si_addr, raw: an address for faults, pid and uid for signals that were sent. */
  readonly faultAddress: bigint
  /**
   * What the processor last said to this thread (err, trapno, cr2): of a signal that was sent, it is about something
   * older.
   */
  readonly trap: {readonly number: number; readonly error: number; readonly address: bigint}
  /** ss_sp and ss_size of the alternate stack that the thread had then. */
  readonly altStack: {readonly start: bigint; readonly size: bigint}
  /** Whether the first words are as the kernel writes them; else somebody wrote over them, and over what follows. */
  readonly isHeadIntact: boolean
}

export const USER_CS = 0x33
const SIGNAL_MAX = 64
const KNOWN_FLAGS = 0x10n
/** Bit 1 of eflags is always set; bits above 21 never are (Intel SDM 1, 3.4.3). */
const EFLAGS_LIMIT = 0x400000n
const USER_LIMIT = 0x100000000000000n

/**
 * The frame whose ucontext is at `address`, checked by what the kernel always writes; undefined where it is none.
 * `isReturn`: a handler has the address right below as its return address, so that siginfo alone need stand.
 */
export function readSignalFrame(memory: MemoryReader, address: Address, isReturn = false): SignalFrame | undefined {
  const bytes = memory.read(address, SIGNAL_FRAME_SIZE)
  return bytes && parseSignalFrame(new Cursor(bytes, 'ucontext'), 0, address, isReturn)
}

export function wordAt(cursor: Cursor, offset: number): bigint {
  cursor.seek(offset)
  return cursor.word()
}

/** As readSignalFrame, for a ucontext that stands `at` bytes into what the cursor holds. */
export function parseSignalFrame(
  cursor: Cursor,
  at: number,
  address: Address,
  isReturn = false,
): SignalFrame | undefined {
  const field = (name: keyof typeof UCONTEXT): bigint => wordAt(cursor, at + UCONTEXT[name])
  const isHeadIntact = field('flags') < KNOWN_FLAGS && field('link') === 0n
  const eflags = field('eflags')
  const isMiddleIntact =
    field('segments') % 0x10000n === BigInt(USER_CS) && eflags < EFLAGS_LIMIT && (eflags / 2n) % 2n === 1n
  // pc and sp may be anything at all: that may have been the fault.
  const isWhole = isHeadIntact && isMiddleIntact && field('fpstate') < USER_LIMIT
  if (!isWhole && !(isMiddleIntact && isStateBehind(field('fpstate'), address)) && !isReturn) return undefined
  cursor.seek(at + UCONTEXT.siginfo)
  const signal = cursor.u32()
  const isSiginfo = signal >= 1 && signal <= SIGNAL_MAX
  if (!isMiddleIntact && !isSiginfo) return undefined
  cursor.skip(4)
  const code = cursor.i32()
  cursor.skip(4)
  const faultAddress = cursor.word()
  const trap = field('trap')
  return {
    ucontext: address,
    pc: addressOfWord(wordAt(cursor, at + REGISTER_SLOTS[DWARF_REGISTER.rip])) ?? NOWHERE,
    sp: addressOfWord(wordAt(cursor, at + REGISTER_SLOTS[DWARF_REGISTER.rsp])) ?? NOWHERE,
    signal: isSiginfo ? signal : 0,
    code,
    faultAddress,
    trap: {
      number: trap < EXCEPTION_COUNT ? Number(trap) : EXCEPTION_COUNT,
      error: Number(field('error') % 0x100000000n),
      address: field('cr2'),
    },
    altStack: {start: field('stackBase'), size: field('stackSize')},
    isHeadIntact: isHeadIntact && isMiddleIntact,
  }
}

function isStateBehind(fpstate: bigint, address: Address): boolean {
  const distance = fpstate - BigInt(address)
  return distance >= STATE_DISTANCE.least && distance <= STATE_DISTANCE.most
}

/** Flags and segment registers. */
export interface Flags {
  readonly eflags: Word
  readonly cs: Word
  readonly fs: Word
  readonly gs: Word
}

export function readFlags(memory: MemoryReader, ucontext: Address): Flags | undefined {
  const eflags = readWord(memory, toAddress(ucontext + UCONTEXT.eflags))
  const segments = readWord(memory, toAddress(ucontext + UCONTEXT.segments))
  if (eflags === undefined || segments === undefined) return undefined
  const segment = (index: bigint): Word => (segments / 0x10000n ** index) % 0x10000n
  return {eflags, cs: segment(0n), gs: segment(1n), fs: segment(2n)}
}
