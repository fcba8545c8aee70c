import type {GoVersion} from '../gosym/version.ts'

/** g.atomicstatus (src/runtime/runtime2.go). */
export const GOROUTINE_STATUS = {
  _Gidle: 0,
  _Grunnable: 1,
  _Grunning: 2,
  _Gsyscall: 3,
  _Gwaiting: 4,
  _Gmoribund_unused: 5,
  _Gdead: 6,
  _Genqueue_unused: 7,
  _Gcopystack: 8,
  /** 1.14+ */
  _Gpreempted: 9,
  /** 1.26+: blocked for ever, as the collector found out. */
  _Gleaked: 10,
  /** 1.26+: the goroutine of an extra M that no C thread uses. */
  _Gdeadextra: 11,
} as const

/** Set while the collector scans the stack; the rest of the word is the status it had. */
const _Gscan = 0x1000

export interface GoroutineStatus {
  /** Without the scan bit. */
  readonly number: number
  readonly scan: boolean
  /** As the runtime prints it (gStatusStrings, src/runtime/traceback.go). */
  readonly text: string
}

/** First release of each text that not every release has. */
const TEXTS: readonly (readonly [text: string, since: number] | undefined)[] = [
  ['idle', 0],
  ['runnable', 0],
  ['running', 0],
  ['syscall', 0],
  ['waiting', 0],
  undefined,
  ['dead', 0],
  undefined,
  ['copystack', 0],
  ['preempted', 14],
  ['leaked', 26],
  ['waiting for cgo callback', 26],
]

/** Words that goroutines have are few; in a damaged core there may be any. */
const STATUSES_KEPT = 256

/** The statuses that goroutines of one release have. */
export class GoroutineStatuses {
  readonly #release: GoVersion
  readonly #known = new Map<number, GoroutineStatus>()

  constructor(release: GoVersion) {
    this.#release = release
  }

  /** Of a word as it stands in g.atomicstatus. */
  of(word: number): GoroutineStatus {
    const known = this.#known.get(word)
    if (known) return known
    const status = statusOf(this.#release, word)
    if (this.#known.size < STATUSES_KEPT) this.#known.set(word, status)
    return status
  }
}

export function statusOf(release: GoVersion, word: number): GoroutineStatus {
  const scan = word % (2 * _Gscan) >= _Gscan
  const number = scan ? word - _Gscan : word
  const known = TEXTS[number]
  return {number, scan, text: known && release.atLeast(known[1]) ? known[0] : '???'}
}
