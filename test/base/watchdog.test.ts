// A process that nobody waits for ends itself, even where its main thread never comes to the end of a loop.
import {execFileSync, spawn} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import test from 'ava'

const watchdog = new URL('../../src/base/watchdog.ts', import.meta.url).href

/** Source of a program that starts the watchdog and does something else. */
const program = (options: string, then: string): string =>
  `const {Watchdog} = await import(${JSON.stringify(watchdog)})\nconst dog = Watchdog.start(${options})\n${then}`
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
  const source = program('{parent: process.ppid}', spin)
  const parent = spawn('bash', ['-c', '"$0" "$@" & wait', process.execPath, ...args(source)], {cwd: here})
  const pid = Number(await new Promise(done => parent.stdout.once('data', done)))
  t.true(isRunning(pid))
  parent.kill('SIGKILL')
  t.true(await goneWithin(pid, 300))
})

test('a process whose parent had gone before it looked ends too', async t => {
  const child = spawn(process.execPath, args(program(`{parent: ${process.pid} + 1}`, spin)), {cwd: here})
  t.is(await new Promise(done => child.once('exit', (_code, signal) => done(signal))), 'SIGKILL')
})

test('a deadline ends a loop, with some last words', async t => {
  const source = program("{deadline: Date.now() + 100, lastWords: 'too late\\n'}", spin)
  const child = spawn(process.execPath, args(source), {cwd: here})
  let words = ''
  child.stderr.on('data', part => {
    words += part
  })
  t.is(await new Promise(done => child.once('close', (_code, signal) => done(signal))), 'SIGKILL')
  t.is(words, 'too late\n')
})

test('a deadline that was moved or lifted ends nothing, and no process is kept alive', async t => {
  const wait = 'await new Promise(done => setTimeout(done, 800))'
  for (const change of ['dog.setDeadline(undefined)', 'dog.setDeadline(Date.now() + 1e9)', 'dog.stop()']) {
    const source = program('{parent: process.ppid, deadline: Date.now() + 300}', `${change}; ${wait}`)
    const child = spawn(process.execPath, args(source), {cwd: here, stdio: 'inherit'})
    t.is(await new Promise(done => child.once('exit', code => done(code))), 0, change)
  }
})
