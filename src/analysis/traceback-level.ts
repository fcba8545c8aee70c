import type {GoVersion} from '../gosym/version.ts'

export type Traceback = 'none' | 'single' | 'all' | 'system' | 'crash'

/** What the runtime shows; see runtime.gotraceback (runtime1.go). */
export interface TracebackLevel {
  /** 0: no stacks; 1: without frames of the runtime; 2: every frame, with fp, sp and pc. */
  level: 0 | 1 | 2
  /** Goroutines other than the crashing one too. */
  all: boolean
  /** Every frame of the crashing goroutine is shown, whatever the level (runtime.showframe). */
  wholeCrash: boolean
  /** `gp=`, fp, sp and pc on the crashing goroutine, whatever the level. */
  detailedCrash: boolean
}

/** How the crashing M was throwing (`m.throwing`): 0 no, 1 user (`fatal`), 2 runtime (`throw`, fatal signal). */
export type Throwing = 0 | 1 | 2

const LEVELS: Record<Traceback, {level: 0 | 1 | 2; all: boolean}> = {
  none: {level: 0, all: false},
  single: {level: 1, all: false},
  all: {level: 1, all: true},
  system: {level: 2, all: true},
  crash: {level: 2, all: true},
}

/**
 * What a release shows when GOTRACEBACK has the given value.
 * Without a choice of the user: as `all`, but the crashing goroutine of a throw or a fatal signal is whole.
 */
export function tracebackLevel(choice: Traceback | undefined, throwing: Throwing, version: GoVersion): TracebackLevel {
  const {level, all} = LEVELS[choice ?? 'all']
  const runtimeThrow = throwing === 2
  const wholeCrash = version.atLeast(19) ? runtimeThrow : throwing > 0
  const crash = {wholeCrash, detailedCrash: wholeCrash}
  if (choice === undefined) return {level, all, ...crash}
  // From 1.19 a runtime throw forces level 2; from 1.26 `fatal` (user) no longer forces all goroutines (go-runtime: gotraceback).
  const forcesAll = version.atLeast(26) ? runtimeThrow : throwing > 0
  return {level: version.atLeast(19) && runtimeThrow ? 2 : level, all: all || forcesAll, ...crash}
}
