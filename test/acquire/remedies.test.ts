// What would bring the names of a module: the commands of the distribution that its files tell of, none guessed.
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import test from 'ava'
import {FileTree} from '../../src/acquire/file-tree.ts'
import {findDpkgPackage, parsePackageNote, readDistribution} from '../../src/acquire/packaging.ts'
import {Remedies, shellWord} from '../../src/acquire/remedies.ts'
import {SearchPlaces} from '../../src/acquire/search-places.ts'
import {type DebugFiles, Module} from '../../src/elf/module.ts'

const root = mkdtempSync(join(tmpdir(), 'gotrace-remedies-'))
test.after.always(() => rmSync(root, {recursive: true}))

/** A machine's files: names with their texts. */
function machine(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(root, name)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), {recursive: true})
    writeFileSync(join(folder, path), text)
  }
  return folder
}

const LIBC = '/usr/lib/x86_64-linux-gnu/libc.so.6'
const BUILD_ID = '93ac61ec5a8eb1396f9fbd350e3169a558528a40'
const debian = machine('debian', {
  'etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
  'var/lib/dpkg/info/base-files.list': '/.\n/etc\n',
  'var/lib/dpkg/info/libc6:amd64.list': '/.\n/lib/x86_64-linux-gnu/libc.so.6\n',
  'var/lib/dpkg/info/libsqlite3-0:amd64.list': '/.\n/usr/lib/x86_64-linux-gnu/libsqlite3.so.0.8.6\n',
  [LIBC]: '',
  'usr/lib/x86_64-linux-gnu/libsqlite3.so.0.8.6': '',
})

function moduleAt(path: string, sysroot: string | undefined, buildId: string | undefined = BUILD_ID): Module {
  const imagePath = sysroot === undefined ? undefined : join(sysroot, path)
  const image = sysroot === undefined ? undefined : ({packageNote: undefined} as never)
  const place = {start: 0x1000 as never, end: 0x2000 as never, loadBias: 0}
  return new Module({...place, path, buildIds: {gnu: buildId, go: undefined}, image, imageOrigin: 'file', imagePath})
}

function remediesFor(module: Module, sysroot: string, servers: readonly string[] = []): string[] {
  const invocation = {corePath: '/tmp/a core', exe: 'server', sysroots: [sysroot], servers}
  return new Remedies(invocation, new SearchPlaces({sysroots: [sysroot]})).of(module)
}

test('a library of the distribution: its server, its package, then a debug file by hand', t => {
  t.deepEqual(remediesFor(moduleAt(LIBC, debian), debian), [
    `DEBUGINFOD_URLS=https://debuginfod.debian.net gotrace-core analyze '/tmp/a core' -e server --sysroot ${debian}`,
    'apt install libc6-dbg (on the machine of the sysroot)',
    `add --debug-dir DIR, with the debug file of libc.so.6 as DIR/.build-id/93/${BUILD_ID.slice(2)}.debug`,
  ])
  const sqlite = remediesFor(moduleAt('/usr/lib/x86_64-linux-gnu/libsqlite3.so.0.8.6', debian), debian)
  t.true(sqlite.includes('apt install libsqlite3-0-dbgsym (on the machine of the sysroot)'))
})

test('a library of Alpine: the package that apk knows it by', t => {
  const alpine = machine('alpine', {
    'etc/os-release': 'ID=alpine\n',
    'lib/apk/db/installed':
      'P:busybox\nF:bin\nR:busybox\n\nP:musl\nV:1.2.5\nF:lib\nR:ld-musl-x86_64.so.1\nZ:Q1x\nF:usr/lib\nR:libc.so\n',
    'lib/ld-musl-x86_64.so.1': '',
    'usr/lib/libmine.so': '',
  })
  const install = (path: string) => remediesFor(moduleAt(path, alpine), alpine).filter(each => each.startsWith('apk'))
  t.deepEqual(install('/lib/ld-musl-x86_64.so.1'), ['apk add musl-dbg (on the machine of the sysroot)'])
  t.deepEqual(install('/usr/lib/libmine.so'), [])
})

test('a server that was asked is not advised again', t => {
  const [first] = remediesFor(moduleAt(LIBC, debian), debian, ['https://debuginfod.debian.net/'])
  t.is(first, 'apt install libc6-dbg (on the machine of the sysroot)')
})

test("the program's own code has no package: the debug file that its build made", t => {
  const own = machine('own', {'srv/app/libown.so': ''})
  t.deepEqual(remediesFor(moduleAt('/srv/app/libown.so', own), own), [
    `add --debug-dir DIR, with the debug file of libown.so as DIR/.build-id/93/${BUILD_ID.slice(2)}.debug`,
  ])
  const place = {start: 0x1000 as never, end: 0x2000 as never, loadBias: 0}
  const lost = new Module({...place, path: '/srv/app/server', isExecutable: true})
  t.deepEqual(remediesFor(lost, own), [`gotrace-core analyze '/tmp/a core' -e server --sysroot ${own} --exe server`])
})

test('where all debug information is here, no search for more is advised: the build alone could add to it', t => {
  const own = machine('own', {'srv/app/libown.so': ''})
  const whole = (path: string, root: string) => {
    const {start, end, image, imagePath} = moduleAt(path, root)
    const debug = {hasInfo: true} as DebugFiles
    return new Module({path, start, end, loadBias: 0, image, imageOrigin: 'file', imagePath, debug})
  }
  t.deepEqual(remediesFor(whole('/srv/app/libown.so', own), own), [
    'build all of libown.so with -g: what is linked into it too',
  ])
  t.deepEqual(remediesFor(whole(LIBC, debian), debian), [])
})

test('a file that dpkg knows by its other name is found, one that it does not know is not', t => {
  const tree = new FileTree(debian, 'contained')
  t.is(findDpkgPackage(tree, LIBC)?.name, 'libc6')
  t.is(findDpkgPackage(tree, '/usr/lib/x86_64-linux-gnu/libc.so'), undefined)
  t.is(findDpkgPackage(new FileTree(machine('bare', {'etc/x': ''}), 'contained'), LIBC), undefined)
})

test('what a file says of its package is believed only as far as a shell cannot be misled', t => {
  const note = {type: 'deb', os: 'debian', name: 'hello', debugInfoUrl: 'https://debuginfod.debian.net'}
  t.like(parsePackageNote(JSON.stringify(note)), {name: 'hello', debugInfoUrl: note.debugInfoUrl})
  t.is(parsePackageNote(JSON.stringify({...note, name: 'x; rm -rf ~'})), undefined)
  t.is(parsePackageNote(JSON.stringify({...note, debugInfoUrl: 'https://x/$(id)'}))?.debugInfoUrl, undefined)
  for (const text of ['', 'null', '[]', '{', '{"name": 7}']) t.is(parsePackageNote(text), undefined)
})

test('os-release is read as shells read it; a machine without one is none', t => {
  const tree = (name: string, text: string) => new FileTree(machine(name, {'etc/os-release': text}), 'contained')
  t.deepEqual(readDistribution(tree('mint', 'NAME=x\nID="linuxmint"\nID_LIKE="ubuntu debian"\n')), {
    id: 'linuxmint',
    like: ['ubuntu', 'debian'],
  })
  t.is(readDistribution(tree('empty', '')), undefined)
})

test('names stand in a command as one word', t => {
  t.is(shellWord('core.1234'), 'core.1234')
  t.is(shellWord("it's $(id)"), "'it'\\''s $(id)'")
})
