import {type Address, NULL_ADDRESS} from '../base/address.ts'
import type {Goroutine} from './goroutine.ts'
import {GOROUTINE_STATUS} from './goroutine-status.ts'
import type {RuntimeAccess} from './runtime-access.ts'
import {isHelperReason} from './wait-reason.ts'

/** By the start function. Finalizer and cleanup goroutines are the program's own only while they run its functions. */
export type StartKind = 'user' | 'system' | 'finalizers' | 'cleanups' | 'unknown'

/** Start functions of system goroutines before 1.11, when the runtime compared entry points. */
const OLD_HELPERS = new Set(['runtime.bgsweep', 'runtime.forcegchelper', 'runtime.timerproc', 'runtime.gcBgMarkWorker'])
const USER_IN_RUNTIME = new Set(['runtime.main', 'runtime.handleAsyncEvent', 'runtime.corostart'])
const FINALIZERS = new Set(['runtime.runfinq', 'runtime.runFinalizers'])

/** isSystemGoroutine (src/runtime/traceback.go): such goroutines are left out of tracebacks below level system. */
export function startKind(access: RuntimeAccess, startpc: Address): StartKind {
  if (startpc === NULL_ADDRESS) return 'user'
  const start = access.tables.functionAt(startpc)
  if (!start) return 'unknown'
  if (FINALIZERS.has(start.name)) return 'finalizers'
  if (!access.release.atLeast(11)) return start.entry === startpc && OLD_HELPERS.has(start.name) ? 'system' : 'user'
  if (USER_IN_RUNTIME.has(start.name)) return 'user'
  if (start.name === 'runtime.runCleanups') return 'cleanups'
  return start.name.startsWith('runtime.') ? 'system' : 'user'
}

/** What the runtime knows of its helpers at this moment. */
export interface HelperState {
  /** The finalizer goroutine runs a finalizer, so it is in the program's code. */
  readonly finalizerRunning: boolean
  /** 1.25+: this cleanup goroutine runs a cleanup. */
  readonly cleanupRunning: boolean
}

/** By the function that it started in. */
export function isSystem(kind: Exclude<StartKind, 'unknown'>, state: HelperState): boolean {
  if (kind === 'finalizers') return !state.finalizerRunning
  return kind === 'cleanups' ? !state.cleanupRunning : kind === 'system'
}

/**
 * The same where the function that it started in has no name: goroutine 1 is runtime.main's, and only the runtime's own
 * have some reasons to wait. undefined where nothing tells.
 */
export function isSystemByItself({id, status, waitReason}: Goroutine): boolean | undefined {
  if (id === MAIN_ID) return false
  return status.number === GOROUTINE_STATUS._Gwaiting && isHelperReason(waitReason) ? true : undefined
}

const MAIN_ID = 1
