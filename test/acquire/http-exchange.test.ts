import {type AddressInfo, createServer} from 'node:net'
import test from 'ava'
import {exchange} from '../../src/acquire/http-exchange.ts'
import {InputError} from '../../src/base/errors.ts'

test('a body whose encoding is damaged ends with an error, whatever fetch makes of it', async t => {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n')
      socket.end(Buffer.from('\u001f\u008b\u0008garbage'.repeat(100), 'latin1'))
    })
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const read = async (): Promise<void> => {
    const {chunks} = await exchange('a file', async () => new Request(url), {timeoutSeconds: 1})
    for await (const chunk of chunks()) t.true(chunk.length > 0)
  }
  await t.throwsAsync(read(), {instanceOf: InputError, message: /^a file: /})
})
