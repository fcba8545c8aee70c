// Profiles as the tools that they are made for read them.
import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {test} from 'node:test'
import {labDirectory} from '../../lab/build.ts'
import {openFixture} from '../../lab/fixtures.ts'
import {buildEnvironment, installedReleases, openToolchain} from '../../lab/toolchain.ts'
import {runCommand} from '../support/run-command.ts'

test('go tool pprof counts every goroutine, at the functions of the folded stacks', async () => {
  const fixture = await openFixture('busy-all-fault-go1.27')
  const directory = mkdtempSync(join(tmpdir(), 'gotrace-pprof-'))
  try {
    const core = [fixture.core, '-e', fixture.executable, '--sysroot', fixture.sysroot, '--quiet']
    const [profile, stacks] = [join(directory, 'goroutines.pb.gz'), join(directory, 'goroutines.folded')]
    for (const path of [profile, stacks]) assert.equal(runCommand(['goroutines', ...core, '-o', path]).exitCode, 0)
    const leaves = new Map<string, number>()
    for (const line of readFileSync(stacks, 'utf8').trim().split('\n')) {
      const [, leaf = '', count] = /([^;]*) (\d+)$/.exec(line) ?? []
      leaves.set(leaf, (leaves.get(leaf) ?? 0) + Number(count))
    }
    const toolchain = openToolchain(installedReleases().at(-1) ?? '')
    const pprof = ['tool', 'pprof', '-top', '-nodecount=1000', '-nodefraction=0', '-functions', profile]
    const top = execFileSync(toolchain.go, pprof, {encoding: 'utf8', env: buildEnvironment(toolchain, labDirectory())})
    const flat = [...top.matchAll(/^ +(\d+) +[\d.]+% +[\d.]+% +\d+ +[\d.]+% +(.*)$/gm)]
      .map(([, count, name = '']) => [name.replace(' (inline)', ''), Number(count)] as const)
      .filter(([, count]) => count > 0)
    assert.deepEqual(new Map([...flat].sort()), new Map([...leaves].sort()))
  } finally {
    rmSync(directory, {recursive: true, force: true})
  }
})
