import type {OpenProcess} from '../acquire/open-process.ts'
import {analyzeCgo} from '../analysis/analyze-cgo.ts'
import {type AnalysisOptions, analyzeCore} from '../analysis/analyze-core.ts'
import {analyzeGoroutines} from '../analysis/analyze-goroutines.ts'
import {analyzeInfo} from '../analysis/analyze-info.ts'
import {analyzeThreads} from '../analysis/analyze-threads.ts'
import type {DeadProcess} from '../analysis/process/dead-process.ts'
import {examineProcess} from '../analysis/process/examine-process.ts'
import {FrameOrigins} from '../analysis/process/frame-origins.ts'
import {SignatureRules} from '../analysis/signature/rules.ts'
import {type Address, toAddress} from '../base/address.ts'
import {linkerNames, readForDebuggers} from '../elf/debugger-reads.ts'
import type {Answers} from '../render/format.ts'
import {FORMATS} from '../render/formats.ts'
import {PLAIN_STYLE} from '../render/style.ts'
import type {CrashReport, SignatureReport} from '../report/core-report.ts'
import type {analysisOptions, RunContext} from './open-core.ts'

type Options = RunContext & ReturnType<typeof analysisOptions>

const LOOKS = {style: PLAIN_STYLE, view: 'whole', registers: true} as const

/** What a reading of all leaves. */
export interface WholeReading {
  /** undefined where that failed. */
  readonly process: DeadProcess | undefined
  readonly signature: SignatureReport | undefined
  /** undefined where that failed. */
  readonly crash: CrashReport | undefined
}

/** Values that are to be read too. */
export interface ValueReading {
  readonly options: NonNullable<AnalysisOptions['values']>
  /** Of more goroutines than these only that which crashed is asked. */
  readonly goroutinesMax: number
}

/**
 * Has every command read of a process all that it ever reads, and reads what debuggers need: a record of the core then
 * knows what a report is made of.
 * @param attempt runs each part: one that fails may be let pass
 */
export function readWhole(
  files: OpenProcess,
  options: Options,
  values: ValueReading | undefined,
  attempt: (part: () => void) => void = part => part(),
): WholeReading {
  let process: DeadProcess | undefined
  let signature: SignatureReport | undefined
  let crash: CrashReport | undefined
  attempt(() => {
    process = examineProcess(files, {...options, demangle: true, origins: values && new FrameOrigins()})
  })
  const once = {...options, examined: process}
  const all = {...once, goroutines: undefined, signatureRules: new SignatureRules()}
  const query = {state: undefined, function: undefined, labels: [], minWait: undefined, ids: undefined}
  const whole = {...all, traceback: 'crash', cgoFrames: 'auto'} as const
  let count = 0
  const listing = {query, sort: 'wait', limit: undefined, traceback: 'crash', cgoFrames: 'auto'} as const
  const parts = [
    () => readAnswer('info', analyzeInfo(files, once)),
    () => {
      const report = analyzeCore(files, whole)
      signature = report.signature
      crash = report.crash
      count = report.summary.who.goroutines ?? 0
      readAnswer('analyze', report)
    },
    () => {
      if (!values) return
      const goroutines = count > values.goroutinesMax ? 'crashing' : undefined
      readAnswer('analyze', analyzeCore(files, {...whole, values: values.options, goroutines}))
    },
    () => readAnswer('analyze', analyzeCore(files, {...all, traceback: undefined, cgoFrames: 'saved'})),
    () => readAnswer('analyze', analyzeCore(files, {...all, traceback: 'crash', cgoFrames: 'hooks'})),
    () => readAnswer('threads', analyzeThreads(files, {...once, threads: undefined, values: values?.options})),
    () => readAnswer('cgo', analyzeCgo(files, once)),
    () => readAnswer('goroutines', analyzeGoroutines(files, {...all, ...listing, show: 'goroutines'})),
    () => readAnswer('goroutines', analyzeGoroutines(files, {...all, ...listing, show: 'groups'})),
    () => readForDebuggers(files.core, files.modules),
  ]
  for (const part of parts) attempt(part)
  return {process, signature, crash}
}

/** As JSON, which leaves nothing out. */
function readAnswer<Name extends keyof Answers>(name: Name, answer: Answers[Name]): void {
  for (const piece of FORMATS.json.renderers[name]?.(answer, LOOKS) ?? []) void piece
}

/** Where the structures of Go runtimes lie, what the linker wrote of how they were built, and names of loaded files. */
export function* runtimeStructures(
  files: OpenProcess,
  process: DeadProcess | undefined,
): Generator<{start: Address; end: Address}> {
  for (const {runtime} of process?.images ?? []) if (runtime) yield* runtime.structures()
  yield* linkerNames(files.core)
  for (const module of files.modules) {
    const built = module.image?.sectionHeader('.go.buildinfo')
    if (!built) continue
    yield {start: module.toAddress(built.address), end: module.toAddress(toAddress(built.address + built.size))}
  }
}
