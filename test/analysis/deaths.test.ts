// Stacks switched and first faults: what `analyze` says of each crash of fixtures/programs/deaths against the chain of
// calls that its source states, and of fixtures/programs/thin, where little is left to tell it.
// `npx tsx scripts/chains.ts` does the same with live crashes of every release and mode.
import test from 'ava'
import {checkChain, type ReportToCheck, readChains} from '../../lab/chains.ts'
import {fixtureNames, openFixture} from '../../lab/fixtures.ts'
import {runCommand} from '../support/run-command.ts'

const chains = new Map([...readChains('deaths'), ...readChains('thin')])

for (const name of fixtureNames(/^(deaths|thin)-/)) {
  test(`${name}: from the first fault to where it all began, no function missing and none invented`, async t => {
    const fixture = await openFixture(name)
    const chain = chains.get(fixture.meta.mode)
    if (!chain) return t.fail(`no source states the chain of ${fixture.meta.mode}`)
    const {stdout, stderr, exitCode} = runCommand([
      'analyze',
      fixture.core,
      '--sysroot',
      fixture.sysroot,
      '--exe',
      fixture.executable,
      '--json',
    ])
    t.is(exitCode, 0, stderr)
    const report = JSON.parse(stdout) as ReportToCheck
    t.deepEqual(checkChain(report, chain), [])
    const ofDying = report.goroutines
      .flatMap(({frames}) => frames)
      .filter(({function: name}) => name === 'runtime.dieFromSignal')
    t.deepEqual(ofDying, [], 'no stack holds how the runtime ended the process')
    const guessed = report.goroutines.flatMap(({frames}) => frames).filter(({foundBy}) => foundBy === null)
    t.deepEqual(guessed, [], 'every frame says how it was found')
  })
}

test('each switch of stacks has a crash of old and new releases', t => {
  const cases = fixtureNames(/^deaths-/)
  const modes = 'nest altstack stranger returned thread parked parked-locked systemstack mcall morestack'.split(' ')
  for (const mode of modes) {
    for (const release of ['1.15', '1.21', '1.24', '1.27'])
      t.true(cases.includes(`deaths-${mode}-go${release}-nodwarf`))
  }
})
