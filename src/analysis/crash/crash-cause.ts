import {type RegisterSet, wordOfPlace} from '../../amd64/register-set.ts'
import {DWARF_REGISTER} from '../../amd64/registers.ts'
import {SI_USER} from '../../amd64/signal-numbers.ts'
import type {Address, Word} from '../../base/address.ts'
import type {CoreThread} from '../../elf/core-file.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {GOROUTINE_STATUS} from '../../runtime-model/goroutine-status.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import {walkGoStack} from '../../unwind/goroutine-walk.ts'
import {type DeadProcess, holds} from '../process/dead-process.ts'
import {type FoundStart, findStart} from '../stacks/goroutine-start.ts'
import {findFirstFault, heldFrames, isFault, isRaisedAgain, killingSignal} from '../stacks/signals.ts'
import type {ThreadStacks} from '../stacks/thread-stacks.ts'
import type {ThreadStack} from '../stacks/thread-walk.ts'
import {describeDeath, describePanic, describeThrow, savedSignal, throwingOf} from './crash-description.ts'
import {signalHeader} from './crash-header.ts'
import type {Throwing} from './traceback-level.ts'

/** The signal that began it all. */
export interface FaultSignal {
  number: number
  /** undefined where neither a signal frame nor NT_SIGINFO (kernels before 3.7) tells it. */
  code: number | undefined
  address: Word
  pc: Address
  registers: RegisterSet | undefined
}

/** Where it was, as the register had it: a jump may lead to what is no address. */
export function signalPc({pc, registers}: FaultSignal): Address | Word {
  return wordOfPlace(pc, registers, DWARF_REGISTER.rip)
}

/** Why the process died, where, and what the runtime said of it. */
export interface CrashCause {
  kind: 'signal' | 'panic' | 'fatal' | 'none'
  thread: ThreadStack | undefined
  machine: Machine | undefined
  /** The goroutine whose stack the runtime prints first; its g0 where that was on no goroutine. */
  goroutine: Goroutine | undefined
  /** The M's goroutine, printed next where it is not the first. */
  current: Goroutine | undefined
  /** Where the printed Go frames of `goroutine` begin; the frames of dying are left out. */
  start: FoundStart | undefined
  /** Where `runtime stack:` begins; undefined where none is printed. */
  runtimeStack: {g0: Goroutine; start: FoundStart} | undefined
  signal: FaultSignal | undefined
  duringCgo: boolean
  message: string | null
  header: string[]
  throwing: Throwing
}

/**
 * Functions of the runtime that print and end the process; a traceback begins with the caller of the outermost of them.
 */
const DEATH = new Set(['runtime.fatalpanic', 'runtime.fatalthrow', 'runtime.dopanic'])
/** How far from the innermost frame dying is looked for. */
const DEATH_DEPTH = 32

/** Finds the first fault, whatever the runtime did after it. */
export function findCrashCause(process: DeadProcess, threads: ThreadStacks): CrashCause {
  const machine = dyingMachine(process, threads)
  const tid = (machine && threads.threadOf(machine)) ?? process.core.threads[0]?.tid
  const thread = tid === undefined ? undefined : threads.ofThread(tid)
  const cause = machine && thread && runtimeCrash(process, threads, machine, thread)
  const found = cause ?? nativeCrash(process, threads, thread)
  // Whoever sends a signal may do so because of a fault elsewhere: a handler that calls kill, or has another thread
  // abort.
  const {kind, signal} = found
  const wasSent = kind === 'signal' && signal !== undefined && isFault(signal.number) && (signal.code ?? 0) <= 0
  return (wasSent ? earlierFault(process, threads, found) : undefined) ?? found
}

/**
 * The M that died first. Of several the one that has printed and now waits for the others (runtime.dopanic_m:
 * lock(&deadlock)), then the first in the core.
 */
function dyingMachine({runtime, core}: DeadProcess, threads: ThreadStacks): Machine | undefined {
  const dying = (runtime?.machines ?? []).filter(
    machine => machine.dying > 0 && threads.threadOf(machine) !== undefined,
  )
  if (dying.length < 2) return dying[0]
  const order = new Map(core.threads.map(({tid}, index) => [tid, index]))
  const rank = (machine: Machine): number =>
    (hasPrinted(threads.ofMachine(machine)) ? 0 : core.threads.length) +
    (order.get(threads.threadOf(machine) ?? 0) ?? 0)
  return dying.sort((a, b) => rank(a) - rank(b))[0]
}

function hasPrinted(thread: ThreadStack | undefined): boolean {
  const names = (thread?.frames ?? []).map(({go}) => go?.name)
  const dopanic = names.indexOf('runtime.dopanic_m')
  return dopanic > 0 && names.slice(0, dopanic).some(name => name?.startsWith('runtime.lock') === true)
}

function runtimeCrash(
  process: DeadProcess,
  threads: ThreadStacks,
  machine: Machine,
  thread: ThreadStack,
): CrashCause | undefined {
  const {runtime} = process
  const current = thread.goroutine
  const g0 = runtime?.goroutineAt(machine.g0)
  const base = {thread, machine, current, throwing: throwingOf(process, machine)}
  if (diedInHandler(thread)) return signalCrash(process, base, thread, machine, g0)
  const onGoroutine = current && startBelowDeath(process, findStart(process, threads, current), false)
  if (onGoroutine && current) {
    return {
      ...base,
      ...describeDeath(process, current, current, onGoroutine, undefined),
      goroutine: current,
      start: onGoroutine.start,
      runtimeStack: undefined,
    }
  }
  const onSystemStack = g0 && deathOnSystemStack(thread)
  if (onSystemStack && g0) {
    const runtimeStack = {g0, start: onSystemStack.start}
    return {
      ...base,
      ...describeDeath(process, g0, current, onSystemStack, thread),
      goroutine: current,
      start: undefined,
      runtimeStack,
    }
  }
  return deathByRecords(process, base, g0) ?? signalCrash(process, base, thread, machine, g0)
}

/**
 * Whether a throw or panic came while a fault was being handled: by the runtime that was printing it, or by a handler
 * that called Go.
 */
function diedInHandler({frames, interruptions}: ThreadStack): boolean {
  const death = frames.findIndex(({go}) => go !== undefined && DEATH.has(go.name))
  const fault = findFirstFault(frames, interruptions)
  return death >= 0 && fault?.signal !== undefined && fault.index > death
}

/**
 * Without function tables no frame says that the runtime was dying, but its records do: panics that nobody recovered,
 * or a throw without a signal that was caught.
 */
function deathByRecords(
  process: DeadProcess,
  base: Pick<CrashCause, 'thread' | 'machine' | 'current' | 'throwing'>,
  g0: Goroutine | undefined,
): CrashCause | undefined {
  const {current, machine} = base
  if (process.tables || !current || machine?.caughtsig !== 0) return undefined
  const whole = {...base, goroutine: current, start: undefined, runtimeStack: undefined, duringCgo: false}
  if (current.panics.some(({recovered, goexit}) => !recovered && !goexit)) {
    return {...whole, ...describePanic(process, current)}
  }
  if (base.throwing === 0) return undefined
  // A signal that sigpanic got on a g0 can only have become this throw (runtime.sigpanic, signal_unix.go).
  const onG0 = g0 !== undefined && g0.signal.number !== 0
  const message = onG0 ? 'unexpected signal during runtime execution' : null
  return {...whole, ...describeThrow(process, onG0 ? g0 : current, current, message)}
}

/** runtime.fatalsignal: no Go frame says so, but the handler's. */
function signalCrash(
  process: DeadProcess,
  base: Pick<CrashCause, 'thread' | 'machine' | 'current' | 'throwing'>,
  thread: ThreadStack,
  machine: Machine,
  g0: Goroutine | undefined,
): CrashCause | undefined {
  const signal = injectedFault(thread, g0) ?? firstFault(thread)
  if (!signal) return undefined
  const onG0 = machine.caughtsig === machine.g0 || (machine.caughtsig === 0 && !isOnGoroutine(thread))
  const duringCgo = onG0 && base.current !== undefined && cameDuringCgo(process, machine)
  const goroutine = onG0 && !duringCgo ? g0 : base.current
  const registers = signal.registers
  const sp = registers?.sp
  // In a system call, traceback1 goes by what entersyscall saved, not by the signal's pc.
  const inSyscall = goroutine?.status.number === GOROUTINE_STATUS._Gsyscall
  const start: FoundStart | undefined =
    goroutine && !inSyscall && sp !== undefined && holds(goroutine.stack, sp)
      ? {pc: signal.pc, sp, trap: true, isSyscall: false, foundBy: 'signal-frame'}
      : undefined
  return {
    ...base,
    kind: 'signal',
    goroutine,
    start: duringCgo ? undefined : start,
    runtimeStack: undefined,
    signal,
    duringCgo,
    message: null,
    header: signalLines(process, signal, machine.id, duringCgo),
  }
}

/**
 * Up to 1.20: the fault that the runtime made a call of sigpanic of, where that call could not even throw (on a signal
 * stack).
 */
function injectedFault({frames, interruptions}: ThreadStack, g0: Goroutine | undefined): FaultSignal | undefined {
  const first = findFirstFault(frames, interruptions)
  const saved = first && !first.signal && g0 ? savedSignal(g0).signal : undefined
  const frame = first && frames[first.index]
  return saved && frame && frame.pc === saved.pc ? {...saved, registers: frame.registers} : undefined
}

/** The runtime's own test (1.18+: m.incgo; before, only for a goroutine that is locked to its thread). */
function cameDuringCgo({version}: DeadProcess, machine: Machine): boolean {
  return version.atLeast(18) ? machine.incgo : machine.lockedg !== 0 && machine.ncgo > 0
}

function isOnGoroutine({frames, base, goroutine}: ThreadStack): boolean {
  const frame = frames[base]
  return goroutine !== undefined && frame !== undefined && holds(goroutine.stack, frame.sp)
}

const NO_CRASH: CrashCause = {
  kind: 'none',
  thread: undefined,
  machine: undefined,
  goroutine: undefined,
  current: undefined,
  start: undefined,
  runtimeStack: undefined,
  signal: undefined,
  duringCgo: false,
  message: null,
  header: [],
  throwing: 0,
}

/** No Go runtime saw it die: a C thread, a kernel core without Go's handler, or a live process. */
function nativeCrash(process: DeadProcess, threads: ThreadStacks, first: ThreadStack | undefined): CrashCause {
  const thread = diesOf(process, first) ? first : findFaultingThread(process, threads, () => true)
  if (!thread) return NO_CRASH
  const signal = firstFault(thread) ?? lastSignal(process, thread)
  return signal ? signalledIn(process, thread, signal) : NO_CRASH
}

function signalledIn(process: DeadProcess, thread: ThreadStack, signal: FaultSignal): CrashCause {
  const {machine, goroutine} = thread
  const duringCgo = machine !== undefined && goroutine !== undefined && machine.ncgo > 0 && !isOnGoroutine(thread)
  const header = signalLines(process, signal, machine?.id ?? null, duringCgo)
  return {...NO_CRASH, kind: 'signal', thread, machine, goroutine, current: goroutine, signal, duringCgo, header}
}

/**
 * A fault on another thread, whose handler has not come to its end: one of the processor's, or any where kill ended the
 * process, for that thread may be the one that called it.
 */
function earlierFault(
  process: DeadProcess,
  threads: ThreadStacks,
  {thread: known, signal: last}: CrashCause,
): CrashCause | undefined {
  const isEarlier = ({code = 0}: {code?: number | undefined}): boolean => code > 0 || last?.code === SI_USER
  const isCandidate = (thread: CoreThread): boolean =>
    thread.tid !== known?.thread.tid &&
    heldFrames(process, thread).some(frame => isFault(frame.signal) && isEarlier(frame))
  const thread = findFaultingThread(process, threads, isCandidate)
  const signal = thread && firstFault(thread)
  return signal && isFault(signal.number) && isEarlier(signal) ? signalledIn(process, thread, signal) : undefined
}

function diesOf(process: DeadProcess, thread: ThreadStack | undefined): boolean {
  const pc = thread?.frames[0]?.pc
  return thread !== undefined && pc !== undefined && killingSignal(process, thread.thread.tid, pc) !== undefined
}

/** The first thread that handles a fault. */
function findFaultingThread(
  {core}: DeadProcess,
  threads: ThreadStacks,
  isCandidate: (thread: CoreThread) => boolean,
): ThreadStack | undefined {
  for (const candidate of core.threads) {
    const thread = isCandidate(candidate) ? threads.ofThread(candidate.tid) : undefined
    if (thread && findFirstFault(thread.frames, thread.interruptions)) return thread
  }
  return undefined
}

/** The signal that the kernel ended the process with, where no handler saw it. */
function lastSignal({core: {signal}}: DeadProcess, {frames: [frame]}: ThreadStack): FaultSignal | undefined {
  if (!signal || !frame) return undefined
  const {number, code, address = 0n} = signal
  return {number, code, address, pc: frame.pc, registers: frame.registers}
}

/**
 * The oldest fault on the thread's stack; a signal that does not kill (preemption, profiling) is not one, unless
 * nothing else is there.
 */
function firstFault({frames, interruptions, base}: ThreadStack): FaultSignal | undefined {
  const signals = interruptions.filter(({index, signal}) => signal !== undefined && !isRaisedAgain(frames, index))
  // Where no handler saw the fault, what others handled is not it.
  const found = findFirstFault(frames, signals) ?? (base > 0 ? signals.at(-1) : undefined)
  if (!found?.signal) return undefined
  const {signal, code, faultAddress, pc} = found.signal
  return {number: signal, code, address: faultAddress, pc, registers: frames[found.index]?.registers}
}

function signalLines(process: DeadProcess, signal: FaultSignal, m: number | null, duringCgo: boolean): string[] {
  const {pc} = signal
  const toPageEnd = process.core.pageSize - (pc % process.core.pageSize)
  const facts = {
    signal: signal.number,
    code: signal.code,
    pc: signalPc(signal),
    faultAddress: signal.address,
    m,
    duringCgo,
    instruction: process.memory.read(pc, Math.min(16, toPageEnd)),
  }
  return signalHeader(facts, process.version)
}

export interface Death {
  /** `runtime.fatalpanic`, … */
  by: string
  /** The function that called it: `runtime.throw`, `runtime.fatal`, `runtime.gopanic`. */
  caller: string
  start: FoundStart
  /** The caller's frame, where its argument lies. */
  frame: {sp: Address; fp: Address}
}

/** Where the printed frames of another goroutine that was dying too begin; undefined for one that was not. */
export function findStartOfDying(
  process: DeadProcess,
  threads: ThreadStacks,
  goroutine: Goroutine,
): FoundStart | undefined {
  const machine = goroutine.m === 0 ? undefined : process.runtime?.machineAt(goroutine.m)
  if (!machine || machine.dying <= 0 || machine.curg !== goroutine.address) return undefined
  return startBelowDeath(process, findStart(process, threads, goroutine), false)?.start
}

/** The first frame below the functions that end the process, on a goroutine's or a g0's own stack. */
function startBelowDeath(process: DeadProcess, from: FoundStart, onSystemStack: boolean): Death | undefined {
  const {memory, tables} = process
  if (!tables) return undefined
  let by: string | undefined
  let found: Death | undefined
  let depth = 0
  for (const frame of walkGoStack(from, {memory, tables, onSystemStack, maxFrames: DEATH_DEPTH})) {
    const {name} = frame.fn
    if (by !== undefined) {
      const start: FoundStart = {pc: frame.pc, sp: frame.sp, trap: false, isSyscall: false, foundBy: 'pcsp'}
      found ??= {by, caller: name, start, frame: {sp: frame.sp, fp: frame.fp}}
      by = undefined
    }
    // `throw` inside of dying (panic during panic) dies again: the outermost counts.
    if (DEATH.has(name)) {
      by = name
      found = undefined
    }
    if (++depth > DEATH_DEPTH) break
  }
  return found
}

/** A throw on a g0 or gsignal stack: the frames are those of the thread itself. */
function deathOnSystemStack(thread: ThreadStack): Death | undefined {
  const {frames} = thread
  const index = frames.findIndex(({go}) => go !== undefined && DEATH.has(go.name))
  const caller = frames[index + 1]
  const by = frames[index]?.go?.name
  if (index < 0 || !caller?.go || by === undefined) return undefined
  const start: FoundStart = {pc: caller.pc, sp: caller.sp, trap: false, isSyscall: false, foundBy: 'pcsp'}
  return {by, caller: caller.go.name, start, frame: {sp: caller.sp, fp: caller.cfa ?? caller.sp}}
}
