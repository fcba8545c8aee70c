import {Script} from 'node:vm'
import type {Deadline} from './deadline.ts'
import {InputError} from './errors.ts'
import {requireDescriptors} from './required-descriptors.ts'

/** The longest that a timer of libuv's is given here: a limit that is further off is none. */
const LIMIT_MAX_MS = 2 ** 31 - 1

/** Descriptors of the loop that the timer runs in (libuv). Where there are fewer, Node aborts. */
const TIMER_DESCRIPTORS = 6

/** Where the script finds the work: a context of its own would cost more than all the rest. */
const WORK = Symbol.for('gotrace-core.work')
const SCRIPT = `globalThis[Symbol.for('${WORK.description}')]()`

/**
 * Runs synchronous work, and ends it where it goes on for long after the deadline, whatever it does: V8 itself stops
 * it, from a thread of its own (vm, `timeout`). No `finally` and no `catch` of the work runs then, so what it had
 * begun is not to be used again. Costs half a millisecond.
 * @throws InputError timeout; unreadable where this process may not have the descriptors that the timer needs
 */
export function runWithin<T>(deadline: Deadline, work: () => T): T {
  const left = deadline.leftAtMost
  if (left > LIMIT_MAX_MS) return work()
  const timeout = Math.max(1, Math.ceil(left))
  requireDescriptors(TIMER_DESCRIPTORS)
  const globals = globalThis as {[WORK]?: () => T}
  globals[WORK] = work
  try {
    return new Script(SCRIPT).runInThisContext({timeout, displayErrors: false}) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    throw timeIsOver()
  } finally {
    delete globals[WORK]
  }
}

export function timeIsOver(): InputError {
  return new InputError(
    'timeout',
    'the time is over (--timeout), and the report was not done',
    'give it longer: --timeout SECONDS',
  )
}
