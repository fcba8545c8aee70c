// A package answers as the core and its files do, wherever it is taken; nothing else is needed.
import {spawnSync} from 'node:child_process'
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {type Fixture, openFixture} from '../../lab/fixtures.ts'
import {runCommand} from '../support/run-command.ts'

const folder = mkdtempSync(join(tmpdir(), 'gotrace-pack-'))
test.after.always(() => rmSync(folder, {recursive: true, force: true}))

const QUESTIONS = [
  ['analyze', '--json', '--values'],
  ['threads', '--json'],
  ['info', '--json'],
]

const files = ({executable, sysroot}: Fixture): string[] => ['-e', executable, '--sysroot', sysroot]

function pack(fixture: Fixture, name: string, flags: readonly string[] = []): string {
  const path = join(folder, name)
  const {stderr, exitCode} = runCommand(['pack', fixture.core, ...files(fixture), '-o', path, '--quiet', ...flags])
  if (exitCode !== 0) throw new Error(stderr)
  return path
}

function answer(words: readonly string[]): string {
  const {stdout, stderr, exitCode} = runCommand(words, {cwd: '/'})
  return `${exitCode}\n${stdout}${stderr}`
}

for (const flags of [[], ['--no-text']]) {
  test(`a package${flags.map(flag => ` made with ${flag}`)} answers byte for byte as the core`, async t => {
    const fixture = await openFixture('callback-deep-go1.27')
    const path = pack(fixture, `crash${flags.length}.gtc`, flags)
    t.true(statSync(path).size < statSync(fixture.core).size / 20)
    for (const question of flags.length > 0 ? QUESTIONS.slice(0, 1) : QUESTIONS) {
      t.is(answer([...question, path]), answer([...question, fixture.core, ...files(fixture)]), question.join(' '))
    }
  })
}

test('a package is an archive, and its root a sysroot', async t => {
  const fixture = await openFixture('callback-deep-go1.27')
  const path = pack(fixture, 'open.gtc')
  const place = join(folder, 'unpacked')
  mkdirSync(place)
  const {status, stderr} = spawnSync('tar', ['-xf', path, '-C', place], {encoding: 'utf8'})
  t.is(status, 0, stderr)
  const unpacked = JSON.parse(
    runCommand(['analyze', join(place, 'core'), '--sysroot', join(place, 'root'), '--json']).stdout,
  )
  const whole = JSON.parse(runCommand(['analyze', fixture.core, ...files(fixture), '--json']).stdout)
  t.deepEqual(unpacked.goroutines, whole.goroutines)
})

test('what a package was made without is told, and other files are not taken for its own', async t => {
  const fixture = await openFixture('callback-deep-go1.27')
  const path = join(folder, 'bare.gtc')
  mkdirSync(join(folder, 'empty'))
  const asked = [fixture.core, '--sysroot', join(folder, 'empty')]
  t.is(runCommand(['pack', ...asked, '-o', path, '--quiet']).exitCode, 0)
  t.is(answer(['analyze', '--json', path]), answer(['analyze', '--json', ...asked]))
  const refused = runCommand(['analyze', path, '-e', fixture.executable])
  t.is(refused.exitCode, 2)
  t.regex(refused.stderr, /brings the files of the process along\n {2}unpack it to use other files: tar -xf /)
})

test('a redacted package holds no text of the process', async t => {
  const fixture = await openFixture('callback-deep-go1.27')
  const path = pack(fixture, 'clean.gtc', ['--redact'])
  const {stdout} = spawnSync('tar', ['-xOf', path, 'core'], {maxBuffer: 2 ** 30})
  t.false(stdout.includes('GOTRACEBACK='))
  const question = ['analyze', '--json', '--redact']
  t.is(answer(['analyze', '--json', path]), answer([...question, fixture.core, ...files(fixture)]))
})

test('a secret that is still there, a full disk: nothing is left', async t => {
  const fixture = await openFixture('callback-deep-go1.27')
  const secrets = join(folder, 'secrets')
  writeFileSync(secrets, 'GOTRACEBACK=crash\n')
  const path = join(folder, 'secret.gtc')
  const refused = runCommand(['pack', fixture.core, ...files(fixture), '-o', path, '--secrets', secrets])
  t.is(refused.exitCode, 1)
  t.regex(refused.stderr, /line 1 of the list of secrets/)
  t.is(existsSync(path) ? readFileSync(path).length : 0, 0)
  const full = runCommand(['pack', fixture.core, ...files(fixture), '-o', '/dev/full'])
  t.is(full.exitCode, 2)
  t.regex(full.stderr, /ENOSPC/)
})

test('a cut or damaged package is an error that says so', async t => {
  const fixture = await openFixture('callback-deep-go1.27')
  const bytes = readFileSync(pack(fixture, 'good.gtc'))
  const cut = join(folder, 'cut.gtc')
  writeFileSync(cut, bytes.subarray(0, bytes.length / 2))
  const {exitCode, stderr} = runCommand(['analyze', cut])
  t.is(exitCode, 1)
  t.regex(stderr, /cut\.gtc/)
})

test('batch takes packages as it takes cores', async t => {
  const fixture = await openFixture('callback-deep-go1.27')
  const place = join(folder, 'many')
  mkdirSync(place)
  const path = pack(fixture, 'many/one.gtc')
  const {stdout, exitCode} = runCommand(['batch', place, '--quiet'])
  t.is(exitCode, 0)
  const line = JSON.parse(stdout.split('\n')[0] ?? '')
  t.is(line.path, path)
  const whole = JSON.parse(runCommand(['analyze', fixture.core, ...files(fixture), '--json']).stdout)
  t.is(line.signature?.exact ?? line.signature, whole.signature.exact)
})

test('--report-bug writes a redacted package that tells what happened, also where the command failed', async t => {
  const fixture = await openFixture('callback-deep-go1.27')
  const path = join(folder, 'bug.gtc')
  const words = ['analyze', fixture.core, ...files(fixture), '--json', '--report-bug', path]
  const {exitCode, stdout} = runCommand(words)
  t.is(exitCode, 0)
  const whole = JSON.parse(stdout)
  const member = (name: string): Buffer => spawnSync('tar', ['-xOf', path, name], {maxBuffer: 2 ** 30}).stdout
  const told = JSON.parse(member('bug.json').toString())
  t.deepEqual([told.command, told.failure, told.failures], [words, null, []])
  t.false(member('core').includes('GOTRACEBACK='))
  const sent = JSON.parse(runCommand(['analyze', path, '--json']).stdout)
  t.deepEqual(
    sent.goroutines.map(({frames}: {frames: {function: string; pc: string}[]}) => frames.map(frame => frame.pc)),
    whole.goroutines.map(({frames}: {frames: {function: string; pc: string}[]}) => frames.map(frame => frame.pc)),
  )
  const again = join(folder, 'again.gtc')
  const failed = runCommand(['analyze', path, '--values', '--report-bug', again])
  t.is(failed.exitCode, 2)
  const {stdout: text} = spawnSync('tar', ['-xOf', again, 'bug.json'], {encoding: 'utf8'})
  t.regex(JSON.parse(text).failure, /values were left out of this core/)
})
