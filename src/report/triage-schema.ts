import {z} from 'zod'
import {batchFrameSchema} from './answer-schema.ts'
import {schemaVersion, toolSchema} from './report-schema.ts'
import {count, oneOf, text} from './stack-schema.ts'
import {CHANGES, MARK_STATES, REGRESSION_PROOFS, SIGNATURE_STATES} from './vocabulary.ts'

/** What `triage` and `diff` say with --json. */

const total = z.number().int()

export const markSchema = z
  .strictObject({
    state: oneOf(MARK_STATES).describe('what was said'),
    build: text.describe(
      'the build that it is fixed in, as it was given: a commit, a version or a build ID; null: none',
    ),
    buildTime: text.describe('when that build was made, where it was given; null: see the builds of the store'),
    note: text.describe('why; null: nothing was said'),
    author: text.describe('who said it; null: not known'),
    time: z.string().describe('when, ISO 8601, UTC'),
  })
  .meta({id: 'mark', description: 'what a user said of a signature'})

const dayCountSchema = z
  .strictObject({
    day: z.string().describe('YYYY-MM-DD, UTC'),
    count: total.describe('cores of that day'),
  })
  .meta({id: 'dayCount', description: 'how many cores a day had'})

const nameCountSchema = z
  .strictObject({
    name: z.string().describe('what is counted'),
    count: total.describe('cores that have it'),
  })
  .meta({id: 'nameCount', description: 'how many cores have something'})

export const storedSignatureSchema = z
  .strictObject({
    exact: z.string().describe('as in `analyze`'),
    version: z.string().describe('of the rules that made it'),
    family: text.describe('as in `analyze`'),
    state: oneOf(SIGNATURE_STATES).describe('by what was said of it, and what was seen since'),
    regression: z
      .strictObject({
        build: z.string().describe('the build that it was seen in, in short'),
        proof: oneOf(REGRESSION_PROOFS).describe('what tells that this build is not older than the fix'),
        first: z.string().describe('when it was first seen there'),
      })
      .nullable()
      .describe('null: not regressed'),
    mark: markSchema.nullable().describe('what was said last; null: nothing'),
    kind: text.describe('of the crash: signal, panic, fatal'),
    signal: text.describe('name of the signal; null: none'),
    message: text.describe('of the first core: of the panic, or what C code said of its own end; null: none'),
    frames: z.array(z.string()).describe('the frames of the signature'),
    count: total.describe('cores'),
    first: z.string().describe('when the oldest of all its cores was written, whatever was asked for'),
    last: z.string().describe('when the newest of those was written that were asked for'),
    programs: z.array(nameCountSchema).describe('file names of the first 10 programs, the commonest first'),
    versions: z.array(nameCountSchema).describe('the first 10 builds in short: a version, else a commit or a build ID'),
    example: z.string().describe('path of the newest core'),
    trend: z.array(dayCountSchema).describe('each day of the time that was asked for (`--days`), the oldest first'),
  })
  .meta({id: 'storedSignature', description: 'a signature in the store'})

const storeSchema = z
  .strictObject({
    path: z.string().describe('as it was given'),
    cores: total.describe('all that were analysed'),
    notCrashed: total.describe('those of them that have no signature, for the process had not crashed'),
    errors: total.describe('files that could not be analysed'),
    signatures: total.describe('different ones, of all cores'),
    first: text.describe('when the oldest core was written; null: there is none'),
    last: text.describe('when the newest core was written; null: there is none'),
  })
  .meta({id: 'store', description: 'what is in the store'})

export const triageListReportSchema = z
  .strictObject({
    schemaVersion,
    tool: toolSchema,
    store: storeSchema,
    matched: total.describe('signatures for which all conditions hold'),
    signatures: z.array(storedSignatureSchema).describe('the first of them, in the order that was asked for'),
  })
  .meta({title: 'gotrace-core triage list --json'})

const storedBuildSchema = z
  .strictObject({
    name: z.string().describe('in short: a version, else a commit or a build ID'),
    program: text.describe('path of the program, as the process had it'),
    main: text.describe('path of the main module, else of the main package'),
    version: text.describe('version of the main module'),
    revision: text.describe('the commit it was built from'),
    time: text.describe('of that commit'),
    modified: z.boolean().nullable().describe('with changes beside that commit; null: not known'),
    buildId: text.describe('of the program, in hexadecimal'),
    goVersion: text.describe('release that built it'),
    count: total.describe('cores of this signature'),
    first: z.string().describe('when the oldest of them was written'),
    last: z.string().describe('when the newest of them was written'),
    sinceFix: oneOf(REGRESSION_PROOFS)
      .nullable()
      .describe('what tells that it is not older than the fix; null: it is, or nothing tells, or there is no fix'),
  })
  .meta({id: 'storedBuild', description: 'a build that a signature was seen in'})

export const triageShowReportSchema = z
  .strictObject({
    schemaVersion,
    tool: toolSchema,
    signature: storedSignatureSchema,
    builds: z.array(storedBuildSchema).describe('the first seen first'),
    labels: z
      .array(
        z.strictObject({
          key: z.string().describe('of the label'),
          value: z.string().describe('of the label'),
          count: total.describe('cores that have it'),
        }),
      )
      .describe('of `batch --label`, the commonest first, at most 50'),
    stack: z.array(batchFrameSchema).describe('the top of the stack that crashed, of the newest core'),
    cores: z
      .array(
        z.strictObject({
          path: z.string().describe('where it was'),
          key: z.string().describe('of the dead process'),
          time: z.string().describe('when it was written'),
          report: text.describe('file with the whole report (`batch --reports`); null: none'),
        }),
      )
      .describe('the newest 10'),
    similar: z
      .array(
        z.strictObject({
          exact: z.string().describe('of the other signature'),
          similarity: z.number().min(0).max(1).describe('1: the same frames, under another class of crash'),
          state: oneOf(SIGNATURE_STATES).describe('of the other signature'),
          count: total.describe('its cores'),
        }),
      )
      .describe('the five whose frames are most like these, of the 2,000 with the most cores'),
    history: z.array(markSchema).describe('all that was said of it, the oldest first'),
  })
  .meta({title: 'gotrace-core triage show --json'})

export const triageMarkReportSchema = z
  .strictObject({
    schemaVersion,
    tool: toolSchema,
    exact: z.string().describe('the signature'),
    mark: markSchema.describe('what was said'),
    state: oneOf(SIGNATURE_STATES).describe('the state that it has now'),
  })
  .meta({title: 'gotrace-core triage mark --json'})

export const deadLetterSchema = z.strictObject({
  key: text.describe('of the core, as in `batch`; of one that could not be read, of its file'),
  path: text.describe('of the core, or its address without a password'),
  priority: z.number().int().describe('as `batch --priority` gave it'),
  attempts: total.describe('how often it was tried'),
  code: text.describe('of the last error; null: not known'),
  message: text.describe('of the last error; null: not known'),
  queued: text.describe('when it was put in: ISO 8601, UTC'),
  ended: text.describe('when the last attempt ended: ISO 8601, UTC'),
})

export const triageDeadReportSchema = z
  .strictObject({
    schemaVersion,
    tool: toolSchema,
    queue: z.string().describe('the database, without its password'),
    total: total.describe('dead letters that there are now, listed or not'),
    retried: total.nullable().describe('cores that were put back; null: not asked for'),
    letters: z.array(deadLetterSchema).describe('those that are left, the latest first'),
  })
  .meta({title: 'gotrace-core triage dead --json'})

const changeCount = {
  change: oneOf(CHANGES).describe('what became of it'),
  before: total.describe('how many in the first'),
  after: total.describe('how many in the second'),
}

export const signatureChangeSchema = z
  .strictObject({
    ...changeCount,
    exact: z.string().describe('the signature'),
    family: text.describe('as in `analyze`'),
    kind: text.describe('of the crash'),
    signal: text.describe('name of the signal; null: none'),
    message: text.describe('of one core: of the panic, or what C code said of its own end; null: none'),
    frames: z.array(z.string()).describe('the frames of the signature'),
    example: text.describe('path of a core, of the second where there is one; null: not known'),
  })
  .meta({id: 'signatureChange', description: 'a signature in two sets of cores'})

const comparedFrameSchema = z
  .strictObject({
    function: z.string().describe('its name'),
    file: text.describe('source file; null: not known, or not compared'),
    line: count.describe('line in `file`; null: not known, or not compared'),
  })
  .meta({id: 'comparedFrame', description: 'a function on a stack'})

export const goroutineChangeSchema = z
  .strictObject({
    ...changeCount,
    state: text.describe('the wait reason, else the status; null: one of the two does not tell states'),
    frames: z.array(comparedFrameSchema).describe('innermost first'),
    createdBy: text.describe('the function whose `go` statement started them; null: none, or not compared'),
    goroutines: z.array(z.number().int()).describe('IDs in the second, else in the first; the first 20'),
    partial: z.boolean().describe('frames are missing in a stack of these: they may belong to another change'),
  })
  .meta({id: 'goroutineChange', description: 'goroutines with the same stack in two dumps'})

const comparedSchema = z
  .strictObject({
    path: z.string().describe('as it was given'),
    kind: z.string().describe('core, traceback, profile, lines or store'),
    count: total.describe('goroutines or cores'),
    since: text.describe('only cores written from then on; null: all'),
    until: text.describe('only cores written before; null: all'),
  })
  .meta({id: 'compared', description: 'one of the two that are compared'})

export const diffReportSchema = z
  .strictObject({
    schemaVersion,
    tool: toolSchema,
    before: comparedSchema.describe('the first'),
    after: comparedSchema.describe('the second'),
    by: oneOf({
      line: 'functions with file and line',
      function: 'functions alone: the two are of different builds, or share no lines',
      signature: 'signatures of crashes',
    }).describe('what makes two the same'),
    signatures: z.array(signatureChangeSchema).nullable().describe('the biggest difference first; null: goroutines'),
    goroutines: z.array(goroutineChangeSchema).nullable().describe('the biggest difference first; null: signatures'),
  })
  .meta({title: 'gotrace-core diff --json, triage diff --json'})
