import {mkdtempSync, rmSync, statSync, truncateSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test, {type ExecutionContext} from 'ava'
import {fixtureNames} from '../../lab/fixtures.ts'
import {type Setting, WorkingCopy} from '../../lab/fuzz/working-copy.ts'
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
    test(`${name}, its program hidden: all commands give one answer`, t => checkCopy(t, name, 'hidden', 1))
  }
}

/** Of a core: what the Go heap and all data need lies before it; the stacks of C lie behind. */
const SHARE = 0.6

/** The same where the end of the core is lost, and the program's file may be gone too. */
export function testAgreementOfCut(names: readonly string[]): void {
  for (const name of names) {
    for (const setting of ['found', 'hidden'] as const) {
      test(`${name}, cut, its program ${setting}: all commands give one answer`, t =>
        checkCopy(t, name, setting, SHARE))
    }
  }
}

async function checkCopy(t: ExecutionContext, name: string, setting: Setting, share: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'gotrace-copy-'))
  try {
    const {files, sysroot} = await WorkingCopy.create(name, setting, directory)
    const core = files.get('core') as string
    truncateSync(core, Math.floor(statSync(core).size * share))
    check(t, await askAllOf(core, {exe: undefined, sysroots: [sysroot]}))
  } finally {
    rmSync(directory, {recursive: true, force: true})
  }
}

function check(t: ExecutionContext, answers: Answers): void {
  const contradictions = Object.entries(RULES).flatMap(([rule, find]) =>
    Array.from(find(answers), line => `${rule}: ${line}`),
  )
  t.deepEqual(contradictions, [])
}
