// Which files are cores, what is kept of earlier runs, how cores are grouped, and that a core which ends its process
// costs itself alone.
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import {createRequire} from 'node:module'
import {tmpdir} from 'node:os'
import {join, relative} from 'node:path'
import {gzipSync} from 'node:zlib'
import test, {type ExecutionContext} from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {type ErrorCode, InputError} from '../../src/base/errors.ts'
import type {BatchLine} from '../../src/report/core-report.ts'
import {AnalystPool, type PoolOptions} from '../../src/triage/analyst-pool.ts'
import {type BatchCounts, noCounts, runBatch} from '../../src/triage/batch-run.ts'
import {errorLine, makeLine} from '../../src/triage/core-line.ts'
import {parseGlob} from '../../src/triage/glob.ts'
import {KnownCores} from '../../src/triage/known-cores.ts'
import {LineStore} from '../../src/triage/line-store.ts'
import {SignatureGroups} from '../../src/triage/signature-groups.ts'
import type {StoredLine} from '../../src/triage/stored-line.ts'
import {listWork, type PassedOver, type WorkItem} from '../../src/triage/work-list.ts'
import {batchLine} from '../support/batch-line.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-triage-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))
const tool = {name: 'gotrace-core', version: '0'}

/** e_ident and e_type of an ELF file; `order` 1 is little-endian, 2 big-endian. */
function elfHead(type: number, order = 1): Uint8Array {
  const head = new Uint8Array(64)
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, order, 1])
  head.set(order === 1 ? [type, 0] : [0, type], 16)
  return head
}
const CORE = 4
const EXECUTABLE = 2

function folder(name: string, files: Readonly<Record<string, Uint8Array | string>>): string {
  const root = join(directory, name)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), {recursive: true})
    writeFileSync(join(root, path), content)
  }
  return root
}

const itemsOf = (paths: readonly string[]): WorkItem[] => [...listWork(paths)].filter(each => typeof each !== 'string')

function found(root: string, ...paths: readonly string[]): string[] {
  return itemsOf(paths).map(
    ({path, uncertain, error}) => relative(root, path) + (uncertain ? ' ?' : '') + (error ? ` ${error.code}` : ''),
  )
}

const crashes = folder('crashes', {
  'a/core.2': elfHead(CORE),
  'a/core.1': elfHead(CORE),
  'a/deep/er/server.core': elfHead(CORE),
  'b/of-a-big-endian-machine': elfHead(CORE, 2),
  'b/packed.gz': gzipSync(elfHead(CORE)),
  'b/server': elfHead(EXECUTABLE),
  'b/core.txt': 'core dumped\n',
  'b/core.bz2': 'BZh91AY&SY and so on',
  'b/empty': '',
  'b/short': elfHead(CORE).subarray(0, 17),
  'b/.hidden': elfHead(CORE),
})
truncateSync(join(crashes, 'b/empty'), 2 ** 40)
symlinkSync(join(crashes, 'a'), join(crashes, 'a/deep/round'))
symlinkSync(join(crashes, 'a/core.1'), join(crashes, 'b/link'))
symlinkSync(join(crashes, 'nowhere'), join(crashes, 'b/dangling'))

test('a path without a name is refused, and not taken for the folder that one is in', t => {
  const {code, message} = t.throws(() => [...listWork([crashes, ''])], {instanceOf: InputError}) as InputError
  t.deepEqual({code, message}, {code: 'bad-argument', message: 'the name of a path is empty'})
})

test('in a folder a core is known by its content, at any depth, in the order of the names', t => {
  t.deepEqual(found(crashes, crashes), [
    'a/core.1',
    'a/core.2',
    'a/deep/er/server.core',
    'b/.hidden',
    'b/core.bz2',
    'b/link',
    'b/of-a-big-endian-machine',
    'b/packed.gz ?',
  ])
})

test('what is passed over in a folder is counted by what it is', t => {
  const reasons = [...listWork([crashes])].filter(each => typeof each === 'string')
  t.deepEqual(reasons.sort(), ['dead link', 'linked folder', 'no core', 'no core', 'too short', 'too short'])
})

test('a core in a packing that is not read has a line; anything else so packed has not', t => {
  const head = (text: string): Uint8Array => Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(20)])
  const root = folder('packings', {
    'core.bz2': head('BZh91AY'),
    'app.core.7z': head("7z\xbc\xaf'\x1c"),
    'coredump.Z': head('\x1f\x9d'),
    'crash-of-monday.zip': head('PK\x03\x04'),
    'log.bz2': head('BZh91AY'),
  })
  t.deepEqual(found(root, root), ['app.core.7z', 'core.bz2', 'coredump.Z', 'crash-of-monday.zip'])
  t.deepEqual(
    [...listWork([root])].filter(each => typeof each === 'string'),
    ['packed, not read'],
  )
})

test('a pattern that matches nothing is an error, like a path that is not there', t => {
  t.deepEqual(found(crashes, join(crashes, '*.nothing')), ['*.nothing not-found'])
  t.deepEqual(found(crashes, join(crashes, 'nowhere/**/x')), ['nowhere/**/x not-found'])
  t.deepEqual(found(crashes, join(crashes, 'b/*.txt')), [])
})

test('a file that is named is taken for a core, whatever it is; each is taken once', t => {
  const named = ['b/core.txt', 'a/core.1', 'a', 'b/none', 'b/core.txt'].map(path => join(crashes, path))
  t.deepEqual(found(crashes, ...named), [
    'b/core.txt',
    'a/core.1',
    'a/core.2',
    'a/deep/er/server.core',
    'b/none not-found',
  ])
  t.deepEqual(found('/', '/dev/null'), ['dev/null unreadable'])
})

test('an item says when its file was changed, and how long it is', t => {
  const path = join(folder('times', {core: elfHead(CORE)}), 'core')
  utimesSync(path, 1_700_000_000.5, 1_700_000_000.5)
  const [item] = itemsOf([path])
  t.deepEqual([item?.size, item?.mtime], [64, '2023-11-14T22:13:20.500Z'])
})

test('a pattern stands for what it matches, folders with all that is in them', t => {
  const at = (pattern: string): string[] => found(crashes, join(crashes, pattern))
  t.deepEqual(at('a/core.*'), ['a/core.1', 'a/core.2'])
  t.deepEqual(at('a/core.[!1]'), ['a/core.2'])
  t.deepEqual(at('?/core.[1-1t]*'), ['a/core.1'])
  t.deepEqual(at('**/*.core'), ['a/deep/er/server.core'])
  t.deepEqual(at('a/**/core.1'), ['a/core.1'])
  t.deepEqual(at('a/d*'), ['a/deep/er/server.core'])
  t.deepEqual(at('a/deep/**'), ['a/deep/er/server.core'])
  t.deepEqual(at('a/deep/round/core.?'), ['a/deep/round/core.1', 'a/deep/round/core.2'])
  t.deepEqual(at('b/*'), ['b/core.bz2', 'b/link', 'b/of-a-big-endian-machine', 'b/packed.gz ?'])
  t.deepEqual(at('b/.h*'), ['b/.hidden'])
  writeFileSync(join(crashes, 'a/core.[x]'), elfHead(CORE))
  t.deepEqual(at('a/core.[x]'), ['a/core.[x]'])
  rmSync(join(crashes, 'a/core.[x]'))
})

test('what has a meaning in regular expressions has none in a pattern', t => {
  const matches = (pattern: string, name: string): boolean => {
    const [segment] = parseGlob(pattern).segments
    return segment instanceof RegExp && segment.test(name)
  }
  t.true(matches('a.b+(c)|$^{1}\\*', 'a.b+(c)|$^{1}\\rest'))
  t.false(matches('a.b*', 'aXb'))
  t.true(matches('[]]*', ']x'))
  t.true(matches('[a\\]*', '\\'))
  t.true(matches('[ä-ö]?', 'ö€'))
  t.true(matches('a[*', 'a[b'))
  t.true(matches('a*****b*', 'aab'))
  t.true(matches('*', 'two\nlines'))
  t.throws(() => parseGlob('[z-a]'), {instanceOf: InputError, code: 'bad-argument'})
})

function line(path: string, more: Partial<BatchLine> = {}): BatchLine {
  return {
    ...errorLine({path, size: 1, mtime: '2026-01-01T00:00:00.000Z', attempt: 1}, tool, {
      code: 'format',
      message: '',
      hint: null,
    }),
    error: null,
    ...more,
  }
}
const text = (value: object): string => `${JSON.stringify(value)}\n`

const openStores = new Map<string, LineStore>()

async function storeOf(
  t: ExecutionContext,
  content: string | Uint8Array,
): Promise<{path: string; lines: StoredLine[]; append(text: string): void}> {
  const path = join(directory, `store-${t.title.replace(/\W+/g, '-')}`)
  openStores.get(path)?.close()
  writeFileSync(path, content)
  const lines: StoredLine[] = []
  const store = await LineStore.open(path, 'a test', each => lines.push(each))
  openStores.set(path, store)
  return {path, lines, append: more => store.append(more)}
}
test.after.always(() => {
  for (const store of openStores.values()) store.close()
})

test('lines are appended to those that are there', async t => {
  const {path, lines, append} = await storeOf(t, text(line('/a')))
  append(text(line('/b')))
  t.deepEqual(
    lines.map(each => each.path),
    ['/a'],
  )
  t.is(readFileSync(path, 'utf8'), text(line('/a')) + text(line('/b')))
})

test('a line is read back as it was', async t => {
  const whole = line('/a', {
    executable: {path: '/bin/x', buildId: 'ab'},
    goVersion: 'go1.27',
    crash: {
      kind: 'signal',
      signal: 'SIGSEGV',
      codeName: null,
      faultAddress: '0x8',
      message: null,
      thread: 1,
      goroutine: 2,
      image: '/lib/a.so',
      duringCgo: true,
      cause: {kind: 'assert', text: 'x > 0'},
    },
    signature: {version: '2', exact: 'e', family: 'f', frames: ['main.x'], explain: null},
  })
  const {
    schemaVersion: _v,
    tool: _t,
    compression: _c,
    truncated: _tr,
    pid: _p,
    key: _k,
    build: _b,
    frames: _f,
    completeness: _co,
    diagnostics: _d,
    durationMs: _du,
    labels: _l,
    report: _re,
    redacted: _r,
    ...kept
  } = whole
  t.deepEqual((await storeOf(t, text(whole))).lines, [kept])
})

test('a torn last line is cut off', async t => {
  const torn = text(line('/b'))
  for (const length of [1, 10, 17, torn.length - 2]) {
    const {path, lines} = await storeOf(t, text(line('/a')) + torn.slice(0, length))
    t.is(readFileSync(path, 'utf8'), text(line('/a')))
    t.is(lines.length, 1)
  }
})

test('a file with nothing but a torn line begins anew', async t => {
  const {path} = await storeOf(t, text(line('/b')).slice(0, 40))
  t.is(readFileSync(path, 'utf8'), '')
})

test('a last line that lacks its end alone is kept', async t => {
  const {path, lines, append} = await storeOf(t, text(line('/a')).trimEnd())
  append(text(line('/b')))
  t.is(lines.length, 1)
  t.is(readFileSync(path, 'utf8'), text(line('/a')) + text(line('/b')))
})

test('lines of something else, of any length, are left where they are', async t => {
  const foreign = `null\n[]\n{"path":1}\n{"a":"${'x'.repeat(17 * 1024 * 1024)}"}\n\n`
  const {path, lines} = await storeOf(t, text(line('/a')) + foreign + text(line('/b')))
  t.deepEqual(
    lines.map(each => each.path),
    ['/a', '/b'],
  )
  t.is(readFileSync(path, 'utf8').length, (text(line('/a')) + foreign + text(line('/b'))).length)
})

test('a file of something else is refused, and not touched', async t => {
  for (const content of ['hello\n', 'hello', '{"name":"x"}', '{"schemaVersion":"1"}', '{\n', '\n', elfHead(CORE)]) {
    const path = join(directory, 'foreign')
    writeFileSync(path, content)
    await t.throwsAsync(
      LineStore.open(path, 'a test', () => {}),
      {instanceOf: InputError, code: 'bad-argument'},
    )
    t.deepEqual(new Uint8Array(readFileSync(path)), new Uint8Array(Buffer.from(content)))
  }
  await t.throwsAsync(
    LineStore.open(directory, 'a test', () => {}),
    {instanceOf: InputError},
  )
})

test('a file is written by one run at a time, under whatever name', async t => {
  const {path} = await storeOf(t, text(line('/a')))
  const other = join(directory, 'another-name')
  symlinkSync(path, other)
  for (const name of [path, other]) {
    const error = await t.throwsAsync(
      LineStore.open(name, 'a test', () => t.fail()),
      {instanceOf: InputError},
    )
    t.deepEqual([error?.code, error?.message], ['not-writable', `${name}: a test is writing to it`])
  }
  openStores.get(path)?.close()
  const again = await LineStore.open(other, 'a test', () => {})
  openStores.set(path, again)
  t.is(readFileSync(path, 'utf8'), text(line('/a')))
})

test('where somebody else writes to the file all the same, the run ends, and no line is torn', async t => {
  const {path, append} = await storeOf(t, text(line('/a')))
  appendFileSync(path, text(line('/of somebody else')))
  t.throws(() => append(text(line('/b'))), {instanceOf: InputError, code: 'not-writable'})
  t.is(readFileSync(path, 'utf8'), text(line('/a')) + text(line('/of somebody else')))
  truncateSync(path, 0)
  append(text(line('/b')))
  t.is(readFileSync(path, 'utf8'), text(line('/b')))
})

test('a file that is removed while it is written is no place for lines', async t => {
  const {path, append} = await storeOf(t, text(line('/a')))
  rmSync(path)
  t.throws(() => append(text(line('/b'))), {instanceOf: InputError, message: /it was removed/})
})

test('what may have been the state of the machine is tried again, a bounded number of times', t => {
  const failure = (code: ErrorCode, attempt: number): StoredLine =>
    line(`/${code}`, {attempt, error: {code, message: '', hint: null}})
  const known = new KnownCores(3)
  for (const code of ['timeout', 'out-of-memory', 'analysis-died', 'no-room'] as const) {
    t.is(known.attemptOf(failure(code, 1)), 1)
    for (const [attempt, next] of [
      [1, 2],
      [2, 3],
      [3, undefined],
      [7, undefined],
    ] as const) {
      known.add(failure(code, attempt))
      t.is(known.attemptOf(failure(code, 1)), next)
    }
  }
  known.add(failure('format', 1))
  known.add(line('/good'))
  t.is(known.attemptOf(failure('format', 1)), undefined)
  t.is(known.attemptOf(line('/good')), undefined)
  t.is(known.attemptOf({...line('/good'), size: 2}), 1)
})

test('fields of the wrong type are unknown', async t => {
  const wrong = {
    schemaVersion: '2',
    path: '/a',
    size: '1',
    mtime: 1,
    executable: [],
    goVersion: {},
    crash: {kind: 'x', signal: 1},
    signature: {frames: [1, 'f', null]},
    error: 7,
  }
  const [read] = (await storeOf(t, text(wrong))).lines
  t.deepEqual(read?.signature, {version: '1', exact: null, family: null, frames: ['f'], explain: null})
  t.is(read?.attempt, 1)
  t.deepEqual(
    [read?.size, read?.mtime, read?.executable, read?.crash?.kind, read?.error],
    [null, null, null, 'none', null],
  )
})

function signed(path: string, exact: string | null, mtime: string): StoredLine {
  return line(path, {
    mtime,
    signature: {version: '2', exact, family: null, frames: [], explain: null},
    goVersion: 'go1.27',
    executable: {path: '/bin/x', buildId: null},
  })
}

test('groups are counted, the biggest first, what could not be analysed last', t => {
  const lines = [
    signed('/1', 'a', '2026-01-03'),
    signed('/2', 'b', '2026-01-02'),
    signed('/3', 'b', '2026-01-04'),
    signed('/4', 'b', '2026-01-01'),
    signed('/5', null, '2026-01-01'),
    ...['/6', '/7', '/8', '/9'].map(path => line(path, {error: {code: 'timeout', message: path, hint: null}})),
  ]
  const shown = (order: readonly StoredLine[]): unknown => {
    const groups = new SignatureGroups()
    for (const each of order) groups.add(each)
    return groups.list()
  }
  const list = shown(lines) as {
    count: number
    exact: string
    error: string
    first: string
    last: string
    example: string
  }[]
  t.deepEqual(
    list.map(({count, exact, error}) => [count, exact, error]),
    [
      [3, 'b', null],
      [1, 'a', null],
      [1, null, null],
      [4, null, 'timeout'],
    ],
  )
  t.like(list[0], {
    first: '2026-01-01',
    last: '2026-01-04',
    example: '/3',
    executables: ['/bin/x'],
    goVersions: ['go1.27'],
  })
  t.deepEqual(shown([...lines].reverse()), list)
})

test('a core that was analysed again counts once, as it was last', t => {
  const groups = new SignatureGroups()
  groups.add(line('/1', {error: {code: 'timeout', message: '', hint: null}}))
  groups.add(signed('/1', 'a', '2026-01-03'))
  t.deepEqual(
    groups.list().map(({count, exact}) => [count, exact]),
    [[1, 'a']],
  )
})

test('what is left of the time decides how much of a core is told', async t => {
  const {core, sysroot} = await openFixture('blocked-gcore-go1.27')
  const options = {search: {sysroots: [sysroot]}, analysis: {tool, maxFrames: 100, demangle: true}}
  const whole = await makeLine(item(core), {...options, softTimeoutMs: 60_000})
  t.is(whole?.completeness?.score, 1)
  const hurried = await makeLine(item(core), {...options, softTimeoutMs: -1})
  t.is(hurried?.error, null)
  t.true((hurried?.completeness?.score ?? 1) < 1)
})

/** A process that does as the path of its item says. */
const actor = join(directory, 'actor.cjs')
writeFileSync(
  actor,
  `const workerpool = require(${JSON.stringify(createRequire(import.meta.url).resolve('workerpool'))})
const answer = item => ({path: item.path, pid: process.pid, error: null})
const acts = {
  answer,
  abort: () => process.abort(),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  exit: () => process.exit(7),
  spin: () => { for (;;); },
  wait: () => new Promise(() => {}),
  throw: () => { throw new RangeError('of ours') },
  hoard: () => { const all = []; for (;;) all.push(new Array(1e5).fill(all.length)) },
  late: item => { setTimeout(() => process.exit(0), 1); return answer(item) },
  deaf: item => { process.on('SIGTERM', () => {}); return answer(item) },
  null: () => null,
  limit: item => ({...answer(item), options: process.env.NODE_OPTIONS}),
}
workerpool.worker({makeLine: item => { workerpool.workerEmit('begun'); return acts[item.path](item) }})
`,
)

function openPool(t: ExecutionContext, more: Partial<PoolOptions> = {}): AnalystPool {
  const pool = new AnalystPool(
    {
      script: actor,
      scriptArguments: [],
      nodeArguments: [],
      environment: process.env,
      jobs: 1,
      memoryMb: 64,
      timeoutSeconds: 60,
      ...more,
    },
    {search: {}, analysis: {tool, maxFrames: 1, demangle: true}},
  )
  t.teardown(() => pool.close())
  return pool
}

function item(path: string, more: Partial<WorkItem> = {}): WorkItem {
  return {path, size: 1, mtime: null, uncertain: false, attempt: 1, error: undefined, ...more}
}

const deaths = [
  ['abort', 'analysis-died', /died of SIGABRT$/],
  ['kill', 'analysis-died', /died of SIGKILL$/],
  ['exit', 'analysis-died', /died with exit code 7$/],
  ['hoard', 'out-of-memory', /more than 64 MB$/],
] as const

test('a core that ends its process has a line that says how, and the next one a process of its own', async t => {
  const pool = openPool(t)
  for (const [act, code, message] of deaths) {
    const dead = await pool.analyze(item(act))
    t.is(dead?.error?.code, code)
    t.regex(dead?.error?.message ?? '', message)
    t.deepEqual([dead?.path, dead?.size, dead?.tool], [act, 1, tool])
    t.is((await pool.analyze(item('answer')))?.error, null)
  }
})

test('a process is told of a limit of its heap where it is another one than usual', async t => {
  const environment = {...process.env, NODE_OPTIONS: undefined}
  for (const [isUsualMemory, told] of [
    [false, '--max-old-space-size=64'],
    [true, undefined],
  ] as const) {
    t.like(await openPool(t, {environment, isUsualMemory}).analyze(item('limit')), {options: told})
  }
})

test('a core that takes too long is given up, whether it spins or waits', async t => {
  const pool = openPool(t, {timeoutSeconds: 2})
  t.is((await pool.analyze(item('answer')))?.error, null)
  for (const act of ['spin', 'wait']) {
    const late = await pool.analyze(item(act))
    t.like(late?.error, {code: 'timeout', message: 'no answer within 2 s'})
  }
})

test('a process that dies between two cores costs neither', async t => {
  const pool = openPool(t)
  for (let round = 0; round < 3; round++) {
    t.is((await pool.analyze(item('late')))?.error, null)
    if (round > 0) await new Promise(done => setTimeout(done, 20 * round))
  }
  t.is((await pool.analyze(item('answer')))?.error, null)
})

test('a core whose process is ended before it has begun is not begun anew', async t => {
  const pool = openPool(t)
  const line = pool.analyze(item('answer'))
  await pool.close()
  t.is((await line)?.error?.code, 'analysis-died')
})

test('what cannot be looked at needs no process; a program that is none is told of', async t => {
  const error = new InputError('not-found', '/x: no such file', 'check the path')
  const refused = await openPool(t, {script: join(directory, 'nothing.cjs')}).analyze(item('/x', {error}))
  t.deepEqual(refused?.error, {code: 'not-found', message: '/x: no such file', hint: 'check the path'})
  const dead = await openPool(t, {script: join(directory, 'nothing.cjs')}).analyze(item('/x'))
  t.is(dead?.error?.code, 'analysis-died')
})

async function runAll(
  t: ExecutionContext,
  items: readonly (WorkItem | PassedOver)[],
  signal = new AbortController().signal,
): Promise<{lines: BatchLine[]; counts: BatchCounts}> {
  const counts = noCounts()
  const lines: BatchLine[] = []
  const attemptOf = ({size}: WorkItem): number | undefined => (size === 0 ? undefined : 2)
  const pool = openPool(t, {jobs: 2, timeoutSeconds: 5})
  for await (const each of runBatch({items, pool, jobs: 2, attemptOf, signal, onProgress: () => {}}, counts))
    lines.push(each)
  return {lines, counts}
}

test('every core has its line, known ones and files that are none have not', async t => {
  const acts = ['answer', 'abort', 'answer', 'spin', 'null', 'answer', 'exit', 'answer']
  const found = [...acts.map(act => item(act)), 'no core', item('known', {size: 0}), 'no core'] as const
  const {lines, counts} = await runAll(t, found)
  t.deepEqual(lines.map(({path}) => path).sort(), ['abort', 'answer', 'answer', 'answer', 'answer', 'exit', 'spin'])
  const passedOver = {...noCounts().passedOver, 'no core': 2, 'packed, no core': 1}
  t.deepEqual(counts, {lines: 7, errors: 3, incomplete: 4, known: 1, passedOver})
  t.deepEqual([...new Set(lines.filter(({error}) => error).map(({attempt}) => attempt))], [2])
})

test('a run that is stopped begins nothing more', async t => {
  const abort = new AbortController()
  abort.abort()
  t.deepEqual((await runAll(t, [item('answer')], abort.signal)).lines, [])
})

test('an address is work as it stands, and is known by what lines call it', t => {
  const address = 'https://me:secret@host/core?signature=x'
  const [item] = [...listWork([address])] as [WorkItem]
  t.deepEqual(item, {path: address, size: null, mtime: null, uncertain: false, attempt: 1, error: undefined})
  const known = new KnownCores(3)
  known.add(batchLine('k', {path: 'https://host/core', size: null, mtime: null}))
  t.is(known.attemptOf(item), undefined)
  t.is(known.attemptOf({...item, path: 'https://host/other'}), 1)
  const line = errorLine(item, {name: 'gotrace-core', version: '0'}, {code: 'unreachable', message: '', hint: null})
  t.is(line.path, 'https://host/core')
})
