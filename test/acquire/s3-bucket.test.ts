// Objects of S3 from a server that checks the signature of every request, as AWS does.
import test from 'ava'
import {S3Server} from '../../lab/s3-server.ts'
import {RemoteFile} from '../../src/acquire/remote-file.ts'
import {S3Bucket} from '../../src/acquire/s3-bucket.ts'

const KEYS = ['plain', 'with space', "plus+and=more~'()*", 'ä/ö']

test('what fetch adds to a request does not break its signature: whole, in parts, and by an address that stands', async t => {
  const server = await S3Server.start()
  t.teardown(() => server.close())
  const {environment} = server
  const bucket = await S3Bucket.open('lab', environment)
  for (const key of KEYS) {
    const bytes = Uint8Array.from({length: 100}, (_, index) => index)
    server.objects.set(`/lab/${key}`, bytes)
    const file = await RemoteFile.open(`s3://lab/${key}`, {environment})
    t.is(file.size, 100, key)
    t.deepEqual([...(await file.read(10, 5))], [10, 11, 12, 13, 14], key)
    const whole: number[] = []
    for await (const chunk of file.chunks()) whole.push(...chunk)
    t.deepEqual(whole, [...bytes], key)
    const {url} = await bucket.standingRequest(key)
    const part = await fetch(url, {headers: {range: 'bytes=98-'}})
    t.deepEqual([part.status, [...new Uint8Array(await part.arrayBuffer())]], [206, [98, 99]], key)
    const put = await fetch(await bucket.request(key, {method: 'PUT', body: 'new', headers: {'content-type': 'a/b'}}))
    t.deepEqual([put.status, server.objects.get(`/lab/${key}`)?.length], [200, 3], key)
  }
  const other = {...environment, AWS_SECRET_ACCESS_KEY: 'wrong'}
  await t.throwsAsync(RemoteFile.open('s3://lab/plain', {environment: other}), {message: /403 .*SignatureDoesNotMatch/})
})
