import type {OpenProcess} from '../../src/acquire/open-process.ts'
import {analyzeCgo} from '../../src/analysis/analyze-cgo.ts'
import {analyzeCore} from '../../src/analysis/analyze-core.ts'
import {analyzeGoroutines} from '../../src/analysis/analyze-goroutines.ts'
import {analyzeInfo} from '../../src/analysis/analyze-info.ts'
import {analyzeThreads} from '../../src/analysis/analyze-threads.ts'
import {Deadline} from '../../src/base/deadline.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'

const OPTIONS = {
  tool: {name: 'gotrace-core', version: '0'},
  traceback: 'crash',
  cgoFrames: 'auto',
  goroutines: undefined,
  threads: undefined,
  query: {state: undefined, function: undefined, labels: [], minWait: undefined, ids: undefined},
  show: 'goroutines',
  sort: 'runtime',
  limit: undefined,
  maxFrames: 1000,
  demangle: true,
  deadline: Deadline.never(new Diagnostics()),
} as const

type Ask<T> = (process: OpenProcess, diagnostics: Diagnostics) => T & {isComplete: boolean}

/** The answer of each command that reads a core, walked to its end and copied, so that the files may be closed. */
export const EVERY_COMMAND = {
  analyze: ((process, diagnostics) => {
    const report = analyzeCore(process, {...OPTIONS, diagnostics})
    const goroutines = Array.from(report.goroutines, goroutine => ({...goroutine}))
    const tail = report.tail()
    return {crash: {...report.crash}, core: report.core, goroutines, ...tail, isComplete: report.isComplete()}
  }) satisfies Ask<object>,
  goroutines: ((process, diagnostics) => {
    const report = analyzeGoroutines(process, {...OPTIONS, diagnostics})
    const goroutines = Array.from(report.goroutines ?? [], goroutine => ({...goroutine}))
    return {core: report.core, goroutines, diagnostics: report.diagnostics(), isComplete: report.isComplete()}
  }) satisfies Ask<object>,
  threads: ((process, diagnostics) => {
    const report = analyzeThreads(process, {...OPTIONS, diagnostics})
    const threads = [...report.threads]
    const {core, crash} = report
    return {core, crash: {...crash}, threads, diagnostics: report.diagnostics(), isComplete: report.isComplete()}
  }) satisfies Ask<object>,
  cgo: ((process, diagnostics) => {
    const {core, cgo, diagnostics: list, isComplete} = analyzeCgo(process, {...OPTIONS, diagnostics})
    return {core, cgo, diagnostics: list, isComplete: isComplete()}
  }) satisfies Ask<object>,
  info: ((process, diagnostics) => {
    const {isComplete, ...report} = analyzeInfo(process, {...OPTIONS, diagnostics})
    return {...report, isComplete: isComplete()}
  }) satisfies Ask<object>,
} as const

export type CommandName = keyof typeof EVERY_COMMAND
export const COMMAND_NAMES = Object.keys(EVERY_COMMAND) as CommandName[]
