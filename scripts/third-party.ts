// Holds our tracebacks of other people's programs against what their runtimes printed.
//
//   npm run compare:third-party                          the programs below, as the distribution packages them
//   npx tsx scripts/third-party.ts --root DIR            looked for below DIR/*/usr/bin first (packages unpacked with
//   dpkg-deb -x)
//   npx tsx scripts/third-party.ts --program caddy --signal SIGSEGV --keep -v
import {type ChildProcess, execFileSync, spawn} from 'node:child_process'
import {existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {delimiter, join} from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {parseArgs} from 'node:util'
import {compareTracebacks} from '../lab/compare.ts'
import {checkCorePattern} from '../lab/crash.ts'
import {gotrace} from '../lab/gotrace.ts'
import {parseTraceback} from '../lab/traceback.ts'

interface Subject {
  readonly name: string
  readonly arguments: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** Programs that run on until they are killed, in an empty directory, without rights. */
const SUBJECTS: readonly Subject[] = [
  {name: 'caddy', arguments: ['file-server', '--listen', '127.0.0.1:38080']},
  {name: 'containerd', arguments: ['--root', 'root', '--state', 'state', '--address', 'containerd.sock']},
  {name: 'etcd', arguments: ['--data-dir', 'data']},
  {name: 'prometheus', arguments: ['--config.file', 'prometheus.yml', '--web.listen-address', '127.0.0.1:38090']},
  {name: 'prometheus-node-exporter', arguments: ['--web.listen-address', '127.0.0.1:38091']},
  {name: 'rclone', arguments: ['rcd', '--rc-no-auth', '--rc-addr', '127.0.0.1:38092']},
  // Without a monitor process of its own.
  {
    name: 'syncthing',
    arguments: ['serve', '--no-browser', '--home', 'home', '--no-restart', '--skip-port-probing'],
    environment: {STMONITORED: 'yes'},
  },
]
const SIGNALS = ['SIGABRT', 'SIGSEGV', 'gcore'] as const
const START_SECONDS = 4

const {values} = parseArgs({
  options: {
    root: {type: 'string', multiple: true, default: []},
    program: {type: 'string', multiple: true},
    signal: {type: 'string', multiple: true},
    keep: {type: 'boolean', default: false},
    verbose: {type: 'boolean', short: 'v', default: false},
  },
})

function findProgram(name: string): string | undefined {
  const unpacked = values.root.flatMap(root => readdirSync(root).map(entry => join(root, entry, 'usr/bin')))
  const directories = [...unpacked, ...(process.env.PATH ?? '').split(delimiter)]
  return directories.map(directory => join(directory, name)).find(path => existsSync(path))
}

interface Death {
  readonly core: string | undefined
  readonly stderr: string
}

async function kill(
  path: string,
  subject: Subject,
  signal: (typeof SIGNALS)[number],
  directory: string,
): Promise<Death> {
  execFileSync('sh', ['-c', 'echo "global: {}" > prometheus.yml'], {cwd: directory})
  const stderrPath = join(directory, 'stderr.txt')
  const child = spawn('prlimit', ['--core=unlimited', path, ...subject.arguments], {
    cwd: directory,
    env: {PATH: '/usr/bin:/bin', HOME: directory, GOTRACEBACK: 'crash', ...subject.environment},
    stdio: ['pipe', 'ignore', openSync(stderrPath, 'w')],
  })
  const ended = new Promise<void>(resolve => child.on('exit', () => resolve()))
  await Promise.race([ended, sleep(START_SECONDS * 1000)])
  if (signal === 'gcore') takeCore(child, directory)
  else child.kill(signal)
  await Promise.race([ended, sleep(30_000)])
  child.kill('SIGKILL')
  const name = readdirSync(directory).find(entry => /^core(\.\d+)?$/.test(entry))
  return {core: name === undefined ? undefined : join(directory, name), stderr: readFileSync(stderrPath, 'utf8')}
}

function takeCore(child: ChildProcess, directory: string): void {
  try {
    execFileSync('gcore', ['-o', join(directory, 'core'), String(child.pid)], {stdio: 'ignore', timeout: 120_000})
    execFileSync('fallocate', ['--dig-holes', join(directory, `core.${child.pid}`)])
  } catch {
    console.error(`${child.spawnfile}: gcore made no core of it`)
  } finally {
    child.kill('SIGKILL')
  }
}

/** One line on how our report of a core stands; false where something differs. */
function judge(label: string, path: string, {core, stderr}: Death): boolean {
  if (core === undefined) {
    console.log(`${label}: no core: ${stderr.trim().split('\n')[0] ?? ''}`)
    return false
  }
  const begun = performance.now()
  const result = gotrace(['analyze', core, '-e', path, '--traceback', 'crash', '--cgo-frames', 'none'])
  const seconds = ((performance.now() - begun) / 1000).toFixed(2)
  const size = `${Math.round(statSync(path).size / 1e6)} MB executable, ${seconds} s`
  const want = parseTraceback(stderr)
  const got = parseTraceback(result.stdout)
  if (want.blocks.length === 0) {
    const bare = got.blocks.filter(({lines}) => lines.length === 0).length
    console.log(`${label}: ${got.blocks.length} goroutines, ${bare} of them without frames; ${size}`)
    return result.exitCode === 0 && got.blocks.length > 0 && bare === 0
  }
  const comparison = compareTracebacks(want, got)
  const {goroutines, frames, headers, order, crashHeader, registers, extra, differences} = comparison
  const counts = [goroutines, frames, headers].map(({ok, of}) => `${ok}/${of}`)
  console.log(
    `${label}: goroutines ${counts[0]}  frames ${counts[1]}  headers ${counts[2]}  header-block ${crashHeader}  ` +
      `registers ${registers}  order ${order}  extra ${extra.length}; ${size}`,
  )
  if (values.verbose) for (const line of differences) console.log(`    ${line}`)
  return result.exitCode === 0 && goroutines.ok === goroutines.of
}

async function run(): Promise<void> {
  checkCorePattern()
  const root = mkdtempSync(join(tmpdir(), 'gotrace-third-party-'))
  let whole = true
  for (const subject of SUBJECTS.filter(({name}) => values.program?.includes(name) ?? true)) {
    const path = findProgram(subject.name)
    if (path === undefined) {
      console.log(`${subject.name}: not installed`)
      continue
    }
    for (const signal of SIGNALS.filter(name => values.signal?.includes(name) ?? true)) {
      const directory = join(root, `${subject.name}-${signal}`)
      mkdirSync(directory)
      const death = await kill(path, subject, signal, directory)
      whole = judge(`${subject.name} ${signal}`, path, death) && whole
      if (!values.keep) rmSync(directory, {recursive: true, force: true})
    }
  }
  if (values.keep) console.log(root)
  else rmSync(root, {recursive: true, force: true})
  process.exitCode = whole ? 0 : 1
}

await run()
