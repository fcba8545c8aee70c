// Runs the command against elfutils' own debuginfod on loopback. Needs `debuginfod`, gcc and dwz: not in npm test.
//
//   npm run build && npx tsx scripts/debuginfod-live.ts
import {execFileSync, spawn, spawnSync} from 'node:child_process'
import {copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import process from 'node:process'
import {setTimeout} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {openFixture} from '../lab/fixtures.ts'

const PORT = 18002
const URL = `http://127.0.0.1:${PORT}`
const INDEX_SECONDS = 60
const CASE = 'cxx-throw-go1.27'
const ENTRY = join(dirname(fileURLToPath(import.meta.url)), '../bin/run.cjs')

const directory = mkdtempSync(join(tmpdir(), 'debuginfod-live-'))
const at = (...parts: string[]): string => join(directory, ...parts)
for (const name of ['served', 'mine', 'cache']) mkdirSync(at(name))

let failures = 0
function check(what: string, isRight: boolean, seen: string): void {
  if (!isRight) failures++
  console.log(`${isRight ? 'ok  ' : 'FAIL'} ${what}${isRight ? '' : `\n${seen}`}`)
}

function run(args: string[], cache = 'cache'): {stdout: string; stderr: string; status: number | null} {
  const env = {...process.env, DEBUGINFOD_URLS: URL, DEBUGINFOD_CACHE_PATH: at(cache)}
  return spawnSync(process.execPath, [ENTRY, ...args], {encoding: 'utf8', env, cwd: at('mine'), maxBuffer: 2 ** 28})
}

/** Two programs whose common debug information dwz put into a third file; I have them without any. */
function buildPrograms(): void {
  writeFileSync(at('common.h'), 'struct node { struct node *next; int value; };\nint depth(struct node *n);\n')
  const source = (name: string) =>
    `#include "common.h"\n#include <stdio.h>\nint ${name}(struct node *n) { return n ? 1 + ${name}(n->next) : 0; }\n` +
    `int main(int c, char **v) { return ${name}(0) + puts(v[0]); }\n`
  for (const name of ['first', 'second']) {
    writeFileSync(at(`${name}.c`), source(name))
    execFileSync('gcc', ['-g', '-O1', '-Wl,--build-id', '-o', at('served', name), at(`${name}.c`)])
  }
  execFileSync('dwz', ['-m', at('served', 'common.debug'), at('served', 'first'), at('served', 'second')])
  for (const name of ['first', 'second']) execFileSync('strip', ['-g', '-o', at('mine', name), at('served', name)])
}

function addressOf(program: string, name: string): string {
  const symbols = execFileSync('nm', [program], {encoding: 'utf8'})
  const address = new RegExp(`^([0-9a-f]+) T ${name}$`, 'm').exec(symbols)?.[1]
  return `0x${address?.replace(/^0+/, '')}`
}

/** The server answers 404 until it has scanned, and 503 while it does. */
async function waitFor(buildId: string): Promise<boolean> {
  for (let second = 0; second < INDEX_SECONDS; second++) {
    const response = await fetch(`${URL}/buildid/${buildId}/executable`).catch(() => undefined)
    await response?.body?.cancel()
    if (response?.ok) return true
    await setTimeout(1000)
  }
  return false
}

const fixture = await openFixture(CASE)
const core = at('mine', 'core')
buildPrograms()
copyFileSync(fixture.core, core)
for (const name of readdirSync(fixture.directory)) {
  if (name !== 'core' && name !== 'sysroot') copyFileSync(join(fixture.directory, name), at('served', name))
}
const start = () =>
  spawn('debuginfod', ['-p', String(PORT), '-d', ':memory:', '-F', at('served'), '-t', '0', '-g', '0'], {
    stdio: 'ignore',
  })
const server = start()
try {
  const executable = fixture.meta.files.find(file => file.name === fixture.meta.executable)
  check('the server has scanned', await waitFor(executable?.buildId ?? ''), '')
  const wanted = run(['analyze', core, '--sysroot', fixture.sysroot, '--exe', fixture.executable], 'unused').stdout
  const fetched = run(['analyze', core])
  check('a core alone is analysed as with all its files', fetched.stdout === wanted, fetched.stderr)
  const address = addressOf(at('mine', 'first'), 'first')
  const symbolized = run(['symbolize', 'first', address])
  check('lines of a program without debug information', /first\.c:3 /.test(symbolized.stdout), symbolized.stderr)
  check('dwz: nothing is missing', symbolized.stderr === '', symbolized.stderr)
  server.kill()
  await new Promise(resolve => server.once('exit', resolve))
  check('the server is gone, the cache is not', run(['analyze', core]).stdout === wanted, '')
  const alone = run(['analyze', core], 'empty')
  check('no server, no cache: a report all the same', alone.status === 0 && alone.stdout !== '', alone.stderr)
  check('and it says why', /debuginfod/.test(alone.stderr), alone.stderr)
} finally {
  server.kill()
  rmSync(directory, {recursive: true, force: true})
}
process.exitCode = failures === 0 ? 0 : 1
