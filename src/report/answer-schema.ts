import {z} from 'zod'
import {ERROR_CODES} from '../base/errors.ts'
import {
  blockingSchema,
  cgoSchema,
  completenessSchema,
  coreSchema,
  count,
  crashSchema,
  createdBySchema,
  diagnosticSchema,
  frameSchema,
  goroutineSchema,
  goSchema,
  hexString,
  moduleSchema,
  oneOf,
  opening,
  schemaVersion,
  signatureSchema,
  stopReasonSchema,
  text,
  threadSchema,
  toolSchema,
} from './report-schema.ts'

/** What each command answers with --json, from the parts of the whole report. Nothing imports this module at run time. */

export const cgoReportSchema = z
  .strictObject({
    ...opening,
    cgo: cgoSchema,
    blocking: blockingSchema,
    diagnostics: z.array(diagnosticSchema),
  })
  .meta({title: 'gotrace-core cgo --json'})

export const threadsReportSchema = z
  .strictObject({
    ...opening,
    crash: crashSchema,
    threads: z.array(threadSchema).describe('the crashing one first, then as they are in the core'),
    blocking: blockingSchema,
    diagnostics: z.array(diagnosticSchema),
  })
  .meta({title: 'gotrace-core threads --json'})

export const coreSignalSchema = z
  .strictObject({
    number: z.number().int(),
    name: text,
    code: count,
    codeName: text,
    address: hexString.nullable(),
    senderPid: count,
  })
  .meta({
    id: 'coreSignal',
    description: 'the signal that the kernel dumped the core for; Go raises one of its own at its end',
  })

export const coreMemorySchema = z
  .strictObject({
    segments: z.number().int(),
    mapped: z.number().describe('bytes of address space that were mapped'),
    dumped: z.number().describe('bytes that the core was to hold'),
    missing: z.number().describe('bytes of them behind the end of the file'),
    missingParts: z
      .array(z.strictObject({start: hexString, end: hexString, what: z.string()}))
      .describe('the first 100 of them'),
    threadsWithoutStack: z.array(z.number().int()).describe('threads whose stack is not in the core'),
  })
  .meta({id: 'coreMemory'})

export const infoReportSchema = z
  .strictObject({
    schemaVersion,
    tool: toolSchema,
    core: coreSchema,
    signal: coreSignalSchema.nullable(),
    process: z
      .strictObject({
        pid: z.number().int(),
        parentPid: z.number().int(),
        uid: z.number().int(),
        gid: z.number().int(),
        name: z.string(),
      })
      .nullable(),
    go: goSchema,
    memory: coreMemorySchema,
    modules: z.array(
      moduleSchema
        .extend({
          goBuildId: text,
          debugInfo: text.describe('the file whose debug information is used'),
        })
        .meta({id: 'infoModule'}),
    ),
    diagnostics: z.array(diagnosticSchema),
  })
  .meta({title: 'gotrace-core info --json'})

export const goroutineGroupSchema = z
  .strictObject({
    count: z.number().int(),
    state: z.string().describe('the wait reason, else the status'),
    goroutines: z.array(z.number().int()),
    minWaitMinutes: count,
    maxWaitMinutes: count,
    frames: z.array(frameSchema).describe('without arguments and stack addresses where there are several goroutines'),
    createdBy: createdBySchema.nullable(),
    stop: stopReasonSchema.nullable(),
    elided: goroutineSchema.shape.elided,
    missing: goroutineSchema.shape.missing,
  })
  .meta({id: 'goroutineGroup', description: 'goroutines with the same state and the same stack'})

export const goroutinesReportSchema = z
  .strictObject({
    ...opening,
    goroutines: z.array(goroutineSchema).nullable().describe('null with --group'),
    groups: z.array(goroutineGroupSchema).nullable().describe('the biggest first; null without --group'),
    counts: z
      .strictObject({listed: z.number().int(), matched: z.number().int()})
      .describe('goroutines that were looked at, and those that all conditions hold for'),
    blocking: blockingSchema.describe('of the whole process, whatever was asked for'),
    diagnostics: z.array(diagnosticSchema),
  })
  .meta({title: 'gotrace-core goroutines --json'})

export const failureSchema = z
  .strictObject({
    code: oneOf(ERROR_CODES),
    message: z.string().describe('one line for people'),
    hint: text.describe('the next command or step to try; null: there is none'),
  })
  .meta({id: 'failure', description: 'why there is no report'})

export const errorReportSchema = z
  .strictObject({error: failureSchema.describe('why there is no report')})
  .meta({title: 'gotrace-core COMMAND --json, when it fails: a line on standard output'})

/** struct cgoSymbolizerArg of runtime.SetCgoTraceback (Go, src/runtime/traceback.go). */
const symbolizerCallSchema = z
  .strictObject({
    pc: hexString.describe('as it was asked for'),
    file: text.describe('source file; null: not known'),
    lineno: z.number().int().describe('line; 0: not known'),
    func: text.describe('function; null: not known'),
    entry: hexString.describe('start of the function; 0x0: not known'),
    more: z
      .number()
      .int()
      .describe('not zero: another call for the same address follows, for the function that this one is inlined in'),
    data: hexString.describe('for the symbolizer itself, between the calls'),
  })
  .meta({id: 'symbolizerCall', description: 'the struct of runtime.SetCgoTraceback after one call of the symbolizer'})

export const symbolizeReportSchema = z
  .strictObject({
    address: hexString.describe('as it was asked for; 0x0 in the last line, the call that closes'),
    calls: z.array(symbolizerCallSchema).describe('innermost inlined function first'),
  })
  .meta({title: 'gotrace-core symbolize --json: one line'})

export const batchReportSchema = z
  .strictObject({
    schemaVersion,
    tool: toolSchema,
    path: z.string().describe('absolute; with size and mtime the key that --resume knows a core by'),
    size: count.describe('of the file as it lies there, packed or not'),
    mtime: text.describe('ISO 8601, UTC, to the millisecond'),
    compression: text,
    truncated: z.boolean().nullable(),
    pid: count,
    executable: z.strictObject({path: text, buildId: text}).nullable(),
    goVersion: text,
    crash: crashSchema
      .pick({
        kind: true,
        signal: true,
        codeName: true,
        faultAddress: true,
        message: true,
        thread: true,
        goroutine: true,
        duringCgo: true,
        cause: true,
      })
      .meta({id: 'batchCrash'})
      .nullable(),
    signature: signatureSchema.omit({explain: true}).meta({id: 'batchSignature'}).nullable(),
    completeness: completenessSchema.nullable(),
    diagnostics: z
      .strictObject({info: z.number().int(), warning: z.number().int(), error: z.number().int()})
      .nullable()
      .describe('how many of each severity; `analyze` prints them'),
    durationMs: count,
    error: failureSchema.nullable().describe('null: the core was analysed'),
  })
  .meta({title: 'gotrace-core batch: one line'})

export const batchGroupReportSchema = z
  .strictObject({
    schemaVersion,
    count: z.number().int().describe('cores of this signature'),
    exact: text.describe('null: not crashed, or not analysed'),
    family: text,
    frames: z.array(z.string()),
    kind: text.describe('of the crash'),
    signal: text,
    message: text.describe('of the example: of the panic, or what C code said of its own end'),
    error: text.describe('code of the error, where these cores could not be analysed'),
    executables: z.array(z.string()).describe('the first 10'),
    goVersions: z.array(z.string()).describe('the first 10'),
    first: text.describe('mtime of the oldest core'),
    last: text.describe('mtime of the newest core'),
    example: z.string().describe('the newest core'),
  })
  .meta({title: 'gotrace-core batch --group: one line'})
