import type {AnalysisOptions} from '../../src/analysis/analyze-core.ts'
import {Deadline} from '../../src/base/deadline.ts'
import type {Diagnostics} from '../../src/base/diagnostics.ts'

/** What a report is asked for when nothing is asked for, without a limit of time. */
export function plainOptions(diagnostics: Diagnostics): AnalysisOptions {
  return {
    tool: {name: 'test', version: '0'},
    traceback: undefined,
    cgoFrames: 'auto',
    goroutines: undefined,
    maxFrames: 1000,
    demangle: true,
    deadline: Deadline.never(diagnostics),
    diagnostics,
  }
}
