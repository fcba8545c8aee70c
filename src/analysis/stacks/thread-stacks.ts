import {RegisterSet} from '../../amd64/register-set.ts'
import type {Address} from '../../base/address.ts'
import type {CoreThread} from '../../elf/core-file.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import {GOROUTINE_STATUS} from '../../runtime-model/goroutine-status.ts'
import {type Machine, machineInCgo, machineOf} from '../../runtime-model/machine.ts'
import {GoSites} from '../../unwind/go-site.ts'
import {GoStackWalk} from '../../unwind/goroutine-walk.ts'
import type {ForeignStacks, StackSwitches, UnwindFrame} from '../../unwind/unwind-frame.ts'
import {type DeadProcess, isNamelessImage} from '../process/dead-process.ts'
import {CallbackSegments, type CSegment} from './c-segments.ts'
import {findCallBase} from './call-border.ts'
import {faultOf} from './frame-pointer-stack.ts'
import {type FoundStart, WALK_LIMIT} from './goroutine-start.ts'
import {pairMachines} from './machine-pairing.ts'
import {endsProcess} from './signals.ts'
import type {Rejoin} from './stitched-stack.ts'
import {behindHandlers, findOwnFrame, NO_NAMES, onSystemStack, type ThreadStack, walkThread} from './thread-walk.ts'

/** C frames on the stack of an M, or of a thread, that is not in the core. */
const LOST_CALL: CSegment = {frames: [], elided: null, missing: [], landing: undefined, stop: 'unmapped'}

/** What is left free above the first frame of an extra M's goroutine (runtime.oneNewExtraM, proc.go). */
const EXTRA_STACK_START = 4 * 8

/** Who runs what on which thread; walks each thread once, when first asked. */
export class ThreadStacks {
  /** As the Go runtime sees it that these threads are seen by. */
  readonly process: DeadProcess
  /** The same threads as the process's other runtimes see them. */
  #others: readonly ThreadStacks[] = []
  readonly #stacks = new Map<number, ThreadStack>()
  #threads: ReadonlyMap<number, CoreThread> | undefined
  readonly #machines: ReadonlyMap<number, Machine | null>
  readonly #threadIds: ReadonlyMap<Address, number>
  /** Of goroutines whose thread is not in the core. */
  readonly #callbacks = new Map<Address, CallbackSegments>()
  readonly #sites: GoSites | undefined

  /** One for each Go runtime, in the order of `process.images`. */
  static ofImages({images}: DeadProcess): readonly ThreadStacks[] {
    const all = images.map(image => new ThreadStacks(image))
    for (const each of all) each.#others = all.filter(other => other !== each)
    return all
  }

  private constructor(process: DeadProcess) {
    this.process = process
    this.#machines = pairMachines(process)
    this.#sites = process.tables && new GoSites(process.tables, false)
    const runs = [...this.#machines].flatMap(([tid, machine]) => (machine ? [[machine.address, tid] as const] : []))
    this.#threadIds = new Map(runs)
  }

  /** The M that a thread runs; extra Ms of C threads included. */
  machineOf(tid: number): Machine | undefined {
    return this.#machines.get(tid) ?? undefined
  }

  /** Whether the thread is known to have no g: it belongs to C, and is in no call into Go. */
  isWithoutG(tid: number): boolean {
    return this.#machines.get(tid) === null
  }

  /** Whether what a thread runs is known: its M, or that there is none of any runtime, and what that M runs. */
  knowsGoroutine(tid: number | null, machine: Machine | undefined): boolean {
    if (machine) {
      // While a goroutine is parked inside of a callback its M waits for it.
      const address = machine.curg === 0 && machine.ncgo > 0 ? machine.lockedg : machine.curg
      return address === 0 || this.process.runtime?.goroutineAt(address) !== undefined
    }
    return [this, ...this.#others].every(each => each.#knowsMachine(tid))
  }

  #knowsMachine(tid: number | null): boolean {
    const {runtime, tables, buildInfo} = this.process
    if (tid !== null && this.#machines.get(tid) !== undefined) return true
    return runtime ? runtime.hasAllMachines : tables === undefined && buildInfo === undefined
  }

  /** The thread that runs an M; undefined where none of this core does. */
  threadOf(machine: Machine): number | undefined {
    return this.#threadIds.get(machine.address)
  }

  /** Whether the thread's stack leads through a living goroutine. */
  isOnGoroutine(tid: number): boolean {
    const machine = this.machineOf(tid)
    return machine !== undefined && this.goroutineOf(machine) !== undefined
  }

  /**
   * The living goroutine that the stack of an M's thread leads through: the one that it runs, or the one that is parked
   * inside of a callback.
   */
  goroutineOf(machine: Machine): Goroutine | undefined {
    const goroutine = this.goroutineOn(machine) ?? this.#parkedOn(machine)
    return goroutine?.isDead ? undefined : goroutine
  }

  /** The thread whose stack leads through a goroutine; of a g0 the one that runs its M. */
  threadThrough(goroutine: Goroutine): number | undefined {
    const own = machineOf(this.process.runtime, goroutine)
    if (own?.g0 === goroutine.address) return this.threadOf(own)
    const machine = this.#machineOfGoroutine(goroutine)
    const isOn = machine && this.goroutineOf(machine)?.address === goroutine.address
    return isOn ? this.threadOf(machine) : undefined
  }

  /**
   * What an M runs. The M of a C thread keeps a goroutine for the next callback, which waits at runtime.goexit as if in
   * a system call: after the thread has returned from Go (1.21+), or because a signal handler needed an M
   * (runtime.needm, oneNewExtraM).
   */
  goroutineOn(machine: Machine): Goroutine | undefined {
    const {runtime, tables} = this.process
    const goroutine = machine.curg === 0 ? undefined : runtime?.goroutineAt(machine.curg)
    if (!goroutine || machine.ncgo > 0 || goroutine.status.number !== GOROUTINE_STATUS._Gsyscall) return goroutine
    const {syscall, stack} = goroutine
    // It waits at the very start of its stack, where it has called nothing yet.
    const isWaiting = tables
      ? tables.functionAt(syscall.pc)?.funcID === 'goexit'
      : syscall.sp + EXTRA_STACK_START >= stack.hi
    return isWaiting && runtime?.isExtraMachine(machine) ? undefined : goroutine
  }

  /**
   * The goroutine that was parked inside of a callback: C code of this M's thread waits for it, and no other M may run
   * it (runtime.stoplockedm), so that the thread's stack goes on where the goroutine left it.
   */
  #parkedOn(machine: Machine): Goroutine | undefined {
    const {runtime} = this.process
    if (machine.curg !== 0 || machine.lockedg === 0) return undefined
    const goroutine = runtime?.goroutineAt(machine.lockedg)
    if (!goroutine || goroutine.isDead || goroutine.m !== 0 || goroutine.lockedM !== machine.address) return undefined
    return machine.ncgo > 0 || runtime?.isExtraMachine(machine) ? goroutine : undefined
  }

  ofThread(tid: number): ThreadStack | undefined {
    const known = this.#stacks.get(tid)
    if (known) return known
    const thread = this.#threadWith(tid)
    if (!thread) return undefined
    const machine = this.machineOf(tid)
    const goroutine = machine && this.goroutineOn(machine)
    const parked = machine && this.#parkedOn(machine)
    const switches = this.#switchesOn(tid, machine && this.#ownStacks(machine, goroutine ?? parked))
    const stack = walkThread(this.process, {thread, machine, goroutine, parked, switches, sites: this.#sites})
    this.#stacks.set(tid, stack)
    return stack
  }

  /**
   * Where the thread of an M is, behind the frames of handlers. Without function tables what lies beyond the leaf was
   * found from the goroutine, and tells nothing of the thread.
   */
  placeOf(machine: Machine): UnwindFrame | undefined {
    const stack = this.ofMachine(machine)
    return (this.process.tables ? stack : stack?.leaf)?.frames[stack?.innermost ?? 0]
  }

  /** The stack of the thread that runs an M. */
  ofMachine(machine: Machine): ThreadStack | undefined {
    const tid = this.threadOf(machine)
    return tid === undefined ? undefined : this.ofThread(tid)
  }

  /**
   * What a goroutine had called, above its first Go frame at `start`. What its thread does further in is not of it: a
   * callback that is entering Go or leaving it (runtime.cgocallbackg around exitsyscall and reentersyscall) is still in
   * the system call of the cgocall around it, which called the C code below that callback.
   */
  leafOf(goroutine: Goroutine, start: FoundStart): CSegment | undefined {
    const machine = this.#machineOfGoroutine(goroutine)
    const isOnMachine = machine?.curg === goroutine.address
    const stack = isOnMachine && this.goroutineOn(machine) ? this.ofMachine(machine) : undefined
    if (!stack) return this.#hasCalledC(goroutine) ? LOST_CALL : undefined
    const leaf = behindHandlers(stack)
    if (!leaf.landing || leaf.landing.sp >= start.sp) return leaf
    const called = stack.callbacks?.calledFrom(start.sp)
    return called === 'lost' ? {...LOST_CALL, stop: 'no-unwind-info'} : called
  }

  /**
   * Whether a goroutine is in a call from Go into C. Its M counts the calls, and what entersyscall saved stands until
   * it has a P again; but C may have left the call by longjmp, and runtime.cgocall does more than call.
   */
  isInCgo(goroutine: Goroutine): boolean {
    const machine = machineInCgo(this.process.runtime, goroutine)
    if (!machine) return false
    if (machine.curg !== goroutine.address || this.#isInNativeCode(machine)) return true
    const stack = this.ofMachine(machine)
    // What is lost above the goroutine's own frames may have been C.
    if (stack?.leaf.stop !== 'end-of-stack' || stack.leaf.missing.length > 0) return true
    const [first] = livingFrames(stack)
    return first === undefined || !isOnStack(goroutine.stack, first.sp)
  }

  /** Told without a walk of the stack, for most threads that are in C. */
  #isInNativeCode(machine: Machine): boolean {
    const {tables} = this.process
    const tid = this.threadOf(machine)
    const thread = tid === undefined ? undefined : this.#threadWith(tid)
    const pc = thread && RegisterSet.ofUserRegs(thread.registers).pc
    return pc !== undefined && tables !== undefined && tables.functionAt(pc) === undefined
  }

  #threadWith(tid: number): CoreThread | undefined {
    this.#threads ??= new Map(this.process.core.threads.map(thread => [thread.tid, thread]))
    return this.#threads.get(tid)
  }

  /** Whether it is in C by what it saved itself, whatever M it is on. */
  #hasCalledC({status, syscall}: Goroutine): boolean {
    const isAway = status.number === GOROUTINE_STATUS._Gsyscall
    return isAway && this.process.tables?.functionAt(syscall.pc)?.name === 'runtime.cgocall'
  }

  /**
   * Where a goroutine is on its own stack, if that is further out than the runtime takes it to be: C has left calls by
   * longjmp, which a system call or a call of C that began before hides from the runtime.
   */
  rejoinOf(goroutine: Goroutine, start: FoundStart): Rejoin | undefined {
    const {memory, deadline} = this.process
    const machine = this.#machineOfGoroutine(goroutine)
    const stack = machine?.curg === goroutine.address ? this.ofMachine(machine) : undefined
    const sites = this.#sites
    if (!stack || !sites || !start.isSyscall) return undefined
    const found = findOwnFrame(stack, goroutine)
    if (!found || found.sp <= start.sp) return undefined
    const {pc, sp, interrupted, foundBy} = found
    const from = {pc, sp, trap: interrupted, isSyscall: true}
    const walk = () => new GoStackWalk(from, {memory, sites, maxFrames: WALK_LIMIT, deadline})
    return {pc, sp, foundBy, walk}
  }

  /**
   * What a g0 was doing that died in C: the runtime had called it on the system stack, and no walk of Go's tables gets
   * there. Without function tables what lies in the program's own image is Go code where no call of C is in progress.
   */
  systemStackOf(g0: Goroutine): CSegment | undefined {
    const machine = machineOf(this.process.runtime, g0)
    const stack = machine?.g0 === g0.address ? this.ofMachine(machine) : undefined
    const segment = stack && onSystemStack(stack)
    const first = segment?.frames[0]
    return first?.kind === 'native' && !(machine?.ncgo === 0 && isNamelessImage(this.process, first.pc))
      ? segment
      : undefined
  }

  /** The functions that are known, without function tables, on the thread whose stack leads through a goroutine. */
  namesOn(goroutine: Goroutine): ThreadStack['names'] {
    const isAsked = [this, ...this.#others].some(({process}) => !process.tables)
    const tid = isAsked ? this.threadThrough(goroutine) : undefined
    return tid === undefined ? NO_NAMES : this.namesOnThread(tid)
  }

  /** Those that any runtime knows of: the stack of a thread may lead through goroutines of each. */
  namesOnThread(tid: number): ThreadStack['names'] {
    const names = [this, ...this.#others].flatMap(each => {
      const isDying = !each.process.tables && each.machineOf(tid)?.dying
      return isDying ? [...(each.ofThread(tid)?.names ?? [])] : []
    })
    return names.length > 0 ? new Map(names) : NO_NAMES
  }

  /** What had called a goroutine's callbacks; undefined where it has no M that it may be in C on. */
  callbacksOf(goroutine: Goroutine): CallbackSegments | undefined {
    const machine = this.#machineOfGoroutine(goroutine)
    if (!machine) return undefined
    const stack = this.ofMachine(machine)
    if (stack && (stack.goroutine ?? stack.parked)?.address === goroutine.address) return stack.callbacks
    const known = this.#callbacks.get(goroutine.address)
    if (known) return known
    const switches = this.#switchesOn(this.threadOf(machine), this.#ownStacks(machine, goroutine))
    const callbacks = new CallbackSegments(this.process, machine, goroutine, switches, undefined)
    this.#callbacks.set(goroutine.address, callbacks)
    return callbacks
  }

  /** The M that runs a goroutine, or that is kept for it while it is parked inside of a callback. */
  #machineOfGoroutine(goroutine: Goroutine): Machine | undefined {
    const {runtime} = this.process
    const machine = machineOf(runtime, goroutine)
    if (machine?.curg === goroutine.address) return machine
    const locked = goroutine.lockedM === 0 ? undefined : runtime?.machineAt(goroutine.lockedM)
    return locked?.curg === 0 && locked.lockedg === goroutine.address ? locked : undefined
  }

  /** All stacks that a thread has, whichever runtime gave them. */
  #switchesOn<Own extends StackSwitches | undefined>(tid: number | undefined, own: Own): Own | StackSwitches {
    const others = this.#others.flatMap(other => (tid === undefined ? [] : (other.#stacksOn(tid) ?? [])))
    return others.length === 0 ? own : {...(own ?? {g: undefined, g0: undefined}), others}
  }

  /** What this runtime has on a thread, for walks that another one begins. */
  #stacksOn(tid: number): ForeignStacks | undefined {
    const {version, tables} = this.process
    const machine = this.machineOf(tid)
    if (!machine) return undefined
    const goroutine = this.goroutineOn(machine) ?? this.#parkedOn(machine)
    const stacks = this.#ownStacks(machine, goroutine)
    const functionAt = (pc: Address) => tables?.functionAt(pc)
    if (tables) return {...stacks, version, functionAt}
    const callBase = findCallBase(this.process, stacks.g0?.schedSp, goroutine)
    const faultPc = goroutine && faultOf(goroutine)
    return {...stacks, version, functionAt, callBase, faultPc}
  }

  /** The stacks of an M as plain data, for the unwinder. */
  #ownStacks(machine: Machine, goroutine: Goroutine | undefined): Omit<StackSwitches, 'others'> {
    const {runtime} = this.process
    const g0 = runtime?.goroutineAt(machine.g0)
    const gsignal = machine.gsignal === 0 ? undefined : runtime?.goroutineAt(machine.gsignal)
    return {
      g: goroutine && savedStack(goroutine),
      g0: g0 && savedStack(g0),
      gsignal: gsignal && {stackLo: gsignal.stack.lo, stackHi: gsignal.stack.hi},
      vdso: machine.vdso,
    }
  }
}

/** The program's own frames: without those of handlers, and of the runtime as it ends the process. */
function livingFrames({frames, base}: ThreadStack): readonly UnwindFrame[] {
  const own = frames.slice(base)
  return own.slice(own.findLastIndex(({go}) => go && endsProcess(go)) + 1)
}

function savedStack(goroutine: Goroutine) {
  const {stack, sched} = goroutine
  return {stackLo: stack.lo, stackHi: stack.hi, schedSp: sched.sp, schedPc: sched.pc, schedBp: sched.bp}
}
