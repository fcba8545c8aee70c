// The store of `batch` and the commands on it, as a user runs them: two runs at once, a run that is killed, hostile
// names, exit codes.
import {spawn} from 'node:child_process'
import {mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import test, {type ExecutionContext} from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import type {BatchLine, DiffReport, TriageList, TriageMark, TriageShow} from '../../src/report/core-report.ts'
import {CrashStore} from '../../src/triage/store/crash-store.ts'
import {batchLine, signatureOf} from '../support/batch-line.ts'
import {complaint, type DocumentName} from '../support/documents.ts'
import {runCommand, runShell} from '../support/run-command.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-triage-cli-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))
const entry = join(dirname(fileURLToPath(import.meta.url)), '../../bin/run.cjs')
const A = 'aaaa0000aaaa0000'

function answer<T>(t: ExecutionContext, schema: DocumentName, args: readonly string[], exitCode = 0): T {
  const {stdout, stderr, exitCode: ended} = runCommand([...args, '--json'])
  t.deepEqual([stderr, ended], ['', exitCode])
  const value = JSON.parse(stdout)
  t.is(complaint(schema, value), '')
  return value
}

const list = (t: ExecutionContext, store: string): TriageList =>
  answer(t, 'triage-list', ['triage', 'list', '--store', store])

test('a core goes into the store with its build, its labels and its whole report, and once alone', async t => {
  const {core, sysroot, compressedCore} = await openFixture('cfault-segv-go1.27')
  const [store, reports] = [join(directory, 'one.db'), join(directory, 'reports')]
  const more = ['--sysroot', sysroot, '--store', store, '--reports', reports, '--label', 'host=a b']
  const {stdout, stderr, exitCode} = runCommand(['batch', core, compressedCore, ...more, '--jobs', '1'])
  t.deepEqual([stderr, exitCode], ['', 0])
  const [line, packed] = stdout
    .trimEnd()
    .split('\n')
    .map(text => JSON.parse(text) as BatchLine)
  t.is(complaint('batch', line), '')
  t.deepEqual(line?.labels, {host: 'a b'})
  t.regex(line?.key ?? '', /^[0-9a-f]{32}$/)
  t.is(packed?.key, line?.key, 'packed or not')
  t.is(line?.build?.main, 'gotrace.example/cfault')
  t.true(line?.frames.some(({function: name, line: number}) => name === 'store_value' && number === 27))
  t.deepEqual(readdirSync(reports), [`${line?.key}.json`])
  const report = JSON.parse(readFileSync(line?.report ?? '', 'utf8'))
  t.is(complaint('analyze', report), '')
  t.is(report.signature.exact, line?.signature?.exact)
  const {store: held, signatures} = list(t, store)
  t.like(held, {cores: 1, errors: 0, signatures: 1})
  t.like(signatures[0], {exact: line?.signature?.exact, count: 1, state: 'new'})
  const prefix = line?.signature?.exact?.slice(0, 5) ?? ''
  const shown = answer<TriageShow>(t, 'triage-show', ['triage', 'show', prefix, '--store', store])
  t.deepEqual(shown.labels, [{key: 'host', value: 'a b', count: 1}])
  t.deepEqual(shown.stack, line?.frames)
  const again = runCommand(['batch', core, '--store', store, '--resume'])
  t.deepEqual([again.stdout, again.exitCode], ['', 0])
})

/** Files that are no cores: each has a line that says so, in no time. */
function folderOfTexts(name: string, count: number): string[] {
  const folder = join(directory, name)
  mkdirSync(folder)
  return Array.from({length: count}, (_, index) => {
    const path = join(folder, `core.${index}`)
    writeFileSync(path, `no core ${index}\n`)
    return path
  })
}

test('two runs at once write to one store that neither had made, and nothing is lost', t => {
  const store = join(directory, 'two.db')
  const [one, other] = [folderOfTexts('one', 15), folderOfTexts('other', 15)]
  const run = (paths: readonly string[]) => `$RUN batch ${paths.join(' ')} --store ${store} --jobs 1 >/dev/null`
  const {stderr} = runShell(`${run(one)} & ${run(other)} & wait`)
  t.is(stderr, '')
  t.like(list(t, store).store, {cores: 0, errors: 30})
})

test('of a run that is killed all is there that had a line but the last, and the next one takes up the rest', async t => {
  const store = join(directory, 'killed.db')
  const paths = folderOfTexts('killed', 30)
  const child = spawn(process.execPath, [entry, 'batch', ...paths, '--store', store, '--jobs', '1'])
  let lines = 0
  await new Promise<void>(done => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      lines += text.split('\n').length - 1
      if (lines >= 5) child.kill('SIGKILL')
    })
    child.once('close', () => done())
  })
  const {errors} = list(t, store).store
  t.true(errors >= lines && errors <= 30, `${errors} in the store, ${lines} lines`)
  runCommand(['batch', ...paths, '--store', store, '--resume', '--quiet'])
  t.is(list(t, store).store.errors, 30)
})

async function storeOf(name: string, lines: readonly BatchLine[]): Promise<string> {
  const path = join(directory, name)
  const store = await CrashStore.open(path, 'write', () => '2026-11-27T12:00:00.000Z')
  for (const line of lines) await store.add(line)
  await store.close()
  return path
}

test('a mark has its say in the list, and a pipeline its exit code', async t => {
  const version = (text: string) => ({main: 'm', version: text, revision: null, time: null, modified: null})
  const lines = ['v1.0.0', 'v1.1.0'].map(text => batchLine(text, {build: version(text)}))
  const store = await storeOf('marks.db', lines)
  const listed = ['triage', 'list', '--store', store]
  t.is(runCommand([...listed, '--fail-on', 'new']).exitCode, 4)
  t.is(runCommand([...listed, '--fail-on', 'regressed,fixed']).exitCode, 0)
  const marked = (...flags: string[]) =>
    answer<TriageMark>(t, 'triage-mark', ['triage', 'mark', 'aaaa', '--store', store, '--author', 'me', ...flags])
  t.like(marked('--fixed-in', 'v1.1.1'), {exact: A, state: 'fixed'})
  t.is(runCommand([...listed, '--fail-on', 'new,regressed']).exitCode, 0)
  t.like(marked('--fixed-in', 'v1.0.1', '--note', 'BUG-7'), {state: 'regressed', mark: {author: 'me', note: 'BUG-7'}})
  t.is(runCommand([...listed, '--fail-on', 'new,regressed']).exitCode, 4)
  t.is(runCommand([...listed, '--fail-on', 'new,regressed', '--limit', '0']).exitCode, 4, 'whatever is shown')
  const {signature, history, builds} = answer<TriageShow>(t, 'triage-show', ['triage', 'show', A, '--store', store])
  t.deepEqual(signature.regression, {build: 'v1.1.0', proof: 'version', first: '2026-11-20T10:00:00.000Z'})
  t.is(history.length, 2)
  t.deepEqual(
    builds.map(({name, sinceFix}) => [name, sinceFix]),
    [
      ['v1.0.0', null],
      ['v1.1.0', 'version'],
    ],
  )
  const wrong = runCommand([...listed, '--fail-on', 'newer'])
  t.deepEqual([wrong.exitCode, wrong.stderr.split('\n')[0]], [2, 'gotrace-core: --fail-on newer: no such word'])
})

test('names out of a store obey no terminal and forge no line; a spreadsheet takes no formula', async t => {
  const hostile = '=cmd|x!A1\u001b[2J\n[forged]\u202e'
  const crash = {...(batchLine('k').crash as NonNullable<BatchLine['crash']>), message: hostile}
  const frames = [
    {kind: 'go', function: hostile, file: hostile, line: 1, inlined: false, module: hostile, moduleOffset: null},
  ]
  const store = await storeOf('hostile.db', [
    batchLine('k', {
      path: `/crash/${hostile}`,
      crash,
      signature: {...signatureOf(A), family: hostile, frames: [hostile]} as BatchLine['signature'],
      executable: {path: hostile, buildId: hostile},
      frames: frames as BatchLine['frames'],
      labels: {[hostile]: hostile},
    }),
  ])
  runCommand(['triage', 'mark', A, '--store', store, '--fixed-in', hostile, '--note', hostile, '--author', hostile])
  for (const args of [
    ['list', '--store', store],
    ['show', A, '--store', store],
    ['mark', A, '--store', store, '--known', '--note', hostile],
    ['diff', '--store', store, '--with', store],
  ]) {
    const {stdout} = runCommand(['triage', ...args])
    t.false(stdout.includes('\u001b') || stdout.includes('\u202e') || stdout.includes('\n[forged]'), stdout)
  }
  const {stdout} = runCommand(['triage', 'export', '--store', store, '--format', 'csv'])
  t.true(stdout.includes('"\'=cmd|x!A1\\x1b[2J\n[forged]\\u202e"'), stdout)
  t.false(/(^|,)"?=cmd/m.test(stdout), stdout)
})

test('an export has the lines of batch, which diff of triage agrees with', async t => {
  const lines = [batchLine('k1'), batchLine('k2', {signature: signatureOf('bbbb0000bbbb0000')})]
  const store = await storeOf('export.db', lines)
  const {stdout} = runCommand(['triage', 'export', '--store', store])
  t.deepEqual(
    stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line)),
    lines,
  )
  const signatures = runCommand(['triage', 'export', '--store', store, '--signatures']).stdout.trimEnd().split('\n')
  t.is(signatures.length, 2)
  const other = await storeOf('other.db', [batchLine('k1'), batchLine('k3')])
  const diff = ['triage', 'diff', '--store', other, '--with', store]
  const {signatures: changes} = answer<DiffReport>(t, 'diff', diff)
  t.deepEqual(
    changes?.map(({change, exact}) => `${change} ${exact}`),
    ['grown aaaa0000aaaa0000', 'gone bbbb0000bbbb0000'],
  )
  t.is(runCommand([...diff, '--fail-on', 'grown']).exitCode, 4)
  t.is(runCommand([...diff, '--fail-on', 'new']).exitCode, 0)
})

test('with --redact neither store nor report has what is left out of the line', async t => {
  const {core, sysroot} = await openFixture('gopanic-nil-go1.24')
  const [store, reports] = [join(directory, 'redacted.db'), join(directory, 'redacted')]
  const {stdout} = runCommand(['batch', core, '--sysroot', sysroot, '--store', store, '--reports', reports, '--redact'])
  const line: BatchLine = JSON.parse(stdout)
  const report = JSON.parse(readFileSync(join(reports, readdirSync(reports)[0] ?? ''), 'utf8'))
  t.deepEqual([report.core.arguments, line.redacted], [[], true])
  t.true(statSync(store).size > 0)
  t.is(runCommand(['triage', 'export', '--store', store]).stdout, stdout)
})
