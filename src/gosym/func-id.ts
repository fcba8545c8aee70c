import type {GoVersion, ReleaseRow} from './version.ts'

/**
 * Functions that the runtime's traceback treats on their own, under one name for all releases. Renamed ones carry the
 * latest name: `cgocallback_gofunc` (<= 1.15) is `cgocallback`, `runfinq` is `runFinalizers`, `debugCallV1` is
 * `debugCallV2`.
 */
export type FuncID =
  | 'normal'
  | 'wrapper'
  | 'abort'
  | 'asmcgocall'
  | 'asyncPreempt'
  | 'bgsweep'
  | 'cgocallback'
  | 'corostart'
  | 'debugCallV2'
  | 'externalthreadhandler'
  | 'forcegchelper'
  | 'gcBgMarkWorker'
  | 'goexit'
  | 'gogo'
  | 'gopanic'
  | 'handleAsyncEvent'
  | 'jmpdefer'
  | 'mcall'
  | 'morestack'
  | 'mstart'
  | 'panicwrap'
  | 'rt0_go'
  | 'runCleanups'
  | 'runFinalizers'
  | 'runtime_main'
  | 'sigpanic'
  | 'systemstack'
  | 'systemstack_switch'
  | 'timerproc'

/** Functions by name, as the compiler and linker assign the numbers (cmd/internal/objabi/funcid.go). */
const BY_NAME: ReadonlyMap<string, FuncID> = new Map<string, FuncID>([
  ['runtime.abort', 'abort'],
  ['runtime.asmcgocall', 'asmcgocall'],
  ['runtime.asyncPreempt', 'asyncPreempt'],
  ['runtime.bgsweep', 'bgsweep'],
  ['runtime.cgocallback_gofunc', 'cgocallback'],
  ['runtime.cgocallback', 'cgocallback'],
  ['runtime.corostart', 'corostart'],
  ['runtime.debugCallV1', 'debugCallV2'],
  ['runtime.debugCallV2', 'debugCallV2'],
  ['runtime.externalthreadhandler', 'externalthreadhandler'],
  ['runtime.forcegchelper', 'forcegchelper'],
  ['runtime.gcBgMarkWorker', 'gcBgMarkWorker'],
  ['runtime.goexit', 'goexit'],
  ['runtime.gogo', 'gogo'],
  ['runtime.gopanic', 'gopanic'],
  ['runtime.handleAsyncEvent', 'handleAsyncEvent'],
  ['runtime.jmpdefer', 'jmpdefer'],
  ['runtime.main', 'runtime_main'],
  ['runtime.mcall', 'mcall'],
  ['runtime.morestack', 'morestack'],
  ['runtime.mstart', 'mstart'],
  ['runtime.panicwrap', 'panicwrap'],
  ['runtime.rt0_go', 'rt0_go'],
  ['runtime.runCleanups', 'runCleanups'],
  ['runtime.runfinq', 'runFinalizers'],
  ['runtime.runFinalizers', 'runFinalizers'],
  ['runtime.sigpanic', 'sigpanic'],
  ['runtime.systemstack', 'systemstack'],
  ['runtime.systemstack_switch', 'systemstack_switch'],
  ['runtime.timerproc', 'timerproc'],
])

/** The number of `wrapper`, the one identity that no name tells; from Go 1.`minor` on. Before 1.12 there is none. */
const WRAPPER_NUMBERS: readonly (ReleaseRow & {number: number})[] = [
  {minor: 12, number: 20},
  {minor: 14, number: 22},
  {minor: 18, number: 21},
  {minor: 22, number: 22},
  {minor: 25, number: 23},
]

/**
 * The identity of a function or an inlined call. Names decide, for the numbers are renumbered by every few releases and
 * do not exist before 1.10.1; the number only tells `wrapper`.
 */
export function funcIDOf(name: string, number: number, version: GoVersion): FuncID {
  if (name.startsWith('runtime.')) {
    // Up to 1.15 runtime.cgocallback is a plain function below cgocallback_gofunc.
    if (name === 'runtime.cgocallback' && !version.atLeast(16)) return 'normal'
    const named = BY_NAME.get(name)
    if (named) return named
  }
  return version.rowOf(WRAPPER_NUMBERS)?.number === number ? 'wrapper' : 'normal'
}
