import type {
  BlockingReport,
  GoroutineGroupReport,
  GoroutineList,
  GoroutineReport,
  GoroutinesReport,
  RenderedGoroutine,
} from '../report/core-report.ts'
import type {Goroutine} from '../runtime-model/goroutine.ts'
import type {AnalysisOptions} from './analyze-core.ts'
import type {CrashCause} from './crash/crash-cause.ts'
import {findCrash} from './crash/crashed-image.ts'
import {tracebackLevel} from './crash/traceback-level.ts'
import {GoroutineFacts} from './goroutines/goroutine-facts.ts'
import {GoroutineGroups, GROUP_ORDER} from './goroutines/goroutine-groups.ts'
import {goroutineState} from './goroutines/goroutine-header.ts'
import {listedGoroutines, sortGoroutines} from './goroutines/goroutine-order.ts'
import {type GoroutineQuery, type GoroutineSort, matchesFacts, matchesFrames} from './goroutines/goroutine-query.ts'
import {GoroutineReporter} from './goroutines/goroutine-reporter.ts'
import {GoroutineTexts} from './goroutines/goroutine-texts.ts'
import type {Similarity} from './goroutines/shared-frames.ts'
import {Losses} from './losses.ts'
import type {DeadProcess} from './process/dead-process.ts'
import {examineProcess} from './process/examine-process.ts'
import type {ProcessFiles} from './process/go-image.ts'
import {type CoreOrigin, reportCoreFacts, reportGo} from './process/process-facts.ts'
import {GoroutineStacks} from './stacks/goroutine-stacks.ts'
import {ThreadStacks} from './stacks/thread-stacks.ts'
import {Blocking} from './waits/blocking.ts'

export type GoroutinesOptions = Omit<AnalysisOptions, 'goroutines' | 'values'> & {
  query: GoroutineQuery
  /** One by one, or those with the same state and stack together. */
  show: 'goroutines' | 'groups'
  sort: GoroutineSort
  /** What may differ within a group; undefined: the arguments. */
  similar?: Similarity | undefined
  /** At most so many goroutines or groups; undefined: all. */
  limit: number | undefined
}

/** The goroutines of a core that are wanted, in the order that is wanted, one by one or in groups. */
export function analyzeGoroutines(files: ProcessFiles & CoreOrigin, options: GoroutinesOptions): GoroutinesReport {
  return new GoroutineListing(examineProcess(files, options), files, options)
}

/** A Go runtime of the process, and what reports its goroutines. */
interface ListedImage {
  process: DeadProcess
  threads: ThreadStacks
  reporter: GoroutineReporter
  facts: GoroutineFacts
}

/** Sorted ones and groups are found first, and read again when they are told. */
const LISTING = 'the list of what was found'

const NO_CAUSE = {goroutine: undefined, current: undefined, kept: undefined}

class GoroutineListing implements GoroutinesReport {
  readonly schemaVersion = '1' as const
  readonly tool: GoroutinesReport['tool']
  readonly core: GoroutinesReport['core']
  readonly go: GoroutinesReport['go']
  readonly #process: DeadProcess
  readonly #options: GoroutinesOptions
  /** Each Go runtime of the process, the one that died first. */
  readonly #images: readonly ListedImage[]
  readonly #cause: CrashCause
  readonly #blocking: Blocking
  readonly #withSystem: boolean
  #listed = 0
  #matched = 0
  readonly #limits = new Set<string>()
  readonly #losses: Losses

  constructor(process: DeadProcess, origin: CoreOrigin, options: GoroutinesOptions) {
    this.#process = process
    this.#losses = new Losses(process)
    this.#options = options
    const images = ThreadStacks.ofImages(process)
    const {threads: first, cause} = findCrash(images)
    const level = tracebackLevel(options.traceback, cause, first.process.version)
    this.#cause = cause
    this.#withSystem = level.level > 1
    this.#blocking = new Blocking(images)
    this.#images = [first, ...images.filter(threads => threads !== first)].map(threads => {
      const stacks = new GoroutineStacks(threads.process, threads)
      const reporter = new GoroutineReporter(threads.process, stacks, this.#blocking, cause, {...options, level})
      return {process: threads.process, threads, reporter, facts: new GoroutineFacts(threads.process)}
    })
    this.tool = options.tool
    this.core = reportCoreFacts(process, origin)
    this.go = reportGo(process)
  }

  get goroutines(): GoroutineList | null {
    if (this.#options.show !== 'goroutines') return null
    return {
      [Symbol.iterator]: () => this.#reportGoroutines(),
      rendered: render => this.#renderGoroutines(render),
    }
  }

  get groups(): Iterable<GoroutineGroupReport> | null {
    return this.#options.show === 'groups' ? this.#reportGroups() : null
  }

  #reportGoroutines(): Generator<GoroutineReport> {
    return this.#eachGoroutine(
      image => goroutine => this.#report(image, goroutine),
      report => this.#takes(report, false),
    )
  }

  #renderGoroutines(render: (goroutine: GoroutineReport) => string): Generator<RenderedGoroutine> {
    return this.#eachGoroutine(
      ({reporter}) => {
        const texts = new GoroutineTexts(reporter, render)
        return goroutine => texts.of(goroutine, goroutine === this.#cause.goroutine)
      },
      ({goroutine, isAlike}) => this.#takes(goroutine, isAlike),
    )
  }

  /** Whether a goroutine is wanted that is asked for by its frames, too; it is counted then. */
  #takes(report: GoroutineReport, isAlike: boolean): boolean {
    if (!matchesFrames(report.frames, this.#options.query)) return false
    this.#matched++
    if (isAlike) this.#losses.addWhole()
    else this.#losses.add(report, `goroutine ${report.id}`)
    return true
  }

  *#eachGoroutine<Made>(
    make: (image: ListedImage) => (goroutine: Goroutine) => Made,
    takes: (made: Made) => boolean,
  ): Generator<Made> {
    const {sort, limit = Number.POSITIVE_INFINITY} = this.#options
    const {goroutine: first, current} = this.#cause
    if (limit <= 0) return
    for (const image of this.#images) {
      const makeOne = make(image)
      for (const goroutine of sortGoroutines(image.process, this.#candidates(image), sort, [first, current])) {
        const made = makeOne(goroutine)
        if (!takes(made)) continue
        yield made
        if (this.#matched >= limit || this.#process.deadline.isTellingOver(LISTING)) return
      }
    }
  }

  *#reportGroups(): Generator<GoroutineGroupReport> {
    const found = this.#images.map(image => {
      const groups = new GoroutineGroups(image.process, image.threads, {
        similar: this.#options.similar,
        report: goroutine => {
          const report = image.reporter.reportStack(goroutine, goroutine === this.#cause.goroutine)
          return matchesFrames(report.frames, this.#options.query) ? report : undefined
        },
        parkedPlace: goroutine => image.reporter.parkedPlace(goroutine),
      })
      for (const goroutine of this.#candidates(image)) groups.add(goroutine)
      groups.conclude()
      this.#matched += groups.matched
      return groups
    })
    const order = GROUP_ORDER[this.#options.sort]
    const sorted = found.flatMap(groups => groups.list).sort(order)
    for (const group of sorted.slice(0, this.#options.limit)) {
      const report = group.owner.report(group)
      this.#losses.add(report, `goroutine ${report.goroutines[0] ?? '?'}`)
      yield report
      if (this.#process.deadline.isTellingOver(LISTING)) return
    }
  }

  counts(): ReturnType<GoroutinesReport['counts']> {
    return {listed: this.#listed, matched: this.#matched}
  }

  blocking(): BlockingReport {
    return this.#blocking.report()
  }

  diagnostics() {
    this.conclude()
    return this.#process.diagnostics.list()
  }

  conclude(): void {
    this.#losses.conclude(this.#blocking)
  }

  noteLimit(what: string): void {
    if (this.#limits.has(what)) return
    this.#limits.add(what)
    const message = `more ${what} than can be held: of some a part was left out`
    this.#process.diagnostics.add('too-many-stacks', message, {
      hint: 'ask for fewer goroutines with --state, --function or --limit',
    })
  }

  whyIncomplete(): readonly string[] {
    return [
      ...this.#losses.whyUnfinished(),
      ...[...this.#limits].map(what => `there are more ${what} than can be held`),
    ]
  }

  isComplete(): boolean {
    return this.whyIncomplete().length === 0
  }

  get isOutOfTime(): boolean {
    return this.#process.deadline.hasStruck
  }

  *#candidates({process, facts}: ListedImage): Generator<Goroutine> {
    const {runtime, version} = process
    if (!runtime) return
    const stateOf = (goroutine: Goroutine) => goroutineState(facts.of(goroutine), version)
    const cause = process === this.#images[0]?.process ? this.#cause : NO_CAUSE
    // The list of locks has the runtimes in the order of the process, which is not the one here.
    const isAlone = this.#images.length === 1
    const all = isAlone ? this.#blocking.noting(process, runtime.goroutines()) : runtime.goroutines()
    for (const goroutine of listedGoroutines(runtime, cause, this.#withSystem, all)) {
      this.#listed++
      if (matchesFacts(process, goroutine, this.#options.query, stateOf)) yield goroutine
    }
  }

  #report({reporter}: ListedImage, goroutine: Goroutine): GoroutineReport {
    return reporter.report(goroutine, goroutine === this.#cause.goroutine)
  }
}
