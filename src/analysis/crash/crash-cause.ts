import {directCallTarget} from '../../amd64/call-encoding.ts'
import {type Address, addressOfWord, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {readAddress} from '../../base/memory-reader.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import {GOROUTINE_STATUS} from '../../runtime-model/goroutine-status.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {type FoundStart, findStart, startLeft} from '../stacks/goroutine-start.ts'
import {findRefusedMorestack} from '../stacks/nameless-morestack.ts'
import {findNamelessThrow, findThrowOfFault} from '../stacks/nameless-throw.ts'
import {isFault} from '../stacks/signals.ts'
import type {ThreadStacks} from '../stacks/thread-stacks.ts'
import type {ThreadStack} from '../stacks/thread-walk.ts'
import {
  describeDeath,
  describePanic,
  describeThrow,
  textsOfFault,
  THROWN_IN_RUNTIME,
  throwingOf,
} from './crash-description.ts'
import {type SignalFacts, signalHeader} from './crash-header.ts'
import {
  earlierFault,
  type FaultSignal,
  faultWithoutRuntime,
  firstFault,
  injectedFault,
  signalPc,
  type ThreadFault,
} from './first-fault.ts'
import {deathOnSystemStack, diedBeforeHandling, diedInHandler, dyingMachine, startBelowDeath} from './runtime-death.ts'
import type {Throwing} from './traceback-level.ts'

/** Why the process died, where, and what the runtime said of it. */
export interface CrashCause {
  kind: 'signal' | 'panic' | 'fatal' | 'none'
  thread: ThreadStack | undefined
  machine: Machine | undefined
  /** The goroutine whose stack the runtime prints first; its g0 where that was on no goroutine. */
  goroutine: Goroutine | undefined
  /** The M's goroutine, printed next where it is not the first. */
  current: Goroutine | undefined
  /**
   * What the M of a C thread keeps for the next callback, and does not run: as m.curg it is printed first all the same
   * (runtime.tracebackothers).
   */
  kept: Goroutine | undefined
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

/** What is known before the kind of death is. */
type CrashBase = Pick<CrashCause, 'thread' | 'machine' | 'current' | 'kept' | 'throwing'>

/** Finds the first fault, whatever the runtime did after it. */
export function findCrashCause(process: DeadProcess, threads: ThreadStacks): CrashCause {
  const machine = dyingMachine(process, threads)
  const tid = (machine && threads.threadOf(machine)) ?? process.core.threads[0]?.tid
  const thread = tid === undefined ? undefined : threads.ofThread(tid)
  const cause = machine && thread && runtimeCrash(process, threads, machine, thread)
  const unseen = cause ? undefined : faultWithoutRuntime(process, threads, thread, machine !== undefined)
  const lost = machine && thread ? lostCause(process, machine, thread) : NO_CRASH
  const found = cause ?? (unseen ? signalledIn(process, unseen) : lost)
  // Whoever sends a signal may do so because of a fault elsewhere: a handler that calls kill, or has another thread
  // abort.
  const {kind, signal} = found
  const wasSent = kind === 'signal' && signal !== undefined && isFault(signal.number) && (signal.code ?? 0) <= 0
  const earlier = wasSent ? earlierFault(process, threads, found) : undefined
  return earlier ? signalledIn(process, earlier) : found
}

/** What a Go runtime died of; undefined where it did not, or of nothing but the signal that another one ended with. */
export function findRuntimeDeath(process: DeadProcess, threads: ThreadStacks): CrashCause | undefined {
  const machine = dyingMachine(process, threads)
  const thread = machine && threads.ofMachine(machine)
  return machine && thread && runtimeCrash(process, threads, machine, thread)
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
  const kept = current || machine.curg === NULL_ADDRESS ? undefined : runtime?.goroutineAt(machine.curg)
  const base = {thread, machine, current, kept, throwing: throwingOf(process, machine)}
  const isUnhandled = diedBeforeHandling(process, thread)
  if (!isUnhandled && diedInHandler(process, thread)) return signalCrash(process, base, thread, machine, g0)
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
  const onSystemStack = g0 && systemStackCrash(process, base, thread, g0)
  if (onSystemStack) return isUnhandled ? {...onSystemStack, kind: 'signal', signal: firstFault(thread)} : onSystemStack
  const byFrames = process.tables && signalCrash(process, base, thread, machine, g0)
  return byFrames ?? deathByRecords(process, base, g0) ?? signalCrash(process, base, thread, machine, g0)
}

/** A throw on a system stack. */
function systemStackCrash(
  process: DeadProcess,
  base: CrashBase,
  thread: ThreadStack,
  g0: Goroutine,
): CrashCause | undefined {
  const {current} = base
  const death = deathOnSystemStack(process, thread)
  if (!death) return undefined
  // A goroutine that the runtime believes in a system call is printed from there, and no other stack.
  const thrower = current && isOnStack(current.stack, death.start.sp) ? current : g0
  const runtimeStack = thrower === g0 ? {g0, start: death.start} : undefined
  const described = describeDeath(process, thrower, current, death, thread)
  return {...base, ...described, goroutine: current, start: undefined, runtimeStack}
}

/**
 * Without function tables, or where its frames are lost or were written over, no frame says that the runtime was dying,
 * but its records do: panics that nobody recovered, or a throw without a signal that was caught.
 */
function deathByRecords(process: DeadProcess, base: CrashBase, g0: Goroutine | undefined): CrashCause | undefined {
  const {current, machine, thread} = base
  if (machine?.caughtsig !== 0) return undefined
  const whole = {...base, goroutine: current, start: undefined, runtimeStack: undefined, duringCgo: false}
  const place = base.throwing === 0 ? undefined : placeOfThrow(process, {current, machine, g0, thread})
  // A signal that sigpanic got on a g0 can only have become this throw (runtime.sigpanic, signal_unix.go), whatever
  // panic was on its way.
  if (base.throwing !== 0 && g0 !== undefined && g0.signal.number !== 0) {
    const described = describeThrow(process, g0, current, THROWN_IN_RUNTIME)
    return {...whole, ...place, ...described, duringCgo: described.duringCgo || cameDuringCgo(process, machine)}
  }
  // A panic may have become a throw: fatalpanic alone ends the process without one.
  if (base.throwing === 0 && current?.panics.some(({recovered, goexit}) => !recovered && !goexit)) {
    return {...whole, ...describePanic(process, current)}
  }
  // The scheduler throws when the goroutine has left the M; what threw on a system stack keeps no signal of that one.
  const thrower = base.throwing === 0 ? undefined : (place?.runtimeStack?.g0 ?? current ?? g0)
  const start = place?.start && thrower === current ? place.start : undefined
  const likely = start && current && findThrowOfFault(process, current, start) ? textsOfFault(current) : []
  return thrower && {...whole, ...place, ...describeThrow(process, thrower, current, null, [], likely)}
}

/**
 * Where the runtime begins to print what threw: on the goroutine's own stack, or on that of g0, which the goroutine had
 * left itself for.
 */
function placeOfThrow(
  process: DeadProcess,
  {current, machine, thread, g0}: Pick<CrashBase, 'current' | 'machine' | 'thread'> & {g0: Goroutine | undefined},
): Pick<CrashCause, 'start' | 'runtimeStack'> | undefined {
  if (process.tables) return undefined
  const onGoroutine = current && findNamelessThrow(process, current, current.sched.sp)
  if (onGoroutine) return {start: onGoroutine, runtimeStack: undefined}
  const lowest = thread?.frames.find(({sp}) => g0 && isOnStack(g0.stack, sp))
  const onSystemStack = g0 && lowest && findNamelessThrow(process, g0, lowest.sp)
  if (!onSystemStack) return undefined
  const start = current && machine && startLeft(process, current, machine, lowest.sp)
  return {start, runtimeStack: {g0, start: onSystemStack}}
}

/** runtime.fatalsignal: no Go frame says so, but the handler's. */
function signalCrash(
  process: DeadProcess,
  base: CrashBase,
  thread: ThreadStack,
  machine: Machine,
  g0: Goroutine | undefined,
): CrashCause | undefined {
  const signal = injectedFault(thread, g0) ?? firstFault(thread)
  if (!signal) return undefined
  const onG0 = machine.caughtsig === machine.g0 || (!tellsCaught(machine) && !isOnGoroutine(thread))
  const duringCgo = onG0 && base.current !== undefined && cameDuringCgo(process, machine)
  const goroutine = onG0 && !duringCgo ? g0 : base.current
  const registers = signal.registers
  const sp = registers?.sp
  // In a system call, traceback1 goes by what entersyscall saved, not by the signal's pc.
  const inSyscall = goroutine?.status.number === GOROUTINE_STATUS._Gsyscall
  const isOfGoroutine = goroutine && sp !== undefined && !inSyscall && isWhere(goroutine, sp, base)
  const start: FoundStart | undefined = isOfGoroutine
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
    header: [
      ...linesBeforeAbort(process, signal, g0),
      ...signalHeader({...signalFacts(process, signal), m: machine.id, duringCgo}, process),
    ],
  }
}

const MORESTACK_ON_G0 = 'fatal: morestack on g0'
/** What the runtime says right before it aborts: by the call before that of abort (morestack, asm_amd64.s). */
const SAID_BEFORE_ABORT: ReadonlyMap<string | undefined, string> = new Map([
  ['runtime.badmorestackg0', MORESTACK_ON_G0],
  ['runtime.badmorestackgsignal', 'fatal: morestack on gsignal'],
])
/** `call rel32`. */
const CALL_SIZE = 5

/** abort has no frame: where it returns to is on top of the stack. */
function linesBeforeAbort(process: DeadProcess, {pc, registers}: FaultSignal, g0: Goroutine | undefined): string[] {
  const {tables, memory} = process
  const sp = registers?.sp
  if (!tables) return refusesMorestack(process, sp, g0) ? [MORESTACK_ON_G0] : []
  if (sp === undefined || tables.functionAt(toAddress(pc - 1))?.name !== 'runtime.abort') return []
  const returnPc = readAddress(memory, sp)
  if (returnPc === undefined || tables.functionAt(returnPc)?.name !== 'runtime.morestack') return []
  const said = directCallTarget(memory, toAddress(returnPc - CALL_SIZE))
  const line = said === undefined ? undefined : SAID_BEFORE_ABORT.get(tables.functionAt(said)?.name)
  return line === undefined ? [] : [line]
}

/** Of a fault that g0 keeps it was the stack of g0 that sigpanic took it to be on. */
function refusesMorestack(process: DeadProcess, sp: Address | undefined, g0: Goroutine | undefined): boolean {
  const fault = g0 && g0.signal.number !== 0 ? addressOfWord(g0.signal.pc) : undefined
  return fault !== undefined && findRefusedMorestack(process, sp, fault) !== undefined
}

/**
 * Whether a goroutine was at `sp`. Where C had called Go on a stack of its own making, a g0 is there too, beyond its
 * bounds: traceback1 prints it from the signal's place wherever that is.
 */
function isWhere({id, stack}: Goroutine, sp: Address, {current}: CrashBase): boolean {
  if (isOnStack(stack, sp)) return true
  return id === 0 && !(current && isOnStack(current.stack, sp))
}

/**
 * Whether m.caughtsig tells what the fault found running: a second signal that came while the handler of the first was
 * ending the process (crash of Go 1.7 sends SIGQUIT round) found gsignal there.
 */
function tellsCaught({caughtsig, gsignal}: Machine): boolean {
  return caughtsig !== 0 && caughtsig !== gsignal
}

/** The runtime's own test (1.18+: m.incgo; before, only for a goroutine that is locked to its thread). */
function cameDuringCgo({version}: DeadProcess, machine: Machine): boolean {
  return version.atLeast(18) ? machine.incgo : machine.lockedg !== 0 && machine.ncgo > 0
}

function isOnGoroutine({frames, base, goroutine}: ThreadStack): boolean {
  const frame = frames[base]
  return goroutine !== undefined && frame !== undefined && isOnStack(goroutine.stack, frame.sp)
}

const NO_CRASH: CrashCause = {
  kind: 'none',
  thread: undefined,
  machine: undefined,
  goroutine: undefined,
  current: undefined,
  kept: undefined,
  start: undefined,
  runtimeStack: undefined,
  signal: undefined,
  duringCgo: false,
  message: null,
  header: [],
  throwing: 0,
}

/** The M of a runtime that was dying of a signal, whose handler's stack is not in the core. */
function lostCause(process: DeadProcess, machine: Machine, thread: ThreadStack): CrashCause {
  const {goroutine} = thread
  const header = ['Signal ? (which one is not in the core)', `PC=? m=${machine.id}`]
  const base = {...NO_CRASH, thread, machine, goroutine, current: goroutine}
  return {...base, kind: 'signal', throwing: throwingOf(process, machine), header}
}

/** A signal on a thread that no Go runtime saw die. */
function signalledIn(process: DeadProcess, {thread, signal}: ThreadFault): CrashCause {
  const {machine, goroutine} = thread
  const duringCgo = machine !== undefined && goroutine !== undefined && machine.ncgo > 0 && !isOnGoroutine(thread)
  const facts = signal.isPlaceLost ? {...signalFacts(process, signal), pc: undefined} : signalFacts(process, signal)
  const header = signalHeader({...facts, m: machine?.id ?? null, duringCgo}, process)
  return {...NO_CRASH, kind: 'signal', thread, machine, goroutine, current: goroutine, signal, duringCgo, header}
}

function signalFacts({core, memory}: DeadProcess, signal: FaultSignal): Omit<SignalFacts, 'm' | 'duringCgo'> {
  const {pc} = signal
  const toPageEnd = core.pageSize - (pc % core.pageSize)
  return {
    signal: signal.number,
    code: signal.code,
    pc: signalPc(signal),
    faultAddress: signal.address,
    instruction: memory.read(pc, Math.min(16, toPageEnd)),
  }
}
