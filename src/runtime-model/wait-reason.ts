import type {GoVersion, ReleaseRow} from '../gosym/version.ts'

/**
 * waitReasonStrings (src/runtime/runtime2.go), numbered from 1; they were renumbered in 1.13, 1.20, 1.24, 1.25 and
 * 1.26.
 */
const COMMON = [
  'GC assist marking',
  'IO wait',
  'chan receive (nil chan)',
  'chan send (nil chan)',
  'dumping heap',
  'garbage collection',
  'garbage collection scan',
  'panicwait',
  'select',
  'select (no cases)',
  'GC assist wait',
  'GC sweep wait',
]
const UP_TO_COND = [
  'GC scavenge wait',
  'chan receive',
  'chan send',
  'finalizer wait',
  'force gc (idle)',
  'semacquire',
  'sleep',
  'sync.Cond.Wait',
]
const LOCKS = ['sync.Mutex.Lock', 'sync.RWMutex.RLock', 'sync.RWMutex.Lock']
const COLLECTOR = [
  'trace reader (blocked)',
  'wait for GC cycle',
  'GC worker (idle)',
  'GC worker (active)',
  'preempted',
  'debug call',
  'GC mark termination',
  'stopping the world',
]
const FLUSHING = [
  'flushing proc caches',
  'trace goroutine status',
  'trace proc status',
  'page trace flush',
  'coroutine',
  'GC weak to strong wait',
]
const DURABLE = [
  'synctest.Run',
  'synctest.Wait',
  'chan receive (durable)',
  'chan send (durable)',
  'select (durable)',
  'sync.WaitGroup.Wait (durable)',
  'cleanup wait',
]

const SINCE_11 = [
  ...COMMON,
  ...UP_TO_COND.slice(1),
  'timer goroutine (idle)',
  'trace reader (blocked)',
  'wait for GC cycle',
  'GC worker (idle)',
]
const SINCE_13 = [
  ...COMMON,
  ...UP_TO_COND,
  'timer goroutine (idle)',
  'trace reader (blocked)',
  'wait for GC cycle',
  'GC worker (idle)',
]
const SINCE_20 = [...COMMON, ...UP_TO_COND, ...LOCKS, ...COLLECTOR]
const SINCE_24 = [
  ...COMMON,
  ...UP_TO_COND,
  ...LOCKS,
  'sync.WaitGroup.Wait',
  ...COLLECTOR,
  ...FLUSHING,
  'synctest.Run',
  'synctest.Wait',
  'chan receive (synctest)',
  'chan send (synctest)',
  'select (synctest)',
]
const SINCE_25_TAIL = [
  'GOMAXPROCS updater (idle)',
  'semacquire',
  'sleep',
  'sync.Cond.Wait',
  ...LOCKS,
  'sync.WaitGroup.Wait',
  ...COLLECTOR,
  ...FLUSHING,
  ...DURABLE,
]
const SINCE_25 = [...COMMON, ...UP_TO_COND.slice(0, 5), ...SINCE_25_TAIL]
const SINCE_26 = [
  'GC assist marking',
  'IO wait',
  'dumping heap',
  'garbage collection',
  'garbage collection scan',
  'panicwait',
  'GC assist wait',
  'GC sweep wait',
  'GC scavenge wait',
  'finalizer wait',
  'force gc (idle)',
  'GOMAXPROCS updater (idle)',
  'semacquire',
  'sleep',
  'chan receive (nil chan)',
  'chan send (nil chan)',
  'select (no cases)',
  'select',
  'chan receive',
  'chan send',
  ...SINCE_25_TAIL.slice(3),
]

const LISTS: readonly (ReleaseRow & {reasons: readonly string[]})[] = [
  {minor: 11, reasons: SINCE_11},
  {minor: 13, reasons: SINCE_13},
  {minor: 14, reasons: [...SINCE_13, 'preempted']},
  {minor: 15, reasons: [...SINCE_13, 'preempted', 'debug call']},
  {minor: 20, reasons: SINCE_20},
  {minor: 22, reasons: [...SINCE_20, ...FLUSHING.slice(0, 5)]},
  {minor: 23, reasons: [...SINCE_20, ...FLUSHING]},
  {minor: 24, reasons: SINCE_24},
  {minor: 25, reasons: SINCE_25},
  {minor: 26, reasons: SINCE_26},
]

/** Text of g.waitreason for 1.11 and later; '' for 0, the runtime's own words for a number outside its table. */
export function waitReasonText(release: GoVersion, reason: number): string {
  if (reason === 0) return ''
  return release.rowOf(LISTS)?.reasons[reason - 1] ?? 'unknown wait reason'
}

/** Texts of g.waitreason, each made once: a million goroutines ask for a few. */
export class WaitReasons {
  readonly #releases: readonly GoVersion[]
  readonly #texts: string[] = []

  /** The releases that the program may be of: what they print differently is not printed. */
  constructor(releases: readonly GoVersion[]) {
    this.#releases = releases
  }

  /** Of a byte. */
  textOf(reason: number): string {
    let text = this.#texts[reason]
    if (text === undefined) {
      const [first = '', ...others] = new Set(this.#releases.map(release => waitReasonText(release, reason)))
      text = others.length === 0 ? first : ''
      this.#texts[reason] = text
    }
    return text
  }
}

const DURABLE_REASONS = new Set([
  'chan receive (nil chan)',
  'chan send (nil chan)',
  'select (no cases)',
  'sleep',
  'sync.Cond.Wait',
  'sync.WaitGroup.Wait (durable)',
  'coroutine',
  'synctest.Run',
  'synctest.Wait',
  'chan receive (durable)',
  'chan send (durable)',
  'select (durable)',
])

/** waitReason.isIdleInSynctest of 1.25+: such a wait is only ended from inside the bubble. */
export function isIdleInSynctest(reason: string): boolean {
  return DURABLE_REASONS.has(reason)
}

/**
 * Reasons with which nothing parks but a goroutine that the runtime started for itself, and that runs nothing of the
 * program's then: read in src/runtime of all releases from 1.7 to 1.27.
 */
const HELPER_REASONS = new Set([
  'force gc (idle)',
  'GC sweep wait',
  'GC scavenge wait',
  'GC worker (idle)',
  'GC worker (active)',
  'timer goroutine (idle)',
  'finalizer wait',
  'cleanup wait',
  'GOMAXPROCS updater (idle)',
])

export function isHelperReason(reason: string): boolean {
  return HELPER_REASONS.has(reason)
}
