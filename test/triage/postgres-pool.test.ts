// A server of PostgreSQL that goes away at the wrong moment; one that answers as little as it can stands in.
import {once} from 'node:events'
import {type AddressInfo, createServer, type Server, type Socket} from 'node:net'
import test from 'ava'
import {InputError} from '../../src/base/errors.ts'
import {PostgresPool} from '../../src/triage/store/postgres.ts'
import {isPassing} from '../../src/triage/store/postgres-errors.ts'

/** A message of the protocol (PostgreSQL manual, "Message Formats"): its letter, its length with that, the rest. */
function message(letter: string, ...rest: readonly (string | number[])[]): Buffer {
  const body = Buffer.concat(rest.map(each => Buffer.from(each as string)))
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from(letter), length, body])
}

const WELCOME = Buffer.concat([message('R', [0, 0, 0, 0]), message('Z', 'I')])
const DONE = Buffer.concat([message('C', 'BEGIN\0'), message('Z', 'T')])

/** Answers each message as if it were done. */
async function serve(onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer(socket => {
    onSocket(socket)
    let isStarted = false
    socket.on('data', () => {
      socket.write(isStarted ? DONE : WELCOME)
      isStarted = true
    })
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

test('a connection that breaks between two statements of a transaction fails that, not the process', async t => {
  const sockets: Socket[] = []
  const server = await serve(socket => sockets.push(socket))
  const {port} = server.address() as AddressInfo
  const pool = new PostgresPool(`postgres://u@127.0.0.1:${port}/d`, {size: 1, access: 'write', settings: 'SET x = 1'})
  const isBroken = (): Promise<unknown> =>
    pool.transaction(async connection => {
      const [socket] = sockets.splice(0)
      if (!socket) throw new Error('there is no connection')
      socket.destroy()
      await once(socket, 'close')
      await connection.query('SELECT 1')
    })
  const error = await t.throwsAsync(isBroken)
  t.true(isPassing(error), error?.message)
  t.is(await pool.transaction(async () => 'the next one has another connection'), 'the next one has another connection')
  await pool.close()
  server.close()
})

test('a server that takes statements and never answers is given up, in a transaction too', async t => {
  const server = createServer(socket => {
    socket.once('data', () => socket.write(WELCOME))
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const {port} = server.address() as AddressInfo
  const options = {size: 1, access: 'read', settings: 'SET x = 1', answerMs: 50} as const
  for (const ask of [
    (pool: PostgresPool) => pool.query('SELECT 1'),
    (pool: PostgresPool) => pool.transaction(connection => connection.query('SELECT 1')),
  ]) {
    const pool = new PostgresPool(`postgres://u@127.0.0.1:${port}/d`, options)
    const error = await t.throwsAsync(ask(pool), {instanceOf: InputError})
    t.is(error?.code, 'unreachable')
    await pool.close()
  }
  server.close()
})
