// The queue without its server: what is a core in it, what a worker does when the database is away, what it tells.
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setImmediate} from 'node:timers/promises'
import {gzipSync} from 'node:zlib'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {InputError} from '../../src/base/errors.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import {renderTriageDead} from '../../src/render/triage-text.ts'
import type {BatchLine} from '../../src/report/core-report.ts'
import {identifyFile} from '../../src/triage/queue/core-identity.ts'
import type {CoreQueue, Outcome, TakenCore} from '../../src/triage/queue/core-queue.ts'
import {readDeadLetters} from '../../src/triage/queue/dead-letters.ts'
import {jobIdOf, parseQueuedCore, type QueuedCore} from '../../src/triage/queue/queued-core.ts'
import {WorkerMetrics} from '../../src/triage/queue/worker-metrics.ts'
import {WorkerRun, type WorkerRunOptions} from '../../src/triage/queue/worker-run.ts'
import {answerWorker} from '../../src/triage/queue/worker-server.ts'
import {isDatabaseUrl, shownUrl} from '../../src/triage/store/postgres.ts'
import {explainPostgres, isPassing} from '../../src/triage/store/postgres-errors.ts'
import {batchLine} from '../support/batch-line.ts'
import {runCommand} from '../support/run-command.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-queue-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

const CORE: QueuedCore = {source: '/crash/1', path: '/crash/1', size: 1, mtime: null, key: 'k1', labels: {}}
const TOOL = {name: 'gotrace-core', version: '0'}

test('the job of a core has an ID that its key alone makes', t => {
  t.is(jobIdOf('a'), 'ca978112-ca1b-8dca-bac2-31b39a23dc4d')
  t.regex(jobIdOf('file:b'), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.not(jobIdOf('a'), jobIdOf('b'))
})

test('what others put into the queue is no core, or one without what is not understood', t => {
  for (const wrong of [null, 1, 'x', [], {}, {source: ''}, {source: 1, key: 'k'}, {source: '/a'}]) {
    t.is(parseQueuedCore(wrong), undefined)
  }
  t.deepEqual(parseQueuedCore({...CORE, size: 'x', mtime: 1, path: 2, labels: {a: 'b', c: 1}, more: true}), {
    ...CORE,
    size: null,
    labels: {a: 'b'},
  })
})

test('a core is known in the queue by what its line has for a key; what is none, by its file', async t => {
  const {core, sysroot} = await openFixture('cfault-segv-go1.27')
  const item = {path: core, size: 1, mtime: null, uncertain: false, attempt: 1, error: undefined}
  const line: BatchLine = JSON.parse(runCommand(['batch', core, '--sysroot', sysroot, '--quiet']).stdout)
  t.is((await identifyFile(item, {}))?.key ?? null, line.key)
  const broken = join(directory, 'broken')
  writeFileSync(broken, '\u007fELF\u0002\u0001\u0001')
  for (const path of [broken, join(directory, 'missing')]) {
    t.regex((await identifyFile({...item, path}, {}))?.key ?? '', /^file:[0-9a-f]{32}$/)
  }
  const log = join(directory, 'log.gz')
  writeFileSync(log, gzipSync('no core\n'.repeat(100)))
  t.is(await identifyFile({...item, path: log, uncertain: true}, {}), null)
  t.truthy(await identifyFile({...item, path: log}, {}), 'one that is named is for the one who analyses it')
  writeFileSync(log, gzipSync('no core').subarray(0, 12))
  t.truthy(await identifyFile({...item, path: log, uncertain: true}, {}))
})

test('dead letters are told in two lines each, whatever they hold; an address that is none is refused', async t => {
  const letter = {priority: 0, attempts: 3, queued: null, ended: '2026-11-27T08:00:00.000Z'}
  const letters = [
    {...letter, key: 'k1', path: '/crash/1\u001b[2J', code: 'too-slow', message: 'no end'},
    {...letter, key: null, path: null, attempts: 1, code: null, message: null},
  ]
  const answer = {schemaVersion: '1' as const, tool: TOOL, queue: 'postgres://db/x', total: 3, retried: 2, letters}
  t.deepEqual([...renderTriageDead(answer, PLAIN_STYLE)].join('').split('\n'), [
    '2 cores put back, 3 dead letters',
    '  /crash/1\\x1b[2J  2026-11-27T08:00:00.000Z · 3 attempts · [k1]',
    '      too-slow: no end',
    '  ?  2026-11-27T08:00:00.000Z · 1 attempt',
    '      ?: ?',
    '1 more: --limit',
    '',
  ])
  t.is((await t.throwsAsync(readDeadLetters('/x', 1), {instanceOf: InputError}))?.code, 'bad-argument')
})

test('an address is shown without its password', t => {
  t.is(shownUrl('postgres://me:secret@db/x?password=secret'), 'postgres://me:***@db/x?password=***')
  t.true(isDatabaseUrl('postgresql://db/x') && !isDatabaseUrl('/postgres://x'))
  const error = t.throws(() => shownUrl('postgres://me:secret@:x'), {instanceOf: InputError})
  t.false(error?.message.includes('secret'))
})

test('a database that is away or full is waited for; one that refuses is not', t => {
  const failure = (code: string) => Object.assign(new Error('x'), {code})
  for (const code of ['53100', '57P01', '57P03', '08006', '40P01', 'ECONNREFUSED', 'EAI_AGAIN']) {
    t.true(isPassing(failure(code)), code)
    t.true(isPassing(explainPostgres('URL', failure(code))), code)
  }
  t.true(isPassing(explainPostgres('URL', new AggregateError([failure('ECONNREFUSED')]))))
  t.true(isPassing(new Error('Connection terminated unexpectedly')))
  for (const code of ['42501', '28P01', '3D000', '22P05', '42P01']) t.false(isPassing(failure(code)), code)
  const codeOf = (code: string) => (explainPostgres('URL', failure(code)) as InputError).code
  t.deepEqual(['28P01', '3D000', '42501', '53100', 'ECONNREFUSED'].map(codeOf), [
    'unreadable',
    'not-found',
    'not-writable',
    'not-writable',
    'unreachable',
  ])
})

interface FakeQueue {
  waiting: TakenCore[]
  /** What the next calls are answered with, before they are done. */
  failures: Error[]
  finished: BatchLine[]
  givenBack: TakenCore[]
}

function fakeQueue(count: number): FakeQueue & CoreQueue {
  const state: FakeQueue = {
    waiting: Array.from({length: count}, (_, index) => ({job: `${index}`, core: CORE, attempt: 1, isLast: true})),
    failures: [],
    finished: [],
    givenBack: [],
  }
  const step = async <Result>(work: () => Result): Promise<Result> => {
    const failure = state.failures.shift()
    if (failure) throw failure
    return work()
  }
  const queue = {
    take: () => step(() => state.waiting.shift()),
    finish: (_: TakenCore, __: string, line: BatchLine): Promise<Outcome> =>
      step(() => {
        state.finished.push(line)
        return line.error ? 'failed' : 'analysed'
      }),
    giveBack: async (taken: TakenCore) => {
      state.givenBack.push(taken)
    },
    beat: async () => {},
    leave: async () => {},
    takeAway: async () => 0,
    counts: async () => ({waiting: state.waiting.length, retry: 0, active: 0, dead: 0}),
  }
  return Object.assign(queue, state) as unknown as FakeQueue & CoreQueue
}

function runOf(queue: CoreQueue, more: Partial<WorkerRunOptions> = {}): {run: WorkerRun; metrics: WorkerMetrics} {
  const metrics = new WorkerMetrics('0', 1)
  const never = new AbortController().signal
  const facts = {id: 'w', host: 'h', pid: 1, slots: 1}
  const pool = {analyze: async () => batchLine('k1')}
  const log = (): void => {}
  const options = {queue, pool, facts, tool: TOOL, metrics, silentSeconds: 30, untilEmpty: true, log, ...more}
  return {run: new WorkerRun({drain: never, stop: never, ...options}), metrics}
}

test('a worker goes on where the database was away, and writes each result once', async t => {
  const queue = fakeQueue(2)
  const away = Object.assign(new Error('away'), {code: 'ECONNREFUSED'})
  queue.failures.push(
    away,
    new InputError('not-writable', 'full', 'x', {cause: Object.assign(new Error(), {code: '53100'})}),
  )
  const {run, metrics} = runOf(queue)
  await run.run()
  t.deepEqual([queue.finished.length, metrics.databaseErrors, metrics.analysed, metrics.busy], [2, 2, 2, 0])
})

test('what the database cannot hold of one core costs that core alone; a refusal ends the worker', async t => {
  const queue = fakeQueue(1)
  const {run} = runOf(queue, {
    pool: {
      analyze: async () => {
        queue.failures.push(Object.assign(new Error('invalid'), {code: '22P05'}))
        return batchLine('k1')
      },
    },
  })
  await run.run()
  t.deepEqual(
    queue.finished.map(({error}) => error?.code),
    ['bug'],
  )
  const refusing = fakeQueue(1)
  refusing.failures.push(Object.assign(new Error('permission denied'), {code: '42501'}))
  await t.throwsAsync(runOf(refusing).run.run(), {message: 'permission denied'})
})

test('a worker that is told to end while the database is away ends, and does not say that it answers again', async t => {
  const queue = fakeQueue(1)
  queue.failures.push(Object.assign(new Error('away'), {code: 'ECONNREFUSED'}))
  const drain = new AbortController()
  const told: string[] = []
  const log = (text: string): void => {
    told.push(text)
    drain.abort()
  }
  const {run} = runOf(queue, {drain: drain.signal, log})
  await run.run()
  t.deepEqual([told, queue.waiting.length, queue.finished.length], [['away; trying again'], 1, 0])
})

test('what is being analysed when a worker is stopped is given back', async t => {
  const queue = fakeQueue(3)
  const [drain, stop] = [new AbortController(), new AbortController()]
  const pool = {
    analyze: async () => {
      await setImmediate()
      drain.abort()
      stop.abort()
      return new Promise<BatchLine>(() => {})
    },
  }
  const {run, metrics} = runOf(queue, {pool, drain: drain.signal, stop: stop.signal})
  await run.run()
  t.deepEqual([queue.givenBack.length, queue.waiting.length, queue.finished.length, metrics.busy], [1, 2, 0, 0])
})

test('a worker tells what it has done as Prometheus reads it', async t => {
  const metrics = new WorkerMetrics('1.0', 4)
  metrics.busy = 2
  metrics.answeredAt = 1000
  metrics.ended('analysed', 0.3)
  metrics.ended('retry', 70)
  metrics.ended('given-back')
  const counts = {waiting: 7, retry: 1, active: 2, dead: 0}
  const options = {metrics, counts: async () => counts, silentSeconds: 30}
  const {status, body} = await answerWorker('/metrics', options, 3500)
  t.is(status, 200)
  for (const line of body.trimEnd().split('\n')) {
    t.regex(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="([^"\\]|\\.)*",?)+\})? (NaN|[\d.]+))$/)
  }
  for (const line of [
    'gotrace_core_worker_cores_total{outcome="analysed"} 1',
    'gotrace_core_worker_analysis_seconds_bucket{le="0.25"} 0',
    'gotrace_core_worker_analysis_seconds_bucket{le="0.5"} 1',
    'gotrace_core_worker_analysis_seconds_bucket{le="+Inf"} 2',
    'gotrace_core_worker_analysis_seconds_count 2',
    'gotrace_core_worker_database_answer_age_seconds 2.5',
    'gotrace_core_queue_cores{state="waiting"} 7',
  ]) {
    t.true(body.split('\n').includes(line), line)
  }
  const away = {...options, counts: () => Promise.reject(new Error('away'))}
  t.false((await answerWorker('/metrics', away)).body.includes('queue_cores'))
  t.is((await answerWorker('/readyz', options, 3500)).status, 200)
  t.is((await answerWorker('/readyz', options, 32_000)).status, 503)
  t.is((await answerWorker('/healthz', options, 32_000)).status, 200)
  metrics.isDraining = true
  t.is((await answerWorker('/readyz', options, 3500)).status, 503)
  t.is((await answerWorker('/', options)).status, 404)
})

test('without a database of PostgreSQL, or its packages, an error names what to do', t => {
  const wrong = runCommand(['batch', directory, '--queue', join(directory, 'x.db')])
  t.is(wrong.exitCode, 2)
  t.regex(wrong.stderr, /no address of PostgreSQL\n {2}write postgres:/)
  const both = runCommand(['batch', directory, '--queue', 'postgres://127.0.0.1:1/x', '--store', 'y'])
  t.is(both.exitCode, 2)
  const away = runCommand(['worker', '--queue', 'postgres://me:secret@127.0.0.1:1/x'])
  t.is(away.exitCode, 1)
  t.regex(away.stderr, /postgres:\/\/me:\*\*\*@127.0.0.1:1\/x: .*ECONNREFUSED/)
})
