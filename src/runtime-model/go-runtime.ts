import type {KnownAccesses} from '../amd64/known-accesses.ts'
import {type Address, hex, NULL_ADDRESS, toAddress, type Word} from '../base/address.ts'
import {BoundedCache} from '../base/bounded-cache.ts'
import {ByteSlab} from '../base/byte-slab.ts'
import type {Deadline} from '../base/deadline.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {Finding} from '../base/finding.ts'
import {type MemoryReader, readAddress, readNumber64} from '../base/memory-reader.ts'
import type {GoVersion} from '../gosym/version.ts'
import {
  decideHandler,
  type HandlerDecision,
  type HandlerHooks,
  readSavedCallers,
  type SavedCallers,
} from './cgo-call.ts'
import {GoHeap} from './go-heap.ts'
import {Goroutine} from './goroutine.ts'
import {searchGoroutines} from './goroutine-search.ts'
import {GOROUTINE_STATUS, GoroutineStatuses} from './goroutine-status.ts'
import {readTypeDescriptor, type TypeDescriptor} from './interface-value.ts'
import {isSoundGoroutine, type LayoutSample} from './layout-check.ts'
import {chooseLayouts} from './layout-choice.ts'
import {alllinksOf} from './layouts-by-version.ts'
import type {LayoutQuery} from './layouts-from-dwarf.ts'
import {Machine} from './machine.ts'
import {isMachine} from './object-shape.ts'
import type {Processor} from './processor.ts'
import type {RemoteSlice} from './remote-struct.ts'
import {type DataRange, searchRoots} from './root-search.ts'
import type {RuntimeAccess, RuntimeTables} from './runtime-access.ts'
import {RuntimeGlobals} from './runtime-globals.ts'
import {readGoroutineAddresses, readGoroutineSlice, readMachines, readProcessors} from './runtime-lists.ts'
import {RuntimeState} from './runtime-state.ts'
import {Scheduler} from './scheduler.ts'
import type {LayoutOrigin, LayoutSet} from './struct-layout.ts'
import {isSystem, isSystemByItself, type StartKind, startKind} from './system-goroutine.ts'
import {WaitReasons} from './wait-reason.ts'

export interface GoRuntimeInput {
  readonly memory: MemoryReader
  /** undefined where nothing names the release: layouts are then proven from machine code and live data. */
  readonly version: GoVersion | undefined
  /** The minor releases that wrote such function tables, where the version is not known. */
  readonly releases?: {readonly first: number; readonly last: number} | undefined
  /** undefined where the executable is gone, and its function tables with it. */
  readonly tables: RuntimeTables | undefined
  /** Runtime address of an ELF symbol of the Go image. */
  readonly symbols: (name: string) => Address | undefined
  /** Struct layouts from DWARF, all asked for at once; an empty map where there is no DWARF. */
  readonly layouts: LayoutQuery
  /** Thread ids of the core, to check layouts against. */
  readonly threadIds?: ReadonlySet<number>
  /** Writable data of the Go image: searched for the roots where neither symbols nor code tell them. */
  readonly data?: readonly DataRange[]
  /** All writable memory of the core: searched for goroutines where their list is lost. */
  readonly heap?: () => Iterable<DataRange>
  /** Whether code can be at an address: what function tables would say better. */
  readonly isExecutable?: (address: Address) => boolean
  /** Whether code belongs to another runtime of the process, whose goroutines lie in the same memory. */
  readonly isForeign?: (pc: Address) => boolean
  /** What the code of the image was found to name before. */
  readonly known?: () => KnownAccesses | undefined
  readonly deadline?: Deadline | undefined
  /** The next step to try where the core has lost memory: no executable replaces it. */
  readonly advice?: string | undefined
  readonly diagnostics: Diagnostics
}

const NO_TABLES: RuntimeTables = {modules: [], functionNamed: () => undefined, functionAt: () => undefined}
/** A goroutine id past this would take centuries to count to. */
const GOID_LIMIT = 2 ** 48
/** Goroutines that are told before the clock is looked at again. */
const GOROUTINES_BETWEEN_LOOKS = 16
/** Goroutines that layouts are tried on. */
const SAMPLE_SIZE = 64
/** Functions that goroutines begin with; a program has some hundreds, a damaged core any number. */
const START_KINDS_KEPT = 65_536

/** The Go runtime of the dead process: its goroutines, threads, processors and settings. */
export class GoRuntime {
  readonly layoutSource: LayoutOrigin
  readonly state: RuntimeState
  readonly layouts: LayoutSet
  readonly #access: RuntimeAccess
  readonly #globals: RuntimeGlobals
  readonly #scheduler: Scheduler
  readonly #allgs: RemoteSlice | undefined
  /** Found by a search, where the list is lost. */
  readonly #strays: readonly Address[]
  readonly #deadline: Deadline | undefined
  readonly #symbols: GoRuntimeInput['symbols']
  #heap: Finding<GoHeap>
  #machines: readonly Machine[] | undefined
  #machinesByAddress: ReadonlyMap<Address, Machine> | undefined
  #processors: readonly Processor[] | undefined
  #nowLowerBound: bigint | undefined
  /** The latest g.waitsince. */
  #latestWait: number | undefined
  #isIncomplete = false
  #unlisted = 0
  #hasAllMachines = false
  #hasListed: boolean | undefined
  #hooks: HandlerHooks | undefined
  /** Those that follow each other in the list have mostly begun alike. */
  #lastStart: {readonly pc: Address; readonly kind: StartKind} | undefined
  readonly #startKinds = new BoundedCache<Address, StartKind>(START_KINDS_KEPT)

  private constructor(
    access: RuntimeAccess,
    globals: RuntimeGlobals,
    allgs: RemoteSlice | undefined,
    strays: readonly Address[],
    origin: LayoutOrigin,
    {deadline, symbols}: Pick<GoRuntimeInput, 'deadline' | 'symbols'>,
  ) {
    this.#deadline = deadline
    this.#symbols = symbols
    this.layoutSource = origin
    this.layouts = access.layouts
    this.state = new RuntimeState(access.memory, globals)
    this.#access = access
    this.#globals = globals
    this.#scheduler = new Scheduler(access, globals)
    this.#allgs = allgs
    this.#strays = strays
  }

  /** undefined where neither the goroutines nor the machines can be found; a diagnostic says why. */
  static open(input: GoRuntimeInput): GoRuntime | undefined {
    const {memory, diagnostics, tables = NO_TABLES} = input
    const search = () => searchRoots(memory, input.data ?? [], alllinksOf(input.version), input.deadline)
    const globals = new RuntimeGlobals(memory, tables, input.symbols, search, input.known)
    const allgsAt = globals.address('runtime.allgs')
    const allgs = allgsAt === undefined ? undefined : readGoroutineSlice(memory, allgsAt)
    const listed = readSample(input, globals, allgs)
    // An empty list is not a lost one: a library's runtime has not begun yet when its host's threads do.
    const isLost = listed.goroutines.length === 0 && allgs?.length !== 0
    const strays = isLost ? [...searchGoroutines(memory, input.heap?.() ?? [], input.deadline)] : []
    // Where the release is known, what a search takes for goroutines says nothing against its layouts.
    const isSampled = strays.length > 0 && !input.version
    const sample = isSampled ? {...listed, goroutines: strays.slice(0, SAMPLE_SIZE)} : listed
    if (!allgs && strays.length === 0 && listed.allm === NULL_ADDRESS) {
      diagnostics.add('runtime-not-found', 'neither runtime.allgs nor runtime.allm can be found in this core', {
        severity: 'error',
        hint: input.tables
          ? 'the data of the program is not in it: was it cut short, or left out by coredump_filter (see core(5))?'
          : (input.advice ?? 'give the executable that made the core with --exe'),
      })
      return undefined
    }
    if (!allgs) diagnostics.add('allgs-unreadable', 'the list of goroutines (runtime.allgs) is missing or damaged')
    const chosen = chooseLayouts({
      memory,
      version: input.version,
      releases: input.releases,
      query: input.layouts,
      sigtramp: () => globals.sigtramp(),
      sample,
      advice: input.advice,
      diagnostics,
    })
    if (!chosen) return undefined
    const {release, releases, layouts} = chosen
    const waitReasons = new WaitReasons(releases)
    const oldestRelease = releases.at(-1) ?? release
    const made = {waitReasons, statuses: new GoroutineStatuses(release), slab: new ByteSlab()}
    const access = {memory, release, oldestRelease, layouts, tables, diagnostics, ...made}
    const found = selectStrays(access, strays, input)
    if (found.length > 0) {
      diagnostics.add(
        'goroutines-searched',
        'goroutines were searched for in the memory that the core holds: some may be missing',
      )
    }
    return new GoRuntime(access, globals, allgs, found, chosen.origin, input)
  }

  /** The version given, or the newest release whose layouts fit best where none was. */
  get release(): GoVersion {
    return this.#access.release
  }

  /** The oldest release that fits as well. */
  get oldestRelease(): GoVersion {
    return this.#access.oldestRelease
  }

  /** Whether goroutines are known to be missing, as far as they have been walked through. */
  get isIncomplete(): boolean {
    return this.#isIncomplete || this.#strays.length > 0
  }

  /** All goroutines in allgs order, dead ones too, read one at a time: memory does not grow with their number. */
  *goroutines(): Generator<Goroutine> {
    let passed = 0
    let unread = 0
    let latest = 0
    for (const addresses of this.#goroutineAddresses()) {
      for (const address of addresses) {
        if (passed % GOROUTINES_BETWEEN_LOOKS === 0 && this.#deadline?.isOver('the list of goroutines')) {
          this.#unlisted = Math.max(this.#unlisted, this.#listLength - passed)
          return
        }
        passed++
        const goroutine = Goroutine.read(this.#access, address)
        if (goroutine) {
          latest = later(latest, goroutine.waitSinceNumber)
          yield goroutine
          continue
        }
        unread++
        this.#isIncomplete = true
        this.#access.diagnostics.add('goroutine-unreadable', `the g at ${hex(address)} is not in the core`)
      }
    }
    if (unread === 0) this.#latestWait ??= latest
  }

  /** Return addresses on all stacks that the runtime had put others over, by place. */
  hiddenReturns(): ReadonlyMap<Address, Word> {
    if (!this.layouts.g.has('stkbar.len')) return new Map()
    return new Map(Array.from(this.goroutines(), ({hiddenReturns}) => [...hiddenReturns]).flat())
  }

  /** How many goroutines, dead ones too, time did not allow to come to. */
  get unlisted(): number {
    return this.#unlisted
  }

  get #listLength(): number {
    return this.#strays.length > 0 ? this.#strays.length : (this.#allgs?.length ?? 0)
  }

  #goroutineAddresses(): Iterable<readonly Address[]> {
    if (this.#strays.length > 0) return [this.#strays]
    if (!this.#allgs) return []
    return readGoroutineAddresses(this.#access.memory, this.#allgs, (first, count) => {
      this.#isIncomplete = true
      const message = `entries ${first} to ${first + count - 1} of runtime.allgs are not in the core`
      this.#access.diagnostics.add('allgs-unreadable', message)
    })
  }

  /** What the type descriptor at an address says; undefined where there is none of this runtime. */
  typeAt(address: Address): TypeDescriptor | undefined {
    return readTypeDescriptor(this.#access, address)
  }

  /** Address of a variable of the program by its symbol; undefined where it has none. */
  variable(symbol: string): Address | undefined {
    return this.#symbols(symbol)
  }

  /** undefined where nothing names it, or its layout is not known. */
  get heap(): GoHeap | undefined {
    if (this.#heap === undefined) {
      const mheap = this.#symbols('runtime.mheap_')
      const stack = mheap === undefined ? undefined : this.#aliveStack()
      const {memory, release} = this.#access
      this.#heap = (mheap !== undefined && stack && GoHeap.open(memory, release, mheap, stack)) || null
    }
    return this.#heap ?? undefined
  }

  /** An address on a stack that is in use. */
  #aliveStack(): Address | undefined {
    for (const goroutine of this.goroutines()) {
      if (!goroutine.isDead && goroutine.stack.hi !== NULL_ADDRESS) return toAddress(goroutine.stack.hi - 8)
    }
    return undefined
  }

  /** Any g: those of allgs, an M's g0 or gsignal. */
  goroutineAt(address: Address): Goroutine | undefined {
    return Goroutine.read(this.#access, address)
  }

  /** In allm order, newest first; extra Ms too. */
  get machines(): readonly Machine[] {
    if (!this.#machines) {
      const head = readGlobalPointer(this.#access.memory, this.#globals)
      const list = readMachines(this.#access, head, 'alllink')
      this.#machines = list.machines
      this.#hasAllMachines = list.isWhole && head !== NULL_ADDRESS
      if (this.#strays.length > 0) this.#machines = [...this.#machines, ...this.#strayMachines(this.#machines)]
    }
    return this.#machines
  }

  /**
   * Whether the core has the list of Ms to its end. Where that of goroutines is lost, the first Ms may be, too: a
   * search takes what points into the middle of the list for its head.
   */
  get hasAllMachines(): boolean {
    return this.machines.length > 0 && this.#hasAllMachines && this.#strays.length === 0
  }

  /** Ms that goroutines point at, where the list of Ms may be as incomplete as theirs. */
  #strayMachines(listed: readonly Machine[]): Machine[] {
    const found = new Map<Address, Machine | undefined>(listed.map(machine => [machine.address, undefined]))
    for (const {m, lockedM} of this.goroutines()) {
      for (const at of [m, lockedM]) {
        if (!found.has(at))
          found.set(at, isMachine(this.#access.memory, at) ? Machine.read(this.#access, at) : undefined)
      }
    }
    return [...found.values()].filter(machine => machine !== undefined)
  }

  /** The M at an address, as g.m and g.lockedm have it. */
  machineAt(address: Address): Machine | undefined {
    this.#machinesByAddress ??= new Map(this.machines.map(machine => [machine.address, machine]))
    return this.#machinesByAddress.get(address)
  }

  /**
   * Ms whose thread has gone and that nobody has freed yet (sched.freem); empty where the release's list cannot be
   * found.
   */
  get exitedMachines(): readonly Machine[] {
    const head = this.#scheduler.read()?.pointer('freem') ?? NULL_ADDRESS
    return this.layouts.m.has('freelink') ? readMachines(this.#access, head, 'freelink').machines : []
  }

  /** Whether an M is on the scheduler's list of those that wait for work; undefined where that cannot be read. */
  isListedIdle({address}: Machine): boolean | undefined {
    return this.#scheduler.idleMachines?.has(address)
  }

  get processors(): readonly Processor[] {
    if (!this.#processors) {
      const allp = this.#globals.address('runtime.allp')
      this.#processors = allp === undefined ? [] : readProcessors(this.#access, allp)
    }
    return this.#processors
  }

  /** An M for C threads that call into Go. Before 1.20 the M does not say so: its goroutine has no start function. */
  isExtraMachine(machine: Machine): boolean {
    if (machine.knowsExtra) return machine.isExtra
    const locked = this.goroutineAt(machine.lockedg)
    return locked !== undefined && locked.startpc === NULL_ADDRESS && locked.gopc === NULL_ADDRESS
  }

  /**
   * The goroutine of an extra M that a signal handler took on a C thread. It comes into being by the signal itself, in
   * a crash mostly by the relay that follows the runtime's own listing, so that listing does not have it.
   */
  isBorrowedBySignal(goroutine: Goroutine): boolean {
    const {lockedM} = goroutine
    const machine = lockedM === NULL_ADDRESS ? undefined : this.machineAt(lockedM)
    if (!machine || machine.procid === 0) return false
    if (machine.isExtraInSig) return true
    // 1.21 keeps a C thread's M bound to it but does not mark the second one that a signal takes.
    const isTwin = (other: Machine) => other !== machine && other.procid === machine.procid && other.isExtraInC
    return machine.isExtra && !machine.isExtraInC && this.machines.some(isTwin)
  }

  isSystemGoroutine(goroutine: Goroutine): boolean | undefined {
    const {startpc} = goroutine
    if (startpc !== this.#lastStart?.pc) {
      this.#lastStart = {pc: startpc, kind: this.#startKinds.of(startpc, () => startKind(this.#access, startpc))}
    }
    const {kind} = this.#lastStart
    if (kind === 'unknown') return isSystemByItself(goroutine)
    if (kind === 'user' || kind === 'system') return kind === 'system'
    const {finalizerRunning} = this.state
    return isSystem(kind, {finalizerRunning, cleanupRunning: goroutine.runningCleanups})
  }

  savedCallers(machine: Machine): SavedCallers {
    return readSavedCallers(this.#access.memory, machine)
  }

  /**
   * Whether the program uses cgo: by the variable, else by an M that has room for a C stack, which none has otherwise.
   */
  get usesCgo(): boolean | undefined {
    const {iscgo} = this.state
    return iscgo === undefined && this.machines.some(each => each.cgoCallers !== NULL_ADDRESS) ? true : iscgo
  }

  /**
   * Whether the dying runtime has printed all goroutines: a panic says so (dopanic_m, src/runtime/panic.go), a fatal
   * signal leaves what it found in m.caughtsig (sighandler, src/runtime/signal_unix.go).
   */
  get hasListedGoroutines(): boolean {
    if (this.#hasListed === undefined) {
      const {didothers} = this.state
      const isDying = (each: Machine) => each.caughtsig !== NULL_ADDRESS || (didothers === undefined && each.dying > 0)
      this.#hasListed = didothers === true || this.machines.some(isDying)
    }
    return this.#hasListed
  }

  /**
   * By the variables; where they cannot be found, by an M for which a hook has collected, and one that has room for it.
   */
  #readHooks(): HandlerHooks {
    const {cgoTraceback, cgoCallers} = this.state
    const isRegistered = () => this.machines.some(each => isUsed(this.savedCallers(each))) || undefined
    return {
      hasTraceback: cgoTraceback === undefined ? isRegistered() : cgoTraceback !== null,
      hasSupport: cgoCallers === undefined ? this.usesCgo : cgoCallers !== null,
    }
  }

  /** What keeps the runtime's signal handler from collecting a C traceback on this M now; null: a thread without g. */
  handlerDecision(machine: Finding<Machine>): HandlerDecision {
    this.#hooks ??= this.#readHooks()
    return decideHandler(this.#hooks, machine, machine ? this.goroutineAt(machine.curg) : undefined)
  }

  /** Where the structures of the runtime itself lie that are read here: its gs, Ms and Ps, and `runtime.sched`. */
  *structures(): Generator<{start: Address; end: Address}> {
    const {g, m, p, schedt} = this.layouts
    const at = (start: Address, size: number) => ({start, end: toAddress(start + size)})
    const sched = this.#scheduler.address
    if (sched !== undefined) yield at(sched, schedt.span)
    for (const {address} of this.goroutines()) yield at(address, g.span)
    for (const machine of this.machines) {
      yield at(machine.address, m.span)
      for (const own of [machine.g0, machine.gsignal]) if (own !== NULL_ADDRESS) yield at(own, g.span)
    }
    for (const {address} of this.processors) yield at(address, p.span)
  }

  /**
   * The latest moment (monotonic nanoseconds) that the core proves to have passed: no core stores the time of death.
   * The waiting times of all goroutines tell; the first pass over the list has noted them, else they have one of their
   * own.
   */
  nowLowerBound(): bigint {
    if (this.#nowLowerBound === undefined) {
      const sched = this.#scheduler.read()
      let latest = sched ? maximum(sched.i64('lastpoll'), sched.i64('procresizetime')) : 0n
      for (const p of this.processors) latest = maximum(latest, maximum(p.schedwhen, p.syscallwhen))
      this.#latestWait ??= this.#findLatestWait()
      this.#nowLowerBound = maximum(latest, BigInt(this.#latestWait))
    }
    return this.#nowLowerBound
  }

  /** g.waitsince alone, word by word. */
  #findLatestWait(): number {
    const offset = this.layouts.g.offset('waitsince')
    if (offset === undefined) return 0
    let latest = 0
    for (const addresses of this.#goroutineAddresses()) {
      for (const address of addresses) {
        latest = later(latest, readNumber64(this.#access.memory, toAddress(address + offset)) ?? 0)
      }
    }
    return latest
  }
}

/** Of two times the later one; negative ones, which only damage makes, read as huge. */
function later(latest: number, since: number): number {
  return since > latest && since < 2 ** 63 ? since : latest
}

function isUsed({pcs, tail}: SavedCallers): boolean {
  return pcs.length > 0 || tail.length > 0
}

function maximum(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function readGlobalPointer(memory: MemoryReader, globals: RuntimeGlobals): Address {
  const at = globals.address('runtime.allm')
  return (at === undefined ? undefined : readAddress(memory, at)) ?? NULL_ADDRESS
}

/**
 * Of the places where a g may be those that have an id and a status and keep the invariants of one, by id; a stale copy
 * loses to the one found first.
 * A g has its id after it is idle no more (runtime.newproc1, runtime.oneNewExtraM; src/runtime/proc.go).
 */
function selectStrays(
  access: RuntimeAccess,
  places: readonly Address[],
  {isExecutable = () => true, isForeign = () => false}: Pick<GoRuntimeInput, 'isExecutable' | 'isForeign'>,
): Address[] {
  // The tables of a plugin may be gone, whose functions goroutines begin with too.
  const code = {isCode: isExecutable, isFunction: isExecutable}
  const byId = new Map<number, Address>()
  for (const address of places) {
    const goroutine = Goroutine.read(access, address)
    if (!goroutine || goroutine.id === 0 || goroutine.id >= GOID_LIMIT) continue
    const {number} = goroutine.status
    if (number === GOROUTINE_STATUS._Gidle || number > GOROUTINE_STATUS._Gdeadextra || byId.has(goroutine.id)) continue
    if ([goroutine.startpc, goroutine.gopc, goroutine.sched.pc].some(isForeign)) continue
    if (!isSoundGoroutine(access.memory, access.release, access.layouts, code, address)) continue
    byId.set(goroutine.id, address)
  }
  return [...byId.keys()].sort((a, b) => a - b).map(id => byId.get(id) as Address)
}

function readSample(input: GoRuntimeInput, globals: RuntimeGlobals, allgs: RemoteSlice | undefined): LayoutSample {
  const goroutines: Address[] = []
  if (allgs) {
    const head = {array: allgs.array, length: Math.min(allgs.length, SAMPLE_SIZE)}
    for (const addresses of readGoroutineAddresses(input.memory, head, () => undefined)) goroutines.push(...addresses)
  }
  const allm = readGlobalPointer(input.memory, globals)
  const {tables, isExecutable} = input
  const code: LayoutSample['code'] = {
    isCode: pc => (tables ? tables.functionAt(pc) !== undefined : (isExecutable?.(pc) ?? true)),
    isFunction: pc => (tables ? tables.functionAt(pc)?.entry === pc : (isExecutable?.(pc) ?? true)),
  }
  const isPartial = input.advice !== undefined
  return {goroutines, allm, threadIds: input.threadIds ?? new Set(), code, isPartial}
}
