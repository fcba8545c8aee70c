import {createContext, Script} from 'node:vm'
import type {Deadline} from './deadline.ts'
import {InputError} from './errors.ts'

/** The longest that a timer of libuv's is given here: a limit that is further off is none. */
const LIMIT_MAX_MS = 2 ** 31 - 1

/**
 * Runs synchronous work, and ends it where it goes on for long after the deadline, whatever it does: V8 itself stops
 * it, from a thread of its own (vm, `timeout`). No `finally` and no `catch` of the work runs then, so what it had
 * begun is not to be used again. Costs a millisecond.
 * @throws InputError timeout
 */
export function runWithin<T>(deadline: Deadline, work: () => T): T {
  const left = deadline.leftAtMost
  if (left > LIMIT_MAX_MS) return work()
  let result: {value: T} | undefined
  const task = (): void => {
    result = {value: work()}
  }
  try {
    new Script('task()').runInContext(createContext({task}), {
      timeout: Math.max(1, Math.ceil(left)),
      displayErrors: false,
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    throw timeIsOver()
  }
  return (result as {value: T}).value
}

export function timeIsOver(): InputError {
  return new InputError(
    'timeout',
    'the time is over (--timeout), and the report was not done',
    'give it longer: --timeout SECONDS',
  )
}
