import {type Address, NULL_ADDRESS} from '../base/address.ts'
import type {Deadline} from '../base/deadline.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {KeptSignature} from '../elf/minimal-core.ts'
import type {
  BlockingReport,
  CompletenessReport,
  CoreReport,
  CrashReport,
  FrameReport,
  GoroutineList,
  GoroutineReport,
  ModuleReport,
  RenderedGoroutine,
  ReportTail,
  SignatureReport,
  SourceRequest,
  SummaryReport,
  ThreadReport,
} from '../report/core-report.ts'
import type {GoRuntime} from '../runtime-model/go-runtime.ts'
import type {Goroutine} from '../runtime-model/goroutine.ts'
import type {KeptFrames} from '../symbolize/kept-frames.ts'
import {reportCgo} from './cgo/cgo-report.ts'
import {CompletenessCount} from './completeness.ts'
import type {CrashCause} from './crash/crash-cause.ts'
import {findCrash, imageOnThread} from './crash/crashed-image.ts'
import {type Traceback, type TracebackLevel, tracebackLevel} from './crash/traceback-level.ts'
import {reportCrash} from './crash-report.ts'
import {reportNativeFrame} from './frames/c-frames.ts'
import {SourceLines} from './frames/source-lines.ts'
import {takeCensus} from './goroutines/goroutine-census.ts'
import {goroutinesOfCrash, isListed, otherGoroutines} from './goroutines/goroutine-order.ts'
import {GoroutineReporter} from './goroutines/goroutine-reporter.ts'
import {GoroutineTexts} from './goroutines/goroutine-texts.ts'
import {LOST_THREAD, Losses, lossesOfThreads, PARTIAL, type Shown} from './losses.ts'
import type {DeadProcess} from './process/dead-process.ts'
import {shareOfMemory} from './process/core-memory.ts'
import {examineProcess} from './process/examine-process.ts'
import {FrameOrigins} from './process/frame-origins.ts'
import type {ProcessFiles} from './process/go-image.ts'
import {type CoreOrigin, reportCoreFacts, reportGo, reportModules, type Tool} from './process/process-facts.ts'
import {readCodeFacts} from './signature/code-facts.ts'
import {DeathStacks, fromFault} from './signature/death-stack.ts'
import {readPanicValues} from './signature/panic-values.ts'
import {programIdentity, programName} from './signature/program-name.ts'
import {SignatureRules} from './signature/rules.ts'
import {asSigned, makeSignature} from './signature/signature.ts'
import {GoroutineStacks, liveFrames} from './stacks/goroutine-stacks.ts'
import type {CgoFrames} from './stacks/shown-stack.ts'
import {runtimeCodeOf} from './stacks/nameless-runtime.ts'
import {ThreadStacks} from './stacks/thread-stacks.ts'
import type {ThreadStack} from './stacks/thread-walk.ts'
import {findGreatestLoss, summarize} from './summary.ts'
import {reportThread, reportThreads, reportThreadsWithoutGoroutine} from './threads-report.ts'
import {explainOperand} from './values/fault-variables.ts'
import {FrameValues, type ValueOptions} from './values/frame-values.ts'
import {Blocking} from './waits/blocking.ts'

/** That of main. */
const FIRST_GOROUTINE = 1

export interface AnalysisOptions {
  tool: Tool
  /** undefined: the default view (README, "Traceback levels"). */
  traceback: Traceback | undefined
  cgoFrames: CgoFrames
  /** Only these, or the one that crashed alone; undefined: all. */
  goroutines: readonly number[] | 'crashing' | undefined
  maxFrames: number
  demangle: boolean
  deadline: Deadline
  diagnostics: Diagnostics
  /** undefined: those that everyone has. */
  signatureRules?: SignatureRules | undefined
  /** undefined: no variables are read. */
  values?: ValueOptions | undefined
  /** The process, where an answer before this one has examined it: with what `values` needs, if they are read. */
  examined?: DeadProcess | undefined
  /** What earlier runs found of the frames of C; undefined: nothing is kept. */
  kept?: KeptFrames | undefined
  /** What goroutines wait for is looked up, unless nobody shows it: text does not. */
  waits?: 'left-out' | undefined
}

/** The whole answer about a core. */
export function analyzeCore(files: ProcessFiles & CoreOrigin, options: AnalysisOptions): CoreReport {
  const origins = options.values && new FrameOrigins()
  return new Analysis(examineProcess(files, {...options, origins}), files, options)
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
  /** As the Go runtime sees it that died. */
  readonly #process: DeadProcess
  readonly #options: AnalysisOptions
  readonly #images: readonly ThreadStacks[]
  readonly #stacks: GoroutineStacks
  readonly #reporter: GoroutineReporter
  readonly #blocking: Blocking
  readonly #cause: CrashCause
  readonly #level: TracebackLevel
  readonly #completeness = new CompletenessCount()
  readonly #ofCrash = new Map<Goroutine, GoroutineReport>()
  #modules: ModuleReport[] | undefined
  #signature: SignatureReport | undefined
  #runtimeCode: ((pc: Address) => boolean) | undefined
  readonly #signed: KeptSignature | undefined
  #summary: SummaryReport | undefined
  #waits: BlockingReport | undefined
  readonly #losses: Losses
  readonly #sources: SourceLines | undefined
  readonly #countedThreads = new Set<number>()
  readonly #threadValues: FrameValues | undefined
  #tail: ReportTail | undefined

  constructor(process: DeadProcess, origin: CoreOrigin & Pick<ProcessFiles, 'sources'>, options: AnalysisOptions) {
    this.#options = options
    this.#images = ThreadStacks.ofImages(process)
    const {threads, cause} = findCrash(this.#images)
    const {version, runtime} = threads.process
    this.#process = threads.process
    this.#losses = new Losses(threads.process)
    this.#threadValues = options.values && new FrameValues(process, options.values)
    this.#cause = cause
    this.#stacks = new GoroutineStacks(threads.process, threads)
    this.#level = tracebackLevel(options.traceback, cause, version)
    this.#blocking = new Blocking(this.#images)
    this.#reporter = this.#reporterOf(threads.process, this.#stacks)
    this.tool = options.tool
    this.core = reportCoreFacts(process, origin)
    this.#signed = origin.signed
    this.go = reportGo(process)
    this.crash = reportCrash(cause, this.#stacks, this.#level)
    if (options.values && this.crash.instruction) this.crash = this.#withOperand(this.crash)
    this.#sources = origin.sources && new SourceLines(threads.process, origin.sources, this.go)
    this.detail = this.#level.level > 1 ? 'full' : 'plain'
    const hasSymbolizer = (runtime?.state.cgoSymbolizer ?? null) !== null
    this.dialect = {
      showsPc: version.atLeast(9),
      hasSymbolizer,
      showsSwitches: this.#level.level > 1,
      showsModules: options.traceback === undefined,
      namesDying: options.traceback === undefined,
    }
  }

  #reporterOf(process: DeadProcess, stacks: GoroutineStacks): GoroutineReporter {
    const values = this.#options.values && new FrameValues(process, this.#options.values)
    const options = {...this.#options, level: this.#level, values}
    return new GoroutineReporter(process, stacks, this.#blocking, this.#cause, options)
  }

  /**
   * In the runtime's order: the crashing one, the M's own, then as they are in allgs. Those of the process's other
   * runtimes follow, of which the one that died knew nothing.
   */
  get goroutines(): GoroutineList {
    if (this.#sources) return this.#withSources()
    return {
      [Symbol.iterator]: () => this.#reportGoroutines(),
      rendered: render => this.#renderGoroutines(render),
    }
  }

  *#withSources(): Generator<GoroutineReport> {
    for (const report of this.#reportGoroutines()) yield this.#showsSource(report) ? this.#withSource(report) : report
  }

  #reportGoroutines(): Generator<GoroutineReport> {
    return this.#eachGoroutine(
      report => report,
      reporter => goroutine => this.#count(reporter.report(goroutine, false)),
    )
  }

  #renderGoroutines(render: (goroutine: GoroutineReport) => string): Generator<RenderedGoroutine> {
    return this.#eachGoroutine(
      goroutine => ({goroutine, text: render(goroutine), isAlike: false}),
      reporter => {
        const texts = new GoroutineTexts(reporter, render)
        return goroutine => this.#countRendered(texts.of(goroutine, false))
      },
    )
  }

  /** `ofCrash` is what is made of the report of one that is listed first, `others` makes that of all others. */
  *#eachGoroutine<Made>(
    ofCrash: (report: GoroutineReport) => Made,
    others: (reporter: GoroutineReporter) => (goroutine: Goroutine) => Made,
  ): Generator<Made> {
    if (this.#level.level === 0) return
    const asked = this.#asked
    const isAll = this.#level.all && this.#options.goroutines !== 'crashing'
    const first = goroutinesOfCrash(this.#cause)
    const missing = new Set(asked)
    for (const goroutine of first) {
      if (asked && !asked.includes(goroutine.id)) continue
      missing.delete(goroutine.id)
      yield ofCrash(this.#count(this.#reportOfCrash(goroutine)))
      if (!isAll && !asked) return
    }
    if (!isAll && !asked) return
    for (const {process, reporter} of this.#listedImages()) {
      const make = others(reporter)
      for (const goroutine of this.#othersOf(process, first)) {
        missing.delete(goroutine.id)
        yield make(goroutine)
      }
    }
    for (const id of missing) this.#process.diagnostics.add('no-such-goroutine', `no goroutine ${id} is alive here`)
  }

  get #asked(): readonly number[] | undefined {
    const {goroutines} = this.#options
    return goroutines === 'crashing' ? undefined : goroutines
  }

  /** Those of the crash are walked once, for the summary, the signature and the list. */
  #reportOfCrash(goroutine: Goroutine): GoroutineReport {
    const known = this.#ofCrash.get(goroutine)
    if (known) return known
    const report = this.#reporter.report(goroutine, goroutine === this.#cause.goroutine)
    this.#ofCrash.set(goroutine, report)
    return report
  }

  /** The runtime that died, then the others. */
  *#listedImages(): Generator<{process: DeadProcess; reporter: GoroutineReporter}> {
    yield {process: this.#process, reporter: this.#reporter}
    for (const threads of this.#images) {
      const {process} = threads
      if (process === this.#process) continue
      yield {process, reporter: this.#reporterOf(process, new GoroutineStacks(process, threads))}
    }
  }

  /** One that is asked for by its number is shown even where the runtime does not list it. */
  #othersOf(process: DeadProcess, ofCrash: readonly Goroutine[]): Iterable<Goroutine> {
    const {runtime} = process
    if (!runtime) return []
    if (this.#asked) return this.#askedOf(runtime, process === this.#process, ofCrash)
    const goroutines = runtime.goroutines()
    const all = this.#notesLocks ? this.#blocking.noting(process, goroutines) : goroutines
    return otherGoroutines(runtime, ofCrash, goroutine => isListed(runtime, goroutine, this.#level.level > 1), all)
  }

  /** All goroutines are told, in the order of the list of locks: whoever waits for one is noted then, not before. */
  get #notesLocks(): boolean {
    return this.#images.length === 1 && this.#level.level > 0 && this.#level.all && !this.#options.goroutines
  }

  *#askedOf(runtime: GoRuntime, hasCrashed: boolean, ofCrash: readonly Goroutine[]): Generator<Goroutine> {
    const asked = new Set(this.#asked)
    if (hasCrashed) for (const {id} of ofCrash) asked.delete(id)
    if (asked.size === 0) return
    for (const goroutine of otherGoroutines(runtime, ofCrash, ({id}) => asked.delete(id))) {
      yield goroutine
      if (asked.size === 0) return
    }
  }

  #count(report: GoroutineReport): GoroutineReport {
    this.#completeness.add(report)
    this.#losses.add(report, `goroutine ${report.id}`)
    return report
  }

  #countRendered(rendered: RenderedGoroutine): RenderedGoroutine {
    if (rendered.isAlike) {
      this.#completeness.addTold()
      this.#losses.addWhole()
    } else this.#count(rendered.goroutine)
    return rendered
  }

  #countThread(thread: ThreadReport): void {
    if (this.#countedThreads.has(thread.id)) return
    this.#countedThreads.add(thread.id)
    this.#losses.add(thread, `thread ${thread.id}`)
    if (!thread.idle && this.#showsThread(thread.id)) this.#completeness.addCFrames(withoutHandlers(thread))
  }

  /** Those of the crash, and those that are asked for; where nothing crashed, the first one. */
  #showsSource({id, image}: GoroutineReport): boolean {
    const {crash} = this
    if (this.#asked) return true
    if (crash.kind === 'none') return id === FIRST_GOROUTINE
    return image === crash.image && goroutinesOfCrash(this.#cause).some(goroutine => goroutine.id === id)
  }

  #withSource<Stack extends {readonly frames: readonly FrameReport[]}>(stack: Stack): Stack {
    return this.#sources ? {...stack, frames: this.#sources.addTo(stack.frames)} : stack
  }

  /** Where no goroutine was on it, the thread's own stack is that of the crash. */
  #showCrash(thread: ThreadReport): ThreadReport {
    const {crash} = this
    return thread.id === crash.thread && crash.goroutine === null ? this.#withSource(thread) : thread
  }

  wantedSources(): readonly SourceRequest[] {
    const sources = this.#sources
    if (!sources) return []
    const ofCrash = goroutinesOfCrash(this.#cause)
    const stacks = [this.#framesOfCrash(), ...ofCrash.map(goroutine => this.#reportOfCrash(goroutine).frames)]
    for (const {process, reporter} of this.#asked ? this.#listedImages() : []) {
      const others = this.#othersOf(process, ofCrash)
      for (const goroutine of others) stacks.push(reporter.report(goroutine, false).frames)
    }
    const first = this.crash.kind === 'none' && !this.#asked ? this.#firstGoroutine() : undefined
    if (first) stacks.push(this.#reporter.report(first, false).frames)
    return stacks.flatMap(frames => sources.wanted(frames))
  }

  #firstGoroutine(): Goroutine | undefined {
    for (const goroutine of this.#process.runtime?.goroutines() ?? []) {
      if (goroutine.id === FIRST_GOROUTINE) return goroutine
    }
    return undefined
  }

  conclude(): void {
    this.#losses.conclude(this.#blocking)
  }

  whyIncomplete(): readonly string[] {
    return this.completeness.reasons
  }

  tail(): ReportTail {
    this.#tail ??= this.#makeTail()
    return this.#tail
  }

  get blocking(): BlockingReport {
    this.#waits ??= this.#blocking.report()
    return this.#waits
  }

  get summary(): SummaryReport {
    this.#summary ??= this.#summarize()
    return this.#summary
  }

  #summarize(): SummaryReport {
    const census = takeCensus(this.#process, this.#images, this.#cause, this.#notesLocks ? undefined : this.#blocking)
    const {main} = census ?? {}
    return summarize({
      core: this.core,
      go: this.go,
      crash: this.crash,
      isInGo: this.#isInGo(),
      isRuntimeCode: this.#isRuntimeCode(),
      frames: [...this.#lostFault(), ...this.#framesOfDeath()],
      framesOfMain: () => (main ? this.#reporter.report(main, false).frames : []),
      census,
      isListIncomplete: this.#process.images.some(
        ({runtime}) => runtime && (runtime.isIncomplete || !runtime.hasAllMachines),
      ),
      blocking: this.#blocking.reportOwned(),
      waitOfMain: main ? this.#reporter.waitingFor(main) : null,
      signature: this.signature,
      missing: findGreatestLoss(this.#process.diagnostics.list()) ?? this.#lossesOfDeath().greatest,
    })
  }

  /** With the variables that the operand of the faulting instruction was made of. */
  #withOperand(crash: CrashReport): CrashReport {
    const {instruction} = crash
    if (!instruction) return crash
    const variables = explainOperand(instruction, this.#framesOfCrash(), this.#cause.signal?.registers)
    return {...crash, instruction: {...instruction, variables}}
  }

  #lossesOfDeath(): Losses {
    const losses = new Losses(this.#process)
    losses.add({frames: this.#framesOfDeath(), missing: [], stop: null}, 'the crash')
    return losses
  }

  #reportModules(): ModuleReport[] {
    this.#modules ??= reportModules(this.#process)
    return this.#modules
  }

  get crashStack(): readonly FrameReport[] {
    return this.crash.kind === 'none' ? [] : this.#framesOfDeath()
  }

  get signature(): SignatureReport {
    this.#signature ??= this.#sign()
    return this.#signature
  }

  #sign(): SignatureReport {
    const {crash, core} = this
    // Releases up to 1.20 print no outer end of a deep stack.
    const hasEnds = this.#process.version.atLeast(21)
    const isWhole = hasEnds && this.#options.cgoFrames === 'auto' && (this.#level.wholeCrash || this.#level.level > 1)
    const known = (goroutine: Goroutine) => (isWhole ? this.#reportOfCrash(goroutine) : undefined)
    const stacks = new DeathStacks(this.#process, this.#stacks, {cause: this.#cause, known})
    const frames = stacks.frames()
    const panics = this.#cause.goroutine?.panics ?? []
    const facts = {
      crash,
      pid: core.pid,
      panics: readPanicValues(this.#process.images, panics, frames),
      frames: frames.length > 0 ? frames : this.#framesOfCrash(),
      gaps: stacks.gaps,
      modules: this.#reportModules(),
      program: programName(this.#process, core.executable),
      identity: () => programIdentity(this.#process, core.executable),
      blocked: () => stacks.blocked(),
      code: readCodeFacts(this.#process, this.#isRuntimeCode()),
    }
    const made = makeSignature(facts, this.#options.signatureRules ?? new SignatureRules())
    return this.#signed ? asSigned(made, this.#signed) : made
  }

  get completeness(): CompletenessReport {
    const unlisted = this.#process.images.reduce((sum, {runtime}) => sum + (runtime?.unlisted ?? 0), 0)
    const uncounted = this.#process.isPartial() ? [PARTIAL] : this.#lossesOfThreads()
    return this.#completeness.report(this.crash, uncounted, unlisted, shareOfMemory(this.#process.core))
  }

  /** Threads are a part of the report too. */
  #lossesOfThreads(): string[] {
    if (this.#asked) return []
    return this.#process.deadline.hasStruck ? [LOST_THREAD] : lossesOfThreads(this.#shownThreads())
  }

  *#shownThreads(): Generator<ThreadStack> {
    for (const {tid} of this.#process.core.threads) {
      const stack = this.#showsThread(tid) ? imageOnThread(this.#images, tid).ofThread(tid) : undefined
      if (stack) yield stack
    }
  }

  /** Not where goroutines are asked for by their numbers; where the one that crashed is, its own thread. */
  #showsThread(tid: number): boolean {
    const {goroutines} = this.#options
    return goroutines === undefined || (goroutines === 'crashing' && tid === this.crash.thread)
  }

  isComplete(): boolean {
    return this.completeness.score === 1
  }

  get isOutOfTime(): boolean {
    return this.#process.deadline.hasStruck
  }

  *threadsWithoutGoroutine(): Generator<ThreadReport> {
    const isAll = this.#options.goroutines !== 'crashing'
    for (const thread of reportThreadsWithoutGoroutine(
      this.#images,
      this.#blocking,
      this.#level.level > 1,
      this.#threadValues,
    )) {
      if (!isAll && thread.id !== this.crash.thread) continue
      this.#countThread(thread)
      yield this.#showCrash(thread)
    }
  }

  /** Of the goroutine that crashed; of the thread, where no goroutine was on it. */
  #framesOfCrash(): readonly FrameReport[] {
    const {thread, goroutine} = this.#cause
    if (goroutine) return fromFault(liveFrames(this.#reportOfCrash(goroutine)), this.#cause)
    if (!thread) return []
    const {frames, handlerFrames} = reportThread(this.#images, thread.thread, this.#blocking, this.#threadValues)
    return frames.slice(handlerFrames)
  }

  /** Where the crash was on a system stack, that of the goroutine it served goes on below. */
  #framesOfDeath(): readonly FrameReport[] {
    const {goroutine, current} = this.#cause
    const below = goroutine && current && current !== goroutine ? liveFrames(this.#reportOfCrash(current)) : []
    return [...this.#framesOfCrash(), ...below]
  }

  #isRuntimeCode(): (pc: Address) => boolean {
    this.#runtimeCode ??= runtimeCodeOf(this.#process.images, this.#cause.thread)
    return this.#runtimeCode
  }

  #isInGo(): boolean {
    const {signal} = this.#cause
    const {tables} = this.#process
    return signal !== undefined && !signal.isPlaceLost && tables?.functionAt(signal.pc) !== undefined
  }

  /** Where C faulted, as the runtime has recorded it, if the stack there is lost. */
  #lostFault(): readonly FrameReport[] {
    const {signal, duringCgo} = this.#cause
    const {tables} = this.#process
    if (!signal || !duringCgo || signal.isPlaceLost || tables?.functionAt(signal.pc)) return []
    if (this.#framesOfCrash()[0]?.pc === this.crash.pc) return []
    const {pc} = signal
    return reportNativeFrame(this.#process, {
      pc,
      lookupPc: pc,
      sp: NULL_ADDRESS,
      cfa: undefined,
      foundBy: 'signal-frame',
      kind: 'native',
    })
  }

  #makeTail(): ReportTail {
    const {blocking} = this
    const {diagnostics} = this.#process
    const all = reportThreads(this.#images, this.#blocking, this.#threadValues)
    const threads = all.map(thread => this.#showCrash(thread))
    for (const thread of threads) if (thread.goroutine === null && !thread.idle) this.#countThread(thread)
    this.conclude()
    return {
      threads,
      cgo: reportCgo(this.#images),
      blocking,
      modules: this.#reportModules().map(module => ({...module, losses: this.#losses.of(module.path)})),
      signature: this.signature,
      completeness: this.completeness,
      diagnostics: diagnostics.list(),
    }
  }
}

/** Without what the runtime did on a thread to handle signals and to die. */
function withoutHandlers({frames, missing, stop, handlerFrames}: ThreadReport): Shown {
  const own = missing.flatMap(mark => (mark.after <= handlerFrames ? [] : {...mark, after: mark.after - handlerFrames}))
  return {frames: frames.slice(handlerFrames), missing: own, stop}
}
