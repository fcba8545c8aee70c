// Holds our tracebacks at each level of GOTRACEBACK against the runtime's, character for character. Only the level
// `crash` leaves a core, so each program runs under gdb, which takes one when the runtime exits.
//
//   npx tsx scripts/parity-levels.ts [--go 1.27] [--program gopanic] [--mode nil] [--level single] [-v]
import {readFileSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {parseArgs} from 'node:util'
import {build, type Executable, labDirectory} from '../lab/build.ts'
import {compareTracebacks} from '../lab/compare.ts'
import {gotrace} from '../lab/gotrace.ts'
import {crashAtLevel} from '../lab/level-crash.ts'
import {installedReleases} from '../lab/toolchain.ts'
import {parseTraceback} from '../lab/traceback.ts'

const {values} = parseArgs({
  options: {
    go: {type: 'string', multiple: true},
    program: {type: 'string', multiple: true},
    mode: {type: 'string', multiple: true},
    level: {type: 'string', multiple: true},
    keep: {type: 'boolean', default: false},
    verbose: {type: 'boolean', short: 'v', default: false},
  },
})

const subjects: Readonly<Record<string, readonly string[]>> = {
  gopanic: ['panic', 'nil', 'error', 'nested', 'fault', 'unlock', 'mapwrite', 'goroutine', 'recurse200', 'goexitpanic'],
  cfault: ['segv', 'abort', 'locked'],
  callback: ['deep', 'panic'],
  blocked: ['fault', 'panic'],
  shapes: ['wrapper', 'closures', 'inlined', 'overflow'],
  deadlock: ['main', 'goexit'],
}
const levels = values.level ?? ['none', 'single', 'all', 'system']

const total = {ok: 0, of: 0}

function compareLevel(executable: Executable, mode: string, level: string): void {
  const {program, toolchain} = executable
  const directory = join(labDirectory(), 'levels', toolchain.release, `${program.name}-${mode}-${level}`)
  const dead = crashAtLevel(executable, mode, level, directory)
  const label = `go${toolchain.release} ${program.name} ${mode} ${level}`
  const result = gotrace(['analyze', dead.corePath, '--traceback', level, '--cgo-frames', 'none', '--quiet'])
  const want = parseTraceback(readFileSync(dead.stderrPath, 'utf8'))
  const {differences} = compareTracebacks(want, parseTraceback(result.stdout))
  total.of++
  if (differences.length === 0 && result.exitCode === 0) total.ok++
  console.log(
    `${label}: ${result.exitCode !== 0 ? `exit ${result.exitCode}` : differences.length === 0 ? 'ok' : 'diff'}`,
  )
  if (values.verbose) for (const line of differences) console.log(`    ${line}`)
  if (!values.keep) rmSync(directory, {recursive: true, force: true})
}

for (const release of installedReleases().filter(name => values.go?.includes(name) ?? true)) {
  for (const [program, modes] of Object.entries(subjects)) {
    if (!(values.program?.includes(program) ?? true)) continue
    for (const mode of modes.filter(name => values.mode?.includes(name) ?? true)) {
      for (const level of levels) compareLevel(build(program, release), mode, level)
    }
  }
}
console.log(`equal at their level: ${total.ok}/${total.of}`)
process.exitCode = total.ok === total.of ? 0 : 1
