import {type Address, NULL_ADDRESS, toAddress, type Word} from '../../base/address.ts'
import {readAddress} from '../../base/memory-reader.ts'
import {MemoryWindow} from '../../base/memory-window.ts'
import type {GoTables} from '../../gosym/func-table.ts'
import type {FrameReport, GoroutineReport} from '../../report/core-report.ts'
import type {MissingReason} from '../../report/vocabulary.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import {type Machine, machineInCgo} from '../../runtime-model/machine.ts'
import {GoSites} from '../../unwind/go-site.ts'
import {GoStackWalk} from '../../unwind/goroutine-walk.ts'
import type {StopReason} from '../../unwind/unwind-frame.ts'
import {reportByHook, reportSavedPcs} from '../frames/c-frames.ts'
import {Creation} from '../frames/creation.ts'
import {foreignImage} from '../frames/foreign-frames.ts'
import {FrameFilter, GoFrameReports, type Visibility} from '../frames/go-frames.ts'
import {describeUnknownPc} from '../frames/unknown-pc.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {CSegment} from './c-segments.ts'
import {walkBareStack} from './frame-pointer-stack.ts'
import {type FoundStart, findStart, WALK_LIMIT} from './goroutine-start.ts'
import {type ParkedPlace, ParkedStacks} from './parked-stacks.ts'
import {checkSavedCallers} from './saved-callers-check.ts'
import {type CgoFrames, OLD_FRAME_LIMIT, type PrintedStack, ShownStack, untilZero} from './shown-stack.ts'
import {endsProcess} from './signals.ts'
import {
  beforeOwnStack,
  type StitchedFrame,
  stitchBareStack,
  stitchLeftCalls,
  stitchStack,
  stitchSystemStack,
} from './stitched-stack.ts'
import type {ThreadStacks} from './thread-stacks.ts'
import type {ThreadStack} from './thread-walk.ts'

/** The kernel's frame begins with it, below the ucontext (Linux: arch/x86/include/asm/sigframe.h). */
const RESTORER_DISTANCE = 8

/** How the place is found from where the runtime prints what threw, where no name tells it. */
const START_OF_DEATH: ReadonlySet<FoundStart['foundBy']> = new Set(['frame-pointer', 'gobuf'])

export interface StackRequest {
  goroutine: Goroutine
  visibility: Visibility
  cgoFrames: CgoFrames
  /** The crashing goroutine: frames of dying above this position are left out. */
  start?: FoundStart
  /** Both ends of the stack, as releases since 1.21 print them, of any release: earlier ones end after 100 frames. */
  bothEnds?: true
}

export type StackParts = PrintedStack & Pick<GoroutineReport, 'remarks' | 'createdBy' | 'ancestors'>

/** Makes the report of a goroutine's stack: Go frames as the runtime prints them, C frames where they were called. */
export class GoroutineStacks {
  readonly #process: DeadProcess
  readonly threads: ThreadStacks
  readonly #window: MemoryWindow
  readonly #goFrames: GoFrameReports
  readonly #creation: Creation
  #sites: GoSites | undefined
  #parked: ParkedStacks | undefined

  constructor(process: DeadProcess, threads: ThreadStacks) {
    this.#process = process
    this.threads = threads
    this.#window = new MemoryWindow(process.memory)
    this.#goFrames = new GoFrameReports(process, this.#window)
    this.#creation = new Creation(process)
  }

  assemble(request: StackRequest): StackParts {
    const {goroutine, visibility} = request
    const createdBy = this.#creation.report(goroutine.gopc, goroutine.id, goroutine.parentGoid, visibility)
    const ancestors = this.#creation.reportAncestors(goroutine, visibility)
    const frames = this.#parkedFrames(request)
    if (frames) return {remarks: [], frames, elided: null, missing: [], stop: 'end-of-stack', createdBy, ancestors}
    return {...this.#walk(request), createdBy, ancestors}
  }

  /** Where a goroutine is parked like others; undefined: its stack has to be walked. */
  parkedPlace(request: StackRequest): ParkedPlace | undefined {
    return this.#parkedLike(request)?.find(request.goroutine, request.visibility)
  }

  /** Of the stack that was found last: the values of all arguments that are shown; false where one is missing. */
  addValuesAt(place: ParkedPlace, to: string[]): boolean {
    return this.#parked?.addValuesAt(place, to) ?? false
  }

  /** Of the stack that was found last, of this goroutine: SP and canonical frame address of each frame shown. */
  addPositionsAt(place: ParkedPlace, {sched}: Goroutine, to: string[]): void {
    this.#parked?.addPositionsAt(place, sched.sp, to)
  }

  /** Of one that is parked like others, without a walk of its own. */
  #parkedFrames(request: StackRequest): FrameReport[] | undefined {
    return this.#parkedLike(request)?.report(request.goroutine, request.visibility)
  }

  #parkedLike({goroutine, visibility, cgoFrames, start}: StackRequest): ParkedStacks | undefined {
    const {tables, origins, maxFrames} = this.#process
    // Of a g0 other functions end a stack; hooks are asked about each goroutine.
    if (goroutine.id === 0 || start || !tables || origins || cgoFrames === 'hooks') return undefined
    this.#parked ??= new ParkedStacks(this.#window, this.#sitesOf(tables, goroutine), this.#goFrames, {
      rules: {...visibility, whole: false},
      framesMax: maxFrames,
    })
    return this.#parked
  }

  #walk(request: StackRequest): PrintedStack & Pick<GoroutineReport, 'remarks'> {
    const {goroutine, visibility, cgoFrames} = request
    // Of a g0 that died in C the runtime shows nothing: what is its own there is what tells who called C.
    const isHidden = this.#systemStackOf(goroutine, cgoFrames) !== undefined
    const filter = new FrameFilter(visibility, isHidden)
    let printed = this.#print(request, filter)
    const remarks = this.#remarks(request)
    const isRepeated = isHidden || filter.shown === 0
    // Nothing to show: the runtime then walks again and shows everything, its remarks too.
    if (filter.shown === 0) printed = this.#print(request, new FrameFilter(visibility, true))
    return {remarks: isRepeated ? [...remarks, ...remarks] : remarks, ...printed}
  }

  #remarks({goroutine, start}: StackRequest): string[] {
    const {tables} = this.#process
    const {pc, sp} = start ?? findStart(this.#process, this.threads, goroutine)
    return !tables || sp === NULL_ADDRESS || tables.functionAt(pc)
      ? []
      : describeUnknownPc(this.#process, goroutine, pc, sp)
  }

  #print(request: StackRequest, filter: FrameFilter): PrintedStack {
    const shown = new ShownStack(this.#process, {...request, names: this.threads.namesOn(request.goroutine)}, filter)
    shown.addSaved(this.#savedFrames(request))
    const steps = this.#stitch(request)
    let step = steps.next()
    for (; !step.done; step = steps.next()) shown.add(step.value)
    return shown.take(step.value, this.#goFrames)
  }

  /** The stack from where the runtime begins to print it. */
  #stitch({goroutine, cgoFrames, bothEnds, ...request}: StackRequest): Generator<StitchedFrame, StopReason> {
    const {version, tables, deadline} = this.#process
    const start = request.start ?? findStart(this.#process, this.threads, goroutine)
    const systemStack = this.#systemStackOf(goroutine, cgoFrames)
    if (systemStack) return stitchSystemStack(systemStack)
    // Without function tables no frame tells what was of dying, but where that began is known.
    const isOfThrow = request.start !== undefined && START_OF_DEATH.has(start.foundBy)
    const isOfDeath = !tables && (isOfThrow || (request.start !== undefined && goroutine.id === 0))
    const leaf = cgoFrames === 'auto' ? this.#leafOf(goroutine, start, isOfDeath) : undefined
    if (!tables) return this.#stitchBare(goroutine, leaf, isOfDeath ? start : undefined)
    const callbacks = cgoFrames === 'auto' ? this.threads.callbacksOf(goroutine) : undefined
    const maxFrames = bothEnds || version.atLeast(21) ? WALK_LIMIT : OLD_FRAME_LIMIT
    this.#window.moveTo(start.sp, goroutine.stack.hi)
    const sites = this.#sitesOf(tables, goroutine)
    const go = new GoStackWalk(start, {memory: this.#window, sites, maxFrames, deadline})
    const rejoin = cgoFrames === 'auto' ? this.threads.rejoinOf(goroutine, start) : undefined
    return stitchStack({leaf, go, foundBy: start.foundBy, callbacks, rejoin})
  }

  /** `death`: where the goroutine began to die, which no function tells. */
  #stitchBare(
    goroutine: Goroutine,
    leaf: CSegment | undefined,
    death: FoundStart | undefined,
  ): Generator<StitchedFrame, StopReason> {
    const {stack, syscall, sched} = goroutine
    const placeOf = (machine: Machine) => this.threads.placeOf(machine)
    const bare = walkBareStack(this.#process, placeOf, goroutine, death)
    const stitched = stitchBareStack(leaf, bare, sp => isOnStack(stack, sp))
    const isThrown = death?.foundBy === 'frame-pointer' && isOnStack(stack, death.sp)
    // It threw further out than where it called C last, so that C never came back there.
    if (!isThrown || syscall.sp === NULL_ADDRESS || death.sp <= syscall.sp) return stitched
    // From there on it is how the runtime dies.
    const end = isOnStack(stack, sched.sp) && sched.sp < death.sp ? sched.sp : death.sp
    return stitchLeftCalls(walkBareStack(this.#process, placeOf, goroutine), end, stitched)
  }

  /** Where handlers of this thread return to, by the frame of any signal that is left. */
  #restorerOf({interruptions}: ThreadStack): Address | undefined {
    const frame = interruptions.find(({signal}) => signal !== undefined)?.signal
    return frame && readAddress(this.#process.memory, toAddress(frame.ucontext - RESTORER_DISTANCE))
  }

  #systemStackOf(goroutine: Goroutine, cgoFrames: CgoFrames): CSegment | undefined {
    return goroutine.id === 0 && cgoFrames === 'auto' ? this.threads.systemStackOf(goroutine) : undefined
  }

  /** `isOfDeath`: all that is above the start is how the runtime died, which without tables no frame tells. */
  #leafOf(goroutine: Goroutine, start: FoundStart, isOfDeath: boolean): CSegment | undefined {
    if (isOfDeath && goroutine.id === 0) return undefined
    const whole = this.threads.leafOf(goroutine, start)
    const leaf = whole && isOfDeath ? beforeOwnStack(whole, sp => isOnStack(goroutine.stack, sp)) : whole
    const isDying = leaf?.frames.some(({go}) => go && endsProcess(go) && !foreignImage(this.#process, go)) === true
    if (!leaf || !(isDying || isOfDeath)) return leaf
    // The runtime tells those frames elsewhere, but not what is lost between them and the goroutine's own.
    return leaf.stop === 'end-of-stack' ? undefined : {...leaf, frames: [], elided: null, missing: []}
  }

  #sitesOf(tables: GoTables, goroutine: Goroutine): GoSites {
    if (goroutine.id === 0) return new GoSites(tables, true)
    this.#sites ??= new GoSites(tables, false)
    return this.#sites
  }

  /**
   * What the signal handler had collected in the cgo call that is in progress; what runtime.traceback1 would print
   * first.
   */
  #savedFrames({goroutine, cgoFrames}: StackRequest): FrameReport[] {
    const {runtime} = this.#process
    const isAsked = cgoFrames === 'saved' || cgoFrames === 'hooks'
    const machine = isAsked ? machineInCgo(runtime, goroutine) : undefined
    if (!machine) return []
    const saved = checkSavedCallers(this.#process, this.threads, machine)
    if (cgoFrames === 'saved') return reportSavedPcs(this.#process, saved)
    const anew = this.#collectAnew(machine)
    if (anew) return reportByHook(this.#process, anew, 'hook')
    // Of a list that was read the first pc is told by the signal; where nothing follows, nothing tells of a list.
    const isGuess = saved.recovered !== undefined && saved.pcs.length === 1
    const pcs = isGuess ? [] : saved.pcs.map(pc => BigInt(pc))
    return reportByHook(this.#process, pcs, 'saved-cgo-callers')
  }

  /**
   * What the runtime's handler collected of the first signal that found the thread in this call: the program's
   * traceback function, asked again for the same place. The list in memory may be that of a later signal, of the end
   * itself.
   */
  #collectAnew(machine: Machine): Word[] | undefined {
    const stack = this.threads.ofMachine(machine)
    if (!stack) return undefined
    const end = stack.frames.findIndex(({go}) => go?.funcID === 'asmcgocall')
    const first = stack.interruptions.findLast(({index, isPlumbing}) => isPlumbing && (end < 0 || index < end))
    const frame = first && stack.frames[first.index]
    if (!frame || first.isPlaceLost) return undefined
    const place = first.signal
      ? {signal: first.signal}
      : {registers: frame.registers, restorer: this.#restorerOf(stack)}
    const found = this.#process.hooks.callers(place)
    return found && untilZero(found)
  }
}

/** The frames without those that C has left by longjmp. */
export function liveFrames({frames, missing}: Pick<StackParts, 'frames' | 'missing'>): readonly FrameReport[] {
  const place = (reason: MissingReason) => missing.find(each => each.reason === reason)?.after
  const [start, end] = [place('left'), place('rejoined')]
  return start === undefined ? frames : [...frames.slice(0, start), ...frames.slice(end ?? frames.length)]
}

/** Why frames between others are not known; a limit or what C has left is no such reason. */
const LOST: ReadonlySet<MissingReason> = new Set(['unmapped', 'no-progress', 'overwritten', 'no-unwind-info'])

/** The frames of a stack that further ones should follow, which are not known. */
export function framesBeforeGaps({frames, missing}: Pick<StackParts, 'frames' | 'missing'>): FrameReport[] {
  const gaps = missing.filter(({after, reason}) => LOST.has(reason) && after < frames.length)
  return gaps.flatMap(({after}) => frames[after - 1] ?? [])
}
