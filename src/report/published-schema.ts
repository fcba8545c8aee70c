import {z} from 'zod'
import {
  batchGroupReportSchema,
  batchReportSchema,
  cgoReportSchema,
  errorReportSchema,
  goroutinesReportSchema,
  infoReportSchema,
  symbolizeReportSchema,
  threadsReportSchema,
} from './answer-schema.ts'
import {reportSchema} from './report-schema.ts'
import {symbolsReportSchema} from './symbols-schema.ts'
import {
  diffReportSchema,
  triageDeadReportSchema,
  triageListReportSchema,
  triageMarkReportSchema,
  triageShowReportSchema,
} from './triage-schema.ts'

/**
 * What each document is made of, by the name of its schema in `schema/`, which `npm run build` writes. These are
 * strict, for our own tests; nothing imports this module at run time.
 */
export const DOCUMENTS = {
  analyze: reportSchema,
  batch: batchReportSchema,
  'batch-group': batchGroupReportSchema,
  cgo: cgoReportSchema,
  diff: diffReportSchema,
  error: errorReportSchema,
  goroutines: goroutinesReportSchema,
  info: infoReportSchema,
  symbolize: symbolizeReportSchema,
  symbols: symbolsReportSchema,
  threads: threadsReportSchema,
  'triage-dead': triageDeadReportSchema,
  'triage-list': triageListReportSchema,
  'triage-mark': triageMarkReportSchema,
  'triage-show': triageShowReportSchema,
} as const satisfies Readonly<Record<string, z.ZodType>>

type JsonSchema = z.core.JSONSchema.BaseSchema

/**
 * The JSON Schema as others use it. Additions are allowed within a version, so it is open: a validator of today takes
 * the fields and the words of tomorrow.
 */
export function publishedSchema(name: keyof typeof DOCUMENTS): object {
  const schema = z.toJSONSchema(DOCUMENTS[name], {
    target: 'draft-2020-12',
    override: ({jsonSchema}) => {
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
      if (jsonSchema.enum) openWords(jsonSchema)
    },
  })
  return {$id: `urn:gotrace-core:schema:${name}-1`, ...schema}
}

/** The known words with what they say, and any other. */
function openWords(schema: JsonSchema): void {
  const {enum: words = [], meanings} = schema as JsonSchema & {meanings?: Readonly<Record<string, string>>}
  for (const key of ['type', 'enum', 'meanings']) delete schema[key]
  const known = meanings
    ? Object.entries(meanings).map(([word, description]) => ({const: word, description}))
    : [{enum: words}]
  schema.anyOf = [...known, {type: 'string'}]
}
