// A process that nobody waits for ends itself, even where its main thread never comes to the end of a loop.
import {execFileSync, spawn} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import test from 'ava'

const watchdog = new URL('../../src/base/watchdog.ts', import.meta.url).href

/** Source of a program that starts the watchdog and does something else. */
const program = (parent: string, then: string): string =>
  `const {endWithParent} = await import(${JSON.stringify(watchdog)})\nendWithParent(${parent})\n${then}`
const args = (source: string): string[] => ['--import', 'tsx', '--input-type=module', '-e', source]
const here = fileURLToPath(new URL('../..', import.meta.url))
const spin = 'console.log(process.pid); for (;;);'

function isRunning(pid: number): boolean {
  return !/^(Z|)$/.test(execFileSync('bash', ['-c', `ps -o stat= -p ${pid} | cut -c1`], {encoding: 'utf8'}).trim())
}

async function goneWithin(pid: number, seconds: number): Promise<boolean> {
  for (let waited = 0; waited < seconds; waited += 0.1) {
    if (!isRunning(pid)) return true
    await new Promise(done => setTimeout(done, 100))
  }
  process.kill(pid, 'SIGKILL')
  return false
}

test('a process whose parent was killed ends, though it spins', async t => {
  const source = program('process.ppid', spin)
  const parent = spawn('bash', ['-c', '"$0" "$@" & wait', process.execPath, ...args(source)], {cwd: here})
  const pid = Number(await new Promise(done => parent.stdout.once('data', done)))
  t.true(isRunning(pid))
  parent.kill('SIGKILL')
  t.true(await goneWithin(pid, 300))
})

test('a process whose parent had gone before it looked ends too', async t => {
  const child = spawn(process.execPath, args(program(`${process.pid} + 1`, spin)), {cwd: here})
  t.is(await new Promise(done => child.once('exit', (_code, signal) => done(signal))), 'SIGKILL')
})

test('no process is kept alive by it', async t => {
  const child = spawn(process.execPath, args(program('process.ppid', '')), {cwd: here, stdio: 'inherit'})
  t.is(await new Promise(done => child.once('exit', code => done(code))), 0)
})
