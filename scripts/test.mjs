// Runs the tests and ends with one line that says how many: `N passed, N failed`. Arguments go to ava.
import {spawn} from 'node:child_process'
import {dirname, join} from 'node:path'
import {createInterface} from 'node:readline'
import {fileURLToPath} from 'node:url'
import {BUNDLED_TESTS, bundledName, bundleTests} from './bundled-tests.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const ava = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs')
const {NODE_EXTRA_CA_CERTS: _costly, ...env} = process.env
await bundleTests(root)
const child = spawn(process.execPath, [ava, '--tap', ...process.argv.slice(2).map(bundledName)], {
  cwd: root,
  env: {...env, BUNDLED_TESTS},
  stdio: ['inherit', 'pipe', 'inherit'],
})

let passed = 0
let failed = 0
let inDetails = false
for await (const line of createInterface({input: child.stdout})) {
  if (/^ok \d+/.test(line)) {
    passed++
    inDetails = false
  } else if (/^not ok \d+/.test(line)) {
    failed++
    inDetails = true
    console.log(line.replace(/^not ok \d+ - /, '✘ '))
  } else if (/^(TAP version|1\.\.|# )/.test(line)) inDetails = false
  else if (inDetails || /^Bail out/.test(line)) console.log(line)
}
const exitCode = await new Promise(resolve =>
  child.exitCode === null ? child.on('close', resolve) : resolve(child.exitCode),
)
// A test file that dies before its first test fails the run without failing a test.
if (exitCode !== 0 && failed === 0) failed = 1
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = exitCode ?? 1
