import {USER_REGS} from '../../amd64/user-regs.ts'
import type {Address} from '../../base/address.ts'
import type {GoFunction} from '../../gosym/go-function.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import {machineOf} from '../../runtime-model/machine.ts'
import {walkGoStack} from '../../unwind/goroutine-walk.ts'
import {foreignImage} from '../frames/foreign-frames.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {type FoundStart, findStart} from '../stacks/goroutine-start.ts'
import {findNamelessThrow} from '../stacks/nameless-throw.ts'
import {findFirstFault} from '../stacks/signals.ts'
import type {ThreadStacks} from '../stacks/thread-stacks.ts'
import type {ThreadStack} from '../stacks/thread-walk.ts'

/**
 * Functions of the runtime that print and end the process; a traceback begins with the caller of the outermost of them.
 */
const DEATH = new Set(['runtime.fatalpanic', 'runtime.fatalthrow', 'runtime.dopanic'])
/** How far from the innermost frame dying is looked for. */
const DEATH_DEPTH = 32
/** futex, by which the runtime waits for a lock (runtime.futexsleep). */
const FUTEX = 202n

/**
 * The M that died first, as the runtime printed them: of several the one that has printed and now waits for the others
 * to do so (runtime.dopanic_m: lock(&deadlock)), then one that is past startpanic_m, last those that wait in there for
 * their turn (lock(&paniclk)), which never comes; of equals the first in the core.
 */
export function dyingMachine({runtime, core}: DeadProcess, threads: ThreadStacks): Machine | undefined {
  const dying = (runtime?.machines ?? []).filter(
    machine => machine.dying > 0 && threads.threadOf(machine) !== undefined,
  )
  if (dying.length < 2) return dying[0]
  const order = new Map(core.threads.map(({tid}, index) => [tid, index]))
  const turns = new Map(dying.map(machine => [machine, turnOf(machine, threads.ofMachine(machine))]))
  const rank = (machine: Machine): number =>
    (turns.get(machine) ?? 0) * core.threads.length + (order.get(threads.threadOf(machine) ?? 0) ?? 0)
  return dying.sort((a, b) => rank(a) - rank(b))[0]
}

const TURN = {printed: 0, prints: 1, waits: 2} as const

function turnOf({caughtsig}: Machine, thread: ThreadStack | undefined): number {
  const names = (thread?.frames ?? []).map(({go}) => go?.name)
  const locks = names.findIndex(name => name?.startsWith('runtime.lock') === true)
  const isIn = (name: string): boolean => locks >= 0 && names.indexOf(name) > locks
  if (isIn('runtime.startpanic_m') || isIn('runtime.startpanic')) return TURN.waits
  if (isIn('runtime.dopanic_m') || isIn('runtime.dopanic')) return TURN.printed
  // Without function tables: whoever prints because of a signal never lets the others have their turn; a throw does.
  const isInFutex = thread?.thread.registers[USER_REGS.orig_rax] === FUTEX
  if (names.some(name => name !== undefined) || !isInFutex) return TURN.prints
  return caughtsig === 0 ? TURN.printed : TURN.waits
}

/**
 * Whether a throw or panic came while a fault was being handled: by the runtime that was printing it, or by a handler
 * that called Go.
 */
export function diedInHandler(process: DeadProcess, {frames, interruptions}: ThreadStack): boolean {
  const death = frames.findIndex(({go}) => go !== undefined && isDeath(process, go))
  const fault = findFirstFault(frames, interruptions)
  return death >= 0 && fault?.signal !== undefined && fault.index > death
}

/**
 * Whether Go's handler threw before it had looked at the signal that it was called for (runtime.sigtrampgo: C has
 * changed the signal stack, or installed the handler anew): the throw is all that was printed then.
 */
export function diedBeforeHandling(process: DeadProcess, {frames, interruptions}: ThreadStack): boolean {
  const death = frames.findLastIndex(({go}) => go !== undefined && isDeath(process, go))
  const fault = findFirstFault(frames, interruptions)
  const between = death < 0 || fault?.signal === undefined ? [] : frames.slice(death + 1, fault.index)
  const names = between.map(({go}) => go?.name)
  return names.includes('runtime.sigtrampgo') && !names.includes('runtime.sighandler')
}

/** Another runtime on the same thread has functions of the same names. */
function isDeath(process: DeadProcess, fn: GoFunction): boolean {
  return DEATH.has(fn.name) && !foreignImage(process, fn)
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
  const machine = machineOf(process.runtime, goroutine)
  if (!machine || machine.dying <= 0 || machine.curg !== goroutine.address) return undefined
  if (!process.tables)
    return machine.throwing === 0 ? undefined : findNamelessThrow(process, goroutine, goroutine.sched.sp)
  return startBelowDeath(process, findStart(process, threads, goroutine), false)?.start
}

/** The first frame below the functions that end the process, on a goroutine's or a g0's own stack. */
export function startBelowDeath(process: DeadProcess, from: FoundStart, onSystemStack: boolean): Death | undefined {
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
export function deathOnSystemStack(process: DeadProcess, {frames}: ThreadStack): Death | undefined {
  const index = frames.findIndex(({go}) => go !== undefined && isDeath(process, go))
  const caller = frames[index + 1]
  const by = frames[index]?.go?.name
  if (index < 0 || !caller?.go || by === undefined) return undefined
  const start: FoundStart = {pc: caller.pc, sp: caller.sp, trap: false, isSyscall: false, foundBy: 'pcsp'}
  return {by, caller: caller.go.name, start, frame: {sp: caller.sp, fp: caller.cfa ?? caller.sp}}
}
