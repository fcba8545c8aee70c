// The words that scripts match on: what the documentation says of them is what the program knows.
import {readFileSync} from 'node:fs'
import test from 'ava'
import {DIAGNOSTIC_CODES} from '../../src/base/diagnostics.ts'
import {ERROR_CODES} from '../../src/base/errors.ts'
import {
  CHANGES,
  FOUND_BY,
  MARK_STATES,
  MISSING_REASONS,
  REGRESSION_PROOFS,
  SIGNATURE_STATES,
  STOP_REASONS,
  VARIABLE_STATES,
} from '../../src/report/vocabulary.ts'

const document = readFileSync(new URL('../../docs/json-schema.md', import.meta.url), 'utf8')

/** The table below a heading, as it is written there. */
function tableBelow(heading: string): string {
  const [, section = ''] = document.split(`\n${heading}\n`)
  const rows = section.split(/\n#/, 1)[0]?.match(/^\|.*\|$/gm) ?? []
  return rows.slice(2).join('\n')
}

function table(meanings: Readonly<Record<string, string>>): string {
  return Object.entries(meanings)
    .map(([word, meaning]) => `| \`${word}\` | ${meaning} |`)
    .join('\n')
}

for (const [heading, meanings] of [
  ['### `diagnostics[].code`', DIAGNOSTIC_CODES],
  ['### `error.code`', ERROR_CODES],
  ['### `foundBy`', FOUND_BY],
  ['### `stop`', STOP_REASONS],
  ['### `missing[].reason`', MISSING_REASONS],
  ['### `variables[].state`', VARIABLE_STATES],
  ['### `signatures[].state`', SIGNATURE_STATES],
  ['### `mark.state`', MARK_STATES],
  ['### `regression.proof`', REGRESSION_PROOFS],
  ['### `change`', CHANGES],
] as const) {
  test(`docs/json-schema.md says below "${heading}" what the program means`, t => {
    t.is(tableBelow(heading), table(meanings), `the table should be:\n${table(meanings)}`)
  })
}

test('codes of diagnostics are in the order of the alphabet, so that a new one has one place', t => {
  const codes = Object.keys(DIAGNOSTIC_CODES)
  t.deepEqual(codes, [...codes].sort())
})
