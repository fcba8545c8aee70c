import {randomBytes} from 'node:crypto'
import type {IncomingMessage, ServerResponse} from 'node:http'
import {gzipSync} from 'node:zlib'
import test from 'ava'
import {openInput} from '../../src/acquire/core-input.ts'
import {isRemote, RemoteFile, remoteName} from '../../src/acquire/remote-file.ts'
import {parseS3Place} from '../../src/acquire/s3-bucket.ts'
import {Deadline} from '../../src/base/deadline.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {InputError} from '../../src/base/errors.ts'
import {type HttpStub, serveBytes, startHttpStub} from '../support/http-stub.ts'

const CONTENT = new Uint8Array(randomBytes(300_000))
const stubs: HttpStub[] = []
test.after.always(() => {
  for (const stub of stubs) stub.close()
})

async function stub(answer: Parameters<typeof startHttpStub>[0]): Promise<HttpStub> {
  const started = await startHttpStub(answer)
  stubs.push(started)
  return started
}

const whole = (request: IncomingMessage, response: ServerResponse): void => serveBytes(request, response, CONTENT)

async function bytesOf(file: RemoteFile): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const chunk of file.chunks()) parts.push(chunk)
  return new Uint8Array(Buffer.concat(parts))
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  )
  return error instanceof InputError ? `${error.code}: ${error.message}` : String(error)
}

const open = (address: string): Promise<RemoteFile> => RemoteFile.open(address, {environment: {}})

test('a file on a server has a size and a version, and is read in parts and whole', async t => {
  const {url, requests} = await stub(whole)
  const file = await open(`${url}/core`)
  t.deepEqual([file.size, file.version, file.hasRanges], [CONTENT.length, '"one"', true])
  t.deepEqual(await file.read(1000, 5000), CONTENT.slice(1000, 6000))
  t.deepEqual(await file.read(0, 0), new Uint8Array(0))
  t.deepEqual(await bytesOf(file), CONTENT)
  t.deepEqual(requests, ['GET /core bytes=0-0', 'GET /core bytes=1000-5999', 'GET /core'])
})

test('a body that breaks off is taken up where it broke', async t => {
  const {url, requests} = await stub((request, response, count) => {
    if (count !== 2) return whole(request, response)
    response.writeHead(200, {etag: '"one"', 'content-length': CONTENT.length})
    response.write(CONTENT.subarray(0, 100_000), () => response.destroy())
  })
  t.deepEqual(await bytesOf(await open(`${url}/core`)), CONTENT)
  t.is(requests.length, 3)
  const from = Number(/bytes=(\d+)-299999$/.exec(requests[2] ?? '')?.[1])
  t.true(from > 0 && from <= 100_000, requests[2])
})

test('without ranges a broken body is an error, never a short file', async t => {
  const {url} = await stub((_, response) => {
    response.writeHead(200, {'content-length': CONTENT.length})
    response.write(CONTENT.subarray(0, 100_000), () => response.destroy())
  })
  t.regex(await failure(open(`${url}/core`).then(bytesOf)), /^unreachable: /)
})

test('a fault of the server is waited out; what it refuses is told with what it says', async t => {
  const {url, requests} = await stub((request, response, count) => {
    if (request.url === '/gone') response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>')
    else if (request.url === '/secret') response.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>')
    else if (count < 3) response.writeHead(count === 1 ? 503 : 429).end()
    else whole(request, response)
  })
  t.is((await open(`${url}/core`)).size, CONTENT.length)
  t.is(requests.length, 3)
  t.is(await failure(open(`${url}/gone`)), `not-found: ${url}/gone: 404 NoSuchKey`)
  t.is(await failure(open(`${url}/secret`)), `unreadable: ${url}/secret: the server refuses it: 403 AccessDenied`)
})

test('a server that is not there is unreachable', async t => {
  const started = await startHttpStub(whole)
  started.close()
  const address = `${started.url}/core`
  t.regex(await failure(RemoteFile.open(address, {environment: {}})), /^unreachable: .*ECONNREFUSED/)
})

test('a server that breaks off is not asked again where there is no time for it', async t => {
  const askedWithin = async (seconds: number): Promise<number> => {
    const {url, requests} = await stub(request => request.socket.destroy())
    const deadline = new Deadline(seconds, new Diagnostics())
    t.regex(await failure(RemoteFile.open(`${url}/core`, {environment: {}, deadline})), /^unreachable: /)
    return requests.length
  }
  // On a busy machine the time may be over before the server has seen the first request.
  t.true((await askedWithin(0.1)) <= 1)
  t.is(await askedWithin(60), 4)
})

test('a path with a colon is no address, and keeps its name', t => {
  const names = ['core:1234', 'a:b/c', '/var/crash/12:30/core', './core:1']
  t.deepEqual(names.map(remoteName), names)
  t.is(remoteName('https://me:secret@host/core?token=x'), 'https://host/core')
})

test('a file that is replaced while it is read is no file', async t => {
  for (const honours of [true, false]) {
    let tag = '"one"'
    const {url} = await stub((request, response) => {
      if (!honours) request.headers['if-match'] = undefined
      serveBytes(request, response, CONTENT, tag)
    })
    const file = await open(`${url}/core`)
    tag = '"two"'
    t.regex(await failure(bytesOf(file)), /^unreadable: .*it was changed while it was read$/)
    t.regex(await failure(file.read(0, 10)), /^unreadable: .*it was changed while it was read$/)
  }
})

test('a login in an address is for the server alone', async t => {
  const seen: (string | undefined)[] = []
  const {url} = await stub((request, response) => {
    seen.push(request.headers.authorization)
    whole(request, response)
  })
  const {host} = new URL(url)
  const file = await open(`http://me:pass%20word@${host}/core?token=secret`)
  t.is(file.name, `http://${host}/core`)
  t.deepEqual(seen, [`Basic ${Buffer.from('me:pass word').toString('base64')}`])
})

test('a core on a server is opened as a file is, packed or not; one of nothing, or of no core, is refused', async t => {
  const packed = gzipSync(CONTENT)
  const {url} = await stub((request, response) => {
    const path = request.url ?? ''
    serveBytes(request, response, path === '/empty' ? new Uint8Array(0) : path === '/packed' ? packed : CONTENT)
  })
  const options = {diagnostics: new Diagnostics()}
  for (const [name, compression] of [
    ['plain', 'none'],
    ['packed', 'gzip'],
  ]) {
    const input = await openInput(`${url}/${name}`, options)
    t.is(input.compression, compression as 'none')
    t.deepEqual(new Uint8Array(input.source.read(0, input.source.size)), CONTENT)
    input.source.close()
  }
  t.is(await failure(openInput(`${url}/empty`, options)), `not-a-core: ${url}/empty: the file is empty`)
  const checkHead = (): void => {
    throw new InputError('not-a-core', 'not this one', '')
  }
  t.is(await failure(openInput(`${url}/plain`, {...options, checkHead})), 'not-a-core: not this one')
})

test('what is an address, and what of it may be told', t => {
  for (const address of ['s3://b/k', 'http://h/p', 'https://h/p']) t.true(isRemote(address))
  for (const path of ['core', '/s3://b', './https://h/p', 'file:///core', '-']) t.false(isRemote(path))
  t.is(remoteName('https://me:pw@h:81/a/b?X-Amz-Signature=1#f'), 'https://h:81/a/b')
  t.is(remoteName('s3://b/k?x#y'), 's3://b/k?x#y')
  t.deepEqual(parseS3Place('s3://b.1/a/b ?#c'), {bucket: 'b.1', key: 'a/b ?#c'})
  t.deepEqual(parseS3Place('s3://bucket'), {bucket: 'bucket', key: ''})
  for (const text of ['s3://', 's3:///key', 's3://../key']) t.throws(() => parseS3Place(text), {instanceOf: InputError})
})
