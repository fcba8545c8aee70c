import {spawnSync} from 'node:child_process'
import test from 'ava'
import type {CrashRecord} from '../../src/acquire/crash-record.ts'
import {isPackageHead, makeManifest, type PackageManifest, readManifest} from '../../src/acquire/package-manifest.ts'
import {PackedFiles} from '../../src/acquire/packed-files.ts'
import {readTar, SlicedSource, type TarMember, writeTar} from '../../src/acquire/tar-archive.ts'
import {BytesSource} from '../../src/base/byte-source.ts'

const NAMES = [
  'a',
  'root/usr/lib/libc.so.6',
  `root/${'long/'.repeat(60)}file`,
  'root/ünïcode',
  'root/a\nb',
  'x'.repeat(100),
]

function member(name: string, content: string): TarMember {
  const bytes = new TextEncoder().encode(content)
  return {name, size: bytes.length, chunks: () => [bytes]}
}

function archive(members: readonly TarMember[]): Uint8Array {
  return new Uint8Array(Buffer.concat([...writeTar(members)]))
}

const CONTENTS = ['', 'x', 'y'.repeat(511), 'z'.repeat(512), 'w'.repeat(513), 'last']
const whole = archive(NAMES.map((name, index) => member(name, CONTENTS[index] as string)))

test('members are found where they lie, whatever their names', t => {
  const source = new BytesSource(whole, 'a.tar')
  const members = readTar(source)
  t.deepEqual([...members.keys()].sort(), [...NAMES].sort())
  for (const [index, name] of NAMES.entries()) {
    const {start, size} = members.get(name) ?? {start: 0, size: -1}
    t.is(new TextDecoder().decode(new SlicedSource(source, start, size, name).read(0, size)), CONTENTS[index] ?? '')
  }
})

test('tar reads what we write', t => {
  const {stdout, status, stderr} = spawnSync('tar', ['-tvf', '-', '--quoting-style=literal'], {
    input: whole,
    encoding: 'utf8',
    env: {...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC'},
  })
  t.is(status, 0, stderr)
  const lines = stdout.trimEnd().split('\n')
  t.is(lines.length, NAMES.length + 1, 'one name has two lines')
  t.regex(lines[1] ?? '', /^-rw-r--r-- 0\/0\s+1 1970-01-01 00:00 root\/usr\/lib\/libc\.so\.6$/)
})

test('we read what tar writes', t => {
  const made = spawnSync('sh', ['-c', 'd=$(mktemp -d) && cd $d && echo hello >b && tar -cf - b; rm -r $d'])
  const source = new BytesSource(new Uint8Array(made.stdout), 'b.tar')
  const {start, size} = readTar(source).get('b') ?? {start: 0, size: 0}
  t.is(new TextDecoder().decode(source.read(start, size)), 'hello\n')
})

test('a damaged archive is an error that says where', t => {
  const damaged = Uint8Array.from(whole)
  damaged[512 + 3] = 0x7e
  t.throws(() => readTar(new BytesSource(damaged, 'a.tar')), {message: /a\.tar\+0x200: a damaged header/})
  t.throws(() => readTar(new BytesSource(whole.slice(0, 2200), 'a.tar')), {code: 'truncated'})
})

test('a member of 10 GB has its size in base 256', t => {
  const size = 10 * 1024 ** 3
  const first = writeTar([{name: 'big', size, chunks: () => []}]).next().value as Uint8Array
  // Only the header exists: a source as large as it claims gives zeros behind it.
  const source = {
    name: 'big.tar',
    size: size + 2048,
    read: (offset: number, length: number) => (offset === 0 ? first.slice(0, length) : new Uint8Array(length)),
  }
  t.is(readTar(source).get('big')?.size, size)
})

const RECORD: CrashRecord = {
  handler: 'systemd',
  source: 'attributes',
  name: 'server',
  pid: 7,
  uid: undefined,
  time: '2026-11-27T10:00:00.000Z',
  signal: 11,
  exe: '/bin/server',
  unit: 'server.service',
  container: undefined,
  cgroup: '/system.slice/server.service',
  host: 'node1',
}

const MANIFEST: Omit<PackageManifest, 'format' | 'version'> = {
  tool: {name: 'gotrace-core', version: '1'},
  core: {member: 'core', path: '/cores/core', compression: 'none', program: null, recorded: RECORD},
  modules: [
    {
      path: '/bin/server',
      image: {member: 'root/bin/server', path: '/bin/server', holes: [{start: 4, end: 8}]},
      mismatch: null,
      remedies: ['take care'],
      separate: null,
      supplementary: null,
      split: [],
      packages: [],
    },
  ],
  diagnostics: [],
}

test('a manifest comes back as it was written, and is known by its first bytes', t => {
  const bytes = makeManifest(MANIFEST)
  const {format: _, version: __, ...read} = readManifest(new BytesSource(bytes, 'manifest'))
  t.deepEqual(read, MANIFEST)
  const older = JSON.parse(new TextDecoder().decode(bytes))
  delete older.core.recorded
  const text = new TextEncoder().encode(JSON.stringify(older))
  t.is(readManifest(new BytesSource(text, 'manifest')).core.recorded, null)
  const head = archive([member('gotrace-core.json', 'x')]).slice(0, 32)
  t.true(isPackageHead(head))
  t.false(isPackageHead(whole.slice(0, 32)))
})

test('a manifest that anybody wrote is an error, never a trace', t => {
  const text = new TextDecoder().decode(makeManifest(MANIFEST))
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['"gotrace-core package"', '"other"', /no gotrace-core package/],
    ['"version": 1', '"version": 2', /version 2/],
    ['"core": {', '"kern": {', /no core/],
    ['"start": 4', '"start": -4', /holes\[0\]\.start: no count/],
    ['"compression": "none"', '"compression": "rot13"', /none of the known words/],
    ['"modules": [', '"modules": 7, "x": [', /modules: no list/],
    ['{', '', /JSON/],
  ]
  for (const [from, to, message] of cases) {
    const bytes = new TextEncoder().encode(text.replace(from, to))
    t.throws(() => readManifest(new BytesSource(bytes, 'manifest')), {message}, `${from} → ${to}`)
  }
})

test('a package without a member that its manifest names is an error', t => {
  const manifest = new TextDecoder().decode(makeManifest(MANIFEST))
  const packed = new PackedFiles(new BytesSource(archive([member('gotrace-core.json', manifest)]), 'a.gtc'))
  t.throws(() => packed.member(packed.manifest.core.member, 'core'), {message: /a\.gtc: no member core/})
})
