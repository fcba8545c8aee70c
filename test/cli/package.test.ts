// What is published: that it is whole on its own, and nothing more than what is needed.
import {execFileSync, spawnSync} from 'node:child_process'
import {chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {installPackage} from '../support/installed-package.ts'
import {type RunResult, runCommand} from '../support/run-command.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const installed = installPackage()
const published = join(installed.entry, '../..')
const directory = mkdtempSync(join(tmpdir(), 'gotrace-package-'))
test.after.always(() => {
  installed.remove()
  rmSync(directory, {recursive: true, force: true})
})

const readText = (...path: string[]): string => readFileSync(join(...path), 'utf8')

test('the package holds the program, its schemas and its documents, and nothing else', t => {
  const files = (readdirSync(published, {recursive: true}) as string[])
    .filter(name => statSync(join(published, name)).isFile())
    .filter(name => !name.startsWith('node_modules/iced-x86/'))
    .filter(
      name =>
        !/^(schema\/[a-z-]+-1\.schema\.json|docs\/[a-z-]+\.md|docs\/grafana-dashboard\.json|dist\/parts\/[\w-]+\.cjs)$/.test(
          name,
        ),
    )
  t.deepEqual(files.sort(), [
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'LICENSE',
    'README.md',
    'bin/run.cjs',
    'dist/THIRD-PARTY-NOTICES.txt',
    'dist/launch.cjs',
    'dist/library.cjs',
    'dist/library.d.cts',
    'dist/main.cjs',
    'man/gotrace-core.1',
    'package.json',
  ])
})

test('every file that its documents link to is in it', t => {
  const documents = [
    'README.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    ...readdirSync(join(published, 'docs')).flatMap(name => (name.endsWith('.md') ? [`docs/${name}`] : [])),
  ]
  const dead = documents.flatMap(name => {
    const links = [...readText(published, name).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(
      ([, target = '']) => target,
    )
    return links
      .filter(target => !existsSync(join(published, dirname(name), target)))
      .map(target => `${name}: ${target}`)
  })
  t.deepEqual(dead, [])
})

test('it needs one package, of one version, which is inside of it', t => {
  const {dependencies, devDependencies, ...rest} = JSON.parse(readText(published, 'package.json'))
  t.deepEqual(Object.keys(dependencies), ['iced-x86'])
  t.is(rest.optionalDependencies, undefined)
  t.deepEqual(rest.bundleDependencies, ['iced-x86'])
  t.true(existsSync(join(published, 'node_modules/iced-x86/iced_x86_bg.wasm')))
  // What few need is installed by them, and tried here.
  for (const name of Object.keys(rest.peerDependencies ?? {})) {
    t.deepEqual(rest.peerDependenciesMeta?.[name], {optional: true}, name)
    t.truthy(devDependencies[name], name)
  }
  for (const [name, version] of Object.entries({...dependencies, ...devDependencies})) {
    t.regex(version as string, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name)
  }
})

test('nothing of it runs when it is installed', t => {
  const {scripts} = JSON.parse(readText(published, 'package.json'))
  const atInstall = ['preinstall', 'install', 'postinstall'].filter(name => scripts[name] !== undefined)
  t.deepEqual(atInstall, [])
})

test('the lock file names every package by its content, and no place to get it from', t => {
  const {packages} = JSON.parse(readText(root, 'package-lock.json'))
  for (const [path, entry] of Object.entries<{resolved?: string; integrity?: string}>(packages)) {
    t.is(entry.resolved, undefined, path)
    if (path !== '') t.truthy(entry.integrity, path)
  }
})

test('each package inside the bundle is named in the notices, with the text of its license', t => {
  const notices = readText(published, 'dist/THIRD-PARTY-NOTICES.txt')
  const source = (readdirSync(join(root, 'src'), {recursive: true}) as string[]).filter(name => name.endsWith('.ts'))
  const imports = source.flatMap(name => {
    const text = readText(root, 'src', name)
    const found = text.matchAll(/^import (?!type)[^'"]*?from '([^.'][^']*)'|\bimport\('([^.'][^']*)'\)/gm)
    return [...found].map(([, fixed, late]) => (fixed ?? late) as string)
  })
  const {devDependencies} = JSON.parse(readText(root, 'package.json'))
  const packages = [
    ...new Set(
      imports.map(name =>
        name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/'),
      ),
    ),
  ]
  // zod makes the published schemas, when the package is built.
  const bundled = packages.filter(name => name in devDependencies && name !== 'zod')
  t.true(bundled.length > 3)
  for (const name of bundled) t.regex(notices, new RegExp(`^=+\n${name} \\d+\\.\\d+\\.\\d+ \\(.+\\)$`, 'm'))
  for (const [head = ''] of notices.matchAll(/^=+\n[^=]+/gm)) t.true(head.length > 500, head)
})

/** Away from every other package, as a user has it. */
function runInstalled(args: readonly string[]): RunResult {
  const env = {PATH: process.env.PATH, HOME: directory}
  const {status, stdout, stderr} = spawnSync(process.execPath, [installed.entry, ...args], {
    encoding: 'utf8',
    cwd: '/',
    env,
  })
  return {exitCode: status, stdout, stderr}
}

for (const command of ['analyze', 'threads', 'cgo', 'goroutines', 'info']) {
  test(`${command} answers from the installed package as from the source tree`, async t => {
    const fixture = await openFixture('cxx-throw-go1.27')
    const args = [command, fixture.compressedCore, '-e', fixture.executable, '--sysroot', fixture.sysroot, '--json']
    const here = runCommand(args, {cwd: '/'})
    t.is(here.exitCode, 0, here.stderr)
    t.deepEqual(runInstalled(args), here)
  })
}

test('batch starts its processes from the installed package', async t => {
  const fixture = await openFixture('cfault-segv-go1.27')
  const {stdout, exitCode} = runInstalled([
    'batch',
    fixture.core,
    '-e',
    fixture.executable,
    '--sysroot',
    fixture.sysroot,
  ])
  t.is(exitCode, 0)
  t.is(JSON.parse(stdout).error, null)
})

test('a core packed with xz is unpacked by the installed package', async t => {
  const fixture = await openFixture('cfault-segv-go1.27')
  const packed = join(directory, 'core.xz')
  execFileSync('sh', ['-c', 'xz -0 -c < "$0" > "$1"', fixture.core, packed])
  chmodSync(packed, 0o644)
  const options = ['-e', fixture.executable, '--sysroot', fixture.sysroot]
  const plain = runInstalled(['analyze', fixture.core, ...options])
  t.is(plain.exitCode, 0)
  t.is(runInstalled(['analyze', packed, ...options]).stdout, plain.stdout)
})

/** The example of the README, with a core in the place of the reader's. */
function example(core: string): string {
  const [, code = ''] = /^### From a program\n[\s\S]*?```js\n([\s\S]*?)```/m.exec(readText(root, 'README.md')) ?? []
  return code.replace("'core.1234'", JSON.stringify(core))
}

test('the example of the README prints the crash, typed and without a word on the console', async t => {
  const fixture = await openFixture('cfault-segv-go1.27')
  const program = join(installed.directory, 'example.mjs')
  writeFileSync(program, example(fixture.core))
  const {stdout, stderr, status} = spawnSync(process.execPath, [program], {encoding: 'utf8'})
  t.is(stderr, '')
  t.is(stdout, 'SIGSEGV in store_value\n')
  t.is(status, 0)

  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const typed = join(installed.directory, 'typed.mts')
  writeFileSync(typed, `declare const console: {log(text: string): void}\n${example(fixture.core)}`)
  const flags = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2022']
  const checked = spawnSync(process.execPath, [tsc, ...flags, typed], {encoding: 'utf8', cwd: installed.directory})
  t.is(checked.stdout, '')
})

test('the library gives what `analyze --json` prints, and errors with a code and a hint', async t => {
  const fixture = await openFixture('cfault-segv-go1.27')
  const {analyze, GotraceError} = createRequire(import.meta.url)(join(published, 'dist', 'library.cjs'))
  const {executable: exe, sysroot} = fixture
  const report = await analyze(fixture.core, {exe, sysroots: [sysroot]})
  const printed = runCommand(['analyze', fixture.core, '--exe', exe, '--sysroot', sysroot, '--json'])
  t.deepEqual(report, JSON.parse(printed.stdout))
  const error = await t.throwsAsync(analyze('/etc/passwd'), {instanceOf: GotraceError})
  const {code, hint} = error as Error & {code: string; hint: string}
  t.deepEqual([code, hint], ['not-a-core', 'name a core file; `file PATH` tells what this is'])
})
