import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test, {type ExecutionContext} from 'ava'
import {fixtureNames} from '../../lab/fixtures.ts'
import {WorkingCopy} from '../../lab/fuzz/working-copy.ts'
import {type Answers, askAll, askAllOf} from './answers.ts'
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
    test(`${name}: all commands give one answer`, async t => check(t, await askAll(name)))
  }
}

/** The same where the program's file is gone. */
export function testAgreementWithoutProgram(names: readonly string[]): void {
  for (const name of names) {
    test(`${name}, its program hidden: all commands give one answer`, async t => {
      const directory = mkdtempSync(join(tmpdir(), 'gotrace-hidden-'))
      try {
        const {files, sysroot} = await WorkingCopy.create(name, 'hidden', directory)
        check(t, await askAllOf(files.get('core') as string, {exe: undefined, sysroots: [sysroot]}))
      } finally {
        rmSync(directory, {recursive: true, force: true})
      }
    })
  }
}

function check(t: ExecutionContext, answers: Answers): void {
  const contradictions = Object.entries(RULES).flatMap(([rule, find]) =>
    Array.from(find(answers), line => `${rule}: ${line}`),
  )
  t.deepEqual(contradictions, [])
}
