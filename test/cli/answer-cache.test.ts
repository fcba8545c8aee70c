import {spawnSync} from 'node:child_process'
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'

const entry = join(dirname(fileURLToPath(import.meta.url)), '../../bin/run.cjs')
const directory = mkdtempSync(join(tmpdir(), 'gotrace-answers-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

const {executable, core, sysroot} = await openFixture('cxx-fault-go1.27')
/** In Go, C and C++, in stubs and in nothing. */
const addresses = Array.from({length: 400}, (_, index) => (0x401000 + index * 2711).toString(16)).join('\n')

interface Answer {
  exitCode: number | null
  stdout: string
  stderr: string
}

function run(home: string, words: readonly string[] = [], path = executable, input = addresses): Answer {
  return ask(home, ['symbolize', path, ...words], {input})
}

function ask(home: string, words: readonly string[], {input = '', cache = ''} = {}): Answer {
  const env = {PATH: process.env.PATH, HOME: home, GOTRACE_CACHE: cache}
  const {status, stdout, stderr} = spawnSync(process.execPath, [entry, ...words], {encoding: 'utf8', env, input})
  return {exitCode: status, stdout, stderr}
}

const newHome = (): string => mkdtempSync(join(directory, 'home-'))

function filesOf(home: string): string[] {
  const folder = join(home, '.cache', 'gotrace-core')
  return readdirSync(folder)
    .filter(name => name.startsWith('answers-'))
    .map(name => join(folder, name))
}

const right = run(newHome(), ['--no-cache'])

test('answers are the same without a cache, with a cold and with a warm one, and with a part of it', t => {
  t.is(right.exitCode, 0)
  t.regex(right.stdout, /\.go:\d+ pc=/)
  const home = newHome()
  t.deepEqual(run(home, ['--no-cache']), right)
  t.deepEqual(filesOf(home), [])
  t.is(run(home, [], executable, addresses.slice(0, 1000)).exitCode, 0)
  t.is(filesOf(home).length, 1)
  t.deepEqual(run(home), right)
  const [path = ''] = filesOf(home)
  const {ino, mode} = statSync(path)
  t.is(mode & 0o777, 0o600)
  t.deepEqual(run(home), right)
  t.is(statSync(path).ino, ino, 'nothing new is not written')
  t.deepEqual(run(home, ['--json']), run(newHome(), ['--json', '--no-cache']))
  t.deepEqual(run(home, ['--no-demangle']), run(newHome(), ['--no-demangle', '--no-cache']))
  t.is(filesOf(home).length, 2, 'names that are not demangled are others')
})

test('a damaged cache of answers is not used, and replaced', t => {
  const home = newHome()
  run(home)
  const [path = ''] = filesOf(home)
  const whole = readFileSync(path)
  const flipped = (at: number) => whole.map((byte, index) => (index === at ? byte ^ 4 : byte))
  for (const damaged of [flipped(1), flipped(9), flipped(whole.length - 1), whole.subarray(0, whole.length - 8)]) {
    writeFileSync(path, damaged)
    t.deepEqual(run(home), right)
    t.deepEqual(readFileSync(path), whole)
  }
})

test('answers belong to the file as it is: another one in its place is read', t => {
  const home = newHome()
  const copy = join(directory, 'program')
  copyFileSync(executable, copy)
  const ours = run(home, [], copy)
  t.is(filesOf(home).length, 1)
  utimesSync(copy, 1, 1)
  t.deepEqual(run(home, [], copy), ours)
  t.is(filesOf(home).length, 2)
})

test('a core has the same answers without a cache, with a cold and with a warm one', t => {
  const home = newHome()
  for (const command of ['analyze', 'threads']) {
    const words = [command, core, '--sysroot', sysroot]
    const right = ask(home, words, {cache: 'off'})
    t.is(right.exitCode, 0)
    t.regex(right.stdout, /\.(?:cc|cpp|cxx):\d+ pc=/)
    t.deepEqual(ask(home, words), right)
    const kept = filesOf(home)
    t.true(kept.length > 0)
    const inodes = kept.map(path => statSync(path).ino)
    t.deepEqual(ask(home, words), right)
    t.deepEqual(
      kept.map(path => statSync(path).ino),
      inodes,
      'nothing new is not written',
    )
  }
  const words = ['analyze', core, '--sysroot', sysroot, '--json']
  t.deepEqual(ask(home, words), ask(home, words, {cache: 'off'}))
})

test('of a stripped program a later run knows what its code names: the same answer, and nothing is written', async t => {
  const stripped = await openFixture('cfault-segv-go1.27-pie-nosymbols')
  const words = ['analyze', stripped.core, '-e', stripped.executable, '--sysroot', stripped.sysroot]
  const home = newHome()
  const folder = join(home, '.cache', 'gotrace-core')
  const kept = (): string[] => readdirSync(folder).filter(name => name.startsWith('operands-'))
  const first = ask(home, words)
  t.is(first.exitCode, 0)
  t.is(kept().length, 1)
  const path = join(folder, kept()[0] ?? '')
  const {ino} = statSync(path)
  t.deepEqual(ask(home, words), first)
  t.is(statSync(path).ino, ino)
  const whole = readFileSync(path)
  writeFileSync(path, whole.fill(0, 0, 64))
  t.deepEqual(ask(home, words), first, 'a damaged one is not used')
  t.not(statSync(path).ino, ino)
})
