import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {type Analysed, analyse} from '../support/incomplete-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-release-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

/** A copy of a file in which every mention of a release is another of the same length. */
function rename(path: string, from: string, to: string): string {
  const bytes = readFileSync(path)
  const wanted = Buffer.from(from)
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) bytes.write(to, at, 'latin1')
  const copy = join(mkdtempSync(join(directory, 'copy-')), 'file')
  writeFileSync(copy, bytes)
  return copy
}

async function analyseAs(name: string, disguise: (release: string) => string): Promise<Analysed> {
  const fixture = await openFixture(name)
  const release = /go1\.[0-9.]+/.exec(fixture.meta.go)?.[0] as string
  const core = rename(fixture.core, release, disguise(release))
  const executable = rename(fixture.executable, release, disguise(release))
  return analyse(fixture, {core, executable})
}

const future = (release: string) => release.replace(/\.2\d/, '.31')
const nonsense = (release: string) => 'z'.repeat(release.length)

function answer({goroutines, report}: Analysed): unknown {
  return {goroutines, crash: report.crash}
}

test('a release newer than every table is read by the layouts that its DWARF declares', async t => {
  const changed = await analyseAs('cfault-segv-go1.27', future)
  t.deepEqual(answer(changed), answer(await analyse(await openFixture('cfault-segv-go1.27'))))
  t.is(changed.report.go.layoutSource, 'dwarf')
  t.regex(changed.report.go.version ?? '', /^go1\.31/)
})

test('a release newer than every table, without DWARF, is read by the nearest table, and the report says so', async t => {
  const name = 'cfault-segv-go1.27-pie-nosymbols'
  const changed = await analyseAs(name, future)
  t.deepEqual(answer(changed), answer(await analyse(await openFixture(name))))
  t.is(changed.report.go.layoutSource, 'table')
  t.true(changed.diagnostics.list().some(({code}) => code === 'go-version-unsupported'))
})

for (const name of ['cfault-segv-go1.27', 'cfault-segv-go1.27-pie-nosymbols', 'blocked-panic-go1.25-nosymbols']) {
  test(`${name}: a version that names no release changes nothing but a diagnostic`, async t => {
    const changed = await analyseAs(name, nonsense)
    t.deepEqual(answer(changed), answer(await analyse(await openFixture(name))))
    t.true(changed.diagnostics.list().some(({code}) => code === 'go-version-unknown'))
  })
}
