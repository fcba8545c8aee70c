import {RegisterSet} from '../../amd64/register-set.ts'
import type {SignalFrame} from '../../amd64/signal-context.ts'
import {type Address, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import type {CoreThread} from '../../elf/core-file.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {GOROUTINE_STATUS} from '../../runtime-model/goroutine-status.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import {applyRow} from '../../unwind/apply-row.ts'
import {findLeftFrame, findSignalFrames, SIGNAL_ROW} from '../../unwind/signal-frame.ts'
import type {FoundBy, StackSwitches, StopReason, UnwindFrame} from '../../unwind/unwind-frame.ts'
import {type DeadProcess, holds} from '../process/dead-process.ts'
import {isFault} from '../process/signal-names.ts'
import {findBase, findFirstFault, findInterruptions, type Interruption, isInjectedIntoC} from './interruptions.ts'
import {killingSignal} from './killing-signal.ts'
import {pairMachines} from './machine-pairing.ts'
import {withReason} from './signal-reason.ts'

type Frame = UnwindFrame

/** All that one thread was doing, from its registers out, across every stack it was on. */
export interface ThreadStack {
  thread: CoreThread
  machine: Machine | undefined
  /** m.curg; undefined while C runs on a thread of its own that is in no callback, whatever M waits for its next one. */
  goroutine: Goroutine | undefined
  /** The goroutine that the thread waits for because C code of it had called Go. */
  parked: Goroutine | undefined
  frames: readonly Frame[]
  stop: StopReason
  /** Innermost first. */
  interruptions: readonly Interruption[]
  /** Index of the first frame that is the program's own: behind the runtime's signal handlers. */
  base: number
}

/** Walks each thread once, when first asked. */
export class ThreadStacks {
  readonly #process: DeadProcess
  readonly #stacks = new Map<number, ThreadStack>()
  readonly #machines: ReadonlyMap<number, Machine | null>
  readonly #threadIds: ReadonlyMap<Address, number>

  constructor(process: DeadProcess) {
    this.#process = process
    this.#machines = pairMachines(process)
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

  /** The thread that runs an M; undefined where none of this core does. */
  threadOf(machine: Machine): number | undefined {
    return this.#threadIds.get(machine.address)
  }

  /** Whether the thread runs a living goroutine, or waits for one that C called. */
  isOnGoroutine(tid: number): boolean {
    const machine = this.machineOf(tid)
    const goroutine = machine && this.goroutineOn(machine)
    if (goroutine) return !goroutine.isDead
    return machine !== undefined && this.#parkedOn(machine) !== undefined
  }

  /**
   * What an M runs. The M of a C thread keeps a goroutine for the next callback, which waits at runtime.goexit as if in a system call:
   * after the thread has returned from Go (1.21+), or because a signal handler needed an M (runtime.needm, oneNewExtraM).
   */
  goroutineOn(machine: Machine): Goroutine | undefined {
    const {runtime, tables} = this.#process
    const goroutine = machine.curg === 0 ? undefined : runtime?.goroutineAt(machine.curg)
    if (!goroutine || machine.ncgo > 0 || goroutine.status.number !== GOROUTINE_STATUS._Gsyscall) return goroutine
    const isWaiting = tables?.functionAt(goroutine.syscall.pc)?.funcID === 'goexit'
    return isWaiting && runtime?.isExtraMachine(machine) ? undefined : goroutine
  }

  /**
   * The goroutine that was parked inside of a callback: C code of this M's thread waits for it, and no other M may run it
   * (runtime.stoplockedm), so that the thread's stack goes on where the goroutine left it.
   */
  #parkedOn(machine: Machine): Goroutine | undefined {
    const {runtime} = this.#process
    if (machine.curg !== 0 || machine.lockedg === 0) return undefined
    const goroutine = runtime?.goroutineAt(machine.lockedg)
    if (!goroutine || goroutine.isDead || goroutine.m !== 0 || goroutine.lockedM !== machine.address) return undefined
    return machine.ncgo > 0 || runtime?.isExtraMachine(machine) ? goroutine : undefined
  }

  ofThread(tid: number): ThreadStack | undefined {
    const known = this.#stacks.get(tid)
    if (known) return known
    const thread = this.#process.core.threads.find(candidate => candidate.tid === tid)
    if (!thread) return undefined
    const stack = this.#walk(thread)
    this.#stacks.set(tid, stack)
    return stack
  }

  /** The stack of the thread that runs an M. */
  ofMachine(machine: Machine): ThreadStack | undefined {
    const tid = this.threadOf(machine)
    return tid === undefined ? undefined : this.ofThread(tid)
  }

  #walk(thread: CoreThread): ThreadStack {
    const machine = this.machineOf(thread.tid)
    const goroutine = machine && this.goroutineOn(machine)
    const parked = machine && this.#parkedOn(machine)
    const switches = machine && this.switchesOf(machine, goroutine ?? parked)
    const registers = RegisterSet.ofUserRegs(thread.registers)
    let {frames, stop} = this.#collect(registers, 'context', switches)
    const gsignal = machine && machine.gsignal !== 0 ? this.#process.runtime?.goroutineAt(machine.gsignal) : undefined
    const handler = gsignal ? handlerFrames(frames, gsignal) : frames
    const outside = gsignal && this.#escapeHandler(gsignal, handler)
    const interruptions: Interruption[] = []
    if (outside) {
      const outer = this.#collect(outside.registers, 'signal-frame', switches)
      frames = [...handler, ...outer.frames]
      stop = outer.stop
      interruptions.push({index: handler.length, signal: outside.signal, isPlumbing: true})
    }
    const called = machine && this.#findWildCall(machine, frames)
    if (called) {
      const outer = this.#collect(called.registers, 'gobuf', switches)
      frames = [...frames.slice(0, called.index), ...outer.frames]
      stop = outer.stop
    }
    interruptions.push(...findInterruptions(this.#process, frames, gsignal))
    interruptions.sort((a, b) => a.index - b.index)
    const left = this.#leftHandler(thread, interruptions, frames, registers, gsignal)
    if (left) interruptions.unshift({index: 0, signal: left, isPlumbing: false})
    const base = findBase(
      frames,
      interruptions,
      killingSignal(this.#process, thread.tid, frames[0]?.pc ?? NULL_ADDRESS),
    )
    return {thread, machine, goroutine, parked, frames, stop, interruptions, base}
  }

  /**
   * A handler that raises its signal again lives until it returns, for the signal is blocked while it runs; then the kernel ends the
   * process at the place of the fault, with a signal that somebody sent. What was left of the handler's frame knows better.
   */
  #leftHandler(
    thread: CoreThread,
    interruptions: readonly Interruption[],
    frames: readonly Frame[],
    registers: RegisterSet,
    gsignal: Goroutine | undefined,
  ): SignalFrame | undefined {
    const killedBy = killingSignal(this.#process, thread.tid, frames[0]?.pc ?? NULL_ADDRESS)
    const wasSent = (this.#process.core.signal?.code ?? 1) <= 0
    if (killedBy === undefined || !wasSent || findFirstFault(frames, interruptions)) return undefined
    const frame = findLeftFrame(this.#process.memory, registers, gsignal?.stack)
    if (!frame) return undefined
    // Without SA_SIGINFO a siginfo of some older handler may be there.
    if (isFault(frame.signal) && frame.code > 0) return frame
    const signal = withReason(this.#process, {...frame, signal: 0}, registers)
    return isFault(signal.signal) ? signal : undefined
  }

  #collect(registers: RegisterSet, foundBy: FoundBy, switches: StackSwitches | undefined) {
    const frames: Frame[] = []
    const walk = this.#process.unwinder.frames(
      {registers, foundBy, exactPc: true},
      {frameLimit: this.#process.maxFrames, switches},
    )
    for (;;) {
      const next = walk.next()
      if (next.done) return {frames, stop: next.value}
      frames.push(next.value)
    }
  }

  /** Where the handler's own frames could not be walked: the outermost signal frame on the M's signal stack, found by its shape. */
  #escapeHandler(
    gsignal: Goroutine,
    frames: readonly Frame[],
  ): {registers: RegisterSet; signal: SignalFrame} | undefined {
    const {memory} = this.#process
    const sp = frames.at(-1)?.sp
    if (sp === undefined || !holds(gsignal.stack, sp)) return undefined
    for (const signal of findSignalFrames(memory, {start: sp, end: gsignal.stack.hi})) {
      if (holds(gsignal.stack, signal.sp)) continue
      const registers = applyRow(SIGNAL_ROW, RegisterSet.ofPosition(NULL_ADDRESS, signal.ucontext), memory)?.caller
      return registers && {registers, signal}
    }
    return undefined
  }

  /**
   * C called a null function: then the runtime lets sigpanic return to the caller (up to 1.20, runtime.shouldPushSigpanic), and the
   * place that faulted, which g.sigpc knows, is on no stack.
   */
  #findWildCall(machine: Machine, frames: readonly Frame[]): {index: number; registers: RegisterSet} | undefined {
    const signal = this.#process.runtime?.goroutineAt(machine.g0)?.signal
    if (!signal || signal.number === 0 || signal.pc !== 0n) return undefined
    const index = frames.findIndex((frame, at) => isInjectedIntoC(frame, frames[at + 1])) + 1
    const sp = frames[index]?.sp
    if (index === 0 || sp === undefined) return undefined
    return {index, registers: RegisterSet.ofPosition(NULL_ADDRESS, toAddress(sp - 8))}
  }

  /** The stacks of an M as plain data, for the unwinder. */
  switchesOf(machine: Machine, goroutine: Goroutine | undefined): StackSwitches {
    const {runtime} = this.#process
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

/**
 * The frames on the M's signal stack, where the walk left it without meeting the kernel's frame: by a frame pointer, for the handler is
 * entered with that of the code it interrupted. Else all frames.
 */
function handlerFrames(frames: readonly Frame[], {stack}: Goroutine): readonly Frame[] {
  const last = frames.findLastIndex(({sp}) => holds(stack, sp))
  const next = frames[last + 1]
  const isGuessed = next?.foundBy === 'frame-pointer' || next?.foundBy === 'scan'
  return last >= 0 && isGuessed && frames[last]?.kind !== 'signal' ? frames.slice(0, last + 1) : frames
}

function savedStack(goroutine: Goroutine) {
  const {stack, sched} = goroutine
  return {stackLo: stack.lo, stackHi: stack.hi, schedSp: sched.sp, schedPc: sched.pc, schedBp: sched.bp}
}
