import type {RegisterSet} from '../../amd64/register-set.ts'
import {REGISTER_SLOTS, type SignalFrame, UCONTEXT} from '../../amd64/signal-context.ts'
import {SIGSEGV} from '../../amd64/signal-numbers.ts'
import {USER_REGS} from '../../amd64/user-regs.ts'
import {type Address, addressOfWord, hex, NULL_ADDRESS, toAddress, type Word} from '../../base/address.ts'
import type {Finding} from '../../base/finding.ts'
import {decodeText, NAME_MAX} from '../../base/foreign-name.ts'
import {printable} from '../../base/printable.ts'
import {CallEnd} from '../../emulate/call-end.ts'
import {ClosedWorld} from '../../emulate/closed-world.ts'
import {EmulatedMemory} from '../../emulate/emulated-memory.ts'
import {Emulator} from '../../emulate/emulator.ts'
import type {DeadProcess} from './dead-process.ts'
import {emulatedProgram, freeAddress, memoryImage} from './emulated-process.ts'

/** Of all calls of one runtime's hooks together. */
const LIMITS = {
  instructions: 400_000_000,
  memory: 256 * 1024 * 1024,
  depth: 100,
  stack: 1024 * 1024,
  time: 20_000,
} as const
/** Frames that one pc may be: a symbolizer that always says `more` has no end. */
const FRAMES_PER_PC = 1000

/** What the runtime hands over and gets back (runtime/traceback.go, cgoSymbolizerArg; Go 1.7 to 1.27). */
const SYMBOLIZER_ARG = {pc: 0, file: 8, lineno: 16, func: 24, entry: 32, more: 40, data: 48, size: 56} as const
/** cgoTracebackArg: context, sigContext, buf, max. */
const TRACEBACK_ARG = {context: 0, sigContext: 8, buf: 16, max: 24, size: 32} as const
/** struct ucontext_t of glibc, and of the kernel's the part that has registers; with a stack below it. */
const UCONTEXT_SIZE = 976
const SIGNAL_STACK = 256 * 1024
/** Above it on a signal's stack is the kernel's frame, which begins with where the handler returns to. */
const WORD = 8
/** Length of the list that a traceback function fills: cgoCallers, and the buffer of traceback2. */
const CALLERS_MAX = 32

/** What a symbolizer said of a pc, as the runtime would print it. */
export interface HookFrame {
  readonly pc: Word
  readonly func: string | null
  readonly file: string | null
  readonly line: Word
  readonly entry: Word
}

type Process = Pick<
  DeadProcess,
  'core' | 'modules' | 'memory' | 'isExecutable' | 'runtime' | 'diagnostics' | 'deadline' | 'advice'
>

/** The emulator, and the places in its memory where arguments lie. */
interface Session {
  readonly emulator: Emulator
  readonly world: ClosedWorld
  readonly argument: Address
  readonly buffer: Address
  readonly ucontext: Address
}

/** Whose callers: a callback's, by what its context function said; those of the place that a signal interrupted. */
export type CallersQuery =
  | {readonly context: Word}
  | {readonly signal: Pick<SignalFrame, 'ucontext' | 'signal'>}
  | {readonly registers: Pick<RegisterSet, 'word'>; readonly restorer: Address | undefined}

type Hook = 'symbolizer' | 'traceback'

/**
 * The functions that the program gave to runtime.SetCgoTraceback, run over the core as the dying runtime would call
 * them. What one of them changes in memory the next one sees. One that does not return is not called again.
 */
export class CgoHooks {
  readonly #process: () => Process
  readonly #stopped = new Set<Hook>()
  #session: Session | undefined

  constructor(process: () => Process) {
    this.#process = process
  }

  /** null: none is registered; undefined: not known, or it did not return. */
  #hook(hook: Hook): Finding<Address> {
    const {runtime} = this.#process()
    const state = runtime?.state
    const address = hook === 'symbolizer' ? state?.cgoSymbolizer : state?.cgoTraceback
    if (address === undefined) reportUnknownHooks(this.#process())
    return address !== null && this.#stopped.has(hook) ? undefined : address
  }

  /** Whether a symbolizer is registered that may be run. */
  get hasSymbolizer(): boolean {
    return typeof this.#hook('symbolizer') === 'number'
  }

  get hasTraceback(): boolean {
    return typeof this.#hook('traceback') === 'number'
  }

  /** Whether the runtime had none to ask; false too where that is not known. */
  get isWithoutSymbolizer(): boolean {
    return this.#hook('symbolizer') === null
  }

  /**
   * For each pc what the symbolizer says, innermost first, by the runtime's protocol (printOneCgoTraceback): one struct
   * for all of them, of which only pc is set; called again while `more` is not 0; at the end once with pc 0.
   * undefined: there is none, or it did not return. Of one pc: it knew nothing, and was refused what it asked for.
   */
  symbolize(pcs: readonly Word[]): (HookFrame[] | undefined)[] | undefined {
    const hook = this.#hook('symbolizer')
    if (typeof hook !== 'number' || pcs.length === 0) return undefined
    return this.#attempt('symbolizer', hook, session => {
      const {emulator, argument} = session
      emulator.memory.write(argument, new Uint8Array(SYMBOLIZER_ARG.size))
      const found = pcs.map(pc => symbolizeOne(session, hook, pc))
      emulator.memory.setU64(argument + SYMBOLIZER_ARG.pc, 0n)
      emulator.call(hook, BigInt(argument))
      return found
    })
  }

  /**
   * The pcs that the traceback function gives for a context, or for the place that a signal interrupted; they end at
   * the first 0. `kept`: what the buffer has from the call before.
   */
  callers(of: CallersQuery, kept: readonly Word[] = []): Word[] | undefined {
    const hook = this.#hook('traceback')
    if (typeof hook !== 'number') return undefined
    return this.#attempt('traceback', hook, session => {
      const {emulator, buffer} = session
      const {memory} = emulator
      for (let index = 0; index < CALLERS_MAX; index++) memory.setU64(buffer + index * 8, kept[index] ?? 0n)
      const collect = this.#process().runtime?.state.cgoCallers
      const signal = signalOf(session, of)
      if (signal && typeof collect === 'number') interrupt(session, collect, signal, hook)
      else callTraceback(session, hook, of)
      const found = Array.from({length: CALLERS_MAX}, (_, index) => memory.u64(buffer + index * 8))
      // A function that unwinds its own stack has come out of it into nothing.
      if (found.some(word => memory.isOwn(Number(word)))) throw new CallEnd('unmapped', 'it left the stack of its call')
      return found
    })
  }

  #attempt<T>(hook: Hook, address: Address, run: (session: Session) => T): T | undefined {
    const {diagnostics} = this.#process()
    try {
      this.#session ??= this.#open()
      return this.#session && run(this.#session)
    } catch (error) {
      if (!(error instanceof CallEnd)) throw error
      this.#stopped.add(hook)
      const message = `the ${hook} function of the program at ${hex(address)} did not return: ${printable(error.message)}`
      diagnostics.add('cgo-hook-stopped', message, {where: hook, hint: 'the C stacks without it: --cgo-frames auto'})
      return undefined
    }
  }

  #open(): Session | undefined {
    const process = this.#process()
    const {core, deadline, diagnostics} = process
    const free = freeAddress(process)
    if (free === undefined) return undefined
    const memory = new EmulatedMemory(memoryImage(process), free, LIMITS.memory)
    const world = new ClosedWorld(emulatedProgram(process), memory)
    const emulator = new Emulator(memory, world, {...LIMITS, wait: deadline.left})
    const fsBase = core.threads[0]?.registers[USER_REGS.fs_base]
    emulator.cpu.fsBase = (fsBase === undefined ? undefined : addressOfWord(fsBase)) ?? NULL_ADDRESS
    diagnostics.beforeList(() => reportWorld(process, world))
    const argument = memory.map(SYMBOLIZER_ARG.size + TRACEBACK_ARG.size)
    return {
      emulator,
      world,
      argument,
      buffer: memory.map(CALLERS_MAX * 8),
      ucontext: toAddress(memory.map(SIGNAL_STACK) + SIGNAL_STACK - UCONTEXT_SIZE),
    }
  }
}

/** What the program registered is in variables that are found by its symbols, its debug information or its code. */
export function reportUnknownHooks({
  runtime,
  diagnostics,
  advice,
}: Pick<DeadProcess, 'runtime' | 'diagnostics' | 'advice'>): void {
  if (!runtime) return
  diagnostics.add(
    'cgo-hooks-unknown',
    'what the program gave to runtime.SetCgoTraceback, if anything, cannot be found out',
    {hint: advice ?? 'give the executable that made the core with --exe'},
  )
}

/** What the calls wanted of the world around them. */
function reportWorld({diagnostics}: Process, {output}: ClosedWorld): void {
  const refused = output.takeRefused()
  for (const [what, count] of refused) {
    const times = count > 1 ? ` (${count} times)` : ''
    diagnostics.add(
      'cgo-hook-refused',
      `a function of the program that was run over the core was refused: ${printable(what)}${times}`,
      {
        severity: 'info',
        where: what,
      },
    )
  }
  const text = output.takeText()
  if (text === '') return
  const message = `a function of the program that was run over the core printed, into nothing: ${printable(text)}`
  diagnostics.add('cgo-hook-refused', message, {severity: 'info', where: 'output'})
}

/** The frame of a signal, where there is one; with registers alone one is made, as the kernel would have done. */
function signalOf(session: Session, of: CallersQuery): Pick<SignalFrame, 'ucontext' | 'signal'> | undefined {
  if ('signal' in of) return of.signal
  if (!('registers' in of) || of.restorer === undefined) return undefined
  const ucontext = signalContext(session, of)
  session.emulator.memory.setU64(ucontext - WORD, BigInt(of.restorer))
  return {ucontext, signal: SIGSEGV}
}

/** By one struct, as the runtime itself calls it for a context. */
function callTraceback(session: Session, hook: Address, of: CallersQuery): void {
  const {emulator, argument, buffer} = session
  const words = [
    'context' in of ? of.context : 0n,
    BigInt(signalContext(session, of)),
    BigInt(buffer),
    BigInt(CALLERS_MAX),
  ]
  for (const [index, word] of words.entries()) emulator.memory.setU64(argument + index * 8, word)
  emulator.call(hook, BigInt(argument))
}

/**
 * As the runtime's handler does it: cgoSigtramp jumps to x_cgo_callers on the stack that the kernel put the signal's
 * frame on (runtime/sys_linux_amd64.s, runtime/cgo/gcc_traceback.c). A function that unwinds its own stack comes
 * through that frame to the code that was interrupted. What x_cgo_callers calls afterwards is the rest of the handler.
 */
function interrupt(
  {emulator, world, buffer}: Session,
  collect: Address,
  {ucontext, signal}: Pick<SignalFrame, 'ucontext' | 'signal'>,
  hook: Address,
): void {
  const siginfo = ucontext + UCONTEXT.siginfo
  const words = [signal, siginfo, ucontext, hook, buffer, world.placeOf('free')].map(BigInt)
  emulator.interrupt(collect, toAddress(ucontext - WORD), ...words)
}

/** What the kernel wrote is there no more where the runtime injected a call: then registers alone are known. */
function signalContext({emulator: {memory}, ucontext}: Session, of: CallersQuery): Address {
  if ('signal' in of) return of.signal.ucontext
  if (!('registers' in of)) return NULL_ADDRESS
  memory.write(ucontext, new Uint8Array(UCONTEXT_SIZE))
  for (const [register, slot] of REGISTER_SLOTS.entries()) {
    const word = of.registers.word(register)
    if (word !== undefined) memory.setU64(ucontext + slot, word)
  }
  return ucontext
}

function symbolizeOne({emulator, world, argument}: Session, hook: Address, pc: Word): HookFrame[] | undefined {
  const {memory} = emulator
  const {refusals} = world.output
  const frames: HookFrame[] = []
  const field = (name: Exclude<keyof typeof SYMBOLIZER_ARG, 'size'>) => memory.u64(argument + SYMBOLIZER_ARG[name])
  memory.setU64(argument + SYMBOLIZER_ARG.pc, pc)
  do {
    emulator.call(hook, BigInt(argument))
    frames.push({
      pc,
      func: textAt(emulator, field('func')),
      file: textAt(emulator, field('file')),
      line: field('lineno'),
      entry: field('entry'),
    })
  } while (field('more') !== 0n && frames.length < FRAMES_PER_PC)
  if (field('more') !== 0n)
    throw new CallEnd('instruction-limit', `it gives more than ${FRAMES_PER_PC} frames for one pc`)
  const knowsNothing = frames.every(({func, file}) => func === null && file === null)
  return knowsNothing && world.output.refusals > refusals ? undefined : frames
}

function textAt({memory}: Emulator, word: Word): string | null {
  if (word === 0n) return null
  return decodeText(memory.cString(toAddress(Number(word)), NAME_MAX), NAME_MAX)
}
