import {spawnSync} from 'node:child_process'
import {copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {placeInGroups, readCrashRecord} from '../../src/acquire/crash-record.ts'
import {openProcess} from '../../src/acquire/open-process.ts'
import {programNames} from '../../src/acquire/program-names.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import type {CoreFile} from '../../src/elf/core-file.ts'
import {runCommand} from '../support/run-command.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-record-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

const BOOT = '5b2f1e0c9d8a47b6a1f0c3d2e4b5a697'
const UNKNOWN = {
  signal: undefined,
  exe: undefined,
  unit: undefined,
  container: undefined,
  cgroup: undefined,
  host: undefined,
}

test('the name that systemd-coredump gives a core tells the process, the user and the time', t => {
  const record = {handler: 'systemd', source: 'file-name', ...UNKNOWN} as const
  t.deepEqual(readCrashRecord(`/var/lib/systemd/coredump/core.server.1000.${BOOT}.4711.1700000000000000.zst`), {
    ...record,
    name: 'server',
    uid: 1000,
    pid: 4711,
    time: '2023-11-14T22:13:20.000Z',
  })
  // What is special in the name is escaped, and old releases packed otherwise or not at all.
  for (const ending of ['', '.lz4', '.xz']) {
    const found = readCrashRecord(`core.my\\x20\\xc3\\xa4pp\\x2ev1.0.${BOOT}.7.1700000000${ending}`)
    t.deepEqual(found, {...record, name: 'my äpp.v1', uid: 0, pid: 7, time: '2023-11-14T22:13:20.000Z'})
  }
})

test('a name that no crash handler gives tells nothing', t => {
  const others = [
    'core',
    'core.1234',
    '-',
    `core.a.b.${BOOT}.7.8.zst`,
    `core.server.1.${BOOT}.7.8.zst.part`,
    'coredump',
  ]
  t.deepEqual(
    others.map(name => readCrashRecord(join(directory, name))),
    others.map(() => undefined),
  )
  t.is(readCrashRecord(`core.server.1.${BOOT}.7.99999999999999999999`)?.time, undefined)
})

test('the name that apport gives a core tells the user and the process, not the path of the program', t => {
  const name = 'core._usr_bin_my_server.v2.1000.5b2f1e0c-9d8a-47b6-a1f0-c3d2e4b5a697.4711.123456'
  const found = readCrashRecord(join('/var/lib/apport/coredump', name))
  t.like(found, {handler: 'apport', source: 'file-name', uid: 1000, pid: 4711, time: undefined, exe: undefined})
})

test('ABRT keeps what it knows in files beside the core', t => {
  const folder = join(directory, 'ccpp-2023-11-14-22:13:20.5-4711')
  mkdirSync(folder)
  const core = join(folder, 'coredump')
  t.is(readCrashRecord(core), undefined)
  const files = {
    executable: '/srv/server',
    time: '1700000000',
    uid: '33',
    pid: '12',
    global_pid: '4711',
    hostname: 'web-3',
  }
  const cgroup = '0::/system.slice/web@3.service/worker\n'
  for (const [name, text] of Object.entries({...files, cgroup})) writeFileSync(join(folder, name), text)
  t.deepEqual(readCrashRecord(core), {
    handler: 'abrt',
    source: 'folder',
    name: undefined,
    exe: '/srv/server',
    time: '2023-11-14T22:13:20.000Z',
    uid: 33,
    pid: 4711,
    host: 'web-3',
    unit: 'web@3.service',
    container: undefined,
    cgroup: '/system.slice/web@3.service/worker',
    signal: undefined,
  })
})

const hasAttributes =
  spawnSync('sh', ['-c', 'f=$(mktemp) && setfattr -n user.coredump.pid -v 1 "$f" && getfattr "$f"']).status === 0

;(hasAttributes ? test : test.skip)('attributes of the core tell the program, the signal and the machine', t => {
  const path = join(directory, `core.server.1000.${BOOT}.4711.1700000000000000`)
  writeFileSync(path, '')
  const attributes = {comm: 'ser ver', exe: '/srv/a "server"\\', signal: '11', hostname: 'web-3', pid: '4711'}
  for (const [name, value] of Object.entries(attributes)) {
    spawnSync('setfattr', ['-n', `user.coredump.${name}`, '-v', `0x${Buffer.from(value).toString('hex')}`, path])
  }
  t.like(readCrashRecord(path), {
    source: 'attributes',
    name: 'ser ver',
    exe: '/srv/a "server"\\',
    signal: 11,
    host: 'web-3',
    pid: 4711,
    uid: 1000,
  })
})

test('a program is called as it was started, but not by what means something else in every process', t => {
  const name = (commandLine: string, comm: string) =>
    programNames({auxv: new Map(), process: {commandLine, name: comm}} as unknown as CoreFile, '/srv/server')
  t.deepEqual(name('/opt/runc init', 'runc:[2:INIT]'), ['/srv/server', '/opt/runc', 'runc:[2:INIT]'])
  t.deepEqual(name('/proc/self/exe init', 'memfd:clone:/pr'), ['/srv/server'])
  t.deepEqual(name('', ''), ['/srv/server'])
})

/** The fixture's core as if its program had been copied to memory: the file that ran has no name on the disk. */
async function coreOfHiddenProgram(): Promise<string> {
  const {core} = await openFixture('cfault-segv-go1.27')
  const path = '/tmp/gotrace-lab/go1.27/cfault/default/cfault'
  const hidden = join(directory, `core.cfault.0.${BOOT}.23560.1700000000000000`)
  writeFileSync(
    hidden,
    readFileSync(core, 'latin1').replaceAll(path, '/memfd:copy:'.padEnd(path.length, 'x')),
    'latin1',
  )
  return hidden
}

test('a program that ran from memory is found by its name, where the file is the same build', async t => {
  const {executable} = await openFixture('cfault-segv-go1.27')
  const other = await openFixture('cfault-segv-go1.24')
  const core = await coreOfHiddenProgram()
  const root = join(directory, 'root')
  const put = (file: string, name: string): void => {
    mkdirSync(dirname(join(root, name)), {recursive: true})
    copyFileSync(file, join(root, name))
  }
  put(other.executable, 'usr/local/bin/cfault')
  const find = async () => {
    const diagnostics = new Diagnostics()
    const {modules, close} = await openProcess(core, {diagnostics, sysroots: [root]})
    const program = modules.find(({isExecutable}) => isExecutable)
    const told = diagnostics.list().filter(({where}) => where === program?.path)
    close()
    return {path: program?.imagePath, told: told.map(({code, hint}) => ({code, hint}))}
  }
  // Another program of that name is no mistake of anybody's.
  const advice = 'name it: --exe FILE, or allow the files of this machine: --host-files'
  t.deepEqual(await find(), {path: undefined, told: [{code: 'module-not-found', hint: advice}]})
  put(executable, 'usr/bin/cfault')
  t.deepEqual(await find(), {path: join(root, 'usr/bin/cfault'), told: []})
})

test('what was recorded stands in info and in the summary, in text and JSON', async t => {
  const {executable, sysroot} = await openFixture('cfault-segv-go1.27')
  const core = await coreOfHiddenProgram()
  const files = ['-e', executable, '--sysroot', sysroot]
  const info = runCommand(['info', core, ...files])
  t.regex(
    info.stdout,
    /^recorded {6}by systemd \(file-name\): name cfault, pid 23560, uid 0, time 2023-11-14T22:13:20\.000Z$/m,
  )
  t.regex(runCommand(['analyze', core, ...files]).stdout, /^ {2}who .*, go1\.27\.\d+,\s+2023-11-14T22:13:20Z$/m)
  const origins = ['info', 'analyze', 'threads', 'cgo', 'goroutines'].map(
    command => JSON.parse(runCommand([command, core, ...files, '--json']).stdout).core.origin,
  )
  const [first] = origins
  t.is(first.pid, 23560)
  for (const origin of origins) t.deepEqual(origin, first)
})

test('the control group tells the unit and the container, as each runtime writes it', t => {
  const id = 'ab12'.repeat(16)
  const told = (text: string) => {
    const {cgroup, unit, container} = placeInGroups(text)
    return [cgroup, unit, container]
  }
  t.deepEqual(told('0::/system.slice/server.service\n'), ['/system.slice/server.service', 'server.service', undefined])
  const docker = `/system.slice/docker-${id}.scope`
  t.deepEqual(told(`0::${docker}\n`), [docker, `docker-${id}.scope`, id])
  const kubernetes = `/kubepods.slice/kubepods-besteffort.slice/cri-containerd-${id}.scope`
  t.deepEqual(told(`0::${kubernetes}\n`), [kubernetes, `cri-containerd-${id}.scope`, id])
  const old = `12:cpu,cpuacct:/docker/${id}\n1:name=systemd:/docker/${id}\n0::/\n`
  t.deepEqual(told(old), [`/docker/${id}`, undefined, id])
  t.deepEqual(told('0::/\n'), [undefined, undefined, undefined])
  t.deepEqual(told(''), [undefined, undefined, undefined])
})
