import type {z} from 'zod'
import type * as answer from './answer-schema.ts'
import type * as cgo from './cgo-schema.ts'
import type * as schema from './report-schema.ts'
import type * as stack from './stack-schema.ts'
import type * as summary from './summary-schema.ts'
import type * as symbols from './symbols-schema.ts'
import type * as triage from './triage-schema.ts'

/**
 * The types of the reports, from the schemas beside this file: what the text shows and what the JSON carries are the
 * same values.
 */
export type FrameReport = z.infer<typeof stack.frameSchema>
export type VariableReport = z.infer<typeof stack.variableSchema>
export type SourceReport = z.infer<typeof stack.sourceSchema>
export type CreatedByReport = z.infer<typeof stack.createdBySchema>
export type GoroutineReport = z.infer<typeof schema.goroutineSchema>
export type ThreadReport = z.infer<typeof schema.threadSchema>
export type GoReport = z.infer<typeof schema.goSchema>
export type InstructionReport = z.infer<typeof schema.instructionSchema>
export type CrashReport = z.infer<typeof schema.crashSchema>
export type SavedCallersReport = z.infer<typeof cgo.savedCallersSchema>
export type CgoCallReport = z.infer<typeof cgo.cgoCallSchema>
export type CgoThreadReport = z.infer<typeof cgo.cgoThreadSchema>
export type CgoReport = z.infer<typeof cgo.cgoSchema>
export type ModuleReport = z.infer<typeof schema.moduleSchema>
export type SignatureReport = z.infer<typeof schema.signatureSchema>
export type CompletenessReport = z.infer<typeof schema.completenessSchema>
export type PlaceReport = z.infer<typeof summary.placeSchema>
export type SummaryReport = z.infer<typeof summary.summarySchema>
export type LockReport = z.infer<typeof schema.lockSchema>
export type BlockingReport = z.infer<typeof schema.blockingSchema>

/** What `cgo` answers. */
export type CgoAnswer = z.infer<typeof answer.cgoReportSchema> & Answer

/** What every answer tells when all of it has been read. */
interface Answer {
  /** What can be told only when all of it has been read becomes a diagnostic. */
  conclude(): void
  /** In words, what is missing where `isComplete` says no. */
  whyIncomplete(): readonly string[]
  /** Nothing that was looked for is missing; else `--strict` ends with 3. */
  isComplete(): boolean
  /** The time was over before all of it was made. */
  readonly isOutOfTime: boolean
}

/** A line of source that a report would show. */
export interface SourceRequest {
  /** As the compiler knew it. */
  readonly file: string
  readonly line: number
  /** Path of the module that the code is in, as the process had it. */
  readonly module: string | null
  /** Of the file's content, in hexadecimal, where the compiler wrote it down. */
  readonly md5: string | undefined
  /** Of Go's standard library: its path below `src`. */
  readonly standard: string | undefined
  /** The Go release, such as `go1.24.2`, where the program says it. */
  readonly goVersion: string | undefined
}

type Whole = z.infer<typeof schema.reportSchema>

/** What does not wait for the goroutines: known when `analyzeCore` returns. */
export type ReportHead = Pick<Whole, 'schemaVersion' | 'tool' | 'core' | 'go' | 'crash'>
/** What is complete only after the goroutines have been walked. */
export type ReportTail = Pick<
  Whole,
  'threads' | 'cgo' | 'blocking' | 'modules' | 'signature' | 'completeness' | 'diagnostics'
>

/** What the text has as the runtime of this program printed it. */
export interface TextDialect {
  /** fp and sp are followed by pc: from Go 1.9 on. */
  readonly showsPc: boolean
  /** SetCgoTraceback was given a symbolizer: a saved C pc that it does not name takes two lines. */
  readonly hasSymbolizer: boolean
  /** Every frame: those of the seam between the stacks too. */
  readonly showsSwitches: boolean
  /** Code without a name says where it lies in its file: the runtime knows of no files. */
  readonly showsModules: boolean
  /** The runtime that died is named above its goroutines too: that is no part of what it printed itself. */
  readonly namesDying: boolean
}

/** A goroutine with the text that a renderer made of it. */
export interface RenderedGoroutine {
  /** Where others are alike, that of one of them: its number, addresses and arguments are its own. */
  readonly goroutine: GoroutineReport
  readonly text: string
  /** Only the text is its own. */
  readonly isAlike: boolean
}

/** Goroutines one by one. */
export interface GoroutineList extends Iterable<GoroutineReport> {
  /**
   * The same with the text that `render` makes of each, where it need not be asked for all of them; to read in place of
   * the list itself.
   */
  rendered?(render: (goroutine: GoroutineReport) => string): Iterable<RenderedGoroutine>
}

/**
 * The whole answer. `goroutines` can be iterated once; each is produced on demand, so a million of them stream in
 * bounded memory. `tail()` is called after that, and counts what the walk met.
 */
export interface CoreReport extends ReportHead, Answer {
  /** How the text prints frames: fp, sp and pc behind each Go frame, registers at the end. */
  readonly detail: 'plain' | 'full'
  readonly dialect: TextDialect
  /** Made when it is asked for, of the crash alone: the other goroutines have not been walked then. */
  readonly summary: SummaryReport
  readonly signature: SignatureReport
  /** Of the thread or goroutine that crashed, innermost first; empty where none did. */
  readonly crashStack: readonly FrameReport[]
  readonly goroutines: GoroutineList
  /** Counts what was walked so far. */
  readonly completeness: CompletenessReport
  /** What the text shows below the goroutines, idle Ms at level 2 alone; nothing else of the tail is made for it. */
  threadsWithoutGoroutine(): Iterable<ThreadReport>
  /** Deadlocks become diagnostics when this is asked for. */
  readonly blocking: BlockingReport
  tail(): ReportTail
  /** Of `--source`: what has to be fetched is fetched before `goroutines` is read. */
  wantedSources(): readonly SourceRequest[]
}

type WholeThreads = z.infer<typeof answer.threadsReportSchema>

/** What `threads` answers. `threads` can be iterated once; `diagnostics()` is called after that. */
export interface ThreadsReport extends Omit<WholeThreads, 'threads' | 'blocking' | 'diagnostics'>, Answer {
  readonly threads: Iterable<ThreadReport>
  wantedSources(): readonly SourceRequest[]
  blocking(): BlockingReport
  diagnostics(): WholeThreads['diagnostics']
}

/** What `info` answers. */
export type InfoReport = z.infer<typeof answer.infoReportSchema> & Answer

export type GoroutineGroupReport = z.infer<typeof answer.goroutineGroupSchema>
type WholeGoroutines = z.infer<typeof answer.goroutinesReportSchema>

/**
 * What `goroutines` answers, one by one or in groups; the other is null. Either can be iterated once; `counts()` and
 * `diagnostics()` are called after that.
 */
export interface GoroutinesReport extends Pick<WholeGoroutines, 'schemaVersion' | 'tool' | 'core' | 'go'>, Answer {
  readonly goroutines: GoroutineList | null
  readonly groups: Iterable<GoroutineGroupReport> | null
  /** Told by a renderer that cannot hold all of something: the answer is not whole then. */
  noteLimit(what: string): void
  counts(): WholeGoroutines['counts']
  blocking(): BlockingReport
  diagnostics(): WholeGoroutines['diagnostics']
}

/** What `symbolize` says of one address. */
export type SymbolizerLine = z.infer<typeof answer.symbolizeReportSchema>

/** Why there is no report. */
export type FailureReport = z.infer<typeof answer.failureSchema>

/** What `batch` says of one core. */
export type BatchLine = z.infer<typeof answer.batchReportSchema>
export type BatchFrame = z.infer<typeof answer.batchFrameSchema>
export type BuildReport = z.infer<typeof answer.buildSchema>
/** Cores with the same signature. */
export type BatchGroup = z.infer<typeof answer.batchGroupReportSchema>

export type MarkReport = z.infer<typeof triage.markSchema>
export type StoredSignature = z.infer<typeof triage.storedSignatureSchema>
export type TriageList = z.infer<typeof triage.triageListReportSchema>
export type TriageShow = z.infer<typeof triage.triageShowReportSchema>
export type TriageMark = z.infer<typeof triage.triageMarkReportSchema>
export type DeadLetter = z.infer<typeof triage.deadLetterSchema>
export type TriageDead = z.infer<typeof triage.triageDeadReportSchema>
export type SignatureChange = z.infer<typeof triage.signatureChangeSchema>
export type GoroutineChange = z.infer<typeof triage.goroutineChangeSchema>
export type DiffReport = z.infer<typeof triage.diffReportSchema>
/** As it is written: goroutines are told as they are read, and can be read again. */
export type DiffAnswer = Omit<DiffReport, 'goroutines'> & {readonly goroutines: Iterable<GoroutineChange> | null}

export type SymbolFile = z.infer<typeof symbols.symbolFileSchema>
/** What `symbols push` and `symbols pull` answer. */
export type SymbolsReport = z.infer<typeof symbols.symbolsReportSchema>
