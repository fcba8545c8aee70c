import {z} from 'zod'
import {ERROR_CODES} from '../base/errors.ts'
import {cgoSchema} from './cgo-schema.ts'
import {
  blockingSchema,
  completenessSchema,
  crashSchema,
  diagnosticsSchema,
  goroutineSchema,
  moduleSchema,
  opening,
  schemaVersion,
  signatureSchema,
  threadSchema,
} from './report-schema.ts'
import {count, createdBySchema, frameSchema, hexString, image, oneOf, stopReasonSchema, text} from './stack-schema.ts'

/** What each command but `analyze` answers with --json. */

export const cgoReportSchema = z
  .strictObject({
    ...opening,
    cgo: cgoSchema,
    blocking: blockingSchema,
    diagnostics: diagnosticsSchema,
  })
  .meta({title: 'gotrace-core cgo --json'})

export const threadsReportSchema = z
  .strictObject({
    ...opening,
    crash: crashSchema,
    threads: z.array(threadSchema).describe('the crashing one first, then as they are in the core'),
    blocking: blockingSchema,
    diagnostics: diagnosticsSchema,
  })
  .meta({title: 'gotrace-core threads --json'})

const coreSignalSchema = z
  .strictObject({
    number: z.number().int().describe('its number'),
    name: text.describe('its name, such as SIGSEGV'),
    code: count.describe('its si_code'),
    codeName: text.describe('name of `code`, such as SEGV_MAPERR'),
    address: hexString.nullable().describe('its si_addr; null: a signal that has none'),
    senderPid: count.describe('the process that sent it; null: the kernel did, or not known'),
  })
  .meta({
    id: 'coreSignal',
    description: 'the signal that the kernel dumped the core for; Go raises one of its own at its end',
  })

const coreMemorySchema = z
  .strictObject({
    segments: z.number().int().describe('how many pieces the core has'),
    mapped: z.number().describe('bytes of address space that were mapped'),
    dumped: z.number().describe('bytes that the core was to hold'),
    missing: z.number().describe('bytes of them behind the end of the file, or that its writer could not read'),
    leftOut: z
      .number()
      .describe('bytes of memory of no file that the process could write to and the core was not to hold'),
    isFiltered: z
      .boolean()
      .describe('that is more than what it holds, the stacks of all threads in it: see coredump_filter in core(5)'),
    missingParts: z
      .array(
        z.strictObject({
          start: hexString.describe('first address'),
          end: hexString.describe('the address behind the last'),
          what: z.string().describe('the file or the stack that it belongs to'),
        }),
      )
      .describe('the first 100 parts that are missing'),
    threadsWithoutStack: z.array(z.number().int()).describe('threads whose stack is not in the core'),
  })
  .meta({id: 'coreMemory', description: 'how much of its memory the process left behind'})

export const infoReportSchema = z
  .strictObject({
    schemaVersion,
    tool: opening.tool,
    core: opening.core,
    signal: coreSignalSchema.nullable().describe('what the kernel dumped the core for; null: no signal'),
    process: z
      .strictObject({
        pid: z.number().int().describe('process ID'),
        parentPid: z.number().int().describe('process ID of its parent'),
        uid: z.number().int().describe('user ID'),
        gid: z.number().int().describe('group ID'),
        name: z.string().describe('of the command, of which the kernel keeps 15 bytes'),
      })
      .nullable()
      .describe('what the kernel says of the process (NT_PRPSINFO)'),
    go: opening.go,
    memory: coreMemorySchema,
    modules: z
      .array(
        moduleSchema
          .extend({
            goBuildId: text.describe('what `go tool buildid` prints; null too where it has none'),
            debugInfo: text.describe('the file whose debug information is used; null: none'),
          })
          .meta({id: 'infoModule', description: 'an executable or a library of the process'}),
      )
      .describe('the program and its libraries'),
    diagnostics: diagnosticsSchema,
  })
  .meta({title: 'gotrace-core info --json'})

export const goroutineGroupSchema = z
  .strictObject({
    image,
    count: z.number().int().describe('how many goroutines'),
    state: z.string().describe('the wait reason, else the status; with `--similar inner` all of them, with commas'),
    goroutines: z.array(z.number().int()).describe('their IDs'),
    minWaitMinutes: count.describe('all have waited at least so long; null: not known of any'),
    maxWaitMinutes: count.describe('one has waited at least so long; null: not known of any'),
    frames: z
      .array(frameSchema)
      .describe(
        'without what differs where there are several goroutines: stack addresses and arguments, with `--similar` lines and inner frames too',
      ),
    createdBy: createdBySchema.nullable().describe('the `go` statement that started them; null: none'),
    stop: stopReasonSchema
      .nullable()
      .describe('why the walk of the stack ended; null: not walked, for the time was over'),
    elided: goroutineSchema.shape.elided,
    missing: goroutineSchema.shape.missing,
  })
  .meta({
    id: 'goroutineGroup',
    description: 'goroutines with the same state and the same stack, as far as `--similar` asks',
  })

export const goroutinesReportSchema = z
  .strictObject({
    ...opening,
    goroutines: z.array(goroutineSchema).nullable().describe('null with --group'),
    groups: z
      .array(goroutineGroupSchema)
      .nullable()
      .describe('as `--sort` says, else the biggest first; null without --group'),
    counts: z
      .strictObject({
        listed: z.number().int().describe('goroutines that were looked at'),
        matched: z.number().int().describe('those that all conditions hold for'),
      })
      .describe('how many there were'),
    blocking: blockingSchema.describe('of the whole process, whatever was asked for'),
    diagnostics: diagnosticsSchema,
  })
  .meta({title: 'gotrace-core goroutines --json'})

export const failureSchema = z
  .strictObject({
    code: oneOf(ERROR_CODES).describe('what it is about; scripts match on this'),
    message: z.string().describe('one line for people'),
    hint: text.describe('the next command or step to try; null: there is none'),
  })
  .meta({id: 'failure', description: 'why there is no report'})

export const errorReportSchema = z
  .strictObject({error: failureSchema})
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

export const buildSchema = z
  .strictObject({
    main: text.describe('path of the main module, else of the main package'),
    version: text.describe('version of the main module; null: none is stated'),
    revision: text.describe('the commit it was built from (`vcs.revision`)'),
    time: text.describe('of that commit (`vcs.time`), ISO 8601'),
    modified: z.boolean().nullable().describe('with changes beside that commit (`vcs.modified`); null: not known'),
  })
  .meta({id: 'build', description: 'what a program was built from'})

export const batchFrameSchema = frameSchema
  .pick({kind: true, function: true, file: true, line: true, inlined: true, module: true, moduleOffset: true})
  .meta({id: 'batchFrame', description: 'one function on the stack that crashed'})

export const batchReportSchema = z
  .strictObject({
    schemaVersion,
    tool: opening.tool,
    path: z.string().describe('absolute; with size and mtime the key that --resume knows a core by'),
    size: count.describe('of the file as it lies there, packed or not'),
    mtime: text.describe('ISO 8601, UTC, to the millisecond'),
    key: text.describe(
      'of the dead process, the same for every copy of its core, packed or not: a store counts it once; null: not analysed',
    ),
    attempt: z.number().int().min(1).describe('how often this core was analysed, with this time: --resume tries again'),
    compression: text.describe('what it was packed with, `none` for not at all'),
    truncated: z.boolean().nullable().describe('it ends before what it promises'),
    pid: count.describe('of the process'),
    executable: z
      .strictObject({
        path: text.describe('as the process had it'),
        buildId: text.describe('in hexadecimal'),
      })
      .nullable()
      .describe('the program'),
    goVersion: text.describe('release that built it'),
    build: buildSchema.nullable().describe('what it was built from; null: nothing tells'),
    crash: crashSchema
      .pick({
        kind: true,
        signal: true,
        codeName: true,
        faultAddress: true,
        message: true,
        thread: true,
        goroutine: true,
        image: true,
        duringCgo: true,
        cause: true,
      })
      .meta({id: 'batchCrash', description: 'how the process died, in short'})
      .nullable()
      .describe('as in `analyze`'),
    signature: signatureSchema
      .extend({explain: signatureSchema.shape.explain.nullable().describe('as in `analyze`; null without --explain')})
      .meta({id: 'batchSignature', description: 'what makes two crashes the same bug'})
      .nullable()
      .describe('as in `analyze`'),
    frames: z
      .array(batchFrameSchema)
      .describe('the top of the stack that crashed, innermost first, at most 12; empty: none did, or not analysed'),
    completeness: completenessSchema.nullable().describe('as in `analyze`'),
    diagnostics: z
      .strictObject({
        info: z.number().int().describe('how many of this severity'),
        warning: z.number().int().describe('how many of this severity'),
        error: z.number().int().describe('how many of this severity'),
      })
      .nullable()
      .describe('how many of each severity; `analyze` prints them'),
    durationMs: count.describe('the time that this core took'),
    labels: z.record(z.string(), z.string()).describe('what `--label` said of the machine or the run, by key'),
    report: text.describe('file with the whole report, as `analyze --json` prints it (`--reports`); null: none'),
    redacted: z.boolean().describe('arguments, messages and home folders were left out (`--redact`)'),
    error: failureSchema.nullable().describe('why there is no report, and all else null; null: the core was analysed'),
  })
  .meta({title: 'gotrace-core batch: one line'})

export const batchGroupReportSchema = z
  .strictObject({
    schemaVersion,
    count: z.number().int().describe('cores of this signature'),
    exact: text.describe('null: not crashed, or not analysed'),
    family: text.describe('class of the crash, top Go frame, top C frame; null where `exact` is'),
    frames: z.array(z.string()).describe('the frames of the signature'),
    version: text.describe('of the rules that made the signature; null: not analysed'),
    similar: z
      .array(
        z.strictObject({
          exact: z.string().describe('of the other group'),
          similarity: z.number().min(0).max(1).describe('1: the same frames, under another class of crash'),
        }),
      )
      .describe('the groups whose frames are most like these, frames near the top weighing more'),
    kind: text.describe('of the crash; null: not analysed'),
    signal: text.describe('name of the signal; null: none'),
    message: text.describe('of the example: of the panic, or what C code said of its own end; null: none'),
    error: text.describe('code of the error that kept these cores from being analysed; null: they were'),
    executables: z.array(z.string()).describe('paths of the first 10 programs'),
    goVersions: z.array(z.string()).describe('the first 10 Go releases'),
    first: text.describe('mtime of the oldest core'),
    last: text.describe('mtime of the newest core'),
    example: z.string().describe('path of the newest core'),
  })
  .meta({title: 'gotrace-core batch --group: one line'})
