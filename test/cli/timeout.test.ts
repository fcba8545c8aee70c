import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {createServer, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {complaint} from '../support/documents.ts'
import {runCommand, runShell} from '../support/run-command.ts'

const entry = join(dirname(fileURLToPath(import.meta.url)), '../../bin/run.cjs')
const fixture = await openFixture('cfault-segv-go1.27')
const directory = mkdtempSync(join(tmpdir(), 'timeout-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

/** A pattern that takes longer than anyone waits: nothing of ours asks for the time in it. */
const ENDLESS = '^((.+)+)+#'

function start(args: readonly string[], stdin: 'ignore' | 'pipe'): ChildProcess {
  return spawn(process.execPath, [entry, ...args], {stdio: [stdin, 'pipe', 'pipe']})
}

async function endOf(child: ChildProcess): Promise<{exitCode: number; stderr: string}> {
  let stderr = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const [exitCode] = (await once(child, 'close')) as [number]
  return {exitCode, stderr}
}

test('work that never looks at the time is ended, and leaves no half of a document', t => {
  const output = join(directory, 'half.json')
  const args = ['goroutines', fixture.core, '-e', fixture.executable, '--json', '--timeout', '1', '--function', ENDLESS]
  const {stdout, stderr, exitCode} = runCommand([...args, '-o', output])
  t.is(exitCode, 1)
  t.regex(stderr, /^gotrace-core: the time is over \(--timeout\).*\n {2}give it longer: --timeout SECONDS\n$/)
  t.is(complaint('error', JSON.parse(stdout)), '')
  t.is(JSON.parse(stdout).error.code, 'timeout')
  t.true(existsSync(output))
  t.is(readFileSync(output, 'utf8'), '')
})

test('a reader who takes nothing is not waited for when the time is over', async t => {
  const addresses = Array.from({length: 10_000}, (_, index) => `0x${(0x401000 + index * 16).toString(16)}`)
  const child = start(['symbolize', fixture.executable, ...addresses, '--timeout', '1'], 'ignore')
  const stderr: Buffer[] = []
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk))
  // Nothing reads its standard output.
  const [exitCode] = (await once(child, 'exit')) as [number]
  child.stdout?.destroy()
  t.is(exitCode, 1)
  t.regex(Buffer.concat(stderr).toString(), /the time is over/)
})

/** Into a pipe that is full, and that nobody reads. */
const UNREAD = [
  `symbolize ${fixture.executable} 0x401000`,
  `diff ${fixture.core} ${fixture.core}`,
  `minimise ${fixture.core} -o -`,
  `pack ${fixture.core} -o -`,
]

for (const [index, line] of UNREAD.entries()) {
  test(`nor is he by ${line.split(' ')[0]} with the little it has to say`, t => {
    const pipe = join(directory, `full-${index}`)
    const {stderr, exitCode} = runShell(
      `mkfifo ${pipe}; exec 3<>${pipe}; head -c 65536 /dev/zero >&3; $RUN ${line} --timeout 1 >&3`,
    )
    t.is(exitCode, 1)
    t.regex(stderr, /the time is over/)
  })
}

test('symbolize waits for addresses no longer than it may', async t => {
  const child = start(['symbolize', fixture.executable, '--json', '--timeout', '1'], 'pipe')
  let stdout = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stdin?.write('401000\n')
  const {exitCode, stderr} = await endOf(child)
  t.is(exitCode, 1)
  t.regex(stderr, /the time is over/)
  // The line that closes the protocol is missing: more was to come.
  t.is(stdout.split('\n').length, 2)
  t.like(JSON.parse(stdout), {address: '0x401000'})
})

test('a word on standard input without an end is no address, and not kept', t => {
  const {stdout, stderr, exitCode} = runShell(
    `{ head -c 8000000 /dev/zero | tr '\\0' 4; printf '\\n401000'; } | $RUN symbolize ${fixture.executable} --json`,
  )
  t.is(exitCode, 1)
  t.regex(stderr, /^gotrace-core: standard input, line 1: 4+: not an address\n/)
  t.true(stderr.length < 1000)
  const asked = stdout.trimEnd().split('\n')
  t.deepEqual(
    asked.map(line => JSON.parse(line).address),
    ['0x401000', '0x0'],
  )
})

test('a core that nobody sends is not waited for', async t => {
  const child = start(['info', '-', '--timeout', '1'], 'pipe')
  const {exitCode, stderr} = await endOf(child)
  t.is(exitCode, 1)
  t.regex(stderr, /the time is over/)
})

/** Servers that never come to an end. */
const SERVERS: readonly [title: string, answer: (response: ServerResponse) => void][] = [
  ['says nothing', () => undefined],
  [
    'sends nothing behind its headers',
    response => response.writeHead(200, {'content-length': '1000000'}).flushHeaders(),
  ],
  [
    'sends a byte now and then',
    response => {
      response.writeHead(200)
      response.write(Buffer.from([0x7f, 0x45, 0x4c, 0x46]))
      const timer = setInterval(() => response.write('x'), 50)
      response.on('close', () => clearInterval(timer))
    },
  ],
  ['sends from one place to the next', response => response.writeHead(302, {location: '/again'}).end()],
]

for (const [title, answer] of SERVERS) {
  test(`a debuginfod server that ${title} is not waited for when the time is over`, async t => {
    const server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const home = mkdtempSync(join(directory, 'home-'))
    const root = join(home, 'root')
    mkdirSync(root)
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const args = ['info', fixture.core, '--sysroot', root, '--debuginfod', url, '--timeout', '1', '--json', '--quiet']
    const child = spawn(process.execPath, [entry, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {...process.env, HOME: home, XDG_CACHE_HOME: '', DEBUGINFOD_CACHE_PATH: ''},
    })
    let stdout = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    const {exitCode} = await endOf(child)
    server.close()
    server.closeAllConnections()
    t.is(exitCode, 0)
    const report = JSON.parse(stdout)
    t.is(complaint('info', report), '')
    const codes = report.diagnostics.map(({code}: {code: string}) => code)
    t.true(codes.includes('debuginfod-failed'), codes.join())
    // Else the server's own patience would have ended it, a minute and a half later.
    if (title.startsWith('sends from')) return
    t.true(codes.includes('timeout'), codes.join())
    const left = (readdirSync(home, {recursive: true}) as string[]).filter(name =>
      /\/(executable|debuginfo)(\.|$)/.test(name),
    )
    t.deepEqual(left, [])
  })
}

for (const seconds of ['0', '-1', '1.5', 'soon', '', '1e9']) {
  test(`a time of "${seconds}" is wrong usage, of every command`, t => {
    for (const command of ['info', 'symbolize', 'batch']) {
      const {exitCode, stderr} = runCommand([command, fixture.executable, `--timeout=${seconds}`])
      t.is(exitCode, 2, command)
      t.regex(stderr, /--timeout/)
    }
  })
}
