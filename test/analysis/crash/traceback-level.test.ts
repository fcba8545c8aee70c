import test from 'ava'
import {
  type CrashState,
  type Traceback,
  type TracebackLevel,
  tracebackLevel,
} from '../../../src/analysis/crash/traceback-level.ts'
import {everyRelease, type ReleaseRows} from '../../support/release-rows.ts'

/** `level`, then a word for each of: all goroutines, the whole crash, the runtime stack, detail on the crash. */
type Shown = string

function wordsOf({level, all, wholeCrash, runtimeStack, detailedCrash}: TracebackLevel): Shown {
  const words = [all && 'all', wholeCrash && 'whole', runtimeStack && 'runtime-stack', detailedCrash && 'detail']
  return [`${level}`, ...words.filter(word => word !== false)].join(' ')
}

const PANIC: CrashState = {kind: 'panic', throwing: 0, runtimeStack: undefined}
const FATAL: CrashState = {kind: 'fatal', throwing: 1, runtimeStack: undefined}
const THROW: CrashState = {kind: 'fatal', throwing: 2, runtimeStack: undefined}
const THROW_ON_G0: CrashState = {...THROW, runtimeStack: {}}
const PANIC_ON_G0: CrashState = {...PANIC, runtimeStack: {}}
const SIGNAL: CrashState = {kind: 'signal', throwing: 2, runtimeStack: undefined}
const NONE: CrashState = {kind: 'none', throwing: 0, runtimeStack: undefined}

/**
 * runtime.gotraceback (src/runtime/runtime1.go), dopanic_m (panic.go) and sighandler (signal_unix.go) of each release.
 * Up to 1.18 m.throwing knows no user's errors: every throw is one of the runtime's.
 */
const LEVELS: readonly (readonly [choice: Traceback | undefined, crash: CrashState, rows: ReleaseRows<Shown>])[] = [
  ['none', PANIC, [[7, '0']]],
  ['single', PANIC, [[7, '1']]],
  ['all', PANIC, [[7, '1 all']]],
  ['system', PANIC, [[7, '2 all runtime-stack']]],
  ['crash', PANIC, [[7, '2 all runtime-stack']]],
  // A panic on a system stack is not the current goroutine's: all are shown.
  ['single', PANIC_ON_G0, [[7, '1 all']]],
  // From 1.19 on a throw of the runtime is level 2 whatever GOTRACEBACK says.
  [
    'none',
    THROW,
    [
      [7, '0 whole detail'],
      [19, '2 all whole runtime-stack detail'],
    ],
  ],
  [
    'single',
    THROW,
    [
      [7, '1 all whole runtime-stack detail'],
      [19, '2 all whole runtime-stack detail'],
    ],
  ],
  [
    'all',
    THROW_ON_G0,
    [
      [7, '1 all whole runtime-stack detail'],
      [19, '2 all whole runtime-stack detail'],
    ],
  ],
  ['crash', THROW, [[7, '2 all whole runtime-stack detail']]],
  // A user's fatal error (concurrent map writes) shows all goroutines up to 1.25.
  [
    'single',
    FATAL,
    [
      [19, '1 all'],
      [26, '1'],
    ],
  ],
  ['none', FATAL, [[19, '0']]],
  ['all', FATAL, [[19, '1 all']]],
  [
    'single',
    SIGNAL,
    [
      [7, '1 all whole runtime-stack detail'],
      [19, '2 all whole runtime-stack detail'],
    ],
  ],
  // Without a choice: as `all`, but what crashed is whole.
  [undefined, PANIC, [[7, '1 all']]],
  [undefined, FATAL, [[19, '1 all']]],
  [undefined, THROW_ON_G0, [[7, '1 all whole runtime-stack detail']]],
  [undefined, SIGNAL, [[7, '1 all whole runtime-stack detail']]],
  [undefined, NONE, [[7, '1 all']]],
]

for (const [choice, crash, rows] of LEVELS) {
  const what = `${crash.kind}, throwing ${crash.throwing}${crash.runtimeStack ? ', on a system stack' : ''}`
  test(`traceback level ${choice ?? 'of our own choice'} shows of a crash by ${what} what the release shows`, t => {
    for (const {version, form} of everyRelease(rows)) {
      t.is(wordsOf(tracebackLevel(choice, crash, version)), form, version.text)
    }
  })
}
