import {readFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {type InstructionForm, listForms} from './forms.ts'
import type {NativeResult} from './native-run.ts'
import {definedPart, digestOf} from './state.ts'

/** States of each form that the committed table speaks of. */
export const TABLE_STATES = 8
export const tablePath = join(dirname(fileURLToPath(import.meta.url)), '../../test/emulate/instruction-results.txt')

export interface TableRow {
  readonly form: InstructionForm
  readonly code: Uint8Array
  /** Of the states after it. */
  readonly digest: string
}

/** A line for each form, in the order of `listForms`: the code, and the digest of the states that a processor left. */
export function formatResults(results: readonly NativeResult[]): string {
  const lines = results.map(({form, code, after}) => {
    const digest = digestOf(after.map(state => definedPart(form, state)))
    return `${Buffer.from(code).toString('hex')} ${digest}\n`
  })
  return lines.join('')
}

export function readResults(): TableRow[] {
  const lines = readFileSync(tablePath, 'utf8').trimEnd().split('\n')
  const forms = listForms()
  if (lines.length !== forms.length) {
    throw new Error(
      `${tablePath} has ${lines.length} lines for ${forms.length} forms: npx tsx scripts/instruction-results.ts`,
    )
  }
  return forms.map((form, index) => {
    const [code = '', digest = ''] = (lines[index] as string).split(' ')
    return {form, code: Uint8Array.from(Buffer.from(code, 'hex')), digest}
  })
}
