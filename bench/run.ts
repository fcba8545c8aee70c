// How long and how large: gotrace-core beside Delve, gdb and eu-stack, on the same cores in one run.
//
//   npm run bench                       all cores; rounds are interleaved, medians compared
//   npm run bench -- --rounds 11 --only small --only crowd-10000
//   npm run bench -- --write            the tables go into bench/RESULTS.md too
//
// Peers that are not installed are left out: apt-get install delve gdb elfutils time zstd. The Go release is the newest
// that Delve of that release accepts (--go, default 1.24; scripts/go-toolchains.sh 1.24 installs it).
import {execFileSync} from 'node:child_process'
import {rmSync, writeFileSync} from 'node:fs'
import {cpus} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'
import {type Contestant, contestants} from './contestants.ts'
import {type BenchCore, buildCrowd, makeCore} from './cores.ts'
import {type Measure, measure, median} from './measure.ts'

const {values} = parseArgs({
  options: {
    rounds: {type: 'string', default: '7'},
    only: {type: 'string', multiple: true},
    go: {type: 'string', default: '1.24'},
    write: {type: 'boolean', default: false},
    million: {type: 'boolean', default: false},
  },
})

interface Subject {
  name: string
  goroutines: number
  megabytes: number
  compressed?: boolean
  /** Peers take minutes here: we run alone. */
  alone?: boolean
}

const subjects: readonly Subject[] = [
  {name: 'small', goroutines: 4, megabytes: 1},
  {name: 'small-zst', goroutines: 4, megabytes: 1, compressed: true},
  {name: 'crowd-10000', goroutines: 10_000, megabytes: 1},
  {name: 'crowd-10000-heap', goroutines: 10_000, megabytes: 2000},
  {name: 'crowd-100000', goroutines: 100_000, megabytes: 1, alone: true},
  ...(values.million ? [{name: 'crowd-1000000', goroutines: 1_000_000, megabytes: 1, alone: true}] : []),
]

interface Row {
  contestant: string
  seconds: Measure[]
}

function runSubject(core: BenchCore, subject: Subject, rounds: number): Row[] {
  const present = contestants().filter(({isPeer}) => !(isPeer && (subject.alone || subject.compressed)))
  const rows = present.map(({name}): Row => ({contestant: name, seconds: []}))
  // One run each that does not count: page cache, code cache.
  for (const contestant of present) runOnce(contestant, core)
  for (let round = 0; round < rounds; round++) {
    present.forEach((contestant, index) => {
      rows[index]?.seconds.push(runOnce(contestant, core))
    })
  }
  return rows
}

function runOnce(contestant: Contestant, core: BenchCore): Measure {
  const [command = '', ...args] = contestant.command(core)
  return measure(command, args)
}

function table(subject: Subject, core: BenchCore, rows: readonly Row[]): string {
  const ours = rows.find(({contestant}) => contestant === 'gotrace-core')
  const own = median(ours?.seconds.map(({seconds}) => seconds) ?? [])
  const lines = [
    `### ${subject.name}: ${subject.goroutines.toLocaleString('en')} goroutines, core of ${Math.round(core.size / 1e6)} MB`,
    '',
    '| tool | wall (median) | cpu (median) | peak memory | gotrace-core / it |',
    '| --- | --- | --- | --- | --- |',
  ]
  for (const {contestant, seconds} of rows) {
    const wall = median(seconds.map(run => run.seconds))
    const cpu = median(seconds.map(run => run.cpuSeconds))
    const memory = Math.max(...seconds.map(run => run.kilobytes))
    const ratio = contestant === 'gotrace-core' ? '' : (own / wall).toFixed(2)
    lines.push(
      `| ${contestant} | ${(wall * 1000).toFixed(0)} ms | ${(cpu * 1000).toFixed(0)} ms | ${(memory / 1000).toFixed(0)} MB | ${ratio} |`,
    )
  }
  return lines.join('\n')
}

function versionOf(command: string, args: readonly string[]): string {
  try {
    const text = execFileSync(command, args, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']})
    return /\d+\.\d+(\.\d+)?/.exec(text)?.[0] ?? 'unknown'
  } catch {
    return 'not installed'
  }
}

const rounds = Math.max(1, Number(values.rounds))
const versions = [
  `Node ${process.versions.node}`,
  `Go ${values.go}`,
  `Delve ${versionOf('dlv', ['version'])}`,
  `gdb ${versionOf('gdb', ['--version'])}`,
  `elfutils ${versionOf('eu-stack', ['--version'])}`,
].join(', ')
const parts = [`${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}; ${versions}; ${rounds} interleaved rounds`]
console.log(parts[0])
const executable = buildCrowd(values.go)
for (const subject of subjects) {
  if (values.only && !values.only.includes(subject.name)) continue
  const core = makeCore(executable, subject)
  const text = table(
    subject,
    core,
    runSubject(core, subject, subject.goroutines > 50_000 ? Math.min(rounds, 3) : rounds),
  )
  console.log(`\n${text}`)
  parts.push(text)
  if (subject.megabytes > 100 || subject.goroutines > 100_000) rmSync(core.directory, {recursive: true, force: true})
}
if (values.write) {
  const path = join(dirname(fileURLToPath(import.meta.url)), 'RESULTS.md')
  writeFileSync(path, `# Results\n\nMade by \`npm run bench -- --write\`.\n\n${parts.join('\n\n')}\n`)
}
