import {once} from 'node:events'
import {Worker} from 'node:worker_threads'
import test from 'ava'
import {openInput} from '../../src/acquire/core-input.ts'
import {RangedSource} from '../../src/acquire/ranged-source.ts'
import {RemoteFile} from '../../src/acquire/remote-file.ts'
import {Deadline} from '../../src/base/deadline.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {InputError, TruncatedFileError} from '../../src/base/errors.ts'

const SIZE = 40 * 1024 * 1024 + 123
const MIB = 1024 * 1024
/** Each 32-bit word says where it lies. */
const SERVER = `
const {parentPort, workerData: size} = require('node:worker_threads')
const words = new Uint32Array(Math.ceil(size / 4)).map((_, index) => index)
const bytes = new Uint8Array(words.buffer, 0, size)
let served = 0
let versions = 0
const asked = []
const server = require('node:http').createServer(({url, headers}, response) => {
  if (url === '/asked') return response.end(JSON.stringify(asked.splice(0)))
  const [, from, to] = /^bytes=(\\d+)-(\\d+)$/.exec(headers.range ?? '') ?? []
  const [start, end] = from === undefined ? [0, size] : [Number(from), Math.min(Number(to) + 1, size)]
  asked.push(end - start)
  served++
  if (url === '/silent' && served > 1) return
  if (url === '/fails' && served % 2 === 0) return response.writeHead(503).end()
  const etag = url === '/changes' ? '"' + versions++ + '"' : '"one"'
  const range = 'bytes ' + start + '-' + (end - 1) + '/' + size
  response.writeHead(206, {etag, 'content-range': range, 'content-length': end - start}).end(bytes.subarray(start, end))
}).listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

/** The server has a thread of its own, for the one that reads waits without an event loop. */
async function serve(): Promise<{url: string; asked(): Promise<number[]>; close(): void}> {
  const worker = new Worker(SERVER, {eval: true, execArgv: [], workerData: SIZE})
  const [port] = await once(worker, 'message')
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    asked: async () => (await (await fetch(`${url}/asked`)).json()) as number[],
    close: () => void worker.terminate(),
  }
}

async function open(address: string, deadline?: Deadline): Promise<RangedSource> {
  const source = await RangedSource.open(await RemoteFile.open(address, {environment: {}}), deadline)
  if (!source) throw new Error('no ranges')
  return source
}

function wordAt(source: RangedSource, offset: number): number {
  const bytes = source.read(offset, 4)
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true)
}

test('what is read is fetched, once, and more at a time where it is read on', async t => {
  const server = await serve()
  try {
    const source = await open(`${server.url}/core`)
    t.deepEqual(await server.asked(), [1])
    for (const word of [5 * MIB, 100, 5 * MIB + 1, 101]) t.is(wordAt(source, word * 4), word)
    t.deepEqual(await server.asked(), [262_144, 262_144])
    const whole = new Uint8Array(SIZE + 1)
    for (let at = 0; at < SIZE; at += MIB) whole.set(source.read(at, Math.min(MIB, SIZE - at)), at)
    const words = new Uint32Array(whole.buffer, 0, Math.floor(SIZE / 4))
    t.true(words.every((word, index) => word === index))
    const parts = await server.asked()
    t.true(parts.length < 25 && parts.includes(4 * MIB), String(parts))
    t.is(source.read(SIZE, 0).length, 0)
    t.throws(() => source.read(SIZE - 3, 4), {instanceOf: TruncatedFileError})
    source.close()
  } finally {
    server.close()
  }
})

test('a fault of the server is waited out, another version is refused', async t => {
  const server = await serve()
  try {
    const source = await open(`${server.url}/fails`)
    for (const word of [0, 2 * MIB, 4 * MIB]) t.is(wordAt(source, word * 4), word)
    source.close()
    const changing = await open(`${server.url}/changes`)
    t.throws(() => changing.read(0, 4), {instanceOf: InputError, message: /it was changed while it was read/})
    changing.close()
  } finally {
    server.close()
  }
})

test('what does not come in time is missing, and told', async t => {
  const server = await serve()
  try {
    const diagnostics = new Diagnostics()
    const source = await open(`${server.url}/silent`, new Deadline(0.5, diagnostics))
    t.throws(() => source.read(0, 4), {instanceOf: TruncatedFileError})
    t.deepEqual(
      diagnostics.list().map(({code}) => code),
      ['timeout'],
    )
    source.close()
  } finally {
    server.close()
  }
})

test('a large core is read where it lies, if its head is that of one', async t => {
  const server = await serve()
  try {
    const {source, compression} = await openInput(`${server.url}/core`, {diagnostics: new Diagnostics()})
    t.true(source instanceof RangedSource)
    t.is(compression, 'none')
    source.close()
    const checkHead = (): void => {
      throw new InputError('not-a-core', 'no core', '')
    }
    await t.throwsAsync(openInput(`${server.url}/core`, {diagnostics: new Diagnostics(), checkHead}), {
      message: 'no core',
    })
    t.deepEqual(await server.asked(), [1, 64, 1, 64])
  } finally {
    server.close()
  }
})
