import type {Module} from '../../elf/module.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import {findCallee} from '../frames/c-frames.ts'
import {libcName} from '../frames/irrelevant-frames.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {ThreadStack} from '../stacks/thread-walk.ts'

/** Which function of libc made a call of futex(2). */
export interface WaitingFunction {
  /** What it waits for; undefined where no function of libc is known to have made the call. */
  readonly waiter: Waiter | undefined
  /** The function that made the system call has a name. */
  readonly isNamed: boolean
  /** From the system call to the function that waits, both included. */
  readonly frames: readonly UnwindFrame[]
}

type Waiter =
  | 'pthread mutex'
  | 'pthread rwlock'
  | 'pthread condition'
  | 'pthread barrier'
  | 'pthread once'
  | typeof STATIC_VARIABLE
  | 'semaphore'
  | 'end of a thread'
  | 'lock inside of libc'

const STATIC_VARIABLE = 'initialization of a static variable'

/** Frames between the system call and the function that the program called. */
const DEPTH = 6

/** What the implementations of a function are called by, in glibc and musl. */
const PART = '(_(full|slow|common|ex|np|pi))*(64)?$'

/** Functions of glibc and musl by their whole names, without what glibc puts before them (underscores, `__GI_`). */
const WAITERS: readonly (readonly [RegExp, Waiter])[] = [
  [new RegExp(`^(pthread_mutex_(lock|timedlock|clocklock|cond_lock)|mtx_(timed)?lock)${PART}`), 'pthread mutex'],
  [/^(lll_mutex_lock|mutex_lock)_optimized$/, 'pthread mutex'],
  [new RegExp(`^pthread_rwlock_(timed|clock)?(rd|wr)lock${PART}`), 'pthread rwlock'],
  [new RegExp(`^pthread_cond_(wait|timedwait|clockwait|destroy|signal|broadcast)${PART}`), 'pthread condition'],
  [/^cnd_(wait|timedwait|destroy|signal|broadcast)(64)?$/, 'pthread condition'],
  [/^pthread_barrier_wait$/, 'pthread barrier'],
  [new RegExp(`^(pthread_once|call_once)${PART}`), 'pthread once'],
  [/^cxa_guard_acquire$/, STATIC_VARIABLE],
  [new RegExp(`^(new_)?sem_(wait|timedwait|clockwait)${PART}`), 'semaphore'],
  [new RegExp(`^(pthread_(clock|timed|try)?join|thrd_join)${PART}`), 'end of a thread'],
]

/** Between those and the system call, where a static program has its own functions beside libc's. */
const INNER =
  /^(futex_|lll_|do_futex_wait|condvar_|(internal_)?syscall_(cancel|cp)|cp_(begin|end|cancel)|(timed)?wait(_cp)?$|futex(4|wait))/

/** A name on the way out: of a function or, where a frame has none, of what was called to get there. */
interface Step {
  readonly name: string | undefined
  readonly plain: string
  readonly index: number
  /** It lies in the module that made the system call. */
  readonly isHome: boolean
}

/**
 * The first function on the way out that is known to wait. All between it and the system call is libc's: what a program
 * does in a function that it gave to pthread_once is its own.
 */
export function findWaitingFunction(process: DeadProcess, stack: ThreadStack): WaitingFunction {
  const {frames, base} = stack
  const home = moduleOf(process, frames[base])
  const inner: Step[] = []
  for (const step of stepsOut(process, stack, home)) {
    const waiter = WAITERS.find(([pattern]) => pattern.test(step.plain))?.[1]
    // libstdc++ waits by syscall(2), which the program may do too.
    const isBySyscall = inner.some(({plain}) => plain === 'syscall')
    if (waiter && (isBySyscall ? waiter === STATIC_VARIABLE : step.isHome)) {
      return {waiter, isNamed: isNamed(inner), frames: frames.slice(base, step.index + 1)}
    }
    inner.push(step)
    const isOther = !step.isHome || (home?.isExecutable === true && step.name !== undefined && !INNER.test(step.plain))
    if (isOther && step.plain !== 'syscall' && !isBySyscall) break
  }
  const isLock = inner.some(({plain}) => plain.startsWith('lll_lock_wait'))
  return {waiter: isLock ? 'lock inside of libc' : undefined, isNamed: isNamed(inner), frames: []}
}

function isNamed([first]: readonly Step[]): boolean {
  return first?.name !== undefined
}

function moduleOf({memory}: DeadProcess, frame: UnwindFrame | undefined): Module | undefined {
  return frame && memory.moduleAt(frame.pc)
}

/**
 * A libc without debug symbols names what it exports alone, and that leaves itself by a jump (pthread_join, sem_wait):
 * the call that led to a function without a name still names it.
 */
function* stepsOut(process: DeadProcess, {frames, base}: ThreadStack, home: Module | undefined): Generator<Step> {
  for (let index = base; index < base + DEPTH; index++) {
    const frame = frames[index]
    if (frame?.kind !== 'native') return
    const isHome = moduleOf(process, frame) === home
    const names = process.symbolizer.locate(frame.pc, frame.lookupPc).map(({function: name}) => name ?? undefined)
    for (const name of names) yield {name, plain: libcName(name ?? null), index, isHome}
    const caller = frames.slice(index + 1).find(({foundBy}) => foundBy !== 'tail-call')
    const callee = names.every(name => name === undefined) && caller ? findCallee(process, caller.pc) : undefined
    if (callee) yield {name: callee.name, plain: libcName(callee.name), index, isHome}
  }
}
