import test from 'ava'
import {fixtureNames} from '../../lab/fixtures.ts'
import {askAll} from './answers.ts'
import {RULES} from './rules.ts'

/** The committed crashes, in parts that are tested side by side; the last has what no other has. */
const GROUPS = {
  blocked: /^(archived|blocked|busy)-/,
  crossings: /^crossings-/,
  deaths: /^deaths-/,
  others: /^(?!(archived|blocked|busy|crossings|deaths)-)/,
} as const

/** One question has one answer, whichever command is asked, and in whichever form. */
export function testAgreement(group: keyof typeof GROUPS): void {
  for (const name of fixtureNames(GROUPS[group])) {
    test(`${name}: all commands give one answer`, async t => {
      const answers = await askAll(name)
      const contradictions = Object.entries(RULES).flatMap(([rule, find]) =>
        Array.from(find(answers), line => `${rule}: ${line}`),
      )
      t.deepEqual(contradictions, [])
    })
  }
}
