// Builds the programs of fixtures/programs, crashes them and keeps what is left.
//
//   npx tsx scripts/fixtures.ts [--new]                           the committed selection, into fixtures/cores; only
//   what is not there
//   npx tsx scripts/fixtures.ts --go 1.27 --program cfault --mode segv [--variant pie]   only these (all repeatable)
//   npx tsx scripts/fixtures.ts --all --live /tmp/lab             every mode, uncompressed, into
//   /tmp/lab/<release>/<program>-<mode>
import {execFileSync} from 'node:child_process'
import {mkdirSync} from 'node:fs'
import {basename, join} from 'node:path'
import process from 'node:process'
import {parseArgs} from 'node:util'
import {build, type Executable, isBuildable, labDirectory} from '../lab/build.ts'
import {hasCase, keepCase, nameOfCase, neededFiles} from '../lab/case-store.ts'
import {type Crash, crash, readHead} from '../lab/crash.ts'
import {type Mode, programs} from '../lab/programs.ts'
import {selection} from '../lab/selection.ts'
import {installedReleases, minorOf} from '../lab/toolchain.ts'
import {findVariant} from '../lab/variants.ts'

const {values} = parseArgs({
  options: {
    go: {type: 'string', multiple: true},
    program: {type: 'string', multiple: true},
    mode: {type: 'string', multiple: true},
    variant: {type: 'string', multiple: true},
    all: {type: 'boolean', default: false},
    new: {type: 'boolean', default: false},
    live: {type: 'string'},
  },
})

interface Wanted {
  readonly release: string
  readonly program: string
  readonly mode: Mode
  readonly variant: string
}

function* everything(): Generator<Wanted> {
  for (const release of installedReleases()) {
    for (const program of programs) {
      for (const variant of values.variant ?? ['default']) {
        if (!isBuildable(program, release, findVariant(variant))) continue
        for (const mode of program.modes) yield {release, program: program.name, mode, variant}
      }
    }
  }
}

function chosen(wanted: Wanted): boolean {
  const among = (list: string[] | undefined, value: string): boolean => list === undefined || list.includes(value)
  return (
    among(values.go, wanted.release) &&
    among(values.program, wanted.program) &&
    among(values.mode, wanted.mode.name) &&
    (values.variant === undefined || values.variant.includes(wanted.variant)) &&
    minorOf(wanted.release) >= (wanted.mode.since ?? 0)
  )
}

function isKept(wanted: Wanted): boolean {
  return hasCase(nameOfCase(wanted.program, wanted.mode.name, wanted.release, wanted.variant))
}

async function run(): Promise<number> {
  let failures = 0
  let current: {key: string; executable: Executable} | undefined
  const source = values.all || values.program !== undefined ? everything() : selection()
  for (const wanted of source) {
    if (!chosen(wanted) || (values.new && isKept(wanted))) continue
    const {release, program, variant, mode} = wanted
    const label = `go${release} ${program} ${mode.name} ${variant}`
    try {
      const key = `${release} ${program} ${variant}`
      if (current?.key !== key) current = {key, executable: build(program, release, variant)}
      console.log(`${label}: ${await make(current.executable, mode.name, release, variant)}`)
    } catch (error) {
      failures++
      console.error(`${label}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return failures
}

async function make(executable: Executable, mode: string, release: string, variant: string): Promise<string> {
  const suffix = variant === 'default' ? '' : `-${variant}`
  const name = `${executable.program.name}-${mode}${suffix}`
  const directory = values.live ? join(values.live, release, name) : join(labDirectory(), 'runs', release, name)
  const result = await crash(executable, mode, directory)
  if (result.corePath === undefined) {
    throw new Error(`no core (exit ${result.exitCode}, ${result.signal}): ${await readHead(result.stderrPath)}`)
  }
  if (values.live === undefined) return keepCase(result)
  layOut(result, directory)
  return directory
}

/** A live case for the hand: core, exe and the private libraries side by side, uncompressed. */
function layOut(result: Crash, directory: string): void {
  mkdirSync(directory, {recursive: true})
  const [executable, ...libraries] = neededFiles(result)
  if (executable !== undefined) execFileSync('cp', [executable, join(directory, 'exe')])
  if (result.corePath !== undefined && basename(result.corePath) !== 'core') {
    execFileSync('mv', [result.corePath, join(directory, 'core')])
  }
  for (const library of libraries.filter(path => path.startsWith(labDirectory()))) {
    execFileSync('cp', [library, directory])
  }
}

process.exitCode = (await run()) === 0 ? 0 : 1
