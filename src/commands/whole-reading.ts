import type {OpenProcess} from '../acquire/open-process.ts'
import {analyzeCgo} from '../analysis/analyze-cgo.ts'
import {type AnalysisOptions, analyzeCore} from '../analysis/analyze-core.ts'
import {analyzeGoroutines} from '../analysis/analyze-goroutines.ts'
import {analyzeInfo} from '../analysis/analyze-info.ts'
import {analyzeThreads} from '../analysis/analyze-threads.ts'
import {examineProcess} from '../analysis/process/examine-process.ts'
import {SignatureRules} from '../analysis/signature/rules.ts'
import {type Address, toAddress} from '../base/address.ts'
import {readForDebuggers} from '../elf/debugger-reads.ts'
import type {Answers} from '../render/format.ts'
import {FORMATS} from '../render/formats.ts'
import {PLAIN_STYLE} from '../render/style.ts'
import type {analysisOptions, RunContext} from './open-core.ts'

type Options = RunContext & ReturnType<typeof analysisOptions>

const LOOKS = {style: PLAIN_STYLE, view: 'whole', registers: true} as const

/**
 * Has every command read of a process all that it ever reads, and reads what debuggers need: a record of the core then
 * knows what a report is made of.
 * @param attempt runs each part: one that fails may be let pass
 */
export function readWhole(
  process: OpenProcess,
  options: Options,
  values: AnalysisOptions['values'],
  attempt: (part: () => void) => void = part => part(),
): void {
  const all = {...options, goroutines: undefined, signatureRules: new SignatureRules()}
  const query = {state: undefined, function: undefined, labels: [], minWait: undefined, ids: undefined}
  const listing = {query, sort: 'wait', limit: undefined, traceback: 'crash', cgoFrames: 'auto'} as const
  const parts = [
    () => readAnswer('info', analyzeInfo(process, options)),
    () => readAnswer('analyze', analyzeCore(process, {...all, traceback: 'crash', cgoFrames: 'auto', values})),
    () => readAnswer('analyze', analyzeCore(process, {...all, traceback: undefined, cgoFrames: 'saved'})),
    () => readAnswer('analyze', analyzeCore(process, {...all, traceback: 'crash', cgoFrames: 'hooks'})),
    () => readAnswer('threads', analyzeThreads(process, {...options, threads: undefined, values})),
    () => readAnswer('cgo', analyzeCgo(process, options)),
    () => readAnswer('goroutines', analyzeGoroutines(process, {...all, ...listing, show: 'goroutines'})),
    () => readAnswer('goroutines', analyzeGoroutines(process, {...all, ...listing, show: 'groups'})),
    () => readForDebuggers(process.core, process.modules),
  ]
  for (const part of parts) attempt(part)
}

/** As JSON, which leaves nothing out. */
function readAnswer<Name extends keyof Answers>(name: Name, answer: Answers[Name]): void {
  for (const piece of FORMATS.json.renderers[name]?.(answer, LOOKS) ?? []) void piece
}

/** Where the structures of the Go runtimes of a process lie, and what the linker wrote of how they were built. */
export function* runtimeStructures(
  process: OpenProcess,
  {maxFrames, demangle, deadline, diagnostics}: Options,
): Generator<{start: Address; end: Address}> {
  const {images} = examineProcess(process, {maxFrames, demangle: demangle ?? true, deadline, diagnostics})
  for (const {runtime} of images) if (runtime) yield* runtime.structures()
  for (const module of process.modules) {
    const built = module.image?.sectionHeader('.go.buildinfo')
    if (!built) continue
    yield {start: module.toAddress(built.address), end: module.toAddress(toAddress(built.address + built.size))}
  }
}
