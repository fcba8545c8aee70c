import {addressOfWord, hex, NULL_ADDRESS} from '../../base/address.ts'
import {nameForTraceback} from '../../gosym/func-name.ts'
import type {LogicalFrame} from '../../gosym/go-function.ts'
import type {CreatedByReport} from '../../report/core-report.ts'
import type {MissingReason} from '../../report/vocabulary.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import {machineOf} from '../../runtime-model/machine.ts'
import {GoSites} from '../../unwind/go-site.ts'
import {type GoFrame, GoStackWalk} from '../../unwind/goroutine-walk.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import {Creation} from '../frames/creation.ts'
import {cgoWrapperTarget, goPlumbing} from '../frames/irrelevant-frames.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {CSegment} from '../stacks/c-segments.ts'
import {findStart, WALK_LIMIT} from '../stacks/goroutine-start.ts'
import {beforeOwnStack, type Seam, type StitchedFrame, stitchStack} from '../stacks/stitched-stack.ts'
import type {ThreadStacks} from '../stacks/thread-stacks.ts'

/** A call from Go into C that is in progress. */
export interface CgoCall {
  /** The C function as the programmer wrote it. */
  entry: string | null
  /** The Go line that called it. */
  caller: CreatedByReport | null
  /** Its C frames. */
  segment: CalledSegment
}

/** The physical C frames between two crossings, innermost first. */
interface CalledSegment {
  readonly frames: UnwindFrame[]
  /** How many there are besides. */
  leftOut: number
  /** Why not all are known; null: they are. */
  missing: MissingReason | null
}

/** A call from C into Go that is in progress. */
export interface CgoCallback {
  /** The Go function that C called. */
  function: string | null
  /** The C frames that called it, out to the next call from Go or to the thread's start. */
  segment: CalledSegment
}

/** How a goroutine went to and fro between Go and C; innermost first. */
export interface CgoCalls {
  calls: readonly CgoCall[]
  callbacks: readonly CgoCallback[]
  /** The innermost crossing is a callback: the goroutine is in Go, and C waits for it. */
  inCallback: boolean
  /** The goroutine is in runtime.cgocall before C or behind it: what it called is not in progress. */
  isReturning: boolean
  /** Why there may be more of both further out; null: there are none. */
  missing: MissingReason | null
}

/** Gives every crossing of a goroutine's stack the C frames that belong to it. */
export function findCgoCalls(process: DeadProcess, threads: ThreadStacks, goroutine: Goroutine): CgoCalls {
  const {memory, tables, deadline} = process
  const start = findStart(process, threads, goroutine)
  const leaf = threads.leafOf(goroutine, start)
  if (!tables) return findBareCall(process, goroutine, leaf)
  const go = new GoStackWalk(start, {memory, sites: new GoSites(tables, false), maxFrames: WALK_LIMIT, deadline})
  const callbacks = threads.callbacksOf(goroutine)
  const rejoin = threads.rejoinOf(goroutine, start)
  const stack = stitchStack({leaf, go, foundBy: start.foundBy, callbacks, rejoin})
  const crossings = new Crossings(process, goroutine, emptySegment(leaf ? null : 'unmapped'))
  for (const item of stack) crossings.add(item)
  return crossings
}

/**
 * Without function tables nothing tells the crossings, but the records tell of the call that C is in. That the M counts
 * no call proves nothing: a panic takes back what it counted (runtime.unwindm).
 */
function findBareCall(process: DeadProcess, goroutine: Goroutine, leaf: CSegment | undefined): CgoCalls {
  const calls: CgoCall[] = []
  if (leaf && goroutine.syscall.sp !== NULL_ADDRESS && isInC(process, goroutine)) {
    const {frames, missing, elided, stop} = beforeOwnStack(leaf, sp => isOnStack(goroutine.stack, sp))
    const segment = emptySegment(missing[0]?.reason ?? (stop === 'end-of-stack' ? null : stop))
    for (const frame of frames) if (frame.kind === 'native') segment.frames.push(frame)
    segment.leftOut = elided?.count ?? 0
    calls.push({entry: null, caller: null, segment})
  }
  return {calls, callbacks: [], inCallback: false, isReturning: false, missing: 'no-unwind-info'}
}

function emptySegment(missing: MissingReason | null): CalledSegment {
  return {frames: [], leftOut: 0, missing}
}

/** cgocall sets m.incgo around the call of C alone, while g.syscallsp stays until the goroutine has a P again. */
function isInC({runtime}: DeadProcess, goroutine: Goroutine): boolean {
  const machine = machineOf(runtime, goroutine)
  return machine !== undefined && (runtime?.layouts.m.has('incgo') === true ? machine.incgo : machine.ncgo > 0)
}

/** Takes a stitched stack, and tells of it where the goroutine went from one language to the other. */
class Crossings implements CgoCalls {
  readonly calls: CgoCall[] = []
  readonly callbacks: CgoCallback[] = []
  inCallback = false
  isReturning = false
  missing: MissingReason | null = null
  readonly #process: DeadProcess
  readonly #goroutine: Goroutine
  /** Name of the last Go frame that is not the seam's own. */
  #lastName: string | null = null
  /** That name at each place that was met: a recursion meets the same few. */
  readonly #names = new Map<readonly LogicalFrame[], string | null>()
  #open: CgoCall | undefined
  /** The C frames since the last crossing. */
  #segment: CalledSegment

  /** `leaf`: for the C frames above the first frame of Go. */
  constructor(process: DeadProcess, goroutine: Goroutine, leaf: CalledSegment) {
    this.#process = process
    this.#goroutine = goroutine
    this.#segment = leaf
  }

  add(item: StitchedFrame): void {
    if (item.kind === 'native') {
      if (item.frame.kind === 'native') this.#segment.frames.push(item.frame)
    } else if (item.kind === 'left-out') {
      this.#segment.leftOut += item.count
      this.#segment.missing ??= 'frame-limit'
    } else if (item.kind === 'seam') this.#cross(item)
    else if (item.kind === 'go' && !item.isLeft) this.#addGo(item.frame)
  }

  #cross({into, missing}: Seam): void {
    if (missing === 'left' || missing === 'rejoined') return
    if (into === 'go') this.#segment.missing ??= missing ?? null
    else if (into === 'nothing') {
      this.missing = missing ?? null
      // Who is in Go while the M counts calls was called back.
      this.inCallback ||= this.#isAtTop && !isInC(this.#process, this.#goroutine)
    } else {
      this.#segment = emptySegment(missing ?? null)
      this.#addCallback(this.#segment)
    }
  }

  #addGo(frame: GoFrame): void {
    if (frame.fn.name === 'runtime.cgocall') {
      const isCalled = this.#segment.frames.length > 0 || !this.#isAtTop || isInC(this.#process, this.#goroutine)
      if (isCalled) this.#addCall(frame, this.#segment)
      else this.isReturning = true
      this.#segment = emptySegment(null)
    } else if (frame.fn.funcID !== 'cgocallback') this.#addFrame(frame)
  }

  /** Nothing was crossed yet. */
  get #isAtTop(): boolean {
    return this.calls.length === 0 && this.callbacks.length === 0
  }

  #addCallback(segment: CalledSegment): void {
    if (this.calls.length === 0) this.inCallback = true
    this.callbacks.push({function: this.#lastName, segment})
    this.#lastName = null
  }

  #addCall(cgocall: GoFrame, segment: CalledSegment): void {
    this.#open = {entry: this.#entryByFrames(segment) ?? null, caller: null, segment}
    this.#open.entry ??= this.#entryByGlue(cgocall) ?? null
    this.calls.push(this.#open)
  }

  #addFrame(frame: GoFrame): void {
    const logical = frame.fn.inlineFrames(frame.symPc)
    this.#lastName = this.#nameOf(logical) ?? this.#lastName
    for (const each of this.#open ? logical : []) this.#giveCaller(frame, each)
  }

  /** The outermost of the logical frames that is not the seam's own. */
  #nameOf(logical: readonly LogicalFrame[]): string | null {
    const known = this.#names.get(logical)
    if (known !== undefined) return known
    const own = logical.findLast(({name}) => goPlumbing(name) === undefined)
    const name = own ? nameForTraceback(own.name, this.#process.version) : null
    this.#names.set(logical, name)
    return name
  }

  #giveCaller({fn, pc}: GoFrame, {name, file, line, inlined}: LogicalFrame): void {
    const call = this.#open
    if (!call) return
    const target = cgoWrapperTarget(name)
    if (target !== undefined) call.entry = call.entry === null || isAddress(call.entry) ? target : call.entry
    if (goPlumbing(name) === 'cgo glue') return
    const offset = !inlined && pc > fn.entry ? hex(pc - fn.entry) : null
    const called = nameForTraceback(name, this.#process.version)
    call.caller =
      fn.funcID === 'goexit'
        ? this.#goStatement()
        : {function: called, file, line, offset, goroutine: this.#goroutine.id}
    this.#open = undefined
  }

  /** Of `go C.f()`: no Go function stands above the call. */
  #goStatement(): CreatedByReport | null {
    const {gopc, id, parentGoid} = this.#goroutine
    const {version} = this.#process
    return new Creation(this.#process).report(gopc, id, parentGoid, {version, level: 2, whole: true})
  }

  /** The wrapper that cgo wrote is the outermost C frame. */
  #entryByFrames({frames, missing}: CalledSegment): string | undefined {
    const outermost = frames.at(-1)
    if (!outermost || (missing && missing !== 'frame-limit')) return undefined
    for (const {function: name} of this.#process.symbolizer.locate(outermost.pc, outermost.lookupPc)) {
      const target = name === null ? undefined : cgoWrapperTarget(name)
      if (target !== undefined) return target
    }
    return undefined
  }

  /** The first argument of cgocall, where it is known to be live; its symbol, else the bare address. */
  #entryByGlue({fn, symPc, fp}: GoFrame): string | undefined {
    const first = fn.argText(symPc, fp, this.#process.memory).split(', ')[0]
    if (first === undefined || !isAddress(first)) return undefined
    const address = addressOfWord(BigInt(first))
    if (address === undefined || !this.#process.memory.moduleAt(address)) return undefined
    const name = this.#process.symbolizer.locate(address, address).at(-1)?.function
    return name === undefined || name === null ? first : (cgoWrapperTarget(name) ?? name)
  }
}

function isAddress(text: string): boolean {
  return /^0x[0-9a-f]+$/.test(text)
}
