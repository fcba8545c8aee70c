import {detectPacking, isUnpacked, readPackedHead} from '../acquire/core-input.ts'
import type {TidyOnSignal} from '../acquire/debuginfod.ts'
import {type OpenProcess, type OpenProcessOptions, openProcess} from '../acquire/open-process.ts'
import {type AnalysisOptions, analyzeCore} from '../analysis/analyze-core.ts'
import type {Tool} from '../analysis/process/process-facts.ts'
import {type RulesText, SignatureRules} from '../analysis/signature/rules.ts'
import {FileSource} from '../base/byte-source.ts'
import {Deadline} from '../base/deadline.ts'
import {Diagnostics} from '../base/diagnostics.ts'
import {describeFailure} from '../base/errors.ts'
import {CORE_HEAD_SIZE, isCoreHead} from '../elf/core-file.ts'
import type {BatchLine, FailureReport} from '../report/core-report.ts'
import type {WorkItem} from './work-list.ts'

/** What goes to the process that analyses a core, with its path: plain data. */
export interface LineOptions {
  readonly search: Omit<OpenProcessOptions, 'diagnostics' | 'deadline' | 'progress' | 'tidyOnSignal'>
  readonly analysis: Pick<AnalysisOptions, 'tool' | 'maxFrames' | 'demangle'>
  readonly signature?: SignatureOptions
  /** After so long nothing further is begun, and the line tells how much is missing. */
  readonly softTimeoutMs: number
}

/** How signatures are made and told. */
export interface SignatureOptions {
  /** A user's own rules, beside those that everyone has. */
  readonly ownRules: RulesText | undefined
  /** Whether lines say which rule kept each frame. */
  readonly explain: boolean
}

/** The part of a work item that a line begins with. */
export type LineKey = Pick<WorkItem, 'path' | 'size' | 'mtime' | 'attempt'>

/** The line of a core; null for a packed file nobody named that holds something else. */
export async function makeLine(
  item: Omit<WorkItem, 'error'>,
  options: LineOptions,
  tidyOnSignal?: TidyOnSignal,
): Promise<BatchLine | null> {
  const started = Date.now()
  const diagnostics = new Diagnostics()
  const deadline = new Deadline(options.softTimeoutMs / 1000, diagnostics)
  const {tool} = options.analysis
  try {
    if (item.uncertain && !(await holdsCore(item.path))) return null
    const process = await openProcess(item.path, {...options.search, diagnostics, deadline, tidyOnSignal})
    try {
      return {...reportProcess(item, process, {...options, diagnostics, deadline}), durationMs: Date.now() - started}
    } finally {
      process.close()
    }
  } catch (error) {
    return {...errorLine(item, tool, describeFailure(error)), durationMs: Date.now() - started}
  }
}

/** Only the beginning is unpacked: folders hold packed logs too. */
async function holdsCore(path: string): Promise<boolean> {
  const file = FileSource.open(path)
  try {
    const compression = detectPacking(file.read(0, Math.min(8, file.size)))
    if (compression === 'none' || !isUnpacked(compression)) return true
    return isCoreHead(await readPackedHead(file, compression, CORE_HEAD_SIZE))
  } finally {
    file.close()
  }
}

function reportProcess(
  key: LineKey,
  process: OpenProcess,
  {analysis, signature: options, diagnostics, deadline}: LineOptions & {diagnostics: Diagnostics; deadline: Deadline},
): BatchLine {
  const report = analyzeCore(process, {
    ...analysis,
    traceback: undefined,
    cgoFrames: 'auto',
    goroutines: undefined,
    deadline,
    diagnostics,
    waits: 'left-out',
    signatureRules: new SignatureRules(options?.ownRules),
  })
  for (const _goroutine of report.goroutines);
  const {core, go, crash} = report
  const {signature, completeness, modules} = report.tail()
  const severities = {info: 0, warning: 0, error: 0}
  for (const {severity} of diagnostics.list()) severities[severity]++
  return {
    ...lineHead(key, analysis.tool),
    compression: core.compression,
    truncated: core.truncated,
    pid: core.pid,
    executable: {
      path: core.executable,
      buildId: modules.find(({path}) => path === core.executable)?.buildId ?? null,
    },
    goVersion: go.version,
    crash: {
      kind: crash.kind,
      signal: crash.signal,
      codeName: crash.codeName,
      faultAddress: crash.faultAddress,
      message: crash.message,
      thread: crash.thread,
      goroutine: crash.goroutine,
      duringCgo: crash.duringCgo,
      cause: crash.cause,
    },
    signature: {...signature, explain: options?.explain ? signature.explain : null},
    completeness,
    diagnostics: severities,
    durationMs: null,
    redacted: false,
    error: null,
  }
}

function lineHead(
  {path, size, mtime, attempt}: LineKey,
  tool: Tool,
): Pick<BatchLine, 'schemaVersion' | 'tool' | keyof LineKey> {
  return {schemaVersion: '1', tool: {name: tool.name, version: tool.version}, path, size, mtime, attempt}
}

/** The line of a core that could not be analysed. */
export function errorLine(key: LineKey, tool: Tool, error: FailureReport): BatchLine {
  return {
    ...lineHead(key, tool),
    compression: null,
    truncated: null,
    pid: null,
    executable: null,
    goVersion: null,
    crash: null,
    signature: null,
    completeness: null,
    diagnostics: null,
    durationMs: null,
    redacted: false,
    error,
  }
}
