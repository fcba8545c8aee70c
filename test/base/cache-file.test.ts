import {mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync} from 'node:fs'
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
  write('kind-e', {...ROOMY, bytes: 400})
  t.deepEqual(readdirSync(directory).sort(), ['kind-a', 'kind-b', 'kind-e', 'other-d'])
  // One that is used is the youngest.
  t.is(new CacheFile(directory, 'kind-b', uid).read()?.length, 100)
  write('kind-e', {...ROOMY, files: 2})
  t.deepEqual(readdirSync(directory).sort(), ['kind-b', 'kind-e', 'other-d'])
  age('kind-b', 40)
  write('kind-e', ROOMY)
  t.deepEqual(readdirSync(directory).sort(), ['kind-e', 'other-d'])
})
