// How long and how large: gotrace-core beside Delve, gdb, eu-stack and symbolizers, on the same files in one run.
//
//	npm run bench                       all cores but the largest; rounds are interleaved, medians compared
//	npm run bench -- --rounds 11 --only small --only crowd-10000
//	npm run bench -- --only crowd-1000000
//	npm run bench -- --write            the tables go into bench/RESULTS.md, the numbers into bench/results/
//
// Peers that are not installed are named: apt-get install delve gdb elfutils llvm binutils libc6-dbg time zstd.
// Delve of Debian sid is put beside once, without being installed: npm run bench -- --fetch-delve. The Go release is
// --go, by default 1.24; scripts/go-toolchains.sh 1.24 installs it.
import {execFileSync} from 'node:child_process'
import {mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {cpus, loadavg} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'
import {type Contestant, installed, missingPeers} from './contestants.ts'
import {type BenchInput, forgetPages} from './cores.ts'
import {fetchDelve, newestDelve} from './delve.ts'
import {type Measure, measure, median} from './measure.ts'
import {SUBJECTS, type Subject} from './subjects.ts'

const {values} = parseArgs({
  options: {
    rounds: {type: 'string', default: '7'},
    only: {type: 'string', multiple: true},
    go: {type: 'string', default: '1.24'},
    write: {type: 'boolean', default: false},
    'fetch-delve': {type: 'boolean', default: false},
  },
})

const here = dirname(fileURLToPath(import.meta.url))
const LARGE_CORE = 1e9

interface Row {
  contestant: string
  runs: Measure[]
}

/** What is kept of one subject: the numbers of every run. */
interface Result {
  name: string
  what: string
  goal: string | undefined
  bytes: number
  machine: string
  versions: string
  /** Of the last minute, when it began: medians of a busy machine are not those of a quiet one. */
  load: number
  rows: Row[]
}

function runSubject(core: BenchInput, subject: Subject, asked: number): Row[] {
  const present = [...subject.ours, ...installed(subject.peers)]
  const rows = present.map(({name}): Row => ({contestant: name, runs: []}))
  const rounds = Math.min(asked, subject.roundsMax ?? asked)
  // A run each that does not count: page cache, code cache.
  if (rounds > 1) for (const contestant of present) runOnce(contestant, core, subject)
  for (let round = 0; round < rounds; round++) {
    present.forEach((contestant, index) => {
      rows[index]?.runs.push(runOnce(contestant, core, subject))
    })
  }
  return rows
}

function runOnce(contestant: Contestant, core: BenchInput, {isCold}: Subject): Measure {
  if (isCold) forgetPages(core.core)
  return measure(contestant.command(core), core.input)
}

/** The ratios are ours to each of the others. */
function table({name, what, goal, bytes, load, rows}: Result): string {
  const [ours] = rows
  const aim = goal === undefined ? '' : `; goal: ${goal}`
  const lines = [
    `### ${name}: ${what} (${Math.round(bytes / 1e6)} MB)`,
    '',
    `${ours?.runs.length} interleaved rounds; load of the machine ${load.toFixed(1)}${aim}`,
    '',
    '| tool | CPU (median) | CPU (least) | wall (median) | peak memory | our CPU / its | our wall / its |',
    '| --- | --- | --- | --- | --- | --- | --- |',
  ]
  const cpu = (row: Row | undefined) => median(row?.runs.map(run => run.cpuSeconds) ?? [])
  const wall = (row: Row | undefined) => median(row?.runs.map(run => run.seconds) ?? [])
  for (const row of rows) {
    const ratio = (of: typeof cpu) => (row === ours ? '' : (of(ours) / of(row)).toFixed(2))
    const least = Math.min(...row.runs.map(run => run.cpuSeconds))
    const memory = Math.max(...row.runs.map(run => run.kilobytes))
    const cells = [row.contestant, ms(cpu(row)), ms(least), ms(wall(row)), `${(memory / 1000).toFixed(0)} MB`]
    lines.push(`| ${[...cells, ratio(cpu), ratio(wall)].join(' | ')} |`)
  }
  return lines.join('\n')
}

function ms(seconds: number): string {
  return `${(seconds * 1000).toFixed(0)} ms`
}

function versionOf(command: string, args: readonly string[]): string {
  try {
    const text = execFileSync(command, args, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']})
    return /\d+\.\d+(\.\d+)?/.exec(text)?.[0] ?? 'unknown'
  } catch {
    return 'not installed'
  }
}

if (values['fetch-delve']) fetchDelve()

const versions = [
  `Node ${process.versions.node}`,
  `Go ${values.go}`,
  `Delve ${versionOf(newestDelve() ?? 'dlv', ['version'])}`,
  `gdb ${versionOf('gdb', ['--version'])}`,
  `elfutils ${versionOf('eu-stack', ['--version'])}`,
  `LLVM ${versionOf('llvm-symbolizer', ['--version'])}`,
  `binutils ${versionOf('addr2line', ['--version'])}`,
].join(', ')
const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`
console.log(`${machine}; ${versions}`)
if (missingPeers().length > 0) console.log(`not installed: ${missingPeers().join(', ')}`)

const resultsDirectory = join(here, 'results')
for (const subject of SUBJECTS) {
  if (values.only ? !values.only.includes(subject.name) : subject.isLarge) continue
  const core = subject.prepare(values.go)
  const [load = 0] = loadavg()
  const rows = runSubject(core, subject, Math.max(1, Number(values.rounds)))
  const {name, what, goal} = subject
  const result: Result = {name, what, goal, bytes: core.size, machine, versions, load, rows}
  console.log(`\n${table(result)}`)
  if (core.size > LARGE_CORE) rmSync(core.directory, {recursive: true, force: true})
  if (!values.write) continue
  mkdirSync(resultsDirectory, {recursive: true})
  writeFileSync(join(resultsDirectory, `${name}.json`), `${JSON.stringify(result)}\n`)
}

/** Of all subjects that were ever written, in their order. */
function writeTables(): void {
  const written = new Set(readdirSync(resultsDirectory))
  const results = SUBJECTS.filter(({name}) => written.has(`${name}.json`)).map(
    ({name}): Result => JSON.parse(readFileSync(join(resultsDirectory, `${name}.json`), 'utf8')),
  )
  const parts = results.map(result => `${table(result)}\n\n${result.machine}; ${result.versions}`)
  const head = '# Results\n\nMade by `npm run bench -- --write`; the numbers of every run are in `results/`.'
  writeFileSync(join(here, 'RESULTS.md'), `${[head, ...parts].join('\n\n')}\n`)
}

if (values.write) writeTables()
