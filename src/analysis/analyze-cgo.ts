import type {CgoAnswer, CgoReport} from '../report/core-report.ts'
import type {AnalysisOptions} from './analyze-core.ts'
import {reportCgo} from './cgo/cgo-report.ts'
import {PARTIAL} from './losses.ts'
import {examineProcess} from './process/examine-process.ts'
import type {ProcessFiles} from './process/go-image.ts'
import {type CoreOrigin, reportCoreFacts, reportGo} from './process/process-facts.ts'
import {ThreadStacks} from './stacks/thread-stacks.ts'
import {Blocking} from './waits/blocking.ts'

export type CgoOptions = Pick<
  AnalysisOptions,
  'tool' | 'maxFrames' | 'demangle' | 'deadline' | 'diagnostics' | 'examined' | 'kept'
>

/** What `cgo` answers about a core: threads are walked, goroutines only where one is in C. */
export function analyzeCgo(files: ProcessFiles & CoreOrigin, options: CgoOptions): CgoAnswer {
  const process = examineProcess(files, options)
  const {deadline} = process
  const images = ThreadStacks.ofImages(process)
  const blocking = new Blocking(images)
  blocking.addDiagnostics(process.diagnostics)
  const cgo = reportCgo(images)
  const report = blocking.report()
  return {
    schemaVersion: '1',
    tool: options.tool,
    core: reportCoreFacts(process, files),
    go: reportGo(process),
    cgo,
    blocking: report,
    diagnostics: process.diagnostics.list(),
    conclude: () => {},
    whyIncomplete: () => whyIncomplete(cgo, process.isPartial()),
    isComplete: () => whyIncomplete(cgo, process.isPartial()).length === 0,
    isOutOfTime: deadline.hasStruck,
  }
}

function whyIncomplete(cgo: CgoReport, isPartial: boolean): string[] {
  const reasons: string[] = []
  if (cgo.enabled === null) reasons.push('nothing tells whether the program uses cgo')
  if (!knowsAllFrames(cgo)) reasons.push('C frames of a call or a callback cannot be found')
  if (!cgo.callsKnown) reasons.push('not every stack was read to its end: more calls may be in progress')
  if (cgo.enabled !== false && !cgo.hooksKnown) reasons.push('what runtime.SetCgoTraceback was given is not known')
  if (isPartial) reasons.push(PARTIAL)
  return reasons
}

/** The frames of an abandoned callback are no part of any stack any more. */
function knowsAllFrames({calls, threads}: CgoReport): boolean {
  const parts = [...calls, ...calls.flatMap(({outer}) => outer), ...threads.flatMap(({callbacks}) => callbacks)]
  return parts.every(({missing}) => missing === null || missing === 'abandoned')
}
