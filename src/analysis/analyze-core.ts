import type {Diagnostics} from '../base/diagnostics.ts'
import type {
  CompletenessReport,
  CoreReport,
  FrameReport,
  GoroutineReport,
  ReportTail,
  ThreadReport,
} from '../report/core-report.ts'
import type {Goroutine} from '../runtime-model/goroutine.ts'
import {reportCgo} from './cgo/cgo-report.ts'
import {CompletenessCount} from './completeness.ts'
import {type CrashCause, findCrashCause} from './crash/crash-cause.ts'
import {type Traceback, type TracebackLevel, tracebackLevel} from './crash/traceback-level.ts'
import {reportCrash} from './crash-report.ts'
import type {Visibility} from './frames/go-frames.ts'
import {goroutinesOfCrash, isListed, otherGoroutines} from './goroutines/goroutine-order.ts'
import {GoroutineReporter} from './goroutines/goroutine-reporter.ts'
import type {DeadProcess} from './process/dead-process.ts'
import {examineProcess} from './process/examine-process.ts'
import type {ProcessFiles} from './process/go-image.ts'
import {type CoreOrigin, reportCoreFacts, reportGo, reportModules, type Tool} from './process/process-facts.ts'
import {makeSignature} from './signature.ts'
import {type CgoFrames, GoroutineStacks} from './stacks/goroutine-stacks.ts'
import {ThreadStacks} from './stacks/thread-stacks.ts'
import {reportThread, reportThreads, reportThreadsWithoutGoroutine} from './threads-report.ts'

export interface AnalysisOptions {
  tool: Tool
  /** undefined: the default view (README, "Traceback levels"). */
  traceback: Traceback | undefined
  cgoFrames: CgoFrames
  /** Only these; undefined: all. */
  goroutines: readonly number[] | undefined
  maxFrames: number
  demangle: boolean
  /** Milliseconds since the epoch after which no further stack is walked. */
  deadline: number
  diagnostics: Diagnostics
  /** What goroutines wait for is looked up, unless nobody shows it: text does not. */
  waits?: 'left-out' | undefined
}

/** The whole answer about a core. */
export function analyzeCore(files: ProcessFiles & CoreOrigin, options: AnalysisOptions): CoreReport {
  return new Analysis(examineProcess(files, options), files, options)
}

/** Joins what the rooms below know of one process; a CoreReport, made piece by piece. */
class Analysis implements CoreReport {
  readonly schemaVersion = '1' as const
  readonly tool: Tool
  readonly core: CoreReport['core']
  readonly go: CoreReport['go']
  readonly crash: CoreReport['crash']
  readonly detail: CoreReport['detail']
  readonly dialect: CoreReport['dialect']
  readonly #process: DeadProcess
  readonly #options: AnalysisOptions
  readonly #threads: ThreadStacks
  readonly #stacks: GoroutineStacks
  readonly #reporter: GoroutineReporter
  readonly #cause: CrashCause
  readonly #level: TracebackLevel
  readonly #completeness = new CompletenessCount()
  #crashFrames: readonly FrameReport[] = []
  #hasDeadlocks = false
  #tail: ReportTail | undefined

  constructor(process: DeadProcess, origin: CoreOrigin, options: AnalysisOptions) {
    this.#process = process
    this.#options = options
    this.#threads = new ThreadStacks(process)
    this.#stacks = new GoroutineStacks(process, this.#threads)
    this.#cause = findCrashCause(process, this.#threads)
    this.#level = tracebackLevel(options.traceback, this.#cause, process.version)
    this.#reporter = new GoroutineReporter(process, this.#stacks, this.#cause, {...options, level: this.#level})
    this.tool = options.tool
    this.core = reportCoreFacts(process, {path: origin.path, size: origin.size, compression: origin.compression})
    this.go = reportGo(process)
    this.crash = reportCrash(process, this.#cause, this.#runtimeStack())
    this.detail = this.#level.level > 1 ? 'full' : 'plain'
    const hasSymbolizer = (process.runtime?.state.cgoSymbolizer ?? null) !== null
    this.dialect = {showsPc: process.version.atLeast(9), hasSymbolizer, showsSwitches: this.#level.level > 1}
  }

  /** In the runtime's order: the crashing one, the M's own, then as they are in allgs. */
  get goroutines(): Iterable<GoroutineReport> {
    return this.#reportGoroutines()
  }

  *#reportGoroutines(): Generator<GoroutineReport> {
    if (this.#level.level === 0) return
    const asked = this.#options.goroutines && new Set(this.#options.goroutines)
    const ofCrash = goroutinesOfCrash(this.#cause)
    for (const goroutine of ofCrash) {
      if (asked && !asked.delete(goroutine.id)) continue
      yield this.#reportOfCrash(goroutine)
      if (!this.#level.all && !asked) return
    }
    if (this.#level.all || asked) yield* this.#reportOthers(ofCrash, asked)
  }

  #reportOfCrash(goroutine: Goroutine): GoroutineReport {
    const {goroutine: first} = this.#cause
    const report = this.#report(goroutine, goroutine === first)
    if (goroutine === first || first === undefined) this.#crashFrames = report.frames
    return report
  }

  /** One that is asked for by its number is shown even where the runtime does not list it. */
  *#reportOthers(ofCrash: readonly Goroutine[], asked: Set<number> | undefined): Generator<GoroutineReport> {
    const {runtime, diagnostics} = this.#process
    if (!runtime) return
    for (const goroutine of otherGoroutines(runtime, ofCrash)) {
      const isShown = asked ? asked.delete(goroutine.id) : isListed(runtime, goroutine, this.#level.level > 1)
      if (!isShown) continue
      yield this.#report(goroutine, false)
      if (asked?.size === 0) return
    }
    for (const id of asked ?? []) diagnostics.add('no-such-goroutine', `no goroutine ${id} is alive here`)
  }

  #report(goroutine: Goroutine, crashing: boolean): GoroutineReport {
    const report = this.#reporter.report(goroutine, crashing)
    this.#completeness.add(report)
    return report
  }

  #runtimeStack(): FrameReport[] {
    const {runtimeStack} = this.#cause
    if (!runtimeStack || !this.#level.runtimeStack) return []
    const visibility: Visibility = {version: this.#process.version, level: this.#level.level, whole: true}
    const {g0, start} = runtimeStack
    return this.#stacks.assemble({goroutine: g0, visibility, cgoFrames: 'none', start}).frames
  }

  tail(): ReportTail {
    this.#tail ??= this.#makeTail()
    return this.#tail
  }

  findDeadlocks(): void {
    if (this.#hasDeadlocks) return
    this.#hasDeadlocks = true
    this.#reporter.blocking.addDiagnostics(this.#process.diagnostics)
  }

  get completeness(): CompletenessReport {
    return this.#completeness.report(this.crash, this.#process.isPartial())
  }

  isComplete(): boolean {
    return this.completeness.score === 1
  }

  threadsWithoutGoroutine(): Iterable<ThreadReport> {
    return reportThreadsWithoutGoroutine(this.#process, this.#threads, this.#reporter.blocking, this.#level.level > 1)
  }

  /** Of the goroutine that crashed; of the thread, where no goroutine was on it. */
  #framesOfCrash(): readonly FrameReport[] {
    const {thread, goroutine} = this.#cause
    if (!thread || goroutine) return this.#crashFrames
    const {frames, handlerFrames} = reportThread(this.#process, this.#threads, thread.thread, this.#reporter.blocking)
    return frames.slice(handlerFrames)
  }

  #makeTail(): ReportTail {
    this.findDeadlocks()
    const modules = reportModules(this.#process)
    const {diagnostics} = this.#process
    return {
      threads: reportThreads(this.#process, this.#threads, this.#reporter.blocking),
      cgo: reportCgo(this.#process, this.#threads),
      blocking: this.#reporter.blocking.report(),
      modules,
      signature: makeSignature(this.crash, this.#framesOfCrash(), modules),
      completeness: this.completeness,
      diagnostics: diagnostics.list(),
    }
  }
}
