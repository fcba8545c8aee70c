import type {BlockingReport, GoroutineGroupReport, GoroutineReport, GoroutinesReport} from '../report/core-report.ts'
import type {Goroutine} from '../runtime-model/goroutine.ts'
import type {AnalysisOptions} from './analyze-core.ts'
import {type CrashCause, findCrashCause} from './crash/crash-cause.ts'
import {tracebackLevel} from './crash/traceback-level.ts'
import {GoroutineFacts} from './goroutines/goroutine-facts.ts'
import {GoroutineGroups} from './goroutines/goroutine-groups.ts'
import {goroutineState} from './goroutines/goroutine-header.ts'
import {listedGoroutines, sortGoroutines} from './goroutines/goroutine-order.ts'
import {type GoroutineQuery, type GoroutineSort, matchesFacts, matchesFrames} from './goroutines/goroutine-query.ts'
import {GoroutineReporter} from './goroutines/goroutine-reporter.ts'
import type {DeadProcess} from './process/dead-process.ts'
import {examineProcess} from './process/examine-process.ts'
import type {ProcessFiles} from './process/go-image.ts'
import {type CoreOrigin, reportCoreFacts, reportGo} from './process/process-facts.ts'
import {GoroutineStacks} from './stacks/goroutine-stacks.ts'
import {ThreadStacks} from './stacks/thread-stacks.ts'

export type GoroutinesOptions = Omit<AnalysisOptions, 'goroutines'> & {
  query: GoroutineQuery
  /** One by one, or those with the same state and stack together. */
  show: 'goroutines' | 'groups'
  sort: GoroutineSort
  /** At most so many goroutines or groups; undefined: all. */
  limit: number | undefined
}

/** The goroutines of a core that are wanted, in the order that is wanted, one by one or in groups. */
export function analyzeGoroutines(files: ProcessFiles & CoreOrigin, options: GoroutinesOptions): GoroutinesReport {
  return new GoroutineListing(examineProcess(files, options), files, options)
}

class GoroutineListing implements GoroutinesReport {
  readonly schemaVersion = '1' as const
  readonly tool: GoroutinesReport['tool']
  readonly core: GoroutinesReport['core']
  readonly go: GoroutinesReport['go']
  readonly #process: DeadProcess
  readonly #options: GoroutinesOptions
  readonly #threads: ThreadStacks
  readonly #cause: CrashCause
  readonly #facts: GoroutineFacts
  readonly #reporter: GoroutineReporter
  readonly #withSystem: boolean
  #listed = 0
  #matched = 0
  #isComplete = true

  constructor(process: DeadProcess, {path, size, compression}: CoreOrigin, options: GoroutinesOptions) {
    this.#process = process
    this.#options = options
    this.#threads = new ThreadStacks(process)
    this.#cause = findCrashCause(process, this.#threads)
    this.#facts = new GoroutineFacts(process)
    const level = tracebackLevel(options.traceback, this.#cause, process.version)
    this.#withSystem = level.level > 1
    const stacks = new GoroutineStacks(process, this.#threads)
    this.#reporter = new GoroutineReporter(process, stacks, this.#cause, {...options, level})
    this.tool = options.tool
    this.core = reportCoreFacts(process, {path, size, compression})
    this.go = reportGo(process)
  }

  get goroutines(): Iterable<GoroutineReport> | null {
    return this.#options.show === 'goroutines' ? this.#reportGoroutines() : null
  }

  get groups(): Iterable<GoroutineGroupReport> | null {
    return this.#options.show === 'groups' ? this.#reportGroups() : null
  }

  *#reportGoroutines(): Generator<GoroutineReport> {
    const {sort, limit = Number.POSITIVE_INFINITY, query} = this.#options
    const {goroutine: first, current} = this.#cause
    if (limit <= 0) return
    for (const goroutine of sortGoroutines(this.#process, this.#candidates(), sort, [first, current])) {
      const report = this.#report(goroutine)
      if (!matchesFrames(report.frames, query)) continue
      this.#matched++
      this.#note(report)
      yield report
      if (this.#matched >= limit) return
    }
  }

  *#reportGroups(): Generator<GoroutineGroupReport> {
    const groups = new GoroutineGroups(this.#process, this.#threads)
    for (const goroutine of this.#candidates()) {
      groups.add(goroutine, () => {
        const report = this.#report(goroutine)
        return matchesFrames(report.frames, this.#options.query) ? report : undefined
      })
    }
    this.#matched = groups.matched
    for (const group of groups.list().slice(0, this.#options.limit)) {
      this.#note(group)
      yield group
    }
  }

  counts(): ReturnType<GoroutinesReport['counts']> {
    return {listed: this.#listed, matched: this.#matched}
  }

  blocking(): BlockingReport {
    return this.#reporter.blocking.report()
  }

  diagnostics() {
    this.#reporter.blocking.addDiagnostics(this.#process.diagnostics)
    return this.#process.diagnostics.list()
  }

  isComplete(): boolean {
    return this.#isComplete && !this.#process.isPartial()
  }

  /** A stack that could not be walked to its end is noticed. */
  #note({stop}: Pick<GoroutineReport, 'stop'>): void {
    this.#isComplete &&= stop === 'end-of-stack'
  }

  *#candidates(): Generator<Goroutine> {
    const {runtime} = this.#process
    if (!runtime) return
    const stateOf = (goroutine: Goroutine) => goroutineState(this.#facts.of(goroutine), this.#process.version)
    for (const goroutine of listedGoroutines(runtime, this.#cause, this.#withSystem)) {
      this.#listed++
      if (matchesFacts(this.#process, goroutine, this.#options.query, stateOf)) yield goroutine
    }
  }

  #report(goroutine: Goroutine): GoroutineReport {
    return this.#reporter.report(goroutine, goroutine === this.#cause.goroutine)
  }
}
