// The pages over a store and their JSON: what is there, who may change it, and what hostile requests and names get.
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {request as httpRequest} from 'node:http'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test, {type ExecutionContext} from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {parsePageQuery} from '../../src/commands/triage/signature-query.ts'
import type {BatchLine} from '../../src/report/core-report.ts'
import {serveSite} from '../../src/triage/site/http-server.ts'
import {type SiteResponse, StoreSite} from '../../src/triage/site/store-site.ts'
import {CrashStore} from '../../src/triage/store/crash-store.ts'
import {batchLine, signatureOf} from '../support/batch-line.ts'
import {complaint} from '../support/documents.ts'
import {runCommand} from '../support/run-command.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-site-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))
const A = 'aaaa0000aaaa0000'
const HOSTILE = '"><script>alert(1)</script>\u001b[2J\u202e'
let made = 0

async function siteOf(t: ExecutionContext, lines: readonly BatchLine[], token?: string): Promise<StoreSite> {
  made++
  const store = await CrashStore.open(join(directory, `${made}.db`), 'write')
  t.teardown(() => store.close())
  for (const line of lines) await store.add(line)
  return siteOver(store, token)
}

function siteOver(store: CrashStore, token?: string): StoreSite {
  const now = () => '2026-11-27T12:00:00.000Z'
  const parseQuery = (query: URLSearchParams) => parsePageQuery(query, Date.parse(now()))
  return new StoreSite({store, tool: {name: 'gotrace-core', version: '0'}, token, author: 'me', now, parseQuery})
}

function get(site: StoreSite, address: string): Promise<SiteResponse> {
  const [path = '', query = ''] = address.split('?')
  return site.answer({method: 'GET', path, query: new URLSearchParams(query), body: ''})
}

const post = (site: StoreSite, path: string, body: string): Promise<SiteResponse> =>
  site.answer({method: 'POST', path, query: new URLSearchParams(), body})

test('the list and a signature are pages, and JSON of the published shapes', async t => {
  const site = await siteOf(t, [batchLine('k1'), batchLine('k2', {signature: signatureOf('bbbb0000bbbb0000')})])
  const page = await get(site, '/')
  t.deepEqual([page.status, page.type], [200, 'text/html; charset=utf-8'])
  t.true(page.body.includes(`href="/signatures/${A}"`))
  const list = JSON.parse((await get(site, '/api/signatures?family=WORK&state=new&days=2')).body)
  t.is(complaint('triage-list', list), '')
  t.deepEqual([list.matched, list.signatures[0].trend.length], [2, 2])
  t.is(JSON.parse((await get(site, '/api/signatures?state=known&family=')).body).matched, 0)
  t.is((await get(site, '/signatures/aaaa')).status, 200)
  t.is(complaint('triage-show', JSON.parse((await get(site, '/api/signatures/aaaa')).body)), '')
})

test('what is not there or not understood says so', async t => {
  const site = await siteOf(t, [batchLine('k1')])
  const cases = [
    '/nothing',
    '/signatures',
    '/signatures/ffff',
    '/signatures/aaaa/x',
    '/reports/k1',
    '/api',
    '//evil',
    '/reports/..%2fx',
  ]
  for (const path of cases) t.is((await get(site, path)).status, 404, path)
  for (const path of ['/signatures/%ff', '/?since=never', '/?state=odd', '/?days=9999'])
    t.is((await get(site, path)).status, 400, path)
  t.is(JSON.parse((await get(site, '/api/signatures?since=never')).body).error.code, 'bad-argument')
  const {status} = await site.answer({method: 'DELETE', path: '/', query: new URLSearchParams(), body: ''})
  t.is(status, 405)
})

test('nothing is marked without leave, and with it by the page alone', async t => {
  const locked = await siteOf(t, [batchLine('k1')])
  t.is((await post(locked, `/signatures/${A}/mark`, 'token=&state=known')).status, 403)
  t.false((await get(locked, `/signatures/${A}`)).body.includes('<form'))
  const site = await siteOf(t, [batchLine('k1')], 'secret')
  t.true((await get(site, `/signatures/${A}`)).body.includes('value="secret"'))
  for (const token of ['', 'secre', 'secrets']) {
    t.is((await post(site, `/signatures/${A}/mark`, `token=${token}&state=known`)).status, 403)
  }
  t.is((await post(site, `/signatures/${A}/mark`, 'token=secret&state=fixed')).status, 400)
  t.is((await post(site, `/signatures/${A}/mark`, 'token=secret&state=known&build=v1')).status, 400)
  t.like(await post(site, '/signatures/aaaa/mark', 'token=secret&state=fixed&build=v9&note=BUG-1'), {
    status: 303,
    location: `/signatures/${A}`,
  })
  const shown = JSON.parse((await get(site, `/api/signatures/${A}`)).body)
  t.like(shown.history[0], {state: 'fixed', build: 'v9', note: 'BUG-1', author: 'me'})
  const marked = await post(site, `/api/signatures/${A}/mark`, JSON.stringify({token: 'secret', state: 'known'}))
  t.is(JSON.parse(marked.body).signature.state, 'known')
  t.is((await post(site, `/api/signatures/${A}/mark`, 'no json')).status, 400)
})

test('names out of a store are no markup', async t => {
  const crash = {...(batchLine('k').crash as NonNullable<BatchLine['crash']>), message: HOSTILE}
  const frame = {
    kind: 'go',
    function: HOSTILE,
    file: HOSTILE,
    line: 1,
    inlined: false,
    module: HOSTILE,
    moduleOffset: null,
  }
  const line = batchLine('k', {
    path: HOSTILE,
    crash,
    executable: {path: HOSTILE, buildId: HOSTILE},
    labels: {[HOSTILE]: HOSTILE},
    frames: [frame] as BatchLine['frames'],
    report: HOSTILE,
    signature: {...signatureOf(A), family: HOSTILE, frames: [HOSTILE]} as BatchLine['signature'],
  })
  const site = await siteOf(t, [line], HOSTILE)
  for (const {body} of [
    await get(site, '/'),
    await get(site, `/?program=${encodeURIComponent(HOSTILE)}`),
    await get(site, `/signatures/${A}`),
    await get(site, `/signatures/${encodeURIComponent(HOSTILE)}`),
  ]) {
    t.false(body.includes('<script>alert') || body.includes('\u001b') || body.includes('\u202e'), body)
  }
})

test('a report is shown as the page that analyze makes of it', async t => {
  const {core, sysroot} = await openFixture('gopanic-nil-go1.24')
  const reports = join(directory, 'reports')
  const {stdout} = runCommand(['batch', core, '--sysroot', sysroot, '--reports', reports])
  const line: BatchLine = JSON.parse(stdout)
  const site = await siteOf(t, [line])
  const page = await get(site, `/reports/${line.key}`)
  t.is(page.status, 200)
  t.true(page.body.includes('panic') && page.body.includes('goroutine 1'))
  t.is(complaint('analyze', JSON.parse((await get(site, `/api/reports/${line.key}`)).body)), '')
  const other = join(directory, 'passwd')
  writeFileSync(other, '{}')
  const foreign = await siteOf(t, [batchLine('k1', {report: other})])
  t.is((await get(foreign, '/reports/k1')).status, 404, 'no file but that of the key')
})

/** The status of an answer to a request with such headers. */
function ask(
  url: string,
  headers: Readonly<Record<string, string>>,
  method = 'GET',
  body = '',
): Promise<number | undefined> {
  return new Promise((done, failed) => {
    const request = httpRequest(url, {method, headers}, response => {
      response.resume()
      done(response.statusCode)
    })
    request.once('error', failed).end(body)
  })
}

test('another site in the same browser gets nothing', async t => {
  const server = await serveSite(await siteOf(t, [batchLine('k1')], 'secret'), {host: '127.0.0.1', port: 0})
  t.teardown(() => server.close())
  const {port} = new URL(server.url)
  t.is(await ask(server.url, {}), 200)
  t.is(await ask(server.url, {Host: `localhost:${port}`}), 200)
  t.is(await ask(server.url, {Host: `evil.example:${port}`}), 403)
  const mark = `${server.url}signatures/${A}/mark`
  t.is(await ask(mark, {Origin: 'http://evil.example'}, 'POST', 'token=secret&state=known'), 403)
  t.is(await ask(mark, {Origin: `http://127.0.0.1:${port}`}, 'POST', 'token=secret&state=known'), 303)
  t.is(await ask(mark, {}, 'POST', 'x'.repeat(100_000)), 403)
  const taken = await t.throwsAsync(serveSite(await siteOf(t, []), {host: '127.0.0.1', port: Number(port)}))
  t.regex(taken?.message ?? '', /address already in use/)
})

test('lines, labels and reports that are damaged are told as far as they go', async t => {
  const report = join(directory, 'k1.json')
  writeFileSync(report, '{"schemaVersion": "1"')
  const path = join(directory, 'damaged.db')
  const store = await CrashStore.open(path, 'write')
  t.teardown(() => store.close())
  await store.add(batchLine('k1', {report}))
  const site = siteOver(store)
  const broken = await get(site, '/reports/k1')
  t.is(broken.status, 400)
  t.regex(broken.body, /no report, or a damaged one/)
  const {stack} = JSON.parse((await get(site, `/api/signatures/${A}`)).body)
  t.deepEqual(stack, [])
  for (const line of [
    '{"frames": [null, 7, {"kind": 3}], "report"',
    '{"frames": [null, 7, {"kind": 3}]}',
    '[]',
    'null',
  ]) {
    await store.all('UPDATE core SET line = ?, labels = ?', line, line)
    const {status, body} = await get(site, `/api/signatures/${A}`)
    t.is(status, 200, body)
    t.is(complaint('triage-show', JSON.parse(body)), '')
  }
  await store.add(batchLine('k1'))
})
