import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {CacheFile, type CacheLimits} from '../../src/base/cache-file.ts'

const uid = process.geteuid?.() ?? 0
const ROOMY: CacheLimits = {days: 30, files: 100, bytes: 1e6}

test('of one kind so much is kept as the limits say, and what was used last is kept longest', t => {
  const directory = `${mkdtempSync(join(tmpdir(), 'gotrace-cache-file-'))}/`
  t.teardown(() => rmSync(directory, {recursive: true}))
  const write = (name: string, limits: CacheLimits = ROOMY): void =>
    new CacheFile(directory, name, uid).replace([new Uint8Array(100)], 'kind-', limits)
  const age = (name: string, days: number): void => {
    const then = Date.now() / 1000 - days * 24 * 3600
    utimesSync(directory + name, then, then)
  }
  for (const [days, name] of ['kind-a', 'kind-b', 'kind-c', 'other-d'].entries()) {
    write(name)
    age(name, days + 2)
  }
  writeFileSync(`${directory}kind-x.1.tmp`, '')
  age('kind-x.1.tmp', 1)
  write('kind-e')
  t.deepEqual(readdirSync(directory).sort(), ['kind-a', 'kind-b', 'kind-c', 'kind-e', 'other-d'])
  write('kind-e', {...ROOMY, bytes: 800})
  t.deepEqual(readdirSync(directory).sort(), ['kind-a', 'kind-b', 'kind-e', 'other-d'])
  // One that is used is the youngest.
  t.is(new CacheFile(directory, 'kind-b', uid).read()?.length, 100)
  write('kind-e', {...ROOMY, files: 2})
  t.deepEqual(readdirSync(directory).sort(), ['kind-b', 'kind-e', 'other-d'])
  age('kind-b', 40)
  write('kind-e', ROOMY)
  t.deepEqual(readdirSync(directory).sort(), ['kind-e', 'other-d'])
})

test('what was damaged anywhere, cut or given another name is not there', t => {
  const directory = `${mkdtempSync(join(tmpdir(), 'gotrace-cache-file-'))}/`
  t.teardown(() => rmSync(directory, {recursive: true}))
  const read = (name = 'kind-a'): Uint8Array | undefined => new CacheFile(directory, name, uid).read()
  const path = `${directory}kind-a`
  const data = Uint8Array.from({length: 301}, (_, index) => index * 7)
  new CacheFile(directory, 'kind-a', uid).replace([data.subarray(0, 100), data.subarray(100)], 'kind-', ROOMY)
  t.deepEqual(Uint8Array.from(read() ?? []), data)
  const whole = readFileSync(path)
  for (const at of whole.keys()) {
    const damaged = Uint8Array.from(whole)
    damaged[at] = (damaged[at] as number) ^ 0x10
    writeFileSync(path, damaged)
    t.is(read(), undefined, `byte ${at}`)
  }
  for (const length of [0, 7, 8, 9, 20, whole.length / 2, whole.length - 2, whole.length - 1]) {
    writeFileSync(path, whole)
    truncateSync(path, length)
    t.is(read(), undefined, `${length} bytes`)
  }
  writeFileSync(path, whole)
  t.is(read()?.length, data.length)
  copyFileSync(path, `${directory}kind-b`)
  t.is(read('kind-b'), undefined)
})
