import {type Address, NULL_ADDRESS} from '../base/address.ts'

import type {RuntimeAccess} from './runtime-access.ts'

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

/** undefined: without the function that it started in nothing tells. */
export function isSystem(kind: StartKind, state: HelperState): boolean | undefined {
  if (kind === 'unknown') return undefined
  if (kind === 'finalizers') return !state.finalizerRunning
  return kind === 'cleanups' ? !state.cleanupRunning : kind === 'system'
}
