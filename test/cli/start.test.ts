import {spawnSync} from 'node:child_process'
import {chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import ts from 'typescript'
import {openFixture} from '../../lab/fixtures.ts'
import {installPackage} from '../support/installed-package.ts'

const installed = installPackage()
const fixture = await openFixture('cfault-segv-go1.27')
const directory = mkdtempSync(join(tmpdir(), 'gotrace-start-'))
chmodSync(directory, 0o755)
test.after.always(() => {
  installed.remove()
  rmSync(directory, {recursive: true, force: true})
})

/** Stack traces and the like: what must never reach a user. */
const OURS = /\n\s+at |TypeError|RangeError|SyntaxError|ERR_|node:internal|this is a bug of/
const PATH = '/usr/local/bin:/usr/bin:/bin'

interface Answer {
  exitCode: number | null
  stdout: string
  stderr: string
}

/** Runs the installed program with nothing in its environment but what is named. */
function run(args: readonly string[], env: Record<string, string>, prefix: readonly string[] = [], cwd = '/'): Answer {
  const [program = '', ...rest] = [...prefix, process.execPath, installed.entry, ...args]
  const {status, stdout, stderr} = spawnSync(program, rest, {
    encoding: 'utf8',
    cwd,
    env: {PATH, ...env},
    timeout: 900_000,
  })
  return {exitCode: status, stdout, stderr}
}

const NOBODY = ['setpriv', '--reuid', '54321', '--regid', '54321', '--clear-groups']
const asRoot = process.getuid?.() === 0 ? test : test.skip

asRoot('a user without an entry in passwd, as in a container, gets every answer', t => {
  chmodSync(join(fixture.core, '..'), 0o755)
  const expected = run(['info', fixture.core], {HOME: '/nonexistent'})
  t.is(expected.exitCode, 0)
  const homes = [{HOME: '/'}, {}, {HOME: ''}, {HOME: '/root'}, {HOME: '/nonexistent'}] as Record<string, string>[]
  for (const env of homes) {
    t.deepEqual(run(['info', fixture.core], env, NOBODY), expected, JSON.stringify(env))
    for (const args of [['--help'], ['--version'], ['analyze', '--help']]) {
      const {exitCode, stderr} = run(args, env, NOBODY)
      t.deepEqual({exitCode, stderr}, {exitCode: 0, stderr: ''}, `${args.join(' ')} ${JSON.stringify(env)}`)
    }
  }
})

const hook = join(directory, 'loaded.cjs')
const BUILTINS_OF = `
const {builtinModules} = require('node:module')
const {writeFileSync} = require('node:fs')
process.on('exit', () => {
  const names = process.moduleLoadList.map(line => line.replace(/^NativeModule /, ''))
  writeFileSync(process.env.LOADED, JSON.stringify(builtinModules.filter(name => names.includes(name))))
})
`
writeFileSync(hook, BUILTINS_OF)

/** Modules of Node that anyone may load, and a run of the program did, beyond a run of SCRIPT. */
function builtinsOf(args: readonly string[], script: string): string[] {
  const env = {LOADED: join(directory, 'loaded.json'), HOME: directory}
  const load = (words: readonly string[]): string[] => {
    const {status, stderr} = spawnSync(process.execPath, ['-r', hook, ...words], {encoding: 'utf8', env})
    if (status !== 0) throw new Error(stderr)
    return JSON.parse(readFileSync(env.LOADED, 'utf8'))
  }
  load([installed.entry, ...args])
  const bare = load(['-e', script])
  return load([installed.entry, ...args]).filter(name => !bare.includes(name))
}

test('a plain run loads no module of Node that it does not need', t => {
  t.deepEqual(builtinsOf(['--version'], 'process.stdout'), ['os', 'vm'])
  t.deepEqual(builtinsOf(['--help'], ''), ['os', 'vm'])
  // A report does not go through the streams of Node, for which it loads its network.
  t.deepEqual(builtinsOf(['info', fixture.core], ''), ['vm'])
  // V8's flags are told to a module that brings the streams with it.
  const forFlags = ['stream', 'stream/promises', 'string_decoder', 'v8']
  t.deepEqual(builtinsOf(['analyze', fixture.core], '').sort(), [...forFlags, 'vm'])
})

/** Names of the parts that a first run has compiled, as its code cache lists them; what esbuild adds left out. */
function partsOf(args: readonly string[]): string[] {
  const home = mkdtempSync(join(directory, 'home-'))
  const {exitCode} = run(args, {HOME: home})
  if (exitCode !== 0) throw new Error(`${args.join(' ')}: exit code ${exitCode}`)
  const caches = join(home, '.cache/gotrace-core')
  const name = readdirSync(caches).find(each => each.startsWith('code-')) ?? ''
  const text = readFileSync(join(caches, name), 'latin1')
  const {lengths}: {lengths: [string, number][]} = JSON.parse(text.slice(8, text.indexOf('\n', 8)))
  return lengths.map(([part]) => part.replace(/(?:-[0-9A-Z]{8})?\.cjs$/, '')).sort()
}

test('a plain run reads no part of the program that it does not need', t => {
  t.deepEqual(partsOf(['--version']), ['main', 'start'])
  t.deepEqual(partsOf(['info', fixture.core]), ['core', 'main', 'start'])
  t.deepEqual(partsOf(['analyze', fixture.core]), ['core', 'main', 'stacks', 'start'])
  t.deepEqual(partsOf(['analyze', '--values', fixture.core]), ['core', 'main', 'stacks', 'start', 'values'])
})

const places: readonly {title: string; env: (open: string) => Record<string, string>}[] = [
  {title: 'HOME is empty', env: () => ({HOME: ''})},
  {title: 'HOME is relative', env: () => ({HOME: 'home'})},
  {title: 'HOME is a dot', env: () => ({HOME: '.'})},
  {title: 'XDG_CACHE_HOME is relative', env: () => ({HOME: '/nonexistent', XDG_CACHE_HOME: 'cache'})},
  {title: 'HOME is not there', env: open => ({HOME: join(open, 'gone')})},
  {title: 'XDG_CACHE_HOME is in a folder that all may write to', env: open => ({XDG_CACHE_HOME: join(open, 'cache')})},
  {title: 'HOME is a folder that all may write to', env: open => ({HOME: open})},
  {title: 'HOME is a file', env: () => ({HOME: '/dev/null'})},
  {title: 'HOME is /proc', env: () => ({HOME: '/proc'})},
  {title: 'HOME is longer than any path', env: () => ({HOME: `/${'a'.repeat(5000)}`})},
]

for (const {title, env} of places) {
  test(`where ${title}, the command runs and leaves nothing behind`, t => {
    for (const mode of [0o777, 0o1777]) {
      const open = mkdtempSync(join(directory, 'open-'))
      chmodSync(open, mode)
      const {exitCode, stdout, stderr} = run(['--version'], env(open), [], open)
      t.deepEqual({exitCode, stderr}, {exitCode: 0, stderr: ''})
      t.regex(stdout, /^gotrace-core\//)
      t.deepEqual(readdirSync(open), [])
    }
  })
}

test('a folder that was deleted under the command is no hindrance', t => {
  const gone = join(directory, 'gone')
  mkdirSync(gone)
  const script = `cd ${gone} && rmdir ${gone} && exec ${process.execPath} ${installed.entry} info ${fixture.core}`
  const {status, stdout, stderr} = spawnSync('sh', ['-c', script], {encoding: 'utf8'})
  t.is(status, 0)
  t.regex(stdout, /^signal /m)
  t.notRegex(stderr, OURS)
})

for (const [title, args] of [
  ['the help', '--help'],
  ["a command's help", 'analyze --help'],
  ['the version', '--version'],
  ['a report', `info ${fixture.core}`],
]) {
  test(`a full disk behind standard output is told in a sentence: ${title}`, t => {
    const script = `${process.execPath} ${installed.entry} ${args} > /dev/full`
    const {status, stderr} = spawnSync('sh', ['-c', script], {encoding: 'utf8'})
    t.true(status === 1 || status === 2, `exit code ${status}`)
    t.regex(stderr, /^gotrace-core: .*no space left on device/)
    t.notRegex(stderr, OURS)
  })
}

test('an answer does not depend on whether standard error can be written to', t => {
  const answer = (args: string, target: string): {status: number | null; stdout: string} => {
    const script = `${process.execPath} ${installed.entry} ${args} 2>${target}`
    const {status, stdout} = spawnSync('sh', ['-c', script], {encoding: 'utf8'})
    return {status, stdout}
  }
  // Cut, so that there are diagnostics.
  const cut = join(directory, 'cut')
  writeFileSync(cut, readFileSync(fixture.core).subarray(0, 1_000_000))
  for (const args of [`analyze ${cut}`, 'nonsense', 'analyze --help']) {
    const heard = answer(args, '/dev/null')
    for (const target of ['/dev/full', '&-']) t.deepEqual(answer(args, target), heard, `${args} 2>${target}`)
  }
})

/** What the installed package says on a Node of this version. */
function runAsVersion(version: string): Answer {
  const preload = join(directory, `node-${version}.cjs`)
  writeFileSync(preload, `Object.defineProperty(process.versions, 'node', {value: '${version}'})`)
  const args = ['--require', preload, installed.entry, '--version']
  const {status, stdout, stderr} = spawnSync(process.execPath, args, {encoding: 'utf8', env: {PATH}})
  return {exitCode: status, stdout, stderr}
}

test('a Node older than the package says it needs is refused in one sentence', t => {
  for (const version of ['0.10.48', '4.9.1', '18.20.8', '20.18.3', '21.7.3', '22.1.0']) {
    const {exitCode, stdout, stderr} = runAsVersion(version)
    t.deepEqual({exitCode, stdout}, {exitCode: 2, stdout: ''}, version)
    t.is(
      stderr,
      `gotrace-core: needs Node.js 20.19 or a later 20, or 22.2 or later; this is ${version} (${process.execPath})\n`,
    )
  }
  for (const version of ['20.19.0', '22.2.0', '23.0.0', '30.1.2']) t.is(runAsVersion(version).exitCode, 0, version)
  const {engines} = JSON.parse(readFileSync(join(installed.entry, '../../package.json'), 'utf8'))
  t.deepEqual(engines, {node: '^20.19.0 || >=22.2.0'})
})

test('the oldest Node can read the file that refuses it', t => {
  const text = readFileSync(installed.entry, 'utf8')
  const print = (target: ts.ScriptTarget): string => ts.transpileModule(text, {compilerOptions: {target}}).outputText
  // What is newer than ES5 would be rewritten; `use strict` is all that is added.
  t.is(print(ts.ScriptTarget.ES5), print(ts.ScriptTarget.ESNext))
  t.notRegex(text, /\b(?:const|let)\b.*=|,\s*\)|node:/)
})

test('a package that is not whole says so', t => {
  for (const name of ['launch.cjs', 'main.cjs', 'parts/start.cjs', 'parts/core.cjs']) {
    const partial = installPackage()
    const dist = join(partial.entry, '../../dist')
    rmSync(join(dist, name))
    const gone = spawnSync(process.execPath, [partial.entry, 'info', '--help'], {encoding: 'utf8'})
    t.is(gone.status, 70)
    t.true(gone.stderr.includes(join(dist, name)), gone.stderr)
    t.regex(gone.stderr, /^gotrace-core: cannot start: .*\n {2}install it again; from source: npm run build\n$/)
    writeFileSync(join(dist, name), 'exports.launch = function () {')
    const cut = spawnSync(process.execPath, [partial.entry, 'info', '--help'], {encoding: 'utf8'})
    t.is(cut.status, 70)
    t.regex(cut.stderr, /^gotrace-core: cannot start: .*\n {2}install it again; from source: npm run build\n$/)
    partial.remove()
  }
})
