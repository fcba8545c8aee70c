import type {CoreReport, GoroutineReport, ReportHead, ReportTail, SummaryReport} from '../report/core-report.ts'

/** A document of `analyze --json`. */
type Document = ReportHead & ReportTail & {summary: SummaryReport; goroutines: GoroutineReport[]}

/** A report that was written as JSON, as the renderers take one: what only the core could tell is as for the text. */
export function reviveReport(document: Document): CoreReport {
  return {
    ...document,
    detail: 'plain',
    dialect: {showsPc: true, hasSymbolizer: false, showsSwitches: false, showsModules: true, namesDying: true},
    crashStack: [],
    threadsWithoutGoroutine: () => document.threads.filter(({goroutine, idle}) => goroutine === null && !idle),
    tail: () => document,
    conclude: () => undefined,
    whyIncomplete: () => document.completeness.reasons,
    isComplete: () => document.completeness.score === 1,
    isOutOfTime: false,
    wantedSources: () => [],
  }
}
