// The one executable (npm run build:single) in an empty root: no Node, no /proc, no /dev, nothing but the libraries
// that it is linked with. It answers there as the installed package answers here.
import assert from 'node:assert/strict'
import {execFileSync, spawnSync} from 'node:child_process'
import {copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {after, test} from 'node:test'
import {fileURLToPath} from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const directory = mkdtempSync(join(tmpdir(), 'gotrace-single-'))
after(() => rmSync(directory, {recursive: true, force: true}))

// At the same path inside as outside, so that answers are the same to the byte.
const empty = join(directory, 'root')
const inside = join(empty, directory, 'case')
const outside = join(directory, 'case')
const program = join(empty, 'gotrace-core')
mkdirSync(dirname(inside), {recursive: true})
cpSync(join(root, 'fixtures/cores/cfault-segv-go1.27'), outside, {recursive: true, dereference: true})
const packed = execFileSync('sh', ['-c', 'zstd -dc "$0" | xz -0', join(outside, 'core.zst')], {maxBuffer: 2 ** 28})
writeFileSync(join(outside, 'core.xz'), packed)
cpSync(outside, inside, {recursive: true})
execFileSync(process.execPath, [join(root, 'scripts/single.mjs'), program], {stdio: 'ignore'})
for (const [library] of execFileSync('ldd', [program], {encoding: 'utf8'}).matchAll(/\/\S+/g)) {
  mkdirSync(join(empty, dirname(library)), {recursive: true})
  copyFileSync(library, join(empty, library))
}

interface Answer {
  stdout: string
  stderr: string
  exitCode: number | null
}

function run(command: string, args: readonly string[]): Answer {
  const chroot = execFileSync('sh', ['-c', 'command -v chroot'], {encoding: 'utf8'}).trim()
  const [file = '', ...before] = command === program ? [chroot, empty, '/gotrace-core'] : [process.execPath, command]
  const {stdout, stderr, status} = spawnSync(file, [...before, ...args], {encoding: 'utf8', env: {}, cwd: '/'})
  return {stdout, stderr, exitCode: status}
}

const core = join(outside, 'core.zst')
const plain = ['-e', join(outside, 'cfault.zst'), '--sysroot', outside]

for (const args of [
  ['analyze', core, ...plain],
  ['analyze', join(outside, 'core.xz'), ...plain, '--json'],
  ['analyze', core, ...plain, '--format', 'html'],
  ['threads', core, ...plain, '--registers'],
  ['cgo', core, ...plain],
  ['goroutines', core, ...plain, '--format', 'folded'],
  ['info', core, ...plain],
  ['symbolize', join(outside, 'cfault.zst'), '0x48600f'],
  ['completion', 'bash'],
  ['threads', '--help'],
  ['--version'],
  ['analyze', join(outside, 'nothing')],
  ['threads', core, '--registrs'],
]) {
  test(`in an empty root: ${args.slice(0, 1)} ${args.slice(6).join(' ')}`, () => {
    assert.deepEqual(run(program, args), run(join(root, 'bin/run.cjs'), args))
  })
}

test('in an empty root batch starts its processes, which keep to the memory they may use', () => {
  const {stdout, stderr, exitCode} = run(program, ['batch', core, ...plain])
  assert.equal(stderr, '')
  assert.equal(exitCode, 0)
  assert.equal(JSON.parse(stdout).crash.signal, 'SIGSEGV')
})

test('compiled code is inside: where its user has a home, no more is kept there', () => {
  const home = join(directory, 'home')
  mkdirSync(home)
  const compiled = (): string[] =>
    readdirSync(join(home, '.cache/gotrace-core')).filter(name => name.startsWith('code-'))
  const ask = (env: Record<string, string> = {}): string =>
    execFileSync(program, ['analyze', core, ...plain], {env: {HOME: home, ...env}, encoding: 'utf8'})
  const answer = ask()
  assert.deepEqual(compiled(), [])
  // With other flags V8 takes nothing of it.
  assert.equal(ask({NODE_OPTIONS: '--stack-trace-limit=20'}), answer)
  assert.equal(compiled().length, 1)
})
