// What a core costs that goes through a queue: a worker and Debian's PostgreSQL on this machine, cores of three small
// programs, each the core of a process of its own.
//
//	npm run bench:fleet                     240 cores
//	npm run bench:fleet -- --cores 1000
//
// As root, with postgresql and time (apt-get). docs/scaling.md has what it said.
import {execFileSync} from 'node:child_process'
import {closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync} from 'node:fs'
import {cpus, loadavg, tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'
import {openFixture} from '../lab/fixtures.ts'
import {gotrace} from '../lab/gotrace.ts'
import {PostgresServer} from '../lab/postgres-server.ts'
import {measure} from './measure.ts'

const {values} = parseArgs({options: {cores: {type: 'string', default: '240'}}})
const PROGRAMS = ['cfault-segv-go1.27', 'gopanic-nil-go1.24', 'callback-deep-go1.27']
const SLOTS = 2
/** gABI, chapter 5; Linux, struct elf_prpsinfo: pr_pid is 24 bytes into the note. */
const [PT_NOTE, NT_PRPSINFO, PR_PID] = [4, 3, 24]
const CLOCK_TICKS = 100

const align = (size: number): number => Math.ceil(size / 4) * 4

/** Where a core says what its process ID was. */
function offsetOfPid(core: Buffer): number {
  for (let index = 0; index < core.readUInt16LE(56); index++) {
    const header = 64 + index * 56
    if (core.readUInt32LE(header) !== PT_NOTE) continue
    const start = Number(core.readBigUInt64LE(header + 8))
    const end = start + Number(core.readBigUInt64LE(header + 32))
    for (let note = start; note < end; ) {
      const [name, size, type] = [0, 4, 8].map(at => core.readUInt32LE(note + at)) as [number, number, number]
      const description = note + 12 + align(name)
      if (type === NT_PRPSINFO) return description + PR_PID
      note = description + align(size)
    }
  }
  throw new Error('no NT_PRPSINFO')
}

/** Seconds of processor time of a process with those that it has waited for (proc_pid_stat(5)). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / CLOCK_TICKS
}

const directory = mkdtempSync(join(tmpdir(), 'gotrace-fleet-bench-'))
const folder = join(directory, 'cores')
mkdirSync(folder)
const server = await PostgresServer.start()
try {
  const fixtures = await Promise.all(PROGRAMS.map(openFixture))
  const models = fixtures.map(({core}) => ({core, pidAt: offsetOfPid(readFileSync(core))}))
  const count = Number(values.cores)
  for (let index = 0; index < count; index++) {
    const {core, pidAt} = models[index % models.length] as (typeof models)[number]
    const copy = join(folder, `core.${index}`)
    execFileSync('cp', ['--sparse=always', core, copy])
    const pid = Buffer.alloc(4)
    pid.writeUInt32LE(100_000 + index)
    const file = openSync(copy, 'r+')
    writeSync(file, pid, 0, 4, pidAt)
    closeSync(file)
  }
  const postgres = (): number => cpuSeconds(server.pid)
  const program = join(dirname(fileURLToPath(import.meta.url)), '../bin/run.cjs')
  const put = measure([process.execPath, program, 'batch', folder, '--queue', server.url, '--quiet'])
  const before = postgres()
  const sysroots = fixtures.flatMap(({sysroot}) => ['--sysroot', sysroot])
  const work = ['worker', '--queue', server.url, '--until-empty', '--jobs', String(SLOTS), ...sysroots]
  const run = measure([process.execPath, program, ...work])
  const database = postgres() - before
  const results = Number(server.sql('SELECT count(*) FROM gotrace_core.core WHERE error IS NULL'))
  if (results !== count) throw new Error(`${results} results of ${count} cores`)
  const sizeOf = (schema: string): number =>
    Number(
      server.sql(`SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = '${schema}' AND c.relkind = 'r'`),
    )
  const bytes = (schema: string): string => `${Math.round(sizeOf(schema) / count)} bytes`
  const list = measure([process.execPath, program, 'triage', 'list', '--store', server.url])
  const alone = gotrace(['--version']).stdout.trim()
  const each = (total: number): string => ((total / count) * 1000).toFixed(1)
  console.log(`${alone}; ${count} cores; ${cpus().length} × ${cpus()[0]?.model}; load ${loadavg()[0]?.toFixed(1)}`)
  console.log(`put in:    ${each(put.cpuSeconds)} ms of processor time a core`)
  console.log(`worker:    ${each(run.cpuSeconds)} ms of processor time a core, the largest process ${run.kilobytes} kB`)
  console.log(`           ${(count / run.seconds).toFixed(1)} cores a second, ${SLOTS} at a time`)
  console.log(
    `database:  ${each(database)} ms of processor time a core; store ${bytes('gotrace_core')}, queue ${bytes('gotrace_queue')}`,
  )
  console.log(`triage list: ${list.cpuSeconds.toFixed(2)} s`)
} finally {
  server.close()
  rmSync(directory, {recursive: true, force: true})
}
