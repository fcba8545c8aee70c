// The functions that the program gave to runtime.SetCgoTraceback, run over committed cores: their symbolizer asks a
// child that is gone, so the usual one names what the traceback function found.
import test from 'ava'
import {fixtureNames, openFixture} from '../../../lab/fixtures.ts'
import {parseTraceback} from '../../../lab/traceback.ts'
import {runCommand} from '../../support/run-command.ts'

interface Report {
  readonly goroutines: {readonly frames: {readonly foundBy: string | null; readonly kind: string}[]}[]
  readonly diagnostics: {readonly code: string; readonly where: string | null}[]
}

for (const name of fixtureNames(/^hooks-/)) {
  test(`${name}: the goroutine that crashed is what the runtime printed, with the C frames of its hooks`, async t => {
    const fixture = await openFixture(name)
    const flags = [fixture.core, '--sysroot', fixture.sysroot, '--traceback', 'crash', '--cgo-frames', 'hooks']
    const {stdout} = runCommand(['analyze', ...flags])
    const [want] = parseTraceback(fixture.stderr).blocks
    const [got] = parseTraceback(stdout).blocks
    t.deepEqual(got, want)
    const report = JSON.parse(runCommand(['analyze', ...flags, '--json']).stdout) as Report
    const ways = new Set(report.goroutines[0]?.frames.filter(({kind}) => kind === 'c').map(({foundBy}) => foundBy))
    t.deepEqual([...ways], ['hook'])
    const codes = report.diagnostics.filter(({code}) => code.startsWith('cgo-hook'))
    t.deepEqual([...new Set(codes.map(({code}) => code))], ['cgo-hook-refused'])
  })
}

test('nothing of the program is run where nobody asks for it', async t => {
  for (const name of fixtureNames(/^hooks-/)) {
    const {core, sysroot} = await openFixture(name)
    const {stdout} = runCommand(['analyze', core, '--sysroot', sysroot, '--json'])
    const {diagnostics} = JSON.parse(stdout) as Report
    t.deepEqual(
      diagnostics.filter(({code}) => code.startsWith('cgo-hook')),
      [],
    )
  }
})

test('a program without hooks is as Go alone prints it: no guessed first frame, no notes of ours', async t => {
  for (const name of fixtureNames(/^(thin-old-hook-all|crossings-deep|cfault-segv)-go1\.27/)) {
    const fixture = await openFixture(name)
    const flags = [
      'analyze',
      fixture.core,
      '--sysroot',
      fixture.sysroot,
      '-e',
      fixture.executable,
      '--traceback',
      'crash',
    ]
    const [hooks] = parseTraceback(runCommand([...flags, '--cgo-frames', 'hooks']).stdout).blocks
    const [want] = parseTraceback(fixture.stderr).blocks
    t.deepEqual(hooks, want, name)
  }
})
