import type {FrameReport, GoroutineReport} from '../../report/core-report.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {machineOf} from '../../runtime-model/machine.ts'
import type {CrashCause} from '../crash/crash-cause.ts'
import {findStartOfDying} from '../crash/runtime-death.ts'
import type {TracebackLevel} from '../crash/traceback-level.ts'
import type {Visibility} from '../frames/go-frames.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {imageName} from '../process/process-facts.ts'
import type {GoroutineStacks, StackParts, StackRequest} from '../stacks/goroutine-stacks.ts'
import type {ParkedPlace} from '../stacks/parked-stacks.ts'
import type {CgoFrames} from '../stacks/shown-stack.ts'
import {type FrameValues, gapsOf, threadOf} from '../values/frame-values.ts'
import type {Blocking} from '../waits/blocking.ts'
import {GoroutineFacts} from './goroutine-facts.ts'
import {goroutineHeader, goroutineState} from './goroutine-header.ts'

export interface ReporterOptions {
  level: TracebackLevel
  cgoFrames: CgoFrames
  waits?: 'left-out' | undefined
  /** undefined: no variables are read. */
  values?: FrameValues | undefined
}

export type OwnFacts = Pick<GoroutineReport, 'system' | 'waitMinutes' | 'waitingFor'>

/** What is told of a stack, whoever's it is. */
export type StackReport = Pick<
  GoroutineReport,
  'image' | 'lockedToThread' | 'frames' | 'elided' | 'missing' | 'stop' | 'createdBy'
>

/** Makes the report of one goroutine after the other. */
export class GoroutineReporter {
  readonly #process: DeadProcess
  readonly #stacks: GoroutineStacks
  readonly #facts: GoroutineFacts
  readonly #blocking: Blocking
  readonly #cause: CrashCause
  readonly #options: ReporterOptions
  /** Of all but the crash. */
  readonly #visibility: Visibility

  constructor(
    process: DeadProcess,
    stacks: GoroutineStacks,
    blocking: Blocking,
    cause: CrashCause,
    options: ReporterOptions,
  ) {
    this.#process = process
    this.#stacks = stacks
    this.#facts = new GoroutineFacts(process)
    this.#blocking = blocking
    this.#cause = cause
    this.#options = options
    this.#visibility = {version: process.version, level: options.level.level, whole: false}
  }

  /**
   * One goroutine with its stack. `crashing`: the one that the runtime would print first, where the frames of dying are
   * left out.
   */
  report(goroutine: Goroutine, crashing: boolean): GoroutineReport {
    const {runtime, version} = this.#process
    const facts = this.#facts.of(goroutine)
    const machine = machineOf(runtime, goroutine)
    const ofCrash = this.#isOfCrash(goroutine)
    const detailed = this.#options.level.level > 1 || (ofCrash && this.#options.level.detailedCrash)
    const stack = this.#assemble(goroutine, crashing)
    const thread = this.#threadOf(goroutine)
    return {
      id: goroutine.id,
      image: imageName(this.#process),
      status: facts.status,
      state: goroutineState(facts, version),
      header: goroutineHeader(facts, version, detailed),
      waitReason: facts.waitReason,
      waitMinutes: facts.waitMinutes,
      lockedToThread: facts.isLockedToThread,
      system: runtime?.isSystemGoroutine(goroutine) ?? null,
      labels: goroutine.hasLabels ? Object.fromEntries(goroutine.labels) : {},
      address: `0x${goroutine.address.toString(16)}`,
      m: machine?.id ?? null,
      thread,
      inCgo: this.#stacks.threads.isInCgo(goroutine),
      waitingFor:
        this.#options.waits === 'left-out' ? null : this.#blocking.waitingFor(this.#process, goroutine, thread),
      detailed,
      remarks: stack.remarks,
      frames: this.#withVariables(stack, thread, goroutine),
      elided: stack.elided,
      missing: stack.missing,
      stop: stack.stop,
      createdBy: stack.createdBy,
      ancestors: stack.ancestors,
    }
  }

  /** Its stack alone, without what its header tells: `crashing` as of `report`. */
  reportStack(goroutine: Goroutine, crashing: boolean): StackReport {
    const stack = this.#assemble(goroutine, crashing)
    return {
      image: imageName(this.#process),
      lockedToThread: goroutine.lockedToThread,
      frames: this.#withVariables(stack, this.#threadOf(goroutine), goroutine),
      elided: stack.elided,
      missing: stack.missing,
      stop: stack.stop,
      createdBy: stack.createdBy,
    }
  }

  /**
   * Where a goroutine is parked like others: those of one place have the same frames, and differ in nothing that is not
   * their own number, address, state, wait and creation. undefined where it has to be reported by itself.
   */
  parkedPlace(goroutine: Goroutine): ParkedPlace | undefined {
    const {level, values} = this.#options
    if (level.level > 1 || values !== undefined || this.#isOfCrash(goroutine) || !goroutine.isOrdinary) {
      return undefined
    }
    return this.#stacks.parkedPlace(this.#requestOf(goroutine))
  }

  /** Of the stack that was found last: the values of all arguments that are shown; false where one is missing. */
  addValuesAt(place: ParkedPlace, to: string[]): boolean {
    return this.#stacks.addValuesAt(place, to)
  }

  /** Of the stack that was found last, of this goroutine: SP and canonical frame address of each frame shown. */
  addPositionsAt(place: ParkedPlace, goroutine: Goroutine, to: string[]): void {
    this.#stacks.addPositionsAt(place, goroutine, to)
  }

  /** What of the report of a parked goroutine its place does not tell. */
  ownFacts(goroutine: Goroutine): OwnFacts {
    const {runtime} = this.#process
    const isLeftOut = this.#options.waits === 'left-out'
    return {
      system: runtime?.isSystemGoroutine(goroutine) ?? null,
      waitMinutes: this.#facts.waitMinutes(goroutine),
      waitingFor: isLeftOut ? null : this.#blocking.waitingFor(this.#process, goroutine, null),
    }
  }

  #isOfCrash(goroutine: Goroutine): boolean {
    return goroutine === this.#cause.goroutine || goroutine === this.#cause.current
  }

  #withVariables({frames, elided, missing}: StackParts, tid: number | null, goroutine: Goroutine): FrameReport[] {
    const {values} = this.#options
    if (!values) return frames
    const stack = tid === null ? undefined : this.#stacks.threads.ofThread(tid)
    return values.describe(frames, gapsOf(elided, missing), stack && threadOf(this.#process, stack), goroutine)
  }

  /** What a goroutine waits for, without its stack. */
  waitingFor(goroutine: Goroutine): GoroutineReport['waitingFor'] {
    return this.#blocking.waitingFor(this.#process, goroutine, this.#threadOf(goroutine))
  }

  #threadOf(goroutine: Goroutine): number | null {
    return this.#stacks.threads.threadThrough(goroutine) ?? null
  }

  #assemble(goroutine: Goroutine, crashing: boolean) {
    const start = crashing ? this.#cause.start : findStartOfDying(this.#process, this.#stacks.threads, goroutine)
    const request = this.#requestOf(goroutine)
    return this.#stacks.assemble(start ? {...request, start} : request)
  }

  #requestOf(goroutine: Goroutine): StackRequest {
    const {level, cgoFrames} = this.#options
    const whole = level.wholeCrash && this.#isOfCrash(goroutine)
    return {goroutine, visibility: whole ? {...this.#visibility, whole} : this.#visibility, cgoFrames}
  }
}
