import {readFileSync} from 'node:fs'
import {Ajv2020, type ValidateFunction} from 'ajv/dist/2020.js'
import {DOCUMENTS} from '../../src/report/published-schema.ts'

export type DocumentName = keyof typeof DOCUMENTS

const ajv = new Ajv2020({strict: true, allErrors: true, allowUnionTypes: true})
const validators = new Map<DocumentName, ValidateFunction>()

/** A schema as it is published. */
export function readSchema(name: DocumentName): {$id: string; properties: object} {
  return JSON.parse(readFileSync(new URL(`../../schema/${name}-1.schema.json`, import.meta.url), 'utf8'))
}

/** What the published schema says against a document, which may come from a later version; '' for nothing. */
export function publishedComplaint(name: DocumentName, document: unknown): string {
  const validate = validators.get(name) ?? ajv.compile(readSchema(name))
  validators.set(name, validate)
  return validate(document) ? '' : `${name}: ${ajv.errorsText(validate.errors?.slice(0, 10))}`
}

/**
 * The same of a document that this version made, which has no field and no word but those that the schema has; '' for
 * nothing.
 */
export function complaint(name: DocumentName, document: unknown): string {
  const strict = DOCUMENTS[name].safeParse(document)
  if (!strict.success) return `${name}: ${JSON.stringify(strict.error.issues.slice(0, 10))}`
  return publishedComplaint(name, document)
}
