import type {GoVersion} from '../../gosym/version.ts'

export type Traceback = 'none' | 'single' | 'all' | 'system' | 'crash'

/** What the runtime shows; see runtime.gotraceback (runtime1.go). */
export interface TracebackLevel {
  /** 0: no stacks; 1: without frames of the runtime; 2: every frame, with fp, sp and pc. */
  level: 0 | 1 | 2
  /** Goroutines other than the crashing one too. */
  all: boolean
  /** Every frame of the crashing goroutine is shown, whatever the level (runtime.showframe). */
  wholeCrash: boolean
  /** The stack under `runtime stack:`, where the crash was on a system stack. */
  runtimeStack: boolean
  /** `gp=`, fp, sp and pc on the crashing goroutine, whatever the level. */
  detailedCrash: boolean
}

/** How the crashing M was throwing (`m.throwing`): 0 no, 1 user (`fatal`), 2 runtime (`throw`, fatal signal). */
export type Throwing = 0 | 1 | 2

/** What of the crash decides on the level. */
export interface CrashState {
  throwing: Throwing
  kind: 'signal' | 'panic' | 'fatal' | 'none'
  /** Where the crash was on a g0 or gsignal stack. */
  runtimeStack: object | undefined
}

const LEVELS: Record<Traceback, {level: 0 | 1 | 2; all: boolean}> = {
  none: {level: 0, all: false},
  single: {level: 1, all: false},
  all: {level: 1, all: true},
  system: {level: 2, all: true},
  crash: {level: 2, all: true},
}

/**
 * What a release shows when GOTRACEBACK has the given value (runtime.gotraceback, runtime.dopanic_m,
 * runtime.sighandler). Without a choice of the user: as `all`, but the crashing goroutine of a throw or a fatal signal
 * is whole.
 */
export function tracebackLevel(choice: Traceback | undefined, crash: CrashState, version: GoVersion): TracebackLevel {
  const {throwing, kind} = crash
  const setting = LEVELS[choice ?? 'all']
  const runtimeThrow = throwing === 2
  // From 1.19 on a runtime throw forces level 2.
  const level = choice !== undefined && runtimeThrow && version.atLeast(19) ? 2 : setting.level
  // From 1.26 on `fatal` (user) no longer forces all goroutines; a signal's handler, and a crash on a system stack,
  // always show them.
  const forcesAll = version.atLeast(26) ? runtimeThrow : throwing > 0
  const all = setting.all || forcesAll || kind === 'signal' || crash.runtimeStack !== undefined
  const runtimeStack = level > 1 || (level > 0 && runtimeThrow)
  return {level, all: level > 0 && all, wholeCrash: runtimeThrow, detailedCrash: runtimeThrow, runtimeStack}
}
