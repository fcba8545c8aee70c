import {type Address, NULL_ADDRESS} from '../base/address.ts'
import {atLeast} from './layouts-by-version.ts'
import type {RuntimeAccess} from './runtime-access.ts'

/** What the runtime knows of its helpers at this moment. */
export interface HelperState {
  /** The finalizer goroutine runs a finalizer, so it is in the program's code. */
  readonly finalizerRunning: boolean
  /** 1.25+: this cleanup goroutine runs a cleanup. */
  readonly cleanupRunning: boolean
}

/** Start functions of system goroutines before 1.11, when the runtime compared entry points. */
const OLD_HELPERS = new Set(['runtime.bgsweep', 'runtime.forcegchelper', 'runtime.timerproc', 'runtime.gcBgMarkWorker'])
const USER_IN_RUNTIME = new Set(['runtime.main', 'runtime.handleAsyncEvent', 'runtime.corostart'])
const FINALIZERS = new Set(['runtime.runfinq', 'runtime.runFinalizers'])

/** isSystemGoroutine (src/runtime/traceback.go): such goroutines are left out of tracebacks below level system. */
export function isSystemGoroutine(access: RuntimeAccess, startpc: Address, state: HelperState): boolean {
  const start = startpc === NULL_ADDRESS ? undefined : access.tables.functionAt(startpc)
  if (!start) return false
  if (FINALIZERS.has(start.name)) return !state.finalizerRunning
  if (!atLeast(access.release, 11)) return start.entry === startpc && OLD_HELPERS.has(start.name)
  if (USER_IN_RUNTIME.has(start.name)) return false
  if (start.name === 'runtime.runCleanups') return !state.cleanupRunning
  return start.name.startsWith('runtime.')
}
