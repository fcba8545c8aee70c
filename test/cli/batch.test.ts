// `batch` over committed crashes and over what else lies in folders of crashes.
import {type ChildProcess, execFileSync, spawn} from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {basename, dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {gzipSync} from 'node:zlib'
import test, {type ExecutionContext} from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import type {BatchGroup, BatchLine} from '../../src/report/core-report.ts'
import {complaint, type DocumentName, readSchema} from '../support/documents.ts'
import {runCommand, runShell} from '../support/run-command.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-batch-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

const cases = await Promise.all(['cfault-segv-go1.27', 'gopanic-nil-go1.24', 'callback-deep-go1.27'].map(openFixture))
const [fault] = cases
if (!fault) throw new Error('no fixture')
const search = cases.flatMap(({sysroot}) => ['--sysroot', sysroot])

/** Three good cores, each under the name of its case. */
const good = join(directory, 'good')
mkdirSync(good)
for (const {name, core} of cases) symlinkSync(core, join(good, name))

function parseLines<T extends object>(t: ExecutionContext, text: string, schema: DocumentName): T[] {
  const keys = Object.keys(readSchema(schema).properties)
  t.regex(text, /^(?:.+\n)*$/)
  return text
    .split('\n')
    .slice(0, -1)
    .map(line => {
      const value = JSON.parse(line) as T
      t.is(complaint(schema, value), '', line)
      t.deepEqual(Object.keys(value), keys)
      return value
    })
}

const byName = (lines: readonly BatchLine[]): Map<string, BatchLine> =>
  new Map(lines.map(line => [basename(line.path), line]))

test('each core has a line, which says what analyze says', t => {
  const {stdout, stderr, exitCode} = runCommand(['batch', good, ...search])
  t.deepEqual([stderr, exitCode], ['', 0])
  const lines = byName(parseLines<BatchLine>(t, stdout, 'batch'))
  t.deepEqual([...lines.keys()].sort(), cases.map(({name}) => name).sort())
  for (const {name, core} of cases) {
    const line = lines.get(name)
    const {size, mtimeMs} = statSync(core)
    const mtime = new Date(Math.floor(mtimeMs)).toISOString()
    const report = JSON.parse(runCommand(['analyze', core, ...search, '--json', '--quiet']).stdout)
    t.like(line, {path: join(good, name), size, mtime, truncated: false, error: null})
    t.deepEqual(line?.signature, {...report.signature, explain: null})
    t.deepEqual(line?.completeness, report.completeness)
    t.like(report.crash, line?.crash as object)
    t.like(line, {goVersion: report.go.version, pid: report.core.pid, compression: report.core.compression})
    t.is(line?.executable?.path, report.core.executable)
    t.regex(line?.executable?.buildId ?? '', /^[0-9a-f]{40}$/)
    t.is(
      Object.values(line?.diagnostics ?? {}).reduce((sum, count) => sum + count, 0),
      report.diagnostics.length,
    )
  }
})

/** What lies in folders of crashes beside cores, and cores that are none any more. */
const odd = join(directory, 'odd')
mkdirSync(odd)
const bytes = readFileSync(fault.core).subarray(0, 100_000)
const archive = readFileSync(fault.compressedCore)
const contents: Readonly<Record<string, Uint8Array | string>> = {
  'notes.txt': 'core dumped\n',
  'log.gz': gzipSync('core dumped\n'),
  empty: '',
  whole: archive,
  cut: bytes.subarray(0, 6000),
  'cut-in-the-header': bytes.subarray(0, 30),
  'cut.zst': archive.subarray(0, 60),
  'flipped.zst': archive.map((byte, index) => (index > 30 && index % 17 === 0 ? byte ^ 0xff : byte)),
  'of-arm': bytes.map((byte, index) => (index === 18 ? 183 : byte)),
  'program-headers-everywhere': bytes.map((byte, index) => (index >= 56 && index < 58 ? 0xff : byte)),
  'noise-behind-the-header': bytes.map((byte, index) => (index < 64 ? byte : (index * 2654435761) % 251)),
}
for (const [name, content] of Object.entries(contents)) writeFileSync(join(odd, name), content)
writeFileSync(join(odd, 'huge'), '')
truncateSync(join(odd, 'huge'), 2 ** 41)
writeFileSync(join(odd, 'huge-core'), bytes)
truncateSync(join(odd, 'huge-core'), 2 ** 41)
symlinkSync(fault.executable, join(odd, 'program'))
execFileSync('mkfifo', [join(odd, 'pipe')])

test('in a folder cores alone have lines, hostile ones too, and nobody else is hurt', t => {
  const {stdout, stderr, exitCode} = runCommand(['batch', odd, ...search])
  t.deepEqual([stderr, exitCode], ['', 1])
  const lines = byName(parseLines<BatchLine>(t, stdout, 'batch'))
  const others = ['notes.txt', 'log.gz', 'empty', 'huge', 'program', 'pipe']
  t.deepEqual(
    others.filter(name => lines.has(name)),
    [],
  )
  const expected = [...Object.keys(contents), 'huge-core'].filter(name => !others.includes(name))
  t.deepEqual([...lines.keys()].sort(), expected.sort())
  t.is(lines.get('whole')?.error, null)
  t.is(lines.get('whole')?.compression, 'zstd')
  t.like(lines.get('cut'), {truncated: true, error: null, pid: statPid(lines.get('whole'))})
  t.is(lines.get('of-arm')?.error?.code, 'wrong-machine')
  t.is(lines.get('cut.zst')?.error?.code, 'unreadable')
  for (const {error} of lines.values())
    t.false(['bug', 'analysis-died', 'out-of-memory', 'timeout'].includes(error?.code ?? ''), error?.message)
})

const statPid = (line: BatchLine | undefined): number | null => line?.pid ?? null

test('what is named has a line, whatever it is', t => {
  const named = ['notes.txt', 'log.gz', 'empty', 'nowhere', 'pipe', 'program'].map(name => join(odd, name))
  const {stdout, exitCode} = runCommand(['batch', ...named, join(good, fault.name), ...search])
  t.is(exitCode, 1)
  const lines = byName(parseLines<BatchLine>(t, stdout, 'batch'))
  t.is(lines.size, 7)
  t.is(lines.get(fault.name)?.error, null)
  t.deepEqual(
    ['notes.txt', 'log.gz', 'empty', 'nowhere', 'pipe', 'program'].map(name => lines.get(name)?.error?.code),
    ['not-a-core', 'not-a-core', 'not-a-core', 'not-found', 'unreadable', 'not-a-core'],
  )
})

/** Small cores that differ in nothing. */
function manyCores(count: number): string {
  const path = mkdtempSync(join(directory, 'many-'))
  for (let index = 0; index < count; index++) writeFileSync(join(path, `core.${index}`), bytes.subarray(0, 6000))
  return path
}

const entry = join(dirname(fileURLToPath(import.meta.url)), '../../bin/run.cjs')

/** Starts a run, and sends it a signal once it has written some lines. */
async function interrupt(args: readonly string[], output: string, signal: NodeJS.Signals): Promise<ChildProcess> {
  const child = spawn(process.execPath, [entry, 'batch', ...args, '-o', output], {stdio: 'ignore'})
  const ended = new Promise(done => child.once('exit', done))
  while (child.exitCode === null && !(existsSync(output) && statSync(output).size > 2000)) {
    await new Promise(done => setTimeout(done, 2))
  }
  child.kill(signal)
  await ended
  return child
}

test.serial('a run that is killed is taken up where it ended', async t => {
  const [path, output] = [manyCores(200), join(directory, 'killed.ndjson')]
  const {signalCode, pid} = await interrupt([path, '-j', '2'], output, 'SIGKILL')
  t.is(signalCode, 'SIGKILL')
  t.is(await workersAfter(pid, 300), 0)
  const before = readFileSync(output, 'utf8').split('\n').length - 1
  t.true(before > 0 && before < 200, `${before} lines`)
  appendFileSync(output, '{"schemaVersion":"1","tool":{"na')
  const {stderr, exitCode} = runCommand(['batch', path, '-o', output, '--resume', '--summary'])
  t.is(exitCode, 0)
  // With a signature where the program of the fixture lies at its path, which is on the machine that made it alone.
  t.regex(stderr, new RegExp(`^200 cores, (0 signatures|1 signature), ${before} analysed before\n\n200  SIGABRT\\b`))
  const lines = parseLines<BatchLine>(t, readFileSync(output, 'utf8'), 'batch')
  t.is(lines.length, 200)
  t.is(new Set(lines.map(line => line.path)).size, 200)
})

test.serial('a run that is told to stop keeps what it has, and leaves no process behind', async t => {
  const [path, output] = [manyCores(200), join(directory, 'stopped.ndjson')]
  const {exitCode, pid} = await interrupt([path, '-j', '2'], output, 'SIGTERM')
  t.is(exitCode, 143)
  t.true(parseLines<BatchLine>(t, readFileSync(output, 'utf8'), 'batch').every(({error}) => error === null))
  t.is(await workersAfter(pid, 0), 0)
})

test.serial('nor does a reader who takes nothing keep it from stopping', t => {
  const path = join(directory, 'unread')
  const {exitCode} = runShell(
    `mkfifo ${path}; exec 3<>${path}; head -c 65536 /dev/zero >&3
    timeout --preserve-status -k 20 3 $RUN batch ${fault?.core} --quiet >&3`,
  )
  t.is(exitCode, 143)
})

/** How many processes of a run are left, once all have gone or some seconds have passed. */
async function workersAfter(pid: number | undefined, seconds: number): Promise<number> {
  for (let waited = 0; ; waited += 0.1) {
    const list = execFileSync('ps', ['-eo', 'args='], {encoding: 'utf8'})
    const left = list.split('\n').filter(args => args.endsWith(`batch-worker --parent ${pid}`)).length
    if (left === 0 || waited >= seconds) return left
    await new Promise(done => setTimeout(done, 100))
  }
}

test.serial(
  'a second run on the same file is refused while the first is writing, and none is lost or doubled',
  async t => {
    const [path, output] = [manyCores(60), join(directory, 'shared.ndjson')]
    const first = spawn(process.execPath, [entry, 'batch', path, '-j', '1', '-o', output], {stdio: 'ignore'})
    const ended = new Promise(done => first.once('exit', done))
    while (!(existsSync(output) && statSync(output).size > 2000)) await new Promise(done => setTimeout(done, 2))
    const {stdout, stderr, exitCode} = runCommand(['batch', path, '-o', output, '--resume'])
    t.deepEqual([stdout, exitCode], ['', 2])
    t.is(stderr.split('\n')[0], `gotrace-core: ${output}: batch (process ${first.pid}) is writing to it`)
    t.is(await ended, 0)
    const lines = parseLines<BatchLine>(t, readFileSync(output, 'utf8'), 'batch')
    t.deepEqual([lines.length, new Set(lines.map(line => line.path)).size], [60, 60])
  },
)

test('where the disk is full the lines that are there are whole, and the run can be taken up', t => {
  const [path, output] = [manyCores(5), join(directory, 'full.ndjson')]
  // A limit on the size of files stands for the full disk.
  const {stderr, exitCode} = runShell(`ulimit -f 3; $RUN batch ${path} -o ${output}`)
  t.is(exitCode, 2)
  t.true(stderr.startsWith(`gotrace-core: ${output}: EFBIG`), stderr)
  const kept = parseLines<BatchLine>(t, readFileSync(output, 'utf8'), 'batch').length
  t.true(kept > 0 && kept < 5, `${kept} lines`)
  t.is(runCommand(['batch', path, '-o', output, '--resume']).exitCode, 0)
  t.is(parseLines<BatchLine>(t, readFileSync(output, 'utf8'), 'batch').length, 5)
})

test('--resume tries again what ran out of time, and counts how often', t => {
  const [path, output] = [manyCores(2), join(directory, 'again.ndjson')]
  const run = (...flags: string[]): (number | undefined)[] => {
    runCommand(['batch', path, '-o', output, '--resume', ...flags])
    const lines = parseLines<BatchLine>(t, readFileSync(output, 'utf8'), 'batch')
    return lines.map(({attempt}) => attempt)
  }
  t.deepEqual(run(), [1, 1])
  const [first, ...others] = readFileSync(output, 'utf8').split('\n')
  const late = {...JSON.parse(first ?? ''), error: {code: 'timeout', message: 'no answer within 1 s', hint: null}}
  writeFileSync(output, [JSON.stringify(late), ...others].join('\n'))
  t.deepEqual(run('--attempts', '1'), [1, 1])
  t.deepEqual(run(), [1, 1, 2])
  t.deepEqual(run(), [1, 1, 2])
})

test('--resume passes over what has a line, unless it has changed; without it all are analysed again', t => {
  const [path, output] = [manyCores(3), join(directory, 'resumed.ndjson')]
  const count = (...flags: string[]): number => {
    t.is(runCommand(['batch', path, '-o', output, ...flags]).exitCode, 0)
    return parseLines(t, readFileSync(output, 'utf8'), 'batch').length
  }
  t.is(count('--resume'), 3)
  t.is(count('--resume'), 3)
  writeFileSync(join(path, 'core.1'), bytes.subarray(0, 7000))
  writeFileSync(join(path, 'core.3'), bytes.subarray(0, 7000))
  t.is(count('--resume'), 5)
  t.is(count(), 9)
})

test('--group answers with the groups, and counts the lines of earlier runs', t => {
  const [path, output] = [manyCores(3), join(directory, 'grouped.ndjson')]
  runCommand(['batch', good, ...search, '-o', output])
  const {stdout, stderr, exitCode} = runCommand(['batch', path, good, ...search, '-o', output, '--resume', '--group'])
  t.deepEqual([stderr, exitCode], ['', 0])
  const groups = parseLines<BatchGroup>(t, stdout, 'batch-group')
  t.deepEqual(
    groups.map(({count}) => count),
    [3, 1, 1, 1],
  )
  t.is(dirname(groups[0]?.example ?? ''), path)
  t.is(parseLines(t, readFileSync(output, 'utf8'), 'batch').length, 6)
  const panic = groups.find(({kind}) => kind === 'panic')
  t.regex(panic?.message ?? '', /nil pointer dereference/)
  t.deepEqual(panic?.goVersions.length, 1)
})

test('--strict ends with 3 where a report is incomplete; an error is more than that', t => {
  const [path, broken] = [manyCores(1), join(odd, 'of-arm')]
  t.is(runCommand(['batch', path]).exitCode, 0)
  t.is(runCommand(['batch', path, '--strict']).exitCode, 3)
  t.is(runCommand(['batch', path, broken, '--strict']).exitCode, 1)
  t.is(runCommand(['batch', good, ...search, '--strict']).exitCode, 0)
})

test('where there is nothing to do, nothing is said on standard output', t => {
  const nothing = join(directory, 'nothing')
  mkdirSync(nothing)
  t.deepEqual(runCommand(['batch', nothing]), {stdout: '', stderr: 'gotrace-core: no cores found\n', exitCode: 0})
  t.deepEqual(runCommand(['batch', nothing, '--quiet']), {stdout: '', stderr: '', exitCode: 0})
  writeFileSync(join(nothing, 'notes.txt'), 'nothing is in this file')
  execFileSync('mkfifo', [join(nothing, 'pipe')])
  t.is(runCommand(['batch', nothing]).stderr, 'gotrace-core: no cores found; 2 passed over: 1 no core; 1 no file\n')
})

test('a pattern that matches nothing has a line, as a path that is not there', t => {
  const pattern = join(directory, 'no-such-core.*')
  const {stdout, exitCode} = runCommand(['batch', pattern])
  const [line] = parseLines<BatchLine>(t, stdout, 'batch')
  t.like(line, {path: pattern, error: {code: 'not-found', message: `${pattern}: the pattern matches nothing`}})
  t.is(exitCode, 1)
})

test('a reader that has seen enough ends the run in peace', t => {
  const {stdout, stderr} = runShell(`$RUN batch ${manyCores(50)} | head -1 | wc -l; echo "\${PIPESTATUS[0]}"`)
  t.deepEqual([stdout, stderr], ['1\n0\n', ''])
})

const wrong: readonly [title: string, args: readonly string[], exitCode: number, first: RegExp][] = [
  ['no path', [], 2, /Missing 1 required arg/],
  ['a program that is not there', [good, '-e', join(directory, 'nope')], 1, /nope: no such file$/],
  ['--resume without --output', [good, '--resume'], 2, /--output/],
  ['no jobs', [good, '-j', '0'], 2, /--jobs|-j/],
  ['a pattern that is none', ['x/[z-a]'], 2, /is no set of characters$/],
  ['an output that holds something else', [good, '-o', join(odd, 'notes.txt')], 2, /holds something else/],
  ['an output that cannot be written', [good, '-o', '/dev/full'], 2, /no space left/],
  ['an output in a folder that is not there', [good, '-o', join(directory, 'no/such/file')], 2, /no such file/],
]

for (const [title, args, exitCode, first] of wrong) {
  test(`${title} is refused in one line, with what to do in the next`, t => {
    const result = runCommand(['batch', ...args])
    t.is(result.stdout, '')
    const [what = '', advice = '', ...rest] = result.stderr.trimEnd().split('\n')
    t.regex(what, first)
    t.regex(advice, /^ {2}\S/)
    t.deepEqual([rest, result.exitCode], [[], exitCode])
  })
}

test('a process that aborts leaves no core where the crashes lie', async t => {
  const here = mkdtempSync(join(directory, 'here-'))
  writeFileSync(join(here, 'core'), 'of somebody else')
  const limited = `ulimit -c unlimited; exec ${process.execPath} ${entry} batch-worker`
  const worker = spawn('bash', ['-c', limited], {cwd: here, stdio: ['ignore', 'ignore', 'ignore', 'ipc']})
  const ended = new Promise<string>(done => worker.once('exit', (_code, signal) => done(signal ?? '')))
  await new Promise(ready => worker.once('message', ready))
  worker.kill('SIGABRT')
  t.is(await ended, 'SIGABRT')
  t.deepEqual(readdirSync(here), ['core'])
  t.is(readFileSync(join(here, 'core'), 'utf8'), 'of somebody else')
})

test('folders and files may be named from where one is', t => {
  const [sysroot, exe] = [basename(fault.sysroot), basename(fault.executable)]
  const {stdout, exitCode} = runCommand(['batch', 'core', '-e', exe, '--sysroot', sysroot], {cwd: fault.directory})
  t.is(exitCode, 0)
  t.is(parseLines<BatchLine>(t, stdout, 'batch')[0]?.completeness?.score, 1)
})

test('the other end of batch is not for users', t => {
  const {stdout, stderr, exitCode} = runCommand(['batch-worker'])
  t.deepEqual([stdout, exitCode], ['', 2])
  t.regex(stderr, /started by batch and worker alone/)
  t.notRegex(runCommand(['--help']).stdout, /batch-worker/)
})

test('from source it does the same', t => {
  const path = manyCores(2)
  const dev = join(dirname(entry), 'dev.js')
  const stdout = execFileSync(process.execPath, ['--import', 'tsx', dev, 'batch', path], {encoding: 'utf8'})
  t.is(parseLines(t, stdout, 'batch').length, 2)
})
