import {SIGBUS, SIGFPE, SIGSEGV} from '../amd64/signal-numbers.ts'
import {type Address, NULL_ADDRESS, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import type {GoVersion} from '../gosym/version.ts'
import {isOnStack} from './goroutine.ts'
import {GOROUTINE_STATUS, statusOf} from './goroutine-status.ts'
import {RemoteStruct} from './remote-struct.ts'
import type {LayoutSet} from './struct-layout.ts'
import {waitReasonText} from './wait-reason.ts'

/** Some goroutines and machines of the process, to try layouts on. */
export interface LayoutSample {
  readonly goroutines: readonly Address[]
  readonly allm: Address
  /** Thread ids of the core; empty where nobody knows. */
  readonly threadIds: ReadonlySet<number>
  /** What is code of the process, as well as anybody can tell. */
  readonly code: {isCode(pc: Address): boolean; isFunction(pc: Address): boolean}
  /** Whether the core lacks memory that it should hold: what a pointer leads to may be missing then. */
  readonly isPartial?: boolean | undefined
  /** Whether all structures are as the table of a release has them. */
  readonly isOfTables?: boolean | undefined
}

/** How well layouts fit what is in memory. */
export interface LayoutFit {
  /**
   * Invariants that held, less those that did not, which weigh more. What cannot be tried counts nothing, so layouts
   * that turn living goroutines into dead ones score low.
   */
  readonly score: number
  /** Invariants that did not hold more often than not. */
  readonly broken: readonly string[]
  /** Most goroutines, some of which live, and most machines keep every invariant. */
  readonly isSound: boolean
  /** All of them, at least one of them alive, and at least one machine keep every invariant. */
  readonly isFlawless: boolean
}

const MACHINE_SAMPLE = 32
const PANIC_SAMPLE = 8
/** A goroutine id past this would take centuries to count to. */
const GOID_LIMIT = 2 ** 48
/**
 * Ids and moments above this may be addresses that were taken for them; no process counts so many goroutines by chance
 * to such a place.
 */
const ADDRESS_LIKE = 2 ** 32
/** Nanoseconds: no Go program had a goroutine that waits so soon after the machine's start. */
const EARLIEST_WAIT = 10_000_000
const REASON_LIMIT = 64
/** A stack larger than the largest limit that debug.SetMaxStack takes in practice. */
const STACK_LIMIT = 2 ** 36
const COUNT_LIMIT = 1_000_000
const SIGNAL_LIMIT = 65
/** PID_MAX_LIMIT (include/linux/threads.h). */
const PID_LIMIT = 4 * 1024 * 1024
/** The first one is never mapped. */
const PAGE = 4096n
/** What sigpanic is called for (src/runtime/signal_unix.go). */
const FAULTS: ReadonlySet<number> = new Set([SIGBUS, SIGFPE, SIGSEGV])
const FAILURE_WEIGHT = 4

/** Counts how often each invariant held, and how many objects kept them all. */
class Tally {
  readonly #counts = new Map<string, {passed: number; failed: number}>()
  readonly #objects = {g: {sound: 0, tried: 0}, m: {sound: 0, tried: 0}}
  #failures = 0
  living = 0

  check(name: string, holds: boolean): void {
    const counts = this.#counts.get(name) ?? {passed: 0, failed: 0}
    if (holds) counts.passed++
    else {
      counts.failed++
      this.#failures++
    }
    this.#counts.set(name, counts)
  }

  /** Tries one object. */
  judge(kind: 'g' | 'm', checks: () => void): void {
    const before = this.#failures
    checks()
    this.#objects[kind].tried++
    if (this.#failures === before) this.#objects[kind].sound++
  }

  fit(): LayoutFit {
    let score = 0
    const broken: string[] = []
    for (const [name, counts] of this.#counts) {
      score += counts.passed - FAILURE_WEIGHT * counts.failed
      // An object caught in the middle of a change breaks an invariant now and then; a wrong offset breaks it for most.
      if (counts.failed > counts.passed) broken.push(name)
    }
    const {g, m} = this.#objects
    const isMostly = ({sound, tried}: typeof g) => tried === 0 || sound * 2 > tried
    const isTried = g.tried > 0 ? this.living > 0 : m.tried > 0
    const isFlawless = this.#failures === 0 && this.living > 0 && m.tried > 0
    return {score, broken, isSound: isTried && isMostly(g) && isMostly(m), isFlawless}
  }
}

/**
 * Tries the invariants that the runtime keeps at all times: back links, bounds, small unique ids, known statuses, code
 * addresses.
 */
export function checkLayouts(
  memory: MemoryReader,
  release: GoVersion,
  layouts: LayoutSet,
  sample: LayoutSample,
): LayoutFit {
  const checker = new LayoutChecker(memory, release, layouts, sample)
  return checker.run()
}

/** What the goroutines of extra Ms lack. */
const ORIGIN = 'g.startpc and g.gopc are set'

/** Whether what lies at an address is a g that keeps every invariant, as far as what it leads to is there. */
export function isSoundGoroutine(
  memory: MemoryReader,
  release: GoVersion,
  layouts: LayoutSet,
  code: LayoutSample['code'],
  address: Address,
): boolean {
  const sample = {goroutines: [address], allm: NULL_ADDRESS, threadIds: new Set<number>(), code, isPartial: true}
  return checkLayouts(memory, release, layouts, sample).broken.every(name => name === ORIGIN)
}

class LayoutChecker {
  readonly #memory: MemoryReader
  readonly #release: GoVersion
  readonly #layouts: LayoutSet
  readonly #sample: LayoutSample
  readonly #tally = new Tally()
  /** Living goroutines but the first, and those of them that tell who created them. */
  #born = 0
  #descended = 0

  constructor(memory: MemoryReader, release: GoVersion, layouts: LayoutSet, sample: LayoutSample) {
    this.#memory = memory
    this.#release = release
    this.#layouts = layouts
    this.#sample = sample
  }

  run(): LayoutFit {
    const ids = new Set<number>()
    for (const address of this.#sample.goroutines) {
      const g = RemoteStruct.read(this.#memory, address, this.#layouts.g)
      if (g) this.#tally.judge('g', () => this.#checkGoroutine(g, ids))
    }
    if (this.#born > 0) this.#tally.check('g.parentGoid is set', this.#descended > 0)
    this.#checkMachines()
    return this.#tally.fit()
  }

  #checkGoroutine(g: RemoteStruct<'g'>, ids: Set<number>): void {
    const {_Gidle, _Gdead, _Gdeadextra} = GOROUTINE_STATUS
    const {number} = statusOf(this.#release, g.u32('atomicstatus'))
    // A g comes into allgs as a dead one, or one in a system call; zeros read as idle.
    this.#tally.check('g.atomicstatus is a known status', number !== _Gidle && number <= _Gdeadextra)
    if (number === _Gidle || number > _Gdeadextra) return
    const id = g.number('goid')
    const isLiving = number !== _Gdead && number !== _Gdeadextra
    this.#tally.check('g.goid is small', id < GOID_LIMIT && !this.#isLikeAddress(id))
    // Dead goroutines of 1.7 to 1.27 keep the id they had; those that never lived have 0.
    if (id !== 0 || isLiving) this.#tally.check('g.goid is positive and unique', id !== 0 && !ids.has(id))
    ids.add(id)
    if (isLiving) this.#checkLiving(g, number)
  }

  #isLikeAddress(value: number): boolean {
    return value >= ADDRESS_LIKE && value < 2 ** 47 && this.#memory.read(toAddress(value), 1) !== undefined
  }

  #checkLiving(g: RemoteStruct<'g'>, status: number): void {
    const tally = this.#tally
    tally.living++
    const lo = g.pointer('stack.lo')
    const hi = g.pointer('stack.hi')
    tally.check('g.stack is a range', lo > 0 && lo < hi && hi - lo < STACK_LIMIT)
    if (status === GOROUTINE_STATUS._Gwaiting || status === GOROUTINE_STATUS._Grunnable) {
      tally.check('g.sched.sp is on the stack', isOnStack({lo, hi}, g.pointer('sched.sp')))
      tally.check('g.sched.pc is code', this.#isCode(g.pointer('sched.pc')))
    }
    if (status === GOROUTINE_STATUS._Gwaiting) this.#checkWait(g)
    if (status === GOROUTINE_STATUS._Gsyscall) {
      tally.check('g.syscallsp is on the stack', isOnStack({lo, hi}, g.pointer('syscallsp')))
    }
    tally.check('g.stktopsp is on the stack', g.word('stktopsp') === 0n || isOnStack({lo, hi}, g.pointer('stktopsp')))
    this.#checkOrigin(g)
    if (this.#sample.isOfTables) this.#checkNeighbours(g)
    this.#checkPanic(g)
    const m = g.pointer('m')
    if (status === GOROUTINE_STATUS._Grunning && m !== NULL_ADDRESS) {
      const machine = RemoteStruct.read(this.#memory, m, this.#layouts.m)
      this.#checkTarget('g.m.curg is g', machine && machine.pointer('curg') === g.address)
    }
    const locked = g.word('lockedm')
    if (locked !== 0n) {
      // Not always that M's lockedg: the lock of a parked callback outlives it there.
      const machine = RemoteStruct.read(this.#memory, g.pointer('lockedm'), this.#layouts.m)
      this.#checkTarget('g.lockedm is a machine', machine && this.#isBackLinked(machine, machine.pointer('g0')))
    }
  }

  /** Before 1.11 the reason is a string of the program's. */
  #checkWait(g: RemoteStruct<'g'>): void {
    const tally = this.#tally
    if (g.has('waitreason')) {
      const reason = waitReasonText(this.#release, g.u8('waitreason'))
      tally.check('g.waitreason is known', reason !== '' && reason !== 'unknown wait reason')
    } else if (g.has('waitreason.str')) {
      const length = g.number('waitreason.len')
      const bytes = length <= REASON_LIMIT ? this.#memory.read(g.pointer('waitreason.str'), length) : undefined
      // The words of a program whose file is gone cannot be read.
      if (bytes || length === 0 || length > REASON_LIMIT) {
        tally.check('g.waitreason is text', length > 0 && (bytes?.every(isPrintable) ?? false))
      }
    }
    this.#checkQueue(g)
    const since = g.number('waitsince')
    tally.check('g.waitsince is a moment', since === 0 || (since >= EARLIEST_WAIT && !this.#isLikeAddress(since)))
  }

  /**
   * A fault, whose number 1.24 alone has four bytes further on, and what 1.21 put between sigpc and gopc. Main was
   * created on g0, as are the goroutines of timers; forcegc and all that follow by a goroutine (src/runtime/proc.go,
   * newproc1).
   */
  #checkNeighbours(g: RemoteStruct<'g'>): void {
    const place = g.word('sigpc')
    this.#tally.check('g.sigpc is a place', place === 0n || place >= PAGE)
    if (FAULTS.has(g.u32('sig'))) this.#tally.check('g.sig is of a fault', place !== 0n || g.word('sigcode1') === 0n)
    if (!g.has('parentGoid')) return
    const parent = g.word('parentGoid')
    if (g.word('goid') === 1n) this.#tally.check('main has no parent', parent === 0n)
    else {
      this.#born++
      if (parent !== 0n) this.#descended++
    }
  }

  /**
   * What it waits with in the queue of a channel: a sudog of its own, which names that channel. No search moves the
   * fields of sudogs, so that they prove nothing of layouts that one has found.
   */
  #checkQueue(g: RemoteStruct<'g'>): void {
    if (g.word('waiting') === 0n || !this.#sample.isOfTables) return
    const sudog = RemoteStruct.read(this.#memory, g.pointer('waiting'), this.#layouts.sudog)
    this.#checkTarget('g.waiting.g is g', sudog && sudog.pointer('g') === g.address)
    if (sudog?.pointer('g') !== g.address) return
    const channel = sudog.pointer('c')
    const isChannel = channel === NULL_ADDRESS ? false : this.#isChannel(channel)
    this.#checkTarget('g.waiting.c is a channel', isChannel)
  }

  /**
   * A panic has flags, and a value unless it is a Goexit (1.14+), for panic(nil) is rare; up to 1.21 one that others
   * came after was aborted by them or recovered (src/runtime/panic.go).
   */
  #checkPanic(g: RemoteStruct<'g'>): void {
    if (g.word('_panic') === 0n || !this.#sample.isOfTables) return
    const seen = new Set<Address>()
    for (let at = g.pointer('_panic'); at !== NULL_ADDRESS && !seen.has(at) && seen.size < PANIC_SAMPLE; ) {
      seen.add(at)
      const panic = RemoteStruct.read(this.#memory, at, this.#layouts._panic)
      if (!panic) return
      const flags = (['recovered', 'aborted', 'goexit'] as const).filter(field => panic.has(field))
      this.#tally.check(
        'a panic has flags',
        flags.every(field => panic.u8(field) <= 1),
      )
      const isOver = flags.some(field => panic.flag(field))
      if (seen.size > 1 && panic.has('aborted')) this.#tally.check('an older panic is over', isOver)
      this.#tally.check('a panic has a value', panic.word('arg._type') !== 0n || panic.flag('goexit'))
      at = panic.pointer('link')
    }
  }

  /** By the first two words of an hchan, which no release moved: no more than dataqsiz are in it. */
  #isChannel(address: Address): boolean | undefined {
    const bytes = this.#memory.read(address, 16)
    if (!bytes) return undefined
    const cursor = new Cursor(bytes, 'hchan')
    const count = cursor.word()
    return count <= cursor.word() && address % 8 === 0
  }

  /** All but the goroutines of extra Ms have a start function and a creator; words that are nil prove nothing. */
  #checkOrigin(g: RemoteStruct<'g'>): void {
    const start = g.pointer('startpc')
    const isStarted = g.word('startpc') !== 0n
    this.#tally.check(ORIGIN, isStarted && g.word('gopc') !== 0n)
    if (isStarted) {
      this.#tally.check('g.startpc is a function', this.#sample.code.isFunction(start))
      this.#tally.check('g.gopc is code', this.#isCode(g.pointer('gopc')))
    }
    this.#tally.check('g.parentGoid is small', g.number('parentGoid') < GOID_LIMIT)
    this.#tally.check('g.sig is a signal', g.u32('sig') < SIGNAL_LIMIT)
  }

  #isCode(pc: Address): boolean {
    return pc !== NULL_ADDRESS && this.#sample.code.isCode(pc)
  }

  #checkMachines(): void {
    const seen = new Set<Address>()
    const ids = new Set<number>()
    let at = this.#sample.allm
    while (at !== NULL_ADDRESS && !seen.has(at) && seen.size < MACHINE_SAMPLE) {
      seen.add(at)
      const m = RemoteStruct.read(this.#memory, at, this.#layouts.m)
      this.#checkTarget('m.alllink leads to machines', m && this.#isBackLinked(m, m.pointer('g0')))
      if (!m) return
      this.#tally.judge('m', () => this.#checkMachine(m, ids))
      at = m.pointer('alllink')
    }
  }

  /** undefined where the g is not there. */
  #isBackLinked(m: RemoteStruct<'m'>, g: Address): boolean | undefined {
    const linked = RemoteStruct.read(this.#memory, g, this.#layouts.g)
    return linked && linked.pointer('m') === m.address
  }

  /** What a pointer leads to; where that is not there (undefined), the pointer is wrong, or the core has lost it. */
  #checkTarget(name: string, holds: boolean | undefined): void {
    if (holds !== undefined || !this.#sample.isPartial) this.#tally.check(name, holds === true)
  }

  #checkMachine(m: RemoteStruct<'m'>, ids: Set<number>): void {
    const tally = this.#tally
    const id = m.i32('id')
    tally.check('m.id is small and unique', id >= 0 && id < COUNT_LIMIT && !ids.has(id))
    ids.add(id)
    this.#checkLinks(m)
    // In a child of fork, and in a core taken from outside of a container, no M has the id of a thread of the core.
    const procid = m.number('procid')
    const isThread = this.#sample.threadIds.has(procid)
    if (isThread || procid >= PID_LIMIT) tally.check('m.procid is a thread', isThread)
    if (m.word('p') !== 0n) {
      const p = RemoteStruct.read(this.#memory, m.pointer('p'), this.#layouts.p)
      this.#checkTarget('m.p is a processor', p && p.u32('id') < COUNT_LIMIT && p.u32('status') <= 4)
      // Up to 1.11 an M in a system call keeps the P that another M may have taken meanwhile (m.oldp came in 1.12).
      const isOwner = p?.pointer('m') === m.address
      if (p && p.word('m') !== 0n && (isOwner || this.#release.atLeast(12))) tally.check('m.p.m is m', isOwner)
    }
    const ncgo = m.i32('ncgo')
    tally.check('m.ncgo is a count', ncgo >= 0 && ncgo < COUNT_LIMIT && BigInt(ncgo) <= m.word('ncgocall'))
    tally.check(
      'm.throwing and m.dying are stages',
      m.i32('throwing') >= -1 && m.i32('throwing') <= 2 && m.u32('dying') <= 5,
    )
    tally.check('m.incgo is a flag', m.u8('incgo') <= 1)
  }

  /** What an M points at. */
  #checkLinks(m: RemoteStruct<'m'>): void {
    if (m.word('gsignal') !== 0n) this.#checkTarget('m.gsignal.m is m', this.#isBackLinked(m, m.pointer('gsignal')))
    if (m.word('curg') !== 0n) this.#checkTarget('m.curg.m is m', this.#isBackLinked(m, m.pointer('curg')))
    if (m.word('lockedg') !== 0n) {
      const locked = RemoteStruct.read(this.#memory, m.pointer('lockedg'), this.#layouts.g)
      this.#checkTarget('m.lockedg.lockedm is m', locked && locked.pointer('lockedm') === m.address)
    }
    const callers = m.word('cgoCallers')
    if (callers !== 0n) {
      const isReadable = readAddress(this.#memory, m.pointer('cgoCallers')) !== undefined
      this.#checkTarget('m.cgoCallers is readable', isReadable || undefined)
    }
  }
}

function isPrintable(byte: number): boolean {
  return byte >= 0x20 && byte < 0x7f
}
