import {type Address, addressOfWord, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {BoundedCache} from '../../base/bounded-cache.ts'
import {ByteSlab} from '../../base/byte-slab.ts'
import {Cursor} from '../../base/cursor.ts'
import {readAddress} from '../../base/memory-reader.ts'
import type {GoFunction} from '../../gosym/go-function.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {GOROUTINE_STATUS} from '../../runtime-model/goroutine-status.ts'
import {RemoteStruct} from '../../runtime-model/remote-struct.ts'
import {type GoSite, GoSites} from '../../unwind/go-site.ts'
import {type GoFrame, symPcOf} from '../../unwind/goroutine-walk.ts'
import type {DeadProcess} from '../process/dead-process.ts'

/** What a parked goroutine waits for. Go records no owner for any of it. */
export interface GoWait {
  /** `sync.Mutex`, `sync.RWMutex`, …; else the wait reason: `chan receive`, `select`, `sleep`. */
  kind: string
  /** Of the channel, the mutex, …; undefined for nil channels and for what has no address. */
  address: Address | undefined
  /** All channels of a select. */
  addresses: readonly Address[]
}

/** gopark, semacquire1, the linknamed entry, lockSlow, Lock and their inlined parts. */
const DEPTH = 8
/** No frame of these functions is larger. */
const FRAME_LIMIT = 4096

/** `places`: of this process. */
export function findGoWait(
  process: DeadProcess,
  goroutine: Goroutine,
  places = new WaitingPlaces(process),
): GoWait | undefined {
  if (goroutine.status.number !== GOROUTINE_STATUS._Gwaiting) return undefined
  const kind = goroutine.state
  const channels: Address[] = []
  for (const {channel} of goroutine.waitingOn) if (channel !== NULL_ADDRESS) channels.push(channel)
  if (channels.length > 0) return {kind, address: channels[0], addresses: channels}
  if (!isOfSync(kind)) return {kind, address: undefined, addresses: []}
  const found = findSync(process, goroutine, places)
  if (!found) return {kind, address: undefined, addresses: []}
  return {...found, addresses: found.address === undefined ? [] : [found.address]}
}

/** The wait reasons of package sync. */
export function isOfSync(waitReason: string): boolean {
  return waitReason.startsWith('sem') || waitReason.startsWith('sync.')
}

export const GO_LOCK_KINDS = [
  'sync.Mutex',
  'sync.RWMutex',
  'sync.RWMutex, for reading',
  'sync.WaitGroup',
  'sync.Cond',
  'lock of a file',
] as const
type Primitive = (typeof GO_LOCK_KINDS)[number]

/** The functions of package sync that park, the innermost first. */
const PRIMITIVES: readonly (readonly [RegExp, Primitive])[] = [
  [/(^|\/)sync\.\(\*Mutex\)\./, 'sync.Mutex'],
  [/^sync\.\(\*RWMutex\)\.(RLock|rUnlock|RUnlock)/, 'sync.RWMutex, for reading'],
  [/^sync\.\(\*RWMutex\)\./, 'sync.RWMutex'],
  [/^sync\.\(\*WaitGroup\)\./, 'sync.WaitGroup'],
  [/^sync\.\(\*Cond\)\./, 'sync.Cond'],
  [/^internal\/poll\.\(\*fdMutex\)\./, 'lock of a file'],
]
/** Far above the places at which the goroutines of one process wait. */
const PLACES_LIMIT = 2 ** 16

/** What part a function has in a wait. */
interface PlaceOfWait {
  readonly acquires: boolean
  /** Where from sp on the frame had its sudog when one was found here last. */
  sudogAt: number | undefined
  readonly listens: boolean
  /** Of the functions at it, the innermost first. */
  readonly primitives: readonly Primitive[]
}

/** A frame of a wait, with all those below it, which the goroutine called from here. */
class WaitingCall {
  readonly site: GoSite
  readonly pc: Address
  readonly symPc: Address
  readonly place: PlaceOfWait
  /** What led here, the innermost first. */
  readonly asked: readonly Primitive[]
  /** Further out is nothing that tells more. */
  readonly isLast: boolean
  readonly callers = new Map<Address, WaitingCall | undefined>()

  constructor(site: GoSite, pc: Address, symPc: Address, place: PlaceOfWait, below: readonly Primitive[]) {
    const {primitives} = place
    const asked = [...below, ...primitives]
    this.site = site
    this.pc = pc
    this.symPc = symPc
    this.place = place
    this.asked = asked
    this.isLast = asked.length > 0 && (primitives.length === 0 || asked.at(-1) !== 'sync.Mutex')
  }
}

/** The places in the code of one process that goroutines wait at: thousands wait at the same few. */
export class WaitingPlaces {
  readonly slab = new ByteSlab()
  /** undefined where there are no function tables. */
  readonly sites: GoSites | undefined
  readonly #known = new BoundedCache<Address, PlaceOfWait>(PLACES_LIMIT)
  readonly #innermost = new Map<Address, WaitingCall | undefined>()
  #count = 0

  constructor({tables}: Pick<DeadProcess, 'tables'>) {
    this.sites = tables && new GoSites(tables, false)
  }

  /** What is called at a pc, by what is called below it; undefined where the walk of a stack ends. */
  call(pc: Address, below: WaitingCall | undefined): WaitingCall | undefined {
    const known = below ? below.callers : this.#innermost
    const found = known.get(pc)
    if (found || known.has(pc)) return found
    const site = this.sites?.at(pc)
    const call = site?.frameSize === undefined ? undefined : this.#callAt(site, pc, below)
    if (this.#count++ < PLACES_LIMIT) known.set(pc, call)
    return call
  }

  #callAt(site: GoSite, pc: Address, below: WaitingCall | undefined): WaitingCall {
    const symPc = symPcOf(site.fn, pc, below?.site.isInjected ?? false)
    return new WaitingCall(site, pc, symPc, this.#placeOf(site.fn, symPc), below?.asked ?? [])
  }

  #placeOf(fn: GoFunction, symPc: Address): PlaceOfWait {
    return this.#known.of(symPc, () => {
      const names = fn.inlineFrames(symPc).map(({name}) => name)
      const primitives = names.map(name => PRIMITIVES.find(([pattern]) => pattern.test(name))?.[1])
      return {
        acquires: fn.name === 'runtime.semacquire1',
        sudogAt: undefined,
        listens: fn.name.endsWith('.runtime_notifyListWait') || fn.name === 'runtime.notifyListWait',
        primitives: primitives.filter(primitive => primitive !== undefined),
      }
    })
  }
}

/**
 * What the program asked for, by what it led to, the innermost first: a writer waits for the other writers in the mutex
 * that its RWMutex begins with.
 */
export function kindAsked(asked: readonly Primitive[]): Primitive | undefined {
  return asked[0] === 'sync.Mutex' && asked.at(-1) === 'sync.RWMutex' ? 'sync.RWMutex' : asked[0]
}

/** By the frames between gopark and the program: who asked, and the sudog that queued the goroutine. */
function findSync(
  process: DeadProcess,
  goroutine: Goroutine,
  places: WaitingPlaces,
): {kind: string; address: Address | undefined} | undefined {
  if (!places.sites) return undefined
  let semaphore: Address | undefined
  let list: Address | undefined
  let {pc, sp} = goroutine.sched
  let asked: readonly Primitive[] = []
  let call: WaitingCall | undefined
  // As GoStackWalk goes.
  for (let depth = 0; depth < DEPTH; depth++) {
    call = places.call(pc, call)
    if (!call) break
    const {place, site} = call
    const fp = toAddress(sp + (site.frameSize as number))
    if (place.acquires) semaphore ??= findSemaphore(process, goroutine, {sp, fp}, places, place)
    if (place.listens) list ??= firstArgument(process, {fn: site.fn, symPc: call.symPc, fp})
    asked = call.asked
    const caller = call.isLast ? undefined : callerOf(process, call, sp, fp)
    if (!caller) break
    pc = caller
    sp = fp
  }
  const [primitive] = asked
  const kind = kindAsked(asked)
  if (primitive && kind) return {kind, address: addressOfPrimitive(process, primitive, semaphore, list)}
  return semaphore === undefined ? undefined : {kind: 'semaphore', address: semaphore}
}

/** The return address above a frame; 0 and undefined where the stack ends. */
function callerOf({memory}: DeadProcess, {site, pc}: WaitingCall, sp: Address, fp: Address): Address | undefined {
  const caller = site.endsStack === 'never' ? readAddress(memory, toAddress(fp - 8)) : undefined
  return caller === pc && fp === sp ? undefined : caller
}

/**
 * semacquire1 keeps its sudog in its frame: a pointer to one that names this goroutine, and the semaphore. A goroutine
 * has one such sudog, so where the last frame had it is looked at first.
 */
function findSemaphore(
  process: DeadProcess,
  goroutine: Goroutine,
  {sp, fp}: Pick<GoFrame, 'sp' | 'fp'>,
  {slab}: WaitingPlaces,
  place: PlaceOfWait,
): Address | undefined {
  const size = fp - sp
  if (!(size > 0 && size <= FRAME_LIMIT)) return undefined
  const {sudogAt} = place
  const known = sudogAt === undefined ? undefined : semaphoreOf(process, goroutine, toAddress(sp + sudogAt), slab)
  if (known !== undefined) return known
  for (let at = 0; at + 8 <= size; at += 8) {
    const found = semaphoreOf(process, goroutine, toAddress(sp + at), slab)
    if (found === undefined) continue
    place.sudogAt = at
    return found
  }
  return undefined
}

/** What the goroutine waits for by the sudog that a slot points at; undefined where that is no sudog of it. */
function semaphoreOf(
  {memory, version, runtime}: DeadProcess,
  {address}: Goroutine,
  slot: Address,
  slab: ByteSlab,
): Address | undefined {
  const at = readAddress(memory, slot)
  if (!runtime || at === undefined || at < 4096 || at % 8 !== 0) return undefined
  const sudog = RemoteStruct.read(memory, at, runtime.layouts.sudog, slab)
  if (sudog?.pointer('g') !== address || !sudog.has('elem') || sudog.pointer('c') !== NULL_ADDRESS) return undefined
  const offset = sudog.layout.offset('elem')
  const element = sudog.pointer('elem') || secondWord({memory, version}, sudog.address, offset)
  return element !== NULL_ADDRESS && element % 4 === 0 ? element : undefined
}

/**
 * From 1.26 elem is a pointer and its copy that the collector does not trace; a leak check clears the pointer for a
 * while.
 */
function secondWord(
  {memory, version}: Pick<DeadProcess, 'memory' | 'version'>,
  sudog: Address,
  elem: number | undefined,
): Address {
  if (elem === undefined || !version.atLeast(26)) return NULL_ADDRESS
  const bytes = memory.read(toAddress(sudog + elem + 8), 8)
  return (bytes && addressOfWord(new Cursor(bytes, 'sudog.elem').word())) ?? NULL_ADDRESS
}

/** Where it is known to be live: up to 1.16 arguments are on the stack; later ones are marked `?` when they are not. */
function firstArgument(
  {memory, version}: DeadProcess,
  {fn, symPc, fp}: Pick<GoFrame, 'fn' | 'symPc' | 'fp'>,
): Address | undefined {
  if (version.atLeast(17) && !version.atLeast(18)) return undefined
  const text = fn.argText(symPc, fp, memory).split(', ')[0] ?? ''
  return /^0x[0-9a-f]{1,13}$/.test(text) ? toAddress(Number(text)) : undefined
}

/**
 * Go, src/sync: Mutex {state, sema}; RWMutex {w Mutex, writerSem, readerSem, …}; WaitGroup ends in its semaphore,
 * except where up to 1.17 it was not aligned to 8; Cond {L, notify}.
 */
function addressOfPrimitive(
  {version}: DeadProcess,
  kind: Primitive,
  semaphore: Address | undefined,
  list: Address | undefined,
): Address | undefined {
  if (kind === 'sync.Cond') return list === undefined ? undefined : toAddress(list - 16)
  if (semaphore === undefined) return undefined
  switch (kind) {
    case 'sync.Mutex':
      return toAddress(semaphore - 4)
    case 'sync.RWMutex':
      return toAddress(semaphore - 8)
    case 'sync.RWMutex, for reading':
      return toAddress(semaphore - 12)
    case 'sync.WaitGroup':
      if (!version.atLeast(11)) return toAddress(semaphore - 12)
      return semaphore % 8 === 4 && !version.atLeast(18) ? semaphore : toAddress(semaphore - 8)
    default:
      return semaphore
  }
}
