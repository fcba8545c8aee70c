import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {runCommand} from '../support/run-command.ts'

const fixture = await openFixture('busy-all-fault-go1.27')
const directory = mkdtempSync(join(tmpdir(), 'gotrace-keys-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

/** Core and program with one text in the place of another of the same length. */
function renamed(from: string, to: string): readonly string[] {
  const copy = (path: string, name: string): string => {
    const text = readFileSync(path, 'latin1')
    writeFileSync(join(directory, name), text.replaceAll(from, to), 'latin1')
    return join(directory, name)
  }
  return [copy(fixture.core, 'core'), '-e', copy(fixture.executable, 'program'), '--sysroot', fixture.sysroot, '--json']
}

test('a build setting named like a member of every object is in the JSON', t => {
  const args = renamed('build\t-compiler=gc\n', 'build\t__proto__=gc\n')
  for (const command of ['analyze', 'info']) {
    const {stdout} = runCommand([command, ...args])
    t.is(Object.getOwnPropertyDescriptor(JSON.parse(stdout).go.settings, '__proto__')?.value, 'gc', command)
  }
})

test('a label named like a member of every object is in the JSON, and is found by its name', t => {
  const args = renamed('two words', '__proto__')
  const labelsOf = (stdout: string): unknown[] =>
    JSON.parse(stdout).goroutines.flatMap(({labels}: {labels: object}) => Object.entries(labels))
  const before = labelsOf(runCommand(['analyze', ...args]).stdout)
  t.true(before.some(pair => Array.isArray(pair) && pair[0] === '__proto__' && pair[1] === 'q"uoted\nü'))
  for (const label of ['__proto__', '__proto__=q"uoted\nü']) {
    const found = labelsOf(runCommand(['goroutines', ...args, '--label', label]).stdout)
    t.deepEqual(found, before, label)
  }
})
