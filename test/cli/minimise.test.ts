// Every command answers from a minimal core as from the whole one; a redacted one has the same stacks and no texts.
import {existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {type Fixture, openFixture} from '../../lab/fixtures.ts'
import {asSigned} from '../../src/analysis/signature/signature.ts'
import {runCommand} from '../support/run-command.ts'

const folder = mkdtempSync(join(tmpdir(), 'gotrace-minimise-'))
test.after.always(() => rmSync(folder, {recursive: true, force: true}))

const QUESTIONS = [
  ['analyze', '--json'],
  ['analyze', '--values'],
  ['threads', '--json'],
  ['info', '--json'],
]

const files = ({executable, sysroot}: Fixture): string[] => ['-e', executable, '--sysroot', sysroot]

/** What a command says of a core, wherever that lies. */
function ask(question: readonly string[], core: string, fixture: Fixture): string {
  const {stdout, stderr, exitCode} = runCommand([...question, core, ...files(fixture)])
  return `${exitCode}\n${stdout}${stderr}`.replaceAll(core, 'CORE')
}

const CASES = [
  {name: 'callback-deep-go1.27', questions: QUESTIONS},
  {name: 'blocked-fault-go1.19-nosymbols', questions: [['analyze', '--json']]},
]

for (const {name, questions} of CASES) {
  test(`a minimal core of ${name} answers as the whole one`, async t => {
    const fixture = await openFixture(name)
    const small = join(folder, `${name}.small`)
    const {stderr, exitCode} = runCommand(['minimise', fixture.core, ...files(fixture), '-o', small, '--quiet'])
    t.is(exitCode, 0, stderr)
    t.true(statSync(small).size < statSync(fixture.core).size / 40)
    for (const question of questions) t.is(ask(question, small, fixture), ask(question, fixture.core, fixture))
  })
}

test('a redacted core has the stacks of the whole one, and none of its texts', async t => {
  const fixture = await openFixture('callback-deep-go1.27')
  const [small, clean, secrets] = ['small', 'clean', 'secrets'].map(name => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const text = 'GOTRACEBACK=crash'
  writeFileSync(secrets, `${text}\n`)
  const asked = ['minimise', fixture.core, ...files(fixture), '--quiet']
  t.is(runCommand([...asked, '-o', small]).exitCode, 0)
  t.true(readFileSync(small).includes(text), 'the environment is in an ordinary one')
  const refused = runCommand([...asked, '-o', join(folder, 'refused'), '--secrets', secrets])
  t.is(refused.exitCode, 1)
  t.regex(refused.stderr, /line 1 of the list of secrets/)
  t.is(existsSync(join(folder, 'refused')) ? readFileSync(join(folder, 'refused')).length : 0, 0)
  t.is(runCommand([...asked, '-o', clean, '--redact', '--secrets', secrets]).exitCode, 0)
  t.false(readFileSync(clean).includes('GOTRACEBACK='))
  // The dynamic linker's own name of it, by which debuggers find it; NT_FILE has another.
  t.true(readFileSync(clean).includes('\0/lib/x86_64-linux-gnu/libc.so.6\0'))
  for (const question of QUESTIONS.slice(0, 1)) {
    t.is(ask(question, clean, fixture), ask([...question, '--redact'], fixture.core, fixture))
  }
})

test('what a minimal core does not hold is told', async t => {
  const fixture = await openFixture('callback-deep-go1.27')
  const small = join(folder, 'cut-short')
  t.is(runCommand(['minimise', fixture.core, ...files(fixture), '-o', small, '--quiet']).exitCode, 0)
  writeFileSync(small, readFileSync(small).subarray(0, statSync(small).size / 2))
  const {stdout} = runCommand(['analyze', small, '--json', ...files(fixture)])
  const {diagnostics, completeness} = JSON.parse(stdout)
  t.true(diagnostics.some(({code}: {code: string}) => code === 'page-not-kept'))
  t.true(completeness.score < 1)
})

test('a core is not written over a core', async t => {
  const fixture = await openFixture('callback-deep-go1.27')
  const {exitCode, stderr} = runCommand(['minimise', fixture.core, ...files(fixture), '-o', fixture.core])
  t.is(exitCode, 2)
  t.regex(stderr, /would be lost/)
})

test('the signature of a redacted core is that of the whole one, though the text of the panic is gone', async t => {
  const fixture = await openFixture('blocked-panic-go1.27')
  const clean = join(folder, 'clean-panic')
  const asked = ['minimise', fixture.core, ...files(fixture), '--quiet', '--redact', '-o', clean]
  t.is(runCommand(asked).exitCode, 0)
  const [whole, other] = [fixture.core, clean].map(core => {
    const {signature, crash} = JSON.parse(runCommand(['analyze', core, ...files(fixture), '--json']).stdout)
    return {message: crash.message, exact: signature.exact, family: signature.family}
  })
  t.not(other?.message, whole?.message)
  t.deepEqual([other?.exact, other?.family], [whole?.exact, whole?.family])
  const made = {version: '3', exact: 'aaaa', family: 'panic main.main -', frames: ['main.main'], explain: []}
  const kept = asSigned(made, {version: '3', exact: 'bbbb', family: 'panic main.main -'})
  t.deepEqual([kept.exact, kept.explain], ['bbbb', ['signed as the core was before its texts were blanked']])
  const older = asSigned(made, {version: '2', exact: 'bbbb', family: 'panic main.main -'})
  t.is(older.exact, 'aaaa')
  t.regex(older.explain[0] ?? '', /^not the signature that the core had .* rules 2$/)
})
