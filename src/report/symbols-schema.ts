import {z} from 'zod'
import {diagnosticsSchema, schemaVersion, toolSchema} from './report-schema.ts'
import {oneOf, text} from './stack-schema.ts'
import {ARTIFACTS, SYMBOL_FILE_STATES} from './vocabulary.ts'

/** What `symbols push` and `symbols pull` say with --json. */

export const symbolFileSchema = z
  .strictObject({
    state: oneOf(SYMBOL_FILE_STATES).describe('what became of it'),
    key: text.describe('the build ID that it is kept under, GNU’s, or what stands for Go’s; null: it has none'),
    artifact: oneOf(ARTIFACTS).nullable().describe('what it is kept as; null: nothing is kept'),
    path: text.describe('push: the file; pull: where it is now; null: it is missing'),
    module: text.describe('pull: the file as the process knew it; null: its ID was given, or push'),
    reason: text.describe('push: why it was left out; null: it was not'),
  })
  .meta({id: 'symbolFile', description: 'a file of a symbol store'})

export const symbolsReportSchema = z
  .strictObject({
    schemaVersion,
    tool: toolSchema,
    store: z.string().describe('push: the store; pull: the folder that is one now'),
    files: z.array(symbolFileSchema).describe('in the order in which they were found'),
    diagnostics: diagnosticsSchema,
  })
  .meta({title: 'gotrace-core symbols push, symbols pull --json'})
