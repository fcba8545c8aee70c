import {execFileSync} from 'node:child_process'
import {createHash} from 'node:crypto'
import {mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import test, {type ExecutionContext} from 'ava'
import {SearchPlaces} from '../../src/acquire/search-places.ts'
import {SourceFiles} from '../../src/acquire/source-files.ts'
import {goFolders, SourcePlaces} from '../../src/acquire/source-places.ts'
import {InputError} from '../../src/base/errors.ts'
import type {SourceReport, SourceRequest} from '../../src/report/core-report.ts'

const CORE_TIME = new Date('2026-01-01T12:00:00Z')
const OLD = new Date('2026-01-01T11:00:00Z')
const NEW = new Date('2026-01-01T13:00:00Z')

/** A folder of files of one's own, with a core in it. */
class Workshop {
  readonly root: string

  constructor(t: ExecutionContext) {
    this.root = mkdtempSync(join(tmpdir(), 'source-test-'))
    t.teardown(() => rmSync(this.root, {recursive: true}))
    this.write('core', '', CORE_TIME)
  }

  /** @returns the path */
  write(name: string, text: string, time = OLD): string {
    const path = join(this.root, name)
    mkdirSync(dirname(path), {recursive: true})
    writeFileSync(path, text)
    utimesSync(path, time, time)
    return path
  }

  files(
    folders: readonly string[] = [],
    {sysroots = [], environment = {}}: {sysroots?: string[]; environment?: Record<string, string>} = {},
  ): SourceFiles {
    const places = new SourcePlaces(new SearchPlaces({sysroots}), goFolders(environment), folders)
    return new SourceFiles({places, servers: undefined, modules: [], corePath: join(this.root, 'core'), around: 1})
  }
}

function request(file: string, line: number, more: Partial<SourceRequest> = {}): SourceRequest {
  return {file, line, module: null, md5: undefined, standard: undefined, goVersion: undefined, ...more}
}

const NOTHING: SourceReport = {state: 'not-found', file: null, origin: null, start: null, lines: []}

const numbered = (count: number): string => Array.from({length: count}, (_, index) => `line ${index + 1}\n`).join('')

test('the lines around one are read at the path that the compiler knew', t => {
  const shop = new Workshop(t)
  const file = shop.write('app/main.go', numbered(5))
  const whole = {state: 'found', file, origin: 'path'} as const
  const files = shop.files()
  t.deepEqual(files.read(request(file, 3)), {...whole, start: 2, lines: ['line 2', 'line 3', 'line 4']})
  t.deepEqual(files.read(request(file, 1)), {...whole, start: 1, lines: ['line 1', 'line 2']})
  t.deepEqual(files.read(request(file, 5)), {...whole, start: 4, lines: ['line 4', 'line 5']})
})

test('a file that was written to after the core is marked, one that is too short is another', t => {
  const shop = new Workshop(t)
  const newer = shop.write('newer.c', numbered(3), NEW)
  const short = shop.write('short.c', numbered(3))
  const files = shop.files()
  t.is(files.read(request(newer, 2)).state, 'newer')
  t.deepEqual(files.read(request(short, 4)), {state: 'mismatch', file: short, origin: 'path', start: null, lines: []})
})

test('the digest of the compiler decides, whatever the time', t => {
  const shop = new Workshop(t)
  const file = shop.write('a.c', 'int a;\n', NEW)
  const md5 = createHash('md5').update('int a;\n').digest('hex')
  const files = shop.files()
  t.is(files.read(request(file, 1, {md5})).state, 'found')
  const asNumber = md5.match(/../g)?.reverse().join('')
  t.is(files.read(request(file, 1, {md5: asNumber})).state, 'found', 'as gas writes it')
  t.is(files.read(request(file, 1, {md5: md5.replaceAll(/./g, '0')})).state, 'mismatch')
})

test('a file of the right content is preferred to one that may be another', t => {
  const shop = new Workshop(t)
  const recorded = shop.write('build/app/main.go', 'new\n', NEW)
  const copy = shop.write('copy/app/main.go', 'old\n')
  const source = shop.files([join(shop.root, 'copy')]).read(request(recorded, 1))
  t.deepEqual(source, {state: 'found', file: copy, origin: 'source-dir', start: 1, lines: ['old']})
})

test('a folder may stand for the one in which the program was built, or be searched for the longest end', t => {
  const shop = new Workshop(t)
  const [inner, outer] = [shop.write('src/lib/a.c', 'inner\n'), shop.write('src/a.c', 'outer\n')]
  const src = join(shop.root, 'src')
  const read = (folder: string, file: string) => shop.files([folder]).read(request(file, 1)).file
  t.is(read(`/build=${src}`, '/build/lib/a.c'), inner)
  t.is(read(`/build/=${src}/`, '/build/a.c'), outer)
  t.is(read(`/build=${src}`, '/builder/a.c'), null, 'a folder is whole words of a path')
  t.is(read(`/build=${src}`, '/build/../../a.c'), outer, 'no name leads out of the folder')
  t.is(read(`example.org/app=${src}`, 'example.org/app/lib/a.c'), inner, '-trimpath')
  t.is(read(`example.org/app=${src}`, '/_/example.org/app/lib/a.c'), inner, 'C under -trimpath')
  t.is(read(src, '/other/lib/a.c'), inner)
  t.is(read(src, '/other/place/a.c'), outer)
  t.is(read(src, '/other/b.c'), null)
})

test('a folder that is none is a slip of the user', t => {
  const shop = new Workshop(t)
  const odd = join(shop.root, 'a=b')
  mkdirSync(odd)
  t.notThrows(() => shop.files([odd]))
  for (const folder of ['/build=/missing', '/missing', '=/tmp', '/build=']) {
    t.throws(() => shop.files([folder]), {instanceOf: InputError}, folder)
  }
})

test('the module cache is used by module and version, with capitals as it writes them', t => {
  const shop = new Workshop(t)
  const cached = shop.write('mod/github.com/!burnt/toml@v1.2.3/decode.go', 'x\n', NEW)
  const environment = {GOMODCACHE: join(shop.root, 'mod')}
  const expected = {state: 'found', file: cached, origin: 'module-cache', start: 1, lines: ['x']}
  const files = shop.files([], {environment})
  t.deepEqual(files.read(request('github.com/Burnt/toml@v1.2.3/decode.go', 1)), expected)
  t.deepEqual(files.read(request('/home/ci/go/pkg/mod/github.com/!burnt/toml@v1.2.3/decode.go', 1)), expected)
  t.deepEqual(files.read(request('github.com/Burnt/toml@v1.2.4/decode.go', 1)), NOTHING)
})

test('of the standard library the release must be the same', t => {
  const shop = new Workshop(t)
  shop.write('go/VERSION', 'go1.24.2\ntime 2025-03-26T19:09:39Z\n')
  const file = shop.write('go/src/net/http/server.go', 'x\n', NEW)
  const standard = {standard: 'net/http/server.go', goVersion: 'go1.24.2'}
  const files = shop.files([], {environment: {GOROOT: join(shop.root, 'go')}})
  t.like(files.read(request('net/http/server.go', 1, standard)), {state: 'found', file, origin: 'goroot'})
  t.like(files.read(request(file, 1, standard)), {state: 'found', file, origin: 'path'})
  t.like(files.read(request(file, 1, {...standard, goVersion: 'go1.24.3'})), {state: 'mismatch', file})
  const unknown = {...standard, goVersion: undefined}
  t.like(files.read(request('net/http/server.go', 1, unknown)), {state: 'mismatch', file, origin: 'goroot'})
})

test('a downloaded toolchain in the module cache is such a copy', t => {
  const shop = new Workshop(t)
  const root = 'gopath/pkg/mod/golang.org/toolchain@v0.0.1-go1.24.2.linux-amd64'
  shop.write(`${root}/VERSION`, 'go1.24.2\n')
  const file = shop.write(`${root}/src/fmt/print.go`, 'x\n')
  const files = shop.files([], {environment: {GOPATH: join(shop.root, 'gopath')}})
  const standard = {standard: 'fmt/print.go', goVersion: 'go1.24.2'}
  t.like(files.read(request('/usr/local/lib/nowhere/src/fmt/print.go', 1, standard)), {state: 'found', file})
})

test('with a sysroot no file of this machine is read', t => {
  const shop = new Workshop(t)
  const here = shop.write('here/a.c', 'here\n')
  const there = shop.write(`root${here}`, 'there\n')
  shop.write('mod/example.org/a@v1.0.0/a.go', 'x\n')
  symlinkSync('/', join(shop.root, 'root/out'))
  const sysroots = [join(shop.root, 'root')]
  const files = shop.files([], {sysroots, environment: {GOMODCACHE: join(shop.root, 'mod')}})
  t.like(files.read(request(here, 1)), {file: there, lines: ['there']})
  t.deepEqual(files.read(request('example.org/a@v1.0.0/a.go', 1)), NOTHING)
  t.like(files.read(request(`/out${here}`, 1)), {file: there}, 'links stay below it')
})

test('what is no source is not opened, nor what would be waited for', t => {
  const shop = new Workshop(t)
  const secret = shop.write('shadow', 'root:x\n')
  const fifo = join(shop.root, 'fifo.c')
  execFileSync('mkfifo', [fifo])
  const files = shop.files([shop.root])
  for (const file of [secret, fifo, shop.root, '/proc/self/environ', 'nul\0.c', `${'a'.repeat(5000)}.c`, '..', '']) {
    t.deepEqual(files.read(request(file, 1)), NOTHING, file)
  }
})

test('a long line is cut with a mark, and bytes that are no text are replaced', t => {
  const shop = new Workshop(t)
  const file = shop.write('long.c', `${'x'.repeat(1000)}\r\nsecond\r\n`)
  const {lines} = shop.files().read(request(file, 1))
  t.deepEqual(lines, [`${'x'.repeat(400)}…[600 characters more]`, 'second'])
  const odd = join(shop.root, 'odd.c')
  writeFileSync(odd, Uint8Array.of(0x61, 0xff, 0x1b, 0x0a))
  t.deepEqual(shop.files().read(request(odd, 1)).lines, ['a\ufffd\u001b'])
})
