// Cores through a queue in Debian's PostgreSQL: workers that are killed, a database that restarts or is full, the same
// cores put in by two batches at once. However it goes, each core ends with exactly one result.
import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {after, before, test} from 'node:test'
import {setTimeout as sleep} from 'node:timers/promises'
import {gzipSync} from 'node:zlib'
import {openFixture} from '../../lab/fixtures.ts'
import {PostgresServer} from '../../lab/postgres-server.ts'
import {S3Server} from '../../lab/s3-server.ts'
import type {TriageDead, TriageList, TriageShow} from '../../src/report/core-report.ts'
import {serveBytes, startHttpStub} from '../support/http-stub.ts'
import {runCommand} from '../support/run-command.ts'
import {StartedCommand} from '../support/started-command.ts'

const NAMES = [
  'blocked-fault-go1.15',
  'callback-deep-go1.27',
  'cfault-segv-go1.27',
  'gopanic-nil-go1.24',
  'busy-all-fault-go1.27',
  'archived-fault-go1.27',
  'stuck-cross-go1.27',
]
const ROOM = 24 * 1024 * 1024
const SILENT = ['--silent-after', '3']

const directory = mkdtempSync(join(tmpdir(), 'gotrace-fleet-'))
const cores = join(directory, 'cores')
const copies = join(directory, 'copies')
const sysroots: string[] = []
let server: PostgresServer
/** What a batch without a queue says of the same cores. */
let expected: string[] = []

before(async () => {
  mkdirSync(cores)
  mkdirSync(copies)
  for (const name of NAMES) {
    const {core, sysroot} = await openFixture(name)
    execFileSync('cp', ['--sparse=always', core, join(cores, name)])
    execFileSync('cp', ['--sparse=always', core, join(copies, `copy of ${name}`)])
    sysroots.push('--sysroot', sysroot)
  }
  writeFileSync(join(copies, 'packed.gz'), gzipSync(readFileSync(join(cores, NAMES[1] ?? '')), {level: 1}))
  writeFileSync(join(copies, 'core.broken'), readFileSync(join(cores, NAMES[0] ?? '')).subarray(0, 100))
  const {stdout} = runCommand(['batch', cores, ...sysroots, '--quiet'])
  expected = resultsOf(stdout.trimEnd().split('\n'))
  assert.equal(expected.length, NAMES.length)
  server = await PostgresServer.start(ROOM)
})

after(() => {
  server?.close()
  rmSync(directory, {recursive: true, force: true})
})

function resultsOf(lines: readonly string[]): string[] {
  return lines
    .map(text => JSON.parse(text))
    .map(({key, signature, error}) => `${key} ${signature?.exact ?? error?.code}`)
    .sort()
}

function deadLetters(...flags: string[]): TriageDead {
  const {stdout, stderr, exitCode} = runCommand(['triage', 'dead', '--queue', server.url, '--json', ...flags])
  assert.equal(exitCode, 0, stderr)
  return JSON.parse(stdout)
}

function emptyDatabase(): void {
  server.sql('DROP SCHEMA IF EXISTS gotrace_core CASCADE; DROP SCHEMA IF EXISTS gotrace_queue CASCADE')
}

/** What is in the store: the key and the signature of each core; and what is left in the queue. */
function assertWhole(others: readonly string[] = []): void {
  const lines = runCommand(['triage', 'export', '--store', server.url]).stdout.trimEnd().split('\n')
  assert.deepEqual(resultsOf(lines), [...expected, ...others].sort())
  assert.equal(server.sql('SELECT state, cores FROM gotrace_core.queue'), '')
  assert.equal(server.sql('SELECT * FROM gotrace_core.lease'), '')
  assert.equal(server.sql('SELECT * FROM gotrace_core.workers'), '')
}

const worker = (...flags: string[]): StartedCommand =>
  new StartedCommand(['worker', '--queue', server.url, '--jobs', '1', ...sysroots, ...SILENT, ...flags])
const put = (...args: string[]): StartedCommand => new StartedCommand(['batch', ...args, '--queue', server.url])

async function until(what: string, isSo: () => boolean | Promise<boolean>, seconds = 120): Promise<void> {
  const end = Date.now() + seconds * 1000
  while (!(await isSo())) {
    assert.ok(Date.now() < end, `not within ${seconds} s: ${what}`)
    await sleep(50)
  }
}

/** While the database restarts it answers nobody. */
function ask(sql: string): string | undefined {
  try {
    return server.sql(sql)
  } catch {
    return undefined
  }
}

test('a store in PostgreSQL and one in a file give the same answers', () => {
  emptyDatabase()
  const file = join(directory, 'file.db')
  for (const store of [file, server.url]) {
    const args = ['batch', cores, ...sysroots, '--store', store, '--label', 'site=a', '--quiet']
    assert.equal(runCommand(args).exitCode, 0)
    const [signature = ''] = expected[0]?.split(' ').slice(1) ?? []
    const mark = ['triage', 'mark', signature, '--store', store, '--known', '--note', "it's known", '--author', 'me']
    assert.equal(runCommand(mark).exitCode, 0)
    for (const text of [`SELECT 1; --`, "'; DROP TABLE core; --"]) {
      assert.equal(runCommand(['triage', 'show', text, '--store', store]).exitCode, 1)
    }
  }
  const told = (store: string, ...args: string[]): string =>
    runCommand(['triage', ...args, '--store', store, '--json'])
      .stdout.replaceAll(store, 'STORE')
      .replace(/"durationMs":\d+|"time": ?"20[^"]*"/g, '')
  const [, signature = ''] = expected[0]?.split(' ') ?? []
  for (const args of [['list'], ['list', '--label', 'site=a', '--state', 'known'], ['show', signature]]) {
    assert.equal(told(server.url, ...args), told(file, ...args), args.join(' '))
  }
  const diff = runCommand(['diff', server.url, file, '--fail-on', 'new,gone,grown,shrunk'])
  assert.equal(diff.exitCode, 0, diff.stdout + diff.stderr)
})

test('who comes first makes the tables, and those who come at the same moment wait', async () => {
  for (let round = 0; round < 5; round++) {
    emptyDatabase()
    const all = [put(cores), put(cores), worker('--until-empty', '--drain', '0'), put(copies)]
    const [first, second, , third] = await Promise.all(all.map(({ended}) => ended))
    assert.deepEqual([first, second, third], [0, 0, 0], all.map(({stderr}) => stderr).join(''))
    assert.equal(await all[2]?.ended, 0, all[2]?.stderr)
  }
})

test('two batches at once, copies, a worker killed in mid-core, a database that restarts', async () => {
  emptyDatabase()
  const batches = [put(cores, copies), put(copies, cores)]
  assert.deepEqual(
    await Promise.all(batches.map(({ended}) => ended)),
    [0, 0],
    batches.map(({stderr}) => stderr).join(''),
  )
  const queued = batches.map(({stderr}) => Number(/(\d+) queued/.exec(stderr)?.[1]))
  // Each process once, and what is packed or no core by its file.
  assert.equal((queued[0] ?? 0) + (queued[1] ?? 0), NAMES.length + 2)

  const [first, second] = [worker(), worker()]
  await until('both have a core', () => server.sql('SELECT count(DISTINCT worker) FROM gotrace_core.lease') === '2')
  first.process.kill('SIGKILL')
  assert.equal(await first.ended, 'SIGKILL')
  server.restart('immediate')
  await until('the killed worker is missed', () => ask('SELECT count(*) FROM gotrace_core.workers') === '1')
  server.restart('fast')
  const third = worker('--until-empty')
  assert.equal(await third.ended, 0, third.stderr)
  second.process.kill('SIGTERM')
  assert.equal(await second.ended, 0, second.stderr)
  assert.match(second.stderr, /trying again[\s\S]*answers again/)
  const broken = runCommand(['batch', join(copies, 'core.broken'), '--quiet']).stdout
  const {error} = JSON.parse(broken)
  const [key] = server.sql("SELECT key FROM gotrace_core.core WHERE path LIKE '%broken'").split('\n')
  assertWhole([`${key} ${error.code}`])

  const again = put(cores, copies)
  assert.equal(await again.ended, 0)
  assert.match(again.stderr, new RegExp(`0 queued, ${NAMES.length * 2 + 2} known`))
})

test('a core whose worker dies at the last attempt has a result that says so; one that was only silent is no harm', async () => {
  emptyDatabase()
  const [one = '', two = ''] = NAMES.map(name => join(cores, name))
  const hasCore = (): boolean => server.sql('SELECT count(*) FROM gotrace_core.lease') === '1'
  assert.equal(await put(one, '--attempts', '1').ended, 0)
  const killed = worker()
  await until('it has the core', hasCore)
  killed.process.kill('SIGKILL')
  assert.equal(await worker('--until-empty').ended, 0)
  const told = 'SELECT path, error, attempt FROM gotrace_core.core'
  assert.equal(server.sql(told), `${one}|analysis-died|1`)
  assert.equal(server.sql('SELECT path, code FROM gotrace_core.dead_letters'), `${one}|analysis-died`)
  assert.equal(await put(one, '--again').ended, 0)
  assert.equal(await worker('--until-empty').ended, 0)
  assert.equal(server.sql(told), `${one}||1`)

  assert.equal(await put(two).ended, 0)
  const silent = worker()
  await until('it has the core', hasCore)
  silent.process.kill('SIGSTOP')
  assert.equal(await worker('--until-empty').ended, 0)
  assert.equal(server.sql(`${told} WHERE path = '${two}'`), `${two}||2`)
  silent.process.kill('SIGCONT')
  silent.process.kill('SIGTERM')
  assert.equal(await silent.ended, 0, silent.stderr)
  assert.equal(server.sql('SELECT count(*), count(error) FROM gotrace_core.core'), '2|0')
  assert.equal(server.sql('SELECT count(*) FROM gotrace_core.queue'), '0')
})

test('a full database is waited for; nothing is lost and nothing is there twice', async () => {
  emptyDatabase()
  assert.equal(await put(cores).ended, 0)
  server.sql(
    "CREATE TABLE IF NOT EXISTS public.filler AS SELECT string_agg(md5(random()::text), '') AS text FROM generate_series(1, 3)",
  )
  for (let rows = 4096; rows >= 1; ) {
    const sql = `INSERT INTO public.filler SELECT repeat(md5(random()::text), 60) FROM generate_series(1, ${rows})`
    if (ask(sql) === undefined) rows /= 4
  }
  const busy = worker()
  await until('the worker meets the full disk', () => /No space left on device/.test(busy.stderr))
  assert.equal(busy.process.exitCode, null)
  server.sql('DROP TABLE public.filler')
  // A later recovery would fill the disk again.
  server.sql('CHECKPOINT')
  const other = worker('--until-empty')
  assert.equal(await other.ended, 0, other.stderr)
  busy.process.kill('SIGTERM')
  assert.equal(await busy.ended, 0, busy.stderr)
  assertWhole()
})

test('a batch waits or refuses where the queue is full, and higher priorities come first', async () => {
  emptyDatabase()
  const [one = '', two = '', three = '', four = ''] = NAMES.map(name => join(cores, name))
  const refused = put(one, two, three, '--queue-depth', '2', '--queue-full', 'refuse')
  assert.equal(await refused.ended, 1)
  assert.match(refused.stderr, /2 cores wait already/)
  assert.equal(server.sql('SELECT cores FROM gotrace_core.queue'), '2')
  const waiting = put(three, '--queue-depth', '2')
  await until('it waits', () => waiting.stderr.includes('going on when there is room'))
  assert.equal(await put(four, '--priority', '5').ended, 0)
  assert.equal(server.sql('SELECT cores FROM gotrace_core.queue'), '3')
  const busy = worker()
  assert.equal(await waiting.ended, 0)
  await until('all are done', () => server.sql('SELECT sum(cores) FROM gotrace_core.queue') === '')
  busy.process.kill('SIGINT')
  assert.equal(await busy.ended, 0)
  const order = server.sql('SELECT path FROM gotrace_core.core ORDER BY rowid').split('\n')
  assert.deepEqual([...order].sort(), [one, two, three, four].sort())
  assert.equal(order[0], four)
})

test('a worker that is told to end gives back what it has not done, and tells how it is', async () => {
  emptyDatabase()
  assert.equal(await put(cores).ended, 0)
  const early = worker('--drain', '0')
  await until('it takes cores, which no process has begun', () => /: worker \S+: 1 at a time/.test(early.stderr))
  early.process.kill('SIGTERM')
  assert.equal(await early.ended, 0, early.stderr)
  const states = 'SELECT DISTINCT state, retry_count FROM gotrace_queue.job'
  assert.equal(server.sql(states), 'created|0')
  const busy = worker('--metrics-port', '0', '--drain', '0')
  const told = (): string | undefined => /metrics at (http:\S+)metrics\n/.exec(busy.stderr)?.[1]
  await until('it tells where it listens', () => told() !== undefined)
  const text = async (name: string): Promise<string> => (await fetch(new URL(name, told()))).text()
  assert.equal(await text('healthz'), 'ok\n')
  await until('it has a core', async () => /^gotrace_core_worker_busy 1$/m.test(await text('metrics')))
  assert.equal(await text('readyz'), 'ok\n')
  await until('the queue tells of it', async () => /_queue_cores\{state="active"\} 1$/m.test(await text('metrics')))
  busy.process.kill('SIGTERM')
  assert.equal(await busy.ended, 0)
  assert.equal(server.sql("SELECT count(*) FROM gotrace_queue.job WHERE state = 'active'"), '0')
  assert.equal(server.sql('SELECT max(retry_count) FROM gotrace_queue.job'), '0')
  const other = worker('--until-empty')
  assert.equal(await other.ended, 0, other.stderr)
  assertWhole()
})

test('what cannot be fetched is a dead letter after the last attempt, and is tried again when it is asked for', async () => {
  emptyDatabase()
  const name = NAMES[2] ?? ''
  const bytes = readFileSync(join(cores, name))
  let isUp = true
  const stub = await startHttpStub((request, response) => {
    if (isUp) serveBytes(request, response, bytes)
    else response.writeHead(503).end()
  })
  try {
    const address = `${stub.url.replace('//', '//me:secret@')}/core?token=secret`
    assert.equal(await put(address, '--attempts', '1').ended, 0)
    isUp = false
    assert.equal(await worker('--until-empty').ended, 0)
    assert.equal(server.sql('SELECT code, attempts FROM gotrace_core.dead_letters'), 'unreachable|1')
    assert.equal(server.sql("SELECT count(*) FROM gotrace_core.core WHERE line LIKE '%secret%'"), '0')
    assert.match(await put(address).ended.then(() => server.sql('SELECT state FROM gotrace_core.queue')), /failed/)
    const dead = deadLetters()
    assert.deepEqual([dead.total, dead.retried, dead.letters[0]?.code], [1, null, 'unreachable'])
    assert.equal(JSON.stringify(dead).includes('secret'), false)
    assert.equal(runCommand(['triage', 'dead', '--queue', server.url, '--retry', 'other']).exitCode, 1)
    const {key} = dead.letters[0] ?? {}
    assert.deepEqual(deadLetters('--retry', key?.slice(0, 12) ?? ''), {...dead, total: 0, retried: 1, letters: []})
    assert.equal(await worker('--until-empty').ended, 0)
    assert.equal(deadLetters().letters[0]?.attempts, 1)
    isUp = true
    assert.equal(deadLetters('--retry-all').retried, 1)
    assert.equal(await worker('--until-empty').ended, 0)
    assert.equal(server.sql('SELECT count(*) FROM gotrace_core.dead_letters'), '0')
    const lines = runCommand(['triage', 'export', '--store', server.url]).stdout.trimEnd().split('\n')
    assert.deepEqual(
      resultsOf(lines),
      expected.filter(each => lines[0]?.includes(each.split(' ')[0] ?? '')),
    )
  } finally {
    stub.close()
  }
})

test('cores in a bucket, with executables and debug files from a symbol store beside them', async () => {
  emptyDatabase()
  const bucket = await S3Server.start()
  const env = bucket.environment
  try {
    const {core, sysroot} = await openFixture('cfault-segv-go1.27')
    const [plain, packed] = ['/crashes/host 1/core+1', '/crashes/host 1/core.gz']
    bucket.objects.set(plain, readFileSync(core))
    bucket.objects.set(packed, gzipSync(readFileSync(core), {level: 1}))
    const push = new StartedCommand(
      ['symbols', 'push', core, '--symbols', 's3://symbols/store', '--sysroot', sysroot],
      env,
    )
    assert.equal(await push.ended, 0, push.stderr)
    const refused = new StartedCommand(['batch', `s3:/${plain}`, '--queue', server.url], {
      ...env,
      AWS_SECRET_ACCESS_KEY: 'x',
    })
    assert.equal(await refused.ended, 1, 'a wrong key')
    const batch = new StartedCommand(['batch', `s3:/${plain}`, `s3:/${packed}`, '--queue', server.url], env)
    assert.equal(await batch.ended, 0, batch.stderr)
    const args = ['worker', '--queue', server.url, '--until-empty', '--symbols', 's3://symbols/store', '--jobs', '1']
    const home = mkdtempSync(join(directory, 'home-'))
    const work = new StartedCommand(args, {...env, HOME: home, XDG_CACHE_HOME: join(home, 'cache')})
    assert.equal(await work.ended, 0, work.stderr)
    const lines = runCommand(['triage', 'export', '--store', server.url]).stdout.trimEnd().split('\n')
    // Two objects, one process, one result: the same as with the files at hand.
    assert.deepEqual(
      resultsOf(lines),
      expected.filter(each => each.startsWith(JSON.parse(lines[0] ?? '').key)),
    )
    assert.equal(server.sql('SELECT count(*) FROM gotrace_core.place'), '2')
  } finally {
    bucket.close()
  }
})

/** What Grafana puts in for its macros and variables (Grafana, "PostgreSQL data source", "Macros"). */
function asGrafana(sql: string): string {
  return sql
    .replace(/\$__timeFilter\(([\w.]+)\)/g, "$1 BETWEEN '2000-01-01T00:00:00Z' AND '2100-01-01T00:00:00Z'")
    .replace(/\$__timeGroupAlias\(([\w.]+), \$__interval\)/g, 'floor(extract(epoch from $1)/3600)*3600 AS "time"')
    .replace(/\$\{program:sqlstring\}/g, "'cfault', 'callback'")
}

test('every panel of the dashboard is answered, for a user who may read the views alone, whatever cores say', async () => {
  emptyDatabase()
  assert.equal(await put(cores, join(copies, 'core.broken'), '--label', 'site=a').ended, 0)
  assert.equal(await worker('--until-empty').ended, 0)
  const hostile = `INSERT INTO gotrace_core.build (identity, program, revision_time) VALUES ('x', 'x', '2026-99-99T99:99');
    INSERT INTO gotrace_core.core (key, path, attempt, time, added, exact, build, labels, line)
    SELECT 'odd', '', 1, '+012345-01-01T00:00:00.000Z', added, exact, currval('gotrace_core.build_id_seq'), '{}', '{}'
    FROM gotrace_core.core WHERE exact IS NOT NULL LIMIT 1`
  server.sql(hostile)
  const views = 'crashes, signatures, crashes_per_day, crash_builds, failures, workers, queue, dead_letters'
  server.sql(`DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA gotrace_core TO reader;
    SET search_path = gotrace_core; GRANT SELECT ON ${views} TO reader`)
  const reader = (sql: string): string => server.sql(sql, 'reader')
  for (const view of views.split(', ')) reader(`SELECT * FROM gotrace_core.${view}`)
  assert.throws(() => reader('SELECT * FROM gotrace_queue.job'), /permission denied/)
  assert.throws(() => reader('SELECT * FROM gotrace_core.core'), /permission denied/)
  const dashboard = JSON.parse(readFileSync(new URL('../../docs/grafana-dashboard.json', import.meta.url), 'utf8'))
  const answers: [string, string][] = []
  for (const {title, targets} of dashboard.panels) {
    for (const {rawSql} of targets) answers.push([title, reader(asGrafana(rawSql))])
  }
  assert.ok(answers.length > 10)
  const empty = answers.filter(([, answer]) => answer === '').map(([title]) => title)
  assert.deepEqual(empty, ['Dead letters', 'Workers'])
  const programs = reader(dashboard.templating.list[0].query).split('\n')
  assert.ok(programs.includes('cfault'), programs.join())
})

test('pages over a store in PostgreSQL, and marks', async () => {
  const serve = new StartedCommand(['serve', '--store', server.url, '--port', '0', '--writable'])
  await until('it listens', () => serve.stdout.includes('\n'))
  const url = serve.stdout.trim()
  const asJson = async <Shape>(address: string): Promise<Shape> => (await fetch(`${url}${address}`)).json() as Shape
  const {signatures} = await asJson<TriageList>('api/signatures')
  const crashed = expected.map(each => each.split(' ')[1]).filter(exact => exact !== 'undefined')
  assert.equal(signatures.length, new Set(crashed).size)
  const exact = signatures[0]?.exact
  const page = await (await fetch(`${url}signatures/${exact}`)).text()
  const token = /name="token" value="([^"]+)"/.exec(page)?.[1] ?? ''
  const body = new URLSearchParams({token, state: 'fixed', build: 'v1'})
  assert.equal((await fetch(`${url}signatures/${exact}/mark`, {method: 'POST', body})).status, 200)
  server.restart('immediate')
  const {history} = await asJson<TriageShow>(`api/signatures/${exact}`)
  assert.deepEqual(
    history.map(({build}) => build),
    ['v1'],
  )
  serve.process.kill('SIGTERM')
  assert.equal(await serve.ended, 0)
})
