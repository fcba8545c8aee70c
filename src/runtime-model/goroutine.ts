import {type Address, addressOfWord, NULL_ADDRESS, toAddress, type Word} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {readString} from '../base/memory-reader.ts'
import type {GoVersion} from '../gosym/version.ts'
import {readLabels} from './goroutine-labels.ts'
import {GOROUTINE_STATUS, type GoroutineStatus} from './goroutine-status.ts'
import {type PanicRecord, readPanics} from './panic-record.ts'
import {RemoteStruct, readSlice} from './remote-struct.ts'
import type {RuntimeAccess} from './runtime-access.ts'
import {readStackBarriers} from './stack-barriers.ts'

export interface SavedContext {
  readonly sp: Address
  readonly pc: Address
  readonly bp: Address
}

export interface StackBounds {
  readonly lo: Address
  readonly hi: Address
}

/**
 * Whether a stack pointer is on the stack. At its end too: there stands goexit, which has called what is below, and
 * nothing above. A stack without a place (that of a dead goroutine) has none.
 */
export function isOnStack({lo, hi}: StackBounds, sp: Address): boolean {
  return sp >= lo && sp <= hi && lo < hi
}

/** From the top of a stack to goexit: four words, and up to 1.16 arguments (runtime.newproc1, src/runtime/proc.go). */
const START_MAX = 64
const START_WITH_ARGUMENTS_MAX = 2048

/**
 * Whether a frame is where goroutines begin, that of goexit, so that none of Go is further out. Where the goroutine
 * does not say that, it is near the top of the stack.
 */
export function isAtStart(
  {stack, topSp}: Pick<Goroutine, 'stack' | 'topSp'>,
  sp: Address,
  version: GoVersion,
): boolean {
  if (isOnStack(stack, topSp)) return sp === topSp
  const room = version.atLeast(17) ? START_MAX : START_WITH_ARGUMENTS_MAX
  return isOnStack(stack, sp) && stack.hi - sp <= room
}

/**
 * The last signal that became a panic or a throw on this goroutine (g.sig…); number 0 for none. Words are printed raw.
 */
export interface GoroutineSignal {
  readonly number: number
  readonly code0: Word
  readonly code1: Word
  /** Raw: a jump may have led to what is no address. */
  readonly pc: Word
}

/** A goroutine that led to this one, saved under GODEBUG=tracebackancestors. */
export interface Ancestor {
  readonly goid: number
  readonly gopc: Address
  readonly pcs: readonly Address[]
}

/** 1.24 calls it a synctest group and names it by its root goroutine; 1.25+ gives bubbles numbers. */
export interface Bubble {
  readonly address: Address
  readonly id: number
  readonly rootGoid: number | undefined
}

/** A channel (or other queue) that the goroutine stands in. */
export interface Waiter {
  readonly channel: Address
  readonly element: Address
  readonly isSelect: boolean
}

const CONTEXT_LIMIT = 4096
const ANCESTOR_LIMIT = 1000
const ANCESTOR_PCS_LIMIT = 1000
const WAITER_LIMIT = 1000
const REASON_LIMIT = 256
const EMPTY_CONTEXT: readonly Word[] = []

/** Whole minutes from one moment to a later one (nanoseconds); undefined below one. */
export function minutesBetween(since: bigint, now: bigint): number | undefined {
  const minutes = now > since ? Number((now - since) / 60_000_000_000n) : 0
  return minutes >= 1 ? minutes : undefined
}

/** A goroutine of the dead process: one copied runtime.g, decoded as it is asked for. No frames inside. */
export class Goroutine {
  readonly address: Address
  readonly id: number
  readonly status: GoroutineStatus
  readonly m: Address
  readonly lockedM: Address
  readonly #g: RemoteStruct<'g'>
  readonly #access: RuntimeAccess
  #state: string | undefined

  private constructor(g: RemoteStruct<'g'>, access: RuntimeAccess) {
    this.address = g.address
    this.#g = g
    this.#access = access
    this.id = g.number('goid')
    this.status = access.statuses.of(g.u32('atomicstatus'))
    this.m = g.pointer('m')
    this.lockedM = g.pointer('lockedm')
  }

  /** undefined where the g is not (wholly) in memory. */
  static read(access: RuntimeAccess, address: Address): Goroutine | undefined {
    const g = RemoteStruct.read(access.memory, address, access.layouts.g, access.slab)
    return g && new Goroutine(g, access)
  }

  /** Dead goroutines, and spare ones for C threads, stay in allgs; no traceback lists them. */
  get isDead(): boolean {
    return this.status.number === GOROUTINE_STATUS._Gdead || this.status.number === GOROUTINE_STATUS._Gdeadextra
  }

  /** Why it waits, in the runtime's words; '' when it does not, or does not say. Stale unless the status is waiting. */
  get waitReason(): string {
    if (this.#g.has('waitreason')) return this.#access.waitReasons.textOf(this.#g.u8('waitreason'))
    const length = this.#g.number('waitreason.len')
    if (length > REASON_LIMIT) return ''
    return readString(this.#access.memory, this.#g.pointer('waitreason.str'), length) ?? ''
  }

  /**
   * The words in the brackets of a traceback header, without what follows a comma: the wait reason, else the status.
   */
  get state(): string {
    this.#state ??= this.#findState()
    return this.#state
  }

  #findState(): string {
    const {number, text} = this.status
    const isWaiting =
      number === GOROUTINE_STATUS._Gwaiting ||
      (number === GOROUTINE_STATUS._Gleaked && this.#access.release.atLeast(26))
    return (isWaiting ? this.waitReason : '') || text
  }

  /** `waitSince` without a bigint, as a double. */
  get waitSinceNumber(): number {
    return this.#g.double('waitsince')
  }

  /** Monotonic nanoseconds when the collector first saw it blocked; 0 when none did. */
  get waitSince(): bigint {
    return this.#g.i64('waitsince')
  }

  /** Whole minutes blocked, as the header prints them: only for waiting and syscall, at least one. */
  waitMinutes(now: bigint): number | undefined {
    const since = this.waitSince
    return this.mayWait && since > 0n ? minutesBetween(since, now) : undefined
  }

  /** Else `waitSince` is of a wait that is over. */
  get mayWait(): boolean {
    const {number} = this.status
    return number === GOROUTINE_STATUS._Gwaiting || number === GOROUTINE_STATUS._Gsyscall
  }

  get lockedToThread(): boolean {
    return this.lockedM !== NULL_ADDRESS
  }

  get stack(): StackBounds {
    return {lo: this.#g.pointer('stack.lo'), hi: this.#g.pointer('stack.hi')}
  }

  /** SP in goexit, to which its first function returns (g.stktopsp; runtime.newproc1); 0 where it is not known. */
  get topSp(): Address {
    return this.#g.pointer('stktopsp')
  }

  /** Return addresses on its stack that the runtime had put others over, by place (1.7, 1.8). */
  get hiddenReturns(): ReadonlyMap<Address, Word> {
    return readStackBarriers(this.#access.memory, this.#g, this.stack)
  }

  /** g.sched: where it was when it last left the processor; stale while it runs. */
  get sched(): SavedContext {
    return {sp: this.#g.pointer('sched.sp'), pc: this.#g.pointer('sched.pc'), bp: this.#g.pointer('sched.bp')}
  }

  /** Position of the caller of the system or cgo call it is in; sp 0 when in none. bp since 1.23. */
  get syscall(): SavedContext {
    return {sp: this.#g.pointer('syscallsp'), pc: this.#g.pointer('syscallpc'), bp: this.#g.pointer('syscallbp')}
  }

  get gopc(): Address {
    return this.#g.pointer('gopc')
  }

  get startpc(): Address {
    return this.#g.pointer('startpc')
  }

  /** Goroutine that created it (1.21+); 0 when unknown. */
  get parentGoid(): number {
    return this.#g.number('parentGoid')
  }

  get signal(): GoroutineSignal {
    return {
      number: this.#g.u32('sig'),
      code0: this.#g.word('sigcode0'),
      code1: this.#g.word('sigcode1'),
      pc: this.#g.word('sigpc'),
    }
  }

  /** It was preempted where a signal had interrupted it (runtime.asyncPreempt2, 1.14+), and has not gone on. */
  get asyncSafePoint(): boolean {
    return this.#g.flag('asyncSafePoint')
  }

  /** 1.25+: a cleanup goroutine that is in the program's code. */
  get runningCleanups(): boolean {
    return this.#g.flag('runningCleanups')
  }

  /** It has neither labels nor ancestors, and is in no bubble. */
  get isOrdinary(): boolean {
    return (
      this.#g.pointer('labels') === NULL_ADDRESS &&
      this.#g.pointer('ancestors') === NULL_ADDRESS &&
      this.#g.pointer('bubble') === NULL_ADDRESS
    )
  }

  get hasLabels(): boolean {
    return this.#g.pointer('labels') !== NULL_ADDRESS
  }

  get labels(): ReadonlyMap<string, string> {
    return readLabels(this.#access, this.#g.pointer('labels'))
  }

  /** Of its newest panic; 0 where there is none. */
  get panicAddress(): Address {
    return this.#g.pointer('_panic')
  }

  /** Its panics, newest first. */
  get panics(): PanicRecord[] {
    return readPanics(this.#access, this.panicAddress)
  }

  get hasPanics(): boolean {
    return this.panicAddress !== NULL_ADDRESS
  }

  /** Opaque values of the context function, oldest first: one for each callback that is in progress. */
  get cgoCtxt(): readonly Word[] {
    return this.#readContexts(this.#g.number('cgoCtxt.len'))
  }

  /** cgoCtxt with what is left above its length: a panic has already popped the contexts of the callbacks it passed. */
  get cgoCtxtBacking(): readonly Word[] {
    return this.#readContexts(this.#g.number('cgoCtxt.cap'))
  }

  #readContexts(count: number): readonly Word[] {
    if (count === 0 || count > CONTEXT_LIMIT) return EMPTY_CONTEXT
    const bytes = this.#access.memory.read(this.#g.pointer('cgoCtxt.array'), count * 8)
    if (!bytes) return EMPTY_CONTEXT
    const cursor = new Cursor(bytes, 'g.cgoCtxt')
    return Array.from({length: count}, () => cursor.word())
  }

  /** Who led to it, the nearest first, as the runtime prints them. */
  get ancestors(): Ancestor[] {
    const header = this.#g.pointer('ancestors')
    if (header === NULL_ADDRESS) return []
    const slice = readSlice(this.#access.memory, header, ANCESTOR_LIMIT)
    const {ancestorInfo} = this.#access.layouts
    const ancestors: Ancestor[] = []
    for (let index = 0; slice && index < slice.length; index++) {
      const at = toAddress(slice.array + index * ancestorInfo.span)
      const info = RemoteStruct.read(this.#access.memory, at, ancestorInfo)
      if (!info) break
      ancestors.push({goid: info.number('goid'), gopc: info.pointer('gopc'), pcs: this.#readPcs(info)})
    }
    return ancestors
  }

  #readPcs(info: RemoteStruct<'ancestorInfo'>): Address[] {
    const count = info.number('pcs.len')
    const bytes =
      count > ANCESTOR_PCS_LIMIT ? undefined : this.#access.memory.read(info.pointer('pcs.array'), count * 8)
    if (!bytes) return []
    const cursor = new Cursor(bytes, 'ancestorInfo.pcs')
    return Array.from({length: count}, () => addressOfWord(cursor.word()) ?? NULL_ADDRESS)
  }

  /** The synctest group or bubble it is in (1.24+). */
  get bubble(): Bubble | undefined {
    const bubble = RemoteStruct.read(this.#access.memory, this.#g.pointer('bubble'), this.#access.layouts.bubble)
    if (!bubble) return undefined
    const root = RemoteStruct.read(this.#access.memory, bubble.pointer('root'), this.#access.layouts.g)
    return {address: bubble.address, id: bubble.number('id'), rootGoid: root?.number('goid')}
  }

  /** The channels it waits on, in the order of g.waiting. */
  get waitingOn(): Waiter[] {
    const waiters: Waiter[] = []
    const seen = new Set<Address>()
    let at = this.#g.pointer('waiting')
    while (at !== NULL_ADDRESS && !seen.has(at) && waiters.length < WAITER_LIMIT) {
      seen.add(at)
      const sudog = RemoteStruct.read(this.#access.memory, at, this.#access.layouts.sudog, this.#access.slab)
      if (!sudog?.has('c')) break
      waiters.push({channel: sudog.pointer('c'), element: sudog.pointer('elem'), isSelect: sudog.flag('isSelect')})
      at = sudog.pointer('waitlink')
    }
    return waiters
  }
}
