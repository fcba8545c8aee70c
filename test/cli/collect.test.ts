// The handler of core_pattern, with a pipe in the place of the kernel's.
import {spawn, spawnSync} from 'node:child_process'
import {
  createReadStream,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {runCommand} from '../support/run-command.ts'

const entry = join(dirname(fileURLToPath(import.meta.url)), '../../bin/run.cjs')
const root = mkdtempSync(join(tmpdir(), 'gotrace-collect-'))
test.after.always(() => rmSync(root, {recursive: true, force: true}))
let folders = 0
const newFolder = (): string => join(root, String(folders++))

interface Line {
  state: string
  signature: string | null
  path: string | null
  reason: string | null
}

const journal = (folder: string): Line[] =>
  readFileSync(join(folder, 'collect.ndjson'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
const states = (folder: string): string =>
  journal(folder)
    .map(({state}) => state)
    .join(' ')
const names = (folder: string): string[] => readdirSync(folder).filter(name => name !== 'collect.ndjson')

async function collect(core: string, flags: readonly string[]): Promise<number | null> {
  const child = spawn(process.execPath, [entry, 'collect', ...flags], {stdio: ['pipe', 'ignore', 'pipe']})
  child.stdin.on('error', () => {})
  createReadStream(core).pipe(child.stdin)
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', text => (stderr += text))
  return new Promise(done => child.on('close', done))
}

test('a core that comes through a pipe is kept as a package, which answers as the core does', async t => {
  const {core, executable, sysroot} = await openFixture('callback-deep-go1.27')
  const files = ['-e', executable, '--sysroot', sysroot]
  const folder = newFolder()
  const words = ['-d', folder, '--sysroot', sysroot, '--debug-dir', dirname(executable), '--per-minute', '1']
  const notice = ['4000000', '11', '1764250000', '!srv!my app']
  t.is(await collect(core, [...words, ...notice]), 0)
  t.deepEqual(names(folder), ['my_app.4000000.1764250000.gtc'])
  t.is(states(folder), 'arrived signed stored')
  // The same again in that minute is counted.
  t.is(await collect(core, [...words, ...notice]), 0)
  t.is(states(folder), 'arrived signed stored arrived signed counted')
  const path = join(folder, 'my_app.4000000.1764250000.gtc')
  t.is(statSync(path).mode % 0o1000, 0o600)
  const answer = (args: string[]) => JSON.parse(runCommand(['analyze', ...args, '--json']).stdout)
  const [kept, whole] = [answer([path]), answer([core, ...files])]
  t.deepEqual(kept.goroutines, whole.goroutines)
  t.deepEqual(kept.signature, whole.signature)
  const {handler, source, pid, signal, time, exe} = kept.core.origin
  t.deepEqual(
    {handler, source, pid, signal, time, exe},
    {
      handler: 'gotrace-core',
      source: 'package',
      pid: 4_000_000,
      signal: 11,
      time: '2025-11-27T13:26:40.000Z',
      exe: '/srv/my app',
    },
  )
  t.is(names(folder).length, 1)
})

test('what is no core, and what has no room, is read to its end and told', async t => {
  const folder = newFolder()
  const junk = join(root, 'junk')
  writeFileSync(junk, Buffer.alloc(3_000_000, 'x'))
  t.is(await collect(junk, ['-d', folder, '7', '11']), 1)
  t.is(states(folder), 'arrived lost')
  const {core} = await openFixture('callback-deep-go1.27')
  t.is(await collect(core, ['-d', folder, '--keep-free', '1000000', '7', '11']), 1)
  t.regex(journal(folder).at(-1)?.reason ?? '', /bytes of the disk are free/)
  t.deepEqual(names(folder), [])
  // A folder that cannot be made, and words that are none, do not hold up who writes.
  const line = `head -c 20000000 /dev/zero | "$0" "$1" collect -d /proc/1/x 7; echo "\${PIPESTATUS[0]} \${PIPESTATUS[1]}"`
  const {stdout} = spawnSync('bash', ['-c', line, process.execPath, entry], {encoding: 'utf8'})
  t.is(stdout, '0 2\n')
})

/** Whether a process has its spill open, which has no name any more. */
function hasUnnamedSpill(pid: number | undefined): boolean {
  const files = `/proc/${pid}/fd`
  return readdirSync(files).some(fd => {
    try {
      return /\.spill-.* \(deleted\)$/.test(readlinkSync(join(files, fd)))
    } catch {
      return false // Closed meanwhile.
    }
  })
}

test('a run that is killed leaves no package, and what it leaves the next one removes', async t => {
  const {core} = await openFixture('callback-deep-go1.27')
  const folder = newFolder()
  const child = spawn(process.execPath, [entry, 'collect', '-d', folder, '7', '11'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.stdin.on('error', () => {})
  child.stdin.write(readFileSync(core).subarray(0, 5_000_000))
  while (!hasUnnamedSpill(child.pid)) await new Promise(done => setTimeout(done, 50))
  child.kill('SIGKILL')
  await new Promise(done => child.on('close', done))
  t.deepEqual(names(folder), [])
  writeFileSync(join(folder, '.collect-4000000-core.1.tmp'), 'a part')
  t.is(await collect(core, ['-d', folder, '--max-count', '1', '8', '11']), 0)
  t.is(await collect(core, ['-d', folder, '--max-count', '1', '9', '11']), 0)
  t.deepEqual(
    names(folder).map(name => name.split('.')[1]),
    ['9'],
  )
})

test('who never ends what is read is not waited for longer than --timeout', async t => {
  const {core} = await openFixture('callback-deep-go1.27')
  const folder = newFolder()
  const endless = async (input: Uint8Array, words: readonly string[]): Promise<number | null> => {
    const child = spawn(process.execPath, [entry, 'collect', ...words], {stdio: ['pipe', 'ignore', 'ignore']})
    child.stdin.on('error', () => {})
    child.stdin.write(input)
    return new Promise(done => child.on('exit', done))
  }
  await endless(readFileSync(core).subarray(0, 5_000_000), ['-d', folder, '--timeout', '2', '7', '11'])
  t.is(journal(folder).at(-1)?.reason, 'its end did not come in time (--timeout)')
  // Something that always has more, where nothing is kept.
  const line = 'exec "$0" "$1" collect -d "$2" --timeout 2 --max-core 0 7 </dev/zero 2>&1'
  const {stdout, status} = spawnSync('bash', ['-c', line, process.execPath, entry, newFolder()], {encoding: 'utf8'})
  t.deepEqual(
    {stdout: stdout.replace(/core of .* \(7\)/, 'core'), status},
    {stdout: 'gotrace-core: the core was not kept: it is larger than 0 bytes (--max-core)\n', status: 1},
  )
})

test('the name of a program that was not kept is shown escaped', t => {
  const words = [entry, 'collect', '-d', newFolder(), '7', '11', '0', '!\u001b[31mx']
  const {stderr} = spawnSync(process.execPath, words, {encoding: 'utf8', input: 'no core'})
  t.regex(stderr, /the core of \/\\x1b\[31mx \(7\) was not kept/)
})
