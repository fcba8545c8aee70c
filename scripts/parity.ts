// Holds our tracebacks against those of the Go runtime itself, character for character.
//
//   npm run parity                                        every program and mode with every installed release, crashed
//   anew
//   npx tsx scripts/parity.ts --go 1.22 --program cfault --mode segv [--variant pie] [-v]    only these
//   npx tsx scripts/parity.ts --cores fixtures/cores      the committed crashes
//   npx tsx scripts/parity.ts --live /tmp/crashes         crashes kept by scripts/fixtures.ts --live
//   --write puts the rows into the table of docs/go-versions.md, --keep keeps the crashes, -v prints every line that
//   differs.
import {existsSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import process from 'node:process'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'
import {build, type Executable, isBuildable, isToolPresent, labDirectory} from '../lab/build.ts'
import {type Comparison, type Count, compareCFrames, compareTracebacks} from '../lab/compare.ts'
import {crash, readHead} from '../lab/crash.ts'
import {fixtureNames, openFixture} from '../lab/fixtures.ts'
import {gotrace} from '../lab/gotrace.ts'
import {programs} from '../lab/programs.ts'
import {installedReleases, minorOf} from '../lab/toolchain.ts'
import {parseTraceback} from '../lab/traceback.ts'
import {findVariant} from '../lab/variants.ts'

const {values} = parseArgs({
  options: {
    go: {type: 'string', multiple: true},
    program: {type: 'string', multiple: true},
    mode: {type: 'string', multiple: true},
    variant: {type: 'string', multiple: true},
    cores: {type: 'string'},
    live: {type: 'string'},
    write: {type: 'boolean', default: false},
    keep: {type: 'boolean', default: false},
    verbose: {type: 'boolean', short: 'v', default: false},
  },
})

/** A crash to judge: where its core is and what the runtime printed. */
interface Subject {
  readonly release: string
  readonly program: string
  readonly mode: string
  readonly core: string
  readonly stderr: string
  readonly flags: readonly string[]
  readonly done: () => void
}

interface Row {
  readonly release: string
  readonly program: string
  cases: number
  failed: number
  readonly goroutines: Count
  readonly frames: Count
  readonly headers: Count
  readonly relay: Count
  readonly cFrames: Count
  readonly order: Count
  readonly crashHeader: Count
  readonly runtimeStack: Count
  readonly registers: Count
  extra: number
}

function wanted(list: string[] | undefined, value: string): boolean {
  return list === undefined || list.includes(value)
}

async function* crashedAnew(): AsyncGenerator<Subject> {
  for (const release of installedReleases().filter(name => wanted(values.go, name))) {
    for (const program of programs.filter(entry => wanted(values.program, entry.name) && isToolPresent(entry.needs))) {
      const variants = (values.variant ?? ['default']).filter(name => isBuildable(program, release, findVariant(name)))
      for (const variant of variants) {
        const executable = tryBuild(program.name, release, variant)
        if (executable) yield* crashModes(executable)
      }
    }
  }
}

function tryBuild(program: string, release: string, variant: string): Executable | undefined {
  try {
    return build(program, release, variant)
  } catch (error) {
    console.error(`go${release} ${program} ${variant}: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}

async function* crashModes(executable: Executable): AsyncGenerator<Subject> {
  const {program, variant, toolchain} = executable
  const {release} = toolchain
  const modes = program.modes.filter(
    mode => wanted(values.mode, mode.name) && minorOf(release) >= (mode.since ?? 0) && !mode.silent,
  )
  for (const mode of modes.filter(entry => entry.trigger !== 'gcore')) {
    const suffix = variant.name === 'default' ? '' : `-${variant.name}`
    const directory = join(labDirectory(), 'parity', release, `${program.name}-${mode.name}${suffix}`)
    const result = await crash(executable, mode.name, directory)
    if (result.corePath === undefined) {
      console.error(`go${release} ${program.name} ${mode.name}: no core: ${await readHead(result.stderrPath)}`)
      continue
    }
    yield {
      release,
      program: `${program.name}${suffix}`,
      mode: mode.name,
      core: result.corePath,
      stderr: readFileSync(result.stderrPath, 'utf8'),
      flags: [],
      done: () => {
        if (!values.keep) rmSync(directory, {recursive: true, force: true})
      },
    }
  }
}

async function* committed(): AsyncGenerator<Subject> {
  for (const name of fixtureNames()) {
    const fixture = await openFixture(name)
    const {program, mode, variant, trigger, go} = fixture.meta
    const release = /^go(1\.\d+)/.exec(go)?.[1] ?? go
    if (trigger === 'gcore' || !(wanted(values.go, release) && wanted(values.program, program))) continue
    if (!wanted(values.mode, mode)) continue
    const flags = ['-e', fixture.executable, '--sysroot', fixture.sysroot]
    const label = variant === 'default' ? program : `${program}-${variant}`
    yield {release, program: label, mode, core: fixture.core, stderr: fixture.stderr, flags, done: () => {}}
  }
}

async function* kept(root: string): AsyncGenerator<Subject> {
  for (const release of readdirSync(root).filter(name => wanted(values.go, name) && /^1\.\d+$/.test(name))) {
    for (const name of readdirSync(join(root, release)).sort()) {
      const subject = keptCase(release, name, join(root, release, name))
      if (subject) yield subject
    }
  }
}

/** A crash of the lab, where it is asked for and its runtime printed a traceback. */
function keptCase(release: string, name: string, directory: string): Subject | undefined {
  const [program = name, ...rest] = name.split('-')
  const mode = rest.join('-')
  if (!wanted(values.program, program) || !wanted(values.mode, mode)) return undefined
  const core = join(directory, 'core')
  if (!existsSync(core) || !existsSync(join(directory, 'stderr.txt'))) return undefined
  const stderr = readFileSync(join(directory, 'stderr.txt'), 'utf8')
  if (parseTraceback(stderr).blocks.length === 0) return undefined
  return {release, program, mode, core, stderr, flags: ['-e', join(directory, 'exe')], done: () => {}}
}

const report = ['analyze', '--traceback', 'crash', '--quiet']

function judge(subject: Subject, row: Row): void {
  row.cases++
  const result = gotrace([...report, subject.core, '--cgo-frames', 'none', ...subject.flags])
  const label = `go${subject.release} ${subject.program} ${subject.mode}`
  const want = parseTraceback(subject.stderr)
  const comparison = compareTracebacks(want, parseTraceback(result.stdout))
  if (result.exitCode !== 0) {
    row.failed++
    console.log(`${label}: exit ${result.exitCode}: ${result.stderr.trim().split('\n')[0] ?? ''}`)
  }
  const cFrames = compareC(subject, row)
  add(row, comparison)
  console.log(`${label}: ${describe(comparison)}${cFrames.of > 0 ? `  c-frames ${cFrames.ok}/${cFrames.of}` : ''}`)
  if (values.verbose) for (const line of comparison.differences) console.log(`    ${line}`)
}

/** Where the program has a symbolizer of its own, the runtime printed C frames too: ours must contain them. */
function compareC(subject: Subject, row: Row): Count {
  const want = parseTraceback(subject.stderr)
  if (compareCFrames(want, want).count.of === 0) return {ok: 0, of: 0}
  const result = gotrace([...report, subject.core, '--cgo-frames', 'auto', ...subject.flags])
  const {count, differences} = compareCFrames(want, parseTraceback(result.stdout))
  addCount(row.cFrames, count)
  if (values.verbose) for (const line of differences) console.log(`    ${line}`)
  return count
}

function describe(comparison: Comparison): string {
  const parts = [
    `goroutines ${fraction(comparison.goroutines)}`,
    `frames ${fraction(comparison.frames)}`,
    `headers ${fraction(comparison.headers)}`,
    `header-block ${comparison.crashHeader}`,
    `registers ${comparison.registers}`,
    `order ${comparison.order}`,
  ]
  if (comparison.runtimeStack !== 'none') parts.push(`runtime-stack ${comparison.runtimeStack}`)
  if (comparison.relay.of > 0) parts.push(`relay ${fraction(comparison.relay)}`)
  if (comparison.extra.length > 0) parts.push(`extra ${comparison.extra.length}`)
  return parts.join('  ')
}

function fraction(count: Count): string {
  return `${count.ok}/${count.of}`
}

function add(row: Row, comparison: Comparison): void {
  for (const key of ['goroutines', 'frames', 'headers', 'relay'] as const) addCount(row[key], comparison[key])
  for (const key of ['order', 'crashHeader', 'runtimeStack', 'registers'] as const) {
    if (comparison[key] !== 'none') addCount(row[key], {ok: comparison[key] === 'ok' ? 1 : 0, of: 1})
  }
  row.extra += comparison.extra.length
}

function addCount(total: Count, count: Count): void {
  total.ok += count.ok
  total.of += count.of
}

function emptyRow(release: string, program: string): Row {
  const zero = (): Count => ({ok: 0, of: 0})
  return {
    release,
    program,
    cases: 0,
    failed: 0,
    extra: 0,
    goroutines: zero(),
    frames: zero(),
    headers: zero(),
    relay: zero(),
    cFrames: zero(),
    order: zero(),
    crashHeader: zero(),
    runtimeStack: zero(),
    registers: zero(),
  }
}

function renderTable(rows: readonly Row[]): string {
  const head = ['Go', 'program', 'crashes', 'goroutines', 'frames', 'headers', 'crash header', 'runtime stack']
  const lines = [[...head, 'registers', 'order', 'other threads', 'C frames', 'extra', 'failed']]
  const cell = (count: Count): string => (count.of === 0 ? '–' : fraction(count))
  for (const row of rows) {
    const {goroutines, frames, headers, crashHeader, runtimeStack, registers, order, relay, cFrames} = row
    const counts = [goroutines, frames, headers, crashHeader, runtimeStack, registers, order, relay, cFrames]
    lines.push([
      row.release,
      row.program,
      String(row.cases),
      ...counts.map(cell),
      row.extra === 0 ? '–' : String(row.extra),
      row.failed === 0 ? '–' : String(row.failed),
    ])
  }
  lines.splice(1, 0, head.map(() => '---').concat(Array(6).fill('---')))
  return lines.map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

const startMark = '<!-- parity table: begin (written by a script, do not edit by hand) -->'
const endMark = '<!-- parity table: end -->'

/** Rows measured now replace those of the same release and program; the others stay. */
function writeTable(table: string): void {
  const path = join(dirname(fileURLToPath(import.meta.url)), '../docs/go-versions.md')
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '# Go versions\n'
  const start = text.indexOf(startMark)
  const end = text.indexOf(endMark)
  const marked = start >= 0 && end > start
  const before = marked ? text.slice(0, start) : `${text.trimEnd()}\n\n`
  const after = marked ? text.slice(end + endMark.length) : '\n'
  const [head = '', rule = '', ...rows] = table.split('\n')
  const merged = new Map(rowsOf(marked ? text.slice(start, end).split('\n') : []))
  for (const [key, row] of rowsOf(rows)) merged.set(key, row)
  const sorted = [...merged].sort(([a], [b]) => compareKeys(a, b)).map(([, row]) => row)
  writeFileSync(path, `${before}${[startMark, head, rule, ...sorted, endMark].join('\n')}${after}`)
}

/** Rows of a table by release and program. */
function rowsOf(lines: readonly string[]): [string, string][] {
  return lines.flatMap(line => {
    const [, release = '', program = ''] = line.split('|').map(cell => cell.trim())
    return /^1\.\d+$/.test(release) ? [[`${release} ${program}`, line] as [string, string]] : []
  })
}

function compareKeys(a: string, b: string): number {
  const [releaseA = '', programA = ''] = a.split(' ')
  const [releaseB = '', programB = ''] = b.split(' ')
  return minorOf(releaseA) - minorOf(releaseB) || programA.localeCompare(programB)
}

async function run(): Promise<void> {
  const rows = new Map<string, Row>()
  const subjects = values.cores ? committed() : values.live ? kept(values.live) : crashedAnew()
  for await (const subject of subjects) {
    const key = `${subject.release} ${subject.program}`
    const row = rows.get(key) ?? emptyRow(subject.release, subject.program)
    rows.set(key, row)
    judge(subject, row)
    subject.done()
  }
  const table = renderTable([...rows.values()])
  console.log(`\n${table}`)
  if (values.write) writeTable(table)
  const whole = [...rows.values()].every(row => row.failed === 0 && row.goroutines.ok === row.goroutines.of)
  process.exitCode = whole ? 0 : 1
}

await run()
