// A signal in the middle of a fetch ends the program at once, and leaves nothing half fetched where others look.
import {type ChildProcess, spawn} from 'node:child_process'
import {mkdtempSync, readdirSync, rmSync} from 'node:fs'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'

const fixture = await openFixture('cfault-segv-go1.27')
const entry = join(dirname(fileURLToPath(import.meta.url)), '../../bin/run.cjs')
const directory = mkdtempSync(join(tmpdir(), 'gotrace-fetch-'))
const empty = mkdtempSync(join(directory, 'sysroot-'))

/** Begins to send an ELF file, and never ends. */
const server = createServer((_, response) => {
  response.writeHead(200)
  response.write(Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(200_000)]))
})
await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
test.after.always(() => {
  server.closeAllConnections()
  server.close()
  rmSync(directory, {recursive: true, force: true})
})

const partsIn = (cache: string): string[] =>
  (readdirSync(cache, {recursive: true}) as string[]).filter(name => /(executable|debuginfo)/.test(name))

async function start(args: readonly string[], cache: string): Promise<ChildProcess> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const env = {...process.env, DEBUGINFOD_CACHE_PATH: cache}
  const search = ['--sysroot', empty, '--debuginfod', url]
  const child = spawn(process.execPath, [entry, ...args, fixture.core, ...search], {env, stdio: 'ignore'})
  while (child.exitCode === null && partsIn(cache).length === 0) await new Promise(done => setTimeout(done, 10))
  return child
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} in the middle of a fetch`, async t => {
    const cache = mkdtempSync(join(directory, 'cache-'))
    const child = await start(['info'], cache)
    t.is(partsIn(cache).length, 1)
    const ended = new Promise(done => child.once('exit', (_code, by) => done(by)))
    child.kill(signal)
    t.is(await ended, signal)
    t.deepEqual(partsIn(cache), [])
  })
}

test('SIGTERM to batch, whose process is in the middle of a fetch', async t => {
  const cache = mkdtempSync(join(directory, 'cache-'))
  const child = await start(['batch'], cache)
  const ended = new Promise(done => child.once('exit', code => done(code)))
  child.kill('SIGTERM')
  t.is(await ended, 143)
  for (let tries = 0; tries < 2000 && partsIn(cache).length > 0; tries++)
    await new Promise(done => setTimeout(done, 50))
  t.deepEqual(partsIn(cache), [])
})
