// `diff`: a core against what the dying runtime printed, and against texts, profiles and lines of batch made of it.
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {gunzipSync} from 'node:zlib'
import test, {type ExecutionContext} from 'ava'
import {type Fixture, openFixture} from '../../lab/fixtures.ts'
import type {DiffReport} from '../../src/report/core-report.ts'
import {batchLine, signatureOf} from '../support/batch-line.ts'
import {complaint} from '../support/documents.ts'
import {runCommand} from '../support/run-command.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-diff-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

const placesOf = ({executable, sysroot}: Fixture): string[] => ['-e', executable, '--sysroot', sysroot]

function diff(t: ExecutionContext, args: readonly string[], exitCode = 0): DiffReport {
  const run = runCommand(['diff', ...args, '--json', '--quiet'])
  t.deepEqual([run.stderr, run.exitCode], ['', exitCode])
  const report: DiffReport = JSON.parse(run.stdout)
  t.is(complaint('diff', report), '')
  return report
}

/** Of each change how many, and the innermost function. */
const brief = ({goroutines}: DiffReport): string[] | undefined =>
  goroutines?.map(({change, before, after, frames}) => `${change} ${before} ${after} ${frames[0]?.function}`)

for (const name of ['blocked-quit-go1.15', 'blocked-quit-go1.25-nosymbols', 'callback-deep-go1.24']) {
  test(`${name}: core and the runtime's own text hold the same goroutines`, async t => {
    const fixture = await openFixture(name)
    const report = diff(t, [fixture.core, fileOf(`${name}.txt`, fixture.stderr), ...placesOf(fixture)])
    t.deepEqual([report.before.kind, report.after.kind, report.by], ['core', 'traceback', 'line'])
    t.is(report.before.count, report.after.count)
    t.true(report.before.count > 1)
    t.deepEqual(
      brief(report)?.filter(line => !line.startsWith('same')),
      [],
    )
  })
}

test('a goroutine more, one less, and one that waits elsewhere are told', async t => {
  const fixture = await openFixture('blocked-quit-go1.25-nosymbols')
  const blocks = fixture.stderr.split(/\n\n(?=goroutine )/)
  const at = (text: string) => blocks.findIndex(block => block.includes(text))
  const [taken, changed] = [at('[select (no cases)'), at('[chan receive')]
  t.true(taken > 0 && changed > 0)
  const more = blocks.map((block, index) =>
    index === changed ? block.replaceAll(/main\.go:\d+/g, 'main.go:9999') : block,
  )
  const added = 'goroutine 999 [IO wait]:\nmain.added()\n\t/x/main.go:1 +0x1\nruntime.goexit({})\n\t/x.s:1 +0x1'
  const text = [added, ...more.filter((_, index) => index !== taken)].join('\n\n')
  const args = [fixture.core, fileOf('changed.txt', text), ...placesOf(fixture)]
  const report = diff(t, [...args, '--fail-on', 'gone'], 4)
  const changes = report.goroutines?.filter(({change}) => change !== 'same') ?? []
  t.deepEqual(changes.map(({change}) => change).sort(), ['gone', 'gone', 'new', 'new'])
  t.deepEqual(
    changes
      .filter(({change}) => change === 'new')
      .map(({frames}) => frames.some(({line}) => line === 9999 || line === 1)),
    [true, true],
  )
  diff(t, [...args, '--fail-on', 'grown,shrunk'])
})

test('a profile of a core holds the stacks of the core, packed or not', async t => {
  const fixture = await openFixture('blocked-quit-go1.15')
  const profile = join(directory, 'p.pb.gz')
  runCommand(['goroutines', fixture.core, ...placesOf(fixture), '--format', 'pprof', '-o', profile])
  const unpacked = fileOf('p.pb', gunzipSync(readFileSync(profile)))
  t.deepEqual(
    brief(diff(t, [profile, unpacked]))?.filter(line => !line.startsWith('same')),
    [],
  )
  const report = diff(t, [profile, fixture.core, ...placesOf(fixture)])
  t.is(report.before.kind, 'profile')
  t.deepEqual(
    brief(report)?.filter(line => !line.startsWith('same')),
    [],
  )
})

test('two builds are compared by function', async t => {
  const [one, other] = [await openFixture('callback-deep-go1.24'), await openFixture('callback-deep-go1.27')]
  const sysroots = ['--sysroot', one.sysroot, '--sysroot', other.sysroot]
  const report = diff(t, [one.core, other.core, '-e', one.executable, '-e', other.executable, ...sysroots])
  t.is(report.by, 'function')
  t.true(brief(report)?.some(line => line.startsWith('same')))
})

test('lines of batch are compared by signature, and with nothing else', t => {
  const lines = (name: string, ...keys: string[]) =>
    fileOf(
      name,
      keys.map(key => `${JSON.stringify(batchLine(key, {signature: signatureOf(key.slice(0, 1))}))}\n`).join(''),
    )
  const [monday, tuesday] = [lines('monday', 'a1', 'a2', 'b1'), lines('tuesday', 'a1', 'c1')]
  const {by, signatures} = diff(t, [monday, tuesday])
  t.is(by, 'signature')
  t.deepEqual(
    signatures?.map(({change, before, after, exact}) => `${change} ${before} ${after} ${exact}`),
    ['new 0 1 c', 'shrunk 2 1 a', 'gone 1 0 b'],
  )
  const text = fileOf('text', 'goroutine 1 [running]:\nmain.main()\n\t/main.go:1\n')
  const mixed = runCommand(['diff', monday, text])
  t.deepEqual([mixed.stdout, mixed.exitCode], ['', 2])
  t.is(mixed.stderr.split('\n')[0], `gotrace-core: ${monday} holds signatures, ${text} goroutines`)
  const nothing = runCommand(['diff', fileOf('nothing', 'hello\n'), text])
  t.deepEqual(
    [nothing.exitCode, nothing.stderr.split('\n')[0]],
    [2, `gotrace-core: ${join(directory, 'nothing')}: nothing that can be compared`],
  )
})
