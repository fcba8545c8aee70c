// Holds our tracebacks at each level of GOTRACEBACK against the runtime's. Only the level `crash` leaves a core, so each
// program runs twice: once at the level, for the runtime's text, and once at `crash`, for the core that
// `analyze --traceback LEVEL` reads. Addresses differ between the two runs and are left out.
//
//   npx tsx scripts/parity-levels.ts [--go 1.27] [--program gopanic] [--mode nil] [--level single] [-v]
import {readFileSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {parseArgs} from 'node:util'
import {build, labDirectory} from './lab/build.ts'
import {compareTracebacks} from './lab/compare.ts'
import {crash} from './lab/crash.ts'
import {gotrace} from './lab/gotrace.ts'
import {installedReleases} from './lab/toolchain.ts'
import {parseTraceback, withoutAddresses} from './lab/traceback.ts'

const {values} = parseArgs({
  options: {
    go: {type: 'string', multiple: true},
    program: {type: 'string', multiple: true},
    mode: {type: 'string', multiple: true},
    level: {type: 'string', multiple: true},
    verbose: {type: 'boolean', short: 'v', default: false},
  },
})

const subjects: Readonly<Record<string, readonly string[]>> = {
  gopanic: ['panic', 'nil', 'error', 'nested', 'fault', 'unlock', 'mapwrite', 'goroutine', 'recurse200', 'goexitpanic'],
  cfault: ['segv', 'abort', 'locked'],
  callback: ['deep', 'panic'],
  blocked: ['fault', 'panic', 'quit'],
  shapes: ['wrapper', 'closures', 'inlined', 'overflow'],
  deadlock: ['main', 'goexit'],
}
const levels = values.level ?? ['none', 'single', 'all', 'system']

const total = {ok: 0, of: 0}

async function compareLevels(release: string, program: string, mode: string): Promise<void> {
  const executable = build(program, release)
  const directory = join(labDirectory(), 'levels', release, `${program}-${mode}`)
  const dead = await crash(executable, mode, join(directory, 'crash'))
  for (const level of levels) {
    const text = await crash(executable, mode, join(directory, level), {traceback: level})
    const label = `go${release} ${program} ${mode} ${level}`
    const result = gotrace(['analyze', dead.corePath ?? '', '--traceback', level, '--cgo-frames', 'none', '--quiet'])
    const want = parseTraceback(withoutAddresses(readFileSync(text.stderrPath, 'utf8')))
    const {differences} = compareTracebacks(want, parseTraceback(withoutAddresses(result.stdout)))
    total.of++
    if (differences.length === 0 && result.exitCode === 0) total.ok++
    console.log(
      `${label}: ${result.exitCode !== 0 ? `exit ${result.exitCode}` : differences.length === 0 ? 'ok' : 'diff'}`,
    )
    if (values.verbose) for (const line of differences) console.log(`    ${line}`)
  }
  rmSync(directory, {recursive: true, force: true})
}

for (const release of installedReleases().filter(name => values.go?.includes(name) ?? true)) {
  for (const [program, modes] of Object.entries(subjects)) {
    if (!(values.program?.includes(program) ?? true)) continue
    for (const mode of modes.filter(name => values.mode?.includes(name) ?? true)) {
      await compareLevels(release, program, mode)
    }
  }
}
console.log(`equal at their level: ${total.ok}/${total.of}`)
process.exitCode = total.ok === total.of ? 0 : 1
