// What each command prints for the committed crashes, as plain text beside this file.
import test from 'ava'
import {compareCFrames, compareTracebacks} from '../../lab/compare.ts'
import {type Fixture, fixtureNames, openFixture} from '../../lab/fixtures.ts'
import {parseTraceback} from '../../lab/traceback.ts'
import {printedReport} from '../support/printed-report.ts'
import {type RunResult, runCommand} from '../support/run-command.ts'
import {matchGolden, withoutPlaces} from './golden-file.ts'

const commands = [
  'analyze',
  'cgo',
  'collect',
  'completion',
  'goroutines',
  'info',
  'symbolize',
  'threads',
  'batch',
  'minimise',
  'pack',
  'diff',
  'serve',
  'worker',
]
const known = runCommand(['--help']).stdout
const present = commands.filter(name => new RegExp(`^ {2}${name} `, 'm').test(known))

test('the commands are explained', t => {
  matchGolden(t, 'help/gotrace-core.txt', withoutPlaces(known, {}))
})

const ofTriage = ['dead', 'list', 'show', 'mark', 'diff', 'export'].map(name => `triage ${name}`)
const ofSymbols = ['push', 'pull'].map(name => `symbols ${name}`)

for (const command of [...present, 'triage', ...ofTriage, 'symbols', ...ofSymbols]) {
  test(`${command} is explained`, t => {
    const {stdout, exitCode} = runCommand([...command.split(' '), '--help'])
    t.is(exitCode, 0)
    matchGolden(t, `help/${command.replace(' ', '-')}.txt`, withoutPlaces(stdout, {}))
  })
}

function run(fixture: Fixture, command: string, args: readonly string[] = []): RunResult {
  return runCommand([command, fixture.core, '-e', fixture.executable, '--sysroot', fixture.sysroot, ...args])
}

function places(fixture: Fixture): Record<string, string> {
  return {[fixture.directory]: 'CASE'}
}

for (const name of fixtureNames()) {
  test(`${name}: the report`, async t => {
    const fixture = await openFixture(name)
    const {stdout, stderr, exitCode} = run(fixture, 'analyze')
    t.is(exitCode, 0, stderr)
    const notes = stderr === '' ? '' : `\n--- standard error ---\n${stderr}`
    matchGolden(t, `analyze/${name}.txt`, withoutPlaces(stdout + notes, places(fixture)))
  })

  test(`${name}: without C frames it is what the runtime printed, with them it has all that the runtime's symbolizer found`, async t => {
    const fixture = await openFixture(name)
    const want = parseTraceback(fixture.stderr)
    // A core that gdb took of a living process comes without a traceback.
    // Where a handler of C dies, the runtime tells of that alone; we tell of the fault that came first.
    if (fixture.meta.mode === 'before-abort' || fixture.meta.program === 'handled') return t.pass()
    // Registers that a hook wrote over are not shown; nor, from 1.26 on, the words of a stack at a pc of C.
    if (fixture.meta.mode === 'old-hook-all' || /^thin-no-thread.*-go1\.27/.test(name)) return t.pass()
    if (fixture.meta.trigger === 'gcore' || want.blocks.length === 0) return t.pass()
    const plain = await printedReport(fixture, {traceback: 'crash', cgoFrames: 'none'})
    t.deepEqual(compareTracebacks(want, parseTraceback(plain)).differences, [])
    if (compareCFrames(want, want).count.of === 0) return
    const full = await printedReport(fixture, {traceback: 'crash'})
    t.deepEqual(compareCFrames(want, parseTraceback(full)).differences, [])
  })
}

/** Cases that stand for the other commands: one is not enough, all are too many. */
const shown = /^(callback-deep|cfault-abort|blocked-gcore|busy-all-fault|cxx-throw)-go1\.27$/
for (const name of fixtureNames(shown)) {
  for (const command of ['cgo', 'goroutines', 'info', 'threads'].filter(each => present.includes(each))) {
    test(`${name}: ${command}`, async t => {
      const fixture = await openFixture(name)
      const {stdout, stderr, exitCode} = run(fixture, command)
      t.is(exitCode, 0, stderr)
      matchGolden(t, `${command}/${name}.txt`, withoutPlaces(stdout, places(fixture)))
    })
  }
}
