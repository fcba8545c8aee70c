import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {compile} from 'json-schema-to-typescript'

/** The types of the library: of the report by its schema, of the options by their source. */
export async function libraryTypes(root, schema) {
  const report = await compile({...schema, title: 'Report'}, 'Report', {
    additionalProperties: false,
    bannerComment: '',
    style: {printWidth: 120, semi: false, singleQuote: true},
  })
  // Known words, and any other that a later version adds.
  const open = report
    .replaceAll(/(?<=\| )string$/gm, '(string & {})')
    .replaceAll(/'(\s*)\| string\b/g, "'$1| (string & {})")
  const options = readFileSync(join(root, 'src', 'library-options.ts'), 'utf8')
  return `${open}
${options.slice(options.indexOf('/**'))}
/**
 * The report of a core, as \`gotrace-core analyze --json\` prints it.
 * @throws GotraceError where there can be no report
 */
export declare function analyze(core: string, options?: AnalyzeOptions): Promise<Report>

/** Why there is no report; docs/json-schema.md lists the codes. */
export declare class GotraceError extends Error {
  readonly code: string
  /** The next command or step to try. */
  readonly hint?: string
}
`
}
