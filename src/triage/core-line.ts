import {detectPacking, isUnpacked, readPackedHead} from '../acquire/core-input.ts'
import type {TidyOnSignal} from '../acquire/debuginfod.ts'
import type {LastingFiles} from '../acquire/lasting-files.ts'
import type {UnpackedCache} from '../acquire/open-files.ts'
import {type OpenProcess, type OpenProcessOptions, openProcess} from '../acquire/open-process.ts'
import {isPackageHead} from '../acquire/package-manifest.ts'
import {remoteName} from '../acquire/remote-file.ts'
import {type AnalysisOptions, analyzeCore} from '../analysis/analyze-core.ts'
import type {Tool} from '../analysis/process/process-facts.ts'
import {type RulesText, SignatureRules} from '../analysis/signature/rules.ts'
import {FileSource} from '../base/byte-source.ts'
import {Deadline} from '../base/deadline.ts'
import {Diagnostics} from '../base/diagnostics.ts'
import {describeFailure} from '../base/errors.ts'
import {Stopwatch} from '../base/stopwatch.ts'
import {CORE_HEAD_SIZE, isCoreHead} from '../elf/core-file.ts'
import {readCoreKey} from '../elf/core-key.ts'
import type {BatchFrame, BatchLine, FailureReport, FrameReport} from '../report/core-report.ts'
import type {KeptFrames} from '../symbolize/kept-frames.ts'
import {describeBuild} from './build.ts'
import {type ReportFolder, writeReport} from './report-folder.ts'
import type {WorkItem} from './work-list.ts'

/** What goes to the process that analyses a core, with its path: plain data. */
export interface LineOptions {
  readonly search: Omit<
    OpenProcessOptions,
    'diagnostics' | 'deadline' | 'progress' | 'tidyOnSignal' | 'unpacked' | 'lasting'
  >
  readonly analysis: Pick<AnalysisOptions, 'tool' | 'maxFrames' | 'demangle'>
  readonly signature?: SignatureOptions
  /** Where the whole report goes, beside the line. */
  readonly reports?: ReportFolder | undefined
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

/** What a process has for all its cores. */
export interface LineContext {
  readonly tidyOnSignal?: TidyOnSignal
  readonly unpacked?: UnpackedCache
  readonly lasting?: LastingFiles | undefined
  /** Frames of C that were found before, for one core. */
  readonly kept?: LastingFrames | undefined
}

/** Frames that a process has found for its cores, and what runs before it have. */
export interface LastingFrames {
  of(isDemangled: boolean): KeptFrames
  drop(): void
}

/** The line of a core; null for a packed file nobody named that holds something else. */
export async function makeLine(
  item: Omit<WorkItem, 'error'>,
  options: LineOptions,
  {tidyOnSignal, unpacked, lasting, kept}: LineContext = {},
): Promise<BatchLine | null> {
  const watch = new Stopwatch()
  const diagnostics = new Diagnostics()
  // What does not look at the time is ended with its process (AnalystPool); a timer of its own costs a thread each.
  const deadline = new Deadline(options.softTimeoutMs / 1000, diagnostics, true)
  const {tool} = options.analysis
  try {
    if (item.uncertain && !(await holdsCore(item.path))) return null
    const process = await openProcess(item.path, {
      ...options.search,
      diagnostics,
      deadline,
      tidyOnSignal,
      unpacked,
      lasting,
    })
    try {
      const frames = kept?.of(options.analysis.demangle)
      const line = reportProcess(item, process, {...options, diagnostics, deadline, kept: frames})
      frames?.keep()
      return {...line, durationMs: watch.milliseconds}
    } finally {
      process.close()
    }
  } catch (error) {
    // What was being parsed when the time was over is of no use.
    lasting?.drop()
    kept?.drop()
    return {...errorLine(item, tool, describeFailure(error)), durationMs: watch.milliseconds}
  }
}

/** Only the beginning is unpacked: folders hold packed logs too. */
export async function holdsCore(path: string): Promise<boolean> {
  const file = FileSource.open(path)
  try {
    const compression = detectPacking(file.read(0, Math.min(8, file.size)))
    if (compression === 'none' || !isUnpacked(compression)) return true
    const head = await readPackedHead(file, compression, CORE_HEAD_SIZE)
    return isCoreHead(head) || isPackageHead(head)
  } finally {
    file.close()
  }
}

function reportProcess(
  key: LineKey,
  process: OpenProcess,
  {
    analysis,
    signature: options,
    reports,
    diagnostics,
    deadline,
    kept,
  }: LineOptions & {diagnostics: Diagnostics; deadline: Deadline; kept: KeptFrames | undefined},
): BatchLine {
  const report = analyzeCore(process, {
    ...analysis,
    traceback: undefined,
    cgoFrames: 'auto',
    goroutines: undefined,
    deadline,
    diagnostics,
    kept,
    waits: reports ? undefined : 'left-out',
    signatureRules: new SignatureRules(options?.ownRules),
  })
  const coreKey = readCoreKey(process.core)
  const written = reports && writeReport(report, reports, coreKey, diagnostics)
  if (!written) for (const _goroutine of report.goroutines);
  const {core, go, crash} = report
  const {signature, completeness, modules} = report.tail()
  const severities = {info: 0, warning: 0, error: 0}
  for (const {severity} of diagnostics.list()) severities[severity]++
  return {
    ...lineHead(key, analysis.tool, coreKey),
    compression: core.compression,
    truncated: core.truncated,
    pid: core.pid,
    executable: {
      path: core.executable,
      buildId: modules.find(({path}) => path === core.executable)?.buildId ?? null,
    },
    goVersion: go.version,
    build: describeBuild(go),
    crash: {
      kind: crash.kind,
      signal: crash.signal,
      codeName: crash.codeName,
      faultAddress: crash.faultAddress,
      message: crash.message,
      thread: crash.thread,
      goroutine: crash.goroutine,
      image: crash.image,
      duringCgo: crash.duringCgo,
      cause: crash.cause,
    },
    signature: {...signature, explain: options?.explain ? signature.explain : null},
    frames: topFrames(report.crashStack),
    completeness,
    diagnostics: severities,
    durationMs: null,
    labels: {},
    report: written ?? null,
    redacted: false,
    error: null,
  }
}

/** Frames of the crashing stack that a line has. */
const FRAMES_MAX = 12

function topFrames(frames: readonly FrameReport[]): BatchFrame[] {
  return frames
    .filter(({kind}) => kind !== 'signal' && kind !== 'switch')
    .slice(0, FRAMES_MAX)
    .map(({kind, function: name, file, line, inlined, module, moduleOffset}) => ({
      kind,
      function: name,
      file,
      line,
      inlined,
      module,
      moduleOffset,
    }))
}

function lineHead(
  {path, size, mtime, attempt}: LineKey,
  tool: Tool,
  key: string | null,
): Pick<BatchLine, 'schemaVersion' | 'tool' | 'key' | keyof LineKey> {
  const {name, version} = tool
  return {schemaVersion: '1', tool: {name, version}, path: remoteName(path), size, mtime, key, attempt}
}

/** The line of a core that could not be analysed. */
export function errorLine(key: LineKey, tool: Tool, error: FailureReport): BatchLine {
  return {
    ...lineHead(key, tool, null),
    compression: null,
    truncated: null,
    pid: null,
    executable: null,
    goVersion: null,
    build: null,
    crash: null,
    signature: null,
    frames: [],
    completeness: null,
    diagnostics: null,
    durationMs: null,
    labels: {},
    report: null,
    redacted: false,
    error,
  }
}
