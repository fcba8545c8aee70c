// The store of batch: what counts once, how signatures stand, and files that are none, are damaged or of a later
// release. Each test has a real database in a folder of its own.
import {copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test, {type ExecutionContext} from 'ava'
import {InputError} from '../../src/base/errors.ts'
import type {BatchLine} from '../../src/report/core-report.ts'
import {diffSignatures, signaturesOfLines, signaturesOfStore} from '../../src/triage/comparison/signature-diff.ts'
import {compareVersions} from '../../src/triage/store/builds.ts'
import {CrashStore, type NewMark} from '../../src/triage/store/crash-store.ts'
import {findSignature, showSignature} from '../../src/triage/store/signature-details.ts'
import {describeStore, EVERYTHING, listSignatures, type SignatureQuery} from '../../src/triage/store/signature-list.ts'
import {openDatabase} from '../../src/triage/store/sqlite.ts'
import {batchLine, failedLine, signatureOf} from '../support/batch-line.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-store-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

let made = 0
const NOW = '2026-11-27T12:00:00.000Z'
const A = 'aaaa0000aaaa0000'
const B = 'aaaa1111bbbb1111'

function newPath(): string {
  made++
  return join(directory, `${made}.db`)
}

async function storeWith(t: ExecutionContext, lines: readonly BatchLine[]): Promise<CrashStore> {
  const store = await CrashStore.open(newPath(), 'write', () => NOW)
  t.teardown(() => store.close())
  for (const line of lines) await store.add(line)
  return store
}

async function gather<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = []
  for await (const item of items) list.push(item)
  return list
}

const list = async (store: CrashStore, query: Partial<SignatureQuery> = {}) =>
  (await listSignatures(store, {...EVERYTHING, days: 3, now: NOW, ...query})).signatures

const day = (number: number): string => `2026-11-${number}T10:00:00.000Z`

const built = (build: Partial<NonNullable<BatchLine['build']>>, buildId: string | null = null): Partial<BatchLine> => ({
  build: {main: 'example.com/server', version: null, revision: null, time: null, modified: false, ...build},
  executable: {path: '/usr/bin/server', buildId},
})

const fixedIn = (build: string, buildTime: string | null = null): NewMark => ({
  exact: A,
  state: 'fixed',
  build,
  buildTime,
  note: null,
  author: 'me',
})

test('a core counts once, wherever its copies lie; the first time that was seen of it stays', async t => {
  const store = await storeWith(t, [
    batchLine('k1', {mtime: day(20)}),
    batchLine('k1', {mtime: day(25), path: '/copy/of/it'}),
    batchLine('k2', {mtime: day(22)}),
  ])
  t.like(await describeStore(store), {cores: 2, errors: 0, signatures: 1, first: day(20), last: day(22)})
  t.like((await list(store))[0], {exact: A, count: 2, first: day(20), last: day(22)})
})

test('what a later run does not say of a core stays: its labels and its report', async t => {
  const store = await storeWith(t, [
    batchLine('k1', {labels: {host: 'a', pod: 'x'}, report: '/reports/k1.json'}),
    batchLine('k1', {labels: {pod: 'y'}, path: '/copy'}),
  ])
  const {labels, cores} = await showSignature(store, A, {days: 0, now: NOW})
  t.deepEqual(
    labels.map(({key, value}) => `${key}=${value}`),
    ['host=a', 'pod=y'],
  )
  t.like(cores[0], {path: '/copy', report: '/reports/k1.json'})
})

test('a core that could be analysed at last is no failure any more, and none of what it was before', async t => {
  const store = await storeWith(t, [failedLine('/crash/k1'), failedLine('/crash/other'), batchLine('k1')])
  t.like(await describeStore(store), {cores: 1, errors: 1})
  await store.add(failedLine('/crash/k1'))
  t.like(await describeStore(store), {cores: 1, errors: 1}, 'a later run may have had less time')
})

test('every file that was analysed is known to a later run, copies of one core too', async t => {
  const copies = [batchLine('k1'), batchLine('k1', {path: '/copy', mtime: day(25)}), failedLine('/failed')]
  const nowhere = {...failedLine('/nowhere'), size: null, mtime: null}
  const store = await storeWith(t, [...copies, nowhere, nowhere])
  t.deepEqual(
    (await gather(store.lines())).map(({path, mtime, error}) => [path, mtime, error?.code ?? null]),
    [
      ['/crash/k1', day(20), null],
      ['/copy', day(25), null],
      ['/failed', day(20), 'timeout'],
      ['/nowhere', null, 'timeout'],
    ],
  )
})

test('a core analysed again under other rules moves to its new signature', async t => {
  const store = await storeWith(t, [batchLine('k1'), batchLine('k1', {signature: signatureOf(B)})])
  t.deepEqual(
    (await list(store)).map(({exact, count}) => [exact, count]),
    [[B, 1]],
  )
})

test('what had not crashed is counted and listed nowhere', async t => {
  const store = await storeWith(t, [
    batchLine('k1', {signature: {...signatureOf(A), exact: null, family: null} as never}),
  ])
  t.like(await describeStore(store), {cores: 1, notCrashed: 1, signatures: 0})
  t.deepEqual(await list(store), [])
})

test('signatures are filtered by time, program, family, label and state, and sorted', async t => {
  const store = await storeWith(t, [
    batchLine('k1', {mtime: day(20), labels: {pod: 'a'}}),
    batchLine('k2', {mtime: day(26), labels: {pod: 'b"}'}}),
    batchLine('k3', {mtime: day(26), signature: signatureOf(B), executable: {path: '/opt/worker', buildId: null}}),
  ])
  const names = async (query: Partial<SignatureQuery>) =>
    (await list(store, query)).map(({exact, count}) => `${exact[4]}${count}`)
  t.deepEqual(await names({}), ['02', '11'])
  t.deepEqual(await names({sort: 'first'}), ['11', '02'])
  t.deepEqual(await names({newSince: day(21)}), ['11'])
  t.deepEqual(await names({since: day(21)}), ['01', '11'])
  t.deepEqual(await names({until: day(26)}), ['01'])
  t.deepEqual(await names({program: 'worker'}), ['11'])
  t.deepEqual(await names({program: '/usr/bin/server'}), ['02'])
  t.deepEqual(await names({program: 'ser'}), [])
  t.deepEqual(await names({family: 'MAIN.WORK'}), ['02', '11'])
  t.deepEqual(await names({labels: [{key: 'pod', value: 'b"}'}]}), ['01'])
  t.deepEqual(await names({states: ['known']}), [])
  t.is((await listSignatures(store, {...EVERYTHING, days: 0, now: NOW, limit: 1})).matched, 2)
})

test('the trend has a number for each day, the last one today', async t => {
  const store = await storeWith(t, [
    batchLine('k1', {mtime: '2026-11-27T00:00:00.000Z'}),
    batchLine('k2', {mtime: '2026-11-25T23:59:59.999Z'}),
    batchLine('k3', {mtime: day(20)}),
  ])
  t.deepEqual((await list(store))[0]?.trend, [
    {day: '2026-11-25', count: 1},
    {day: '2026-11-26', count: 0},
    {day: '2026-11-27', count: 1},
  ])
})

/** How a signature stands that was marked so, of which each line is a sighting. */
async function standing(t: ExecutionContext, mark: NewMark, lines: readonly Partial<BatchLine>[]): Promise<string> {
  const store = await storeWith(
    t,
    lines.map((line, index) => batchLine(`k${index}`, line)),
  )
  await store.mark(mark)
  const signature = (await list(store)).find(({exact}) => exact === A)
  return [signature?.state, signature?.regression?.build, signature?.regression?.proof].filter(Boolean).join(' ')
}

test('regressed is what is seen in the build that was to have it mended', async t => {
  t.is(await standing(t, fixedIn('v1.2.0'), [built({version: 'v1.2.0'})]), 'regressed v1.2.0 same-build')
  t.is(
    await standing(t, fixedIn('abcdef'), [built({revision: 'abcdef0123456789'})]),
    'regressed abcdef012345 same-build',
  )
  t.is(await standing(t, fixedIn('0123abcd'), [built({}, '0123abcdef')]), 'regressed 0123abcdef same-build')
})

test('regressed is what is seen in a build with a younger commit, whenever its core was written', async t => {
  const fixed = batchLine('fixed', {
    ...built({revision: 'f1f1f1f1', time: '2026-11-10T00:00:00Z'}),
    signature: signatureOf(B),
  })
  const younger = built({revision: 'e2e2e2e2', time: '2026-11-11T00:00:00+00:00'})
  const older = built({revision: 'd3d3d3d3', time: '2026-11-09T00:00:00Z'})
  t.is(await standing(t, fixedIn('f1f1'), [fixed, {...younger, mtime: day(1)}]), 'regressed e2e2e2e2 vcs-time')
  t.is(await standing(t, fixedIn('f1f1'), [fixed, {...older, mtime: day(27)}]), 'fixed')
  t.is(await standing(t, fixedIn('unseen', '2026-11-10T00:00:00Z'), [younger, older]), 'regressed e2e2e2e2 vcs-time')
})

test('without commits the versions of one module tell', async t => {
  const versions = (...all: string[]) => all.map(version => built({version}))
  t.is(await standing(t, fixedIn('v1.9.0'), versions('v1.8.3', 'v1.10.0')), 'regressed v1.10.0 version')
  t.is(await standing(t, fixedIn('v1.9.0'), versions('v1.9.0-rc.1', 'v1.8.0')), 'fixed')
  const other = {...built({version: 'v9.0.0'}), build: {...built({version: 'v9.0.0'}).build, main: 'example.com/other'}}
  const seen = batchLine('s', {...built({version: 'v1.9.0'}), signature: signatureOf(B), mtime: day(28)})
  t.is(
    await standing(t, fixedIn('v1.9.0'), [seen, other as Partial<BatchLine>]),
    'fixed',
    'of another module nothing tells',
  )
})

test('where neither tells, the order counts in which builds were seen', async t => {
  const fixed = batchLine('fixed', {...built({}, 'f1f1f1f1'), signature: signatureOf(B), mtime: day(22)})
  t.is(
    await standing(t, fixedIn('f1f1f1f1'), [fixed, {...built({}, 'e2e2'), mtime: day(23)}]),
    'regressed e2e2 first-seen',
  )
  t.is(await standing(t, fixedIn('f1f1f1f1'), [fixed, {...built({}, 'e2e2'), mtime: day(21)}]), 'fixed')
  t.is(
    await standing(t, fixedIn('never-seen'), [{...built({}, 'e2e2'), mtime: '2026-11-28T00:00:00.000Z'}]),
    'regressed e2e2 first-seen',
  )
  t.is(await standing(t, fixedIn('never-seen'), [{...built({}, 'e2e2'), mtime: day(26)}]), 'fixed')
})

test('versions compare as semver.org has it', t => {
  const order = ['1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta.2', '1.0.0-beta.11', '1.0.0', 'v1.0.1']
  for (let at = 1; at < order.length; at++) {
    t.true((compareVersions(order[at] ?? '', order[at - 1] ?? '') ?? 0) > 0, order[at])
    t.true((compareVersions(order[at - 1] ?? '', order[at] ?? '') ?? 0) < 0, order[at])
  }
  t.is(compareVersions('v1.0.0+meta', '1.0.0'), 0)
  t.is(compareVersions('(devel)', '1.0.0'), undefined)
})

test('what was said stays, the last word counts, and it can be taken back', async t => {
  const store = await storeWith(t, [batchLine('k1', {report: '/reports/k1.json', labels: {host: 'a'}})])
  const said = {exact: A, build: null, buildTime: null, author: 'me'}
  await store.mark({...said, state: 'known', note: 'BUG-1'})
  t.is((await list(store))[0]?.state, 'known')
  await store.mark({...said, state: 'wont-fix', note: null})
  await store.mark({...said, state: 'new', note: null})
  t.is((await list(store))[0]?.state, 'new')
  const {history, labels, cores} = await showSignature(store, A, {days: 0, now: NOW})
  t.deepEqual(
    history.map(({state, note}) => [state, note]),
    [
      ['known', 'BUG-1'],
      ['wont-fix', null],
      ['new', null],
    ],
  )
  t.deepEqual(labels, [{key: 'host', value: 'a', count: 1}])
  t.deepEqual(cores, [{path: '/crash/k1', key: 'k1', time: day(20), report: '/reports/k1.json'}])
})

test('signatures that are alike are named with how they stand', async t => {
  const store = await storeWith(t, [batchLine('k1'), batchLine('k2', {signature: signatureOf(B)})])
  await store.mark({exact: B, state: 'known', build: null, buildTime: null, note: null, author: null})
  t.deepEqual((await showSignature(store, A, {days: 0, now: NOW})).similar, [
    {exact: B, similarity: 1, state: 'known', count: 1},
  ])
})

test('a signature is found by its beginning; several are named', async t => {
  const store = await storeWith(t, [batchLine('k1'), batchLine('k2', {signature: signatureOf(B)})])
  t.is(await findSignature(store, 'aaaa1'), B)
  t.like(await t.throwsAsync(() => findSignature(store, 'aaaa')), {
    code: 'bad-argument',
    message: `aaaa is the beginning of several: ${A}, ${B}`,
  })
  for (const none of ['b', '', 'aaaa%', "'"])
    t.like(await t.throwsAsync(() => findSignature(store, none)), {code: 'not-found'})
})

test('two stores, or a store and lines, are compared by signature', async t => {
  const C = 'cccc0000cccc0000'
  const before = [batchLine('k1'), batchLine('k2'), batchLine('k3', {signature: signatureOf(B)})]
  const after = [batchLine('k4'), batchLine('k5', {signature: signatureOf(C)}), batchLine('k6')]
  const sets = [
    await signaturesOfStore(await storeWith(t, before), {since: undefined, until: undefined, now: NOW}),
    signaturesOfLines('lines', [...after, batchLine('k6')]),
  ] as const
  t.deepEqual(
    sets.map(({compared}) => [compared.kind, compared.count]),
    [
      ['store', 3],
      ['lines', 3],
    ],
  )
  t.deepEqual(
    diffSignatures(...sets).map(each => [each.change, each.before, each.after, each.exact]),
    [
      ['new', 0, 1, C],
      ['gone', 1, 0, B],
      ['same', 2, 2, A],
    ],
  )
})

async function refusal(t: ExecutionContext, path: string, access: 'read' | 'write'): Promise<string> {
  const open = async () => (await CrashStore.open(path, access)).close()
  const error = await t.throwsAsync(open, {instanceOf: InputError})
  t.truthy(error?.hint)
  return `${error?.code} ${error?.message.replace(path, 'PATH')}`
}

test('a file that is no store is refused, and not touched', async t => {
  const foreign = newPath()
  const database = openDatabase(foreign)
  database.exec('CREATE TABLE t (a)')
  database.close()
  const text = newPath()
  writeFileSync(text, '{"schemaVersion":"1"}\n')
  for (const path of [foreign, text]) {
    const content = readFileSync(path)
    for (const access of ['read', 'write'] as const) {
      t.is(await refusal(t, path, access), 'bad-argument PATH: holds something else than a store')
    }
    t.deepEqual(readFileSync(path), content)
  }
  const missing = newPath()
  t.is(await refusal(t, missing, 'read'), 'not-found PATH: no such store')
  t.false(existsSync(missing))
  t.is(await refusal(t, directory, 'write'), 'unreadable PATH: a directory, not a regular file')
  t.is(await refusal(t, join(directory, 'no/folder'), 'write'), 'not-writable PATH: the store cannot be opened')
})

test('an empty file becomes a store where one is to be written', async t => {
  const path = newPath()
  writeFileSync(path, '')
  t.is(await refusal(t, path, 'read'), 'bad-argument PATH: holds something else than a store')
  await (await CrashStore.open(path, 'write')).close()
  await (await CrashStore.open(path, 'read')).close()
})

test('a store of a later release is refused', async t => {
  const path = newPath()
  await (await CrashStore.open(path, 'write')).close()
  const database = openDatabase(path)
  database.exec('PRAGMA user_version = 2')
  database.close()
  t.is(await refusal(t, path, 'write'), 'unsupported PATH: a store of version 2; this program knows version 1')
})

test('a damaged store is told as such', async t => {
  const path = newPath()
  const store = await CrashStore.open(path, 'write')
  for (let index = 0; index < 200; index++) await store.add(batchLine(`k${index}`))
  await store.close()
  const cut = newPath()
  copyFileSync(path, cut)
  truncateSync(cut, 20_000)
  const error = await t.throwsAsync(
    async () => {
      const damaged = await CrashStore.open(cut, 'read')
      try {
        await list(damaged)
      } finally {
        await damaged.close()
      }
    },
    {instanceOf: InputError},
  )
  t.is(error?.code, 'format')
  t.regex(error?.message ?? '', /: a damaged store: /)
})

test('one that is read is not changed', async t => {
  const path = newPath()
  await (await CrashStore.open(path, 'write')).close()
  const store = await CrashStore.open(path, 'read')
  t.teardown(() => store.close())
  t.like(await t.throwsAsync(store.add(batchLine('k1'))), {code: 'not-writable'})
})

test('texts of a damaged store that are no UTF-8 are read as far as they go', async t => {
  const store = await storeWith(t, [batchLine('k1')])
  await store.all("UPDATE core SET line = CAST(x'7bff22' AS TEXT), path = CAST(x'2ff8' AS TEXT) RETURNING key")
  t.is((await showSignature(store, A, {...EVERYTHING, now: NOW, days: 1})).cores[0]?.path, '/\ufffd')
})
