// What has a name like a file and is none: nothing waits for it, and it is told of.
import {execFileSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {gzipSync} from 'node:zlib'
import test, {type ExecutionContext} from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import type {BatchLine} from '../../src/report/core-report.ts'
import {type RunResult, runCommand} from '../support/run-command.ts'

const fixture = await openFixture('cfault-segv-go1.27')
const directory = mkdtempSync(join(tmpdir(), 'gotrace-no-files-'))
const [fifo, socket, loop] = ['fifo', 'socket', 'loop'].map(name => join(directory, name)) as [string, string, string]
execFileSync('mkfifo', [fifo])
symlinkSync(loop, loop)
const server = createServer().listen(socket)
await new Promise(done => server.once('listening', done))
test.after.always(() => {
  server.close()
  rmSync(directory, {recursive: true, force: true})
})

/** Nothing here takes a second of its own; what waits for a writer takes for ever. */
const run = (...args: string[]): RunResult => runCommand(args, {seconds: 60})
const core = ['info', fixture.core]

const kinds: readonly [path: string, said: RegExp][] = [
  [fifo, /: a FIFO, not a regular file$/],
  [socket, /: a socket, not a regular file$/],
  ['/dev/zero', /: a device, not a regular file$/],
  [directory, /: a directory, not a regular file$/],
  [loop, /: ELOOP: too many symbolic links/],
]

for (const [path, said] of kinds) {
  test(`${path.replace(directory, '…')} is refused as core, as program and as module`, t => {
    for (const args of [
      ['info', path],
      [...core, '--exe', path],
      ['symbolize', path, '0x1'],
    ]) {
      const {stdout, stderr, exitCode} = run(...args)
      const [what = '', advice = '', ...rest] = stderr.trimEnd().split('\n')
      t.regex(what, said)
      t.regex(advice, /^ {2}\S/)
      t.deepEqual([stdout, rest, exitCode], ['', [], 1])
    }
  })
}

test('batch has a line for each that is named, and passes over those in a folder', t => {
  const {stdout, exitCode} = run('batch', fifo, socket, '/dev/zero', loop)
  t.is(exitCode, 1)
  const lines = stdout.trimEnd().split('\n')
  const messages = lines.map(line => (JSON.parse(line) as BatchLine).error?.message ?? '')
  t.deepEqual(messages.slice(0, 3), [
    `${fifo}: a FIFO, not a regular file`,
    `${socket}: a socket, not a regular file`,
    '/dev/zero: a device, not a regular file',
  ])
  t.regex(messages[3] ?? '', /ELOOP/)
  t.is(lines.length, 4)
})

const outputs: readonly [path: string, said: RegExp][] = [
  [fifo, /fifo: a FIFO that nobody reads$/],
  [socket, /socket: a socket$/],
  [directory, /: a directory$/],
  [loop, /ELOOP/],
  ['/dev/full', /\/dev\/full: ENOSPC/],
]

for (const [path, said] of outputs) {
  test(`no output goes to ${path.replace(directory, '…')}`, t => {
    for (const args of [core, ['batch', fixture.core]]) {
      const {stdout, stderr, exitCode} = run(...args, '--quiet', '-o', path)
      t.regex(stderr.split('\n')[0] ?? '', said)
      t.deepEqual([stdout, exitCode], ['', 2])
    }
  })
}

/** A machine's files in which every name that is looked for is a FIFO, but for the program. */
function besetTree(): {root: string; debugDir: string; program: string} {
  const root = join(directory, 'root')
  const fileOf = (name: string) => fixture.meta.files.find(file => file.name === name)
  const program = join(root, fileOf(fixture.meta.executable)?.path ?? '')
  const debugDir = join(directory, 'debug')
  const buildId = fileOf('libc.so.6')?.buildId ?? ''
  const pipes = [
    `${program}.debug`,
    join(dirname(program), '.debug', 'cfault.debug'),
    `${program}.dwp`,
    join(root, 'lib/x86_64-linux-gnu/libc.so.6'),
    join(root, 'usr/lib/x86_64-linux-gnu/libc.so.6'),
    join(debugDir, '.build-id', buildId.slice(0, 2), `${buildId.slice(2)}.debug`),
  ]
  for (const path of [program, ...pipes]) mkdirSync(dirname(path), {recursive: true})
  writeFileSync(program, readFileSync(fixture.executable))
  for (const path of pipes) execFileSync('mkfifo', [path])
  return {root, debugDir, program}
}

function diagnosticsOf(t: ExecutionContext, {stdout, exitCode}: RunResult): {code: string; where: string}[] {
  t.is(exitCode, 0)
  return JSON.parse(stdout).diagnostics
}

test('a FIFO where a library or a debug file would be is passed over and told of', t => {
  const {root, debugDir, program} = besetTree()
  const search = ['--sysroot', root, '--debug-dir', debugDir]
  const report = run('analyze', fixture.core, ...search, '--json')
  const bad = diagnosticsOf(t, report).filter(({code}) => code === 'bad-file')
  t.true(bad.some(({where}) => where.endsWith('/libc.so.6')))
  t.true(bad.some(({where}) => where.endsWith('.debug') && where.startsWith(debugDir)))
  t.regex(JSON.stringify(bad), /a FIFO, not a regular file/)
  t.regex(report.stdout, /"function": ?"main\.main"/)
  t.is(run('symbolize', program, '0x1', ...search).exitCode, 0)
})

test('no report is written over a core or a program, packed or not', t => {
  const contents: Readonly<Record<string, Uint8Array>> = {
    core: readFileSync(fixture.core).subarray(0, 6000),
    'core.zst': readFileSync(fixture.compressedCore),
    'core.gz': gzipSync('core'),
  }
  for (const [name, bytes] of Object.entries(contents)) {
    const path = join(directory, name)
    writeFileSync(path, bytes)
    const {stdout, stderr, exitCode} = run(...core, '-o', path)
    t.deepEqual([stdout, exitCode], ['', 2])
    t.regex(stderr, /: a core, a program or something packed, which would be lost\n {2}\S/)
    t.deepEqual(readFileSync(path), Buffer.from(bytes))
  }
})

test('a profile is written over an earlier one', t => {
  const path = join(directory, 'again.pb.gz')
  for (let time = 0; time < 2; time++) t.is(run('goroutines', fixture.core, '-o', path).exitCode, 0)
})

test('a folder of files to look in that is none is told of, once', t => {
  for (const flag of ['--sysroot', '--debug-dir']) {
    for (const args of [core, ['batch', fixture.core, fixture.core]]) {
      const missing = run(...args, flag, join(directory, 'nowhere'))
      t.is(missing.stderr, `gotrace-core: ${directory}/nowhere: no such file\n  check the path\n`)
      t.deepEqual([missing.stdout, missing.exitCode], ['', 1])
      for (const path of [fifo, fixture.core, '']) {
        const wrong = run(...args, flag, path)
        t.regex(wrong.stderr, /^gotrace-core: \S+: (no folder|the name is empty)\n {2}name a folder/)
        t.deepEqual([wrong.stdout, wrong.exitCode], ['', 2])
      }
    }
  }
})
