import {InputError} from '../base/errors.ts'
import type {CoreThread} from '../elf/core-file.ts'
import type {CrashReport, SourceRequest, ThreadReport, ThreadsReport} from '../report/core-report.ts'
import type {AnalysisOptions} from './analyze-core.ts'
import {findCrash} from './crash/crashed-image.ts'
import {tracebackLevel} from './crash/traceback-level.ts'
import {reportCrash} from './crash-report.ts'
import {SourceLines} from './frames/source-lines.ts'
import {Losses} from './losses.ts'
import {examineProcess} from './process/examine-process.ts'
import {FrameOrigins} from './process/frame-origins.ts'
import type {ProcessFiles} from './process/go-image.ts'
import {type CoreOrigin, reportCoreFacts, reportGo} from './process/process-facts.ts'
import {GoroutineStacks} from './stacks/goroutine-stacks.ts'
import {ThreadStacks} from './stacks/thread-stacks.ts'
import {reportThread, reportThreadInTime} from './threads-report.ts'
import {explainOperand} from './values/fault-variables.ts'
import {FrameValues, type ValueOptions} from './values/frame-values.ts'
import {Blocking} from './waits/blocking.ts'

export type ThreadsOptions = Pick<
  AnalysisOptions,
  'tool' | 'maxFrames' | 'demangle' | 'deadline' | 'diagnostics' | 'examined' | 'kept'
> & {
  /** Only these; undefined: all. */
  threads: readonly number[] | undefined
  /** undefined: no variables are read. */
  values?: ValueOptions | undefined
}

/**
 * Every OS thread of a core, the crashing one first, each made when it is asked for.
 * @throws InputError where the core has no thread that is asked for
 */
export function analyzeThreads(files: ProcessFiles & CoreOrigin, options: ThreadsOptions): ThreadsReport {
  const process = examineProcess(files, {...options, origins: options.values && new FrameOrigins()})
  const values = options.values && new FrameValues(process, options.values)
  const {core, diagnostics} = process
  requireThreads(core.threads, options.threads ?? [])
  const images = ThreadStacks.ofImages(process)
  const blocking = new Blocking(images)
  const {threads, cause} = findCrash(images)
  const level = tracebackLevel(undefined, cause, threads.process.version)
  const known = reportCrash(cause, new GoroutineStacks(threads.process, threads), level)
  const crash = values ? withOperand(known) : known
  const facts = reportCoreFacts(process, files)
  const losses = new Losses(process)
  const go = reportGo(process)
  const sources = files.sources && new SourceLines(threads.process, files.sources, go)
  /** With the variables that the operand of the faulting instruction was made of. */
  function withOperand(report: CrashReport): CrashReport {
    const {instruction} = report
    if (!instruction || !cause.thread) return report
    const {frames, handlerFrames} = reportThread(images, cause.thread.thread, blocking, values)
    const variables = explainOperand(instruction, frames.slice(handlerFrames), cause.signal?.registers)
    return {...report, instruction: {...instruction, variables}}
  }
  const crashing = core.threads.filter(({tid}) => tid === crash.thread)
  const others = core.threads.filter(({tid}) => tid !== crash.thread)
  const wanted = [...crashing, ...others].filter(({tid}) => options.threads?.includes(tid) ?? true)
  /** Those that are asked for; else that of the crash, or the first one. */
  const withSource = options.threads ? wanted : wanted.slice(0, 1)
  function* reportThreads(): Generator<ThreadReport> {
    for (const thread of wanted) {
      const isOfCrash = thread.tid === crash.thread
      const report = (isOfCrash ? reportThread : reportThreadInTime)(images, thread, blocking, values)
      losses.add(report, `thread ${report.id}`)
      const shown = sources && withSource.includes(thread) ? {...report, frames: sources.addTo(report.frames)} : report
      yield shown
    }
  }
  function wantedSources(): SourceRequest[] {
    if (!sources) return []
    return withSource.flatMap(thread => sources.wanted(reportThread(images, thread, blocking, undefined).frames))
  }
  return {
    schemaVersion: '1',
    tool: options.tool,
    core: facts,
    go,
    crash,
    threads: reportThreads(),
    wantedSources,
    blocking: () => blocking.report(),
    diagnostics: () => {
      losses.conclude(blocking)
      return diagnostics.list()
    },
    conclude: () => losses.conclude(blocking),
    whyIncomplete: () => losses.whyUnfinished(),
    isComplete: () => losses.whyUnfinished().length === 0,
    get isOutOfTime() {
      return process.deadline.hasStruck
    },
  }
}

/** As many as a hint may list. */
const LISTED_MAX = 10

function requireThreads(present: readonly CoreThread[], asked: readonly number[]): void {
  const missing = asked.find(id => !present.some(({tid}) => tid === id))
  if (missing === undefined) return
  const ids = present.slice(0, LISTED_MAX).map(({tid}) => `${tid}`)
  const more = present.length > LISTED_MAX ? `, and ${present.length - LISTED_MAX} more` : ''
  throw new InputError('bad-argument', `the core has no thread ${missing}`, `it has ${ids.join(', ')}${more}`)
}
