import {type Address, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {readAddress} from '../../base/memory-reader.ts'
import type {FrameReport} from '../../report/core-report.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import {type Machine, machineOf} from '../../runtime-model/machine.ts'
import type {GoStart} from '../../unwind/goroutine-walk.ts'
import {switchFrameSize} from '../../unwind/stack-switch.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {endsProcess} from './signals.ts'
import type {ThreadStacks} from './thread-stacks.ts'

/** Frames of one stack that are walked: a stack of 1 GB holds fewer. */
export const WALK_LIMIT = 32_000_000

/** The innermost frame of the thread that runs an M, behind those of handlers; undefined where it is not known. */
export type PlaceOfThread = (machine: Machine) => UnwindFrame | undefined

/** Where the Go frames of a goroutine begin, and where that was read. */
export interface FoundStart extends GoStart {
  foundBy: Extract<
    FrameReport['foundBy'],
    'context' | 'gobuf' | 'syscall' | 'signal-frame' | 'cfi' | 'pcsp' | 'frame-pointer'
  >
}

/**
 * Start of a goroutine's own stack (runtime.traceback1, runtime.unwinder.initAt): what entersyscall saved while it is
 * in a system call or in C, else its thread's registers while they are on its stack, else what the scheduler saved.
 */
export function findStart(process: DeadProcess, threads: ThreadStacks, goroutine: Goroutine): FoundStart {
  const inSyscall = startInSyscall(goroutine)
  const running = goroutine.status.text === 'running' ? startOnThread(process, threads, goroutine) : undefined
  if (running && !(inSyscall && !isOnStack(goroutine.stack, running.sp))) return running
  if (inSyscall) return inSyscall
  const placeOf = (machine: Machine) => threads.placeOf(machine)
  return isElsewhere(process, placeOf, goroutine) ? LOST_START : startSaved(goroutine)
}

/**
 * What the scheduler saved, or who switched to the system stack. gogo clears the stack pointer and leaves the pc, which
 * is then where the goroutine once was (src/runtime/asm_amd64.s).
 */
export function startSaved({sched}: Goroutine): FoundStart {
  if (sched.sp === NULL_ADDRESS) return LOST_START
  return {pc: sched.pc, sp: sched.sp, trap: false, isSyscall: false, foundBy: 'gobuf'}
}

/**
 * Where the goroutine is that the runtime left for the system stack on which a walk of its thread ended, without a way
 * back; undefined where the walk ended elsewhere.
 */
export function startLeft(
  process: DeadProcess,
  goroutine: Goroutine,
  {g0: address}: Machine,
  end: Address,
): FoundStart | undefined {
  const {stack, sched, status} = goroutine
  if (status.text !== 'running' || !isOnStack(stack, sched.sp) || isOnStack(stack, end)) return undefined
  const g0 = process.runtime?.goroutineAt(address)
  const isLeft = (g0 && isOnSystemStack(g0, end)) || hasLeftStack(process, goroutine)
  return isLeft ? startSaved(goroutine) : undefined
}

/**
 * Whether a goroutine that runs is on the system stack, wherever its thread is seen: systemstack plants
 * systemstack_switch in the gobuf, and clears its stack pointer on the way back. Since 1.17 asmcgocall plants the same
 * and leaves it, so that only a call that never returns is proof (src/runtime/asm_amd64.s).
 */
function hasLeftStack({tables, version, memory}: DeadProcess, {sched}: Goroutine): boolean {
  if (!tables || sched.sp === NULL_ADDRESS || tables.functionAt(sched.pc)?.funcID !== 'systemstack_switch') return false
  if (!version.atLeast(17)) return true
  const returnPc = readAddress(memory, toAddress(sched.sp + switchFrameSize(version)))
  const caller = returnPc === undefined ? undefined : tables.functionAt(returnPc)
  return caller !== undefined && endsProcess(caller)
}

/** Nothing tells where the goroutine is. */
const LOST_START: FoundStart = {pc: NULL_ADDRESS, sp: NULL_ADDRESS, trap: false, isSyscall: false, foundBy: 'gobuf'}

/**
 * Whether a goroutine runs, and its thread is not known to be on its stack or that of g0: in a handler whose stack is
 * lost, or its M is lost. What the scheduler saved is then where the goroutine last was, not where it is.
 */
export function isElsewhere(process: DeadProcess, placeOf: PlaceOfThread, goroutine: Goroutine): boolean {
  const {runtime} = process
  if (goroutine.status.text !== 'running' || goroutine.m === NULL_ADDRESS) return false
  const machine = machineOf(runtime, goroutine)
  if (machine && machine.curg !== goroutine.address) return false
  const sp = machine && placeOf(machine)?.sp
  if (!machine || sp === undefined) return !hasLeftStack(process, goroutine)
  const g0 = runtime?.goroutineAt(machine.g0)
  return g0 !== undefined && !isOnStack(goroutine.stack, sp) && !isOnSystemStack(g0, sp)
}

/** Less than any two stacks lie apart, and more than the runtime needs of its own. */
const SYSTEM_STACK_REACH = 64 * 1024

/** On the stack of g0 as the runtime knows it, or below the place on a coroutine's where C had called Go last. */
function isOnSystemStack({stack, sched}: Goroutine, sp: Address): boolean {
  return isOnStack(stack, sp) || (sp <= sched.sp && sched.sp - sp < SYSTEM_STACK_REACH)
}

/** What entersyscall saved; undefined outside of system calls and C. */
export function startInSyscall({syscall: {pc, sp}}: Goroutine): FoundStart | undefined {
  return sp === 0 ? undefined : {pc, sp, trap: false, isSyscall: true, foundBy: 'syscall'}
}

function behindCall({pc, sp}: {pc: Address; sp: Address}, foundBy: FoundStart['foundBy']): FoundStart {
  return {pc, sp, trap: false, isSyscall: false, foundBy}
}

/** The innermost Go frame on the goroutine's own stack, where its thread is on that stack. */
function startOnThread(process: DeadProcess, threads: ThreadStacks, goroutine: Goroutine): FoundStart | undefined {
  const {runtime} = process
  const machine = machineOf(runtime, goroutine)
  if (!machine || machine.curg !== goroutine.address) return undefined
  const thread = threads.ofMachine(machine)
  if (!thread) return undefined
  const {innermost} = thread
  const first = thread.frames[innermost]
  if (!first || !isOnStack(goroutine.stack, first.sp)) {
    // In the vDSO: its caller's position was kept (1.18+ walk from there).
    const {vdso} = machine
    if (vdso && isOnStack(goroutine.stack, vdso.sp)) return behindCall(vdso, 'gobuf')
    // racecall goes to the system stack, and tells the gobuf nothing.
    const {landing} = thread.leaf
    return landing?.foundBy === 'pcsp' ? behindCall(landing, 'pcsp') : undefined
  }
  const foundBy = innermost === 0 ? 'context' : 'signal-frame'
  if (first.kind === 'go' || first.pc === 0) {
    return {pc: first.pc, sp: first.sp, trap: first.interrupted, isSyscall: false, foundBy}
  }
  const inGo = thread.frames.slice(innermost).find(frame => frame.kind === 'go' && isOnStack(goroutine.stack, frame.sp))
  return inGo && {pc: inGo.pc, sp: inGo.sp, trap: inGo.interrupted, isSyscall: false, foundBy: 'cfi'}
}
